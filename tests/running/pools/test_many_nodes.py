"""A real Ray of three nodes on this machine: nodes that differ, join and die while a study runs."""

import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster
from ray.util import placement_group_table

from bohb_study.cli import command_line, compare
from bohb_study.engines import virtual
from bohb_study.engines.base import CellJob
from bohb_study.engines.placement import Placement, remove_groups
from bohb_study.running.options import RunOptions
from bohb_study.running.runner import StudyRun, run_study
from bohb_study.schema import rows_hash
from bohb_study.study import StudyConfig

pytestmark = [
    pytest.mark.ray,
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster"),
]

TASK = """
import time
from pathlib import Path

import ray
from ConfigSpace import Float
from bohb_study.errors import UsageError
from bohb_study.tasks import ComputedTask

HOME = Path({home!r})

class Slow(ComputedTask):
    hyperparameters = [Float("x", (0, 1))]
    levels = (1, 3, 9)

    def prepare(self, download=False):
        try:
            open(HOME / "data").close()
        except OSError as error:
            raise UsageError(f"no data: {error.strerror}", "tasks")

    def loss(self, config, level, seed):
        if ray.is_initialized():
            (HOME / "steps" / ray.get_runtime_context().get_node_id()).touch()
            while (HOME / "hold").exists():
                time.sleep(0.02)
        return config["x"] + 1 / level
"""
ODD = """
import json, os, sys
from pathlib import Path

def audit(event, arguments):
    if event == "open" and hidden and str(arguments[0]).startswith(hidden):
        raise FileNotFoundError(2, "No such file or directory")

asked = json.loads(Path(__file__).with_name("odd.json").read_text())
hidden = asked.get("hidden")
if "packages" in asked:
    sys.path.insert(0, asked["packages"])
sys.addaudithook(audit)
"""
AUTH = "RAY_AUTH_MODE"
QUICK = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 3,
    "health_check_timeout_ms": 1000,
    "prestart_worker_first_driver": False,
    "enable_worker_prestart": False,
}
"""That a node is dead is known after 2 seconds, not 20; no process that is not needed."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a task whose steps wait while ``hold`` is there, and an odd environment."""
    home = tmp_path_factory.mktemp("home")
    (home / "slow.py").write_text(TASK.replace("{home!r}", repr(str(home))))
    (home / "data").write_text("here")
    (home / "steps").mkdir()
    (home / "odd").mkdir()
    (home / "odd" / "sitecustomize.py").write_text(ODD)
    (home / "odd" / "odd.json").write_text("{}")
    return home


