"""``python -m paper_figures``: the same as ``bohb-study figures``."""

from bohb_study.cli.entry import script

if __name__ == "__main__":
    script("figures")
