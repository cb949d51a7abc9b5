"""What the figure of time spent shows, computed and not drawn: one panel a family of tasks."""

from dataclasses import dataclass

import numpy as np

from bohb_study.analysis.diagnostics.time_split import PARTS, mean_time
from bohb_study.errors import StudyError
from paper_figures.figure_study import FigureStudy
from paper_figures.toolkit import style


@dataclass(frozen=True)
class MethodTime:
    """Mean seconds of a cell of one method, over the tasks of a family."""

    method: str
    cells: int
    wall: float
    training: float
    searching: float
    scheduling: float
    engine: float

    def share(self, part: str) -> float:
        """Of all its parts, which add up to the wall-clock time."""
        total = sum(float(getattr(self, name)) for name in PARTS)
        return float(getattr(self, part)) / total if total else 0.0


@dataclass(frozen=True)
class TimePanel:
    """The methods on one family of tasks."""

    family: str
    tasks: tuple[str, ...]
    methods: tuple[MethodTime, ...]
    """In the order of the legend."""


def panels(study: FigureStudy) -> list[TimePanel]:
    """What the figure draws: a pair of panels a family of tasks.

    Methods of a larger budget are left out.

    Raises:
        StudyError: the seconds of no cell are known.
    """
    seconds = study.derived_frame("seconds")
    if seconds.empty or seconds["wall"].isna().all():
        raise StudyError("the seconds of no cell are known: nothing to draw")
    means = mean_time(
        study.derived_frame("seconds")[
            ~study.derived_frame("seconds")["method"].isin(study.larger_budgets)
        ]
    )
    families: dict[str, list[str]] = {}
    for task in study.tasks:
        if task.name in set(means["task"]):
            families.setdefault(task.family, []).append(task.name)
    found = []
    for family, names in families.items():
        own = means[means["task"].isin(names)].set_index("method")
        rows = []
        for method in style.in_order(set(own.index)):
            mine = own.loc[[method]]
            cells = mine["cells"].to_numpy(dtype=np.float64)
            means_of = [float(np.average(mine[name], weights=cells)) for name in ("wall", *PARTS)]
            rows.append(MethodTime(method, int(cells.sum()), *means_of))
        found.append(TimePanel(family, tuple(names), tuple(rows)))
    return found
