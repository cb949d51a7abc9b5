"""One rank of a data-parallel trial: a process that is in a process group and trains in it.

In a module of its own because its process imports what the module imports.
"""

import contextlib
import fcntl
import os
import pickle
import socket
import struct
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import ray
from ray import cloudpickle

from bohb_study.engines.base import one_line
from bohb_study.engines.guard import StepGenerators
from bohb_study.errors import StudyError
from bohb_study.numerics import Mode, check, is_portable
from bohb_study.seeding import Config
from bohb_study.tasks import Evaluation, Report, Task

GLOO_INTERFACE = "GLOO_SOCKET_IFNAME"
"""Variable by which gloo is told the network; by default that of the host's name, which on some
machines is the loopback."""


class Answer(NamedTuple):
    """What a rank answers."""

    value: Any = None
    error: BaseException | None = None
    """What was raised in its place."""
    lost: bool = False
    """Whether it was raised because another rank did not do its part."""
    died: bool = False
    """Whether the rank's process is no more."""


class NoState(NamedTuple):
    """Stands for a state that could not be had; the training can go on."""

    error: BaseException


class GuardedStart(NamedTuple):
    """A configuration that a rank trains, and what its steps draw from."""

    evaluation: Evaluation
    generators: StepGenerators


class RankHost:
    """What runs in the process of a rank; every call of it gives an ``Answer``."""

    def __init__(self, task: Task, numerics: Mapping[str, str]) -> None:
        """Nothing is set up yet.

        Args:
            task: the task of the cell.
            numerics: ``numerics.record`` of the process that drives the cell.
        """
        self._task = task
        self._numerics = numerics
        self._store: Any = None
        self._evaluations: dict[int, GuardedStart] = {}

    def serve(self, size: int, seconds: float) -> Answer:
        """On rank 0: open the store where ranks find each other; its host and port.

        The system chooses the port, so groups side by side on one machine do not meet.
        """

        def open_store() -> tuple[str, int]:
            from torch.distributed import TCPStore  # type: ignore[attr-defined]

            host = ray.util.get_node_ip_address()
            limit = timedelta(seconds=seconds)
            self._store = TCPStore(host, 0, size, True, limit, wait_for_workers=False)
            return host, self._store.port

        return _answered(open_store)

    def join(
        self, rank: int, size: int, address: tuple[str, int], seconds: float, gpus: float
    ) -> Answer:
        """Become rank ``rank`` of ``size``: gloo on CPUs, nccl on a GPU.

        Args:
            rank: from 0.
            size: ranks of the group.
            address: of the store, as ``serve`` gave it.
            seconds: how long this rank waits for the others, here and in each exchange.
            gpus: how many the rank was given.
        """

        def join_group() -> None:
            mode: Mode = "portable" if self._numerics["mode"] == "portable" else "native"
            import torch
            import torch.distributed as dist

            check(mode, baseline=is_portable(self._numerics))
            torch.set_num_threads(1)
            if gpus and not torch.cuda.is_available():
                raise StudyError(f"rank {rank} was given a GPU, but PyTorch finds none there")
            limit = timedelta(seconds=seconds)
            if self._store is None:
                self._store = dist.TCPStore(*address, size, False, limit)  # type: ignore[attr-defined]
            if name := interface_of(ray.util.get_node_ip_address()):
                os.environ.setdefault(GLOO_INTERFACE, name)
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if gpus else "gloo",
                store=self._store,
                rank=rank,
                world_size=size,
                timeout=limit,
            )

        return _answered(join_group)

    def start(self, number: int, config: Config, seed: int) -> Answer:
        """Begin a configuration, which is called ``number`` from now on."""

        def begin() -> None:
            generators = StepGenerators(self._task, config, seed)
            with generators.seeded(0):
                evaluation = self._task.start(config, seed)
            self._evaluations[number] = GuardedStart(evaluation, generators)

        return _answered(begin)

    def advance(self, number: int, level: int) -> Answer:
        """Take a configuration to ``level``; this rank's report."""

        def train() -> Report:
            evaluation, generators = self._evaluations[number]
            with generators.seeded(level):
                return evaluation.advance(level)

        return _answered(train)

    def state(self, number: int) -> Answer:
        """The state, as bytes, given by rank 0; ``NoState`` where it cannot be had.

        It is taken on all ranks, for they may have to exchange something. What is exchanged must be
        asked for in the same order by all. A training that has no state can go on all
        the same.
        """
        import torch.distributed as dist

        state = _answered(lambda: pickle.dumps(self._evaluations[number].evaluation.state()))
        if state.error is not None and not state.lost:
            state = Answer(NoState(state.error))
        return state if dist.get_rank() == 0 else state._replace(value=None)

    def restore(self, number: int, state: Mapping[str, Any]) -> Answer:
        """Go on from the state that rank 0 gave."""
        return _answered(lambda: self._evaluations[number].evaluation.restore(dict(state)))

    def forget(self, number: int) -> None:
        """Drop a configuration."""
        self._evaluations.pop(number, None)

    def pid(self) -> int:
        """The id of this process."""
        return os.getpid()


def _answered(call: Callable[[], Any]) -> Answer:
    """What ``call`` gives or raises, ``sys.exit`` included: it would end the process of a rank."""
    try:
        return Answer(call())
    except BaseException as error:
        return Answer(error=_picklable(error), lost=is_lost(error))


def _picklable(error: BaseException) -> BaseException:
    """The error without its frames; where it cannot be pickled, what it says."""
    with contextlib.suppress(Exception):
        cloudpickle.loads(cloudpickle.dumps(error.with_traceback(None)))
        return error
    return RuntimeError(one_line(error))


def is_lost(error: BaseException) -> bool:
    """Whether an exchange between ranks failed, as far as its error tells.

    gloo raises plain RuntimeErrors, which name the file that raised them.
    """
    from torch.distributed import DistError

    return isinstance(error, DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error)
    )


def interface_of(address: str) -> str | None:
    """The network interface of this machine that has an IPv4 address; None where none has."""
    siocgifaddr = 0x8915
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            with contextlib.suppress(OSError):  # an interface without an address
                found = fcntl.ioctl(asking.fileno(), siocgifaddr, request)
                if socket.inet_ntoa(found[20:24]) == address:
                    return name
    return None


RankActor: Any = ray.remote(RankHost)
