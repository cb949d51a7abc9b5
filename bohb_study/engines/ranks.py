"""A trial over several processes: ranks that train together, and what asks them.

The process that holds a ``RankGroup`` is no rank itself, so it can wait with a time limit, say
which rank is to blame, and end them all.
"""

import math
import time
from collections.abc import Mapping
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from bohb_study.engines.rank_process import Answer, RankActor
from bohb_study.numerics import Mode, changes
from bohb_study.seeding import Config
from bohb_study.tasks import Evaluation, Report, Task

RANK_SECONDS = 600.0
"""How long ranks wait for each other, in each exchange and at the end of each step. A step itself
may take as long as it wants."""
START_SECONDS = 300.0
"""How long the process of a rank may take to start, once it has its CPUs."""
GRACE_SECONDS = 5.0
"""How long the others may go on once a rank has failed: what is raised for the same reason comes
at the same time."""


class RankError(RuntimeError):
    """A rank died, hung or lost the others, so the step that was asked of it has failed."""


class RankGroup:
    """Processes that train one configuration after another, each time all together.

    They start when the first configuration does, and start anew after a failure.
    """

    def __init__(
        self,
        task: Task,
        processes: int,
        cpus: float,
        gpus: float,
        numerics: Mapping[str, str],
        placement: PlacementGroup | None = None,
        time_limit: float = RANK_SECONDS,
    ) -> None:
        """Nothing is started yet.

        Args:
            task: the task of the cell.
            processes: ranks, at least 1.
            cpus: of each rank.
            gpus: of each rank.
            numerics: ``numerics.record`` of the process that drives the cell.
            placement: bundles for the ranks, one each and in their order; by default a group of
                its own, packed, for which the first start waits.
            time_limit: seconds that ranks wait for each other.
        """
        self._task = task
        self._size = processes
        self._cpus, self._gpus = cpus, gpus
        self._numerics = numerics
        self._placement = placement
        self._own: PlacementGroup | None = None
        self._seconds = time_limit
        self._ranks: list[Any] = []
        self._joined = False
        """Whether they are in a process group that works."""
        self._started = 0
        """Configurations that were started; an evaluation of an earlier one is over."""

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin a configuration on all ranks; that of the one before is over.

        Raises:
            RankError: a rank cannot be started, died, or does not answer.
        """
        self._started += 1
        if not self._joined:
            self._open()
        self._ask("start", config, seed)
        return _RanksEvaluation(self, self._started)

    def ask(self, started: int, method: str, *args: Any) -> Any:
        """What rank 0 answers to ``method``, which is asked of all ranks.

        Raises:
            RankError: a rank died or does not answer.
            RuntimeError: another configuration was started since, or the group was closed.
        """
        if started != self._started or not self._joined:
            raise RuntimeError("the ranks do not train this configuration any more")
        return self._ask(method, *args)

    def close(self) -> None:
        """End all ranks, whatever they are doing, and give back what they held."""
        self._end()
        if self._own is not None:
            remove_placement_group(self._own)
            self._own = None

    def pids(self) -> list[int]:
        """Process ids of the ranks, for those who watch them."""
        return list(ray.get([rank.pid.remote() for rank in self._ranks]))

    def _open(self) -> None:
        """Start the processes, if there are none, and let them find each other."""
        try:
            if not self._ranks:
                self._ranks = [self._rank(number) for number in range(self._size)]
                self._ask("prepare", self._gpus, first=START_SECONDS, rest=START_SECONDS)
            limit = (self._size, self._seconds)
            address = self._answer({self._ranks[0].serve.remote(*limit): 0}, self._seconds)
            joining = {
                actor.join.remote(number, self._size, address, self._seconds, self._gpus): number
                for number, actor in enumerate(self._ranks)
            }
            self._answer(joining, self._seconds)
        except BaseException:
            self._end()
            raise
        self._joined = True

    def _rank(self, number: int) -> Any:
        """The actor of a rank, in its bundle."""
        strategy = PlacementGroupSchedulingStrategy(
            placement_group=self._bundles(), placement_group_bundle_index=number
        )
        mode: Mode = "portable" if self._numerics["mode"] == "portable" else "native"
        return RankActor.options(
            num_cpus=self._cpus,
            num_gpus=self._gpus,
            scheduling_strategy=strategy,
            # a node's own environment may say otherwise
            runtime_env={"env_vars": changes(mode)},
        ).remote(self._task, dict(self._numerics))

    def _bundles(self) -> PlacementGroup:
        if self._placement is not None:
            return self._placement
        if self._own is None:
            bundle = {"CPU": self._cpus, "GPU": self._gpus}
            own = {key: amount for key, amount in bundle.items() if amount}
            self._own = placement_group([own] * self._size, strategy="PACK")
            ray.get(self._own.ready())
        return self._own

    def _ask(
        self, method: str, *args: Any, first: float = math.inf, rest: float | None = None
    ) -> Any:
        asked = {getattr(rank, method).remote(*args): i for i, rank in enumerate(self._ranks)}
        return self._answer(asked, first, rest)

    def _answer(
        self, asked: dict[Any, int], first: float = math.inf, rest: float | None = None
    ) -> Any:
        """What the lowest rank answers.

        Where a rank failed, all are ended; where all raised something of the training's own, only
        the group is left, for what they exchanged last may have stopped halfway.

        Args:
            asked: the rank by the reference of its answer.
            first: seconds until the first answer.
            rest: seconds from there to the last; by default how long ranks wait for each other.

        Raises:
            RankError: a rank died or does not answer.
            BaseException: what the training raised.
        """
        began = time.monotonic()
        try:
            answers = _answers(asked, first, self._seconds if rest is None else rest)
        except BaseException:  # interrupted, while they go on
            self._end()
            raise
        waited = time.monotonic() - began
        error = blamed(answers, list(asked.values()), self._size, waited)
        if error is not None:
            self._joined = False
            unfit = any(answer.died or answer.lost for answer in answers.values())
            if unfit or len(answers) < len(asked):
                self._end()
            raise error
        return answers[min(answers)].value

    def _end(self) -> None:
        for rank in self._ranks:
            ray.kill(rank)
        self._ranks, self._joined = [], False


class _RanksEvaluation(Evaluation):
    """One configuration, as all ranks train it."""

    def __init__(self, group: RankGroup, started: int) -> None:
        self._group, self._started = group, started

    def advance(self, level: int) -> Report:
        """Rank 0's report, once all ranks are there."""
        report: Report = self._group.ask(self._started, "advance", level)
        return report

    def state(self) -> dict[str, Any]:
        """Rank 0's; in a group of another size it goes on just as well."""
        state: dict[str, Any] = self._group.ask(self._started, "state")
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Give the state to every rank; it is sent to each machine once."""
        self._group.ask(self._started, "restore", ray.put(state))


def _answers(asked: Mapping[Any, int], first: float, rest: float) -> dict[int, Answer]:
    """Those that come in time, by rank, in the order in which they come.

    Args:
        asked: the rank by the reference of its answer.
        first: seconds until the first answer.
        rest: seconds from there to the last; less once a rank has failed.
    """
    waiting, answers = dict(asked), dict[int, Answer]()
    deadline = time.monotonic() + first
    while waiting:
        left = deadline - time.monotonic()
        done, _ = ray.wait(list(waiting), timeout=max(0.0, left) if left < math.inf else None)
        if not done:
            break
        answer = _outcome(done[0])
        if not answers:
            deadline = time.monotonic() + rest
        answers[waiting.pop(done[0])] = answer
        if answer.error is not None:
            deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
    return answers


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
