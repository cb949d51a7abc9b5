"""How the actors of a study's cells spent their time, and what they trained beyond the budget."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from bohb_study.store import LoadedStudy
from bohb_study.summaries.table import Column, Table, code, columns, row

GAIN = 1.1
"""Seconds of training for each second of a cell, below which actors were not worth starting."""


def utilisation_table(study: LoadedStudy) -> Table | None:
    """One row a task and method: shares of actor time over all cells that were run on actors.

    None where none was.
    """
    cells: dict[tuple[str, str], list[Mapping[str, float]]] = defaultdict(list)
    for record in study.cells.values():
        if record.parallel:
            cells[record.cell.task, record.cell.method].append(record.parallel)
    if not cells:
        return None
    shown, no_gain = [], []
    for (task, method), own in cells.items():
        counts = sorted({int(one["actors"]) for one in own})
        seconds = sum(one["actors"] * one["wall"] for one in own)
        parts = [_sum(own, name) for name in ("busy", "waiting", "idle")]
        shares = [*parts, seconds - sum(parts)]
        if parts[0] < GAIN * (wall := _sum(own, "wall")):
            no_gain.append(
                f"{task}, {method}: one process would train in {parts[0]:.0f} s what took these "
                f"actors {wall:.0f} s; 0 actors would do"
            )
        shown.append(
            row(
                [
                    code(task),
                    code(method),
                    " or ".join(map(str, counts)),
                    f"{_sum(own, 'wall'):.1f}",
                    *(f"{100 * max(0.0, share) / seconds:.0f}" for share in shares),
                    *(int(_sum(own, name)) for name in ("repeated", "unused", "deaths")),
                ]
            )
        )
    return Table(
        "how the actors that trained spent their time",
        (
            *columns("task", "method"),
            Column("actors", "right"),
            Column("wall\n[s]", "right"),  # two lines: a narrow terminal has room
            *columns("busy\n[%]", "waiting\n[%]", "idle\n[%]", "starting\n[%]", align="right"),
            *columns("units\nrepeated", "units\nunused", "actors\ndied", align="right"),
        ),
        tuple(shown),
        (
            "busy: training and saving; waiting: without work while a report was held back until "
            "its turn on the virtual clock; idle: without work otherwise; starting: imports, data, "
            "messages",
            "repeated: trained again since an actor died; unused: trained ahead and never needed; "
            "neither counts in the budget",
            *no_gain,
        ),
    )


def _sum(cells: Iterable[Mapping[str, float]], name: str) -> float:
    return sum(one[name] for one in cells)