@pytest.fixture(scope="module")
def cluster(no_runtime_at_the_end: None) -> Iterator[Cluster]:
    """A head without CPUs to begin with, to which this process connects where a test needs that."""
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": QUICK}
    if ray.is_initialized():
        ray.shutdown()
    made = Cluster(initialize_head=True, head_node_args=head)
    made.auth_mode = os.environ.get(AUTH, "disabled")  # of its processes, as of all that connect
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def address(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the cluster answers; what a process of its own finds out is not asked again."""
    if ray.is_initialized():
        ray.shutdown()
    monkeypatch.setattr("bohb_study.running.pools.connection.check_address", lambda given: None)
    # commands would show a token that this machine may have to a cluster that asks for none
    monkeypatch.setenv(AUTH, cluster.auth_mode)
    given: str = cluster.address
    return given


@pytest.fixture
def connected(cluster: Cluster) -> None:
    if not ray.is_initialized():
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)


def add(cluster: Cluster, **environment: str) -> Any:
    return cluster.add_node(num_cpus=1, env_vars=environment)


@pytest.fixture
def workers(cluster: Cluster) -> list[str]:
    """The ids of two nodes with a CPU, or of those that other tests have left."""
    while len(cluster.worker_nodes) < 2:
        add(cluster)
    return [node.node_id for node in cluster.worker_nodes]


class Watcher:
    """A progress that acts on the cluster while a study runs, in the thread that runs it."""

    def __init__(self, act: Callable[["Watcher"], None]) -> None:
        self.ended: list[str] = []
        self.messages: list[str] = []
        self._act = act
        self._until = time.monotonic() + 120

    @contextmanager
    def __call__(self) -> Iterator["Watcher"]:
        yield self

    def start(self, allowed: Any, stored: Any = ()) -> None:
        pass

    def update(self, progress: Any) -> None:
        assert time.monotonic() < self._until, self.messages
        self._act(self)

    def finish(self, cell: str, ok: bool, *details: Any, **more: Any) -> None:
        self.ended.append(cell)
        self._act(self)

    def message(self, text: str) -> None:
        self.messages.append(text)
        self._act(self)


def held(home: Path, *nodes: str) -> bool:
    """Whether a step on each of ``nodes`` has begun since all are held, so that it waits."""
    since = (home / "hold").stat().st_mtime_ns
    files = [home / "steps" / node for node in nodes]
    return all(file.exists() and file.stat().st_mtime_ns > since for file in files)


def records(run: StudyRun) -> dict[str, Any]:
    found = [json.loads(path.read_text()) for path in run.path.glob("cells/*/*/*.json")]
    return {f"{one['task']}/{one['method']}/{one['seed']}": one for one in found}


def rows_here(config: StudyConfig) -> dict[str, str]:
    """The hash of the rows of each cell, run in this process."""
    study = config.resolve()
    jobs = [CellJob(cell, study.task(cell), config.budget) for cell in study.cells]
    return {str(job.cell): rows_hash(virtual.run_cell(job).frame) for job in jobs}


# Refused, through the command


@pytest.fixture
def odd(cluster: Cluster, home: Path) -> Iterator[Callable[..., None]]:
    """A second node whose processes differ as they are told to."""
    node = add(cluster, PYTHONPATH=str(home / "odd"))
    yield lambda **asked: (home / "odd" / "odd.json").write_text(json.dumps(asked)) and None
    ray.shutdown()
    cluster.remove_node(node)


def test_a_node_that_differs_is_refused_before_anything_is_written(
    odd: Callable[..., None],
    address: str,
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Other packages, no data, no common folder: a line each, exit 2, and no file."""
    task = f"{home / 'slow.py'}:Slow"
    out = tmp_path / "shared" / "results"
    (tmp_path / "shared").mkdir()
    packages = home / "packages" / "numpy-1.0.dist-info"
    packages.mkdir(parents=True)
    (packages / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n")

    def refused(*words: str) -> str:
        given = ["--tasks", task, "--budget", "2", "--seeds", "1", "--out", str(out)]
        assert command_line.run(compare.main, [*given, "--address", address, *words]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        assert list(tmp_path.rglob("*")) == [tmp_path / "shared"]
        return said.err.rstrip().removeprefix("error: ")

    odd(packages=str(home / "packages"))
    said = refused("--methods", "random")
    import numpy as np

    assert said.startswith(f"--address {address}: node ")
    assert (
        f"): numpy is 1.0 there and {np.__version__} here; install this project with the " in said
    )
    odd(hidden=str(home / "data"))
    assert "): tasks no data: No such file or directory" in refused("--methods", "random")
    odd(hidden=str(tmp_path / "shared"))
    said = refused("--methods", "random", "bohb", "--engine", "tune")
    assert said.startswith(f"--out {out}: a cluster without a common folder: node ")
    assert said.endswith(
        ") cannot use it (No such file or directory), and bohb under engine tune pauses trials; "
        "name a folder that all nodes share"
    )


# Nodes that join and die


def test_cells_are_spread_and_a_node_that_joins_is_used_and_one_that_dies_costs_none(
    cluster: Cluster,
    address: str,
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Equal rows, a line for each of the two, and nothing of Ray's on stdout."""
    first, second = add(cluster), add(cluster)  # with the head, three
    config = StudyConfig(
        tasks=(f"{home / 'slow.py'}:Slow",), methods=("random", "bohb"), budget=6, seeds=4
    )
    added: list[Any] = []

    def act(watcher: Watcher) -> None:
        if watcher.ended and not added:
            (home / "hold").touch()
            added.append(add(cluster))
        elif added and second in cluster.worker_nodes:
            if held(home, second.node_id, added[0].node_id):
                cluster.remove_node(second, allow_graceful=False)
        elif any("is gone" in line for line in watcher.messages):
            (home / "hold").unlink(missing_ok=True)

    watcher: Any = Watcher(act)
    run = run_study(config, RunOptions(out=tmp_path, address=address), watcher)
    assert run.failed == {}
    found = records(run)
    assert {name: one["rows_hash"] for name, one in found.items()} == rows_here(config)
    used = {one["node"]["id"] for one in found.values()}
    assert {first.node_id, added[0].node_id} <= used <= {*living(cluster), second.node_id}
    assert cluster.head_node.node_id not in used  # it has no CPU
    joined, gone = watcher.messages
    assert joined == f"node {found_name(found)} ({added[0].node_id[:8]}) has joined"
    assert gone.startswith(f"node {found_name(found)} ({second.node_id[:8]}) is gone: Slow/")
    assert gone.endswith(" is run again")
    assert capsys.readouterr().out == ""


def living(cluster: Cluster) -> list[str]:
    return [node.node_id for node in cluster.list_all_nodes()]


def found_name(found: dict[str, Any]) -> str:
    return str(next(iter(found.values()))["node"]["host"])


def test_a_cell_of_engine_tune_is_run_again_where_its_trials_node_dies(
    cluster: Cluster, workers: list[str], connected: None, home: Path, tmp_path: Path
) -> None:
    """By a connection of the caller's. What the lost cell held is given back."""
    config = StudyConfig(
        tasks=(f"{home / 'slow.py'}:Slow",), methods=("random",), budget=6, seeds=1, engine="tune"
    )
    killed: list[str] = []

    def act(watcher: Watcher) -> None:
        for node in list(cluster.worker_nodes):
            if not killed and held(home, node.node_id):
                killed.append(node.node_id)
                cluster.remove_node(node, allow_graceful=False)
        if watcher.messages:  # its processes live a moment longer, and could end the cell
            (home / "hold").unlink(missing_ok=True)

    (home / "hold").touch()
    watcher: Any = Watcher(act)
    run = run_study(config, RunOptions(out=tmp_path, jobs=1), watcher)
    assert run.failed == {}
    assert {name: one["rows_hash"] for name, one in records(run).items()} == rows_here(config)
    gone, resumed = watcher.messages
    assert f"({killed[0][:8]}) is gone: Slow/random/0 is run again" in gone
    assert resumed.startswith("Slow/random/0: went on after ")
    assert not any(one["state"] != "REMOVED" for one in placement_group_table().values())


def test_a_cell_on_actors_goes_on_where_one_of_their_nodes_dies(
    cluster: Cluster, workers: list[str], connected: None, home: Path, tmp_path: Path
) -> None:
    """Its actors are on two nodes. Ray may drive it on either: then it is run again as a whole."""
    config = StudyConfig(
        tasks=(f"{home / 'slow.py'}:Slow",), methods=("bohb",), budget=6, seeds=1, workers=2
    )
    killed: list[str] = []

    def act(watcher: Watcher) -> None:
        if not killed and held(home, *(node.node_id for node in cluster.worker_nodes)):
            node = next(iter(cluster.worker_nodes))
            killed.append(node.node_id)
            cluster.remove_node(node, allow_graceful=False)
            add(cluster)
            (home / "hold").unlink()

    (home / "hold").touch()
    watcher: Any = Watcher(act)
    run = run_study(config, RunOptions(out=tmp_path, jobs=1, actors=2), watcher)
    assert run.failed == {}
    assert killed
    (found,) = records(run).values()
    study = config.resolve()
    (cell,) = study.cells
    here = virtual.run_cell(CellJob(cell, study.task(cell), config.budget, workers=2))
    assert found["rows_hash"] == rows_hash(here.frame)
    assert found["parallel"]["actors"] == 2
    again = any("is gone: Slow/bohb/0 is run again" in line for line in watcher.messages)
    assert again or found["parallel"]["deaths"] == 1


def test_groups_of_a_task_that_is_lost_stay_until_they_are_removed(
    workers: list[str], connected: None
) -> None:
    """Ray removes those of an actor alone; a cell that is run again would wait for their CPUs."""
    worker = workers[0]

    def lost(name: str) -> None:
        group = Placement((worker,), name).bundles([{"CPU": 1}]).to_placement_group()
        ray.get(group.ready())
        os.kill(os.getpid(), signal.SIGKILL)

    def states() -> list[str]:
        found = [one for one in placement_group_table().values() if one["name"][:3] == "me-"]
        assert all(set(one["bundles_to_node_id"].values()) <= {worker} for one in found)
        return [one["state"] for one in found]

    with pytest.raises(ray.exceptions.WorkerCrashedError):
        ray.get(ray.remote(num_cpus=0, max_retries=0)(lost).remote("me"))
    remove_groups("m")
    assert states() == ["CREATED"]
    remove_groups("me")
    assert states() == ["REMOVED"]
