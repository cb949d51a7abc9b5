"""What becomes of cells that Ray runs, by what Ray says of their tasks; no Ray is started."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, NodeDiedError, RayTaskError, WorkerCrashedError
from ray.tune.error import TuneError

from bohb_study.engines.base import CellJob, CellResult, Finished, Notice, Running
from bohb_study.engines.placement import LostPartError
from bohb_study.errors import StudyError
from bohb_study.running.pools import cluster
from bohb_study.running.pools.cluster import said
from bohb_study.running.pools.nodes import Node, Nodes
from bohb_study.study import Cell
from bohb_study.tasks import make_task

A, B = (Node(letter * 56, f"host-{letter}", {"CPU": 4.0}) for letter in "ab")
RESULT: Any = object.__new__(CellResult)


def test_an_error_that_ray_tune_made_a_traceback_of_is_what_was_raised() -> None:
    try:
        try:
            raise ValueError("inner")
        except ValueError as error:
            raise StudyError("method Mine: tell() raised ValueError: inner") from error
    except StudyError:
        wrapped = TuneError(traceback.format_exc())
    assert said(wrapped) == "StudyError: method Mine: tell() raised ValueError: inner"


def test_other_errors_are_their_type_and_first_line() -> None:
    assert said(TuneError("no trial\nfits")) == "TuneError: no trial"
    assert said(ValueError("Traceback (most recent call last):\nx: y")).startswith("ValueError: T")


class FakeNodes(Nodes):
    """Two nodes, of which some are dead; Ray may say so later."""

    def __init__(self) -> None:
        super().__init__()
        self._known = self._usable = {A.id: A, B.id: B}
        self._question = SimpleNamespace()  # type: ignore[assignment]
        self.is_dead: set[str] = set()

    def refresh(self) -> list[str]:
        self._usable = {key: node for key, node in self._usable.items() if key not in self.is_dead}
        return []

    def dead(self, nodes: Any) -> list[Node]:
        return [self._known[key] for key in nodes if key in self.is_dead | self._lost]

    def can_die(self, nodes: Any) -> bool:
        return bool(nodes)


class FakeRay:
    """Tasks that end, each as it is said; one that is to end in None goes on for ever."""

    def __init__(self, ends: Sequence[Any]) -> None:
        self.ends = list(ends)
        self.ended = False
        """Whether Ray itself has."""
        self.options: list[dict[str, Any]] = []
        self.jobs: list[CellJob] = []
        self.cancelled: list[str] = []
        self.removed: list[str] = []

    def wait(self, references: list[str], timeout: float) -> tuple[list[str], list[str]]:
        done = [one for one in references if self.ends[int(one)] is not None]
        return done, []

    def get(self, reference: str) -> Any:
        if reference == "board":
            if self.ended:
                raise ActorDiedError
            return []
        end = self.ends[int(reference)]
        if isinstance(end, Exception):
            raise end
        return end

    def kill(self, actor: Any) -> None:
        pass

    def cancel(self, reference: str, force: bool) -> None:
        self.cancelled.append(reference)


Run = Callable[..., list[Any]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Moves on by half a minute each time that somebody would wait for it."""
    now = SimpleNamespace(seconds=0.0)

    def sleep(seconds: float) -> None:
        now.seconds += 30

    times = SimpleNamespace(monotonic=lambda: now.seconds, sleep=sleep)
    monkeypatch.setattr(cluster, "time", times)
    return now


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, clock: Any) -> Run:
    """Runs a cell on fake nodes; returns the events."""

    def go(ray: FakeRay, nodes: Nodes, engine: Any = "virtual", cells: int = 1) -> list[Any]:
        def options(**given: Any) -> Any:
            def remote(job: CellJob, board: Any) -> str:
                ray.jobs.append(job)
                return str(len(ray.jobs) - 1)

            ray.options.append(given)
            return SimpleNamespace(remote=remote)

        board = SimpleNamespace(get=SimpleNamespace(remote=lambda: "board"))
        actor = SimpleNamespace(options=lambda **given: SimpleNamespace(remote=lambda: board))
        monkeypatch.setattr(cluster, "ray", ray)
        monkeypatch.setattr(cluster, "BoardActor", actor)
        monkeypatch.setattr(cluster, "beside_this_process", lambda: None)
        monkeypatch.setattr(cluster, "remove_groups", ray.removed.append)
        monkeypatch.setattr(cluster, "_run_cell", SimpleNamespace(options=options))
        task = make_task("counting-ones-8")
        jobs = [
            CellJob(Cell(task.name, "random", seed), task, 2, 4, engine, cpus_per_trial=3)
            for seed in range(cells)
        ]
        return [e for e in cluster.run_cells(jobs, None, nodes) if not isinstance(e, Running)]

    return go


