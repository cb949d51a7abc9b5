"""``python -m bohb_study``: the installed command by another name."""

from bohb_study.cli.entry import run

if __name__ == "__main__":
    run()
