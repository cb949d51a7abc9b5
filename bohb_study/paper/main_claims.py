"""The main study: what was found on all tasks, beside the rank agreement of their fidelities.

Nothing is claimed by a test over tasks: there are too few families for one. Verdicts on a task
follow from the whole interval of the paired differences between two methods.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd

from bohb_study.analysis import Estimate, bootstrap_seed, estimate, main_rule
from bohb_study.analysis.comparisons.families import family_of
from bohb_study.analysis.comparisons.mean_ranks import RankCurves, common_methods, rank_curves
from bohb_study.analysis.diagnostics.rung_correlation import correlation_frame
from bohb_study.analysis.frame_cells import narrow
from bohb_study.analysis.incumbents.at_moment import incumbent_at, paired_gain
from bohb_study.errors import StudyError
from bohb_study.numbers import NONE, fixed, stable, stables
from bohb_study.paper.claims import ClaimsReport, Verdict, above_zero, written
from bohb_study.store import LoadedStudy
from bohb_study.store.joining import join
from bohb_study.store.sidecars.derived_frames import read_derived
from bohb_study.summaries.table import Cell, Column, Given, Table, bold, code, columns, rows

METHOD = "bohb"
OTHERS = ("random", "asha", "hyperband", "hpbandster-bohb", "tpe")
"""What it is compared with, task by task."""
SHARES = (0.1, 0.3, 1.0)
"""Of the budget, at which ranks are printed."""
WEAK = 0.3
"""Spearman's correlation below which a lowest rung is called a poor predictor."""


@dataclass(frozen=True)
class TaskGain:
    """How much lower ``METHOD`` ended than another method on one task."""

    task: str
    other: str
    gain: Estimate
    wins: float

    @property
    def verdict(self) -> Verdict:
        """Whether it is lower, by the whole interval."""
        return above_zero(self.gain)


def main_report(*studies: LoadedStudy) -> ClaimsReport:
    """Results over all tasks, from the packed studies of group ``main``.

    Args:
        studies: in the order of ``STUDIES``; those with several workers are left to a figure.

    Raises:
        StudyError: cells are missing, or a task's rank correlations are.
    """
    compared = [study for study in studies if not study.study.name.startswith("workers")]
    frame = join(_without_larger_budgets(study) for study in compared)
    tops = {name: top for study in compared for name, top in study.study.tops.items()}
    budgets = {name: study.study.config.budget for study in compared for name in study.study.tasks}
    seed = bootstrap_seed(" ".join(study.study.id for study in compared))
    correlations = pd.concat(
        [correlation_frame([])]
        + [
            stored["correlations"]
            for study in compared
            if "correlations" in (stored := read_derived(study.path, study.study.id))
        ],
        ignore_index=True,
    )
    with_bohb = sorted(frame.loc[frame["method"] == METHOD, "task"].unique())
    gains = list(
        chain.from_iterable(_gains(frame, task, tops, budgets, seed) for task in with_bohb)
    )
    ladders = frame[frame["task"].isin(with_bohb)]
    ranks = rank_curves(ladders, tops, budgets, seed)
    single = rank_curves(_common(frame), tops, budgets, seed)
    guides = {task: _lowest(correlations, task) for task in with_bohb}
    return ClaimsReport(
        "main",
        claims=(),
        tables=(
            _guide_table(correlations, with_bohb),
            _gain_table(gains, guides),
            _rank_table("Mean ranks on tasks with several fidelities", ranks),
            _rank_table("Mean ranks of the methods that fit every task", single),
        ),
        notes=tuple(_sentences(gains, ranks, single, guides)),
        numbers={
            "gains": [
                {
                    "task": one.task,
                    "other": one.other,
                    "gain": one.gain.centre,
                    "low": one.gain.low,
                    "high": one.gain.high,
                    "wins": one.wins,
                    "verdict": one.verdict,
                }
                for one in gains
            ],
            "lowest_rung": guides,
            "ranks": _ranks_json(ranks),
            "ranks_every_task": _ranks_json(single),
        },
    )


def _without_larger_budgets(study: LoadedStudy) -> pd.DataFrame:
    return narrow(study.frame[~study.frame["method"].isin(study.larger_budgets)])


