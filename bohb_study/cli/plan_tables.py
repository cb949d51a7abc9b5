"""What there is, and what would be run: the tables of ``--list`` and ``--dry-run``.

Nothing is imported here that computes: neither Ray nor the tasks' libraries.
"""

from collections.abc import Sequence

from bohb_study.budget import units_allowed
from bohb_study.methods import METHODS, check_fits, get_method
from bohb_study.methods.base import Rung
from bohb_study.methods.hpbandster.hpbandster_plan import hpbandster_plan
from bohb_study.methods.ray.ray_plan import ray_plan
from bohb_study.study import StudyConfig
from bohb_study.summaries.table import Column, Given, Table, code, columns, rows
from bohb_study.tasks import TASKS, make_task, option_fields
from bohb_study.tasks.tabular.shipped import shipped

LARGE_FAMILY = 10
"""Tasks of one class, above which ``--list`` gives them one line."""


def list_tables() -> list[Table]:
    """Tasks with their options, and methods, as ``--list`` prints them."""
    return [_tasks_table(), _methods_table()]


def _tasks_table() -> Table:
    found: list[Sequence[Given]] = []
    for names in task_lines():
        task = make_task(names[0])
        tops = sorted(make_task(name).ladder.top for name in names)
        count = f"{tops[0]} to {tops[-1]}" if tops[0] < tops[-1] else str(tops[0])
        others = f"; the other {len(names) - 1} likewise" if len(names) > 1 else ""
        options = [
            f"{task.name}.{f.name}={'PATH' if f.metadata.get('path') else f.default}"
            for f in option_fields(type(task))
        ]
        full = f"{count} {task.ladder.unit}{'' if tops[-1] == 1 else 's'}"
        found.append(
            [code(", ".join(names)), task.summary.rstrip(".") + others, full, "\n".join(options)]
        )
    of_package = f", or one of the package: {', '.join(names)}" if (names := shipped()) else ""
    found.append(
        [
            code("table:PATH, surrogate:PATH"),
            f"a table of curves, looked up or predicted{of_package}",
            "as tabulated",
            "",
        ]
    )
    headings = columns("task", "description", "full evaluation", "options")
    return Table("tasks", headings, rows(found), framed=True)


def _methods_table() -> Table:
    methods = [get_method(name) for name in METHODS]
    return Table(
        "methods",
        columns("method", "searcher", "scheduler", "uses fidelity", "source"),
        rows(
            [code(m.name), m.searcher, m.scheduler, "yes" if m.uses_fidelity else "no", m.source]
            for m in methods
        ),
        framed=True,
    )


def task_lines() -> list[list[str]]:
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
    found: list[Sequence[Given]] = []
    for task_name, task in config.resolve().tasks.items():
        ladder = task.ladder
        for name in config.method_names:
            own = config.own_methods.get(name)
            method = own.method if own else get_method(name)
            check_fits(method, task)
            if method.plan:
                rungs = "  ".join(_rungs(bracket) for bracket in method.plan(ladder))
            elif method.uses_fidelity:
                levels = ", ".join(map(str, ladder.costs))
                rungs = f"rungs at {levels} {ladder.unit}s, no fixed sizes"
            else:
                trials = int(method.budget_factor * config.budget)
                rungs = f"{trials} trials of {ladder.top} {ladder.unit}s"
            allowed = method.budget_factor * units_allowed(config.budget, ladder.top)
            units = f"{allowed} {ladder.unit}s"
            found.append([code(task_name), code(name), config.seeds, units, rungs])
    return Table(
        f"study {config.id}: nothing is run",
        (
            *columns("task", "method"),
            *columns("cells", "units per cell", align="right"),
            Column("planned rungs of one band"),
        ),
        rows(found),
        framed=True,
    )


def _rules_table(config: StudyConfig) -> Table:
    """The brackets of one band by Ray's and by HpBandSter's rule, for any methods."""
    found: list[Sequence[Given]] = []
    for name, task in config.resolve().tasks.items():
        for ray, hpbandster in zip(
            ray_plan(task.ladder), hpbandster_plan(task.ladder), strict=True
        ):
            levels = "/".join(str(rung.level) for rung in ray)
            found.append([code(name), levels, _trials(ray), _trials(hpbandster)])
    headings = columns("task", "levels", "Ray", "HpBandSter")
    return Table("rungs of one band, bracket by bracket", headings, rows(found), framed=True)


def _trials(bracket: Sequence[Rung]) -> str:
    return "/".join(str(rung.trials) for rung in bracket)


def _rungs(bracket: Sequence[Rung]) -> str:
    return f"{_trials(bracket)} at {'/'.join(str(rung.level) for rung in bracket)}"
