"""What every check of the audit is given, and what it gives back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bohb_study.analysis.diagnostics.brackets import Plan
from bohb_study.arrays import Bools, Ints
from bohb_study.methods.base import Halving
from bohb_study.schema import CELL, CellKey
from bohb_study.store import CellRecord

State = Literal["holds", "violated", "known", "not applicable"]
"""As audit.json has it; in words a check that holds passes, and one that is violated fails."""


@dataclass(frozen=True)
class TaskFacts:
    """What study.json says of a task."""

    costs: tuple[int, ...]
    """Units of each rung, the top last."""
    curve: bool
    resumable: bool
    space: Mapping[str, Mapping[str, Any]] | None
    """``tasks.fingerprints.describe_space``; None where it was not recorded."""
    only_engine: str | None = None
    eta: int = 3
    """Factor of successive halving."""

    @property
    def top(self) -> int:
        """Units of one full evaluation."""
        return self.costs[-1]


@dataclass(frozen=True)
class MethodFacts:
    """What a method declares, as far as rows can show it."""

    plans: Mapping[str, Plan] = field(default_factory=dict)
    """The brackets of one band by task; empty where it declares none."""
    model_after: Callable[[int], int] | None = None
    budget_factor: int = 1
    known_defect: str | None = None
    halving: Halving | None = None


@dataclass(frozen=True)
class Finding:
    """One violation."""

    check: str
    where: str
    """``task/method/seed``, or what of it all of its cells share."""
    what: str
    known: str | None = None
    """What explains it; None where the audit fails by it."""

    def __str__(self) -> str:
        """One line, with what explains it."""
        known = f" (known: {self.known})" if self.known else ""
        return f"{self.check}: {self.where}: {self.what}{known}"


@dataclass
class Checked:
    """The result of one check."""

    places: int = 0
    """Cells (or methods on a task) that it could be applied to."""
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Where it does not apply and why, or what was not recorded."""
    table: list[dict[str, Any]] = field(default_factory=list)
    """What it measured, as JSON values."""

    @property
    def state(self) -> State:
        """A known departure fails nothing; a check that nothing could be applied to says so."""
        if any(finding.known is None for finding in self.findings):
            return "violated"
        if self.findings:
            return "known"
        return "holds" if self.places else "not applicable"


@dataclass(frozen=True, eq=False)
class Evidence:
    """A study as the audit sees it: its rows, sorted by cell and arrival, and its records."""

    frame: pd.DataFrame
    """n rows."""
    cells: tuple[CellKey, ...]
    """Of the frame, sorted by task, method and seed."""
    code: Ints
    """Which of ``cells`` a row belongs to, ascending, shape (n,)."""
    records: Mapping[CellKey, CellRecord]
    """What was stored beside the rows of each cell that is done."""
    asked: Sequence[CellKey]
    """All cells that were ever asked for."""
    tasks: Mapping[str, TaskFacts]
    methods: Mapping[str, MethodFacts]
    budget: float
    """Full evaluations."""
    workers: int

    @cached_property
    def starts(self) -> Ints:
        """First row of each cell, and n: shape (cells + 1,)."""
        return np.searchsorted(self.code, np.arange(len(self.cells) + 1))

    @cached_property
    def before(self) -> Ints:
        """Level of the row's trial at its row before; 0 at its first. Shape (n,)."""
        trial, level = self.column("trial"), self.column("level")
        order = np.lexsort((trial, self.code))  # stable: rows of a trial stay in order of arrival
        same = np.zeros(len(order), dtype=bool)
        same[1:] = (np.diff(trial[order]) == 0) & (np.diff(self.code[order]) == 0)
        previous = np.zeros(len(order), dtype=np.int64)
        previous[order] = np.where(same, np.roll(level[order], 1), 0)
        return previous

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column without NA as a plain array, shape (n,)."""
        return self.frame[name].to_numpy()

    def of_rows(self, fact: Callable[[TaskFacts], Any]) -> npt.NDArray[Any]:
        """A fact of each row's task, shape (n,)."""
        return np.array([fact(self.tasks[task]) for task, _, _ in self.cells])[self.code]

    def rows(self, task: str, method: str | None = None) -> pd.DataFrame:
        """The rows of a task, or of one method on it."""
        own = [i for i, (t, m, _) in enumerate(self.cells) if t == task and method in (None, m)]
        if not own:
            return self.frame.iloc[:0]
        return self.frame.iloc[self.starts[own[0]] : self.starts[own[-1] + 1]]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Every (task, method) that has rows."""
        yield from dict.fromkeys((task, method) for task, method, _ in self.cells)

    def found(self, check: str, bad: Bools, say: Callable[[int], str]) -> list[Finding]:
        """A finding for each cell with a bad row: its first, and how many there are.

        Args:
            check: the check's name.
            bad: shape (n,).
            say: what is wrong, by the number of the row.
        """
        rows = np.flatnonzero(bad)
        codes, first, counts = np.unique(self.code[rows], return_index=True, return_counts=True)
        return [
            Finding(
                check,
                name(self.cells[code]),
                f"row {rows[i] - self.starts[code]}: {say(int(rows[i]))}{more(int(count) - 1)}",
            )
            for code, i, count in zip(codes, first, counts, strict=True)
        ]


def evidence(frame: pd.DataFrame, **facts: Any) -> Evidence:
    """``Evidence`` of rows in any order; ``facts`` are its other fields."""
    sizes = frame.groupby(list(CELL), sort=True, observed=True)
    code = sizes.ngroup().to_numpy(dtype=np.int64)
    order = np.lexsort((frame["seq"].to_numpy(), code))
    cells = tuple((str(t), str(m), int(s)) for t, m, s in sizes.size().index)
    ordered = frame.iloc[order].reset_index(drop=True)
    return Evidence(ordered, cells, np.sort(code), **facts)


def name(key: CellKey) -> str:
    """The name of a cell, ``task/method/seed``."""
    return "/".join(map(str, key))


def more(count: int) -> str:
    """What is said of ``count`` others."""
    return f"; and {count} more" if count > 0 else ""
