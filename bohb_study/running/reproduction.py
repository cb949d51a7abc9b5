"""Does a stored study come out again? Reruns its cells and compares row by row."""

from contextlib import closing
from pathlib import Path

from bohb_study.errors import StudyError
from bohb_study.identity import OWN_METHOD, cell_parts, code_hash, differences, versions
from bohb_study.numerics import differences as numeric_differences
from bohb_study.numerics import expected
from bohb_study.running.comparison import Comparison, Difference, compare_frames, difference_of
from bohb_study.running.execution import allowed_units, execute, session
from bohb_study.running.options import RunOptions
from bohb_study.running.rerun import (
    NotReproducibleError,
    Rerun,
    choose,
    executed_files,
    files_of,
    prepare_rerun,
    unavailable,
)
from bohb_study.running.runner import ProgressContext
from bohb_study.scratch import OwnedFolder, remove_orphans
from bohb_study.store.code_file import read_code
from bohb_study.study import Cell

__all__ = [
    "Comparison",
    "Difference",
    "NotReproducibleError",
    "Rerun",
    "choose",
    "compare_frames",
    "executed_files",
    "files_of",
    "prepare_rerun",
    "reasons",
    "reproduce",
    "unavailable",
]

SYNTAX_SCHEMA = 2
"""The schema from which on a cell's code is hashed by its syntax tree."""


def reasons(rerun: Rerun) -> list[str]:
    """Why rows may come out otherwise here, one line each; none where they must not.

    First the numerics that they were computed with, then the code that ran them with the versions
    of the packages that decide rows, cell by cell, each reason once.
    """
    found: dict[str, None] = {}
    here = expected(rerun.study.config.numerics, torch=True)
    for cell in rerun.cells:
        found.update(dict.fromkeys(numeric_differences(rerun.record(cell).numerics, here)))
    for cell in rerun.cells:
        if why := _other_code(rerun, cell):
            found[why] = None
    return list(found)


def reproduce(
    rerun: Rerun, options: RunOptions, open_progress: ProgressContext
) -> list[Comparison]:
    """Run cells of a stored study again in a temporary folder and compare them.

    Args:
        rerun: the cells; nothing of the stored study is written.
        options: where and how (its output folder is not used).
        open_progress: opens the display of how far it is.

    Raises:
        StudyError: a cell failed when it was run again.
    """
    study, cells = rerun.study, rerun.cells
    comparisons = {}
    remove_orphans()
    with (
        OwnedFolder("bohb-reproduce-") as folder,
        session(study, cells, options, Path(folder)) as nodes,
        open_progress() as progress,
    ):
        progress.start(allowed_units(study, cells))
        with closing(execute(study, cells, options, Path(folder), progress, nodes)) as ended:
            for event in ended:
                cell, result = event.finished.cell, event.finished.result
                if result is None:
                    raise StudyError(f"{cell} failed when run again: {event.finished.error}")
                difference = difference_of(rerun.stored, cell, result.frame)
                comparisons[cell] = Comparison(cell, rerun.record(cell).rows, difference)
                outcome = "differs" if difference else "equal"
                progress.finish(str(cell), not difference, event.seconds, None, outcome)
    return [comparisons[cell] for cell in cells]


def _other_code(rerun: Rerun, cell: Cell) -> str:
    """How the code of a cell differs from the code here; empty where it does not."""
    record = rerun.record(cell)
    config = rerun.study.config
    here = cell_parts(
        cell.task,
        cell.method,
        record.engine,
        config.source(cell.task),
        config.method_source(cell.method),
    )
    if record.code == code_hash(here):
        return ""
    now = {name: text for name, text in versions().items() if name in here and name != "python"}
    then = {name: text for name, text in record.packages.items() if name in here}
    changed = differences(then, now)
    commit = f"commit {str(record.git.commit)[:7]}"
    if record.schema < SYNTAX_SCHEMA:
        # hashed byte by byte: whether anything that matters changed since is not known
        changed = [*changed, f"the code of {commit} was hashed in another way"]
    elif parts := read_code(rerun.stored.path):
        here.pop(OWN_METHOD, None)  # was compared as a whole before
        changed = differences({k: v for k, v in parts.items() if k in here}, here) or changed
    return "code: " + ("; ".join(changed) or f"that of {commit} is not the code here")
