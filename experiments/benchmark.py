"""``bohb-study bench`` as a script: ``python experiments/benchmark.py engine --help``."""

from bohb_study.cli.entry import script

if __name__ == "__main__":
    script("bench")
