"""States of trainings beside a cell's journal, from which a killed cell goes on.

A state is saved after a step where training it again would take far longer than saving it does, so
nobody notices the saving.
"""

import hashlib
import os
from contextlib import suppress
from time import perf_counter
from typing import Any

from bohb_study.engines.journal import Journal
from bohb_study.engines.plain_data import MOST_BYTES, NotPlainError, decoded, encoded
from bohb_study.errors import StudyError
from bohb_study.files import opened_folder, read_file, replace_files

LEAST_SECONDS = 1.0
"""Of training since the last state of a trial, below which none is saved."""
TIMES = 100
"""How much longer than the saving that training must have taken."""


class SavedStates:
    """The last state of each trial, in a folder beside the journal."""

    def __init__(self, journal: Journal) -> None:
        """Those that ``journal`` speaks of."""
        self._journal = journal
        self._folder, self._within = journal.place.states, journal.place.within
        self._trained: dict[str, float] = {}
        """Seconds since the last state of a trial."""
        self._took = 0.0
        """Seconds that the last saving took."""
        self._hopeless = False
        """The task's states are no plain data."""

    def is_due(self, trial: str, seconds: float) -> bool:
        """Whether it is worth saving a state, after a step of ``seconds``."""
        trained = self._trained[trial] = self._trained.get(trial, 0.0) + seconds
        return not self._hopeless and trained >= max(LEAST_SECONDS, TIMES * self._took)

    def save(self, trial: str, level: int, state: Any) -> None:
        """Save ``state`` in place of the one before; not at all where that is not possible."""
        began = perf_counter()
        try:
            data = encoded(state)
        except NotPlainError:
            self._hopeless = True
            return
        if len(data) > MOST_BYTES:
            return
        try:
            replace_files({self._folder / f"{trial}.state": data}, self._within)
        except StudyError:
            return  # a full disk: the one before, or none, is as good
        self._journal.add_state(trial, level, hashlib.sha256(data).hexdigest())
        self._trained[trial] = 0.0
        self._took = perf_counter() - began

    def load(self, trial: str) -> tuple[int, Any] | None:
        """The level and state of ``trial`` as they were last saved; None where there is none."""
        level, sha256 = self._journal.states.get(trial, (0, ""))
        if not level or not trial.isalnum():
            return None
        try:
            with opened_folder(self._folder, self._within, make=False):
                pass  # no link leads to it
            data = read_file(self._folder / f"{trial}.state", MOST_BYTES)
            if hashlib.sha256(data).hexdigest() != sha256:
                return None
            return level, decoded(data)
        except (OSError, ValueError):
            return None

    def drop(self, trial: str) -> None:
        """The trial has ended."""
        if self._trained.pop(trial, None) is not None:
            with (
                suppress(OSError),
                opened_folder(self._folder, self._within, make=False) as folder,
            ):
                os.unlink(f"{trial}.state", dir_fd=folder)
