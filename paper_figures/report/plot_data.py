"""What the interactive plot shows, as JSON values: every run's incumbents, and their aggregates.

An incumbent of one rule is mostly one of another too, so that each is stored once a run and rules
name them by number. Of step functions the corners are kept alone, of numbers six digits.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bohb_study.analysis import RULES, Axis, Rule, aggregate, align, can_validate, main_rule
from bohb_study.analysis.frame_cells import require_complete
from bohb_study.analysis.incumbents.rules import chosen
from bohb_study.analysis.incumbents.step_functions import StepFunction
from bohb_study.analysis.statistics.aggregate import kind_of, label_of
from bohb_study.arrays import Floats, Places
from bohb_study.numbers import stable
from bohb_study.schema import HP
from bohb_study.scores import Score
from paper_figures.figure_study import FigureStudy, FigureTask
from paper_figures.report.theme import SCALE, dashes, on_dark
from paper_figures.toolkit import style
from paper_figures.toolkit.scales import corners

Json = dict[str, Any]

AXES: Mapping[Axis, str] = {
    "full_evals": "full evaluations",
    "virtual_seconds": "virtual seconds",
}
"""What curves can run along, in words."""
DIGITS = 6
"""Significant digits of what is not a whole number."""


def plot_data(study: FigureStudy) -> Json:
    """Everything that the plot can show of a study.

    Returns:
        * ``rules``, ``axes``: name -> in words;
        * ``methods``: name -> ``label, light, dark, dash, width`` (pixels), in the legend's order;
        * ``missing``: cells that are not there;
        * ``tasks``: a list, each with its facts, its ``rule`` and ``axis`` to begin with, all
          ``rules`` and ``axes`` that are defined, the names of its ``hyperparameters``, and of each
          of its ``methods`` what ``_method`` returns.

    Raises:
        StudyError: there are no rows, or methods have unequal seeds and that is not allowed.
    """
    missing = require_complete(study.frame, study.allow_missing)
    methods = style.in_order(set(study.methods))
    return {
        "rules": dict(RULES),
        "axes": dict(AXES),
        "methods": {method: _look(method) for method in methods},
        "missing": list(missing),
        "workers": study.workers,
        "tasks": [_task(study, task, methods) for task in study.tasks],
    }


def _look(method: str) -> Json:
    look = style.line(method)
    return {
        "label": look.label,
        "light": look.color,
        "dark": on_dark(look.color),
        "dash": dashes(look),
        "width": _short(look.width * SCALE),
    }


def _task(study: FigureStudy, task: FigureTask, methods: list[str]) -> Json:
    own = study.frame[study.frame["task"] == task.name]
    noise_free = can_validate(own)
    timed = bool(own["virtual_seconds"].notna().all())
    axes: list[Axis] = ["full_evals", "virtual_seconds"] if timed else ["full_evals"]
    rules = [rule for rule in RULES if rule != "validated" or noise_free]
    shown = _Shown(
        task.top,
        rules,
        axes,
        [name for name in map(str, own) if name.startswith(HP) and own[name].notna().any()],
        task.optimum,
        task.score,
        study.bootstrap_seed,
    )
    by_method = {str(method): rows for method, rows in own.groupby("method", sort=False)}
    return {
        "name": task.name,
        "unit": task.unit,
        "top": task.top,
        "metric": task.score.name,
        "higher": task.score.negated,
        # only noise-free losses have a distance to the optimum; an observed one can lie below it
        "regret": task.optimum is not None,
        "rule": study.rule or main_rule(own),
        "axis": study.axis or ("virtual_seconds" if study.workers > 1 and timed else "full_evals"),
        "rules": rules,
        "axes": axes,
        "hyperparameters": [name.removeprefix(HP) for name in shown.hyperparameters],
        "methods": {
            method: _method(by_method[method], shown, study.larger_budgets.get(method, 1))
            for method in methods
            if method in by_method
        },
    }


@dataclass(frozen=True)
class _Shown:
    """What is shown of a task."""

    top: int
    rules: list[Rule]
    axes: list[Axis]
    hyperparameters: list[str]
    """Columns of the frame that hold them."""
    optimum: float | None
    """Subtracted from noise-free losses, where it is known."""
    score: Score
    """What losses measure."""
    bootstrap_seed: int


def _method(rows: pd.DataFrame, shown: _Shown, factor: int) -> Json:
    """One method on one task.

    Args:
        rows: of all its cells.
        shown: what is shown of the task.
        factor: what the axes of a method with a larger budget are divided by.

    Returns:
        * ``n, label, kind``: of the aggregates, as in ``Aggregate``;
        * ``factor``;
        * ``configs``: the incumbents' configurations, values in the order of the hyperparameters;
        * ``runs``: what ``_run`` returns of each seed, ascending;
        * ``curves``: rule -> axis -> ``x, centre, low, high``.
    """
    cells = [_cell(own, shown, factor) for _, own in rows.groupby("seed", sort=True)]
    configs: dict[str, Json] = {}
    runs = [_run(cell, shown, configs) for cell in cells]
    return {
        "n": len(cells),
        "label": label_of(len(cells)),
        "kind": kind_of(len(cells)),
        "factor": factor,
        "configs": [config["values"] for config in configs.values()],
        "runs": runs,
        "curves": {
            rule: {axis: _curve(cells, rule, axis, shown) for axis in shown.axes}
            for rule in shown.rules
        },
    }


@dataclass(frozen=True, eq=False)
class _Cell:
    """One run of n reports, in order of arrival."""

    rows: pd.DataFrame
    held: Mapping[Rule, Places]
    """Row of the incumbent after each report, -1 before the first; shape (n,)."""
    places: Mapping[Axis, Floats]
    """Where the reports lie on an axis; shape (n,)."""
    losses: Mapping[Rule, Floats]
    """What a rule plots of each report, as it is shown, were it the incumbent; shape (n,)."""

    def incumbents(self, rule: Rule) -> Places:
        """Places at which the incumbent changes: each is its own."""
        held = self.held[rule]
        return np.unique(held[held >= 0])


def _cell(rows: pd.DataFrame, shown: _Shown, factor: int) -> _Cell:
    ordered = rows.sort_values("seq", kind="stable", ignore_index=True)
    losses: dict[Rule, Floats] = {}
    for rule in shown.rules:
        true = rule == "validated"
        plotted = ordered["true_loss" if true else "val_loss"].to_numpy(dtype=np.float64)
        regret = true and shown.optimum is not None
        losses[rule] = plotted - shown.optimum if regret else shown.score.all_shown(plotted)
    return _Cell(
        ordered,
        {rule: chosen(ordered, rule, shown.top) for rule in shown.rules},
        {axis: ordered[axis].to_numpy(dtype=np.float64) / factor for axis in shown.axes},
        losses,
    )


def _run(cell: _Cell, shown: _Shown, configs: dict[str, Json]) -> Json:
    """One run; configurations that are new are added to ``configs``, by their id.

    Returns:
        * ``seed``;
        * of every report that is an incumbent under some rule: ``config`` (number in ``configs``),
          ``level``, ``loss``, ``true`` (as plotted; where known) and ``at``: axis -> its place;
        * ``rules``: rule -> numbers of its incumbents among them, in order;
        * ``end``: axis -> where the cell ends.
    """
    found = np.unique(np.concatenate([cell.incumbents(rule) for rule in shown.rules]))
    reports = cell.rows.iloc[found]
    values = reports[shown.hyperparameters].astype(object).to_numpy()
    for name, own in zip(reports["config_id"], values, strict=True):
        if name not in configs:
            configs[name] = {"number": len(configs), "values": [_short(value) for value in own]}
    noise_free = cell.losses.get("validated")
    return {
        "seed": int(cell.rows["seed"].iloc[0]),
        "config": [configs[name]["number"] for name in reports["config_id"]],
        "level": reports["level"].tolist(),
        "loss": _numbers(shown.score.all_shown(reports["val_loss"].to_numpy(dtype=np.float64))),
        **({} if noise_free is None else {"true": _numbers(noise_free[found])}),
        "at": {axis: _numbers(x[found]) for axis, x in cell.places.items()},
        "rules": {
            rule: np.searchsorted(found, cell.incumbents(rule)).tolist() for rule in shown.rules
        },
        "end": {axis: _short(x[-1]) for axis, x in cell.places.items()},
    }


def _curve(cells: list[_Cell], rule: Rule, axis: Axis, shown: _Shown) -> Json:
    """The aggregate over all runs, at its corners."""
    runs: dict[Hashable, StepFunction] = {}
    for number, cell in enumerate(cells):
        held = cell.held[rule]
        rows = np.unique([*cell.incumbents(rule), len(held) - 1])
        value = np.where(held[rows] < 0, np.nan, cell.losses[rule][held[rows]])
        runs[number] = StepFunction(cell.places[axis][rows], value)
    over = aggregate(align(runs, axis), shown.bootstrap_seed)
    x, ys = corners(over.x, over.centre, over.low, over.high)
    named = zip(("x", "centre", "low", "high"), (x, *ys), strict=True)
    return {name: _numbers(values) for name, values in named}


def _numbers(values: Iterable[float]) -> list[Any]:
    return [_short(value) for value in values]


def _short(value: Any) -> Any:
    """A value as JSON holds it: whole numbers as such, others of ``DIGITS`` digits; NA is None."""
    if pd.isna(value):
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if not isinstance(value, float | np.floating):
        return str(value)
    rounded = stable(float(value), DIGITS)
    return int(rounded) if rounded.is_integer() and abs(rounded) < 10**DIGITS else rounded
