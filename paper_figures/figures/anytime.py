"""Anytime performance: the incumbent's loss against cost or time, per task, all methods.

The x axis counts full evaluations at one worker and virtual seconds at several, where each task
has a range of its own; where several workers ran in real time, full evaluations in order of
arrival stand in.

Real training is shown under two rules side by side: ``full``, which compares only finished
trainings, and ``highest``, which also shows the cheap early ones. Tasks whose noise-free loss is
known take one panel, rule ``validated``; where the optimum is known too, it shows regret. A rule
that was asked for takes one panel, too.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from textwrap import fill

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bohb_study.analysis import RULES, MethodCurves, estimate
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.anytime_data import panels
from paper_figures.registry import FigureSpec
from paper_figures.toolkit import labels, legends, scales, step_lines, style
from paper_figures.toolkit.curve_panel import REGRET, CurvePanel, better, span
from paper_figures.toolkit.literal import draw_once

LONGEST_LABEL, LONGEST_X_LABEL = 26, 32
"""Letters that fit beside and below one of two panels; longer labels take another line."""
LABELLED = 9
"""Methods up to which lines bear their names at their ends."""
LEGEND_INCHES = 0.7
"""Above a single row of tasks."""
FLATTEST = 0.45
"""Height over width of a panel at least; more rows than fit on the page are flat."""

Rows = list[tuple[CurvePanel, ...]]


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: methods have unequal seeds and missing cells are not allowed.
        UsageError: the rule or the axis that was asked for does not fit a task.
    """
    rows = panels(study)
    tasks_side_by_side = len(rows) > 1 and all(len(row) == 1 for row in rows)
    draw = _tasks_in_a_grid if tasks_side_by_side else _a_row_a_task
    return draw(study, rows), _caption(study, rows)


def _settings(study: FigureStudy, rows: int, columns: int, ratio: float) -> style.Settings:
    """A page whose panels are flatter where there are many rows."""
    width, _ = style.page(rows, columns, study.venue)["figure.figsize"]
    fitting = style.tallest(study.venue) / rows / (width / columns)
    return style.page(rows, columns, study.venue, max(FLATTEST, min(ratio, fitting)))


def _a_row_a_task(study: FigureStudy, rows: Rows) -> Figure:
    columns = max(map(len, rows))
    settings = _settings(study, len(rows), columns, 0.9 if columns > 1 else 0.5)
    with matplotlib.style.context(["default", settings]):
        drawn = Figure()
        grid = drawn.add_gridspec(len(rows), columns)
        counted = [panel for row in rows for panel in row if panel.axis == "full_evals"]
        lasts: list[tuple[Axes, CurvePanel]] = []
        for i, row in enumerate(rows):
            places = [grid[i, j] if len(row) > 1 else grid[i, :] for j in range(len(row))]
            first: Axes | None = None
            for place, panel in zip(places, row, strict=True):
                axes = drawn.add_subplot(place, sharey=first)
                rule, gap = panel.data.rule, "\n" if columns > 1 else " "
                _draw(axes, panel, f"rule {rule}:{gap}{RULES[rule]}")
                axes.set_ylabel(f"{panel.task.title}\n{fill(panel.quantity, LONGEST_LABEL)}")
                axes.label_outer()
                if _timed(rows):  # the row below, which would bear the labels, has another axis
                    _show_x(axes, panel)
                first = first or axes
            alike = row if row[0].axis == "virtual_seconds" else counted
            step_lines.scale(drawn.axes[-len(row) :], row, *span(alike))
            lasts.append((drawn.axes[-1], row[-1]))
        _name_lines(drawn, lasts, _all_curves(rows))
        scales.thin_ticks(drawn)
    return drawn


def _tasks_in_a_grid(study: FigureStudy, rows: Rows) -> Figure:
    shown = [row[0] for row in rows]
    columns = 2 if len(shown) in (2, 4, 7, 8) else 3
    rules = {panel.data.rule for panel in shown}
    alike = f"rule {rules.pop()}; " if len(rules) == 1 else ""
    lines = math.ceil(len(shown) / columns)
    with matplotlib.style.context(["default", _settings(study, lines, columns, 0.72)]):
        drawn = Figure()
        if lines == 1:  # of several the legend takes its share from each
            drawn.set_figheight(drawn.get_figheight() + LEGEND_INCHES)
        counted = [panel for panel in shown if panel.axis == "full_evals"]
        for i, panel in enumerate(shown):
            axes = drawn.add_subplot(lines, columns, i + 1)
            name = panel.task.title
            _draw(axes, panel, name if alike else f"{name}\nrule {panel.data.rule}")
            if i % columns and panel.quantity == shown[i - 1].quantity:
                axes.set_ylabel("")  # the panel beside says it
            step_lines.scale([axes], (panel,), *span([panel] if panel not in counted else counted))
            if _timed(rows):
                _show_x(axes, panel)
            elif i + columns < len(shown):
                axes.set_xlabel("")
                axes.tick_params(axis="x", labelbottom=False)
        legends.shared_legend(drawn, _all_curves(rows), alike)
        scales.thin_ticks(drawn)
    return drawn


