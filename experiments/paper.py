"""``bohb-study paper`` as a script: ``python experiments/paper.py --help``."""

from bohb_study.cli.entry import script

if __name__ == "__main__":
    script("paper")
