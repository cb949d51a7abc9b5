"""What a person sees while a study runs: live bars on a terminal, plain lines elsewhere.

All of it goes to stderr, so that stdout holds the summary table and nothing else. The runner polls
its cells and reports to a ``Progress`` from one thread; no thread is started here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console

from bohb_study.running.progress.bars import BarProgress
from bohb_study.running.progress.display import CellProgress, Progress
from bohb_study.running.progress.lines import LineProgress
from bohb_study.scores import Score

__all__ = ["CellProgress", "Progress", "make_progress"]


@contextmanager
def make_progress(
    console: Console | None = None,
    noun: str = "cells",
    scores: Mapping[str, Score] | None = None,
) -> Iterator[Progress]:
    """The progress that suits ``console`` (stderr), closed at the end of the ``with`` block.

    Args:
        console: where; stderr by default.
        noun: what is counted, in the plural.
        scores: what the losses of tasks measure, by the task's name; losses by default.
    """
    console = console or Console(stderr=True)
    kind = BarProgress if console.is_interactive else LineProgress
    progress: Progress = kind(console, noun=noun, scores=scores)
    try:
        yield progress
    finally:
        progress.close()
