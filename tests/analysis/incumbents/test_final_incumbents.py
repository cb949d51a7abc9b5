from typing import Any

import numpy as np
import pandas as pd
import pytest

from bohb_study.analysis import estimate, final_incumbents, finals_summary
from bohb_study.errors import StudyError
from bohb_study.schema import build_frame

TOPS = {"digits": 9}


def frame(*reports: tuple[str, int, int, float, str]) -> pd.DataFrame:
    """Reports as (method, seed, level, val_loss, status); the test loss is ten times that."""
    rows = [
        {
            "task": "digits",
            "method": method,
            "seed": seed,
            "seq": i,
            "trial": i,
            "config_id": f"{method}{seed}",
            "level": level,
            "units": level,
            "units_restart": level,
            "units_total": level,
            "full_evals": 1.0,
            "decision": "end",
            "val_loss": loss,
            "test_loss": 10 * loss,
            "status": status,
            "train_seconds": 0.0,
            "search_seconds": 0.0,
        }
        for i, (method, seed, level, loss, status) in enumerate(reports)
    ]
    return build_frame(rows, {})


def trained(method: str, seed: int, repeat: int, loss: float, **more: Any) -> dict[str, Any]:
    row = {"task": "digits", "method": method, "seed": seed, "kind": "retrained", "repeat": repeat}
    return {**row, "config_id": f"{method}{seed}", "test_loss": loss, "status": "ok", **more}


@pytest.fixture
def incumbents() -> pd.DataFrame:
    cells = [("bohb", 0), ("bohb", 1), ("grid", 0), ("grid", 1)]
    return final_incumbents(frame(*((m, s, 9, 0.1, "ok") for m, s in cells)), TOPS)


def test_the_final_incumbent_is_the_best_success_at_full_fidelity() -> None:
    found = final_incumbents(
        frame(
            ("bohb", 0, 9, 0.3, "ok"),
            ("bohb", 0, 3, 0.1, "ok"),
            ("bohb", 0, 9, 0.2, "ok"),
            ("bohb", 0, 9, 0.05, "diverged"),
            ("bohb", 1, 9, 0.05, "failed"),
            ("bohb", 2, 3, 0.05, "ok"),
        ),
        TOPS,
    )
    assert found["seed"].tolist() == [0, 1, 2]
    assert found.loc[0, ["seq", "val_loss", "test_loss"]].tolist() == [2, 0.2, 2.0]
    assert found.loc[1:, ["seq", "config_id", "val_loss", "test_loss"]].isna().all(axis=None)


def test_the_order_of_rows_changes_no_final_incumbent() -> None:
    losses = [0.5, 0.2, 0.3, 0.2, 0.4]
    rows = frame(*(("bohb", seed, 9, loss, "ok") for seed in (0, 1) for loss in losses))
    found = final_incumbents(rows, TOPS)
    assert found["seq"].tolist() == [1, 6]
    turned = final_incumbents(rows.iloc[::-1].reset_index(drop=True), TOPS)
    pd.testing.assert_frame_equal(found, turned)


def test_a_seeds_value_is_the_mean_of_its_trainings(incumbents: pd.DataFrame) -> None:
    """Fails where trainings are pooled over seeds, or refits get in."""
    rows = [trained("bohb", 0, r, loss) for r, loss in enumerate([0.1, 0.2, 0.6])]
    rows += [trained("bohb", 1, r, loss) for r, loss in enumerate([0.5, 0.5, 0.5])]
    rows += [trained("bohb", 1, 0, 0.05, kind="all data")]
    rows += [trained("grid", s, 0, 0.4) for s in (0, 1)]
    bohb, grid = finals_summary(incumbents, pd.DataFrame(rows)).to_dict("records")
    expected = estimate(np.array([0.3, 0.5]), 0)
    assert (bohb["test_loss"], bohb["test_low"], bohb["test_high"]) == pytest.approx(
        (expected.centre, 0.3, 0.5)
    )
    assert (bohb["kind"], bohb["label"]) == ("range, not an interval", "mean")
    assert (bohb["repeats"], bohb["all_data"], bohb["all_data_seed"]) == ((3, 3), 0.05, 1)
    assert (grid["test_loss"], grid["repeats"]) == (0.4, (1, 1))
    assert np.isnan(grid["all_data"])


def test_what_diverged_or_failed_leaves_no_estimate(incumbents: pd.DataFrame) -> None:
    rows = [trained("bohb", s, 0, 0.2) for s in (0, 1)]
    rows += [trained("bohb", 0, 1, np.nan, status="diverged"), trained("bohb", 1, 1, 0.2)]
    rows += [trained("bohb", 0, 0, np.nan, status="diverged", kind="all data")]
    rows += [trained("grid", 0, 0, 0.2), trained("grid", 1, 0, np.nan, status="failed")]
    bohb, grid = finals_summary(incumbents, pd.DataFrame(rows)).to_dict("records")
    assert (bohb["diverged"], bohb["failed"]) == (2, 0)
    assert np.isnan(bohb["all_data"])
    for one in (bohb, grid):
        assert np.isnan([one["test_loss"], one["test_low"], one["test_high"]]).all()
        assert (one["seeds"], one["undefined"]) == (2, 1)
    assert (grid["diverged"], grid["failed"]) == (0, 1)


def test_a_cell_that_is_left_out_leaves_no_estimate(incumbents: pd.DataFrame) -> None:
    """The rest would be a selected, better-looking sample."""
    (bohb,) = finals_summary(incumbents, pd.DataFrame([trained("bohb", 0, 0, 0.2)])).to_dict(
        "records"
    )
    assert np.isnan(bohb["test_loss"])
    none = final_incumbents(frame(("bohb", 0, 9, 0.1, "ok"), ("bohb", 1, 3, 0.1, "ok")), TOPS)
    (bohb,) = finals_summary(none, pd.DataFrame([trained("bohb", 0, 0, 0.2)])).to_dict("records")
    assert np.isnan(bohb["test_loss"])


@pytest.mark.parametrize("change", [{"config_id": "other"}, {"method": "none"}])
def test_trainings_of_another_configuration_are_refused(
    incumbents: pd.DataFrame, change: dict[str, Any]
) -> None:
    rows = [trained("bohb", 0, 0, 0.2), trained("bohb", 1, 0, 0.2) | change]
    with pytest.raises(StudyError, match=r"digits/(bohb|none)/1: its final training is not of its"):
        finals_summary(incumbents, pd.DataFrame(rows))
