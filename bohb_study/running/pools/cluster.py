"""Ray for a whole study: a local instance or a running cluster, and cells as its tasks."""

import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.tune.error import TuneError

from bohb_study.engines.base import CellJob, CellResult, Finished, Running, one_line, run_cell
from bohb_study.errors import UsageError
from bohb_study.numerics import changes
from bohb_study.study import Cell

PROBE_SECONDS = 5.0
"""How long a host may take to accept a connection."""
CONNECT_SECONDS = 60.0
"""How long Ray may take to connect to a cluster that accepts connections."""
POLL_SECONDS = 0.25
TELL_SECONDS = 0.5

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # trials that are given no GPU see none
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
}
"""What Ray reads from the environment when it starts."""


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """A Ray connection for the duration of a study; a local instance where no address is given.

    Raises:
        UsageError: nobody answers at the address within a time limit, or an address is given
            although this process is connected to Ray already.
    """
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    logging.getLogger("ray").setLevel(logging.ERROR)
    if ray.is_initialized():
        if address is not None:
            raise UsageError(
                f"{address}: this process is connected to Ray already; leave it out, or "
                "call ray.shutdown() first",
                parameter="address",
            )
        # the caller's own connection: used, and left open
        yield
        return
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        ray.init(address="local", include_dashboard=False, **quiet)
    else:
        check_address(address)
        ray.init(address=address, **quiet)
    try:
        yield
    finally:
        ray.shutdown()


def check_address(address: str) -> None:
    """Raise UsageError unless a Ray cluster answers at ``address``.

    ``ray.init`` has no time limit of its own where nobody answers.

    Args:
        address: "host:port", "ray://host:port" or "auto".
    """
    if address != "auto":
        host, port = _host_port(address)
        try:
            socket.create_connection((host, port), timeout=PROBE_SECONDS).close()
        except OSError as error:
            raise UsageError(
                f"{address}: nobody answers ({error.strerror or error}); "
                "give host:port of a running Ray cluster, or leave it out",
                parameter="address",
            ) from None
    script = "import ray, sys; ray.init(address=sys.argv[1], logging_level=50)"
    try:
        probe = subprocess.run(
            [sys.executable, "-c", script, address],
            capture_output=True,
            text=True,
            timeout=CONNECT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"{address}: no Ray cluster answered within {CONNECT_SECONDS:.0f} s",
            parameter="address",
        ) from None
    if probe.returncode:
        # the chain of causes ends in "Failed to connect"; the first of them says why
        raised = [line for line in probe.stderr.splitlines() if re.match(r"[\w.]+Error: ", line)]
        reason = next((line for line in raised if "Authentication" in line), (raised or ["?"])[-1])
        raise UsageError(f"{address}: Ray does not connect: {reason[:200]}", parameter="address")


def _host_port(address: str) -> tuple[str, int]:
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not (colon and host and port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(
            f"{address}: must be host:port, ray://host:port or auto", parameter="address"
        )
    return host.strip("[]"), int(port)


def check_resources(cpus: float, gpus: float, processes: int = 1) -> None:
    """Raise UsageError where the connected Ray could never hold one trial.

    Args:
        cpus: of each process.
        gpus: of each process.
        processes: of a trial; each is on one node, all together may be on several.
    """
    if processes > 1 and gpus % 1:
        raise UsageError(
            f"{gpus:g}: nccl takes a GPU for each process; allowed with data_parallel: whole ones",
            parameter="gpus_per_trial",
        )
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for parameter, key, wanted in (
        ("cpus_per_trial", "CPU", cpus),
        ("gpus_per_trial", "GPU", gpus),
    ):
        most = max((node.get(key, 0.0) for node in nodes), default=0.0)
        if wanted > most:
            raise UsageError(f"{wanted:g}: no node has more than {most:g} {key}s", parameter)
    held = sum(_held(node, cpus, gpus) for node in nodes)
    if processes > held:
        each = f"cpus_per_trial={cpus:g}" + (f" and gpus_per_trial={gpus:g}" if gpus else "")
        raise UsageError(
            f"{processes}: there is room for {held} processes with {each}",
            parameter="data_parallel",
        )


def _held(node: Mapping[str, float], cpus: float, gpus: float) -> int:
    """How many processes a node can hold at the same time."""
    wanted = {"CPU": cpus, "GPU": gpus}
    # 0.3 / 0.1 is a little less than 3
    return min(int(node.get(key, 0.0) / each + 1e-9) for key, each in wanted.items() if each)


class _Board:
    """Where running cells say how far they are."""

    def __init__(self) -> None:
        self._state: dict[Cell, Running] = {}

    def put(self, running: Running) -> None:
        self._state[running.cell] = running

    def get(self) -> list[Running]:
        return list(self._state.values())


_BoardActor: Any = ray.remote(num_cpus=0)(_Board)


@ray.remote(max_retries=0)
def _run_cell(job: CellJob, board: Any) -> CellResult:
    last = 0.0

    def report(done: int, best: float | None) -> None:
        nonlocal last
        if time.monotonic() - last >= TELL_SECONDS:
            last = time.monotonic()
            board.put.remote(Running(job.cell, done, best))

    board.put.remote(Running(job.cell, 0, None))
    return run_cell(job, report)


def run_cells(
    jobs: Sequence[CellJob], at_once: int
) -> Generator[Running | Finished[CellResult], None, None]:
    """Run cells side by side on the connected Ray, reporting how far they are and when they end.

    Args:
        jobs: the cells.
        at_once: how many run at the same time, at least 1.
    """
    board = _BoardActor.remote()
    waiting = list(reversed(jobs))
    running: dict[Any, Cell] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop()
                # The trials' actors take the CPUs of engine tune; a cell that held one could starve
                # its own trials. Engine virtual trains where it runs.
                cpus = 0 if job.engine == "tune" else job.cpus_per_trial
                # actors that the cell starts inherit it; a node's own environment may say otherwise
                task = _run_cell.options(
                    num_cpus=cpus, runtime_env={"env_vars": changes(job.numerics)}
                )
                running[task.remote(job, board)] = job.cell
            done, _ = ray.wait(list(running), timeout=POLL_SECONDS)
            live = set(running.values())
            yield from (state for state in ray.get(board.get.remote()) if state.cell in live)
            for reference in done:
                yield _finished(running.pop(reference), reference)
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
        ray.kill(board)


def _finished(cell: Cell, reference: Any) -> Finished[CellResult]:
    try:
        return Finished(cell, ray.get(reference), None)
    except RayTaskError as error:
        return Finished(cell, None, said(error.cause or error))
    except RayError as error:
        return Finished(cell, None, one_line(error))


def said(error: BaseException) -> str:
    """The error as one line; of Ray Tune's, which is the text of a traceback, what was raised."""
    lines = str(error).splitlines()
    if isinstance(error, TuneError) and lines[:1] == ["Traceback (most recent call last):"]:
        named = [line for line in lines[1:] if re.match(r"[A-Za-z_][\w.]*(: |$)", line)]
        if named:
            kind, colon, text = named[-1].partition(": ")
            return f"{kind.rpartition('.')[2]}{colon}{text}"[:300]
    return one_line(error)


def cells_at_once(cpus_of_a_cell: float) -> int:
    """How many cells keep the CPUs of the connected Ray busy."""
    return max(1, int(ray.cluster_resources().get("CPU", 1.0) / cpus_of_a_cell))
