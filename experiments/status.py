"""``bohb-study status`` as a script: ``python experiments/status.py --help``."""

from bohb_study.cli.entry import script

if __name__ == "__main__":
    script("status")
