"""What the losses of a study's tasks are normalised with: found once, and stored with the study.

Only random search sets a reference, or the task itself: no method that is compared moves it.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from bohb_study.analysis.statistics.normalisation import Reference
from bohb_study.errors import StudyError
from bohb_study.seeding import plain
from bohb_study.store.sidecars.references_json import (
    REFERENCES_FILE,
    read_references,
    write_references,
)
from bohb_study.tasks import Task

SAMPLES = 1000
"""Random configurations behind the median where the task can tell their noise-free losses."""
SEED = 0
"""Of the space that they are drawn from."""


def references(tasks: Mapping[str, Task], frame: pd.DataFrame) -> dict[str, Reference]:
    """The reference of every task that has one.

    Args:
        tasks: the study's, by name.
        frame: ALL rows of the study: of a compacted one random search's evaluations are gone.

    Returns:
        Task -> reference. A task has none where neither it nor random search can tell, or where
        the median is as good as the best.
    """
    found = {
        name: _of_task(task) or _of_rows(frame[frame["task"] == name], task.ladder.top)
        for name, task in tasks.items()
    }
    return {name: own for name, own in found.items() if own and own.median > own.best}


def _of_task(task: Task) -> Reference | None:
    """From the task itself, where its noise-free losses are known."""
    drawn = task.space(SEED).sample_configuration(SAMPLES)
    losses = []
    for config in drawn:
        loss = task.true_loss(plain(dict(config)))
        if loss is None:
            return None
        losses.append(loss)
    known = task.optimum is not None
    best = task.optimum if task.optimum is not None else min(losses)
    source = (
        f"best: {'the optimum' if known else 'the lowest of the same'}; median: noise-free loss at "
        f"full fidelity of {SAMPLES:,} configurations drawn from the task's space with seed {SEED}"
    )
    return Reference(best, float(np.median(losses)), source, SAMPLES)


def _of_rows(rows: pd.DataFrame, top: int) -> Reference | None:
    """From what random search trained in full."""
    own = rows[(rows["method"] == "random") & (rows["level"] == top) & (rows["status"] == "ok")]
    losses = own["val_loss"].to_numpy(dtype=np.float64)
    if not len(losses):
        return None
    source = (
        f"best and median: the lowest and the median validation loss of random search's "
        f"{len(losses):,} successful full evaluations, of all seeds together"
    )
    return Reference(float(losses.min()), float(np.median(losses)), source, len(losses))


def store_references(folder: Path, study_id: str, found: Mapping[str, Reference]) -> Path:
    """Write them beside the study in ``folder``; returns the file.

    Raises:
        StudyError: the file cannot be written.
    """
    return write_references(folder, study_id, {task: asdict(own) for task, own in found.items()})


def stored_references(folder: Path, study_id: str) -> dict[str, Reference]:
    """Those that are stored beside the study in ``folder``; empty where none are.

    Raises:
        StudyError: the file is damaged, of a newer version, or of another study.
    """
    stored = read_references(folder, study_id)
    try:
        return {task: Reference(**fields) for task, fields in stored.items()}
    except TypeError as why:
        raise StudyError(
            f"{folder / REFERENCES_FILE}: damaged: {why}; pack the study again"
        ) from None
