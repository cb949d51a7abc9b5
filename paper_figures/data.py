"""What a figure is drawn from: a study's frame and the few facts about it that a figure states."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd


@dataclass(frozen=True)
class TaskFacts:
    """What a figure says about a task."""

    name: str
    unit: str
    """What the budget counts, in the singular."""
    top: int
    """Units of one full evaluation."""
    val_metric: str
    """What ``val_loss`` measures."""
    optimum: float | None = None
    """Lowest possible noise-free loss, where known."""
    test_metric: str = "test loss"
    """What ``test_loss`` measures."""


@dataclass(frozen=True)
class Provenance:
    """Where a figure comes from; stored in the metadata of its files."""

    study: str
    """Name and id of the study."""
    commit: str
    """The commit, or commits, stored with its cells."""
    rows: int
    """Number of reports in its frame."""

    def __str__(self) -> str:
        """One line, as it stands in the files."""
        return f"study {self.study}, commit {self.commit}, {self.rows} rows"


@dataclass(frozen=True, eq=False)
class FigureStudy:
    """A study as figures see it."""

    frame: pd.DataFrame
    tasks: tuple[TaskFacts, ...]
    provenance: Provenance
    bootstrap_seed: int = 0
    allow_missing: bool = False
    """Draw although cells are missing; the caption then names them."""
    problems: tuple[str, ...] = ()
    """Cells that could not be read, one line each."""
    workers: int = 1
    """Trials that a cell ran side by side."""
    finals: pd.DataFrame | None = None
    """Final configurations trained again, from ``store.finals_frame``; None where none was."""
    yardsticks: Mapping[str, int] = field(default_factory=dict)
    """Methods with a multiple of the budget, and that multiple."""


class Loaded(Protocol):
    """What is read of ``bohb_study.store.LoadedStudy``."""

    @property
    def frame(self) -> pd.DataFrame:
        """All rows of all cells."""

    @property
    def study(self) -> Mapping[str, Any]:
        """The stored description."""

    @property
    def cells(self) -> Mapping[Any, Mapping[str, Any]]:
        """The stored record of each cell."""

    @property
    def yardsticks(self) -> Mapping[str, int]:
        """Methods with a multiple of the study's budget."""

    @property
    def problems(self) -> Iterable[str]:
        """Missing and damaged cells."""


def figure_study(
    loaded: Loaded,
    bootstrap_seed: int,
    *,
    allow_missing: bool,
    finals: pd.DataFrame | None = None,
) -> FigureStudy:
    """A stored study as figures see it; tasks without rows are left out."""
    drawn = set(loaded.frame["task"])
    tasks = tuple(
        TaskFacts(
            name,
            facts["unit"],
            facts["top"],
            facts["val_metric"],
            facts["optimum"],
            facts["test_metric"],
        )
        for name, facts in loaded.study["tasks"].items()
        if name in drawn
    )
    commits = {_commit(record) for record in loaded.cells.values()}
    provenance = Provenance(
        study=f"{loaded.study['name']}-{loaded.study['id']}",
        commit=" ".join(sorted(commits)) or "unknown",
        rows=len(loaded.frame),
    )
    return FigureStudy(
        loaded.frame,
        tasks,
        provenance,
        bootstrap_seed,
        allow_missing,
        tuple(loaded.problems),
        loaded.study["config"]["workers"],
        finals,
        loaded.yardsticks,
    )


def _commit(record: Mapping[str, Any]) -> str:
    git = record.get("git") or {}
    return str(git.get("commit") or "unknown") + ("-dirty" if git.get("dirty") else "")
