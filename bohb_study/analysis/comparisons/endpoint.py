"""Methods compared on one task, seed by seed: one primary endpoint, and everything else with it.

The primary endpoint is declared before: one pair of methods at the whole budget, tested at 0.05.
All other comparisons (other pairs, and every pair at 10 and 30 % of the budget) are one family
under Holm's correction. Undefined incumbents are worse than any defined one; no pair is dropped.

At the whole budget incumbents are compared by their retrained loss where they were retrained; what
the chosen trainings say stands beside it and is in no family. Over several tasks the primary
endpoints are one family, and all other tests another.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import rankdata, wilcoxon
from statsmodels.stats.multitest import multipletests

from bohb_study.analysis.frame_cells import require_complete
from bohb_study.analysis.incumbents.at_moment import incumbent_at, values_of
from bohb_study.analysis.incumbents.retrained_losses import CHOSEN, RETRAINED
from bohb_study.analysis.incumbents.rules import Rule, main_rule
from bohb_study.analysis.statistics.aggregate import estimate
from bohb_study.analysis.statistics.improvement import improvement
from bohb_study.analysis.statistics.power import ALPHA, detectable, smallest_p
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError

PAIR = ("bohb", "random")
"""Methods of the primary endpoint where no others are declared."""
MOST_EXACT = 50
"""Pairs up to which p is exact, as scipy has it without ties."""
SHARES = (0.1, 0.3, 1.0)
"""Of the budget, at which incumbents are compared; the last is that of the primary endpoint."""


@dataclass(frozen=True)
class PairTest:
    """``method`` against ``other`` at one moment; positive gains and shares over 1/2 favour it."""

    task: str
    method: str
    other: str
    share: float
    """Of the budget."""
    primary: bool
    pairs: int
    """Seeds that both have."""
    nonzero: int
    """Pairs with a difference; one undefined incumbent is one, two are a tie."""
    wins: float
    """Share of the seeds in which ``method`` is lower, ties counting one half."""
    gain: float
    """Interquartile mean of other - method; NaN where an incumbent is undefined."""
    gain_low: float
    """Of its interval, or of the range of the seeds; see ``aggregate.estimate``."""
    gain_high: float
    p: float
    """Wilcoxon signed-rank, two-sided."""
    adjusted: float
    """The same after Holm's correction; of the primary endpoint, p itself."""
    family: int
    """Tests that the correction is for; 1 for the primary endpoint."""
    smallest: float
    """The least ``adjusted`` that the nonzero pairs allow."""
    detectable: float
    """The least mean difference that these pairs would have shown with a probability of 80 %, in
    the unit of the loss: ``power.detectable`` times their standard deviation. Infinite where 0.05
    cannot be reached; NaN where an incumbent is undefined."""
    probability: float
    """Probability of improvement over all pairs of runs; see ``improvement``."""
    low: float
    """Of its 95 % interval; NaN under ten seeds."""
    high: float
    basis: str = CHOSEN
    """By which loss incumbents are compared: that of the training that was chosen, or retrained."""

    @property
    def better(self) -> str:
        """The method that ``p`` speaks for; empty where the seeds are even."""
        return self.method if self.wins > 0.5 else self.other if self.wins < 0.5 else ""


@dataclass(frozen=True, eq=False)
class TaskTests:
    """All comparisons on one task."""

    task: str
    rule: Rule
    primary: PairTest
    family: tuple[PairTest, ...]
    """By share, then in the order of the methods."""
    missing: tuple[str, ...]
    """``task/method/seed`` of cells that are not there; empty unless that was allowed."""
    losses: pd.DataFrame
    """At the whole budget: one row a seed, one column a method; infinite where undefined, NaN
    where the cell is missing."""
    chosen: tuple[PairTest, ...] = ()
    """The pairs at the whole budget by the chosen trainings, where ``losses`` are retrained; p is
    not corrected, as it decides nothing."""

    @property
    def frame(self) -> pd.DataFrame:
        """One row a comparison, columns as in ``PairTest``; the primary endpoint first."""
        return pd.DataFrame([asdict(one) for one in (self.primary, *self.family)])


def task_tests(
    frame: pd.DataFrame,
    top: int,
    budget: float,
    seed: int,
    pair: tuple[str, str] = PAIR,
    *,
    rule: Rule | None = None,
    methods: Sequence[str] | None = None,
    allow_missing: bool = False,
    retrained: pd.DataFrame | None = None,
) -> TaskTests:
    """Test every pair of methods on one task.

    Args:
        frame: rows of the task, in any order, without methods of a larger budget.
        top: units of one full evaluation.
        budget: full evaluations that each cell was allowed.
        seed: of the bootstrap; see ``aggregate.BOOTSTRAP_SEED``.
        pair: methods of the primary endpoint.
        rule: how incumbents are chosen; default: the task's main rule.
        methods: what is compared, in this order; default: all, sorted.
        allow_missing: pair the seeds that two methods share; the missing cells are then named.
        retrained: losses of the final configurations, from ``retrained_losses``: one row a seed,
            one column a method, among which all compared are. None: they were not retrained.

    Raises:
        StudyError: methods have unequal seeds, there is none of the pair, or no seed is shared.
    """
    if methods is not None:
        frame = frame[frame["method"].isin(methods)]
    missing = require_complete(frame, allow_missing)
    task = str(frame["task"].iloc[0])
    present = sorted(frame["method"].unique())
    for method in pair:
        if method not in present:
            raise StudyError(f"{task}: the primary endpoint needs {method}, which has no rows")
    rule = rule or main_rule(frame)
    readings = incumbent_at(frame, rule, {task: top}, [share * budget for share in SHARES], budget)
    # undefined is worse than anything; what is missing altogether stays NaN
    known = readings.assign(value=readings["value"].fillna(np.inf))
    values = {
        share: pd.DataFrame({m: values_of(known, task, m, share * budget) for m in present})
        for share in SHARES
    }
    in_order = [method for method in methods or present if method in present]
    others = [one for one in combinations(in_order, 2) if set(one) != set(pair)]
    asked = [(share, one) for share in SHARES[::-1] for one in (pair, *others)]
    sizes = [1, *[len(asked) - 1] * (len(asked) - 1)]
    end, chosen = SHARES[-1], list[PairTest]()
    bases = dict.fromkeys(SHARES, CHOSEN)
    if retrained is not None:
        chosen = [
            _compare(task, one, share, values[share], seed, size, CHOSEN)
            for (share, one), size in zip(asked, sizes, strict=True)
            if share == end
        ]
        values[end], bases[end] = retrained[present], RETRAINED
    primary, *rest = [
        _compare(task, one, share, values[share], seed, size, bases[share])
        for (share, one), size in zip(asked, sizes, strict=True)
    ]
    return TaskTests(task, rule, primary, _holm(rest), missing, values[end], tuple(chosen))


