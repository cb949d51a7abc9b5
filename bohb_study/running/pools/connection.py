"""A connection to Ray for a whole study: a local instance, or a cluster that runs already."""

import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, TextIO

import ray

from bohb_study.checkout import PACKAGE
from bohb_study.errors import UsageError
from bohb_study.scratch import OwnedFolder
from bohb_study.store.names import STUDY_FILE

MOST_PATH = 40
"""Letters of a folder in which Ray's sockets, some 65 letters below it, can have their place."""
REMOVALS = 20
"""How often it is tried to remove that folder."""
PROBE_SECONDS = 5.0
"""How long a host may take to accept a connection."""
CONNECT_SECONDS = 60.0
"""How long Ray may take to connect to a cluster that accepts connections."""
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # trials that are given no GPU see none
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
}
"""What Ray reads from the environment when it starts."""


class _WithoutRay:
    """A stdout without what Ray prints there.

    Of each node that dies Ray writes some forty lines to the stdout of its driver, whatever it was
    told about logs, and the last of them when it ends; a command's stdout is for results.
    """

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout
        self.ending = False
        """Ray is being ended, by the thread that prints results otherwise."""

    def write(self, text: str) -> int:
        """Write it, unless Ray does."""
        if self.ending or threading.current_thread().name.startswith("ray_"):
            return len(text)
        return self._stdout.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stdout, name)


@contextmanager
def connected(address: str | None, cpus: int | None = None) -> Iterator[None]:
    """A Ray connection for the duration of a study; a local instance where no address is given.

    Args:
        address: of a running cluster.
        cpus: that a local instance has; None for those of the machine.

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
    with ExitStack() as stack:
        if address is None:
            # Ray leaves some MB in its own folder each time
            folder = OwnedFolder("bohb-ray-")
            stack.callback(_remove, folder)
            own = {"_temp_dir": folder.name} if len(folder.name) <= MOST_PATH else {}
            with _outside_studies():
                ray.init(address="local", num_cpus=cpus, include_dashboard=False, **own, **quiet)
        else:
            check_address(address)
            with _outside_studies():
                ray.init(address=address, **quiet)
        stdout: Any = _WithoutRay(sys.stdout)
        with redirect_stdout(stdout):
            try:
                yield
            finally:
                stdout.ending = True
                ray.shutdown()


@contextmanager
def _outside_studies() -> Iterator[None]:
    """Not in the folder of a study: Ray's workers import from the folder that it is started in."""
    here = Path.cwd()
    if any((folder / STUDY_FILE).exists() for folder in (here, *here.parents)):
        with chdir(PACKAGE.parent):
            yield
    else:
        yield


def _remove(folder: OwnedFolder) -> None:
    """Remove the folder of a Ray that has ended; its last processes may still write there."""
    for _ in range(REMOVALS):
        if folder.empty():
            break
        time.sleep(0.1)
    folder.cleanup()


def check_address(address: str) -> None:
    """Raise UsageError unless a Ray cluster answers at ``address``.

    ``ray.init`` has no time limit of its own where nobody answers.

    Args:
        address: "host:port" or "auto".
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
            [sys.executable, "-P", "-c", script, address],
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
        advice = ""
        if "Authentication" in reason:
            advice = "; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN to the token of the cluster"
        raise UsageError(
            f"{address}: Ray does not connect: {reason[:200]}{advice}", parameter="address"
        )


def _host_port(address: str) -> tuple[str, int]:
    if address.startswith("ray://"):
        raise UsageError(
            f"{address}: Ray Client is not supported; run the command on a node of the cluster, "
            "with host:port or auto",
            parameter="address",
        )
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(f"{address}: must be host:port or auto", parameter="address")
    return host.strip("[]"), int(port)


def check_resources(cpus: float, gpus: float, actors: int = 1, processes: int = 1) -> None:
    """Raise UsageError where no node could ever hold a trial's process, or Ray not all of them.

    Args:
        cpus: of a process.
        gpus: of a process.
        actors: that are to train trials at the same time.
        processes: that train each trial together; each is on one node, all may be on several.
    """
    if processes > 1 and gpus % 1:
        raise UsageError(
            f"{gpus:g}: nccl takes a whole GPU for each process of a trial (data_parallel="
            f"{processes})",
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
    room = sum(_held(node, cpus, gpus) for node in nodes)
    each = f"cpus_per_trial={cpus:g}" + (f" and gpus_per_trial={gpus:g}" if gpus else "")
    if processes > room:
        raise UsageError(
            f"{processes}: must be at most {room}, as many processes as there is room for with "
            f"{each}",
            parameter="data_parallel",
        )
    if actors * processes > room:
        shared = f"data_parallel={processes} and " if processes > 1 else ""
        raise UsageError(
            f"{actors}: must be at most {room // processes}, as many trials as there is room for "
            f"with {shared}{each}",
            parameter="actors",
        )


def _held(node: Mapping[str, float], cpus: float, gpus: float) -> int:
    """How many processes a node can hold at the same time."""
    wanted = {"CPU": cpus, "GPU": gpus}
    # 0.3 / 0.1 is a little less than 3
    return min(int(node.get(key, 0.0) / each + 1e-9) for key, each in wanted.items() if each)
