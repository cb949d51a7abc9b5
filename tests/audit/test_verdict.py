"""What is said of an audit: its verdict in one line, and as many findings as a screen holds."""

import pytest

from bohb_study.audit.evidence import Checked, Finding
from bohb_study.audit.verdict import SHOWN, Audit


def audit(findings: int, known: str | None = None, cells: int = 2) -> Audit:
    """Three checks: one holds, one found so much, one could not be applied."""
    found = [Finding("order", f"cell {i}", "wrong", known) for i in range(findings)]
    return Audit(
        cells,
        9,
        {"ledger": Checked(places=2), "order": Checked(2, found), "model": Checked()},
    )


@pytest.mark.parametrize("cells", [1, 2])
def test_one_check_that_is_violated_fails_the_audit(cells: int) -> None:
    said = f"2 checks, {cells} cell{'s' if cells > 1 else ''}; not applicable: model"
    assert not audit(1).passes
    assert audit(1, cells=cells).verdict == f"audit: fails: order ({said})"
    assert audit(1, "a defect").passes
    assert audit(1, "a defect", cells).verdict == f"audit: passes ({said})"


def test_twenty_findings_are_printed_and_the_others_counted() -> None:
    assert SHOWN == 20
    assert audit(20).lines()[1:] == [f"order: cell {i}: wrong" for i in range(20)]
    lines = audit(21).lines()
    assert lines[20:] == ["order: cell 19: wrong", "and 1 more in audit.json"]