def _draw(axes: Axes, panel: CurvePanel, title: str) -> None:
    step_lines.draw_panel(axes, panel)
    axes.set_title(title)
    axes.set_xlabel(fill(panel.x_label, LONGEST_X_LABEL))
    axes.set_ylabel(fill(panel.quantity, LONGEST_LABEL))


def _show_x(axes: Axes, panel: CurvePanel) -> None:
    axes.set_xlabel(fill(panel.x_label, LONGEST_X_LABEL))
    axes.tick_params(axis="x", labelbottom=True)


def _name_lines(
    drawn: Figure, lasts: Sequence[tuple[Axes, CurvePanel]], everything: list[MethodCurves]
) -> None:
    """Names at the lines' ends in the last panel of each row; a legend where that is too much."""
    ends = [
        [replace(end, text=legends.name_of(end.method, everything)) for end in found]
        for found in (step_lines.line_ends(panel) for _, panel in lasts)
    ]
    methods = {curves.method for curves in everything}
    if len(methods) > LABELLED or any({end.method for end in own} != methods for own in ends):
        legends.shared_legend(drawn, everything)
        return
    title = drawn.suptitle(legends.spread_in_words(everything), fontsize=style.legend_size())
    draw_once(drawn)
    if all(labels.fit(axes, own) for (axes, _), own in zip(lasts, ends, strict=True)):
        for (axes, _), own in zip(lasts, ends, strict=True):
            labels.end_labels(axes, own)
    else:
        title.set_text("")
        legends.shared_legend(drawn, everything)


def _timed(rows: Rows) -> bool:
    return any(row[0].axis == "virtual_seconds" for row in rows)


def _all_curves(rows: Rows) -> list[MethodCurves]:
    return [curves for row in rows for panel in row for curves in panel.data.curves]


def _what(rows: Rows) -> str:
    """What the y axes show."""
    shown = [panel for row in rows for panel in row]
    words = {
        "loss": any(panel.quantity != REGRET and not panel.higher_is_better for panel in shown),
        **{panel.task.score.name: True for panel in shown if panel.higher_is_better},
        "regret": any(panel.quantity == REGRET for panel in shown),
    }
    first, *others = (word for word, there in words.items() if there)
    more = "".join(f" or its {word}" for word in others)
    if first == REGRET:
        return f"Regret of the incumbent, its loss less the optimum ({better(shown)}),"
    return f"{first[0].upper()}{first[1:]} of the incumbent{more} ({better(shown)})"


def _retrained_in_words(study: FigureStudy) -> Iterator[str]:
    """What the ends of the curves are worth in fresh trainings, a sentence a task."""
    for task in study.tasks:
        if (losses := study.retrained.get(task.name)) is None:
            continue
        score = task.score
        words = []
        for method in style.in_order(set(losses.columns)):
            values = losses[method].to_numpy(dtype=np.float64)
            over = estimate(np.where(np.isfinite(values), values, np.nan), study.bootstrap_seed)
            words.append(f"{style.line(method).label} {over.in_words(score)}")
        yield (
            f"Values on {task.name} are those of the trainings that were chosen, and flatter "
            "themselves; retrained with fresh seeds the final configurations have: "
            f"{', '.join(words)}."
        )


def _caption(study: FigureStudy, rows: Rows) -> str:
    everything = _all_curves(rows)
    tasks: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        task = row[0].task
        size = f" (one full evaluation: {task.top} {task.unit}s)" if task.top > 1 else ""
        tasks.setdefault(row[0].x_label, {}).setdefault(size, []).append(task.name)
    comma = "," if study.workers > 1 else ""
    against = "; ".join(
        f"against {axis}{comma} on "
        + "; ".join(f"{', '.join(names)}{size}" for size, names in by_size.items())
        for axis, by_size in tasks.items()
    )
    rules = sorted({panel.data.rule for row in rows for panel in row})
    undefined = sorted(
        {
            f"{panel.data.rule}: {curves.task}/{curves.method}"
            for row in rows
            for panel in row
            for curves in panel.data.curves
            if not len(curves.over_seeds.x)
        }
    )
    missing = sorted({cell for row in rows for panel in row for cell in panel.data.missing})
    parts = [
        f"{_what(rows)} {against}.",
        "Virtual seconds follow from the tasks' modelled durations alone." if _timed(rows) else "",
        *(legends.rule_sentence(rule) for rule in rules),
        f"{legends.spread_sentence(everything)}",
        "Curves start where all seeds have an incumbent and end with the first cell that ends.",
        study.mark_in_words,
        *_retrained_in_words(study),
        *(legends.larger_budget_in_words(*one) for one in study.larger_budgets.items()),
        f"Without such a stretch: {', '.join(undefined)}." if undefined else "",
        f"Missing cells: {', '.join(missing)}." if missing else "",
        f"Problems: {'; '.join(study.problems)}." if study.problems else "",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)


FIGURE = FigureSpec("anytime", figure, after_run=lambda study: True)
