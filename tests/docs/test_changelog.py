"""The changelog names all that is called otherwise now, as long as the former name is taken."""

from bohb_study.cli.flags import FORMER_FLAGS
from bohb_study.methods import RENAMED_METHODS
from bohb_study.study.config import FORMER_NAMES
from paper_figures.registry import RENAMED
from repository import ROOT

TEXT = (ROOT / "CHANGELOG.md").read_text()


def test_former_names_are_listed_with_the_present_ones() -> None:
    missing = [
        line
        for line in (
            *(f"| `{former}` | `{now}` |" for former, now in FORMER_FLAGS.items()),
            *(f"| method `{former}` | `{now}` |" for former, now in RENAMED_METHODS.items()),
            *(f"| figure `{former}` | `{now}` |" for former, now in RENAMED.items()),
        )
        if line not in TEXT
    ]
    assert not missing
    former, now = (
        ", ".join(f"{name}=" for name in names) for names in (FORMER_NAMES, FORMER_NAMES.values())
    )
    assert f"| `StudyConfig({former})` | `StudyConfig({now})` |" in TEXT
