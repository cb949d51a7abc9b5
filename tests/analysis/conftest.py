"""Small frames by hand: only the columns that the analysis reads."""

from collections.abc import Callable, Sequence

import pandas as pd
import pytest

Report = tuple[int, float]
"""(level, val_loss)."""


def _cell(
    reports: Sequence[Report],
    *,
    task: str = "toy",
    method: str = "random",
    seed: int = 0,
    units: Sequence[int] | None = None,
    status: Sequence[str] | None = None,
    true: Sequence[float] | None = None,
    trials: Sequence[int] | None = None,
    seconds: Sequence[float] | None = None,
) -> pd.DataFrame:
    n = len(reports)
    levels = [level for level, _ in reports]
    losses = [loss for _, loss in reports]
    units = list(levels if units is None else units)
    return pd.DataFrame(
        {
            "task": pd.array([task] * n, dtype="str"),
            "method": pd.array([method] * n, dtype="str"),
            "seed": pd.array([seed] * n, dtype="int64"),
            "seq": pd.array(range(n), dtype="int64"),
            "trial": pd.array(range(n) if trials is None else trials, dtype="int64"),
            "config_id": pd.array([f"c{i}" for i in range(n)], dtype="str"),
            "level": pd.array(levels, dtype="int64"),
            "units_total": pd.Series(units, dtype="int64").cumsum(),
            "val_loss": pd.array(losses, dtype="float64"),
            "test_loss": pd.array([loss + 100 for loss in losses], dtype="float64"),
            "true_loss": pd.array([float("nan")] * n if true is None else true, dtype="float64"),
            "status": pd.array(["ok"] * n if status is None else status, dtype="str"),
            "train_seconds": pd.array([1.0] * n, dtype="float64"),
            "search_seconds": pd.array([0.5] * n, dtype="float64"),
            "virtual_seconds": pd.array(
                [float("nan")] * n if seconds is None else seconds, dtype="float64"
            ),
        }
    )


@pytest.fixture(scope="session")
def cell() -> Callable[..., pd.DataFrame]:
    """Build one cell from (level, val_loss) reports."""
    return _cell
