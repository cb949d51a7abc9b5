"""Trainings that failed improve nothing, and losses have no unit: of every analysis at once."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bohb_study.analysis.comparisons.endpoint import task_tests
from bohb_study.analysis.comparisons.final_results import summary
from bohb_study.analysis.comparisons.mean_ranks import rank_curves
from bohb_study.analysis.comparisons.speed_ups import speedups
from bohb_study.analysis.comparisons.targets import runtimes
from bohb_study.analysis.incumbents.anytime_curves import anytime
from bohb_study.analysis.incumbents.at_moment import incumbent_at, paired_gain
from bohb_study.analysis.incumbents.compact import compact
from bohb_study.analysis.incumbents.final_incumbents import final_incumbents
from bohb_study.analysis.incumbents.rules import RULES, Rule
from bohb_study.analysis.incumbents.traces import incumbent
from bohb_study.analysis.statistics.normalisation import Reference
from bohb_study.budget import Account

Cell = Callable[..., pd.DataFrame]
Reports = Sequence[tuple[int, float]]
BUDGET = 4.0
TOPS, BUDGETS = {"toy": 9}, {"toy": BUDGET}
REFERENCES = {"toy": Reference(0.0, 2.0, "by hand", 1)}
REPORTS = st.lists(
    st.tuples(st.sampled_from([3, 9]), st.integers(0, 5).map(float)), min_size=4, max_size=4
)
PAIR = st.lists(st.lists(REPORTS, min_size=3, max_size=3), min_size=2, max_size=2)
STATUSES = st.lists(st.sampled_from(["ok", "ok", "failed"]), min_size=4, max_size=4)
OBSERVED = tuple(rule for rule in RULES if rule != "validated")


def frame_of(cell: Cell, study: Sequence[Sequence[Reports]]) -> pd.DataFrame:
    return pd.concat(
        [
            cell(reports, method=method, seed=seed)
            for method, own in zip(("bohb", "random"), study, strict=True)
            for seed, reports in enumerate(own)
        ],
        ignore_index=True,
    )


def fail(frame: pd.DataFrame, statuses: Sequence[str], loss: float = np.nan) -> pd.DataFrame:
    """The same trainings of ``bohb`` in its first seed, of which some failed."""
    mine = (frame["method"] == "bohb") & (frame["seed"] == 0)
    status = frame["status"].copy()
    status[mine] = list(statuses)
    bad = status != "ok"
    losses = {name: frame[name].mask(bad, loss) for name in ("val_loss", "test_loss")}
    return frame.assign(status=status, **losses)


def ledgers(frame: pd.DataFrame) -> dict[tuple[str, str, int], Account]:
    keys = frame[["task", "method", "seed"]].drop_duplicates().itertuples(index=False)
    return {(k.task, k.method, k.seed): Account(36, 36, 36, 0, 9, "budget") for k in keys}  # type: ignore[misc]


def worst(values: "pd.Series[float] | np.ndarray") -> np.ndarray:
    return np.nan_to_num(np.asarray(values, dtype=np.float64), nan=np.inf, posinf=np.inf)


@settings(max_examples=15, deadline=None)
@given(study=PAIR, statuses=STATUSES, rule=st.sampled_from(OBSERVED[:1] + OBSERVED[3:]))
def test_what_fails_improves_no_summary(
    cell: Cell, study: list[list[Reports]], statuses: list[str], rule: Rule
) -> None:
    """Under rules that never rise: with a higher rung lost, ``highest`` may well show less."""
    before = frame_of(cell, study)
    after = fail(before, statuses)
    at = [1.0, 2.0, BUDGET]
    read = [incumbent_at(f, rule, TOPS, at, BUDGET)["value"] for f in (before, after)]
    assert (worst(read[1]) >= worst(read[0])).all()
    times = [runtimes(f, TOPS, REFERENCES, rule)["runtime"] for f in (before, after)]
    assert (worst(times[1]) >= worst(times[0])).all()
    ranks = [rank_curves(f, TOPS, BUDGETS, 0, rule=rule).centre[0] for f in (before, after)]
    assert (ranks[1] >= ranks[0] - 1e-12).all()
    primary = [task_tests(f, 9, BUDGET, 0, rule=rule).primary for f in (before, after)]
    assert primary[1].wins <= primary[0].wins
    assert primary[1].probability <= primary[0].probability + 1e-12
    assert primary[1].pairs == primary[0].pairs == 3
    table = [summary(f, ledgers(f), TOPS).set_index("method") for f in (before, after)]
    assert worst(table[1]["val_loss"])[0] >= worst(table[0]["val_loss"])[0]
    assert (table[1]["undefined"] >= table[0]["undefined"]).all()
    readings = [incumbent_at(f, rule, TOPS, [BUDGET], BUDGET) for f in (before, after)]
    wins = [paired_gain(r, "toy", "bohb", "random", BUDGET, 0)[1] for r in readings]
    assert wins[1] <= wins[0]
    assert wins[1] == primary[1].wins


@settings(max_examples=15, deadline=None)
@given(
    study=PAIR, statuses=STATUSES, loss=st.sampled_from([-1e9, 0.0, 1e6]),
    rule=st.sampled_from(OBSERVED),
)  # fmt: skip
def test_no_number_stands_for_a_failure(
    cell: Cell, study: list[list[Reports]], statuses: list[str], loss: float, rule: Rule
) -> None:
    """Whatever such a row holds, as rows of schema 1 do, nothing comes of it."""
    frame = frame_of(cell, study)
    nothing, something = fail(frame, statuses), fail(frame, statuses, loss)
    for one, other in zip(
        anytime(nothing, rule, TOPS).curves, anytime(something, rule, TOPS).curves, strict=True
    ):
        pd.testing.assert_frame_equal(one.runs, other.runs)
    one, other = (summary(f, ledgers(f), TOPS) for f in (nothing, something))
    pd.testing.assert_frame_equal(one, other)
    one, other = (final_incumbents(f, TOPS) for f in (nothing, something))
    pd.testing.assert_frame_equal(one, other)
    is_compact = compact(nothing, TOPS)
    for (_, whole), (_, less) in zip(
        nothing.groupby(["method", "seed"]), is_compact.groupby(["method", "seed"]), strict=True
    ):
        held = incumbent(whole, rule, 9)["value"].dropna().unique().tolist()
        assert incumbent(less, rule, 9)["value"].dropna().unique().tolist() == held


@settings(max_examples=10, deadline=None)
@given(study=PAIR, statuses=STATUSES, power=st.sampled_from([-1000, -40, 40, 990]))
def test_losses_have_no_unit(
    cell: Cell, study: list[list[Reports]], statuses: list[str], power: int
) -> None:
    scale = 2.0**power
    one = fail(frame_of(cell, study), statuses)
    two = one.assign(val_loss=one["val_loss"] * scale, test_loss=one["test_loss"] * scale)
    tables = [summary(f, ledgers(f), TOPS) for f in (one, two)]
    for which in ("val_loss", "val_low", "val_high", "test_loss", "test_low", "test_high"):
        np.testing.assert_array_equal(tables[0][which] * scale, tables[1][which])
    np.testing.assert_array_equal(*(rank_curves(f, TOPS, BUDGETS, 0).centre for f in (one, two)))
    tests = [task_tests(f, 9, BUDGET, 0).frame for f in (one, two)]
    for name in ("p", "wins", "probability", "nonzero"):
        np.testing.assert_array_equal(tests[0][name], tests[1][name])
    for name in ("gain", "detectable"):
        np.testing.assert_array_equal(tests[0][name] * scale, tests[1][name])
    ratios = [speedups(f, TOPS, BUDGETS, 0)["speedup"] for f in (one, two)]
    np.testing.assert_array_equal(*ratios)


@pytest.mark.parametrize("which", ["bohb", "random"])
def test_a_pair_with_an_undefined_incumbent_counts(cell: Cell, which: str) -> None:
    frame = pd.concat(
        [cell([(9, 1.0)], method=m, seed=s) for m in ("bohb", "random") for s in (0, 1)]
    )
    gone = (frame["method"] == which) & (frame["seed"] == 0)
    frame = frame.assign(
        status=frame["status"].mask(gone, "failed"), val_loss=frame["val_loss"].mask(gone)
    )
    readings = incumbent_at(frame, "full", TOPS, [1.0], 1.0)
    gain, wins = paired_gain(readings, "toy", "bohb", "random", 1.0, 0)
    assert (gain.undefined, gain.n, wins) == (1, 2, 0.25 if which == "bohb" else 0.75)
    assert gain.in_words() == "none in 1 of 2 seeds"
