"""``tabulate`` at work: make tables of curves and print what each of them shows."""

from typing import TYPE_CHECKING

import numpy as np

from bohb_study.numbers import NONE, counted, number
from bohb_study.running.options import RunOptions
from bohb_study.running.table_cards import Made, size_mb
from bohb_study.running.tabulation import tabulate
from bohb_study.running.tabulation_plan import Wanted
from bohb_study.study import StudyConfig
from bohb_study.summaries.table import Column, Table, rows
from bohb_study.summaries.terminal import console

if TYPE_CHECKING:
    from bohb_study.cli.tabulate import Tabulate


def make_tables(options: "Tabulate") -> int:
    """Make, print and name the tables; returns the exit code."""
    config = StudyConfig(
        tasks=options.tasks, task_options=options.task_options, methods=("random",), budget=1
    )
    wanted = Wanted(config, options.configs, options.seeds, options.design_seed, options.licence)
    where = RunOptions(
        out=options.out, jobs=options.jobs, address=options.address, download=options.download
    )
    out = console()
    for made in tabulate(wanted, where):
        out.print(table_of(made))
        for path in (made.path, made.path.with_suffix(".json")):
            size = f" ({size_mb(path):.2f} MB)" if path == made.path else ""
            out.print(f"  {path}{size}", highlight=False, soft_wrap=True)
    return 0


def table_of(made: Made) -> Table:
    """What a table of curves shows: a row for each rung."""
    table, card = made.table, made.card
    about, curves = table.about, table.curves
    given = [
        [
            str(level),
            f"{np.mean(curves.status[:, :, rung] == 0):.1%}",
            number(float(np.median(table.durations[:, rung])), 3, zeros=False),
            correlation(card["rank_correlation"].get(str(level))),
            correlation(card["surrogate"].get(str(level))),
        ]
        for rung, level in enumerate(about.costs)
    ]
    headings = (
        Column(f"{about.unit}s", "right"),
        Column("ok", "right"),
        Column("median step", "right", "s"),
        Column("rank correlation\nwith the top", "right"),
        Column("of a surrogate,\ncross-validated", "right"),
    )
    notes = []
    if card["noise"] is not None:
        notes.append(f"rank correlation of the top under two seeds: {card['noise']:.3f}")
    notes.append(f"{card['seconds']:,.1f} s of evaluating in all, on one core each")
    size = f"{len(table.configs)} configurations, {counted(curves.status.shape[1], 'seeds')}"
    return Table(
        f"{about.task}: {size} ({card['design']['kind']})", headings, rows(given), tuple(notes)
    )


def correlation(value: float | None) -> str:
    """A rank correlation in three digits."""
    return NONE if value is None else f"{value:.3f}"
