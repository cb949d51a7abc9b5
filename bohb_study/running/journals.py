"""Which cells of a study are recorded in journals, and what their reports depend on."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from bohb_study.engines.journal import check_head
from bohb_study.engines.journal_place import JournalPlace
from bohb_study.identity import cell_parts
from bohb_study.numerics import expected
from bohb_study.running.engine_choice import engine_of
from bohb_study.running.options import RunOptions
from bohb_study.store.journals import JOURNALS, journal_place
from bohb_study.study import Cell, Study


def journals_of(
    study: Study, cells: Sequence[Cell], options: RunOptions, folder: Path
) -> dict[Cell, JournalPlace]:
    """The journals of those of ``cells`` that can go on in the middle: whose reports have an order.

    Args:
        study: the study that the cells are of.
        cells: what is run.
        options: where and how.
        folder: the study's folder.
    """
    config = study.config
    engines = {name: engine_of(config, task, options) for name, task in study.tasks.items()}
    # with several workers it is another order at each run of engine tune
    own = [c for c in cells if engines[c.task] == "virtual" or config.workers == 1]
    if not own:
        return {}
    torch = any(not study.task(cell).computed for cell in own)
    numerics = expected(config.numerics, torch=torch)

    @cache
    def parts(task: str, method: str) -> dict[str, str]:
        source, method_source = config.source(task), config.method_source(method)
        return cell_parts(task, method, engines[task], source, method_source)

    def head(cell: Cell) -> dict[str, Any]:
        return {
            "study": config.id,
            "code": parts(cell.task, cell.method),
            "numerics": numerics,
            "gpus": options.gpus_per_trial > 0,
        }

    # what is computed in microseconds is recorded in blocks, unless its steps are to be watched
    watched = bool(options.trial_timeout or options.trial_memory)
    return {
        cell: journal_place(
            folder,
            cell,
            head(cell),
            by_step=not study.task(cell).computed or (watched and cell.task in config.own_tasks),
        )
        for cell in own
    }


def check_journals(
    study: Study, cells: Sequence[Cell], options: RunOptions, folder: Path | None
) -> None:
    """Raise StudyError, in one line, for a journal in ``folder`` that does not fit what is run."""
    if folder is None or not (folder / JOURNALS).is_dir():
        return
    for place in journals_of(study, cells, options, folder).values():
        check_head(place)