CELL = Cell("counting-ones-8", "random", 0)


def node_died(node: Node) -> NodeDiedError:
    return NodeDiedError(f"Task failed because the node ... Node IP: 10.0.0.1, node ID: {node.id}.")


def by_task(cause: Exception) -> RayTaskError:
    return RayTaskError("_run_cell", "Traceback", cause)


@pytest.mark.parametrize(("engine", "cpus"), [("virtual", 3), ("tune", 0)])
def test_a_cell_is_a_task_that_is_confined_to_the_nodes(engine: Any, cpus: float, run: Run) -> None:
    """One of engine virtual holds its CPUs, one of engine tune none: its trials' actors do."""
    ray = FakeRay([RESULT])
    assert run(ray, FakeNodes(), engine) == [Finished(CELL, RESULT, None)]
    (given,) = ray.options
    assert given["num_cpus"] == cpus
    assert given["label_selector"] == {"ray.io/node-id": f"in({A.id},{B.id})"}
    assert given["runtime_env"]["env_vars"]["MKL_CBWR"] == "COMPATIBLE"
    assert ray.jobs[0].placement.nodes == (A.id, B.id)


def test_a_cell_whose_node_died_is_run_again_on_the_nodes_that_are_left(run: Run) -> None:
    """Ray's own list of nodes may not know it for another 20 seconds."""
    ray = FakeRay([node_died(A), RESULT])
    notice, finished = run(ray, FakeNodes())
    assert notice == Notice(f"node {A} is gone: {CELL} is run again")
    assert finished == Finished(CELL, RESULT, None)
    assert [job.placement.nodes for job in ray.jobs] == [(A.id, B.id), (B.id,)]
    assert ray.removed == [ray.jobs[0].placement.name]
    assert len({job.placement.name for job in ray.jobs}) == 2


@pytest.mark.parametrize(
    "error", [WorkerCrashedError(), by_task(LostPartError("2 trials ended in Ray"))]
)
@pytest.mark.parametrize("died", [True, False])
def test_a_process_that_is_gone_counts_as_its_nodes_where_one_is_found_dead(
    error: Exception, died: bool, run: Run, clock: Any
) -> None:
    """It is not known at once. Where all live on it was the task's own crash, as on one machine."""
    ray, nodes = FakeRay([error, RESULT]), FakeNodes()
    original = nodes.refresh

    def refresh() -> list[str]:
        if died and clock.seconds >= 30:
            nodes.is_dead.add(B.id)
        return original()

    nodes.refresh = refresh  # type: ignore[method-assign]
    *notices, finished = run(ray, nodes)
    if died:
        assert notices == [Notice(f"node {B} is gone: {CELL} is run again")]
        assert finished.result is RESULT
    else:
        assert notices == []
        assert finished.error.startswith(("WorkerCrashedError: ", "LostPartError: 2 trials"))
        assert clock.seconds >= cluster.DEATH_SECONDS


def test_a_ray_that_has_ended_is_one_line(run: Run) -> None:
    ray = FakeRay([None])
    ray.ended = True
    said = r"^Ray has ended \(ActorDiedError: .*\); finished cells are kept: run the same command "
    with pytest.raises(StudyError, match=said):
        run(ray, FakeNodes())


