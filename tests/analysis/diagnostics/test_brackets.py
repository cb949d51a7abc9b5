"""Are brackets halved as planned, and does the model suggest when it can? Frames made by hand."""

from collections.abc import Sequence

import pandas as pd
import pytest

from bohb_study.analysis.diagnostics.brackets import ModelShare, check_rungs, model_share

BAND = [[(1, 9), (3, 3), (9, 1)], [(3, 5), (9, 2)], [(9, 3)]]
Judged = tuple[int, int, int]
"""Bracket, level, trials judged there."""


def cell(*judged: Judged, seed: int = 0, method: str = "hyperband") -> pd.DataFrame:
    """A cell's rows at rungs; before each a row between rungs, which counts for nothing."""
    rows = []
    for bracket, level, trials in judged:
        for trial in range(trials):
            rows += [(bracket, 2, None, 100 * bracket + trial)]
            rows += [(bracket, level, [1, 3, 9].index(level), 100 * bracket + trial)]
    frame = pd.DataFrame(rows, columns=["bracket", "level", "rung", "trial"])
    frame["rung"] = frame["rung"].astype("Int64")
    frame["bracket"] = frame["bracket"].astype("Int64")
    return frame.assign(task="toy", method=method, seed=seed, seq=range(len(frame)))


def outcomes(frame: pd.DataFrame, workers: int = 1) -> list[tuple[bool, bool]]:
    return [(check.complete, check.passes) for check in check_rungs(frame, BAND, workers)]


PLANNED: tuple[Judged, ...] = ((0, 1, 9), (0, 3, 3), (0, 9, 1), (1, 3, 5), (1, 9, 2), (2, 9, 3))


def test_brackets_as_planned_hold_band_after_band() -> None:
    again = [(bracket + 3, level, trials) for bracket, level, trials in PLANNED]
    checks = check_rungs(cell(*PLANNED, *again), BAND, workers=1)
    assert [check.bracket for check in checks] == [0, 1, 2, 3, 4, 5]
    assert all(check.complete and check.passes for check in checks)
    assert checks[0].executed == checks[3].planned == ((1, 9), (3, 3), (9, 1))
    assert str(checks[4]) == "5/2 of 5/2 at 3/9"
    assert (checks[0].task, checks[0].method, checks[0].seed) == ("toy", "hyperband", 0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([(0, 1, 9), (0, 3, 4), (0, 9, 1)], "9/4/1 of 9/3/1 at 1/3/9"),  # one promotion too many
        ([(0, 1, 9), (0, 3, 3), (0, 9, 2)], "9/3/2 of 9/3/1 at 1/3/9"),  # at the top
        ([(0, 1, 10), (0, 3, 3), (0, 9, 1)], "10/3/1 of 9/3/1 at 1/3/9"),  # one trial too many
        ([(0, 1, 9), (0, 3, 2), (0, 9, 1)], "9/2/1 of 9/3/1 at 1/3/9"),  # one too few
        ([(0, 1, 9)], "9/0/0 of 9/3/1 at 1/3/9"),  # never halved
    ],
)
def test_a_bracket_that_departs_from_the_plan_does_not_hold(wrong: list[Judged], said: str) -> None:
    checks = check_rungs(cell(*wrong, (1, 3, 1)), BAND, workers=1)
    assert [check.passes for check in checks] == [False, True]
    assert checks[0].complete  # the next bracket was opened, so this one had ended
    assert str(checks[0]) == said


@pytest.mark.parametrize(
    ("cut", "passes"),
    [
        ([(1, 3, 3)], True),
        ([(1, 3, 5), (1, 9, 1)], True),
        ([(1, 3, 6)], False),
        ([(1, 3, 4), (1, 9, 1)], True),  # too early, but not too many: counts cannot tell
    ],
)
def test_the_last_bracket_may_be_cut_off_and_never_exceeds_the_plan(
    cut: list[Judged], passes: bool
) -> None:
    assert outcomes(cell(*PLANNED[:3], *cut)) == [(True, True), (False, passes)]


def test_the_last_bracket_is_complete_where_its_top_rung_is_full() -> None:
    assert outcomes(cell(*PLANNED[:3])) == [(True, True)]
    assert outcomes(cell((0, 1, 8), (0, 3, 3), (0, 9, 1))) == [(True, False)]


def test_with_several_workers_any_bracket_may_be_open_at_the_end() -> None:
    two_open = cell((0, 1, 9), (0, 3, 2), (1, 3, 5), (1, 9, 2), (2, 9, 1))
    assert outcomes(two_open, workers=4) == [(False, True), (True, True), (False, True)]
    assert outcomes(two_open, workers=1) == [(True, False), (True, True), (False, True)]
    too_many = cell((0, 1, 9), (0, 3, 4), (1, 3, 5))
    assert outcomes(too_many, workers=4) == [(False, False), (False, True)]


