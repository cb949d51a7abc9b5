"""What is printed on stdout: tables for people, drawn by rich."""

import sys
from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bohb_study.analysis import bootstrap_seed, summary
from bohb_study.analysis.diagnostics.brackets import BracketCheck
from bohb_study.audit.checks.planned_rungs import bracket_checks
from bohb_study.audit.silent_models import silent_models
from bohb_study.audit.study_audit import evidence_of
from bohb_study.engines.base import CellJob
from bohb_study.methods import METHODS, check_fits, get_method
from bohb_study.methods.base import Rung
from bohb_study.methods.hpbandster.pair import hpbandster_plan
from bohb_study.methods.ray.hyperband_for_bohb import ray_plan
from bohb_study.numerics import unportable
from bohb_study.running.reproduction import Comparison
from bohb_study.scores import Score, loss_in_words
from bohb_study.store import LoadedStudy, StoredTask
from bohb_study.study import Cell, StudyConfig
from bohb_study.tasks import TASKS, make_task, option_fields

WIDE = 160
"""Columns of a table where stdout is no terminal: a log keeps whole lines."""


LARGE_FAMILY = 10
"""Tasks of one class, above which ``--list`` gives them one line."""


def console() -> Console:
    """Where tables go; what stands in square brackets is text, not rich's markup."""
    return Console(width=None if sys.stdout.isatty() else WIDE, soft_wrap=False, markup=False)


def list_tables() -> list[Table]:
    """Tasks with their options, and methods, as ``--list`` prints them."""
    tasks = Table(title="tasks", title_justify="left")
    for heading in ("task", "what", "full evaluation", "options"):
        tasks.add_column(heading)
    for names in _families():
        task = make_task(names[0])
        tops = sorted(make_task(name).ladder.top for name in names)
        count = f"{tops[0]} to {tops[-1]}" if tops[0] < tops[-1] else str(tops[0])
        such = f"{len(names)} tasks, such as " if len(names) > 1 else ""
        options = [
            f"{task.name}.{f.name}={'PATH' if f.metadata.get('path') else f.default}"
            for f in option_fields(type(task))
        ]
        tasks.add_row(
            ", ".join(names),
            such + task.summary,
            f"{count} {task.ladder.unit}{'' if tops[-1] == 1 else 's'}",
            "\n".join(options),
        )
    methods = Table(title="methods", title_justify="left")
    for heading in ("method", "searcher", "scheduler", "uses fidelity", "source"):
        methods.add_column(heading)
    for name in METHODS:
        method = get_method(name)
        methods.add_row(
            name,
            method.searcher,
            method.scheduler,
            "yes" if method.uses_fidelity else "no",
            method.source,
        )
    return [tasks, methods]


def _families() -> list[list[str]]:
    """The tasks as ``--list`` shows them: one a line, but a large family of one class together."""
    by_class: dict[str, list[str]] = {}
    for name, home in TASKS.items():
        by_class.setdefault(home, []).append(name)
    lines = []
    for names in by_class.values():
        lines += [names] if len(names) > LARGE_FAMILY else [[name] for name in names]
    return lines


def plan_tables(config: StudyConfig) -> list[Table]:
    """Cells, units and planned rungs, and the two rules for rungs, as ``--dry-run`` prints them."""
    return [_plan_table(config), _rules_table(config)]


def _plan_table(config: StudyConfig) -> Table:
    table = Table(title=f"study {config.id}: nothing is run", title_justify="left")
    for heading in ("task", "method", "cells", "units a cell", "planned rungs of one band"):
        number = heading in {"cells", "units a cell"}
        table.add_column(heading, justify="right" if number else "left")
    for task_name, task in config.resolve().tasks.items():
        ladder = task.ladder
        for name in config.method_names:
            own = config.own_methods.get(name)
            cell = Cell(task_name, name, 0)
            job = CellJob(cell=cell, task=task, budget=config.budget, own_method=own)
            method = job.method
            check_fits(method, task)
            if method.plan:
                rungs = "  ".join(_rungs(bracket) for bracket in method.plan(ladder))
            elif method.uses_fidelity:
                levels = ", ".join(map(str, ladder.costs))
                rungs = f"rungs at {levels} {ladder.unit}s, no fixed sizes"
            else:
                rungs = f"{job.problem.full_evaluations} trials of {ladder.top} {ladder.unit}s"
            units = f"{job.allowed} {ladder.unit}s"
            table.add_row(task_name, name, str(config.seeds), units, rungs)
    return table


def _rules_table(config: StudyConfig) -> Table:
    """The brackets of one band by Ray's and by HpBandSter's rule, whoever of them is asked for."""
    table = Table(title="rungs of one band, bracket by bracket", title_justify="left")
    for heading in ("task", "levels", "Ray", "HpBandSter"):
        table.add_column(heading)
    for name, task in config.resolve().tasks.items():
        for ray, hpbandster in zip(
            ray_plan(task.ladder), hpbandster_plan(task.ladder), strict=True
        ):
            levels = "/".join(str(rung.level) for rung in ray)
            table.add_row(name, levels, *(_trials(bracket) for bracket in (ray, hpbandster)))
    return table


def _trials(bracket: Sequence[Rung]) -> str:
    return "/".join(str(rung.trials) for rung in bracket)


def _rungs(bracket: Sequence[Rung]) -> str:
    return f"{_trials(bracket)} at {'/'.join(str(rung.level) for rung in bracket)}"


