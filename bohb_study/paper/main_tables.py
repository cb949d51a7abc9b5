"""The main study's tables and their interpretation: how what was compared is written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bohb_study.analysis import Estimate, estimate, main_rule
from bohb_study.analysis.comparisons.endpoint import PairTest
from bohb_study.analysis.comparisons.families import family_of
from bohb_study.analysis.comparisons.mean_ranks import RankCurves
from bohb_study.analysis.comparisons.spending import in_words
from bohb_study.analysis.incumbents.at_moment import incumbent_at
from bohb_study.analysis.incumbents.retrained_losses import CHOSEN, RETRAINED
from bohb_study.analysis.statistics.aggregate import kind_of, label_of
from bohb_study.analysis.statistics.power import ALPHA
from bohb_study.errors import StudyError
from bohb_study.numbers import NONE, counted, fixed, stables
from bohb_study.paper.claims import Verdict, written
from bohb_study.summaries.table import Cell, Column, Given, Table, bold, code, columns, rows

METHOD = "bohb"
OTHERS = ("random", "asha", "hyperband", "hpbandster-bohb", "tpe")
"""What it is compared with, task by task; the first is the primary endpoint."""
WEAK = 0.3
"""Spearman's correlation below which a lowest rung is called a poor predictor."""


@dataclass(frozen=True)
class TaskGain:
    """How much lower ``METHOD`` ended than another method on one task."""

    test: PairTest
    """As seen from ``METHOD``."""
    p: float
    """After Holm's correction over the tasks; NaN of what is not tested."""

    @property
    def gain(self) -> Estimate:
        """Of the paired differences."""
        one = self.test
        undefined = 1 if np.isnan(one.gain) else 0
        return Estimate(
            one.gain, one.gain_low, one.gain_high, kind_of(one.pairs), label_of(one.pairs),
            one.pairs, undefined,
        )  # fmt: skip

    @property
    def verdict(self) -> Verdict:
        """Whether it is lower, by the test."""
        if not self.p <= ALPHA:
            return "not decided"
        return "yes" if self.test.better == METHOD else "no"


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


def lowest_guide(correlations: pd.DataFrame, task: str) -> float:
    """Spearman's correlation of a task's lowest rung with its top."""
    own = _guide(correlations, task).sort_values("lower")
    return round(float(own["spearman"].iloc[0]), 3)


def guide_table(correlations: pd.DataFrame, tasks: Sequence[str]) -> Table:
    """What the rungs of each task say of its top: a row a task."""
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


def spend_table(
    spent: Mapping[str, Mapping[str, float]], unequal: Mapping[str, Mapping[str, float]]
) -> Table:
    """Tasks that are not compared, and what was spent there: a row a task."""
    found = []
    for task, short in unequal.items():
        others = [share for method, share in spent[task].items() if method not in short]
        least = f"{100 * min(others):.0f} %" if others else NONE
        rest = f"{least} or more" if len(set(others)) > 1 else least
        found.append((code(task), in_words(short), rest))
    return Table(
        "Tasks that are not compared, as methods had spent unequal shares of their budget there",
        columns("task", "had spent under 90 %", "all others"),
        rows(found),
    )


def gain_table(
    gains: Sequence[TaskGain], beside: Sequence[TaskGain], tasks: Sequence[str]
) -> Table:
    """Gains and their tests: a row a task, and one of what chosen trainings would say."""
    tested = {(one.test.task, one.test.other): one for one in gains}
    other = {(one.test.task, one.test.other): one for one in beside}
    found: list[Sequence[Given]] = []
    for task in tasks:
        again = any(one.test.task == task for one in beside)
        cells = [_cell(tested.get((task, method))) for method in OTHERS]
        found.append((f"`{task}`, {RETRAINED}" if again else code(task), *cells))
        if again:
            cells = [_cell(other.get((task, method))) for method in OTHERS]
            found.append((f"`{task}`, {CHOSEN}: not tested", *cells))
    return Table(
        "By how much BOHB's incumbent is lower than that of another method at the end of the "
        "budget (paired by seed, interquartile mean [95 %], p of Wilcoxon's signed-rank test after "
        f"Holm's correction over the {len(tasks)} tasks; bold: p at most {ALPHA})",
        (Column("task"), *columns(*(f"than {other}" for other in OTHERS), align="right")),
        rows(found),
    )


def _cell(one: TaskGain | None) -> Cell:
    if one is None:
        return Cell(NONE)
    p = "" if np.isnan(one.p) else f"; p {one.p:.2g}"
    text = f"{written(one.gain)}{p}"
    return Cell(text) if one.verdict == "not decided" else bold(text)


