"""Evaluate a space-filling design of a task to full fidelity and write it as a table of curves.

For each task NAME.parquet, with what every configuration gave at each rung, and its card NAME.json.
An interrupted run goes on with the same command. compare takes a table as --tasks table:PATH, which
looks configurations up, or surrogate:PATH, where a forest that is fitted to it predicts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from bohb_study.cli import command_line
from bohb_study.cli.cluster_token import use_cluster_token


@dataclass(frozen=True)
class Tabulate:
    """Options of ``bohb-study tabulate``, as given."""

    tasks: tuple[str, ...]
    """Tasks (compare --list names them); path/to/file.py:NAME for a task of your own."""
    configs: int = 1000
    """Configurations of each table: the first of a scrambled Sobol sequence in the unit coordinates
    of the search space; all of them where there are no more."""
    seeds: int = 1
    """Seeds 0 .. n-1 under which each configuration is evaluated."""
    out: Path = Path("tables")
    """Folder to write."""
    task_options: tuple[str, ...] = ()
    """Options of tasks, as task.key=value (compare --list shows them)."""
    design_seed: int = 0
    """Seed of the Sobol sequence."""
    licence: str = "Apache-2.0"
    """Licence under which the tables may be passed on, for their cards."""
    jobs: int | None = None
    """Evaluations that run at the same time; by default as many as the CPUs of the machine, or of
    the cluster."""
    address: str | None = None
    """A running Ray cluster, as host:port or auto; by default processes of this machine."""
    download: tyro.conf.FlagCreatePairsOff[bool] = False
    """Fetch data sets that are not on this machine."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Make the tables that the command line asks for; returns the exit code."""
    options = command_line.parse(Tabulate, argv, __doc__ or "", "bohb-study tabulate")
    use_cluster_token(options.address)
    from bohb_study.cli.tabulate_run import make_tables  # imports numpy, pyarrow and Ray

    try:
        return make_tables(options)
    except KeyboardInterrupt:
        on = command_line.again("tabulate", argv)
        raise KeyboardInterrupt(f"what is done is kept; go on with: {on}") from None
