"""``bohb-study characters`` as a script: ``python experiments/characters.py --help``."""

from bohb_study.cli.entry import script

if __name__ == "__main__":
    script("characters")
