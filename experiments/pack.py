"""``bohb-study pack`` as a script: ``python experiments/pack.py --help``."""

from bohb_study.cli.entry import script

if __name__ == "__main__":
    script("pack")
