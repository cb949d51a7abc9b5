"""Counting ones: the claims of the BOHB paper, and the reference values of random and Hyperband.

What is read is the paper's own quantity: the normalised noise-free regret f / d + 1 of the
incumbent under rule ``paper``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from bohb_study.analysis import BOOTSTRAP_SEED, Estimate
from bohb_study.analysis.incumbents.at_moment import incumbent_at, paired_gain
from bohb_study.numbers import fixed, stable, with_error
from bohb_study.paper.claims import (
    Claim,
    ClaimsReport,
    Verdict,
    above_zero,
    together,
    within,
    written,
)
from bohb_study.store import LoadedStudy
from bohb_study.summaries.table import Given, Table, code, columns, rows

SOURCE = "Falkner et al. 2018, section 5.1"
START, EARLY = 5.0, 10.0
"""Full evaluations that stand for "at the start" and for "early"."""
MARGIN = 0.02
"""Normalised regrets that differ by no more are alike."""
HYPERBAND, BOHB = "hpbandster-hyperband", "hpbandster-bohb"
"""The paper's own implementations."""
REFERENCE: Mapping[int, Mapping[str, Mapping[int, tuple[float, float]]]] = {
    8: {
        "random": {100: (0.1603, 0.0052), 1000: (0.0920, 0.0033)},
        HYPERBAND: {100: (0.1016, 0.0042), 1000: (0.0617, 0.0024)},
    },
    16: {
        "random": {100: (0.2490, 0.0039), 1000: (0.1836, 0.0035)},
        HYPERBAND: {100: (0.1997, 0.0041), 1000: (0.1471, 0.0031)},
    },
}
"""d -> method -> full evaluations -> mean and standard error over 64 runs, computed independently
for this project (not published)."""


def regrets(study: LoadedStudy, at: Sequence[float]) -> pd.DataFrame:
    """``incumbent_at`` as normalised noise-free regret; ``d`` beside it."""
    tasks = study.study.tasks
    tops = study.study.tops
    budget = study.study.config.budget
    found = incumbent_at(study.frame, "paper", tops, at, budget, noise_free=True)
    optimum = found["task"].map({name: task.optimum for name, task in tasks.items()})
    return found.assign(value=1 - found["value"] / optimum, d=-optimum.astype(int))


def counting_ones_report(study: LoadedStudy, reference: LoadedStudy) -> ClaimsReport:
    """The claims of the paper on ``study``, and ``reference`` beside the reference values."""
    end = float(study.study.config.budget)
    found = regrets(study, sorted({1.0, START, EARLY, 50.0, end}))
    gains = _Gains(found, BOOTSTRAP_SEED)
    means = _means(found)
    claims = (*_claims(gains, list(study.study.methods), end), *_references(reference))
    notes = (
        f"{study.study.title}: {study.study.seeds} seeds, {end:g} full "
        "evaluations (729 samples; every rung is charged in full), one worker; the paper ran 512 "
        "runs of 8,192",
        "the quantity is the paper's: normalised noise-free regret f / d + 1 (0 is best) of the "
        "incumbent under rule paper",
        "here: how much lower the first is than the second, paired by seed: interquartile mean and "
        "its 95 % bootstrap interval",
        "verdict: yes or no where the whole interval is on one side of zero (inside or outside "
        f"+-{MARGIN:g} for 'like'), else not decided; by construction: neither has a model yet, so "
        "both have drawn the same; not corrected for the number of claims",
        "BOHB and Hyperband are HpBandSter's own (hpbandster-bohb, hpbandster-hyperband); the "
        "paper's TPE is univariate; its SMAC is not compared",
    )
    numbers = {"mean and standard error of the regret": means, "reference": _measured(reference)}
    table = _table(means, list(study.study.methods), end)
    return ClaimsReport("counting-ones", claims, (table,), notes, numbers)


class _Gains:
    """Paired gains in normalised regret, by d."""

    def __init__(self, found: pd.DataFrame, seed: int) -> None:
        self._found, self._seed = found, seed
        pairs = found[["d", "task"]].drop_duplicates().sort_values("d")
        self.tasks = dict(zip(pairs["d"].tolist(), pairs["task"].tolist(), strict=True))

    def __call__(self, d: int, one: str, other: str, at: float) -> Estimate:
        return paired_gain(self._found, self.tasks[d], one, other, at, self._seed)[0]


def _alike(gain: Estimate) -> Verdict:
    """Whether two methods are alike; where no seed differs at all they had drawn the same.

    Both draw from one stream until a model exists, so that equality shows nothing but that.
    """
    if gain.centre == gain.low == gain.high == 0:
        return "by construction"
    return within(gain, MARGIN)


