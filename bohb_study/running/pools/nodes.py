"""The nodes of the connected Ray that may run cells: checked before they are given work."""

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import ray
from ray import cloudpickle
from ray.exceptions import GetTimeoutError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from bohb_study.engines.base import one_line
from bohb_study.errors import UsageError
from bohb_study.numerics import changes
from bohb_study.running.pools.node_facts import (
    PROBE,
    Facts,
    Question,
    difference,
    facts,
    facts_here,
)

CHECK_SECONDS = 120.0
"""How long a node may take to answer; most of it is importing."""
REFRESH_SECONDS = 1.0
"""How often Ray is asked which nodes there are."""
DEATH_SECONDS = 60.0
"""How long Ray may take to find out that a node is dead: some 20 s where its processes were killed,
a little longer where the machine is gone."""


@dataclass(frozen=True)
class Node:
    """A node of the cluster that lives."""

    id: str
    host: str
    resources: Mapping[str, float]
    """What it has in all, by Ray's names (CPU, GPU)."""

    def __str__(self) -> str:
        """The node in messages: its host, and the beginning of its id."""
        return f"{self.host} ({self.id[:8]})"

    def trials(self, cpus: float, gpus: float) -> int:
        """How many trials it can hold at a time that take ``cpus`` and ``gpus`` each."""
        fit = int(self.resources.get("CPU", 0.0) / cpus + 1e-9)
        return min(fit, int(self.resources.get("GPU", 0.0) / gpus + 1e-9)) if gpus else fit


def living_nodes() -> dict[str, Node]:
    """The nodes of the connected Ray that live, as far as it knows, by id."""
    return {
        node["NodeID"]: Node(node["NodeID"], node["NodeManagerHostname"], node["Resources"])
        for node in ray.nodes()
        if node["Alive"]
    }


@dataclass
class _Check:
    """A node that has been asked and has not answered yet."""

    node: Node
    answer: Any
    until: float
    probe: ExitStack
    """Closed, it removes the file that the node is to find."""


