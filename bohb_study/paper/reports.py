"""Which claims are made from which packed studies, and where they are written."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bohb_study.files import json_bytes, replace_files
from bohb_study.paper.ablation_claims import ablations_report
from bohb_study.paper.asha_claims import asha_report
from bohb_study.paper.claims import ClaimsReport, claims_table
from bohb_study.paper.counting_ones_claims import counting_ones_report
from bohb_study.paper.dehb_claims import dehb_report
from bohb_study.paper.fcnet_claims import fcnet_report
from bohb_study.paper.main_claims import main_report
from bohb_study.paper.named_studies import paper_studies
from bohb_study.store import load_study
from bohb_study.store.checksums import write_packed
from bohb_study.summaries.markdown import to_markdown
from bohb_study.summaries.page_sections import between

CLAIMS = "claims"
"""Stem of the files, beside the packed study that the group is named after, or its first."""
RESULTS = Path("docs/results.md")
"""The page of the documentation into which all claims are written."""
BEGIN, END = "<!-- claims: written by bohb-study paper --claims -->", "<!-- end of claims -->"
"""Between these lines of the page stands what ``claims_section`` gives."""
SHOWN = ("asha",)
"""Groups whose tables are on the page although they claim something."""
MAIN = "main"
"""The group whose results have a place of their own on the page: ``results_section``."""
MAIN_BEGIN, MAIN_END = (
    "<!-- results: written by bohb-study paper --claims -->",
    "<!-- end of results -->",
)


@dataclass(frozen=True)
class Written:
    """A report and the files that hold it."""

    report: ClaimsReport
    files: tuple[Path, Path]


REPORTS: Mapping[str, Callable[..., ClaimsReport]] = {
    MAIN: main_report,
    "counting-ones": counting_ones_report,
    "dehb": dehb_report,
    "fcnet": fcnet_report,
    "ablations": ablations_report,
    "asha": asha_report,
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
    beside = paper / group if (paper / group).is_dir() else folders[0]
    stem = beside / CLAIMS
    markdown, json = stem.with_suffix(".md"), stem.with_suffix(".json")
    contents = {
        markdown.name: report.markdown().encode(),
        json.name: json_bytes(report.to_json()),
    }
    write_packed(beside, contents)
    return Written(report, (markdown, json))


def claims_section(reports: Iterable[ClaimsReport]) -> str:
    """All claims as one table; the tables of groups that claim nothing or are in ``SHOWN``."""
    reports = [report for report in reports if report.name != MAIN]
    claims = claims_table([c for r in reports for c in r.claims], "Claim by claim")
    tables = [
        table
        for report in reports
        if not report.claims or report.name in SHOWN
        for table in report.tables
    ]
    return "\n".join(map(to_markdown, [claims, *tables])).rstrip()


def results_section(report: ClaimsReport) -> str:
    """The tables of the main study, and their interpretation."""
    return "\n".join(
        [*map(to_markdown, report.tables), "Interpretation. " + " ".join(report.notes)]
    )


def update_page(page: Path, reports: Iterable[ClaimsReport]) -> None:
    """Put each section between its two lines of a page.

    Raises:
        StudyError: the lines are not there.
    """
    reports = list(reports)
    text = between(page, page.read_text(), BEGIN, END, claims_section(reports))
    for report in reports:
        if report.name == MAIN:
            text = between(page, text, MAIN_BEGIN, MAIN_END, results_section(report))
    replace_files({page: text.encode()})
