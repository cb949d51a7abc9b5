"""Cells as tasks of the connected Ray, spread over its nodes and run again where a node dies.

A cell that crashes by itself has failed: run again it would crash again. A cell that a node took
with it has not: it is run again from the start, on the nodes that are left, and gives the rows that
it would have given. Which of the two it was, Ray does not always say at once: that a node is lost
in the middle of a call it knows only after some missed heartbeats. So a cell of which nothing but a
process is gone waits that long for its verdict, and others run meanwhile.
"""

import os
import re
import socket
import time
import uuid
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import ray
from ray.exceptions import NodeDiedError, RayError, RayTaskError

from bohb_study.engines.base import (
    CellResult,
    Finished,
    Job,
    Notice,
    Running,
    one_line,
)
from bohb_study.engines.placement import (
    LostPartError,
    Placement,
    beside_this_process,
    remove_groups,
)
from bohb_study.engines.trial_limits import TrialLimits
from bohb_study.errors import StudyError
from bohb_study.numerics import changes
from bohb_study.running.pools.board import BoardActor
from bohb_study.running.pools.nodes import DEATH_SECONDS, Node, Nodes
from bohb_study.running.pools.step_watch import Blame, StepWatch
from bohb_study.study import Cell

POLL_SECONDS = 0.25
TELL_SECONDS = 0.5
MOST_DEATHS = 3
"""How often a node may die under one cell before the cell has failed."""
NOBODY_SECONDS = 300.0
"""How long cells wait for a node where none is left that can run them."""

Event = Running | Finished[Any] | Notice


class ClusterJob(Job[Any], Protocol):
    """What a task of Ray's can run: a cell, or whatever job; picklable, and a dataclass."""

    @property
    def engine(self) -> str:
        """What runs it: virtual where it trains in the process that runs it."""

    @property
    def actors(self) -> int:
        """Ray actors that train for it."""

    @property
    def cpus_per_trial(self) -> float:
        """CPUs that each of its processes takes."""

    @property
    def gpus_per_trial(self) -> float:
        """GPUs that each of its processes takes."""

    @property
    def processes_at_once(self) -> int:
        """Processes that train at the same time."""

    @property
    def limits(self) -> TrialLimits:
        """What a step of a trial may take."""


@ray.remote(max_retries=0, scheduling_strategy="SPREAD")
def _run_cell(job: ClusterJob, board: Any) -> Any:
    last = 0.0

    def report(done: int, best: float | None) -> None:
        nonlocal last
        if time.monotonic() - last >= TELL_SECONDS:
            last = time.monotonic()
            board.put.remote(Running(job.cell, done, best))

    board.put.remote(Running(job.cell, 0, None))
    node = {"host": socket.gethostname(), "id": ray.get_runtime_context().get_node_id()}
    result = job.run(report)
    return replace(result, node=node) if isinstance(result, CellResult) else result


def run_cells(
    jobs: Sequence[ClusterJob], at_once: int | None = None, nodes: Nodes | None = None
) -> Generator[Event, None, None]:
    """Run cells side by side on the connected Ray, reporting how far they are and when they end.

    Args:
        jobs: the cells, or whatever jobs; all of one engine.
        at_once: how many run at the same time, at least 1; by default as many as keep the nodes
            busy, which is asked anew while they run.
        nodes: those that may run them; by default any.

    Raises:
        StudyError: no node is left that can run a cell, and none has joined for a while.
    """
    if not jobs:
        return
    # an actor of its own node: the run must not end with another one
    board = BoardActor.options(scheduling_strategy=beside_this_process()).remote()
    cells = _Cells(jobs, at_once, nodes or Nodes(jobs[0].cpus_per_trial, jobs[0].gpus_per_trial))
    try:
        while cells.left:
            yield from cells.start(board)
            done = cells.wait()
            live = {attempt.cell for attempt in cells.running.values()}
            try:
                states = ray.get(board.get.remote())
            except RayError as error:
                advice = "run the same command again"
                if os.environ.get("RAY_AUTH_MODE") == "token":
                    advice += "; with RAY_AUTH_MODE=disabled, if the cluster asks for no token"
                raise StudyError(
                    f"Ray has ended ({one_line(error, 80)}); finished cells are kept: {advice}"
                ) from None
            yield from (state for state in states if state.cell in live)
            for reference in done:
                yield from cells.end(reference)
            yield from cells.settle()
            yield from cells.limit()
    finally:
        for reference in cells.running:
            ray.cancel(reference, force=True)
        ray.kill(board)


@dataclass
class _Attempt:
    """A cell, from when it is first started until it has ended."""

    job: Any
    """A ``ClusterJob``."""
    deaths: int = 0
    """Nodes that have died under it."""
    placement: Placement = field(default_factory=Placement)
    """Of its last start."""
    error: str = ""
    """What its last start ended with, where a node may be the reason."""
    until: float = 0.0
    """When that reason is not looked for any longer."""
    watch: StepWatch | None = None
    """Watches its steps, where they are limited."""

    @property
    def cell(self) -> Cell:
        cell: Cell = self.job.cell
        return cell

    def failed(self) -> Finished[Any]:
        return Finished(self.cell, None, self.error)


