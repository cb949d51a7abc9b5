import math
from collections.abc import Callable

import pandas as pd
import pytest

from bohb_study.analysis.comparisons.final_results import summary
from bohb_study.budget import Account
from bohb_study.errors import StudyError

Cell = Callable[..., pd.DataFrame]
TOPS = {"toy": 9}


def ledgers(frame: pd.DataFrame) -> dict[tuple[str, str, int], Account]:
    keys = frame[["task", "method", "seed"]].drop_duplicates().itertuples(index=False)
    return {tuple(key): Account(30, 27, 27, 3, 9, "budget") for key in keys}


@pytest.fixture
def frame(cell: Cell) -> pd.DataFrame:
    return pd.concat(
        [
            cell([(9, 0.8), (9, 0.9), (9, 0.2)], seed=0),
            cell([(9, 0.6), (9, 0.4), (9, 0.7)], seed=1),
            cell([(1, 0.1), (9, 0.5), (9, 0.3)], seed=0, method="bohb", trials=[0, 0, 1]),
            cell([(3, 0.1), (9, 0.7), (9, 0.9)], seed=1, method="bohb", trials=[0, 0, 1]),
        ]
    )


def test_golden_table(frame: pd.DataFrame) -> None:
    table = summary(frame, ledgers(frame), TOPS).set_index("method")
    bohb = table.loc["bohb"]
    assert (bohb["trials"], bohb["charged"], bohb["unspent"], bohb["seeds"]) == (4, 54, 6, 2)
    assert (bohb["train_seconds"], bohb["search_seconds"]) == (6.0, 3.0)
    # 0.1 at low fidelity is not the final loss; test loss is that of the chosen configuration
    assert bohb["val_loss"] == pytest.approx(0.5)
    assert (bohb["val_low"], bohb["val_high"]) == (0.3, 0.7)
    assert bohb["test_loss"] == pytest.approx(100.5)
    assert (bohb["label"], bohb["kind"]) == ("mean", "range, not an interval")
    assert table.loc["random", "val_loss"] == pytest.approx(0.3)
    assert table["undefined"].tolist() == [0, 0]


def test_a_seed_without_a_result_is_counted_and_not_left_out(
    frame: pd.DataFrame, cell: Cell
) -> None:
    both = pd.concat([frame, *(cell([(1, 0.1)], seed=s, method="asha") for s in (0, 1))])
    row = summary(both, ledgers(both), TOPS).set_index("method").loc["asha"]
    assert math.isnan(row["val_loss"])
    assert math.isnan(row["test_loss"])
    assert row["undefined"] == 2


def test_a_failed_training_as_the_only_result_is_counted_as_undefined(cell: Cell) -> None:
    frame = cell([(9, 7.0)], status=["failed"])
    row = summary(frame, ledgers(frame), TOPS).iloc[0]
    assert math.isnan(row["val_loss"])
    assert (row["undefined"], row["test_undefined"]) == (1, 1)


def test_a_test_loss_that_is_not_defined_is_counted_by_itself(frame: pd.DataFrame) -> None:
    where = (frame["method"] == "bohb") & (frame["seed"] == 1)
    unknown = frame.assign(test_loss=frame["test_loss"].mask(where))
    row = summary(unknown, ledgers(frame), TOPS).set_index("method").loc["bohb"]
    assert row["val_loss"] == pytest.approx(0.5)
    assert math.isnan(row["test_loss"])
    assert (row["undefined"], row["test_undefined"]) == (0, 1)


def test_a_missing_ledger_or_cell_stops(frame: pd.DataFrame) -> None:
    accounts = ledgers(frame)
    less = frame[(frame["method"] != "bohb") | (frame["seed"] != 1)]
    with pytest.raises(StudyError, match="missing cells: toy/bohb/1"):
        summary(less, accounts, TOPS)
    table = summary(less, accounts, TOPS, allow_missing=True).set_index("method")
    assert table["seeds"].to_dict() == {"bohb": 1, "random": 2}
    del accounts["toy", "random", 1]
    with pytest.raises(StudyError, match="toy/random/1: its ledger is missing"):
        summary(frame, accounts, TOPS)
