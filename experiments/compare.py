"""``bohb-study compare`` as a script: ``python experiments/compare.py --help``."""

from bohb_study.cli.entry import script

if __name__ == "__main__":
    script("compare")