class _Cells:
    """All cells of a run: those that wait, those that run, those whose end is unclear."""

    def __init__(self, jobs: Sequence[ClusterJob], at_once: int | None, nodes: Nodes) -> None:
        self._at_once = at_once
        self._nodes = nodes
        self._processes = jobs[0].processes_at_once
        self._waiting = deque(_Attempt(job) for job in jobs)
        self._unclear: list[_Attempt] = []
        self.running: dict[Any, _Attempt] = {}
        self._nobody_since: float | None = None
        self._blame = Blame()

    @property
    def left(self) -> bool:
        """Whether a cell has not ended."""
        return bool(self._waiting or self.running or self._unclear)

    def start(self, board: Any) -> Iterator[Notice]:
        """Start as many cells as there is room for; lines about nodes that have joined."""
        yield from map(Notice, self._nodes.refresh())
        if self._nobody():
            return
        most = self._at_once or self._nodes.at_once(self._processes)
        while self._waiting and len(self.running) < most:
            attempt = self._waiting.popleft()
            attempt.placement = Placement(self._nodes.ids, f"bohb-study-{uuid.uuid4().hex}")
            job = replace(attempt.job, placement=attempt.placement)
            task = _run_cell.options(
                # Actors that train take the CPUs; a cell that held one could starve its own trials.
                # Engine virtual without actors trains where it runs.
                num_cpus=0 if job.engine == "tune" or job.actors else job.cpus_per_trial,
                label_selector=attempt.placement.label_selector,
                # actors that the cell starts inherit it; a node's own environment may differ
                runtime_env={"env_vars": changes(job.numerics)},
            )
            if job.engine == "tune" and job.journal and job.limits:
                attempt.watch = StepWatch(job.journal, job.limits)
            self.running[task.remote(job, board)] = attempt

    def wait(self) -> list[Any]:
        """The tasks that have ended, after ``POLL_SECONDS`` at most."""
        if not self.running:
            time.sleep(POLL_SECONDS)
            return []
        done: list[Any] = ray.wait(list(self.running), timeout=POLL_SECONDS)[0]
        return done

    def end(self, reference: Any) -> Iterator[Event]:
        """What became of a task that has ended."""
        attempt = self.running.pop(reference)
        try:
            yield Finished(attempt.cell, ray.get(reference), None)
            return
        except RayTaskError as error:
            cause = error.cause or error
            lost, attempt.error = isinstance(cause, LostPartError | RayError), said(cause)
        except RayError as error:
            lost, attempt.error, cause = True, one_line(error), error
        remove_groups(attempt.placement.name)  # Ray keeps those of a task that has crashed
        node = self._nodes.named_in(str(cause)) if isinstance(cause, NodeDiedError) else None
        if node is not None:
            yield self._again(attempt, node)
        elif lost and self._nodes.can_die(attempt.placement.nodes):
            attempt.until = time.monotonic() + DEATH_SECONDS
            self._unclear.append(attempt)
        elif lost:
            yield self._crashed(attempt)
        else:
            yield attempt.failed()

    def settle(self) -> Iterator[Event]:
        """Cells whose end was unclear and is not any more; those that no node is left for."""
        for attempt in list(self._unclear):
            if dead := self._nodes.dead(attempt.placement.nodes):
                self._unclear.remove(attempt)
                yield self._again(attempt, dead[0])
            elif time.monotonic() > attempt.until:
                self._unclear.remove(attempt)
                yield self._crashed(attempt)
        for reference, attempt in list(self.running.items()):
            chosen = attempt.placement.nodes
            if chosen and not set(chosen) & set(self._nodes.ids):
                # it waits for nodes that are gone, or for its trials, which do
                dead = self._nodes.dead(chosen)
                if dead and not ray.wait([reference], timeout=0)[0]:
                    ray.cancel(reference, force=True)
                    del self.running[reference]
                    remove_groups(attempt.placement.name)
                    yield self._again(attempt, dead[0])

    def limit(self) -> Iterator[Notice]:
        """End the cells whose trial takes longer than it may; they go on behind that step."""
        for reference, attempt in list(self.running.items()):
            why = attempt.watch.exceeded() if attempt.watch else ""
            if not why or ray.wait([reference], timeout=0)[0]:
                continue
            ray.cancel(reference, force=True)
            del self.running[reference]
            remove_groups(attempt.placement.name)
            said = self._blame.after_limit(attempt.job, why)
            self._waiting.appendleft(attempt)
            if said:
                yield Notice(said)

    def _crashed(self, attempt: _Attempt) -> Event:
        """Run a cell again whose process, or a trial's, has ended; not if it always does."""
        again, said = self._blame.after_death(attempt.job, "ended unexpectedly")
        if again is None:
            return attempt.failed()
        attempt.job = again
        self._waiting.appendleft(attempt)
        return Notice(said)

    def _again(self, attempt: _Attempt, node: Node) -> Event:
        """Run a cell again whose node has died, unless that has happened too often."""
        self._nodes.lose(node)
        attempt.deaths += 1
        if attempt.deaths == MOST_DEATHS:
            attempt.error = f"a node died under it {MOST_DEATHS} times, last {node}"
            return attempt.failed()
        self._waiting.append(attempt)
        return Notice(f"node {node} is gone: {attempt.cell} is run again")

    def _nobody(self) -> bool:
        """Whether no node can be given a cell now."""
        if self._nodes.any:
            self._nobody_since = None
            return False
        now = time.monotonic()
        self._nobody_since = self._nobody_since or now
        if now - self._nobody_since > NOBODY_SECONDS:
            raise StudyError(
                f"no node of the cluster is left that can run a cell; {len(self._waiting)} cells "
                "are not done, finished ones are kept"
            )
        return True


def said(error: BaseException) -> str:
    """The error as one line; of Ray Tune's, which is the text of a traceback, what was raised."""
    from ray.tune.error import TuneError  # seconds, in every process that runs a cell

    lines = str(error).splitlines()
    if isinstance(error, TuneError) and lines[:1] == ["Traceback (most recent call last):"]:
        named = [line for line in lines[1:] if re.match(r"[A-Za-z_][\w.]*(: |$)", line)]
        if named:
            kind, colon, text = named[-1].partition(": ")
            return f"{kind.rpartition('.')[2]}{colon}{text}"[:300]
    return one_line(error)