def test_what_a_task_raises_fails_its_cell_at_once(run: Run, clock: Any) -> None:
    (finished,) = run(FakeRay([by_task(StudyError("no data"))]), FakeNodes())
    assert (finished.result, finished.error) == (None, "StudyError: no data")
    assert clock.seconds == 0


def test_a_cell_under_which_nodes_keep_dying_has_failed(run: Run) -> None:
    nodes = FakeNodes()
    c = Node("c" * 56, "host-c", {"CPU": 4.0})
    nodes._known[c.id] = c
    *notices, finished = run(FakeRay([node_died(node) for node in (A, c, B)]), nodes)
    assert len(notices) == 2
    assert finished.error == f"a node died under it 3 times, last {B}"


def test_a_cell_that_waits_for_nodes_that_are_gone_is_run_elsewhere(run: Run, clock: Any) -> None:
    """Its task, or a trial of it, would wait for ever: it is confined to those."""
    ray, nodes = FakeRay([None, RESULT]), FakeNodes()
    c = Node("c" * 56, "host-c", {"CPU": 4.0})
    original = nodes.refresh

    def refresh() -> list[str]:
        if ray.jobs:
            nodes.is_dead |= {A.id, B.id}
            nodes._known[c.id] = nodes._usable[c.id] = c
        return original()

    nodes.refresh = refresh  # type: ignore[method-assign]
    notice, finished = run(ray, nodes)
    assert notice == Notice(f"node {A} is gone: {CELL} is run again")
    assert finished.result is RESULT
    assert ray.cancelled == ["0"]
    assert ray.jobs[1].placement.nodes == (c.id,)


def test_without_nodes_cells_wait_for_one_and_then_end_in_one_line(run: Run, clock: Any) -> None:
    nodes = FakeNodes()
    nodes.is_dead |= {A.id, B.id}
    with pytest.raises(StudyError, match=r"^no node .* is left .*; 2 cells are not done, finished"):
        run(FakeRay([]), nodes, cells=2)
    assert clock.seconds > cluster.NOBODY_SECONDS


def test_as_many_cells_as_the_nodes_hold_asked_anew(run: Run) -> None:
    """Each node holds one of 3 CPUs; a node that joins takes cells that wait."""
    ray, nodes = FakeRay([None, None, RESULT, RESULT]), FakeNodes()
    nodes._cpus = 3
    c = Node("c" * 56, "host-c", {"CPU": 6.0})
    seen: list[int] = []
    original = nodes.refresh

    def refresh() -> list[str]:
        seen.append(len(ray.jobs))
        if len(seen) == 2:
            nodes._usable[c.id] = c
            return [f"node {c} has joined"]
        if len(seen) == 3:
            ray.ends[:2] = [RESULT, RESULT]
        return original()

    nodes.refresh = refresh  # type: ignore[method-assign]
    notice, *finished = run(ray, nodes, cells=4)
    assert notice == Notice(f"node {c} has joined")
    assert len(finished) == 4
    assert seen[:3] == [0, 2, 4]


@pytest.mark.parametrize(
    ("engine", "actors", "data_parallel", "cells"),
    [("virtual", 0, 1, 6), ("virtual", 2, 1, 4), ("virtual", 2, 2, 2), ("tune", 0, 2, 1)],
)
def test_cells_side_by_side_leave_each_of_their_processes_its_cpus(
    engine: Any, actors: int, data_parallel: int, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On eight CPUs: six cells wait, of up to four trials in up to two processes each."""
    numbers = iter(range(6))
    remote = SimpleNamespace(remote=lambda job, board: str(next(numbers)))
    monkeypatch.setattr(cluster, "_run_cell", SimpleNamespace(options=lambda **given: remote))
    job = CellJob(CELL, make_task(CELL.task), 2, 4, engine)
    job = replace(job, actors=actors, data_parallel=data_parallel)
    started = cluster._Cells([job] * 6, None, FakeNodes())
    assert list(started.start(None)) == []
    assert len(started.running) == cells
