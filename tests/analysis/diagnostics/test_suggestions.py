"""Model-based against random suggestions, on frames made by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb_study.analysis.diagnostics.suggestions import SUMMARY, suggestions, suggestions_summary
from bohb_study.errors import StudyError

Report = tuple[int, int, float, float, bool | None]
"""(trial, level, full_evals, val_loss, model_based)."""


def cell(reports: list[Report], *, true: bool = False, method: str = "bohb") -> pd.DataFrame:
    frame = pd.DataFrame(
        reports, columns=["trial", "level", "full_evals", "val_loss", "model_based"]
    ).astype({"model_based": "boolean"})
    noise_free = frame["val_loss"] - 100 if true else np.nan
    where = {"task": "toy", "method": method, "seed": 0}
    return frame.assign(**where, true_loss=noise_free, seq=range(len(frame)), status="ok")


TWO: list[Report] = [(0, 1, 1.0, 5.0, False), (1, 1, 2.0, 6.0, True), (0, 9, 7.0, 3.0, False)]


def test_a_trial_is_a_row_with_its_first_time_and_its_highest_level() -> None:
    shuffled = cell(TWO).sample(frac=1, random_state=3)
    got = suggestions(pd.concat([shuffled, cell(TWO, method="asha").assign(model_based=pd.NA)]))
    assert got["method"].tolist() == ["bohb", "bohb"]
    first = got.iloc[0]
    assert (first["trial"], first["full_evals"], first["level"]) == (0, 1.0, 9)
    assert first["val_loss"] == 3.0
    assert got["model_based"].tolist() == [False, True]


def test_quartiles_by_stretch_and_kind_of_what_reached_the_top() -> None:
    losses = [4.0, 1.0, 3.0, 2.0, 5.0]
    rows: list[Report] = [(i, 9, 1.0 + i / 10, loss, True) for i, loss in enumerate(losses)]
    rows += [(5, 9, 8.0, 7.0, False), (6, 1, 8.5, 0.0, False), (7, 9, 9.0, 9.0, False)]
    got = suggestions_summary(suggestions(cell(rows)), {"toy": 9}, budget=9)
    assert tuple(got.columns) == SUMMARY
    kinds = got[["part", "model_based", "trials"]].to_numpy().tolist()
    assert kinds == [[1, True, 5], [3, False, 2]]
    assert got[["low", "median", "high"]].to_numpy().tolist() == [[2, 3, 4], [7.5, 8, 8.5]]
    assert set(got["quantity"]) == {"val_loss"}


def test_the_noise_free_loss_of_all_picks_where_it_is_known() -> None:
    got = suggestions_summary(suggestions(cell(TWO, true=True)), {"toy": 9}, budget=9)
    assert set(got["quantity"]) == {"true_loss"}
    assert got["trials"].sum() == 2
    assert got["median"].tolist() == [-97, -94]


@given(st.lists(st.floats(0.01, 9.0), min_size=1, max_size=30), st.integers(1, 5))
def test_every_pick_is_in_one_stretch(times: list[float], parts: int) -> None:
    rows: list[Report] = [(i, 9, time, 1.0, bool(i % 2)) for i, time in enumerate(times)]
    got = suggestions_summary(suggestions(cell(rows)), {"toy": 9}, 9, parts)
    assert got["trials"].sum() == len(times)
    assert got["part"].between(1, parts).all()


def test_a_task_without_a_top_is_named() -> None:
    with pytest.raises(StudyError, match="task toy"):
        suggestions_summary(suggestions(cell(TWO)), {}, 9)


def test_no_model_no_rows() -> None:
    none = suggestions(cell([(0, 9, 1.0, 1.0, None)]))
    assert none.empty
    assert tuple(suggestions_summary(none, {"toy": 9}, 9).columns) == SUMMARY
