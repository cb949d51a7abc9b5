"""An evaluation that can fail but never raises, and never reports a loss that is no number.

A trainable must not raise (Ray would take the trial out of a part-filled rung) and must not report
NaN to a method (it survives halving), so whatever a task's code does, what comes out is a report:
with a finite loss, or without a result.
"""

import signal
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter
from typing import Any, NoReturn

from bohb_study.engines.base import one_line
from bohb_study.errors import StudyError, UsageError
from bohb_study.seeding import Config, derive, trial_seed
from bohb_study.tasks import Evaluation, Report, Task
from bohb_study.tasks.base import usable
from bohb_study.tasks.training import global_random

Start = Callable[[Config, int], Evaluation]
"""Begins an evaluation of a configuration under the study's seed."""
_AS_THEY_ARE = nullcontext()
CELL_ERRORS = (StudyError, UsageError)
"""What is meant for the person at the terminal."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, distinguished from a KeyboardInterrupt that a task's own code raises."""


def _interrupt(number: int, frame: object) -> NoReturn:
    raise Interrupted


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise Ctrl-C as ``Interrupted`` in the block.

    Only where Python's own handler is in force, in the thread that signals reach.
    """
    mine = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if mine:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        if mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def is_interruption(error: BaseException) -> bool:
    """Whether somebody wants the run to end, as far as can be known.

    A KeyboardInterrupt of any other origin than Ctrl-C is the training's own: outside of
    ``interruptible`` nobody can say, so it is taken for Ctrl-C.
    """
    if isinstance(error, Interrupted):
        return True
    apart = signal.getsignal(signal.SIGINT) in (_interrupt, signal.SIG_IGN)
    return isinstance(error, KeyboardInterrupt) and not apart


class NoStateError(Exception):
    """A state that nobody needed could not be had; the training itself has not failed."""


class RemoteEvaluation(Evaluation):
    """An evaluation in other processes, which keep it until they are told to forget it."""

    @abstractmethod
    def forget(self) -> None:
        """Let them forget it; nothing is asked of it afterwards."""


class StepGenerators:
    """What the steps of one training find when they draw from the global random generators.

    They are seeded before each step, by trial and level, and stand afterwards where they stood: so
    it neither matters in which process a step is trained, after what, nor does a searcher beside it
    draw anything else. What is computed in microseconds is trusted not to draw, and a function that
    runs in Ray's own session keeps its generators to itself (``ray_function``).
    """

    def __init__(
        self, task: Task, config: Config, seed: int, training_seed: int | None = None
    ) -> None:
        """Those of a configuration.

        Args:
            task: the task of the cell.
            config: hyperparameters.
            seed: the study's.
            training_seed: of the training; by default the trial's.
        """
        self._draws = not task.computed and task.only_engine is None
        self._of = (task.name, seed, config)
        self._seed = training_seed

    def seeded(self, level: int = 0) -> AbstractContextManager[None]:
        """As a step up to ``level`` finds them; 0: as saving and restoring do."""
        if not self._draws:
            return _AS_THEY_ARE
        if self._seed is None:
            self._seed = trial_seed(*self._of)
        return global_random.seeded(derive("global", self._seed, level))

    @property
    def draws(self) -> bool:
        """Whether a step may draw."""
        return self._draws


class GuardedEvaluation:
    """One configuration of a task; from its first failure on, every step of it has failed.

    Whatever ends a training fails it, ``sys.exit`` included, but for Ctrl-C. ``CELL_ERRORS`` are
    let through: no configuration could avoid those, so not the training but the cell has failed.
    """

    def __init__(
        self,
        task: Task,
        config: Config,
        seed: int,
        start: Start | None = None,
        training_seed: int | None = None,
        passes: tuple[type[BaseException], ...] = (),
    ) -> None:
        """Nothing is started before the first step.

        Args:
            task: the task of the cell.
            config: hyperparameters in plain Python types.
            seed: the study's seed.
            start: begins the evaluation; by default ``task.start``.
            training_seed: of the training; by default the trial's.
            passes: further errors that are let through.
        """
        self._task = task
        self._config = config
        self._seed = seed
        self._start = start or task.start
        self._passes = (*CELL_ERRORS, *passes)
        self._generators = StepGenerators(task, config, seed, training_seed)
        self._seeded = self._generators.draws
        self._evaluation: Evaluation | None = None
        self._failed = ""

    def advance(self, level: int, units: int) -> Report:
        """Go to ``level``, a step that is charged ``units``, and report losses that are numbers.

        Raises:
            StudyError, UsageError: the cell cannot go on, say for want of data.
            KeyboardInterrupt: Ctrl-C.
        """
        begin = perf_counter()
        if not self._failed:
            try:
                if self._seeded:
                    with self._generators.seeded(level):
                        return self._step(level)
                return self._step(level)
            except BaseException as error:
                self._fail(error)
        # it counts as executed whole, so that failing is never cheaper than training
        return self._task.failure(units, perf_counter() - begin, message=self._failed)

    def _step(self, level: int) -> Report:
        if self._evaluation is None:
            self._evaluation = self._start(self._config, self._seed)
        return usable(self._evaluation.advance(level))

    def _fail(self, error: BaseException) -> None:
        """From here on it has failed; raises ``error`` again where that is not the training's."""
        if isinstance(error, self._passes) or is_interruption(error):
            raise error
        self._failed = one_line(error, 200)
        self.close()

    def close(self) -> None:
        """Drop the evaluation, wherever it is."""
        if isinstance(self._evaluation, RemoteEvaluation):
            self._evaluation.forget()
        self._evaluation = None

    def state(self, *, needed: bool = True) -> dict[str, Any]:
        """Everything that ``restore`` needs to go on exactly; picklable.

        Args:
            needed: where it cannot be had, the training has failed.

        Raises:
            NoStateError: it is not needed, and cannot be had.
        """
        state = None
        if self._evaluation is not None:
            try:
                with self._generators.seeded():
                    state = self._evaluation.state()
            except Exception as error:
                if not needed and not isinstance(error, self._passes):
                    raise NoStateError(one_line(error)) from error
                self._fail(error)
            except BaseException as error:
                self._fail(error)
        return {"failed": self._failed, "state": state}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was taken.

        Raises:
            UsageError: as by ``advance``.
        """
        self._failed = state["failed"]
        if state["state"] is not None:
            try:
                with self._generators.seeded():
                    self._evaluation = self._start(self._config, self._seed)
                    self._evaluation.restore(state["state"])
            except BaseException as error:
                self._fail(error)
