"""The named studies: what ``experiments/paper.py NAME`` runs."""

import difflib
from dataclasses import dataclass

from bohb_study.errors import UsageError
from bohb_study.study import StudyConfig


@dataclass(frozen=True)
class PaperStudy:
    """A study by its name; its tasks are looked up when it is asked for."""

    name: str
    """First part of its folders' names."""
    what: str
    """One line for ``--list``."""
    task: tuple[str, ...]
    methods: tuple[str, ...]
    budget: float
    """Full evaluations of a cell."""
    seeds: int
    task_option: tuple[str, ...] = ()

    def config(self, seeds: int | None = None) -> StudyConfig:
        """The study, with another number of seeds where one is given.

        Raises:
            UsageError: a task or an option is not known here, or the seeds cannot be.
        """
        return StudyConfig(
            task=self.task,
            methods=self.methods,
            budget=self.budget,
            seeds=self.seeds if seeds is None else seeds,
            task_option=self.task_option,
        )


STUDIES = {
    study.name: study
    for study in (
        PaperStudy(
            "digits",
            "a small network on 1,797 images; enough seeds for intervals",
            task=("digits",),
            methods=("grid", "random", "asha", "hyperband", "bohb", "bohb-stock"),
            budget=50,
            seeds=10,
        ),
        PaperStudy(
            "fashion-mnist",
            "LeNet on 10,000 images of clothes; about two hours on two cores",
            task=("fashion-mnist",),
            methods=("grid", "random", "asha", "hyperband", "bohb"),
            budget=20,
            seeds=4,
            task_option=("fashion-mnist.subset=10000", "fashion-mnist.epochs=9"),
        ),
    )
}


def paper_study(name: str) -> PaperStudy:
    """The study called ``name``.

    Raises:
        UsageError: there is none; names those that there are.
    """
    if name in STUDIES:
        return STUDIES[name]
    if not name:
        raise UsageError(f"NAME: name a study; known: {', '.join(STUDIES)}")
    close = difflib.get_close_matches(name, STUDIES, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(STUDIES)}"
    raise UsageError(f"{name}: no such study; {hint}")
