"""Losses of final configurations in fresh trainings, by task, seed and method."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from bohb_study.analysis.incumbents.at_moment import incumbent_at
from bohb_study.analysis.incumbents.retrained_losses import retrained_losses, with_retrained
from bohb_study.errors import StudyError

Cell = Callable[..., pd.DataFrame]
TOPS = {"toy": 9, "other": 9}


def trained(method: str, seed: int, loss: float, **more: object) -> dict[str, object]:
    row = {"task": "toy", "method": method, "seed": seed, "kind": "retrained", "repeat": 0}
    return {**row, "config_id": "c1", "val_loss": loss, "status": "ok", **more}


@pytest.fixture(scope="module")
def frame(cell: Cell) -> pd.DataFrame:
    """Two methods with two seeds; every incumbent is configuration c1."""
    return pd.concat(
        cell([(9, 0.9), (9, 0.1)], method=method, seed=seed)
        for method in ("bohb", "random")
        for seed in (0, 1)
    )


@pytest.fixture
def finals() -> list[dict[str, object]]:
    return [
        trained("bohb", 0, 0.2), trained("bohb", 0, 0.4, repeat=1),
        trained("bohb", 1, 0.5), trained("random", 0, 0.6), trained("random", 1, 0.7),
    ]  # fmt: skip


def test_a_cells_loss_is_the_mean_of_its_trainings(
    frame: pd.DataFrame, finals: list[dict[str, object]]
) -> None:
    refit = trained("bohb", 0, 9.0, kind="all data")
    found = retrained_losses(frame, TOPS, pd.DataFrame([refit, *finals]))
    assert list(found) == ["toy"]
    assert found["toy"].index.tolist() == [0, 1]
    assert found["toy"]["bohb"].tolist() == pytest.approx([0.3, 0.5])
    assert found["toy"]["random"].tolist() == pytest.approx([0.6, 0.7])


def test_one_training_without_a_result_is_worse_than_any_loss(
    frame: pd.DataFrame, finals: list[dict[str, object]]
) -> None:
    finals[1] |= {"status": "diverged", "val_loss": np.nan}
    found = retrained_losses(frame, TOPS, pd.DataFrame(finals))
    assert found["toy"]["bohb"].tolist() == [np.inf, 0.5]


def test_a_cell_without_an_incumbent_has_nothing_to_retrain(
    cell: Cell, frame: pd.DataFrame, finals: list[dict[str, object]]
) -> None:
    nothing = cell([(9, np.nan)], method="asha", seed=0, status=["failed"])
    some = cell([(9, 0.9), (9, 0.1)], method="asha", seed=1)
    more = pd.concat([frame, nothing, some])
    found = retrained_losses(more, TOPS, pd.DataFrame([*finals, trained("asha", 1, 0.8)]))
    assert found["toy"]["asha"].tolist() == [np.inf, 0.8]


def test_a_task_of_which_some_were_not_retrained_is_left_to_what_was_chosen(
    frame: pd.DataFrame, finals: list[dict[str, object]]
) -> None:
    assert retrained_losses(frame, TOPS, pd.DataFrame(finals[:-1])) == {}
    assert retrained_losses(frame, TOPS, None) == {}
    assert retrained_losses(frame, TOPS, pd.DataFrame(finals).iloc[:0]) == {}


def test_where_noise_free_losses_are_known_there_is_no_curse(
    frame: pd.DataFrame, finals: list[dict[str, object]]
) -> None:
    known = frame.assign(true_loss=frame["val_loss"])
    assert retrained_losses(known, TOPS, pd.DataFrame(finals)) == {}


def test_a_training_of_another_configuration_is_an_error(
    frame: pd.DataFrame, finals: list[dict[str, object]]
) -> None:
    finals[0]["config_id"] = "c0"
    with pytest.raises(StudyError, match="toy/bohb/0: its final training is not of its incumbent"):
        retrained_losses(frame, TOPS, pd.DataFrame(finals))


def test_readings_of_the_end_alone_are_replaced(
    cell: Cell, frame: pd.DataFrame, finals: list[dict[str, object]]
) -> None:
    both = pd.concat([frame, cell([(9, 0.9), (9, 0.1)], task="other", method="bohb")])
    read = incumbent_at(both, "full", TOPS, [1.0, 2.0], 2.0)
    found = with_retrained(read, retrained_losses(frame, TOPS, pd.DataFrame(finals)), 2.0)
    assert found.columns.tolist() == read.columns.tolist()
    own = found.set_index(["task", "method", "seed", "at"])["value"]
    assert own["toy", "bohb", 0, 1.0] == 0.9
    assert own["toy", "bohb"].xs(2.0, level="at").tolist() == pytest.approx([0.3, 0.5])
    assert own["toy", "random"].xs(2.0, level="at").tolist() == pytest.approx([0.6, 0.7])
    assert own["other", "bohb", 0, 2.0] == 0.1
