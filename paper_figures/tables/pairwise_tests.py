"""The table of pairwise tests: one declared method against every other, at the whole budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, isnan

from bohb_study.analysis.comparisons.endpoint import (
    PAIR,
    SHARES,
    PairTest,
    TaskTests,
    over_tasks,
    task_tests,
)
from bohb_study.analysis.incumbents.retrained_losses import CHOSEN, RETRAINED
from bohb_study.analysis.statistics.aggregate import kind_of
from bohb_study.analysis.statistics.improvement import improvement
from bohb_study.analysis.statistics.power import ALPHA
from bohb_study.errors import StudyError
from bohb_study.numbers import NONE, fixed, interval, number
from bohb_study.summaries.table import Cell, Given, Table, bold, columns, row
from paper_figures.figure_study import FigureStudy
from paper_figures.registry import TableSpec
from paper_figures.toolkit import style

NAMES, NUMBERS = (
    ("task", "against"),
    ("n", "gain", "detectable", "won", "P(better)", "p", "smallest p"),
)
"""Headings of its columns."""


@dataclass(frozen=True)
class Pairwise:
    """All tests of a study."""

    tests: tuple[TaskTests, ...]
    """One a task that has both methods of the primary endpoint."""
    untested: tuple[str, ...]
    """Tasks that lack one of the two."""
    not_compared: str
    """Tasks at unequal spend, and what was spent; empty where there are none."""


def pairwise(study: FigureStudy, pair: tuple[str, str] = PAIR) -> Pairwise:
    """Test all pairs of methods on each task of a study; methods of a larger budget take no part.

    Args:
        study: the study.
        pair: the two methods of the primary endpoint.

    Raises:
        StudyError: no task has both, on none all methods had spent their budget, or methods have
            unequal seeds and that is not allowed.
    """
    not_compared, study = study.unequal_spend, study.at_equal_spend()
    methods = style.in_order(set(study.methods) - set(study.larger_budgets))
    tests, untested = [], []
    for task in study.tasks:
        own = study.frame[study.frame["task"] == task.name]
        if not set(pair) <= set(own["method"]):
            untested.append(task.name)
            continue
        tests.append(
            task_tests(
                own,
                task.top,
                task.budget,
                study.bootstrap_seed,
                pair,
                rule=study.rule,
                methods=methods,
                allow_missing=study.allow_missing,
                retrained=study.retrained.get(task.name),
            )
        )
    if not tests:
        raise StudyError(f"no task has both {' and '.join(pair)}: nothing to test")
    return Pairwise(tuple(tests), tuple(untested), not_compared)


def table(study: FigureStudy, pair: tuple[str, str] = PAIR) -> Table:
    """Every other method against the first of ``pair``, at the whole budget.

    The other comparisons of the family are counted in the notes; all of them are in
    ``TaskTests.frame``.

    Raises:
        StudyError: as ``pairwise``.
    """
    found = pairwise(study, pair)
    rows = []
    for tests in found.tests:
        own = [one for one in (tests.primary, *tests.family) if one.share == SHARES[-1]]
        own = [one for one in own if pair[0] in (one.method, one.other)]
        name = f"{tests.task}, {RETRAINED}" if tests.chosen else tests.task
        for i, one in enumerate(own):
            rows.append(row([name if not i else "", *_cells(one, pair[0])]))
        beside = [one for one in tests.chosen if pair[0] in (one.method, one.other)]
        for i, one in enumerate(beside):
            name = f"{tests.task}, {CHOSEN}" if not i else ""
            rows.append(row([name, *map(_plain, _cells(one, pair[0]))]))
    rows += _over_tasks(study, found, pair)
    name = style.line(pair[0]).label
    return Table(
        f"{name} against every other method, paired by seed, at 100 % of the budget",
        (*columns(*NAMES), *columns(*NUMBERS, align="right")),
        tuple(rows),
        tuple(_notes(study, found, pair)),
    )


def _cells(one: PairTest, method: str) -> tuple[Given, ...]:
    """A row without its task, as seen from ``method``, which may stand second in the pair."""
    swap = one.method != method
    other = style.line(one.method if swap else one.other).label
    won = 1 - one.wins if swap else one.wins
    probable = [one.probability, one.low, one.high]
    if swap:
        probable = [1 - one.probability, 1 - one.high, 1 - one.low]
    gain = [one.gain, one.gain_low, one.gain_high]
    if swap:
        gain = [-one.gain, -one.gain_high, -one.gain_low]
    p = f"{one.adjusted:.2g}"
    return (
        bold(other) if one.primary else other,
        str(one.nonzero),
        interval(*gain, sign=True),
        number(one.detectable, 3) if isfinite(one.detectable) else NONE,
        f"{100 * won:.0f} %",
        _spread(probable),
        bold(p) if one.adjusted <= ALPHA else p,
        f"{one.smallest:.2g}" + (" !" if one.smallest > ALPHA else ""),
    )


def _plain(given: Given) -> Given:
    """The same cell, not bold: it is no test."""
    return given.text if isinstance(given, Cell) else given


def _over_tasks(
    study: FigureStudy, found: Pairwise, pair: tuple[str, str]
) -> list[tuple[Cell, ...]]:
    """The probability of improvement over all tasks, of the methods that all of them have."""
    if len(found.tests) < 2:
        return []
    losses = [tests.losses for tests in found.tests]
    common = set.intersection(*(set(own.columns) for own in losses)) - {pair[0]}
    ordered = sorted(style.in_order(common), key=lambda method: method != pair[1])
    rows = []
    for i, other in enumerate(ordered):
        mine, others = (
            [own[method].dropna().to_numpy() for own in losses] for method in (pair[0], other)
        )
        probable = improvement(mine, others, study.bootstrap_seed)
        task = f"all {len(losses)} tasks" if not i else ""
        label = style.line(other).label
        rows.append(row([task, label, *[NONE] * 4, _spread(probable), *[NONE] * 2]))
    return rows


def _spread(values: Sequence[float]) -> str:
    centre, low, high = map(fixed, values)
    return centre if isnan(values[1]) else f"{centre} [{low}, {high}]"


def _notes(study: FigureStudy, found: Pairwise, pair: tuple[str, str]) -> list[str]:
    first, second = (style.line(method).label for method in pair)
    rules = " or ".join(sorted({tests.rule for tests in found.tests}))
    sizes = sorted({len(tests.family) for tests in found.tests})
    missing = [cell for tests in found.tests for cell in tests.missing]
    seeds = sorted({tests.primary.pairs for tests in found.tests})
    shares = " and ".join(f"{100 * share:.0f} %" for share in SHARES[:-1])
    notes = [
        f"Bold name: the primary endpoint, {first} against {second}, tested at {ALPHA} without "
        "correction (Wilcoxon signed-rank, two-sided). All other pairs, and all pairs at "
        f"{shares} of the budget, are one family per task ({' or '.join(map(str, sizes))} tests): "
        f"their p is after Holm's correction. Bold p: at most {ALPHA}.",
        f"Incumbents under rule {rules}; an undefined one is worse than any defined one, and no "
        f"pair is dropped. n: pairs that differ, of {' or '.join(map(str, seeds))} seeds.",
        f"{RETRAINED.capitalize()}: at the whole budget the final configurations' validation loss "
        "in fresh trainings is compared, and tested; by the training that was chosen, which "
        "flatters the method that chose among more, stands below, without correction and not "
        "tested."
        if any(tests.chosen for tests in found.tests)
        else "",
        f"Gain: interquartile mean of the differences [{_kinds(seeds)}], positive where {first} is "
        f"better, '{NONE}' where a seed has no incumbent. "
        "Detectable: the least mean difference that these pairs would have shown with a "
        "probability of 80 % at 0.05 over the number of tests, if differences were normal with "
        f"the observed standard deviation ('{NONE}': none could, or an incumbent is undefined). "
        "Won: seeds in which it is better, ties counting one half. P(better): probability of "
        "improvement over all pairs of runs [95 % interval]; over tasks, their mean.",
        "Smallest p: the smallest value that the pairs that differ allow, number of tests x 2 / 2^n"
        + ("; '!': 0.05 cannot be reached." if _short(found) else "; 0.05 is within reach of all."),
        _holm_sentence(found),
        f"Not tested, for {found.not_compared}." if found.not_compared else "",
        f"Not tested, as one of the two is missing: {', '.join(found.untested)}."
        if found.untested
        else "",
        f"Missing cells: {', '.join(missing)}." if missing else "",
        f"Source: {study.provenance}.",
    ]
    return [note for note in notes if note]


def _kinds(seeds: Sequence[int]) -> str:
    return " or ".join(dict.fromkeys(map(kind_of, seeds)))


def _holm_sentence(found: Pairwise) -> str:
    """On which tasks the primary endpoint holds when all tasks are one family."""
    if len(found.tests) < 2:
        return ""
    adjusted = over_tasks(found.tests)
    primary = [tests.primary for tests in found.tests]
    held = [
        one.task for one in primary if adjusted[one.task, one.method, one.other, one.share] <= ALPHA
    ]
    return (
        f"After Holm's correction over the {len(primary)} tasks, p of the primary endpoint is at "
        f"most {ALPHA} on {len(held)}{': ' if held else ''}{', '.join(held)}."
    )


def _short(found: Pairwise) -> bool:
    return any(
        one.smallest > ALPHA for tests in found.tests for one in (tests.primary, *tests.family)
    )


TABLE = TableSpec("table-pairwise", table)
