"""A training function in the style of Ray Tune's tutorials, under the ledger.

It runs, as it is, in the thread and the session of Ray's own ``FunctionTrainable``, of which our
trainable keeps one: what is asked of the ledger, counted and saved is the same as for any task.
"""

import contextlib
import threading
from copy import copy
from time import perf_counter
from typing import Any

from ray import tune
from ray.tune.result import TRIAL_INFO
from ray.tune.trainable import FunctionTrainable

from bohb_study.engines.base import one_line
from bohb_study.engines.trainable import TaskTrainable
from bohb_study.errors import StudyError
from bohb_study.seeding import Config, derive, trial_seed
from bohb_study.tasks import Evaluation, FunctionTask, Report

END_SECONDS = 60.0
"""How long a function may take to leave ``tune.report`` when it is asked to."""


class _Function(FunctionTrainable):
    """The user's function in Ray's thread and session; Ray has one session in a process."""

    task: FunctionTask
    seed: int
    """Of the global random generators, when the function begins."""
    thread: threading.Thread | None = None
    """In which the function runs, once it has begun."""
    error: BaseException | None = None
    """What ended the function; None where it returned."""
    returned: Any = None
    """What it returned; its reports are what counts."""
    closing = False

    def _trainable_func(self, config: dict[str, Any]) -> None:
        import torch  # noqa: F401 (which is seeded once it is imported)

        from bohb_study.tasks.training.global_random import seed_all

        self.thread = threading.current_thread()
        seed_all(self.seed)
        try:
            self.returned = self.task.train(dict(config))
        except BaseException as error:  # Ray's thread would swallow some, such as SystemExit
            self.error = error
        if not self.closing:
            # Ray would report the last result again, as done
            raise RuntimeError("the function has ended")

    def close(self) -> None:
        """Let Ray ask the function to end, and wait until it has.

        Raises:
            StudyError: it goes on, so it would train without being charged.
        """
        self.closing = True
        self.stop()
        if self.thread is not None:
            self.thread.join(END_SECONDS)
            if self.thread.is_alive():
                raise StudyError(
                    f"{self.task.name} goes on although tune.report asked it to end: does it catch "
                    "SystemExit?"
                )


class _RecordingCheckpoint(tune.Checkpoint):
    """A checkpoint that knows whether anybody asked where it is."""

    read = False

    @property
    def path(self) -> str:
        """The folder in which the checkpoint is."""
        self.read = True
        return self._path

    @path.setter
    def path(self, path: str) -> None:
        self._path = path


class RayFunctionEvaluation(Evaluation):
    """One call of the function, or a call for each time that it was paused."""

    def __init__(
        self, task: FunctionTask, config: Config, training_seed: int, trial: Any, storage: Any
    ) -> None:
        """Nothing is called before the first epoch.

        Args:
            task: the function.
            config: hyperparameters.
            training_seed: seeds the global random generators.
            trial: what Ray passes to a trainable about its trial.
            storage: where Ray lets the trial store checkpoints.
        """
        self._task = task
        self._level = 0
        self._seed = training_seed
        # a folder of its own: the trial's checkpoints are numbered by themselves
        self._storage = copy(storage)
        self._storage.trial_dir_name = f"{storage.trial_dir_name}/function"
        self._function = _Function({**config, TRIAL_INFO: trial}, storage=self._storage)
        self._function.task = task
        self._result: Any = None
        """Ray's own record of the last report, with its checkpoint."""
        self._restored: _RecordingCheckpoint | None = None
        self._spare: tune.Checkpoint | None = None
        """The last checkpoint, where no pause needs it."""

    def advance(self, level: int) -> Report:
        """Let the function train up to its report of epoch ``level``.

        Raises:
            StudyError: it began from scratch where it had to go on.
        """
        begin, before = perf_counter(), self._level
        while self._level < level:
            metrics = self._step()
        val, test, extra = self._task.losses(metrics)
        return Report(val, test, perf_counter() - begin, units=level - before, extra=extra)

    def _step(self) -> dict[str, Any]:
        function, level = self._function, self._level
        # after a pause another stream: the first epochs' noise must not come once more
        function.seed = derive("resumed", self._seed, level) if self._restored else self._seed
        self._storage.current_checkpoint_index = level - 1  # Ray adds one before it stores
        try:
            metrics: dict[str, Any] = function.step()
        except Exception as error:
            if isinstance(function.error, Exception):
                raise function.error from error
            raise ValueError(self._ended()) from error
        if self._restored and not self._restored.read:
            raise StudyError(
                f"{self._task.name} did not look into tune.get_checkpoint() after a pause at "
                f"epoch {level}, so it started over: go on from it, or use methods that never pause"
            )
        self._level += 1
        self._result = function.save_checkpoint()
        if self._result.checkpoint is not None:
            self._discard()
            self._spare = self._result.checkpoint
        return metrics

    def _ended(self) -> str:
        """How the function ended before it had reported all its epochs."""
        function, how = self._function, "ended"
        if function.error is not None:
            how = f"was left by {one_line(function.error, 100)}"
        said = f"the function {how} after {self._level} of {self._task.max_epochs} epochs"
        if function.error is None and function.returned is not None and not self._level:
            said += (
                f"; it returned {type(function.returned).__name__}, but what counts is what it "
                "calls tune.report once an epoch"
            )
        return said

    def _discard(self) -> None:
        if self._spare is not None:
            with contextlib.suppress(OSError):
                self._spare.filesystem.delete_dir(self._spare.path)
            self._spare = None

    def state(self) -> dict[str, Any]:
        """The epoch, and Ray's record of the checkpoint that the function reported with it."""
        self._spare = None
        return {"level": self._level, "result": self._result}

    def restore(self, state: dict[str, Any]) -> None:
        """Let ``tune.get_checkpoint`` give what was reported with the last epoch.

        Raises:
            StudyError: nothing was, so the function would start over.
        """
        self._level, self._result = state["level"], state["result"]
        checkpoint = self._result.checkpoint
        if checkpoint is None:
            raise StudyError(
                f"{self._task.name} reported epoch {self._level} without a checkpoint, and is to "
                "go on from there: give tune.report a checkpoint=, or use methods that never pause"
            )
        self._spare = checkpoint
        self._restored = _RecordingCheckpoint(checkpoint.path, checkpoint.filesystem)
        self._result.checkpoint = self._restored
        self._function.load_checkpoint(self._result)

    def close(self) -> None:
        """End the function where it is; a checkpoint that no pause needs goes."""
        self._function.close()
        self._discard()


class RayFunctionTrainable(TaskTrainable):
    """Trains by a function that calls ``tune.report``, one report a step."""

    _open: RayFunctionEvaluation | None = None

    def _begin(self, config: dict[str, Any]) -> None:
        self.cleanup()
        super()._begin(config)

    def _start_task(self, config: Config, seed: int) -> Evaluation:
        task = self._task
        assert isinstance(task, FunctionTask)
        training_seed = trial_seed(task.name, seed, config)
        self._open = RayFunctionEvaluation(
            task, config, training_seed, self._trial_info, self._storage
        )
        return self._open

    def cleanup(self) -> None:
        """End the function, if one has begun."""
        if self._open is not None:
            evaluation, self._open = self._open, None
            evaluation.close()
