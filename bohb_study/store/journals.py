"""Where the journals of a study's cells are, and what they must be of."""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bohb_study.engines.journal_place import JournalPlace
from bohb_study.files import opened_folder
from bohb_study.study import Cell

JOURNALS = "journals"
"""Their folder in that of the study; it is there only while cells are under way."""


def journal_place(
    folder: Path, cell: Cell, head: Mapping[str, Any] | None = None, *, by_step: bool = True
) -> JournalPlace:
    """Where the journal of ``cell`` is.

    Args:
        folder: of the study.
        cell: which.
        head: what its reports depend on; JSON values.
        by_step: whether each report is recorded by itself.
    """
    whole = folder.resolve()
    path = whole / JOURNALS / cell.task / cell.method / f"{cell.seed}.journal"
    return JournalPlace(path, whole, head or {}, by_step)


def remove_journal(place: JournalPlace) -> None:
    """Remove a journal and the states beside it, and folders that are empty then.

    What cannot be removed stays, and is refused or read once more: no row depends on it.
    """
    with suppress(OSError):
        with opened_folder(place.path.parent, place.within, make=False) as folder:
            with suppress(OSError):
                os.unlink(place.path.name, dir_fd=folder)
            with suppress(OSError):
                shutil.rmtree(place.states.name, dir_fd=folder)
        for parent in list(place.path.parents)[:3]:
            os.rmdir(parent)


def remove_empty(folder: Path) -> None:
    """Remove folders of journals that hold none: a run that was killed in between left them.

    Args:
        folder: of the study, which is locked.
    """
    top = folder / JOURNALS
    if not top.is_symlink():
        for path, _, _ in os.walk(top, topdown=False):  # which follows no link
            with suppress(OSError):
                os.rmdir(path)
