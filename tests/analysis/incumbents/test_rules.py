import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bohb_study.analysis.incumbents.rules import RULES, Rule, chosen, main_rule
from bohb_study.analysis.incumbents.traces import incumbent, trace
from bohb_study.errors import StudyError, UsageError

TOP = 9
NAN = math.nan
Cell = Callable[..., pd.DataFrame]

REPORTS = st.lists(
    st.tuples(st.sampled_from([1, 3, 9]), st.integers(0, 5).map(float)), min_size=1, max_size=30
)


def values(frame: pd.DataFrame, rule: Rule) -> list[float]:
    return incumbent(frame, rule, TOP)["value"].tolist()


def same(a: list[float], b: list[float]) -> None:
    np.testing.assert_array_equal(a, b)


#          level, loss
GOLDEN = [(1, 0.5), (3, 0.7), (1, 0.1), (9, 0.9), (3, 0.2), (9, 0.6), (9, 0.8)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("full", [NAN, NAN, NAN, 0.9, 0.9, 0.6, 0.6]),
        ("highest", [0.5, 0.7, 0.7, 0.9, 0.9, 0.6, 0.6]),
        # the level never falls and the loss never rises: 0.1 at level 1 bars the way for good,
        # but only from a report that is itself cheaper than the incumbent
        ("paper", [0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1]),
        ("any", [0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1]),
    ],
)
def test_each_rule_on_a_worked_example(cell: Cell, rule: Rule, expected: list[float]) -> None:
    same(values(cell(GOLDEN), rule), expected)


def test_paper_refuses_a_lower_loss_at_a_lower_level(cell: Cell) -> None:
    frame = cell([(3, 0.5), (1, 0.1), (9, 0.4), (3, 0.2), (9, 0.3)])
    same(values(frame, "paper"), [0.5, 0.5, 0.4, 0.4, 0.3])
    same(values(frame, "any"), [0.5, 0.1, 0.1, 0.1, 0.1])


def test_mixed_fidelities_are_not_passed_off_as_the_final_loss(cell: Cell) -> None:
    # 0.01 after one epoch is not a result of a full training
    frame = cell([(1, 0.01), (9, 0.3), (1, 0.02)])
    same(values(frame, "full"), [NAN, 0.3, 0.3])


def test_validated_chooses_on_observed_loss_and_plots_the_true_one(cell: Cell) -> None:
    frame = cell([(9, 0.2), (9, 0.1), (1, 0.0)], true=[0.15, 0.30, 0.0])
    same(values(frame, "validated"), [0.15, 0.30, 0.30])  # may rise: chosen on noise
    assert main_rule(frame) == "validated"


def test_validated_needs_true_loss(cell: Cell) -> None:
    frame = cell([(9, 0.2)])
    assert main_rule(frame) == "full"
    with pytest.raises(UsageError, match="needs true_loss"):
        incumbent(frame, "validated", TOP)


def test_the_main_rule_needs_the_noise_free_loss_of_all_that_succeeded(cell: Cell) -> None:
    """Else the curve would have a gap where a configuration would diverge at full fidelity."""
    frame = cell([(3, 0.5), (9, 0.4)], true=[0.5, 0.4])
    assert main_rule(frame) == "validated"
    frame.loc[frame.index[0], "true_loss"] = np.nan
    assert main_rule(frame) == "full"
    frame.loc[frame.index[0], "status"] = "diverged"
    assert main_rule(frame) == "validated"


def test_the_incumbent_is_named_by_its_own_row(cell: Cell) -> None:
    found = incumbent(cell(GOLDEN), "full", TOP)
    assert found["seq"].tolist()[3:] == [3, 3, 5, 5]
    assert found["seq"].isna().tolist()[:3] == [True] * 3
    last = found.iloc[-1]
    assert (last["config_id"], last["trial"], last["level"]) == ("c5", 5, 9)
    assert (last["val_loss"], last["test_loss"]) == (0.6, 100.6)
    assert found["units_total"].tolist() == [1, 4, 5, 14, 17, 26, 35]
    same(found["full_evals"].tolist(), [u / 9 for u in (1, 4, 5, 14, 17, 26, 35)])


