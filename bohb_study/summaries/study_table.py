"""The table at the end of a study: as a run prints it, and with what was retrained."""

from collections.abc import Iterable, Sequence

import pandas as pd

from bohb_study.analysis import BOOTSTRAP_SEED, final_incumbents, finals_summary
from bohb_study.analysis.comparisons.final_results import Which
from bohb_study.analysis.diagnostics.brackets import BracketCheck
from bohb_study.audit.checks.planned_rungs import bracket_checks
from bohb_study.audit.evidence import Evidence
from bohb_study.audit.silent_models import silent_models
from bohb_study.audit.study_audit import evidence_of
from bohb_study.numbers import NONE, number
from bohb_study.scores import Score
from bohb_study.store import LoadedStudy, finals_frame, read_finals
from bohb_study.summaries.study_numbers import StudyNumbers, units
from bohb_study.summaries.table import (
    Cell,
    Column,
    Given,
    Table,
    code,
    columns,
    estimate_cell,
    row,
)
from bohb_study.summaries.wording import OUTSIDE_BUDGET


def summary_table(study: LoadedStudy) -> Table:
    """One row a method: what it was charged, what it found, and where its time went.

    Methods with a larger budget stand in the notes.
    """
    numbers, evidence = StudyNumbers(study), evidence_of(study)
    tasks, tested = study.study.tasks, _tested(numbers)
    losses = [_loss_heading(numbers, "val")] + ([_loss_heading(numbers, "test")] if tested else [])
    seconds = _seconds(study)
    shown = []
    for task, method in numbers.compared:
        found = numbers.of(task, method)
        test: Given = "n/a"
        if len(numbers.metrics(task)) > 1:
            test = estimate_cell(numbers.loss(task, method, "test"), numbers.score(task, "test"))
        shown.append(
            row(
                [
                    *([code(task)] if numbers.several else []),
                    code(method),
                    *(int(found[name]) for name in ("trials", "charged", "unspent")),
                    estimate_cell(numbers.loss(task, method, "val"), numbers.score(task, "val")),
                    *([test] if tested else []),
                    rungs_word(bracket_checks(evidence, task, method)),
                    f"{found['train_seconds']:.1f}",
                    f"{found['search_seconds']:.1f}",
                    f"{seconds[task, method]:.1f}",
                ]
            )
        )
    return Table(
        f"{study.path.name}: the best report at full fidelity of each cell",
        (
            *columns(*(["task"] if numbers.several else []), "method"),
            *columns("trials", "charged", "unspent", *losses, align="right"),
            Column("rungs as\nplanned"),
            *(Column(name, "right", "s") for name in ("training", "search", "engine")),
        ),
        tuple(shown),
        (
            numbers.statistic(),
            *(
                f"{name}: {' and '.join(numbers.metrics(name))}, charged in {task.unit}s"
                for name, task in tasks.items()
            ),
            *numbers.notes_on_cells(),
        ),
    )


def retrained_table(study: LoadedStudy) -> Table:
    """The same without seconds, and with the final configurations retrained where they were.

    Raises:
        StudyError: a training cannot be used, or does not belong to the study, or rows at which
            no incumbent changed were left out when it was packed.
    """
    numbers, evidence = StudyNumbers(study), evidence_of(study)
    again = finals_summary(
        final_incumbents(study.frame, numbers.tops),
        finals_frame(read_finals(study.path, study.study.id)),
        BOOTSTRAP_SEED,
    )
    tested = _tested(numbers)
    by_method = {(row["task"], row["method"]): row for _, row in again.iterrows()}
    refit = bool(len(again)) and bool(again["all_data"].notna().any())
    shown = []
    for task, method in numbers.compared:
        found, final = numbers.of(task, method), by_method.get((task, method))
        test = numbers.score(task, "test")
        shown.append(
            row(
                [
                    *([code(task)] if numbers.several else []),
                    code(method),
                    *(int(found[name]) for name in ("trials", "charged", "unspent")),
                    *_losses(numbers, task, method)[: 1 + tested],
                    *([_retrained(final, test)] if len(again) else []),
                    *([_refit(final, test)] if refit else []),
                    rungs_word(bracket_checks(evidence, task, method)),
                ]
            )
        )
    charged = f"{units(study.study.tasks.values())} charged"
    return Table(
        study.study.title,
        (
            *columns(*(["task"] if numbers.several else []), "method"),
            *columns("trials", charged, "unspent", align="right"),
            *columns(_metric(numbers, "val"), align="right"),
            *columns(*([_metric(numbers, "test")] if tested else []), align="right"),
            *columns(*(["retrained"] if len(again) else []), align="right"),
            *columns(*(["refit on all training data"] if refit else []), align="right"),
            Column("rungs as planned"),
        ),
        tuple(shown),
        tuple(_notes(numbers, again, refit, evidence)),
    )


