"""What a named study would take, by its tasks' modelled durations."""

from pathlib import Path

import numpy as np

from bohb_study.methods import get_method
from bohb_study.seeding import plain
from bohb_study.store import load_study
from bohb_study.study import StudyConfig
from bohb_study.tasks import Task

SAMPLES = 200
"""Random configurations over which a task's duration is averaged."""


def effort(config: StudyConfig, repeats: int) -> str:
    """Trainings and modelled time of a study, one line a task, and of all where there are several.

    Args:
        config: the study.
        repeats: trainings of each final incumbent.
    """
    lines, total = [], 0.0
    for task in config.resolve().tasks.values():
        line, seconds = _effort(config, task, repeats)
        lines.append(line)
        total += seconds
    if len(lines) > 1:
        lines.append(f"in all: about {total / 3600:.1f} h of training")
    return "\n".join(lines)


def measured_effort(config: StudyConfig, packed: Path) -> str:
    """CPU time of a larger run of a packed study, from the seconds that its cells took.

    Methods with a model pay for each suggestion in proportion to what they have observed, so their
    time grows with the square of the budget; that of the others with the budget.

    Args:
        config: the larger study.
        packed: the folder of the smaller one.

    Raises:
        UsageError: there is no study in ``packed``.
    """
    small = load_study(packed)
    times = config.budget / small.study.config.budget
    hours, lines = 0.0, []
    for name in config.methods:
        seconds = [r.measured("wall") for (_, m, _), r in small.cells.items() if m == name]
        if not seconds:
            lines.append(f"{name}: not in {packed}, not counted")
            continue
        power = 1 if get_method(name).model_after is None else 2
        cells = config.seeds * len(config.tasks)
        mine = float(np.mean(seconds)) * times**power * cells / 3600
        growth = "the square of the budget" if power == 2 else "the budget"
        lines.append(f"{name}: {cells} cells, about {mine:,.1f} CPU hours (grows with {growth})")
        hours += mine
    total = f"about {hours:,.0f} CPU hours in all, extrapolated {times:g} times from {packed}"
    return "\n".join([*lines, total])


def full_evaluation_seconds(task: Task) -> float:
    """Modelled seconds of one full evaluation, the mean over random configurations."""
    drawn = task.space(0).sample_configuration(SAMPLES)
    seconds = [task.duration(plain(dict(one)), 0, task.ladder.top) for one in drawn]
    return float(np.mean(seconds))


def _effort(config: StudyConfig, task: Task, repeats: int) -> tuple[str, float]:
    """What is said of one task, and its seconds of training."""
    factors = [get_method(name).budget_factor for name in config.methods]
    methods = factors.count(1)  # methods of a larger budget are not retrained
    cells = len(factors) * config.seeds
    if task.computed:
        return f"{task.name}: {cells} cells, computed or looked up: nothing is trained", 0.0
    again = methods * config.seeds * repeats
    seconds = full_evaluation_seconds(task)
    total = (sum(factors) * config.seeds * config.budget + again) * seconds
    whole = task.on_all_data()
    if whole is not None:
        total += methods * full_evaluation_seconds(whole)
    alone = f", {methods} refits on all training data" if whole is not None else ""
    more = " (more with a larger budget)" if max(factors) > 1 else ""
    line = (
        f"{task.name}: {cells} cells of {config.budget:g} full evaluations{more}; outside the "
        f"budget {again} retrainings{alone}; about {total / 3600:.1f} h of training, modelled "
        f"for random configurations ({seconds:.1f} s a full evaluation), to be divided by the "
        "jobs that run at the same time"
    )
    return line, total