class Nodes:
    """Which nodes may run cells of a study, asked anew as the cluster changes.

    Of all that live, those count that can hold a trial. Where ``check`` has been called, they were
    compared with this machine; one that joins later is compared before it is given work, and left
    out where it differs.
    """

    def __init__(self, cpus: float = 1, gpus: float = 0) -> None:
        """All nodes may run cells, until ``check`` is called.

        Args:
            cpus: CPUs of a trial.
            gpus: GPUs of a trial, or a share of one.
        """
        self._cpus, self._gpus = cpus, gpus
        self._question: Question | None = None
        self._here: Facts | None = None
        self._folder: Path | None = None
        self._usable: dict[str, Node] = {}
        self._refused: set[str] = set()
        self._lost: set[str] = set()
        self._checks: list[_Check] = []
        self._known: dict[str, Node] = {}
        self._asked = float("-inf")

    @property
    def ids(self) -> tuple[str, ...]:
        """The nodes that cells are confined to; empty where they are confined to none."""
        return tuple(sorted(self._usable)) if self._question else ()

    @property
    def one_machine(self) -> bool:
        """Whether there is no node but this machine."""
        return self._question is None

    @property
    def shares_folder(self) -> bool:
        """Whether all nodes that may run cells see the study's folder."""
        return self._folder is not None

    @property
    def any(self) -> bool:
        """Whether a node is left that can be given work."""
        return bool(self._usable) or self._question is None

    def at_once(self, processes: int = 1) -> int:
        """How many cells keep the nodes busy, at least 1.

        Args:
            processes: that each cell trains in at the same time.
        """
        if self._question is None and not self._usable:
            self.refresh()  # all nodes count, and nobody has asked which there are
        trials = sum(node.trials(self._cpus, self._gpus) for node in self._usable.values())
        return max(1, trials // processes)

    def check(self, question: Question, folder: Path | None = None, needs_folder: str = "") -> None:
        """Compare all nodes with this machine, before anything is run.

        Args:
            question: what they are asked; of a folder it says nothing.
            folder: where the study will be written, which need not be there yet; None where nodes
                need not see it.
            needs_folder: what cannot be run unless all nodes see it, in a few words; empty where
                all can be.

        Raises:
            UsageError: a node differs, lacks data, does not answer, or does not see the folder
                although it must.
        """
        self._question, self._here = question, facts_here(question)
        if folder is not None:
            whole = folder.absolute()
            self._folder = next(path for path in (whole, *whole.parents) if path.is_dir())
        blind: list[tuple[Node, str]] = []
        begun = [self._begin(node) for node in self._fitting().values()]
        try:
            for check in begun:
                said = self._answer(check)
                if said is None:
                    continue  # it has died meanwhile
                if question.download and said.missing:
                    again = self._begin(check.node, download=True)  # one node after the other
                    begun.append(again)
                    said = self._answer(again) or said
                if why := difference(self._here, said):
                    raise UsageError(f": node {check.node}: {why}", parameter="address")
                if said.folder:
                    blind.append((check.node, said.folder))
                self._usable[check.node.id] = check.node
        finally:
            for check in begun:
                check.probe.close()
        if blind and needs_folder:
            node, why = blind[0]
            raise UsageError(
                f"{folder}: a cluster without a common folder: node {node} cannot use it ({why}), "
                f"and {needs_folder}; name a folder that all nodes share",
                parameter="out",
            )
        if blind:
            self._folder = None

    def use_folder(self, folder: Path) -> None:
        """From here on, nodes that join must see ``folder``, if all had to see one so far."""
        if self._folder is not None:
            self._folder = folder

    def refresh(self) -> list[str]:
        """Ask Ray which nodes there are, at most every ``REFRESH_SECONDS``.

        Returns:
            What is to be said about nodes that have joined, a line each.
        """
        if time.monotonic() - self._asked < REFRESH_SECONDS:
            return []
        self._asked = time.monotonic()
        living = self._fitting()
        self._usable = {key: node for key, node in self._usable.items() if key in living}
        if self._question is None:
            self._usable = living
            return []
        asked = {check.node.id for check in self._checks}
        for key in living.keys() - self._usable.keys() - self._refused - asked:
            self._checks.append(self._begin(living[key]))
        return [line for check in list(self._checks) if (line := self._joined(check))]

    def dead(self, nodes: Iterable[str]) -> list[Node]:
        """Those of ``nodes`` that do not live any more, as far as Ray knows."""
        living = living_nodes().keys() - self._lost
        return [self._known[key] for key in nodes if key in self._known and key not in living]

    def can_die(self, nodes: Iterable[str]) -> bool:
        """Whether one of ``nodes`` can die without this process, which has a node of its own."""
        return bool({*nodes} - {ray.get_runtime_context().get_node_id()})

    def named_in(self, text: str) -> Node | None:
        """The node whose id an error of Ray's names; None where it names none that is known."""
        return next((node for key, node in self._known.items() if key in text), None)

    def lose(self, node: Node) -> None:
        """Give ``node`` no more work: it is dead, and Ray may not know it yet."""
        self._lost.add(node.id)
        self._usable.pop(node.id, None)

    def _fitting(self) -> dict[str, Node]:
        living = {key: n for key, n in living_nodes().items() if key not in self._lost}
        self._known |= living
        return {key: n for key, n in living.items() if n.trials(self._cpus, self._gpus)}

    def _begin(self, node: Node, *, download: bool = False) -> _Check:
        assert self._question is not None
        question = replace(self._question, download=download)
        probe = ExitStack()
        if self._folder is not None:
            found = probe.enter_context(_probe_folder(self._folder))
            question = replace(question, folder=found, token=Path(found, PROBE).read_text())
        task = _ask.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
            # as the processes that will run cells there: they are used again
            runtime_env={"env_vars": changes(question.mode)},
        )
        answer = task.remote(cloudpickle.dumps(question))
        return _Check(node, answer, time.monotonic() + CHECK_SECONDS, probe)

    def _answer(self, check: _Check) -> Facts | None:
        """What a node says; None where it has died.

        Raises:
            UsageError: it says nothing in time, or cannot even be asked.
        """
        where = f": node {check.node}: "
        try:
            said: Facts = ray.get(check.answer, timeout=max(0.0, check.until - time.monotonic()))
        except GetTimeoutError:
            ray.cancel(check.answer, force=True)
            text = f"{where}did not answer within {CHECK_SECONDS:.0f} s"
            raise UsageError(text, parameter="address") from None
        except RayTaskError as error:
            why = one_line(error.cause or error)
            raise UsageError(
                f"{where}{why}; install this project and what its tasks import on every node",
                parameter="address",
            ) from None
        except RayError as error:
            if self.dead([check.node.id]):
                return None
            raise UsageError(f"{where}{one_line(error)}", parameter="address") from None
        return said

    def _joined(self, check: _Check) -> str | None:
        """Take a node that has answered, or leave it out; a line about it."""
        late = time.monotonic() > check.until
        if not (late or ray.wait([check.answer], timeout=0)[0]):
            return None
        self._checks.remove(check)
        assert self._here is not None
        try:
            said = self._answer(check)
            why = said and (difference(self._here, said) or said.folder)
        except UsageError as error:
            said, why = None, error.message.partition(f"{check.node}: ")[2]
        finally:
            check.probe.close()
        if why:
            self._refused.add(check.node.id)
            return f"node {check.node} has joined and is given no work: {why}"
        if said is None:
            return None
        self._usable[check.node.id] = check.node
        return f"node {check.node} has joined"


@contextmanager
def _probe_folder(folder: Path) -> Iterator[str]:
    """A folder within ``folder``, for a while, with a file by which a node shows that it sees it.

    Raises:
        UsageError: nothing can be written there.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix=".bohb-study-", dir=folder)
        Path(made.name, PROBE).write_text(token_hex(8))
    except OSError as error:
        why = error.strerror or error
        raise UsageError(f"{folder}: cannot be written: {why}", parameter="out") from None
    with made:
        yield made.name


@ray.remote(num_cpus=0, max_retries=0)
def _ask(question: bytes) -> Facts:
    # unpickled here, where what cannot be imported is an error of this call
    return facts(cloudpickle.loads(question))
