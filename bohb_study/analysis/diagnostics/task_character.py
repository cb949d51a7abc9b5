"""The character of a task: what about it decides which method fits, computed from random draws.

Everything is of random configurations, which no method has selected, evaluated at every rung off
any ledger. Shares of variance and noise are of *positions*: where a loss stands among those of the
random configurations, from 0 (best) to 1 (worst). Losses themselves have tails that would decide
every variance, and a search goes by their order.
"""

from dataclasses import dataclass

import numpy as np

from bohb_study.analysis.diagnostics.fanova import VarianceShares, positions, variance_shares
from bohb_study.analysis.diagnostics.rung_correlation import WithTop, correlations_with_top
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError
from bohb_study.seeding import derive

RATIO_ENDS = (0.05, 0.95)
"""Quantiles of modelled over measured seconds that are shown."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Random configurations of one task and what came of them: n of them, r rungs."""

    task: str
    seed: int
    """The study's."""
    levels: tuple[int, ...]
    """Of the rungs, ascending, in units; the top last."""
    names: tuple[str, ...]
    """Hyperparameters that vary, shape (d,)."""
    categories: tuple[int, ...]
    """Choices of each, 0 of a number."""
    points: Floats
    """Configurations as numbers, shape (n, d); see ``tasks.random_sample``."""
    marginal: Floats
    """Draws that say how each hyperparameter is distributed, shape (m, d)."""
    losses: Floats
    """Shape (n, r); infinite where an evaluation diverged or failed."""
    repeats: Floats
    """Losses at the top of some of the first configurations, evaluated again, shape (k, t)."""
    modelled: Floats
    """Modelled seconds of each rung from scratch, shape (n, r)."""
    measured: Floats
    """Measured seconds of a full evaluation, shape (n,); NaN where unknown or not to be compared,
    as where nothing is trained."""


@dataclass(frozen=True)
class Costs:
    """What evaluations cost, in seconds of one core."""

    shares: tuple[float, ...]
    """Modelled seconds of each rung from scratch over those of the top, as means."""
    modelled: float
    """Mean modelled seconds of a full evaluation."""
    measured: float | None
    """Mean measured seconds of one that succeeded; None where nothing is trained."""
    ratio: tuple[float, float, float] | None
    """Modelled over measured: median, 5 % and 95 % quantile over configurations."""


@dataclass(frozen=True)
class TaskCharacter:
    """What was computed of one task."""

    task: str
    seed: int
    configs: int
    """Distinct random configurations."""
    levels: tuple[int, ...]
    hyperparameters: tuple[str, ...]
    rungs: tuple[WithTop, ...]
    """Rank correlation of each rung with the top; none of a single fidelity."""
    shares: VarianceShares | None
    """None where configurations were too few for a forest, or all alike."""
    failures: float
    """Share of the configurations whose full evaluation diverged or failed."""
    noise: float | None
    """Standard deviation of the position over evaluations of the same configuration, over that
    between configurations: 0 where nothing is random, 1 where an evaluation says nothing."""
    repeated: tuple[int, int]
    """Configurations that were evaluated again, and how often each."""
    costs: Costs

    @property
    def lowest(self) -> WithTop | None:
        """The lowest rung against the top; None of a single fidelity."""
        return self.rungs[0] if self.rungs else None

    @property
    def best_single(self) -> float | None:
        """Share of the variance that the best single hyperparameter explains."""
        return max(self.shares.single) if self.shares else None


def character_of(draws: Draws) -> TaskCharacter:
    """All that is said of a task.

    Raises:
        StudyError: there are fewer than two configurations.
    """
    n = len(draws.points)
    if n < 2:
        raise StudyError(f"{draws.task}: one configuration has no character")
    task, seed, top = draws.task, draws.seed, draws.losses[:, -1]
    return TaskCharacter(
        task,
        seed,
        n,
        draws.levels,
        draws.names,
        tuple(correlations_with_top(draws.losses, draws.levels, task, seed)),
        variance_shares(
            draws.points,
            positions(top),
            draws.marginal,
            draws.categories,
            derive("forest", task, seed),
        ),
        float(np.mean(~np.isfinite(top))),
        noise(top, draws.repeats),
        (draws.repeats.shape[0], draws.repeats.shape[1]),
        _costs(draws),
    )


def noise(top: Floats, repeats: Floats) -> float | None:
    """How far positions of one configuration spread, over how far those of all do.

    Args:
        top: losses at full fidelity, shape (n,); infinite where there is none.
        repeats: of the first k configurations, evaluated t times again, shape (k, t).

    Returns:
        The ratio of standard deviations; None without repeats, or where all losses are equal.
    """
    between = float(np.std(positions(top), ddof=1))
    if not repeats.size or not between:
        return None
    k = len(repeats)
    every = np.column_stack([top[:k], repeats])
    ordered = np.sort(top)
    # as ``positions`` has it; half-way between two where it is equal to none
    left = np.searchsorted(ordered, every, side="left")
    right = np.searchsorted(ordered, every, side="right")
    places = np.clip((left + right - 1) / 2, 0, len(top) - 1)
    within = np.var(places / (len(top) - 1), axis=1, ddof=1)
    return float(np.sqrt(within.mean())) / between


def _costs(draws: Draws) -> Costs:
    whole, measured = draws.modelled[:, -1], draws.measured
    shares = draws.modelled.mean(axis=0) / whole.mean()
    known = np.isfinite(measured) & (measured > 0)
    ratio = None
    if known.any():
        ratios = whole[known] / measured[known]
        low, high = np.quantile(ratios, RATIO_ENDS)
        ratio = float(np.median(ratios)), float(low), float(high)
    return Costs(
        tuple(map(float, shares)),
        float(whole.mean()),
        float(measured[known].mean()) if known.any() else None,
        ratio,
    )