def test_each_report_keeps_its_own_time_in_order_of_arrival(cell: Cell) -> None:
    frame = cell([(9, 0.5), (9, 0.6), (9, 0.4)], seconds=[1.5, 1.5, 7.25])
    found = incumbent(frame.iloc[::-1], "full", TOP)
    assert found["seq"].tolist() == [0, 0, 2]
    assert found["virtual_seconds"].tolist() == [1.5, 1.5, 7.25]  # not the incumbent's 1.5, 1.5


@pytest.mark.parametrize("rule", ["full", "highest", "paper", "any"])
def test_of_equals_the_first_to_arrive_stays(cell: Cell, rule: Rule) -> None:
    assert incumbent(cell([(9, 0.5), (9, 0.5)]), rule, TOP)["seq"].tolist() == [0, 0]


def test_order_of_arrival_is_seq_not_the_order_of_rows(cell: Cell) -> None:
    frame = cell(GOLDEN)
    shuffled = frame.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(
        incumbent(shuffled, "highest", TOP), incumbent(frame, "highest", TOP)
    )


@pytest.mark.parametrize("loss", [NAN, 0.1])
@pytest.mark.parametrize("rule", ["full", "highest", "paper", "any"])
def test_a_failed_report_is_no_incumbent_not_even_before_any_success(
    cell: Cell, rule: Rule, loss: float
) -> None:
    frame = cell([(9, loss), (9, 0.5), (9, loss)], status=["failed", "ok", "diverged"])
    same(values(frame, rule), [NAN, 0.5, 0.5])
    assert chosen(cell([(9, loss)] * 2, status=["failed"] * 2), rule, TOP).tolist() == [-1, -1]


@pytest.mark.parametrize("rule", ["highest", "paper", "any", "full"])
def test_a_failed_report_never_takes_over_from_a_success(cell: Cell, rule: Rule) -> None:
    # even at a higher level, and even were its stand-in loss the lower one
    frame = cell([(1, 0.5), (9, 0.1)], status=["ok", "failed"])
    same(values(frame, rule), [NAN, NAN] if rule == "full" else [0.5, 0.5])


def test_a_non_finite_loss_is_never_the_incumbent(cell: Cell) -> None:
    same(values(cell([(9, NAN), (9, -math.inf), (9, 0.5)]), "full"), [NAN, NAN, 0.5])


def test_refuses_two_cells_an_unknown_rule_and_a_wrong_ladder(cell: Cell) -> None:
    two = pd.concat([cell([(9, 0.1)]), cell([(9, 0.2)], seed=1)])
    with pytest.raises(ValueError, match="one cell"):
        incumbent(two, "full", TOP)
    with pytest.raises(UsageError, match="no such rule"):
        incumbent(cell([(9, 0.1)]), "best", TOP)  # type: ignore[arg-type]
    with pytest.raises(StudyError, match="level 9 lies above the 3 units"):
        incumbent(cell([(9, 0.1)]), "full", 3)


def test_every_rule_is_described_in_a_line_that_fits_a_panel() -> None:
    assert all(0 < len(text) <= 45 for text in RULES.values())


@settings(max_examples=50, deadline=None)
@given(reports=REPORTS)
def test_any_and_full_never_rise(cell: Cell, reports: list[tuple[int, float]]) -> None:
    for rule in ("any", "full", "paper"):
        found = np.asarray(values(cell(reports), rule))
        assert not np.any(np.diff(found[np.isfinite(found)]) > 0)


@settings(max_examples=50, deadline=None)
@given(reports=REPORTS)
def test_path_free_rules_equal_their_definition_on_every_prefix(
    cell: Cell, reports: list[tuple[int, float]]
) -> None:
    frame = cell(reports)
    prefixes = [list(enumerate(reports[: i + 1])) for i in range(len(reports))]
    full = [[(loss, i) for i, (lv, loss) in p if lv == TOP] for p in prefixes]
    same(values(frame, "full"), [min(p)[0] if p else NAN for p in full])
    same(values(frame, "any"), [min(loss for _, (_, loss) in p) for p in prefixes])
    highest = [min((-lv, loss, i) for i, (lv, loss) in p)[2] for p in prefixes]
    assert incumbent(frame, "highest", TOP)["seq"].tolist() == highest


