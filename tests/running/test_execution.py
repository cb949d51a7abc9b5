"""Which engine runs a cell, in how many processes, and whether Ray is started for it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bohb_study.engines.base import CellJob, CellResult, Finished, Running
from bohb_study.errors import StudyError, UsageError
from bohb_study.running.execution import Ended, allowed_units, engine_of, execute, idle_gpu, session
from bohb_study.running.options import RunOptions
from bohb_study.running.runner import run_study
from bohb_study.store.sealed import sealed_json
from bohb_study.study import Cell, StudyConfig

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")


def config(**fields: Any) -> StudyConfig:
    return StudyConfig(
        **{"tasks": ("counting-ones-8",), "methods": ("random",), "budget": 2, **fields}
    )


@pytest.mark.parametrize(
    ("asked", "workers", "computed", "gpus", "engine"),
    [
        # the rows of one worker are the same by both, so the cheaper one
        ("auto", 1, False, 0, "virtual"),
        ("auto", 1, True, 0, "virtual"),
        # training side by side takes processes of its own; computing does not
        ("auto", 2, False, 0, "tune"),
        ("auto", 2, True, 0, "virtual"),
        ("auto", 16, True, 0, "virtual"),
        # GPUs are Ray's to give
        ("auto", 1, False, 1, "tune"),
        ("auto", 1, True, 0.5, "tune"),
        ("auto", 2, False, 1, "tune"),
        # what is asked for is what is taken
        ("tune", 1, False, 0, "tune"),
        ("tune", 1, True, 0, "tune"),
        ("tune", 4, True, 1, "tune"),
        ("virtual", 1, False, 0, "virtual"),
        ("virtual", 4, False, 0, "virtual"),
        ("virtual", 4, True, 0, "virtual"),
    ],
)
def test_engine(asked: Any, workers: int, computed: bool, gpus: float, engine: str) -> None:
    task: Any = SimpleNamespace(computed=computed, only_engine=None)
    options = RunOptions(gpus_per_trial=gpus)
    assert engine_of(config(engine=asked, workers=workers), task, options) == engine


@pytest.mark.parametrize("computed", [True, False])
def test_engine_virtual_gives_out_no_gpus(computed: bool) -> None:
    task: Any = SimpleNamespace(computed=computed, only_engine=None)
    with pytest.raises(UsageError) as error:
        engine_of(config(engine="virtual"), task, RunOptions(gpus_per_trial=0.5))
    assert str(error.value) == (
        'gpus_per_trial 0.5: engine virtual does not allocate GPUs; allowed with engine="tune"'
    )


def test_trials_of_several_processes_are_run_by_ray_tune() -> None:
    several = {"tasks": ("digits",), "data_parallel": 2}
    for asked in ("auto", "tune"):
        study = config(engine=asked, **several)
        assert engine_of(study, study.resolve().tasks["digits"], RunOptions()) == "tune"
    virtual = config(engine="virtual", **several)
    with pytest.raises(UsageError) as error:
        engine_of(virtual, virtual.resolve().tasks["digits"], RunOptions())
    assert str(error.value) == (
        'data_parallel 2: engine virtual trains in one process; allowed with engine="tune"'
    )


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
    def connected(address: str | None) -> Iterator[None]:
        asked.append(address)
        yield

    monkeypatch.setattr("bohb_study.running.pools.cluster.connected", connected)
    monkeypatch.setattr("bohb_study.running.pools.cluster.check_resources", lambda *wanted: None)
    monkeypatch.setattr("ray.init", lambda *args, **kwargs: pytest.fail("Ray was started"))
    return asked


@pytest.mark.parametrize(
    ("fields", "options", "expected"),
    [
        ({}, {}, []),
        ({"workers": 16}, {}, []),
        ({"tasks": ("digits",)}, {}, []),
        ({"tasks": ("digits",), "workers": 3, "engine": "virtual"}, {}, []),
        ({}, {"address": "localhost:1"}, ["localhost:1"]),
        ({"tasks": ("digits",), "workers": 3}, {}, [None]),
        ({"engine": "tune"}, {}, [None]),
        ({"engine": "tune"}, {"address": "auto"}, ["auto"]),
        # one task of the two needs it
        ({"tasks": ("counting-ones-8", "digits"), "workers": 3}, {}, [None]),
    ],
)
def test_ray_is_asked_for_only_where_it_is_needed(
    fields: Any, options: Any, expected: list[str | None], connections: list[str | None]
) -> None:
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
        self.asked: list[tuple[list[CellJob], int]] = []
        self.closed = 0

    def run_cells(self, jobs: list[CellJob], at_once: int) -> Iterator[Running | Finished]:
        self.asked.append((list(jobs), at_once))
        try:
            for job in jobs:
                yield Running(job.cell, 5, 0.25)
                yield Finished(job.cell, None, "nothing was run")
        finally:
            self.closed += 1

    @staticmethod
    def cells_at_once(cpus_of_a_cell: float) -> int:
        return int(64 / cpus_of_a_cell)


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
    monkeypatch.setattr("bohb_study.running.pools.cluster.cells_at_once", runs.cells_at_once)
    return runs


class Told:
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self.updates: list[Any] = []

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


@pytest.mark.parametrize(
    ("engine", "options", "at_once"),
    [
        ("tune", {}, 16),
        ("tune", {"jobs": 3}, 3),
        ("tune", {"cpus_per_trial": 2}, 8),
        ("virtual", {"address": "auto"}, 64),
        ("virtual", {"address": "auto", "cpus_per_trial": 2}, 32),
    ],
)
def test_cells_at_a_time_by_ray(
    engine: Any, options: Any, at_once: int, here: Runs, by_ray: Runs, tmp_path: Path
) -> None:
    """Engine tune gives CPUs to each of the four workers of a cell."""
    run(config(workers=4, engine=engine), RunOptions(**options), tmp_path)
    ((jobs, asked),) = by_ray.asked
    assert asked == at_once
    assert here.asked == []
    assert {job.engine for job in jobs} == {engine}
    # every node of a cluster must reach the states of paused trials
    storage = str(tmp_path / ".scratch") if "address" in options else None
    assert {job.storage for job in jobs} == {storage}


def test_one_engine_after_the_other(here: Runs, by_ray: Runs, tmp_path: Path) -> None:
    """Both take all CPUs, so cells of both are not run at the same time."""
    study = config(tasks=("counting-ones-8", "digits"), workers=3, seeds=2)
    ended, updates = run(study, RunOptions(), tmp_path)
    assert [(e.finished.cell.task, e.engine) for e in ended] == [
        ("digits", "tune"),
        ("digits", "tune"),
        ("counting-ones-8", "virtual"),
        ("counting-ones-8", "virtual"),
    ]
    assert {e.finished.cell for e in ended} == set(study.cells())
    assert updates[0] == ("digits/random/0", 5, 54, 0.25)
    assert updates[-1] == ("counting-ones-8/random/1", 5, 1458, 0.25)
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


def test_a_virtual_cell_on_a_connected_ray_is_a_task_that_holds_its_cpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of engine tune holds none: its trials' actors do."""
    from bohb_study.running.pools import cluster
    from bohb_study.tasks import make_task

    cpus: list[float] = []
    environments: list[dict[str, str]] = []

    class Remote:
        @staticmethod
        def options(num_cpus: float, runtime_env: dict[str, Any]) -> Any:
            cpus.append(num_cpus)
            environments.append(runtime_env["env_vars"])
            return SimpleNamespace(remote=lambda job, board: f"reference {len(cpus)}")

    board = SimpleNamespace(get=SimpleNamespace(remote=lambda: "board"))
    monkeypatch.setattr(cluster, "_BoardActor", SimpleNamespace(remote=lambda: board))
    monkeypatch.setattr(cluster, "_run_cell", Remote)
    result: Any = object.__new__(CellResult)
    fake = SimpleNamespace(
        wait=lambda references, timeout: (references, []),
        get=lambda reference: [] if reference == "board" else result,
        kill=lambda actor: None,
        cancel=lambda reference, force: None,
    )
    monkeypatch.setattr(cluster, "ray", fake)
    task = make_task("counting-ones-8")
    for engine in ("virtual", "tune"):
        job = CellJob(Cell(task.name, "random", 0), task, 2, 4, engine, cpus_per_trial=3)  # type: ignore[arg-type]
        (event,) = cluster.run_cells([job], 1)
        assert event == Finished(job.cell, result, None)
    assert cpus == [3, 0]
    assert {environment["MKL_CBWR"] for environment in environments} == {"COMPATIBLE"}


def test_an_address_beside_a_connection_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was ignored: the cells would have run on the Ray that this process has, in silence."""
    from bohb_study.running.pools import cluster

    monkeypatch.setattr(cluster.ray, "is_initialized", lambda: True)
    match = r"^address localhost:1: this process is connected to Ray already; leave it out"
    with pytest.raises(UsageError, match=match), cluster.connected("localhost:1"):
        pytest.fail("connected")
    with cluster.connected(None):
        pass


# GPUs


@pytest.mark.parametrize(
    ("task", "engine", "gpus", "there", "said"),
    [
        ("mnist", "auto", 0, True, True),
        ("mnist", "auto", 0, False, False),
        ("mnist", "auto", 0.25, True, False),
        ("mnist", "virtual", 0, True, False),
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
