"""States of paused trials: in memory up to a limit, beyond it on disk."""

import pickle
from pathlib import Path
from typing import Any

from bohb_study.scratch import OwnedFolder

LIMIT = 256 * 2**20
"""Bytes of states that a cell keeps in memory."""


class States:
    """Keeps a state for each key until it is taken or dropped.

    States are kept as bytes, so what comes back shares nothing with what was put in, wherever it
    was kept.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        """Keep up to ``limit`` bytes in memory."""
        self._limit = limit
        self._bytes = 0
        self._memory: dict[str, bytes] = {}
        self._files: dict[str, Path] = {}
        self._folder: OwnedFolder | None = None

    def put(self, key: str, state: Any) -> None:
        """Keep a picklable ``state`` under ``key``, which must be free."""
        data = pickle.dumps(state, protocol=pickle.HIGHEST_PROTOCOL)
        if self._bytes + len(data) <= self._limit:
            self._memory[key] = data
            self._bytes += len(data)
            return
        if self._folder is None:
            self._folder = OwnedFolder("bohb-states-")
        self._files[key] = Path(self._folder.name, key)
        self._files[key].write_bytes(data)

    def take(self, key: str) -> Any:
        """The state under ``key``, which is free from now on."""
        data = self._memory[key] if key in self._memory else self._files[key].read_bytes()
        self.drop(key)
        return pickle.loads(data)

    def drop(self, key: str) -> None:
        """Forget what is kept under ``key``, if anything is."""
        self._bytes -= len(self._memory.pop(key, b""))
        if path := self._files.pop(key, None):
            path.unlink()

    def close(self) -> None:
        """Drop all states and delete their files."""
        self._memory.clear()
        self._files.clear()
        self._bytes = 0
        if self._folder:
            self._folder.cleanup()