def over_tasks(tests: Sequence[TaskTests]) -> dict[tuple[str, str, str, float], float]:
    """Give p of every test after Holm's correction over all tasks: what counts over tasks go by.

    The primary endpoints are one family, all other tests of all tasks another.

    Returns:
        (task, method, other, share of the budget) -> p.
    """
    found = [_holm([one.primary for one in tests]), _holm([t for one in tests for t in one.family])]
    return {
        (one.task, one.method, one.other, one.share): one.adjusted
        for family in found
        for one in family
    }


def _compare(
    task: str,
    pair: tuple[str, str],
    share: float,
    values: pd.DataFrame,
    seed: int,
    family: int,
    basis: str,
) -> PairTest:
    """One comparison, p not yet adjusted; the primary endpoint is a family of one."""
    both = values[list(pair)].dropna().to_numpy(dtype=np.float64)
    if not len(both):
        raise StudyError(f"{task}: {' and '.join(pair)} share no seed")
    mine, others = both.T
    gains = np.sort(differences(mine, others))
    nonzero = gains[gains != 0]
    defined = bool(np.isfinite(both).all())
    p = signed_rank(nonzero)
    over = estimate(gains if defined else np.full(1, np.nan), seed)
    return PairTest(
        task,
        *pair,
        share,
        primary=family == 1,
        pairs=len(both),
        nonzero=len(nonzero),
        wins=float(np.mean((gains > 0) + 0.5 * (gains == 0))),
        gain=over.centre,
        gain_low=over.low,
        gain_high=over.high,
        p=p,
        adjusted=p,
        family=family,
        smallest=smallest_p(family, len(nonzero)),
        detectable=_least_effect(nonzero, family) if defined else float("nan"),
        **improvement([mine], [others], seed)._asdict(),
        basis=basis,
    )


def differences(mine: Floats, others: Floats) -> Floats:
    """By how much the first are lower, of shape (n,); undefined losses are infinite.

    One that is undefined is infinitely worse; two are a tie.
    """
    with np.errstate(invalid="ignore"):  # not inf - inf
        return np.where(mine == others, 0.0, others - mine)


def paired_p(mine: "pd.Series[float]", others: "pd.Series[float]") -> float:
    """Two-sided p of the signed-rank test of losses by seed, in the same order; NaN: undefined."""
    found = differences(
        np.array(mine.fillna(np.inf), dtype=np.float64),
        np.array(others.fillna(np.inf), dtype=np.float64),
    )
    return signed_rank(found[found != 0])


def signed_rank(nonzero: Floats) -> float:
    """Two-sided p of the exact Wilcoxon signed-rank test, ties sharing their mean rank.

    Each rank belongs to either sign with probability 1/2: the distribution of their sum is a
    convolution, exact with ties as well, where scipy's test goes through all 2^n signs one by one.

    Args:
        nonzero: differences other than 0, shape (n,), of which some may be infinite.
    """
    if len(nonzero) > MOST_EXACT:
        finite = np.abs(nonzero[np.isfinite(nonzero)])
        beyond = 2 * finite.max(initial=1.0)  # any value above the others has their ranks
        return float(wilcoxon(np.clip(nonzero, -beyond, beyond)).pvalue)
    twice = np.rint(2 * rankdata(np.abs(nonzero))).astype(np.int64)  # mean ranks of ties are halves
    chances = np.ones(1)
    for rank in twice:
        padded = np.pad(chances, (0, rank))
        chances = (padded + np.roll(padded, rank)) / 2
    smaller = min(twice[nonzero > 0].sum(), twice[nonzero < 0].sum())
    return min(1.0, 2 * float(chances[: smaller + 1].sum()))


def _least_effect(nonzero: Floats, family: int) -> float:
    if smallest_p(family, len(nonzero)) > ALPHA:
        return float("inf")
    # by a power of two, which changes no bit: squares of the largest losses would overflow
    scale = 2.0 ** int(np.frexp(np.abs(nonzero).max())[1])
    spread = float((nonzero / scale).std(ddof=1)) * scale
    return detectable(len(nonzero), ALPHA / family) * spread


def holm(p: Sequence[float]) -> list[float]:
    """Each p after Holm's correction for all of them."""
    return [float(one) for one in multipletests(p, method="holm")[1]] if len(p) else []


def _holm(compared: Sequence[PairTest]) -> tuple[PairTest, ...]:
    adjusted = holm([one.p for one in compared])
    return tuple(replace(one, adjusted=p) for one, p in zip(compared, adjusted, strict=True))
