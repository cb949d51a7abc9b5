"""A training by a generator of the user's, which has the global random generators to itself."""

import pickle
from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any

import torch

from bohb_study.seeding import Config
from bohb_study.tasks.base import Evaluation, Report
from bohb_study.tasks.training import global_random
from bohb_study.tasks.training.data_parallel import Ranks, everyones
from bohb_study.tasks.user.function_kinds import STATE
from bohb_study.tasks.user.training_function import FunctionTask


class FunctionEvaluation(Evaluation):
    """One call of the generator, or a call for each time that it was paused.

    After a pause the function is called again, so it sets up again, and what that draws from the
    global generators must not move those that its epochs draw from. A bare ``yield`` says where
    setting up ends: there they are put back. Without one it is refused, at its second epoch, to
    draw from them in an epoch, for the first pause would change the training silently.
    """

    def __init__(self, task: FunctionTask, config: Config, training_seed: int) -> None:
        """Nothing is called before the first epoch.

        Args:
            task: says what the generator is and what it reports.
            config: hyperparameters.
            training_seed: is given to the function and seeds the global generators.
        """
        # sums depend on how they are divided among threads; the function may ask for more
        torch.set_num_threads(1)
        self._task = task
        self._config = config
        self._seed = training_seed
        self._level = 0
        self._epochs: Iterator[Any] | None = None
        """The generator; None before its first epoch here."""
        self._state: Any = None
        """What the function yielded last to go on from; its own object, which it may change."""
        self._random = b""
        """Where the global generators stood at the last report; empty before the first one."""
        self._marked = False
        """Whether a bare ``yield`` said where setting up ended."""

    def advance(self, level: int) -> Report:
        """Train up to epoch ``level``.

        Raises:
            ValueError: the function did not keep to what a generator has to do.
        """
        begin, before = perf_counter(), self._level
        while self._level < level:
            try:
                reported = self._step()
            except StopIteration:
                raise ValueError(
                    f"the function ended after {self._level} of {self._task.max_epochs} epochs"
                ) from None
            self._level += 1
            report = self._read(reported)
        val, test, extra = self._task.losses(report)
        return Report(val, test, perf_counter() - begin, units=level - before, extra=extra)

    def _step(self) -> Any:
        """What the generator yields for the next epoch; the caller's random state is kept."""
        outside = global_random.take()
        try:
            if self._epochs is None:
                return self._first()
            global_random.put(self._random)
            reported = next(self._epochs)
            drawn = global_random.take() != self._random
            if drawn and self._task.can_pause and not self._marked:
                raise ValueError(
                    "the function's epochs draw from the global random generators, which setting "
                    "up again after a pause would move: put a bare `yield` between set-up and "
                    "epochs"
                )
            return reported
        finally:
            self._random = global_random.take()
            global_random.put(outside)

    def _first(self) -> Any:
        """Call the function: set-up and the first epoch from here."""
        global_random.seed_all(self._seed)
        state = {STATE: self._state} if self._task.can_pause else {}
        self._epochs = iter(self._task.train(dict(self._config), self._seed, **state))
        reported = next(self._epochs)
        if reported is None:
            self._marked = True
            if self._random:
                global_random.put(self._random)
            reported = next(self._epochs)
        return reported

    def _read(self, reported: Any) -> Mapping[str, Any]:
        """A report of the generator's as a mapping; keeps its state."""
        task = self._task
        report = reported if isinstance(reported, Mapping) else {task.metric: reported}
        task.check_metric(report)
        if task.can_pause != (STATE in report):
            raise ValueError(
                "the function takes a state, but yielded none"
                if task.can_pause
                else "the function yielded a state, but has no parameter `state` to take it back"
            )
        self._state = report.get(STATE)
        return report

    def state(self) -> dict[str, Any]:
        """The function's own state, as bytes, with the epoch and the global generators.

        In a process group it is taken on all ranks at once: what a rank draws is its own affair,
        so it has the generators of each.
        """
        try:
            own = pickle.dumps(self._state)
        except Exception as error:
            raise ValueError(f"the function's state cannot be pickled: {error}") from error
        state = {"level": self._level, "own": own, "random": self._random}
        if every := everyones(self._random):
            state["random of ranks"] = every
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Go on, at the next epoch, by calling the function with its state."""
        self._level, self._random = state["level"], _own_random(state)
        self._state = pickle.loads(state["own"])
        self._epochs = None


def _own_random(state: Mapping[str, Any]) -> bytes:
    """Where this rank's generators stood; rank 0's where it was not there."""
    every = state.get("random of ranks", ())
    rank = Ranks.here().rank
    random: bytes = every[rank] if rank < len(every) else state["random"]
    return random
