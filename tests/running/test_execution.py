"""Which engine runs a cell, in how many processes, and whether Ray is started for it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bohb_study.engines.base import CellJob, Finished, Running
from bohb_study.errors import StudyError, UsageError
from bohb_study.running.engine_choice import actors_of, engine_of, idle_gpu
from bohb_study.running.execution import Ended, allowed_units, execute, session
from bohb_study.running.options import RunOptions
from bohb_study.running.pools.nodes import Nodes
from bohb_study.running.runner import run_study
from bohb_study.store.sealed import sealed_json
from bohb_study.study import StudyConfig

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")


def config(**fields: Any) -> StudyConfig:
    return StudyConfig(
        **{"tasks": ("counting-ones-8",), "methods": ("random",), "budget": 2, **fields}
    )


@pytest.mark.parametrize(
    ("asked", "workers", "computed", "gpus", "engine"),
    [
        # rows are the same each time, on however many actors and GPUs
        ("auto", 1, False, 0, "virtual"),
        ("auto", 1, True, 0, "virtual"),
        ("auto", 2, False, 0, "virtual"),
        ("auto", 2, True, 0, "virtual"),
        ("auto", 1, False, 1, "virtual"),
        ("auto", 2, False, 1, "virtual"),
        # what is asked for is what is taken
        ("tune", 1, False, 0, "tune"),
        ("tune", 1, True, 0, "tune"),
        ("tune", 4, True, 1, "tune"),
        ("virtual", 1, False, 0, "virtual"),
        ("virtual", 4, False, 0, "virtual"),
        ("virtual", 4, True, 0, "virtual"),
        ("virtual", 4, False, 1, "virtual"),
    ],
)
def test_engine(asked: Any, workers: int, computed: bool, gpus: float, engine: str) -> None:
    task: Any = SimpleNamespace(computed=computed, only_engine=None)
    options = RunOptions(gpus_per_trial=gpus)
    assert engine_of(config(engine=asked, workers=workers), task, options) == engine


@pytest.mark.parametrize(
    ("workers", "computed", "options", "cells", "actors"),
    [
        # one trial at a time, or one that costs nothing, trains where its cell runs
        (1, False, {}, 1, 0),
        (4, True, {}, 1, 0),
        # CPUs that cells leave over
        (4, False, {}, 1, 4),
        (16, False, {}, 1, 8),
        (4, False, {}, 4, 2),
        (4, False, {}, 5, 0),
        (4, False, {}, 100, 0),
        # what is asked for is what is taken
        (4, False, {"actors": 3}, 100, 3),
        (4, False, {"actors": 1}, 1, 1),
        (4, False, {"actors": 0}, 1, 0),
        (4, True, {"actors": 2}, 1, 2),
        # GPUs are Ray's to allocate
        (1, False, {"gpus_per_trial": 1}, 1, 1),
        (4, False, {"gpus_per_trial": 0.5}, 3, 2),
        (4, False, {"gpus_per_trial": 1}, 100, 1),
    ],
)
def test_actors(workers: int, computed: bool, options: Any, cells: int, actors: int) -> None:
    """On eight CPUs, or so many GPUs."""
    task: Any = SimpleNamespace(computed=computed, only_engine=None)
    study = config(workers=workers)
    assert actors_of(study, task, RunOptions(**options), cells, 8) == actors
    tune = config(workers=workers, engine="tune")
    assert actors_of(tune, task, RunOptions(**options), cells, 8) == 0


@pytest.mark.parametrize(
    ("fields", "actors", "said"),
    [
        ({"workers": 2}, 3, "a cell trains at most workers=2 trials at a time"),
        (
            {"workers": 4, "engine": "tune"},
            2,
            'engine tune has one a worker; allowed with engine="virtual"',
        ),
    ],
)
def test_actors_that_would_have_nothing_to_do_are_refused(
    fields: Any, actors: int, said: str, connections: list[str | None]
) -> None:
    study = config(**fields)
    with (
        pytest.raises(UsageError) as error,
        session(study.resolve(), study.cells(), RunOptions(actors=actors)),
    ):
        pass
    assert str(error.value) == f"actors {actors}: {said}"
    assert connections == []


def test_a_task_that_needs_ray_tune_gets_it() -> None:
    task: Any = SimpleNamespace(name="mine", computed=False, only_engine="tune")
    for asked in ("auto", "tune"):
        assert engine_of(config(engine=asked), task, RunOptions()) == "tune"
    with pytest.raises(UsageError) as error:
        engine_of(config(engine="virtual"), task, RunOptions())
    assert str(error.value) == (
        "engine virtual: mine calls tune.report, so it runs under engine tune alone; allowed: "
        "auto, tune"
    )


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The addresses at which Ray is asked for; none is started."""
    asked: list[str | None] = []

    @contextmanager
    def connected(address: str | None, cpus: int | None = None) -> Iterator[None]:
        asked.append(address)
        yield

    monkeypatch.setattr("bohb_study.running.pools.connection.connected", connected)
    pools = "bohb_study.running.pools"
    monkeypatch.setattr(f"{pools}.connection.check_resources", lambda *given: None)
    monkeypatch.setattr(f"{pools}.study_nodes.nodes_for", lambda *args: Nodes())
    monkeypatch.setattr("ray.init", lambda *args, **kwargs: pytest.fail("Ray was started"))
    return asked


