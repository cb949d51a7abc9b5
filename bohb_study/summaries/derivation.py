"""What a pack without some rows keeps of them in other form: computed while all are there.

A new derived frame is one function and one line in ``DERIVED``; figures find it by its name, in
``FigureStudy.derived_frame``.
"""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from bohb_study.analysis.diagnostics.bracket_counts import bracket_counts, bracket_frame
from bohb_study.analysis.diagnostics.rung_correlation import rung_correlations
from bohb_study.analysis.diagnostics.suggestions import suggestions, suggestions_summary
from bohb_study.audit.checks.planned_rungs import bracket_checks
from bohb_study.audit.evidence import Evidence
from bohb_study.audit.study_audit import evidence_of
from bohb_study.errors import UsageError
from bohb_study.running.rerun import same_study
from bohb_study.schema import EXTRA, HP
from bohb_study.store import LoadedStudy
from bohb_study.summaries.random_correlations import correlations_off_ledger

Levels = Mapping[str, Sequence[int]]
"""Task -> levels of its rungs, ascending, the top last."""


def _correlations(evidence: Evidence, rungs: Levels) -> pd.DataFrame:
    return rung_correlations(evidence.frame, rungs)


def _suggestions(evidence: Evidence, rungs: Levels) -> pd.DataFrame:
    tops = {name: levels[-1] for name, levels in rungs.items()}
    return suggestions_summary(suggestions(evidence.frame), tops, evidence.budget)


def _brackets(evidence: Evidence, rungs: Levels) -> pd.DataFrame:
    checks = [
        check
        for task, method in evidence.pairs()
        for check in bracket_checks(evidence, task, method) or ()
    ]
    return bracket_counts(bracket_frame(checks))


DERIVED: Mapping[str, Callable[[Evidence, Levels], pd.DataFrame]] = {
    "correlations": _correlations,
    "suggestions": _suggestions,
    "brackets": _brackets,
}
"""Name of a derived frame -> what makes it of all rows."""


def derive(study: LoadedStudy, whole_tasks: Sequence[str] = ()) -> dict[str, pd.DataFrame]:
    """The frames that ``write_derived`` writes beside a pack without some rows.

    Args:
        study: with all its rows.
        whole_tasks: tasks of which all rows of the first seed are kept.

    Returns:
        By name: ``whole``, where tasks are named, and those of ``DERIVED``; correlations
        with those of random configurations outside the budget.

    Raises:
        StudyError: rows were left out, or the tasks are no longer those that were run.
        UsageError: a task of ``whole_tasks`` is not in the study.
    """
    evidence = evidence_of(study)
    tasks = same_study(study).tasks
    frames = derived_from_rows(study, evidence)
    everywhere = correlations_off_ledger(tasks)
    frames["correlations"] = pd.concat([frames["correlations"], everywhere], ignore_index=True)
    return {
        **({"whole": _whole(study, whole_tasks)} if whole_tasks else {}),
        **{name: _single(frame) for name, frame in frames.items()},
    }


def derived_from_rows(
    study: LoadedStudy, evidence: Evidence | None = None
) -> dict[str, pd.DataFrame]:
    """Those of ``DERIVED``.

    Raises:
        StudyError: rows were left out.
    """
    evidence = evidence or evidence_of(study)
    rungs = {name: study.study.ladder(name).costs for name in study.study.tasks}
    return {name: make(evidence, rungs) for name, make in DERIVED.items()}


def _single(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with floats in single precision, which is finer than any interval, and half."""
    return frame.astype(dict.fromkeys(frame.select_dtypes("float64"), "float32"))


def _whole(study: LoadedStudy, tasks: Sequence[str]) -> pd.DataFrame:
    """All rows of the first seed of every method, without columns of other tasks."""
    known = list(study.study.tasks)
    for name in tasks:
        if name not in known:
            raise UsageError(f"{name}: not in the study; there are {', '.join(known)}")
    frame = study.frame
    first = frame.groupby(["task", "method"])["seed"].transform("min")
    kept = (frame["seed"] == first) & frame["task"].isin(tasks)
    rows = frame[kept].reset_index(drop=True)
    own = [str(name) for name in rows if str(name).startswith((HP, EXTRA))]
    return rows.drop(columns=[name for name in own if rows[name].isna().all()])
