"""What the figure of ranks shows, computed and not drawn."""

from dataclasses import dataclass

from bohb_study.analysis import Rule, main_rule
from bohb_study.analysis.comparisons.friedman import BlockTests, block_tests
from bohb_study.analysis.comparisons.mean_ranks import RankCurves, common_methods, rank_curves
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError
from paper_figures.figure_study import FigureStudy


@dataclass(frozen=True, eq=False)
class Ranks:
    """Everything that the figure of ranks draws."""

    curves: RankCurves
    x: Floats
    """Moments, shape (g,)."""
    x_label: str
    rules: tuple[Rule, ...]
    """Under which incumbents were chosen, each once."""
    families: tuple[str, ...]
    not_ranked: tuple[str, ...]
    """Methods that some task lacks; methods of a larger budget are not among them."""
    tests: BlockTests | str
    """Or the reason why there are none."""
    left_out: str
    """Tasks that are not compared, and why; empty where all are."""
    retrained: tuple[str, ...]
    """Tasks ranked at the end by retrained losses."""


def ranks(study: FigureStudy) -> Ranks:
    """Rank the methods that every task of the study has.

    Raises:
        StudyError: there are no rows, fewer than two methods on all tasks, seconds are asked for,
            methods have unequal seeds and that is not allowed, or on no task all had spent their
            budget.
    """
    if study.frame.empty:
        raise StudyError("no rows: nothing to rank")
    if study.axis == "virtual_seconds":
        raise StudyError("ranks are taken along full evaluations: cells end at other seconds")
    left_out, study = study.unequal_spend, study.at_equal_spend()
    methods = common_methods(study.frame, study.larger_budgets)
    if len(methods) < 2:
        raise StudyError("ranks need two methods that every task has; choose fewer tasks")
    frame = study.frame[study.frame["method"].isin(methods)]
    budgets = {task.name: task.budget for task in study.tasks}
    curves = rank_curves(
        frame,
        {task.name: task.top for task in study.tasks},
        budgets,
        study.bootstrap_seed,
        rule=study.rule,
        allow_missing=study.allow_missing,
        retrained=study.retrained,
    )
    alike = len(set(budgets.values())) == 1
    workers = f", {study.workers} workers (order of arrival)" if study.workers > 1 else ""
    rules = {study.rule or main_rule(own) for _, own in frame.groupby("task")}
    return Ranks(
        curves,
        curves.shares * (study.tasks[0].budget if alike else 100.0),
        ("full evaluations" if alike else "share of the budget in %") + workers,
        tuple(sorted(rules)),
        tuple(sorted({task.family for task in study.tasks})),
        tuple(sorted(set(study.methods) - set(methods) - set(study.larger_budgets))),
        block_tests(curves.final),
        left_out,
        tuple(study.retrained),
    )