@pytest.mark.parametrize(
    ("fields", "options", "expected"),
    [
        ({}, {}, []),
        ({"workers": 16}, {}, []),
        ({"tasks": ("digits",)}, {}, []),
        # each of three cells has a CPU, and no two of them have more
        ({"tasks": ("digits",), "workers": 3, "methods": ("random", "grid", "asha")}, {}, []),
        ({"tasks": ("digits",), "workers": 3}, {"jobs": 8}, []),
        ({}, {"address": "localhost:1"}, ["localhost:1"]),
        ({"tasks": ("digits",), "workers": 3}, {"jobs": 1}, [None]),
        ({"tasks": ("digits",), "workers": 3, "seeds": 1}, {}, [None]),
        ({"tasks": ("digits",)}, {"gpus_per_trial": 1}, [None]),
        ({"engine": "tune"}, {}, [None]),
        ({"engine": "tune"}, {"address": "auto"}, ["auto"]),
        # one task of the two needs it
        ({"tasks": ("counting-ones-8", "digits"), "workers": 3, "seeds": 1}, {}, [None]),
    ],
)
def test_ray_is_asked_for_only_where_it_is_needed(
    fields: Any,
    options: Any,
    expected: list[str | None],
    connections: list[str | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of four CPUs."""
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(4)))
    study = config(**fields)
    with session(study.resolve(), study.cells(), RunOptions(**options)):
        assert connections == expected


def test_only_the_cells_that_are_left_decide_whether_ray_is_needed(
    connections: list[str | None],
) -> None:
    study = config(tasks=("counting-ones-8", "digits"), workers=3)
    left = [cell for cell in study.cells() if cell.task == "counting-ones-8"]
    with session(study.resolve(), left, RunOptions()):
        assert connections == []


@pytest.mark.parametrize("address", [None, "localhost:1"])
def test_what_does_not_fit_is_refused_before_ray_is_asked_for(
    address: str | None, connections: list[str | None]
) -> None:
    study = config(tasks=("fcnet-protein",), methods=("random", "hyperband"), engine="tune")
    with (
        pytest.raises(UsageError, match=r"^methods hyperband: fcnet-protein has a single fid"),
        session(study.resolve(), study.cells(), RunOptions(address=address)),
    ):
        pass
    assert connections == []


class Runs:
    """Stands for a module that runs cells: each ends at once, after one word of how far it is."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[CellJob], int | None]] = []
        self.closed = 0

    def run_cells(
        self, jobs: list[CellJob], at_once: int | None, nodes: Nodes | None = None
    ) -> Iterator[Running | Finished]:
        self.asked.append((list(jobs), at_once))
        try:
            for job in jobs:
                yield Running(job.cell, 5, 0.25)
                yield Finished(job.cell, None, "nothing was run")
        finally:
            self.closed += 1


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Runs:
    runs = Runs()
    monkeypatch.setattr("bohb_study.running.pools.local.run_cells", runs.run_cells)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)))
    return runs


@pytest.fixture
def by_ray(monkeypatch: pytest.MonkeyPatch) -> Runs:
    runs = Runs()
    monkeypatch.setattr("bohb_study.running.pools.cluster.run_cells", runs.run_cells)
    return runs


class Told:
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self.updates: list[Any] = []
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    def update(self, progress: Any) -> None:
        self.updates.append((progress.cell, progress.done, progress.allowed, progress.best))


def run(study: StudyConfig, options: RunOptions, folder: Path) -> tuple[list[Ended], list[Any]]:
    told: Any = Told()
    return list(execute(study.resolve(), study.cells(), options, folder, told)), told.updates


@pytest.mark.parametrize(
    ("options", "at_once"),
    [
        ({}, 8),
        ({"jobs": 1}, 1),
        ({"jobs": 20}, 20),
        ({"cpus_per_trial": 3}, 2),
        ({"cpus_per_trial": 0.5}, 8),
        ({"cpus_per_trial": 9}, 1),
    ],
)
def test_cells_at_a_time_in_processes(
    options: Any, at_once: int, here: Runs, by_ray: Runs, tmp_path: Path
) -> None:
    """Engine virtual gives CPUs to a cell, however many virtual workers it has."""
    run(config(workers=4), RunOptions(**options), tmp_path)
    ((jobs, asked),) = here.asked
    assert asked == at_once
    assert by_ray.asked == []
    assert all((job.engine, job.workers, job.storage) == ("virtual", 4, None) for job in jobs)


