"""A trial over several processes: ranks that train together, and what asks them.

The process that holds a ``RankGroup`` is no rank itself, so it can wait with a time limit, say
which rank is to blame, and end them all.
"""

import pickle
import time
from collections.abc import Mapping
from itertools import count
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from bohb_study.engines.guard import RemoteEvaluation
from bohb_study.engines.rank_process import Answer, NoState, RankActor
from bohb_study.numerics import Mode, changes
from bohb_study.seeding import Config
from bohb_study.tasks import Evaluation, Report, Task

RANK_SECONDS = 600.0
"""How long ranks wait for each other, in each exchange and at the end of each step. A step itself
may take as long as it wants."""
START_SECONDS = 300.0
"""How long the process of a rank may take to start, once it has its CPUs."""
WAIT_SECONDS = 60
"""How long is waited for room at a time; again and again, for other trials may take long."""
GRACE_SECONDS = 5.0
"""How long the others may go on once a rank has failed: what is raised for the same reason comes
at the same time."""


class RankError(RuntimeError):
    """A rank died, hung or lost the others, so the step that was asked of it has failed."""


class RankGroup:
    """Processes that train configurations, several in turn, each step of one all together.

    They start when the first configuration does, and start anew after a failure, which ends all
    configurations that had begun.
    """

    def __init__(
        self,
        task: Task,
        processes: int,
        cpus: float,
        gpus: float,
        numerics: Mapping[str, str],
        group: PlacementGroup | None = None,
        time_limit: float = RANK_SECONDS,
    ) -> None:
        """Nothing is started yet.

        Args:
            task: the task of the cell.
            processes: ranks, at least 1.
            cpus: of each rank.
            gpus: of each rank.
            numerics: ``numerics.record`` of the process that drives the cell.
            group: bundles for the ranks, one each and in their order, for which each start of them
                waits; None where ``use`` gives it. Who made the group removes it: Ray keeps those
                of an actor that has died until its job ends.
            time_limit: seconds that ranks wait for each other.
        """
        self._task = task
        self._size = processes
        self._cpus, self._gpus = cpus, gpus
        self._numerics = numerics
        self._group = group
        self._seconds = time_limit
        self._ranks: list[Any] = []
        self._numbers = count()
        self._running: set[int] = set()
        """Configurations that these ranks train."""

    def use(self, group: PlacementGroup) -> None:
        """Take bundles for the ranks from ``group``, one each and in their order."""
        self._group = group

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin a configuration on all ranks.

        Raises:
            RankError: a rank cannot be started, died, or does not answer.
        """
        self.open()
        number = next(self._numbers)
        self._running.add(number)
        self._ask("start", number, config, seed)
        return _RanksEvaluation(self, number)

    def ask(self, number: int, method: str, *args: Any) -> Any:
        """What rank 0 answers to ``method`` of a configuration, which is asked of all ranks.

        Raises:
            RankError: a rank died or does not answer, now or since the configuration began.
        """
        if number not in self._running:
            raise RankError("the ranks that trained this configuration have ended")
        return self._ask(method, number, *args)

    def forget(self, number: int) -> None:
        """Drop a configuration."""
        if number in self._running:
            self._running.remove(number)
            for rank in self._ranks:
                rank.forget.remote(number)

    def close(self) -> None:
        """End all ranks, whatever they are doing."""
        self._end()

    def pids(self) -> list[int]:
        """Process ids of the ranks, for those who watch them."""
        return list(ray.get([rank.pid.remote() for rank in self._ranks]))

    def open(self) -> None:
        """Start the ranks, unless they run; waits until there is room for all of them.

        Raises:
            RankError: a rank cannot be started.
        """
        if self._ranks:
            return
        assert self._group is not None
        while not self._group.wait(timeout_seconds=WAIT_SECONDS):
            pass  # other trials have the CPUs
        try:
            self._ranks = [self._rank(number) for number in range(self._size)]
            limit = (self._size, self._seconds)
            address = self._answer({self._ranks[0].serve.remote(*limit): 0}, START_SECONDS)
            joining = {
                actor.join.remote(number, self._size, address, self._seconds, self._gpus): number
                for number, actor in enumerate(self._ranks)
            }
            self._answer(joining, START_SECONDS)
        except BaseException:
            self._end()
            raise

    def _rank(self, number: int) -> Any:
        """The actor of a rank, in its bundle."""
        strategy = PlacementGroupSchedulingStrategy(
            placement_group=self._group, placement_group_bundle_index=number
        )
        mode: Mode = "portable" if self._numerics["mode"] == "portable" else "native"
        return RankActor.options(
            num_cpus=self._cpus,
            num_gpus=self._gpus,
            scheduling_strategy=strategy,
            # a node's own environment may say otherwise
            runtime_env={"env_vars": changes(mode)},
        ).remote(self._task, dict(self._numerics))

    def _ask(self, method: str, *args: Any) -> Any:
        asked = {getattr(rank, method).remote(*args): i for i, rank in enumerate(self._ranks)}
        return self._answer(asked)

    def _answer(self, asked: dict[Any, int], first: float | None = None) -> Any:
        """What the lowest rank answers; ends all of them where one has failed.

        Args:
            asked: the rank by the reference of its answer.
            first: seconds until the first answer; None for no limit.

        Raises:
            RankError: a rank died or does not answer.
            BaseException: what the training raised.
        """
        waiting, answers, limit = dict(asked), dict[int, Answer](), first
        deadline = None if first is None else time.monotonic() + first
        while waiting:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            done, _ = ray.wait(list(waiting), timeout=left)
            if not done:
                break
            answer = _outcome(done[0])
            answers[waiting.pop(done[0])] = answer
            if len(answers) == 1:
                limit = self._seconds
                deadline = time.monotonic() + limit
            if answer.error is not None:
                soon = time.monotonic() + GRACE_SECONDS
                deadline = soon if deadline is None else min(deadline, soon)
        error = blamed(answers, list(asked.values()), self._size, limit or 0.0)
        if error is not None:
            self._end()
            raise error
        return answers[min(answers)].value

    def _end(self) -> None:
        for rank in self._ranks:
            ray.kill(rank)
        self._ranks = []
        self._running.clear()


class _RanksEvaluation(RemoteEvaluation):
    """One configuration, as all ranks train it."""

    def __init__(self, group: RankGroup, number: int) -> None:
        self._group, self._number = group, number

    def advance(self, level: int) -> Report:
        """Rank 0's report, once all ranks are there."""
        report: Report = self._group.ask(self._number, "advance", level)
        return report

    def state(self) -> dict[str, Any]:
        """Rank 0's; in a group of another size it goes on just as well."""
        given = self._group.ask(self._number, "state")
        if isinstance(given, NoState):
            raise given.error
        state: dict[str, Any] = pickle.loads(given)
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Give the state to every rank; it is sent to each machine once."""
        self._group.ask(self._number, "restore", ray.put(state))

    def forget(self) -> None:
        """Let the ranks drop it."""
        self._group.forget(self._number)


def _outcome(reference: Any) -> Answer:
    """What a rank answered, or that it is no more."""
    try:
        answer: Answer = ray.get(reference)
        return answer
    except RayActorError as error:
        return Answer(error=error, died=True)
    except RayError as error:
        return Answer(error=error)


def blamed(
    answers: Mapping[int, Answer], asked: list[int], size: int, seconds: float
) -> BaseException | None:
    """What a step of all ranks is to be ended by; None where all is well.

    A rank that waits for one that failed fails as well, so not the first error counts but the one
    that explains the others: a process that died, then what the training itself raised, then a
    rank that does not answer while the others miss it.

    Args:
        answers: of those that have answered, in the order in which they did.
        asked: the ranks that were asked.
        size: ranks of the group.
        seconds: how long was waited.
    """
    for rank, answer in answers.items():
        if answer.died:
            return RankError(f"rank {rank} of {size} died")
    failed = {rank: a for rank, a in answers.items() if a.error is not None}
    for answer in failed.values():
        if not answer.lost:
            return answer.error
    for rank in asked:
        if rank not in answers:
            return RankError(f"rank {rank} of {size} did not answer within {seconds:.0f} s")
    for rank, answer in failed.items():
        said = str(answer.error).partition("\n")[0][:150]
        return RankError(f"rank {rank} of {size} lost the others: {said}")
    return None