def rank_table(title: str, ranks: RankCurves, chosen: RankCurves | None) -> Table:
    """Ranks at each share; at the end by retrained losses, with those of chosen trainings beside.

    Args:
        title: its first words.
        ranks: by which methods are compared.
        chosen: the same methods and tasks by what was chosen; None where nothing was retrained.
    """
    order = np.argsort(stables(ranks.centre[:, -1]), kind="stable").tolist()
    moments = [(ranks, ranks.at(share), f"at {100 * share:.0f} %") for share in ranks.read]
    if chosen is not None:
        own, at, words = moments[-1]
        moments[-1] = (own, at, f"{words}, {RETRAINED} where it was")
        moments.append((chosen, chosen.at(1.0), f"at 100 %, {CHOSEN}"))
    found: list[Sequence[Given]] = [
        (code(ranks.methods[i]), *(_rank(own, i, at) for own, at, _ in moments)) for i in order
    ]
    families = sorted({family_of(task) for task in ranks.by_task})
    return Table(
        f"{title} ({len(ranks.methods)} methods, {len(ranks.by_task)} tasks of {len(families)} "
        f"families: {', '.join(families)}; 1 is best, [95 %] over seeds; at a share of the budget)",
        (Column("method"), *columns(*(words for *_, words in moments), align="right")),
        rows(found),
    )


def _rank(ranks: RankCurves, method: int, at: int) -> str:
    ends = [fixed(part[method, at]) for part in (ranks.low, ranks.high)]
    return f"{fixed(ranks.centre[method, at])} [{', '.join(ends)}]"


def ranks_json(ranks: RankCurves) -> dict[str, dict[str, list[float]]]:
    """Method -> share of the budget -> mean rank and the ends of its interval."""
    at = [ranks.at(share) for share in ranks.read]
    return {
        method: {
            f"{share:g}": [float(part[i, j]) for part in (ranks.centre, ranks.low, ranks.high)]
            for share, j in zip(ranks.read, at, strict=True)
        }
        for i, method in enumerate(ranks.methods)
    }


def sentences(
    gains: Sequence[TaskGain],
    ranks: RankCurves,
    single: RankCurves,
    guides: Mapping[str, float],
    unequal: int,
) -> Iterable[str]:
    """The interpretation in sentences, by the declared tests."""
    tasks = len({one.test.task for one in gains})
    against = "; ".join(f"against {other}, {_verdicts(gains, other)}" for other in OTHERS)
    left_out = f", without {unequal} at unequal spend" if unequal else ""
    yield (
        f"On {counted(tasks, 'tasks')} with several fidelities{left_out}, BOHB's incumbent at the "
        "end of the budget is lower / undecided / higher by the declared tests, after Holm's "
        f"correction over the tasks: {against}."
    )
    early = ranks.read[0]
    end = {m: ranks.centre[i, -1] for i, m in enumerate(ranks.methods)}
    yield (
        f"Averaged over families, the best mean rank at {100 * early:.0f} % of the budget is "
        f"{_best(ranks, early)}, and at its end {_best(ranks, 1.0)}, where BOHB has "
        f"{fixed(end[METHOD])} among {len(end)} methods; over all tasks, among the "
        f"{len(single.methods)} methods that fit each of them, it is {_best(single, 1.0)}."
    )
    poor = {task: value for task, value in guides.items() if value < WEAK}
    lost = sorted({g.test.task for g in gains if g.test.other == "random" and g.verdict == "no"})
    named = ", ".join(f"{task} ({fixed(value)})" for task, value in poor.items()) or "none"
    families = len({family_of(task) for task in ranks.by_task})
    yield (
        f"Where the lowest rung hardly predicts the ranking at the top (Spearman below {WEAK}: "
        f"{named}), no gain from early stopping should be expected"
        f"{', and BOHB is behind random search on ' + ', '.join(lost) if lost else ''}; intervals "
        f"are over seeds of these tasks, and {counted(families, 'families')} are too few for a "
        "test over tasks."
    )


def optimum_sentence(
    frame: pd.DataFrame,
    tasks: Sequence[str],
    tops: Mapping[str, int],
    budgets: Mapping[str, float],
    optima: Mapping[str, float],
) -> Iterable[str]:
    """Which methods end at a known optimum, whose tasks so tell others from them no further."""
    words = []
    for task in [name for name in tasks if name in optima]:
        own = frame[frame["task"] == task]
        rule = main_rule(own)
        if rule != "validated":
            continue
        read = incumbent_at(own, rule, tops, [budgets[task]], budgets[task])
        at_it = np.isclose(read["value"], optima[task], rtol=1e-12, atol=1e-12)
        counts = pd.Series(at_it).groupby(read["method"].to_numpy()).agg(["sum", "size"])
        words += [
            f"{method}'s in {row['sum']} of {row['size']} seeds on {task}"
            for method, row in counts[counts["sum"] > 0].iterrows()
        ]
    if words:
        yield f"Incumbents that end at the optimum itself, a regret of 0: {'; '.join(words)}."


def _verdicts(gains: Sequence[TaskGain], other: str) -> str:
    found = [one.verdict for one in gains if one.test.other == other]
    return " / ".join(str(found.count(verdict)) for verdict in ("yes", "not decided", "no"))


def _best(ranks: RankCurves, share: float) -> str:
    """Who leads, and which single task the lead rests on."""
    method, rank = ranks.leader(share)
    several = len(ranks.by_task) > 1
    without = {task: ranks.leader(share, task)[0] for task in ranks.by_task if several}
    others = [f"{other}'s without {task}" for task, other in without.items() if other != method]
    rests = f", but {' and '.join(others)}" if others else ""
    return f"{method}'s ({fixed(rank)}{rests})"