@pytest.mark.parametrize("engine", ["tune", "virtual"])
@pytest.mark.parametrize("jobs", [None, 3])
@pytest.mark.parametrize("shared", [True, False])
def test_cells_by_ray(
    engine: Any, jobs: int | None, shared: bool, here: Runs, by_ray: Runs, tmp_path: Path
) -> None:
    """Ray has how many are asked for, and of none says how many fit (test_nodes.py)."""

    class Known(Nodes):
        shares_folder = shared

        def at_once(self, workers: int = 1) -> int:
            return 64

    study = config(workers=4, engine=engine)
    told: Any = Told()
    options = RunOptions(jobs=jobs, address="auto")
    cells = execute(study.resolve(), study.cells(), options, tmp_path, told, Known())
    next(cells)
    storage = tmp_path / ".scratch"
    assert storage.is_dir() == shared
    list(cells)
    ((made, asked),) = by_ray.asked
    assert asked == jobs
    assert here.asked == []
    assert {job.engine for job in made} == {engine}
    # every node of a cluster must reach the states of paused trials
    assert {job.storage for job in made} == {str(storage) if shared else None}
    assert not storage.exists()


def test_one_kind_after_the_other(here: Runs, by_ray: Runs, tmp_path: Path) -> None:
    """Each takes all CPUs, so cells of both are not run at the same time."""
    study = config(tasks=("counting-ones-8", "digits"), workers=3, seeds=2)
    ended, updates = run(study, RunOptions(), tmp_path)
    assert [(e.finished.cell.task, e.engine) for e in ended] == [
        ("counting-ones-8", "virtual"),
        ("counting-ones-8", "virtual"),
        ("digits", "virtual"),
        ("digits", "virtual"),
    ]
    ((jobs, at_once),) = by_ray.asked
    assert ({job.actors for job in jobs}, at_once) == ({2}, None)
    assert {e.finished.cell for e in ended} == set(study.cells())
    assert updates[0] == ("counting-ones-8/random/0", 5, 1458, 0.25)
    assert updates[-1] == ("digits/random/1", 5, 54, 0.25)
    assert all(0 <= event.seconds < 60 for event in ended)


def test_stopping_early_closes_what_runs(here: Runs, tmp_path: Path) -> None:
    """Ctrl-C in the caller must reach the processes."""
    study = config(seeds=3)
    told: Any = Told()
    events = execute(study.resolve(), study.cells(), RunOptions(), tmp_path, told)
    next(events)
    assert here.closed == 0
    events.close()
    assert here.closed == 1


def test_allowed_units_are_by_the_tasks_own_ladder() -> None:
    study = config(tasks=("counting-ones-8", "digits"), seeds=1)
    assert allowed_units(study.resolve(), study.cells()) == {
        "counting-ones-8/random/0": 2 * 729,
        "digits/random/0": 2 * 27,
    }


def test_a_larger_budget_is_allowed_a_multiple_of_the_budget() -> None:
    study = config(methods=("random", "random-2x"), budget=41 / 27, tasks=("digits",), seeds=1)
    assert allowed_units(study.resolve(), study.cells()) == {
        "digits/random/0": 41,
        "digits/random-2x/0": 82,
    }


def test_an_address_beside_a_connection_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was ignored: the cells would have run on the Ray that this process has, in silence."""
    from bohb_study.running.pools import connection

    monkeypatch.setattr(connection.ray, "is_initialized", lambda: True)
    match = r"^address localhost:1: this process is connected to Ray already; leave it out"
    with pytest.raises(UsageError, match=match), connection.connected("localhost:1"):
        pytest.fail("connected")
    with connection.connected(None):
        pass


# GPUs


@pytest.mark.parametrize(
    ("task", "engine", "gpus", "there", "said"),
    [
        ("mnist", "auto", 0, True, True),
        ("mnist", "auto", 0, False, False),
        ("mnist", "auto", 0.25, True, False),
        ("mnist", "virtual", 0, True, True),
        ("digits", "auto", 0, True, False),
    ],
)
def test_a_gpu_that_nobody_uses_is_told_of(
    task: str, engine: Any, gpus: float, there: bool, said: bool, tmp_path: Path
) -> None:
    device = tmp_path / "nvidia0"
    if there:
        device.touch()
    study = StudyConfig(tasks=(task,), engine=engine)
    line = idle_gpu(study.resolve(), RunOptions(gpus_per_trial=gpus), device)
    assert (line is not None) == said
    if line:
        assert line.startswith("mnist trains on the CPU; gpus_per_trial=1")
        assert "\n" not in line


def test_rows_of_gpus_and_of_cpus_are_not_mixed(tmp_path: Path, cells_run_here: None) -> None:
    """The same training gives other numbers on another device."""

    def study(seeds: int) -> StudyConfig:
        return StudyConfig(tasks=("mfh3",), methods=("random",), budget=1, seeds=seeds)

    options = RunOptions(out=tmp_path, jobs=1)
    run = run_study(study(1), options)
    (record,) = run.path.glob("cells/*/*/*.json")
    stored = json.loads(record.read_text())
    assert stored["gpus_per_trial"] == 0
    record.write_bytes(sealed_json({**stored, "gpus_per_trial": 0.5}))
    with pytest.raises(StudyError, match=r"/0 was run with GPUs, not without: .*fresh=True"):
        run_study(study(2), options)
    record.write_bytes(sealed_json(stored))
    assert len(run_study(study(2), options).ran) == 1
