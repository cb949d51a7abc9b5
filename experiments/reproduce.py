"""``bohb-study reproduce`` as a script: ``python experiments/reproduce.py --help``."""

from bohb_study.cli.entry import script

if __name__ == "__main__":
    script("reproduce")
