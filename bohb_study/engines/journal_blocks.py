"""Reports of computed tasks in a journal: many at a time, as columns of raw numbers.

A report that is computed in microseconds would take longer to record by itself. The recorder keeps
columns anyway; once a second what is new in them is added to the journal as it stands.
"""

from collections.abc import Iterator, Mapping
from itertools import repeat
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb_study.engines.journal import Entry, Journal
from bohb_study.schema import STATUSES
from bohb_study.tasks.base import Report

if TYPE_CHECKING:
    from bohb_study.engines.recorder import Recorder

BLOCK_SECONDS = 1.0
"""A cell that takes less has no journal; one that takes longer is recorded this often."""

_KINDS: Mapping[str, str] = {
    "trial_row": "<u4",
    "level": "<u4",
    "units": "<u4",
    "executed": "<u4",
    "status": "i1",
    "val_loss": "<f8",
    "test_loss": "<f8",
    "train_seconds": "<f4",
}
"""Columns of the recorder, and as what they are stored; seconds are measured and decide nothing."""
_EXTRA = "<f8"


class BlockWriter:
    """Adds to a journal what a recorder has kept since it was last called."""

    def __init__(self, journal: Journal) -> None:
        """Nothing is added yet."""
        self._journal = journal
        self._reports: int | None = None
        """How many reports of the recorder are in the journal; None: those that it gave."""
        self._trials = 0
        self._failures: set[int] = set()
        self._wrote = perf_counter()

    def write_sometimes(self, recorder: "Recorder") -> None:
        """Add what is new, if it is time; while recorded reports are given out nothing is."""
        if not self._journal.replays and perf_counter() - self._wrote > BLOCK_SECONDS:
            self._write(recorder)
            self._wrote = perf_counter()

    def _write(self, recorder: "Recorder") -> None:
        if self._reports is None:
            self._reports, table = self._journal.given, self._journal.table
            if table is not None:
                self._trials = len(table.trials)
                self._failures = {int(trial) for trial in table.failures}
        columns, extra = recorder.columns(self._reports)
        count = len(columns["level"])
        if not count:
            return
        parts = [np.asarray(columns[name]).astype(kind) for name, kind in _KINDS.items()]
        parts += [np.asarray(values, dtype=_EXTRA) for values in extra.values()]
        meaning = {
            "reports": count,
            "first_row": self._trials,
            "trials": [str(number) for number in recorder.trial_numbers[self._trials :]],
            "configs": recorder.config_ids[self._trials :],
            "extra": list(extra),
            "failures": {
                str(trial): why
                for trial, why in recorder.failures.items()
                if trial not in self._failures
            },
        }
        self._journal.add_block(meaning, b"".join(part.tobytes() for part in parts))
        self._reports += count
        self._trials = len(recorder.config_ids)
        self._failures = set(recorder.failures)


class TrialTable:
    """Which trials the rows of earlier blocks are of."""

    def __init__(self) -> None:
        """None yet."""
        self.trials: list[str] = []
        self.configs: list[str] = []
        self.failures: dict[str, str] = {}


def entries(table: TrialTable, meaning: Mapping[str, Any], columns: bytes) -> Iterator[Entry]:
    """The reports of one block.

    Args:
        table: of the blocks before; it is added to.
        meaning: as ``BlockWriter`` wrote it.
        columns: raw numbers.

    Raises:
        ValueError, KeyError, TypeError, IndexError: it is no such block.
    """
    count = int(meaning["reports"])
    names = [str(name) for name in meaning["extra"]]
    kinds = [np.dtype(kind) for kind in _KINDS.values()] + [np.dtype(_EXTRA)] * len(names)
    if count < 1 or len(columns) != count * sum(kind.itemsize for kind in kinds):
        raise ValueError("columns of another length")
    if meaning["first_row"] != len(table.trials):
        raise ValueError("trials of another block")
    table.trials += [str(number) for number in meaning["trials"]]
    table.configs += [str(config) for config in meaning["configs"]]
    table.failures |= {str(trial): str(why) for trial, why in meaning["failures"].items()}
    if len(table.trials) != len(table.configs):
        raise ValueError("not as many trials as configurations")
    values, begin = [], 0
    for kind in kinds:
        end = begin + count * kind.itemsize
        values.append(np.frombuffer(columns[begin:end], dtype=kind).tolist())
        begin = end
    rows, levels, units, executed, statuses, val, test, seconds = values[: len(_KINDS)]
    if max(rows) >= len(table.trials) or not {*statuses} <= {*range(len(STATUSES))}:
        raise ValueError("a report of no trial, or of no status")
    extras = zip(*values[len(_KINDS) :], strict=True) if names else repeat(())
    for i, extra in zip(range(count), extras, strict=False):
        trial = table.trials[rows[i]]
        status: Any = STATUSES[statuses[i]]
        report = Report(
            val[i],
            test[i],
            seconds[i],
            executed[i],
            status,
            dict(zip(names, extra, strict=True)),
            table.failures.get(trial, "") if status == "failed" else "",
        )
        yield Entry(trial, table.configs[rows[i]], levels[i], units[i], report)
