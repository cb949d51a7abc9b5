"""Audits a study that is stored: what the checks are given of its tasks and methods."""

from datetime import UTC, datetime
from weakref import WeakKeyDictionary

from bohb_study.analysis.diagnostics.brackets import Plan
from bohb_study.audit.evidence import Evidence, MethodFacts, TaskFacts, evidence
from bohb_study.audit.verdict import Audit, audit
from bohb_study.checkout import git_state
from bohb_study.errors import StudyError
from bohb_study.methods import get_method
from bohb_study.methods.base import Method
from bohb_study.store import LoadedStudy
from bohb_study.store.sidecars.audit_json import write_audit

_BUILT: WeakKeyDictionary[LoadedStudy, Evidence] = WeakKeyDictionary()
"""The evidence of studies that are in memory, for as long as they are."""


def audit_study(study: LoadedStudy) -> Audit:
    """All checks of a study in memory, as it was run or packed; see ``audit.verdict``.

    Raises:
        StudyError: rows were left out when it was packed.
    """
    return audit(evidence_of(study))


def audit_folder(study: LoadedStudy) -> Audit:
    """Audit a study and store the result as audit.json in its folder.

    Raises:
        StudyError: the file cannot be written.
    """
    found = audit_study(study)
    store_audit(study, found)
    return found


def store_audit(study: LoadedStudy, found: Audit) -> None:
    """Store the result of the audit of a study as audit.json in its folder.

    Raises:
        StudyError: the file cannot be written.
    """
    when = {"audited": datetime.now(UTC).isoformat(timespec="seconds"), "git": git_state()}
    write_audit(study.path, study.study.id, {**when, **found.to_json()})


def evidence_of(study: LoadedStudy) -> Evidence:
    """Rows and records of a study, with what study.json and the methods say of them.

    Built once for a loaded study, which nothing changes: the table, the audit and the page of one
    command need it. For a frame that was changed in place, ``dataclasses.replace(study)`` first.

    Raises:
        StudyError: rows were left out when it was packed.
    """
    if study in _BUILT:
        return _BUILT[study]
    if study.is_compact:
        raise StudyError(
            f"{study.path}: packed without the rows at which no incumbent changed; its audit.json "
            "and table.md are of all rows"
        )
    tasks = {name: _task_facts(study, name) for name in study.study.tasks}
    config = study.study.config
    _BUILT[study] = evidence(
        study.frame,
        records=study.cells,
        asked=[(cell.task, cell.method, cell.seed) for cell in study.study.cells()],
        tasks=tasks,
        methods=_all_method_facts(study),
        budget=config.budget,
        workers=config.workers,
    )
    return _BUILT[study]


def _task_facts(study: LoadedStudy, name: str) -> TaskFacts:
    stored, ladder = study.study.tasks[name], study.study.ladder(name)
    return TaskFacts(
        ladder.costs,
        ladder.curve,
        ladder.resumable,
        stored.space,
        stored.only_engine,
        ladder.eta,
    )


def _all_method_facts(study: LoadedStudy) -> dict[str, MethodFacts]:
    """What each method declares; what a user's file declared was stored when it was run."""
    own = study.study.method_files
    facts = {}
    for name in study.study.methods:
        if name in own:
            one = own[name]
            plans = {task: [list(b) for b in band] for task, band in one.plans.items()}
            facts[name] = MethodFacts(plans, one.model_after, one.budget_factor, one.known_defect)
        else:
            facts[name] = _method_facts(study, get_method(name))
    return facts


def _method_facts(study: LoadedStudy, method: Method) -> MethodFacts:
    plans: dict[str, Plan] = {}
    for name in study.study.tasks:
        ladder = study.study.ladder(name)
        if method.plan and len(ladder.costs) > 1:
            band = method.plan(ladder)
            plans[name] = [[(rung.level, rung.trials) for rung in bracket] for bracket in band]
    return MethodFacts(
        plans, method.model_after, method.budget_factor, method.known_defect, method.halving
    )
