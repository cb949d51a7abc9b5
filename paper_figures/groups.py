"""Tasks that are shown together because the same methods were run on them."""

from collections.abc import Container
from dataclasses import dataclass

from paper_figures.figure_study import FigureStudy, FigureTask
from paper_figures.toolkit import style


@dataclass(frozen=True)
class Group:
    """Tasks with the same methods."""

    tasks: tuple[FigureTask, ...]
    methods: tuple[str, ...]
    """In the order of the legend."""

    @property
    def title(self) -> str:
        """The only task's name, or how many tasks of how many families there are."""
        if len(self.tasks) == 1:
            return self.tasks[0].name
        families = len({task.family for task in self.tasks})
        kin = f"{families} families" if families > 1 else "one family"
        return f"{len(self.tasks)} tasks of {kin}, {len(self.methods)} methods"


def groups(
    study: FigureStudy, tasks: Container[str], leave_out: Container[str] = ()
) -> list[Group]:
    """The tasks that are named, those with most methods first; a method stands on all of its group.

    Args:
        study: the study.
        tasks: names; others are left out.
        leave_out: methods that are not shown.
    """
    found: dict[tuple[str, ...], list[FigureTask]] = {}
    for task in study.tasks:
        own = set(study.frame.loc[study.frame["task"] == task.name, "method"])
        methods = tuple(style.in_order({method for method in own if method not in leave_out}))
        if task.name in tasks:
            found.setdefault(methods, []).append(task)
    most_first = sorted(found.items(), key=lambda pair: -len(pair[0]))
    return [Group(tuple(own), methods) for methods, own in most_first]
