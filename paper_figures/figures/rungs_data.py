"""What the figure of rungs shows, computed and not drawn: brackets, and how rungs rank alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from bohb_study.analysis import Estimate, estimate
from bohb_study.analysis.diagnostics.rung_correlation import LEAST
from bohb_study.errors import StudyError
from paper_figures.figure_study import FigureStudy
from paper_figures.toolkit import style

Band = tuple[tuple[tuple[int, int], ...], ...]
"""The kinds of bracket of a plan, the longest first: (level, trials) of each rung."""


@dataclass(frozen=True)
class RungCount:
    """How many trials were judged at one rung of one kind of bracket."""

    level: int
    planned: int
    low: int
    middle: float
    """Median over the complete brackets of all cells; ``low`` and ``high`` the extremes."""
    high: int


@dataclass(frozen=True)
class BracketPanel:
    """One method on tasks with one plan."""

    tasks: tuple[str, ...]
    method: str
    brackets: tuple[tuple[RungCount, ...], ...]
    """One a kind of bracket, the longest first."""
    complete: int
    """Brackets that are counted, over all cells."""
    verdict: Literal["as planned", "not as planned", "none complete"]


@dataclass(frozen=True)
class RungCorrelation:
    """How the configurations at one rung are ranked, compared with the top."""

    level: int
    share: float
    """Of a full evaluation."""
    spearman: Estimate


@dataclass(frozen=True)
class CorrelationLine:
    """The rungs of one task as one method saw them, or as random configurations do."""

    method: str | None
    """None: random configurations, not selected by any result."""
    rungs: tuple[RungCorrelation, ...]


@dataclass(frozen=True)
class CorrelationPanel:
    """The rank correlations of one task."""

    task: str
    lines: tuple[CorrelationLine, ...]
    source: Literal["random search", "outside the budget", "none"]
    """Where the unselected line comes from."""


def bracket_panels(study: FigureStudy) -> list[list[BracketPanel]]:
    """One row for the tasks that share a plan, one panel a method; empty where nothing is halved.

    Only complete brackets count: where the budget ended inside one, fewer trials are no departure.
    """
    brackets = study.derived_frame("brackets")
    if brackets.empty:
        return []
    by_plan: dict[tuple[tuple[int, int], ...], list[str]] = {}
    for task, own in brackets.groupby("task", sort=False):
        first = own[own["bracket"] == 0].drop_duplicates("level").sort_values("level")
        levels, planned = first["level"].astype(int).tolist(), first["planned"].astype(int).tolist()
        by_plan.setdefault(tuple(zip(levels, planned, strict=True)), []).append(str(task))
    order = [task.name for task in study.tasks]
    rows = []
    for tasks in sorted(by_plan.values(), key=lambda names: order.index(names[0])):
        own = brackets[brackets["task"].isin(tasks)]
        rows.append(
            [
                _brackets(tuple(sorted(tasks, key=order.index)), method, own)
                for method in style.in_order(set(own["method"]) - set(study.larger_budgets))
            ]
        )
    return rows


def _brackets(tasks: tuple[str, ...], method: str, counts: pd.DataFrame) -> BracketPanel:
    own = counts[(counts["method"] == method) & counts["complete"]]
    # brackets of one kind have the same lowest level; the longest begins at the lowest
    start = own.groupby(["task", "bracket"])["level"].transform("min")
    kinds = []
    for _, kind in own.groupby(start, sort=True):
        rungs = []
        for level, at in kind.groupby("level", sort=True):
            executed = np.repeat(at["executed"].to_numpy(), at["cells"].to_numpy())
            rungs.append(
                RungCount(
                    int(str(level)),
                    int(at["planned"].iloc[0]),
                    int(executed.min()),
                    float(np.median(executed)),
                    int(executed.max()),
                )
            )
        kinds.append(tuple(rungs))
    lowest = own[own["level"] == start]
    verdict: Literal["as planned", "not as planned", "none complete"] = "not as planned"
    if own.empty:
        verdict = "none complete"
    elif (own["executed"] == own["planned"]).all():
        verdict = "as planned"
    return BracketPanel(tasks, method, tuple(kinds), int(lowest["cells"].sum()), verdict)


def correlation_panels(study: FigureStudy) -> list[CorrelationPanel]:
    """How each rung ranks configurations compared with the top, a panel a task with several rungs.

    The first line of a panel is that of configurations that no result has selected: those of
    random search where they are evaluated at several rungs, else those evaluated outside the
    budget.
    """
    shown = []
    for task in study.tasks:
        own = study.derived_frame("correlations")
        own = own[(own["task"] == task.name) & (own["upper"] == task.top)] if len(own) else own
        if own.empty:
            continue
        lines = []
        random = own[(own["method"] == "random") & ~own["selected"] & ~own["off_ledger"]]
        off = own[own["off_ledger"]]
        if len(random):
            lines.append(CorrelationLine(None, _over_seeds(random, task.top, study.bootstrap_seed)))
        elif len(off):
            lines.append(CorrelationLine(None, _off_ledger(off, task.top)))
        seen = own[own["selected"] & ~own["off_ledger"] & ~own["method"].isin(study.larger_budgets)]
        for method in style.in_order(set(seen["method"])):
            mine = seen[seen["method"] == method]
            found = _over_seeds(mine, task.top, study.bootstrap_seed)
            if any(np.isfinite(rung.spearman.centre) for rung in found):
                lines.append(CorrelationLine(method, found))
        source: Literal["random search", "outside the budget", "none"] = (
            "random search" if len(random) else "outside the budget" if len(off) else "none"
        )
        if lines:
            shown.append(CorrelationPanel(task.name, tuple(lines), source))
    return shown


def _over_seeds(own: pd.DataFrame, top: int, seed: int) -> tuple[RungCorrelation, ...]:
    """The estimate over the cells of one method; NaN where a cell has too few configurations."""
    cells = own["seed"].nunique()
    found = []
    for level, at in own.groupby("lower", sort=True):
        values = np.full(cells, np.nan)  # a cell without the pair is a gap, not left out
        values[: len(at)] = at["spearman"].to_numpy(dtype=np.float64)
        low = int(str(level))
        found.append(RungCorrelation(low, low / top, estimate(values, seed)))
    return tuple(found)


def _off_ledger(own: pd.DataFrame, top: int) -> tuple[RungCorrelation, ...]:
    """The one sample of each rung, with its interval over configurations."""
    return tuple(
        RungCorrelation(
            int(row["lower"]),
            int(row["lower"]) / top,
            Estimate(
                float(row["spearman"]),
                float(row["low"]),
                float(row["high"]),
                "95 % interval",
                "mean",
                int(row["both"]),
            ),
        )
        for row in own.sort_values("lower").to_dict("records")
    )


def require(brackets: Sequence[object], correlations: Sequence[object]) -> None:
    """Raise StudyError where there is neither a bracket nor a pair of rungs to show."""
    if not brackets and not correlations:
        raise StudyError(
            "neither complete brackets nor correlations between rungs are known: each task has a "
            "single fidelity, the budget ended inside the first bracket, or fewer than "
            f"{LEAST} configurations reached two rungs"
        )