def test_a_trial_counts_once_and_only_where_it_was_judged() -> None:
    frame = cell(*PLANNED[:3])
    twice = pd.concat([frame, frame[frame["level"] == 3]])
    assert check_rungs(twice, BAND, workers=1)[0].executed == ((1, 9), (3, 3), (9, 1))
    frame.loc[frame["level"] == 3, "rung"] = pd.NA
    assert check_rungs(frame, BAND, workers=1)[0].executed == ((1, 9), (3, 0), (9, 1))


def test_every_cell_is_checked_by_itself() -> None:
    cells = [cell(*PLANNED, seed=1), cell((0, 1, 9), (0, 3, 3), (0, 9, 2), seed=0)]
    checks = check_rungs(pd.concat(cells), BAND, workers=1)
    assert [(c.seed, c.bracket, c.passes) for c in checks] == [
        (0, 0, False), (1, 0, True), (1, 1, True), (1, 2, True)
    ]  # fmt: skip


# How often the model suggested


def trials(
    *suggested: tuple[int, bool | None], rung: Sequence[int] | None = None, seed: int = 0
) -> pd.DataFrame:
    """One report a trial: its level and whether the model made it; all at rungs, or ``rung``."""
    n = len(suggested)
    return pd.DataFrame(
        {
            "task": "toy",
            "method": "bohb",
            "seed": seed,
            "seq": range(n),
            "trial": range(n),
            "level": [level for level, _ in suggested],
            "rung": pd.array([0] * n if rung is None else rung, dtype="Int64"),
            "model_based": pd.array([by_model for _, by_model in suggested], dtype="boolean"),
        }
    )


def share(frame: pd.DataFrame, dimensions: int = 1) -> tuple[int, int, int]:
    (one,) = model_share(frame, 2 * (dimensions + 1), top=9)
    return one.suggestions, one.model_based, one.too_early


def test_share_counts_what_was_suggested_once_a_model_could_exist() -> None:
    """One hyperparameter: a model from the fourth observation of one fidelity on."""
    before = [(1, False)] * 4
    assert share(trials(*before, (1, True), (1, False), (1, True))) == (3, 2, 0)
    assert share(trials(*before, (1, None), (1, True))) == (2, 1, 0)
    assert model_share(trials(*before, (1, True), seed=5), 4, top=9) == [
        ModelShare("toy", "bohb", 5, suggestions=1, model_based=1, too_early=0)
    ]


def test_a_model_before_it_could_exist_is_counted() -> None:
    assert share(trials((1, False), (1, True), (1, True), (1, True), (1, True))) == (1, 1, 3)
    assert share(trials((1, True), (1, False))) == (0, 0, 1)  # there never could be one


def test_more_hyperparameters_need_more_observations() -> None:
    nine = trials(*[(1, True)] * 9)
    assert share(nine, dimensions=1) == (5, 5, 4)
    assert share(nine, dimensions=3) == (1, 1, 8)
    assert share(nine, dimensions=4) == (0, 0, 9)


def test_observations_of_one_fidelity_count_together_and_only_at_rungs() -> None:
    one, three = (1, False), (3, False)
    mixed = trials(one, three, one, three, one, one, (1, True))
    assert share(mixed) == (1, 1, 0)
    early = trials(one, three, one, three, one, (1, True))
    assert share(early) == (0, 0, 1)  # three and two are not four
    between = trials(*[one] * 5, (1, True), rung=[0, 0, 0, pd.NA, 0, 0])
    assert share(between) == (1, 1, 0)
    assert share(trials(*[one] * 4, (1, True), rung=[0, 0, 0, pd.NA, pd.NA])) == (0, 0, 1)


def test_full_fidelity_is_observed_also_where_nothing_is_halved() -> None:
    none = [pd.NA] * 5
    full = trials(*[(9, False)] * 4, (9, True), rung=none)
    assert share(full) == (1, 1, 0)
    assert share(trials(*[(3, False)] * 4, (9, True), rung=none)) == (0, 0, 1)


def test_a_trial_counts_with_its_first_report_in_order_of_arrival() -> None:
    frame = trials(*[(1, False)] * 4, (1, True))
    later = frame.assign(level=3, seq=frame["seq"] + 5)  # every trial goes on to the next rung
    both = pd.concat([later, frame])
    assert share(both) == (1, 1, 0)


def test_cells_do_not_share_their_observations() -> None:
    cells = pd.concat([trials(*[(1, False)] * 3, (1, True), seed=seed) for seed in (1, 0)])
    assert [(s.seed, s.suggestions, s.too_early) for s in model_share(cells, 4, top=9)] == [
        (0, 0, 1), (1, 0, 1)
    ]  # fmt: skip
