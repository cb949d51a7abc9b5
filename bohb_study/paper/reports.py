"""Which claims are made from which packed studies, and where they are written."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bohb_study.errors import StudyError
from bohb_study.paper.ablations import ablations_report
from bohb_study.paper.claims import ClaimsReport, claims_table
from bohb_study.paper.counting_ones import counting_ones_report
from bohb_study.paper.dehb import dehb_report
from bohb_study.paper.fcnet import fcnet_report
from bohb_study.paper.studies import paper_studies
from bohb_study.store import load_study
from bohb_study.store.files import json_bytes, replace_files

CLAIMS = "claims"
"""Stem of the files, beside the packed study that the group is named after."""
BEGIN, END = "<!-- claims: written by experiments/paper.py --claims -->", "<!-- end of claims -->"
"""Between these lines of the README stands what ``readme_section`` gives."""


@dataclass(frozen=True)
class Written:
    """A report and the files that hold it."""

    report: ClaimsReport
    files: tuple[Path, Path]


REPORTS: Mapping[str, Callable[..., ClaimsReport]] = {
    "counting-ones": counting_ones_report,
    "dehb": dehb_report,
    "fcnet": fcnet_report,
    "ablations": ablations_report,
}
"""Group of studies -> what is claimed of them, from their packed forms in the order of STUDIES."""


def write_report(group: str, paper: Path) -> Written | None:
    """Compute a group's claims from its packed studies, and write claims.md and claims.json.

    Args:
        group: a name in ``paper_studies``.
        paper: the folder of all packed studies.

    Returns:
        What was written; None where nothing is claimed, or not all of its studies are packed.

    Raises:
        StudyError: a packed study cannot be used.
    """
    folders = [paper / study.name for study in paper_studies(group)]
    if group not in REPORTS or not all((folder / "study.json").exists() for folder in folders):
        return None
    report = REPORTS[group](*(load_study(folder) for folder in folders))
    stem = paper / group / CLAIMS
    markdown, json = stem.with_suffix(".md"), stem.with_suffix(".json")
    replace_files({markdown: report.markdown().encode(), json: json_bytes(report.to_json())})
    return Written(report, (markdown, json))


def readme_section(reports: Iterable[ClaimsReport]) -> str:
    """All claims as one table, and the tables of groups that claim nothing."""
    reports = list(reports)
    claims = claims_table([c for r in reports for c in r.claims], "Claim by claim:")
    tables = [table for report in reports if not report.claims for table in report.tables]
    return "\n\n".join([claims.markdown(), *(table.markdown() for table in tables)])


def update_readme(readme: Path, reports: Iterable[ClaimsReport]) -> None:
    """Put ``readme_section`` between its two lines.

    Raises:
        StudyError: the lines are not there.
    """
    text = readme.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise StudyError(f"{readme}: lacks the lines {BEGIN} and {END}")
    section = f"{BEGIN}\n\n{readme_section(reports)}\n\n{END}"
    pattern = re.escape(BEGIN) + ".*" + re.escape(END)
    replace_files({readme: re.sub(pattern, lambda _: section, text, flags=re.DOTALL).encode()})