@settings(max_examples=50, deadline=None)
@given(reports=REPORTS, rule=st.sampled_from(["full", "highest", "paper", "any"]), data=st.data())
def test_later_reports_change_no_earlier_incumbent(
    cell: Cell, reports: list[tuple[int, float]], rule: Rule, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(reports)))
    whole = incumbent(cell(reports), rule, TOP)
    pd.testing.assert_frame_equal(whole.head(cut), incumbent(cell(reports[:cut]), rule, TOP))


@settings(max_examples=50, deadline=None)
@given(
    reports=REPORTS,
    rule=st.sampled_from(["full", "highest", "paper", "any"]),
    data=st.data(),
)
def test_failures_never_become_incumbents(
    cell: Cell, reports: list[tuple[int, float]], rule: Rule, data: st.DataObject
) -> None:
    status = data.draw(
        st.lists(st.sampled_from(["ok", "failed"]), min_size=len(reports), max_size=len(reports))
    )
    found = incumbent(cell(reports, status=status), rule, TOP)
    assert set(found["status"].dropna()) <= {"ok"}


def one_by_one(frame: pd.DataFrame, rule: Rule) -> list[int]:
    """The rules as they are told: report by report."""
    beats = {
        "full": lambda new, held: new[1] < held[1],
        "any": lambda new, held: new[1] < held[1],
        "highest": lambda new, held: (new[0], -new[1]) > (held[0], -held[1]),
        "validated": lambda new, held: (new[0], -new[1]) > (held[0], -held[1]),
        "paper": lambda new, held: new[0] >= held[0] and new[1] < held[1],
    }[rule]
    held, found = -1, []
    reports = list(zip(frame["level"], frame["val_loss"], frame["status"], strict=True))
    for i, (level, loss, status) in enumerate(reports):
        allowed = math.isfinite(loss) and status == "ok" and (rule != "full" or level == TOP)
        if allowed and (held < 0 or beats((level, loss), reports[held][:2])):
            held = i
        found.append(held)
    return found


@settings(max_examples=200, deadline=None)
@given(
    reports=REPORTS,
    statuses=st.lists(st.sampled_from(["ok", "ok", "failed", "diverged"]), min_size=30),
    undefined=st.sets(st.integers(0, 29), max_size=4),
    rule=st.sampled_from(sorted(RULES)),
)
def test_each_rule_is_its_own_loop(
    cell: Cell,
    reports: list[tuple[int, float]],
    statuses: list[str],
    undefined: set[int],
    rule: Rule,
) -> None:
    told = [(level, NAN if i in undefined else loss) for i, (level, loss) in enumerate(reports)]
    frame = cell(told, status=statuses[: len(told)])
    assert chosen(frame, rule, TOP).tolist() == one_by_one(frame, rule)


@settings(max_examples=100, deadline=None)
@given(
    reports=REPORTS,
    statuses=st.lists(st.sampled_from(["ok", "ok", "failed"]), min_size=30, max_size=30),
    rule=st.sampled_from(sorted(RULES)),
    shuffle=st.integers(0, 3),
)
def test_a_trace_is_the_incumbents_values(
    cell: Cell,
    reports: list[tuple[int, float]],
    statuses: list[str],
    rule: Rule,
    shuffle: int,
) -> None:
    n = len(reports)
    frame = cell(
        reports,
        status=statuses[:n],
        true=[10.0 - loss for _, loss in reports],
        seconds=[0.5 * i for i in range(n)],
    )
    rows = frame.sample(frac=1, random_state=shuffle)
    found, told = trace(rows, rule, TOP), incumbent(rows, rule, TOP)
    for name in ("full_evals", "virtual_seconds", "value"):
        np.testing.assert_array_equal(getattr(found, name), told[name].to_numpy())
    held = told["seq"].astype("float64").fillna(-1)
    np.testing.assert_array_equal(found.held, held)
    known = found.held >= 0
    losses = np.array([loss for _, loss in reports])
    plotted = 10.0 - losses if rule == "validated" else losses
    np.testing.assert_array_equal(found.value[known], plotted[found.held[known]])
    assert np.isnan(found.value[~known]).all()
