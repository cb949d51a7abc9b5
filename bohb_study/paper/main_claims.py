"""The main study: what was found on all tasks, beside the rank agreement of their fidelities.

Tasks are compared where every method had spent its budget. What is bold and what is counted goes by
the declared tests (``comparisons.endpoint``), after Holm's correction over the tasks; final
configurations that were retrained are compared by what they were then worth. Nothing is claimed by
a test over families: there are too few.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from bohb_study.analysis import BOOTSTRAP_SEED
from bohb_study.analysis.comparisons.endpoint import SHARES, over_tasks, task_tests
from bohb_study.analysis.comparisons.mean_ranks import RankCurves, common_methods, rank_curves
from bohb_study.analysis.comparisons.spending import spent_shares, underspent
from bohb_study.analysis.diagnostics.rung_correlation import correlation_frame
from bohb_study.analysis.frame_cells import narrow
from bohb_study.analysis.incumbents.retrained_losses import retrained_losses
from bohb_study.errors import StudyError
from bohb_study.paper.claims import ClaimsReport
from bohb_study.paper.main_tables import (
    METHOD,
    OTHERS,
    TaskGain,
    gain_table,
    guide_table,
    lowest_guide,
    optimum_sentence,
    rank_table,
    ranks_json,
    sentences,
    spend_table,
)
from bohb_study.store import LoadedStudy, finals_frame, read_finals
from bohb_study.store.joining import join
from bohb_study.store.sidecars.derived_frames import read_derived


def main_report(*studies: LoadedStudy) -> ClaimsReport:
    """Results over all tasks, from the packed studies of group ``main``.

    Args:
        studies: in the order of ``STUDIES``; those with several workers are left to a figure.

    Raises:
        StudyError: cells are missing, or a task's rank correlations are, or no task is at equal
            spend.
    """
    compared = [study for study in studies if not study.study.name.startswith("workers")]
    frame = join(_without_larger_budgets(study) for study in compared)
    tops = {name: top for study in compared for name, top in study.study.tops.items()}
    budgets = {name: study.study.config.budget for study in compared for name in study.study.tasks}
    correlations = pd.concat(
        [correlation_frame([])]
        + [
            stored["correlations"]
            for study in compared
            if "correlations" in (stored := read_derived(study.path, study.study.id))
        ],
        ignore_index=True,
    )
    optima = {
        name: task.optimum
        for study in compared
        for name, task in study.study.tasks.items()
        if task.optimum is not None
    }
    spent = {task: own for study in compared for task, own in _spent(study).items()}
    unequal = {task: own for task, shares in spent.items() if (own := underspent(shares))}
    retrained = {task: own for study in compared for task, own in _retrained(study).items()}
    with_bohb = sorted(frame.loc[frame["method"] == METHOD, "task"].unique())
    level = frame[~frame["task"].isin(unequal)]
    tested = [task for task in with_bohb if task not in unequal]
    if not tested:
        raise StudyError("on no task had every method spent its budget: nothing to compare")
    gains, beside = _gains(level, tested, tops, budgets, retrained)
    ladders = level[level["task"].isin(tested)]
    ranks, ranks_chosen = _ranks(ladders, tops, budgets, retrained)
    single, single_chosen = _ranks(_common(level), tops, budgets, retrained)
    guides = {task: lowest_guide(correlations, task) for task in with_bohb}
    return ClaimsReport(
        "main",
        claims=(),
        tables=(
            guide_table(correlations, with_bohb),
            *([spend_table(spent, unequal)] if unequal else []),
            gain_table(gains, beside, tested),
            rank_table("Mean ranks on tasks with several fidelities", ranks, ranks_chosen),
            rank_table("Mean ranks of the methods that fit every task", single, single_chosen),
        ),
        notes=(
            *sentences(gains, ranks, single, guides, len(unequal)),
            *optimum_sentence(ladders, tested, tops, budgets, optima),
        ),
        numbers={
            "gains": [
                {
                    "task": one.test.task,
                    "other": one.test.other,
                    "basis": one.test.basis,
                    "gain": one.gain.centre,
                    "low": one.gain.low,
                    "high": one.gain.high,
                    "wins": one.test.wins,
                    "p": one.test.p,
                    "holm": one.p,
                    "verdict": one.verdict,
                }
                for one in (*gains, *beside)
            ],
            "spent": unequal,
            "lowest_rung": guides,
            "ranks": ranks_json(ranks),
            "ranks_every_task": ranks_json(single),
        },
    )


def _spent(study: LoadedStudy) -> dict[str, dict[str, float]]:
    """Task -> method -> share of its budget that it spent, without methods of a larger one."""
    accounts = {key: record.account for key, record in study.cells.items()}
    return spent_shares({k: a for k, a in accounts.items() if k[1] not in study.larger_budgets})


def _retrained(study: LoadedStudy) -> dict[str, pd.DataFrame]:
    finals = finals_frame(read_finals(study.path, study.study.id))
    return retrained_losses(_without_larger_budgets(study), study.study.tops, finals)


def _ranks(
    frame: pd.DataFrame,
    tops: Mapping[str, int],
    budgets: Mapping[str, float],
    retrained: Mapping[str, pd.DataFrame],
) -> tuple[RankCurves, RankCurves | None]:
    """Ranks, at the end by what was retrained; and by what was chosen, where that is another."""
    found = rank_curves(frame, tops, budgets, BOOTSTRAP_SEED, retrained=retrained)
    if not retrained:
        return found, None
    return found, rank_curves(frame, tops, budgets, BOOTSTRAP_SEED)


def _without_larger_budgets(study: LoadedStudy) -> pd.DataFrame:
    return narrow(study.frame[~study.frame["method"].isin(study.larger_budgets)])


def _common(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the methods that every task has."""
    kept: pd.DataFrame = frame[frame["method"].isin(common_methods(frame))]
    return kept


def _gains(
    frame: pd.DataFrame,
    tasks: Sequence[str],
    tops: Mapping[str, int],
    budgets: Mapping[str, float],
    retrained: Mapping[str, pd.DataFrame],
) -> tuple[list[TaskGain], list[TaskGain]]:
    """What is tested at the end of the budget; and beside it, what chosen trainings would say."""
    tests = [
        task_tests(
            frame[frame["task"] == task],
            tops[task],
            budgets[task],
            BOOTSTRAP_SEED,
            (METHOD, OTHERS[0]),
            methods=(METHOD, *OTHERS),
            retrained=retrained.get(task),
        )
        for task in tasks
    ]
    adjusted = over_tasks(tests)
    gains, beside = [], []
    for own in tests:
        for one in (own.primary, *own.family):
            if one.share == SHARES[-1] and one.method == METHOD:
                gains.append(TaskGain(one, adjusted[one.task, METHOD, one.other, one.share]))
        beside += [
            TaskGain(replace(one, adjusted=float("nan")), float("nan"))
            for one in own.chosen
            if one.method == METHOD
        ]
    return gains, beside
