"""The table of how actors spent their time."""

from types import SimpleNamespace
from typing import Any

from bohb_study.study import Cell
from bohb_study.summaries.utilisation import utilisation_table


def study(*parallel: dict[str, float]) -> Any:
    records = [
        SimpleNamespace(cell=Cell("digits", "bohb", seed), parallel=one)
        for seed, one in enumerate(parallel)
    ]
    return SimpleNamespace(cells={(r.cell.task, r.cell.method, r.cell.seed): r for r in records})


def spent(actors: int, wall: float, busy: float, waiting: float, idle: float) -> dict[str, float]:
    counts = {"repeated": 2, "unused": 1, "deaths": 3}
    times = {"wall": wall, "busy": busy, "waiting": waiting, "idle": idle}
    return {"actors": actors, **times, **counts}


def test_shares_over_all_cells_of_a_method() -> None:
    """Weighted by actor time; the cell without actors does not count."""
    table = utilisation_table(study(spent(2, 10, 10, 4, 2), {}, spent(4, 20, 40, 16, 8)))
    assert table is not None
    ((*texts,),) = [[cell.text for cell in row] for row in table.rows]
    assert texts == ["digits", "bohb", "2 or 4", "30.0", "50", "20", "10", "20", "4", "2", "6"]


def test_no_table_where_nothing_was_trained_on_actors() -> None:
    assert utilisation_table(study({}, {})) is None


def test_actors_that_gained_nothing_are_said() -> None:
    """10 seconds of training took 11, which starting the actors and waiting made of them."""
    slow, fast = spent(2, 11, 10, 4, 2), spent(2, 10, 16, 1, 1)
    for found, told in ((slow, True), (fast, False)):
        table = utilisation_table(study(found))
        assert table is not None
        line = "digits, bohb: one process would train in 10 s what took these actors 11 s"
        assert (f"{line}; 0 actors would do" in table.notes) == told