def _common(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the methods that every task has."""
    kept: pd.DataFrame = frame[frame["method"].isin(common_methods(frame))]
    return kept


def _gains(
    frame: pd.DataFrame, task: str, tops: dict[str, int], budgets: dict[str, float], seed: int
) -> Iterable[TaskGain]:
    own = frame[frame["task"] == task]
    budget = budgets[task]
    readings = incumbent_at(own, main_rule(own), tops, [budget], budget)
    for other in OTHERS:
        if other in set(own["method"]):
            yield TaskGain(task, other, *paired_gain(readings, task, METHOD, other, budget, seed))


def _guide(correlations: pd.DataFrame, task: str) -> pd.DataFrame:
    """Each rung against the top over random configurations: ``lower``, and an interval."""
    own = correlations[(correlations["task"] == task) & ~correlations["selected"]]
    own = own[own["upper"] == own["upper"].max()]
    if own.empty:
        raise StudyError(f"{task}: its rank correlations are not beside the packed study")
    if own["off_ledger"].any():
        chosen: pd.DataFrame = own[own["off_ledger"]]
        return chosen.filter(["lower", "spearman", "low", "high"])
    # on a curve, of what random search trained: a correlation a seed
    rows = []
    for lower, cells in own[own["method"] == "random"].groupby("lower"):
        found = estimate(cells["spearman"].to_numpy(dtype=np.float64), 0)
        rows.append((lower, found.centre, found.low, found.high))
    return pd.DataFrame(rows, columns=["lower", "spearman", "low", "high"])


def _lowest(correlations: pd.DataFrame, task: str) -> float:
    own = _guide(correlations, task).sort_values("lower")
    return round(float(own["spearman"].iloc[0]), 3)


def _guide_table(correlations: pd.DataFrame, tasks: Sequence[str]) -> Table:
    found = []
    for task in tasks:
        own = _guide(correlations, task).sort_values("lower")
        words = [
            f"{row['lower']}: {fixed(row['spearman'])} [{fixed(row['low'])}, {fixed(row['high'])}]"
            for row in own.to_dict("records")
        ]
        found.append((code(task), words[0], words[-1]))
    return Table(
        "Rank agreement between rungs: Spearman's correlation with the top rung, over random "
        "configurations",
        columns("task", "lowest rung", "rung below the top"),
        rows(found),
    )


def _gain_table(gains: Sequence[TaskGain], guides: dict[str, float]) -> Table:
    by_pair = {(one.task, one.other): one for one in gains}
    found = [
        (code(task), *(_cell(by_pair.get((task, other))) for other in OTHERS)) for task in guides
    ]
    return Table(
        "By how much BOHB's incumbent is lower than that of another method at the end of the "
        "budget (paired by seed, interquartile mean [95 %]; bold: the whole interval is on one "
        "side of 0)",
        (Column("task"), *columns(*(f"than {other}" for other in OTHERS), align="right")),
        rows(found),
    )


def _cell(one: TaskGain | None) -> Cell:
    if one is None:
        return Cell(NONE)
    text = written(one.gain)
    return Cell(text) if one.verdict == "not decided" else bold(text)


def _rank_table(title: str, ranks: RankCurves) -> Table:
    at = [_at(ranks, share) for share in SHARES]
    order = np.argsort(stables(ranks.centre[:, -1]), kind="stable")
    found: list[Sequence[Given]] = [
        (
            code(ranks.methods[i]),
            *(
                f"{fixed(ranks.centre[i, j])} [{fixed(ranks.low[i, j])}, {fixed(ranks.high[i, j])}]"
                for j in at
            ),
        )
        for i in order
    ]
    families = sorted({family_of(str(task)) for task in ranks.final.index})
    return Table(
        f"{title} ({len(ranks.methods)} methods, {len(ranks.final)} tasks of {len(families)} "
        f"families: {', '.join(families)}; 1 is best, [95 %] over seeds)",
        (
            Column("method"),
            *columns(*(f"at {100 * share:.0f} % of the budget" for share in SHARES), align="right"),
        ),
        rows(found),
    )


def _ranks_json(ranks: RankCurves) -> dict[str, dict[str, list[float]]]:
    at = [_at(ranks, share) for share in SHARES]
    return {
        method: {
            f"{share:g}": [float(part[i, j]) for part in (ranks.centre, ranks.low, ranks.high)]
            for share, j in zip(SHARES, at, strict=True)
        }
        for i, method in enumerate(ranks.methods)
    }


def _sentences(
    gains: Sequence[TaskGain], ranks: RankCurves, single: RankCurves, guides: dict[str, float]
) -> Iterable[str]:
    """The interpretation in three sentences, by rules that were fixed before the results."""
    against = "; ".join(f"against {other}, {_verdicts(gains, other)}" for other in OTHERS)
    yield (
        f"Of {len(guides)} tasks with several fidelities, BOHB's incumbent at the end of the "
        f"budget is lower / undecided / higher by the whole interval: {against}."
    )
    end = {m: ranks.centre[i, -1] for i, m in enumerate(ranks.methods)}
    early = {m: ranks.centre[i, _at(ranks, SHARES[0])] for i, m in enumerate(ranks.methods)}
    alone = {m: single.centre[i, -1] for i, m in enumerate(single.methods)}
    yield (
        f"Averaged over families, the best mean rank at {100 * SHARES[0]:.0f} % of the budget is "
        f"{_best(early)} and at its end {_best(end)}, where BOHB has {fixed(end[METHOD])} among "
        f"{len(end)} methods; over all tasks, among the {len(alone)} methods that fit each of "
        f"them, it is {_best(alone)}."
    )
    poor = {task: value for task, value in guides.items() if value < WEAK}
    lost = sorted({g.task for g in gains if g.other == "random" and g.verdict == "no"})
    named = ", ".join(f"{task} ({fixed(value)})" for task, value in poor.items()) or "none"
    families = len({family_of(str(task)) for task in ranks.final.index})
    yield (
        f"Where the lowest rung hardly predicts the ranking at the top (Spearman below {WEAK}: "
        f"{named}), no gain from early stopping should be expected"
        f"{', and BOHB is behind random search on ' + ', '.join(lost) if lost else ''}; intervals "
        f"are over seeds of these tasks, and {families} families are too few for a test over tasks."
    )


def _at(ranks: RankCurves, share: float) -> int:
    return int(np.abs(ranks.shares - share).argmin())


def _verdicts(gains: Sequence[TaskGain], other: str) -> str:
    found = [one.verdict for one in gains if one.other == other]
    return " / ".join(str(found.count(verdict)) for verdict in ("yes", "not decided", "no"))


def _best(ranks: dict[str, float]) -> str:
    method = min(ranks, key=lambda name: stable(ranks[name]))
    return f"{method}'s ({fixed(ranks[method])})"
