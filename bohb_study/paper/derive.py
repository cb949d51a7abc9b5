"""What a thinned pack keeps of a study's rows: computed while all of them are there."""

from collections.abc import Mapping, Sequence

import pandas as pd

from bohb_study.analysis.diagnostics.bracket_counts import bracket_counts, bracket_frame
from bohb_study.analysis.diagnostics.rung_correlation import rung_correlations
from bohb_study.analysis.diagnostics.suggestions import picks, suggestions_summary
from bohb_study.audit.checks.planned_rungs import bracket_checks
from bohb_study.audit.evidence import Evidence
from bohb_study.audit.study_audit import evidence_of
from bohb_study.errors import StudyError, UsageError
from bohb_study.paper.random_correlations import correlations_off_ledger
from bohb_study.schema import EXTRA, HP
from bohb_study.store import LoadedStudy
from bohb_study.study import StudyConfig


def derive(study: LoadedStudy, whole_tasks: Sequence[str] = ()) -> dict[str, pd.DataFrame]:
    """The frames that ``store.derived.write_derived`` writes beside a thinned pack.

    Args:
        study: with all its rows.
        whole_tasks: tasks of which all rows of the first seed are kept.

    Returns:
        ``whole``, where tasks are named; and from all rows ``correlations``, those off the ledger
        with them, ``picks`` (``analysis.picks.suggestions_summary``) and ``brackets``
        (``analysis.brackets.bracket_counts``).

    Raises:
        StudyError: rows were left out, or the tasks are no longer those that were run.
        UsageError: a task of ``whole_tasks`` is not in the study.
    """
    evidence = evidence_of(study)
    config = StudyConfig.from_json(study.study["config"])
    if config.id != study.study["id"]:
        raise StudyError(
            f"{study.path}: its tasks are not those that were run: study {study.study['id']} would "
            f"be {config.id} here"
        )
    from_rows = derived_from_rows(study, evidence)
    everywhere = correlations_off_ledger(config.made_tasks())
    correlations = pd.concat([from_rows["correlations"], everywhere], ignore_index=True)
    return {
        **({"whole": _whole(study, whole_tasks)} if whole_tasks else {}),
        "correlations": _single(correlations),
        "picks": _single(from_rows["picks"]),
        "brackets": from_rows["brackets"],
    }


def derived_from_rows(
    study: LoadedStudy, evidence: Evidence | None = None
) -> dict[str, pd.DataFrame]:
    """Those of ``derive`` that need no task: ``correlations, picks, brackets``.

    Raises:
        StudyError: rows were left out.
    """
    evidence = evidence or evidence_of(study)
    tasks: Mapping[str, Mapping[str, object]] = study.study["tasks"]
    rungs = {name: study.ladder(name).costs for name in tasks}
    tops = {name: levels[-1] for name, levels in rungs.items()}
    checks = [
        check
        for task, method in evidence.pairs()
        for check in bracket_checks(evidence, task, method) or ()
    ]
    return {
        "correlations": rung_correlations(evidence.frame, rungs),
        "picks": suggestions_summary(picks(evidence.frame), tops, evidence.budget),
        "brackets": bracket_counts(bracket_frame(checks)),
    }


def _single(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with floats in single precision, which is finer than any interval, and half."""
    return frame.astype(dict.fromkeys(frame.select_dtypes("float64"), "float32"))


def _whole(study: LoadedStudy, tasks: Sequence[str]) -> pd.DataFrame:
    """All rows of the first seed of every method, without columns of other tasks."""
    known = list(study.study["tasks"])
    for name in tasks:
        if name not in known:
            raise UsageError(f"{name}: not in the study; there are {', '.join(known)}")
    frame = study.frame
    first = frame.groupby(["task", "method"])["seed"].transform("min")
    kept = (frame["seed"] == first) & frame["task"].isin(tasks)
    rows = frame[kept].reset_index(drop=True)
    own = [str(name) for name in rows if str(name).startswith((HP, EXTRA))]
    return rows.drop(columns=[name for name in own if rows[name].isna().all()])