def _lowest(gain: Estimate) -> float:
    """By which gains are ordered: one that is not known is the least."""
    return -np.inf if np.isnan(gain.low) else stable(gain.low)


def _claims(gains: _Gains, methods: Sequence[str], end: float) -> Iterator[Claim]:
    sizes = list(gains.tasks)
    rivals = [method for method in methods if method != BOHB]

    def everywhere(claim: str, published: str, one: str, other: str, at: float) -> Claim:
        found = {f"d = {d}": gains(d, one, other, at) for d in sizes}
        return _claim(claim, published, f"{one} over {other} at {at:g}", found)

    yield everywhere(
        "Hyperband is ahead of random search early", "faster early", HYPERBAND, "random", EARLY
    )
    poor = {
        f"d = {d}": min((gains(d, m, "random", end) for m in methods if m != "random"), key=_lowest)
        for d in sizes
    }
    yield _claim(
        "random search is behind all others at the end",
        "very poor",
        f"the least gain of the others over random at {end:g}",
        poor,
    )
    like = {f"d = {d}": gains(d, BOHB, HYPERBAND, START) for d in sizes}
    yield _claim(
        "BOHB is like Hyperband at the start",
        "alike",
        f"{BOHB} over {HYPERBAND} at {START:g}",
        like,
        _alike,
    )
    yield everywhere("then BOHB is ahead of Hyperband", "ahead", BOHB, HYPERBAND, end)
    yield everywhere("TPE overtakes Hyperband", "in the end", "tpe-univariate", HYPERBAND, end)
    if 16 in sizes:
        found = {method: gains(16, BOHB, method, end) for method in rivals}
        yield _claim(
            "BOHB is best at d = 16", "in the end", f"{BOHB} over each other at {end:g}", found
        )
    if 64 in sizes:
        found = {m: gains(64, m, BOHB, end) for m in ("tpe-univariate", "tpe") if m in methods}
        yield _claim(
            "TPE beats BOHB at d = 64", "in the end", f"each over {BOHB} at {end:g}", found
        )


def _claim(
    claim: str,
    published: str,
    what: str,
    found: Mapping[str, Estimate],
    judge: Callable[[Estimate], Verdict] = above_zero,
) -> Claim:
    ours = "; ".join(f"{place}: {written(gain)}" for place, gain in found.items())
    verdicts = {place: judge(gain) for place, gain in found.items()}
    return Claim(claim, SOURCE, published, f"{what}: {ours}", together(verdicts))


def _means(found: pd.DataFrame) -> dict[str, dict[str, dict[str, list[float]]]]:
    """By d, method and full evaluations: mean and standard error over the seeds."""
    means: dict[str, dict[str, dict[str, list[float]]]] = {}
    for (d, method, at), own in found.groupby(["d", "method", "at"], sort=True):
        values = own["value"].to_numpy(dtype=np.float64)
        spread = [float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))]
        means.setdefault(str(d), {}).setdefault(str(method), {})[f"{at:g}"] = spread
    return means


def _table(
    means: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]],
    methods: Sequence[str],
    end: float,
) -> Table:
    found: list[Sequence[Given]] = []
    for d, by_method in means.items():
        for method in methods:
            cells = []
            for mean, error in by_method[method].values():
                cells.append(with_error(mean, 2 * error))
            found.append((d, code(method), *cells))
    moments = next(iter(next(iter(means.values())).values()))
    title = "Normalised noise-free regret after so many full evaluations, mean +- 2 standard errors"
    headings = (*columns("d", "method"), *columns(*moments, align="right"))
    return Table(title, headings, rows(found))


def _measured(reference: LoadedStudy) -> dict[str, dict[str, dict[str, list[float]]]]:
    return _means(regrets(reference, [100, 1000]))


def _references(reference: LoadedStudy) -> Iterator[Claim]:
    """Random and Hyperband against values that were computed independently."""
    measured = _measured(reference)
    for d, by_method in REFERENCE.items():
        for method, values in by_method.items():
            ours, verdicts = [], dict[str, Verdict]()
            for at, (mean, error) in values.items():
                here, spread = measured[str(d)][method][str(at)]
                off = (here - mean) / np.hypot(error, spread)
                ours.append(f"{with_error(here, spread)} ({fixed(off, 1, sign=True)} s.e.)")
                verdicts[f"at {at}"] = (
                    "not decided" if np.isnan(off) else "yes" if abs(off) <= 3 else "no"
                )
            yield Claim(
                f"reference value of {method}, d = {d}, at 100 / 1,000",
                "computed independently, 64 runs",
                " / ".join(with_error(mean, error) for mean, error in values.values()),
                " / ".join(ours),
                together(verdicts),
            )
