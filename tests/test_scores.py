"""Scores have their own sign and name, validation and test each."""

import numpy as np
import pytest

from bohb_study.analysis.comparisons.final_results import loss_over_seeds
from bohb_study.scores import Score


def test_a_metric_with_a_minus_is_a_score_of_which_more_is_better() -> None:
    accuracy, loss = Score.of("-accuracy"), Score.of("negative number of ones")
    assert (accuracy.name, accuracy.better, accuracy.best) == (
        "accuracy", "higher is better", "highest",
    )  # fmt: skip
    assert (str(accuracy), str(loss)) == (
        "accuracy (higher is better)", "negative number of ones",
    )  # fmt: skip
    assert (accuracy.shown(-0.9), loss.shown(-8.0)) == (0.9, -8.0)
    assert not np.signbit(accuracy.shown(0.0))
    np.testing.assert_array_equal(accuracy.all_shown(np.array([-0.9, np.nan])), [0.9, np.nan])


def test_an_interval_is_turned_over() -> None:
    assert Score.of("-accuracy").interval(-0.9, -0.95, -0.8) == "0.9000 [0.800, 0.950]"
    assert Score.of("loss").interval(0.9, 0.8, 0.95) == "0.9000 [0.800, 0.950]"


@pytest.mark.parametrize(
    ("which", "undefined", "text"),
    [("val", (1, 1), "none in 1 of 3 seeds"), ("test", (0, 2), "none in 2 of 3 seeds"),
     ("val", (0, 2), "0.5000 [0.400, 0.600]")],
)  # fmt: skip
def test_validation_and_test_are_undefined_each_by_itself(
    which: str, undefined: tuple[int, int], text: str
) -> None:
    row = dict(zip(("undefined", "test_undefined"), undefined, strict=True)) | {
        "seeds": 3,
        "kind": "",
        "label": "",
    }
    row |= {"val_loss": 0.5, "val_low": 0.4, "val_high": 0.6}  # type: ignore[dict-item]
    row |= dict.fromkeys(("test_loss", "test_low", "test_high"), np.nan)  # type: ignore[arg-type]
    assert loss_over_seeds(row, which).in_words(Score("loss")) == text  # type: ignore[arg-type]