def losses_table(study: LoadedStudy) -> Table:
    """Losses of the final incumbents: all that a study says that was packed without some rows."""
    numbers = StudyNumbers(study)
    shown_losses = 1 + _tested(numbers)
    shown = [
        row([code(task), code(method), *_losses(numbers, task, method)[:shown_losses]])
        for task, method in numbers.compared
    ]
    return Table(
        study.study.title,
        (
            *columns("task", "method"),
            *columns(*("validation loss", "test loss")[:shown_losses], align="right"),
        ),
        tuple(shown),
        (
            f"{numbers.statistic()} of each cell's final incumbent under rule full",
            "packed without the rows at which no incumbent changed: trials cannot be counted",
        ),
    )


def silent_lines(study: LoadedStudy) -> list[str]:
    """A line for each method on a task whose model suggested nothing in some of its cells."""
    return list(silent_models(evidence_of(study)))


def rungs_word(checks: Sequence[BracketCheck] | None) -> str:
    """Whether the rungs were as planned, and how many complete brackets show it."""
    if checks is None:
        return "n/a"
    if not all(check.passes for check in checks):
        return "no: below"
    complete = sum(check.complete for check in checks)
    return f"yes, {complete}" if complete else "none complete"


def _tested(numbers: StudyNumbers) -> bool:
    """Whether anything is held out: nothing is where both losses measure one thing."""
    return any(len(numbers.metrics(task)) > 1 for task in numbers.tops)


def _losses(numbers: StudyNumbers, task: str, method: str) -> list[Cell]:
    return [
        estimate_cell(numbers.loss(task, method, which), numbers.score(task, which))
        for which in ("val", "test")
    ]


def _loss_heading(numbers: StudyNumbers, which: str) -> str:
    """A loss, or the names of what more is better of."""
    loss = "validation loss" if which == "val" else "test loss"
    scores = [numbers.score(task, "val" if which == "val" else "test") for task in numbers.tops]
    return " or ".join(dict.fromkeys(own.name if own.negated else loss for own in scores))


def _metric(numbers: StudyNumbers, which: Which) -> str:
    scores = (str(numbers.score(task, which)) for task in numbers.tops)
    return " or ".join(dict.fromkeys(scores))


def _seconds(study: LoadedStudy) -> dict[tuple[str, str], float]:
    """Seconds that were neither training nor searching: the scheduler's and the engine's own."""
    seconds: dict[tuple[str, str], float] = {}
    for (task, method, _), record in study.cells.items():
        before = seconds.get((task, method), 0.0)
        scheduling = record.seconds.get("scheduling", 0.0)
        seconds[task, method] = before + record.measured("engine") + scheduling
    return seconds


def _retrained(final: "pd.Series | None", score: Score) -> str:
    if final is None:
        return NONE
    bad = [f"{final[what]} {what}" for what in ("diverged", "failed") if final[what]]
    known = pd.notna(final["test_loss"])
    ends = (float(final[name]) for name in ("test_loss", "test_low", "test_high"))
    return "; ".join([*([score.interval(*ends)] if known else []), *bad]) or NONE


def _refit(final: "pd.Series | None", score: Score) -> str:
    return NONE if final is None else number(score.shown(float(final["all_data"])))


def _notes(
    numbers: StudyNumbers, again: pd.DataFrame, refit: bool, evidence: Evidence
) -> Iterable[str]:
    yield (
        f"{numbers.statistic()} of each cell's final incumbent under rule full: the finished "
        "training that is best on validation"
    )
    yield from numbers.notes_on_cells()
    if len(again):
        counts = sorted({n for pair in again["repeats"] for n in pair})
        times = " to ".join(str(n) for n in dict.fromkeys([counts[0], counts[-1]]))
        yield (
            f"retrained, {OUTSIDE_BUDGET}: {_metric(numbers, 'test')} of the same "
            f"configurations retrained with {times} fresh training seeds each on the cell's own "
            "split; the mean for each seed, then as above"
        )
    if refit:
        yield (
            f"refit on all training data, {OUTSIDE_BUDGET}: the configuration of the seed with the "
            "lowest validation loss, trained once on everything but the test part; one training, "
            "so no spread"
        )
    yield from silent_models(evidence)
