"""Rows that give away a training which starts over after each pause."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from bohb_study.analysis.diagnostics.resumption import resumption


def rows(
    curves: Sequence[Sequence[float]], pauses: Sequence[int], levels: Sequence[int] = ()
) -> pd.DataFrame:
    """Trials in turns; each is paused after the given reports, from 1."""
    told = [
        (seq, trial, levels[seq] if levels else seq + 1, curve[seq], seq + 1 in pauses)
        for seq in range(max(map(len, curves)))
        for trial, curve in enumerate(curves)
        if seq < len(curve)
    ]
    frame = pd.DataFrame(told, columns=["seq", "trial", "level", "val_loss", "paused"])
    decision = np.where(frame.pop("paused"), "pause", "continue")
    return frame.assign(
        decision=decision, test_loss=np.nan, task="t", method="bohb", seed=frame["trial"] % 2
    )


def test_a_training_that_starts_over_reports_its_first_losses_again() -> None:
    restarts = [1.0, 0.5, 0.25, 1.0, 0.5, 0.25]
    found = resumption(rows([restarts, [x / 3 for x in restarts]], pauses=[3]))
    assert (found.comparable, found.repeated, found.fell_back) == (2, 2, 2)
    assert found.starts_over
    assert str(found) == "after 2 of 2 pauses a training reports its first losses again"


@pytest.mark.parametrize(
    ("curves", "pauses"),
    [
        ([[1.0, 0.5, 0.25, 0.2, 0.1]] * 2, [3]),  # goes on
        ([[1.0, 0.5, 0.25, 1.0]] * 2, []),  # was never paused
        ([[0.9] * 5] * 3, [3]),  # does not move
        ([[1.0, 1.0, 0.5]] * 3, [1]),  # one step in, nobody can tell
        ([[1.0, 0.5, 1.0], [1.0, 0.5, 0.4]], [2]),  # one of them, by chance
        ([[1.0, 0.5, 1.0]], [2]),  # a single one
        ([[1.0, 0.5, np.nan]] * 2, [2]),  # failed then
    ],
)
def test_nothing_else_is_called_so(curves: list[list[float]], pauses: list[int]) -> None:
    assert not resumption(rows(curves, pauses)).starts_over


def test_only_steps_of_one_length_are_compared() -> None:
    found = resumption(rows([[1.0, 1.0]] * 3, [1], levels=[22, 66]))
    assert found.comparable == 0
    assert resumption(rows([[1.0, 1.0]] * 3, [1], levels=[1, 2])).comparable == 3


@pytest.mark.parametrize("step", [1, -1])
def test_rows_after_a_pause_are_marked_where_they_stand(step: int) -> None:
    frame = rows([[1.0, 0.5, 0.25, 0.2], [3.0, 2.0]], pauses=[2]).iloc[::step]
    assert resumption(frame).resumed.tolist() == (frame["level"] > 2).tolist()
    assert resumption(frame.iloc[:0]).comparable == 0
