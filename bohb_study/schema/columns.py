"""Every column of the result frame: name, type, unit, meaning.

One row is one report: a trial reached a level and reported its losses.

A column that is added, removed or renamed needs a line in ``versions.VERSIONS`` as well, which says
how what was stored before is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["int", "float", "str", "bool"]
"""Type of a column; "int" and "bool" are nullable pandas types where the column may be NA."""

DECISIONS = ("continue", "promote", "pause", "stop", "end")
STATUSES = ("ok", "diverged", "failed")
HP = "hp."
"""Prefix of the columns that hold hyperparameters."""
EXTRA = "extra."
"""Prefix of the columns that hold a task's further measurements."""


@dataclass(frozen=True)
class Column:
    """One column of the result frame."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    nullable: bool = False
    """May hold NA (for floats: NaN)."""
    measured: bool = False
    """Differs from run to run on the same machine; not part of the reproducibility hash."""
    values: tuple[str, ...] = ()
    """The only values allowed, where they are few."""


COLUMNS: tuple[Column, ...] = (
    Column("task", "str", "", "the cell's task"),
    Column("method", "str", "", "the cell's method"),
    Column("seed", "int", "", "the cell's study seed; a study of n seeds has 0..n-1"),
    Column("seq", "int", "", "order of arrival within the cell, from 0"),
    Column("trial", "int", "", "trial in order of suggestion, from 0; never Ray's id"),
    Column("config_id", "str", "", "hash of the canonical configuration"),
    Column("level", "int", "units", "fidelity reached: the cost of the rung, or the epoch"),
    Column("units", "int", "units", "charged for this step"),
    Column("units_restart", "int", "units", "what the step would cost if rungs could not resume"),
    Column("units_total", "int", "units", "charged for this and all rows before it"),
    Column("full_evals", "float", "full evaluations", "units_total / cost of one full evaluation"),
    Column("bracket", "int", "", "running number of the bracket in the cell", nullable=True),
    Column(
        "rung", "int", "", "index of the rung where halving was due; NA elsewhere", nullable=True
    ),
    Column("decision", "str", "", "what the scheduler decided on this report", values=DECISIONS),
    Column("model_based", "bool", "", "was the configuration suggested by a model", nullable=True),
    Column(
        "val_loss",
        "float",
        "task",
        "validation loss; lower is better; NaN where there is no result",
        nullable=True,
    ),
    Column(
        "test_loss",
        "float",
        "task",
        "test loss; only for configurations that were chosen; NaN where it is not defined",
        nullable=True,
    ),
    Column(
        "true_loss", "float", "task", "noise-free loss at full fidelity, where known", nullable=True
    ),
    Column("status", "str", "", "ok, or why there is no result", values=STATUSES),
    Column("train_seconds", "float", "s", "measured time of the step", measured=True),
    Column(
        "search_seconds",
        "float",
        "s",
        "measured time of the searcher since the row before",
        measured=True,
    ),
    Column("virtual_seconds", "float", "s", "modelled time of arrival", nullable=True),
)

NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)
CELL = ("task", "method", "seed")
"""Columns that say which cell a row is of."""
CellKey = tuple[str, str, int]
"""The values of these columns."""


def columns_for(
    hyperparameters: Mapping[str, Kind],
    extra: Sequence[str] = (),
    fixed: Sequence[Column] | None = None,
) -> list[Column]:
    """All columns of a frame, in their order.

    Args:
        hyperparameters: kind by name, without prefix.
        extra: names of a task's further measurements, without prefix.
        fixed: the columns that every frame has; ``COLUMNS`` if None.
    """
    extras = [Column(EXTRA + n, "float", "task", "decides nothing", nullable=True) for n in extra]
    hps = [
        Column(HP + name, kind, "task", "hyperparameter; NA where inactive", nullable=True)
        for name, kind in hyperparameters.items()
    ]
    return [*(COLUMNS if fixed is None else fixed), *extras, *hps]