def summary_table(study: LoadedStudy) -> Table:
    """One line a method: what it was charged, what it found, and where its time went.

    Yardsticks stand below the table.
    """
    tops = study.study.tops
    ledgers = {key: record.account for key, record in study.cells.items()}
    seed = bootstrap_seed(study.study.id)
    found = summary(study.frame, ledgers, tops, seed, allow_missing=True)
    found = found.set_index(["task", "method"])
    engine = _engine_seconds(study)
    evidence = evidence_of(study)
    scores = {name: _scores(task) for name, task in study.study.tasks.items()}
    below = larger_budget_lines(study, found)
    table = Table(
        title=_summary_title(study, found),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        caption=Text("\n".join(below)) if below else None,
        caption_justify="left",
    )
    several = len(study.study.tasks) > 1
    for heading in [*(["task"] if several else []), "method"]:
        table.add_column(heading, no_wrap=True)
    # nothing is held out where both losses measure one thing
    held_out = {name: len(_metrics(task)) > 1 for name, task in study.study.tasks.items()}
    tested = any(held_out.values())
    losses = [_heading([own[0] for own in scores.values()], "validation loss")]
    losses += [_heading([own[1] for own in scores.values()], "test loss")] if tested else []
    for heading in ("trials", "charged", "unspent", *losses):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("rungs as\nplanned", no_wrap=True)
    for heading in ("seconds\ntrain", "\nsearch", "\nengine"):
        table.add_column(heading, justify="right")
    for task in study.study.tasks:
        for method in study.study.methods:
            if (task, method) not in found.index or method in study.larger_budgets:
                continue
            row: Any = found.loc[(task, method)]
            table.add_row(
                *([task] if several else []),
                method,
                str(row["trials"]),
                str(row["charged"]),
                str(row["unspent"]),
                loss_in_words(row, "val", scores[task][0]),
                *([_tested(row, scores[task][1], held_out[task])] if tested else []),
                rungs_word(bracket_checks(evidence, task, method)),
                f"{row['train_seconds']:.1f}",
                f"{row['search_seconds']:.1f}",
                f"{engine[task, method]:.1f}",
            )
    return table


def _tested(row: "pd.Series[Any]", score: Score, held_out: bool) -> str:
    return loss_in_words(row, "test", score) if held_out else "n/a"


def larger_budget_lines(study: LoadedStudy, found: pd.DataFrame) -> list[str]:
    """What each method with a multiple of the budget found, a line a task.

    Args:
        study: the study.
        found: its summary, indexed by task and method.
    """
    several = len(study.study.tasks) > 1
    return [
        f"{f'{task}: ' if several else ''}{method}, a yardstick with {factor} times the budget: "
        f"{loss_in_words(found.loc[(task, method)], 'val', Score.of(facts.val_metric))}"
        for task, facts in study.study.tasks.items()
        for method, factor in study.larger_budgets.items()
        if (task, method) in found.index
    ]


def _summary_title(study: LoadedStudy, found: pd.DataFrame) -> Text:
    labels, kinds = (" or ".join(sorted(set(found[name]))) for name in ("label", "kind"))
    metrics = "\n".join(
        f"{name}: {' and '.join(_metrics(task))}, charged in {task.unit}s"
        for name, task in study.study.tasks.items()
    )
    seeds = " or ".join(str(n) for n in sorted(set(found["seeds"])))
    plural = "" if seeds == "1" else "s"
    lines = unportable(record.numerics for record in study.cells.values())
    return Text(
        f"{study.path.name}: the best report at full fidelity of each cell\n"
        f"{labels} over {seeds} seed{plural} [{kinds}]\n" + "\n".join([*lines, metrics])
    )


def _scores(task: StoredTask) -> tuple[Score, Score]:
    """What a task's two losses measure."""
    return Score.of(task.val_metric), Score.of(task.test_metric)


def _metrics(task: StoredTask) -> list[str]:
    """The same in words: one thing where nothing is held out."""
    return list(dict.fromkeys(map(str, _scores(task))))


def _heading(scores: Sequence[Score], loss: str) -> str:
    """Of a column: a loss, or the names of what more is better of."""
    return " or ".join(dict.fromkeys(own.name if own.negated else loss for own in scores))


def _engine_seconds(study: LoadedStudy) -> dict[tuple[str, str], float]:
    """Seconds that were neither training nor searching: the scheduler's and the engine's own."""
    seconds: dict[tuple[str, str], float] = {}
    for (task, method, _), record in study.cells.items():
        before = seconds.get((task, method), 0.0)
        scheduling = record.seconds.get("scheduling", 0.0)
        seconds[task, method] = before + record.measured("engine") + scheduling
    return seconds


def silent_lines(study: LoadedStudy) -> list[str]:
    """A line for each method on a task whose model suggested nothing in some of its cells."""
    return list(silent_models(evidence_of(study)))


def rungs_word(checks: Sequence[BracketCheck] | None) -> str:
    """Whether the rungs were as planned, and how many complete brackets show it."""
    if checks is None:
        return "n/a"
    if not all(check.holds for check in checks):
        return "no: below"
    complete = sum(check.complete for check in checks)
    return f"yes, {complete}" if complete else "none complete"


def comparison_table(comparisons: Sequence[Comparison]) -> Table:
    """One line a cell that was run again."""
    table = Table(title="run again", title_justify="left")
    for heading in ("cell", "rows", "equal", "first difference"):
        table.add_column(heading, justify="right" if heading == "rows" else "left")
    for c in comparisons:
        d = c.difference
        where = "" if d is None else f"row {d.row}, {d.column}: {d.stored!r} -> {d.rerun!r}"
        table.add_row(str(c.cell), str(c.rows), "no" if d else "yes", where)
    return table
