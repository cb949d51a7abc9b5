"""Run a stored study again and compare it row by row.

Exit 0: every row is equal, the measured seconds aside. 1: something differs; the first difference
is named. 2: not possible here (other numerics, code or versions, several workers under engine
tune); says which. With --anyway other numerics, code and versions are said, and rows are compared
all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from bohb_study.cli import command_line
from bohb_study.cli.cluster_token import use_cluster_token
from bohb_study.numerics import Mode


@dataclass(frozen=True)
class Reproduce:
    """Options of ``bohb-study reproduce``, as given."""

    study: Annotated[Path, tyro.conf.Positional]
    """Folder of the stored study, as it was run or packed."""
    sample: int | None = None
    """Number of cells to run again, drawn among those that can be run here; by default all."""
    anyway: tyro.conf.FlagCreatePairsOff[bool] = False
    """Run and compare even if numerics, code or versions differ from those of the study."""
    numerics: Mode | None = None
    """By which kernels rows are computed now: portable or native; those of the study by default."""
    trust: tyro.conf.FlagCreatePairsOff[bool] = False
    """Execute users' files that the study names, of tasks and methods, if they are unchanged."""
    jobs: int | None = None
    """Cells that run at the same time; by default as many as the CPUs and GPUs of the machine, or
    of the cluster, have room for."""
    address: str | None = None
    """A running Ray cluster; by default engine tune starts Ray on this machine."""
    download: tyro.conf.FlagCreatePairsOff[bool] = False
    """Fetch data sets that are not on this machine."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Reproduce the study that the command line names; returns the exit code."""
    options = command_line.parse(Reproduce, argv, __doc__ or "", "bohb-study reproduce")
    use_cluster_token(options.address)
    from bohb_study.cli.reproduce_run import rerun  # imports numpy and pandas

    return rerun(options)
