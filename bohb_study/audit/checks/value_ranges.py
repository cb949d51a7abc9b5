"""Does every configuration lie in the task's space?"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bohb_study.arrays import Bools
from bohb_study.audit.evidence import Checked, Evidence, Finding, more
from bohb_study.schema import HP

CHECK = "range"


def check_range(study: Evidence) -> Checked:
    """No number outside its bounds, no unknown choice, NA only where a condition stands on it."""
    checked = Checked()
    for task, facts in study.tasks.items():
        rows = study.rows(task)
        if facts.space is None:
            checked.notes.append(f"{task}: the space was not recorded")
            continue
        if rows.empty:
            continue
        checked.places += len(rows[["method", "seed"]].drop_duplicates())
        for column, bad in _outside(rows, facts.space):
            wrong = rows.loc[bad]
            for method, own in wrong.groupby("method", sort=True):
                first = own.iloc[0]
                what = (
                    f"seed {first['seed']}, trial {first['trial']}: {column} {_text(first, column)}"
                    f"{more(len(own) - 1)}"
                )
                checked.findings.append(Finding(CHECK, f"{task}/{method}", what))
    return checked


def _text(row: "pd.Series[Any]", column: str) -> str:
    value = row.get(HP + column)
    return "has no value" if pd.isna(value) else f"is {value}"


def _outside(
    rows: pd.DataFrame, space: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, Bools]]:
    """Hyperparameters with rows that are not in the space, and which rows; shape (n,)."""
    for column, allowed in space.items():
        if HP + column not in rows:
            yield column, np.full(len(rows), not allowed["conditional"])
            continue
        values = rows[HP + column]
        missing = values.isna().to_numpy()
        bad = np.zeros(len(rows), dtype=bool) if allowed["conditional"] else missing.copy()
        # a column that another task shares may have been widened, to float or to text
        if allowed["kind"] == "categorical":
            text = json.dumps if allowed.get("json") else _plain
            choices = {text(choice) for choice in allowed["choices"]}
            as_text = str if allowed.get("json") else _plain
            unknown = [v for v in values.dropna().unique() if as_text(v) not in choices]
            bad |= values.isin(unknown).to_numpy()
        else:
            numbers = pd.to_numeric(values, errors="coerce").to_numpy(
                dtype="float64", na_value=np.nan
            )
            inside = (numbers >= allowed["lower"]) & (numbers <= allowed["upper"])
            if allowed["kind"] == "int":
                inside &= numbers == np.floor(numbers)
            bad |= ~inside & ~missing
        if bad.any():
            yield column, bad
    for name in rows.columns:
        column = str(name).removeprefix(HP)
        if str(name).startswith(HP) and column not in space and rows[name].notna().any():
            yield column, rows[name].notna().to_numpy()


def _plain(value: Any) -> str:
    """A value as text that is the same for 32, 32.0 and "32"."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    try:
        return str(float(value))
    except ValueError:
        return str(value)
