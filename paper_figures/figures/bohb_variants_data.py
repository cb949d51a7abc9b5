"""What the figure of BOHB's variants shows, computed and not drawn: one row a task."""

from dataclasses import dataclass

from bohb_study.analysis import Estimate
from bohb_study.analysis.incumbents.at_moment import incumbent_at, paired_gain
from bohb_study.errors import StudyError
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.anytime_data import main_panels
from paper_figures.toolkit.curve_panel import CurvePanel

METHOD = "bohb"
OTHERS = ("hyperband", "bohb-stock", "hpbandster-bohb")


@dataclass(frozen=True)
class Gains:
    """One task: its curves, and what BOHB gains on the others by the end."""

    panel: CurvePanel
    gains: dict[str, tuple[Estimate, float]]
    """Other method -> its value less BOHB's over the seeds (positive: BOHB is better), and the
    share of seeds in which BOHB is better."""


def gains(study: FigureStudy) -> list[Gains]:
    """What is drawn: every task of the study that has BOHB and at least one of the others.

    Raises:
        StudyError: there is none, or cells are missing: what is paired must be complete.
        UsageError: as ``main_panels``.
    """
    by_task = study.frame.groupby("task")["method"].unique()
    kept = [
        task.name
        for task in study.tasks
        if METHOD in by_task[task.name] and set(OTHERS) & set(by_task[task.name])
    ]
    if not kept:
        raise StudyError(f"bohb-variants: no task with {METHOD} and one of {', '.join(OTHERS)}")
    own = study.of(tasks=kept, methods=[m for m in (METHOD, *OTHERS) if m in study.methods])
    found = []
    for panel in main_panels(own):
        task = panel.task
        rows = own.frame[own.frame["task"] == task.name]
        end = [task.budget]
        read = incumbent_at(rows, panel.data.rule, {task.name: task.top}, end, task.budget)
        present = [method for method in OTHERS if method in set(rows["method"])]
        found.append(
            Gains(
                panel,
                {
                    other: paired_gain(
                        read, task.name, METHOD, other, task.budget, study.bootstrap_seed
                    )
                    for other in present
                },
            )
        )
    return found
