"""The table of final results: what each method had found on each task when its budget was spent."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan

import numpy as np
import pandas as pd

from bohb_study.analysis import Estimate, Rule, estimate, final_incumbents, finals_summary
from bohb_study.analysis.frame_cells import narrow, require_complete
from bohb_study.analysis.incumbents.rules import main_rule
from bohb_study.analysis.incumbents.traces import traces
from bohb_study.numbers import distance, stable
from bohb_study.scores import Score
from bohb_study.summaries.table import Cell, Table, bold, columns, estimate_cell, row
from bohb_study.summaries.wording import OUTSIDE_BUDGET, larger_budget
from paper_figures.figure_study import FigureStudy, FigureTask
from paper_figures.registry import TableSpec
from paper_figures.toolkit import style

REGRET = "regret"


@dataclass(frozen=True)
class FinalResult:
    """One method on one task."""

    task: FigureTask
    method: str
    rule: Rule
    regret: bool
    """Whether ``loss`` is the distance to the optimum."""
    loss: Estimate
    """Of the incumbents at the end, over seeds, as the rule plots it."""
    test: Estimate | None
    """Their test loss; None where the task has no test part."""
    retrained: Estimate | None
    """Validation loss of the incumbents, retrained, by which methods are compared; None where not
    all of a task were."""
    retrained_test: Estimate | None
    """Test loss of the incumbents under rule full, retrained; None where they were not."""


def finals(study: FigureStudy) -> list[FinalResult]:
    """What the table shows: by task, then in the order of the legend.

    Raises:
        StudyError: methods have unequal seeds and that is not allowed, there are no rows, or a
            training is not of its cell's incumbent.
    """
    require_complete(study.frame, study.allow_missing)
    again = _retrained(study)
    found = []
    for task in study.tasks:
        own = narrow(study.frame[study.frame["task"] == task.name])
        rule = study.rule or main_rule(own)
        # Only noise-free losses have a distance to the optimum; an observed one can lie below it.
        regret = rule == "validated" and task.optimum is not None
        zero = (task.optimum or 0.0) if regret else 0.0
        # a task without a test part says of its test loss that it is the other
        same = task.test_metric == task.val_metric
        tested = not same and not task.test_metric.startswith(f"{task.val_metric} ")
        last: dict[str, list[tuple[float, float]]] = {}
        for (_, method, _), trace in traces(own, {task.name: task.top}, rule):
            loss = distance(trace.value[-1:], zero).item()
            test_loss = float(trace.of_incumbent("test_loss")[-1])
            last.setdefault(method, []).append((loss, test_loss))
        for method in style.in_order(set(last)):
            losses, tests = np.array(last[method], dtype=np.float64).T
            found.append(
                FinalResult(
                    task,
                    method,
                    rule,
                    regret,
                    estimate(losses, study.bootstrap_seed),
                    estimate(tests, study.bootstrap_seed) if tested else None,
                    _of(study.retrained.get(task.name), method, study.bootstrap_seed),
                    again.get((task.name, method)),
                )
            )
    return found


def table(study: FigureStudy) -> Table:
    """One row per task and method; the best of a task is bold.

    Where all incumbents were retrained the best is by that loss. Methods of a larger budget are not
    among those that may be the best, and on a task at unequal spend there is none.

    Raises:
        StudyError: as ``finals``.
    """
    found = finals(study)
    tests = any(one.test is not None for one in found)
    losses = any(one.retrained is not None for one in found)
    again = any(one.retrained_test is not None for one in found)
    rows = []
    for task in study.tasks:
        own = [one for one in found if one.task is task]
        regret = any(one.regret for one in own)
        score = Score(REGRET) if regret else task.score
        by_retrained = any(one.retrained is not None for one in own)
        measured: list[tuple[list[Estimate | None], Score, bool]] = [
            ([one.loss for one in own], score, not by_retrained)
        ]
        measured += [([one.retrained for one in own], score, True)] if losses else []
        test = task.test_score
        measured += [([one.test for one in own], test, not by_retrained)] if tests else []
        measured += [([one.retrained_test for one in own], test, True)] if again else []
        compared = [one.method not in study.larger_budgets and not task.underspent for one in own]
        cells = [
            _column(column, score, [decides and one for one in compared])
            for column, score, decides in measured
        ]
        for i, one in enumerate(own):
            name = task.title if not i else ""
            label = style.line(one.method).label
            rows.append(row([name, label, *(column[i] for column in cells)]))
    headings = ["final loss"]
    headings += ["final loss, retrained"] if losses else []
    headings += ["test loss"] if tests else []
    headings += ["test loss, retrained"] if again else []
    return Table(
        "Final results",
        (*columns("task", "method"), *columns(*headings, align="right")),
        tuple(rows),
        tuple(_notes(study, found)),
    )


def _of(losses: pd.DataFrame | None, method: str, seed: int) -> Estimate | None:
    """The retrained losses of one method over its seeds."""
    if losses is None or method not in losses:
        return None
    values = losses[method].to_numpy(dtype=np.float64)
    return estimate(np.where(np.isfinite(values), values, np.nan), seed)


def _retrained(study: FigureStudy) -> dict[tuple[str, str], Estimate]:
    """(task, method) -> test loss of its final configurations, retrained."""
    if study.finals is None or study.finals.empty:
        return {}
    trained = study.frame[study.frame["task"].isin(study.finals["task"].unique())]
    incumbents = final_incumbents(trained, {task.name: task.top for task in study.tasks})
    again = finals_summary(incumbents, study.finals, study.bootstrap_seed)
    return {
        (row["task"], row["method"]): Estimate(
            row["test_loss"],
            row["test_low"],
            row["test_high"],
            row["kind"],
            row["label"],
            row["seeds"],
            row["undefined"],
        )
        for row in again.to_dict("records")
    }


def _column(estimates: list[Estimate | None], score: Score, compared: list[bool]) -> list[Cell]:
    """The cells of one task; the best of those that are compared is bold."""
    centres = [
        stable(one.centre)
        for one, counts in zip(estimates, compared, strict=True)
        if one is not None and counts and not isnan(one.centre)
    ]
    best = min(centres, default=float("nan"))
    cells = []
    for one, counts in zip(estimates, compared, strict=True):
        cell = estimate_cell(one, score)
        is_best = one is not None and counts and stable(one.centre) == best
        cells.append(bold(cell.text) if is_best else cell)
    return cells


def _notes(study: FigureStudy, found: list[FinalResult]) -> Iterable[str]:
    losses = [one.loss for one in found]
    labels, kinds, counts = (
        " or ".join(dict.fromkeys(str(getattr(loss, name)) for loss in losses))
        for name in ("label", "kind", "n")
    )
    yield (
        f"{labels.capitalize()} over {counts} seed{'s' if counts != '1' else ''} [{kinds}]; lower "
        f"is better{_higher(study)}; the best of a task is bold, which is no test."
    )
    for rule in sorted({one.rule for one in found}):
        yield f"Rule {rule}: {_names(one for one in found if one.rule == rule)}."
    if any(one.regret for one in found):
        regret = _names(one for one in found if one.regret)
        yield f"Final loss is regret, the distance to the optimum, on {regret}."
    if any(one.retrained_test is not None for one in found):
        yield (
            f"Retrained, {OUTSIDE_BUDGET}: loss of the final configurations under rule full, "
            "retrained with fresh training seeds; the mean for each seed, then as above. Where all "
            "were retrained the best is by that loss: that of the training that was chosen "
            "flatters itself."
        )
    if study.underspent:
        yield study.mark_in_words
    for method, factor in study.larger_budgets.items():
        yield f"{style.line(method).label}: {larger_budget(factor)}."
    if missing := require_complete(study.frame, study.allow_missing):
        yield f"Missing cells: {', '.join(missing)}."
    yield f"Source: {study.provenance}."


def _higher(study: FigureStudy) -> str:
    """Of which scores more is better."""
    scores = [one for task in study.tasks for one in (task.score, task.test_score) if one.negated]
    names = " and ".join(dict.fromkeys(score.name for score in scores))
    return f", but higher of {names}" if names else ""


def _names(found: Iterable[FinalResult]) -> str:
    return ", ".join(dict.fromkeys(one.task.name for one in found))


TABLE = TableSpec("table-finals", table)
