"""A study's table with its final configurations trained again, for the terminal and for a README.

Computed once as text; drawing it is another matter.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from bohb_study.analysis import bootstrap_seed, final_incumbents, finals_summary, summary
from bohb_study.audit.checks.planned_rungs import bracket_checks
from bohb_study.audit.silent_models import silent_models
from bohb_study.audit.study_audit import evidence_of
from bohb_study.audit.verdict import Audit, audit
from bohb_study.cli.terminal import larger_budget_lines, rungs_word
from bohb_study.numbers import NONE, number
from bohb_study.numerics import unportable
from bohb_study.scores import Score, loss_in_words
from bohb_study.store import LoadedStudy, finals_frame, load_study, read_finals


@dataclass(frozen=True)
class PaperTable:
    """What is shown, as text."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """One a method of a task; as long as ``headings``."""
    notes: tuple[str, ...]
    """A sentence each: what the numbers are."""
    audit: tuple[str, ...]
    """Whether the audit holds, then a line for each thing that does not."""

    def rich(self) -> Table:
        """For the terminal; the notes are not in it."""
        table = Table(
            title=Text(self.title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
        )
        for heading in self.headings:
            words = heading in {"task", "method", "rungs as planned"}
            table.add_column(heading, justify="left" if words else "right")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For a README: the table, then the notes as a list."""
        names = {"task", "method"} & set(self.headings)
        lines = [
            self.headings,
            ("---",) * len(self.headings),
            *(
                (*(f"`{cell}`" for cell in row[: len(names)]), *row[len(names) :])
                for row in self.rows
            ),
        ]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        notes = "\n".join(f"* {note}" for note in (*self.notes, *self.audit))
        return f"{self.title}\n\n{table}\n\n{notes}\n"


def paper_table(
    folder: Path, study: LoadedStudy | None = None, audited: Audit | None = None
) -> PaperTable:
    """The table of the study in ``folder``, as it was run or packed.

    Args:
        folder: where it is.
        study: the same, where it is loaded already.
        audited: its audit, where it was made already.

    Raises:
        UsageError: there is no study.
        StudyError: a cell or a training cannot be used, or they do not belong together.
    """
    study = study or load_study(folder)
    evidence = evidence_of(study)
    tasks, tops = study.study.tasks, study.study.tops
    ledgers = {key: record.account for key, record in study.cells.items()}
    seed = bootstrap_seed(study.study.id)
    found = summary(study.frame, ledgers, tops, seed, allow_missing=True)
    finals = read_finals(folder, study.study.id)
    again = finals_summary(final_incumbents(study.frame, tops), finals_frame(finals), seed)
    by_method = {(row["task"], row["method"]): row for _, row in again.iterrows()}
    several = len(tasks) > 1
    whole = bool(len(again)) and bool(again["all_data"].notna().any())
    units = " or ".join(dict.fromkeys(f"{task.unit}s" for task in tasks.values()))
    headings = (
        *(["task"] if several else []),
        *("method", "trials", f"{units} charged", "unspent"),
        _metrics(task.val_metric for task in tasks.values()),
        _metrics(task.test_metric for task in tasks.values()),
        *(["retrained"] if len(again) else []),
        *(["all data"] if whole else []),
        "rungs as planned",
    )
    rows = []
    compared = found[~found["method"].isin(study.larger_budgets)]
    for _, own in compared.iterrows():
        final = by_method.get((own["task"], own["method"]))
        facts = tasks[own["task"]]
        val, test = Score.of(facts.val_metric), Score.of(facts.test_metric)
        rows.append(
            (
                *([own["task"]] if several else []),
                own["method"],
                *(str(own[name]) for name in ("trials", "charged", "unspent")),
                loss_in_words(own, "val", val),
                loss_in_words(own, "test", test),
                *([_retrained(final, test)] if len(again) else []),
                *([_all_data(final, test)] if whole else []),
                rungs_word(bracket_checks(evidence, own["task"], own["method"])),
            )
        )
    order = [(task, method) for task in tasks for method in study.study.methods]
    places = [order.index((own["task"], own["method"])) for _, own in compared.iterrows()]
    return PaperTable(
        study.study.title,
        headings,
        tuple(row for _, row in sorted(zip(places, rows, strict=True))),
        (*_notes(study, found, again, whole), *silent_models(evidence)),
        tuple((audited or audit(evidence)).lines()),
    )


def _metrics(metrics: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(str(Score.of(metric)) for metric in metrics))


def _retrained(row: "pd.Series[Any] | None", score: Score) -> str:
    if row is None:
        return NONE
    bad = [f"{row[what]} {what}" for what in ("diverged", "failed") if row[what]]
    known = pd.notna(row["test_loss"])
    numbers = [score.interval(row["test_loss"], row["test_low"], row["test_high"])] if known else []
    return "; ".join([*numbers, *bad]) or NONE


def _all_data(row: "pd.Series[Any] | None", score: Score) -> str:
    return NONE if row is None else number(score.shown(float(row["all_data"])))


def _notes(
    study: LoadedStudy, found: pd.DataFrame, again: pd.DataFrame, whole: bool
) -> Iterable[str]:
    labels, kinds = (" or ".join(sorted(set(found[name]))) for name in ("label", "kind"))
    seeds = " or ".join(str(n) for n in sorted(set(found["seeds"])))
    yield (
        f"{labels} over {seeds} seed{'s' if seeds != '1' else ''} [{kinds}] of each cell's final "
        "incumbent under rule full: the best finished training on validation"
    )
    yield from unportable(record.numerics for record in study.cells.values())
    yield from larger_budget_lines(study, found.set_index(["task", "method"]))
    if len(again):
        counts = sorted({n for pair in again["repeats"] for n in pair})
        times = " to ".join(str(n) for n in dict.fromkeys([counts[0], counts[-1]]))
        metrics = _metrics(task.test_metric for task in study.study.tasks.values())
        yield (
            f"retrained, off the ledger: {metrics} of the "
            f"same configurations trained again, {times} fresh training seeds each on the cell's "
            "own split; of each seed their mean, then as above"
        )
    if whole:
        yield (
            "all data, off the ledger: the configuration of the seed with the lowest validation "
            "loss, trained once on all data but the test part; one training, so no spread"
        )
