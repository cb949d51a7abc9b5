"""Planned and executed rungs as frames: bracket by bracket, and counted over cells."""

from collections.abc import Iterable

import pandas as pd

from bohb_study.analysis.diagnostics.brackets import BracketCheck
from bohb_study.schema import CELL

COLUMNS = (*CELL, "bracket", "level", "planned", "executed", "complete")
"""Of ``bracket_frame``: ``planned`` and ``executed`` are trials judged at ``level`` (units)."""
COUNTED = ("task", "method", "bracket", "level", "planned", "executed", "complete")
"""Of ``bracket_counts``, with ``cells`` after them."""

_TEXT = ("task", "method")
_WHOLE = ("seed", "bracket", "level", "planned", "executed")


def bracket_frame(checks: Iterable[BracketCheck]) -> pd.DataFrame:
    """One row a rung of every bracket: ``COLUMNS``."""
    rows = [
        [check.task, check.method, check.seed, check.bracket, level, planned, executed, complete]
        for check in checks
        for complete in [check.complete]
        for (level, planned), (_, executed) in zip(check.planned, check.executed, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    types = dict.fromkeys(_TEXT, "str") | dict.fromkeys(_WHOLE, "int64") | {"complete": "bool"}
    return frame.astype(types)


def bracket_counts(brackets: pd.DataFrame) -> pd.DataFrame:
    """In how many cells a rung of a bracket was executed so: ``COUNTED`` and ``cells``, sorted."""
    return brackets.groupby(list(COUNTED), sort=True).size().reset_index(name="cells")
