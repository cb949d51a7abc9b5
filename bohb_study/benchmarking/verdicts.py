"""What measurements say when they are put side by side."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from bohb_study.benchmarking.cases import Case, Cost, Measured

AT_WORKERS = 4
"""Where budgets grow and where the peer is compared."""
PEER_WORKERS, PEER_BUDGET = AT_WORKERS, 50.0
REAL_WORKERS, REAL_BUDGET = 1, 2.0
"""One worker, where real Ray Tune gives the same rows."""
MAIN_TASK, MAIN_METHODS, MAIN_WORKERS = "digits", ("grid", "random", "asha", "bohb"), 1
"""The comparison that ``make compare`` runs."""
MAIN_BUDGET = 5.0
"""A tenth of what ``make compare`` spends."""
PEER_METHODS = ("random", "asha", "bohb")
GROWTH_LIMIT = 1.5
PEER_LIMITS = {"random": 4.0, "asha": 7.0, "bohb": 20.0}

Rate = Literal["reports", "trials"]


@dataclass(frozen=True)
class Verdict:
    """A ratio of two measurements and what it should be."""

    what: str
    ratio: float
    limit: float | None
    """None: no demand is made."""
    at_most: bool
    """Whether ``limit`` is the most or the least that is asked for."""

    @property
    def passes(self) -> bool:
        """Whether the limit is kept."""
        if self.limit is None:
            return True
        return self.ratio <= self.limit if self.at_most else self.ratio >= self.limit

    def __str__(self) -> str:
        """The verdict in one line."""
        if self.limit is None:
            return f"{self.what}: {self.ratio:.4g}"
        bound = "at most" if self.at_most else "at least"
        missed = "" if self.passes else ": MISSED"
        return f"{self.what}: {self.ratio:.2f} ({bound} {self.limit:g}){missed}"


def cases(
    methods: Iterable[str], workers: Iterable[int], budgets: Iterable[float], peer: bool
) -> list[Case]:
    """Every number of workers at the least budget, and every budget at ``AT_WORKERS``.

    Where ``AT_WORKERS`` is not among the workers, budgets grow at the first of them. With
    ``peer``, each of its cases follows the case that it is compared with.
    """
    workers, budgets = list(workers), sorted(budgets)
    at = AT_WORKERS if AT_WORKERS in workers else workers[0]
    found: list[Case] = []
    for method in methods:
        own = [Case("virtual", method, count, budgets[0]) for count in workers]
        own += [Case("virtual", method, at, budget) for budget in budgets[1:]]
        if peer and method in PEER_METHODS:
            pair = Case("virtual", method, PEER_WORKERS, PEER_BUDGET)
            own = [case for case in own if case != pair] + [pair, replace(pair, runner="syne-tune")]
        found += own
    return found


def native_cases(methods: Iterable[str], budget: float) -> list[Case]:
    """Pairs that differ in their numerics alone: on the engine's task, and of the main job.

    Args:
        methods: of the engine's task.
        budget: full evaluations of each there.
    """
    portable = [Case("virtual", method, MAIN_WORKERS, budget) for method in methods]
    portable += [
        Case("virtual", method, MAIN_WORKERS, MAIN_BUDGET, task=MAIN_TASK)
        for method in MAIN_METHODS
    ]
    return [case for one in portable for case in (one, replace(one, numerics="native"))]


def against_native(measured: Mapping[Case, Measured]) -> list[Verdict]:
    """What portable numerics cost: CPU time of a cell, portable over native."""
    found = []
    for case in measured:
        if case.numerics == "native":
            ours, native = measured[replace(case, numerics="portable")], measured[case]
            ratio = ours.least.cpu_seconds / native.least.cpu_seconds
            what = f"{case.task}, {case.method}: CPU time, portable / native numerics"
            found.append(Verdict(what, ratio, None, at_most=True))
    return found


def growth(measured: Mapping[Case, Measured]) -> list[Verdict]:
    """CPU time a report at the largest budget, relative to the least, by method."""
    found = []
    for method in dict.fromkeys(case.method for case in measured):
        own = [c for c in measured if c.runner == "virtual" and c.method == method]
        for workers in dict.fromkeys(case.workers for case in own):
            grown = sorted((c for c in own if c.workers == workers), key=lambda c: c.budget)
            small, large = grown[0], grown[-1]
            if small == large:
                continue
            ratio = measured[large].least.microseconds / measured[small].least.microseconds
            what = f"{method}: cost per report at {large.budget:g} / at {small.budget:g}"
            found.append(Verdict(what, ratio, GROWTH_LIMIT, at_most=True))
    return found


def against_peer(measured: Mapping[Case, Measured]) -> list[Verdict]:
    """Ours over theirs: reports/s where no trial stops early, trials/s where trials do."""
    found = []
    for case in measured:
        if case.runner == "syne-tune":
            ours = measured[replace(case, runner="virtual")].least
            rate: Rate = "reports" if case.method == "random" else "trials"
            ratio = _rate(ours, rate) / _rate(measured[case].least, rate)
            what = f"{case.method}: {rate} per CPU second, virtual / Syne Tune"
            found.append(Verdict(what, ratio, PEER_LIMITS[case.method], at_most=False))
    return found


def _rate(cost: Cost, rate: Rate) -> float:
    return cost.reports_per_second if rate == "reports" else cost.trials_per_second


def against_real(measured: Mapping[Case, Measured]) -> list[Verdict]:
    """Reports per second of wall time, virtual over real Ray Tune."""
    found = []
    for case in measured:
        if case.runner == "tune":
            ours, real = measured[replace(case, runner="virtual")], measured[case]
            ratio = _per_wall(ours) / _per_wall(real)
            what = f"{case.method}: reports per second of wall time, virtual / real Ray Tune"
            found.append(Verdict(what, ratio, None, at_most=False))
    return found


def _per_wall(measured: Measured) -> float:
    return max(run.reports / run.wall_seconds for run in measured.runs)
