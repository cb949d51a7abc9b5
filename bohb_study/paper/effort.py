"""What a named study would take, by its tasks' modelled durations."""

import numpy as np

from bohb_study.seeding import plain
from bohb_study.study import StudyConfig
from bohb_study.tasks import Task

SAMPLES = 200
"""Random configurations over which a task's duration is averaged."""


def effort(config: StudyConfig, repeats: int) -> str:
    """Trainings and modelled time of a study, one line a task.

    Args:
        config: the study.
        repeats: trainings of each final incumbent.
    """
    return "\n".join(_effort(config, task, repeats) for task in config.tasks().values())


def full_evaluation_seconds(task: Task) -> float:
    """Modelled seconds of one full evaluation, the mean over random configurations."""
    drawn = task.space(0).sample_configuration(SAMPLES)
    seconds = [task.duration(plain(dict(one)), 0, task.ladder.top) for one in drawn]
    return float(np.mean(seconds))


def _effort(config: StudyConfig, task: Task, repeats: int) -> str:
    methods = len(config.methods)
    cells = methods * config.seeds
    seconds = full_evaluation_seconds(task)
    hours = cells * (config.budget + repeats) * seconds
    whole = task.on_all_data()
    if whole is not None:
        hours += methods * full_evaluation_seconds(whole)
    alone = f", {methods} trainings on all data" if whole is not None else ""
    return (
        f"{task.name}: {cells} cells of {config.budget:g} full evaluations; off the ledger "
        f"{cells * repeats} retrainings{alone}; about {hours / 3600:.1f} h of training, modelled "
        f"for random configurations ({seconds:.1f} s a full evaluation), to be divided by --jobs"
    )
