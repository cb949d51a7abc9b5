"""The bridge between a task and Ray Tune: one step is one report, paid before it is taken."""

from collections.abc import Mapping
from typing import Any

import ray
from ray import tune
from ray.util import get_current_placement_group

from bohb_study.engines.guard import GuardedEvaluation, interruptible
from bohb_study.engines.ranks import RankGroup
from bohb_study.methods.base import seen
from bohb_study.methods.recording.recording_scheduler import FIRST_RUNG, without_first_rung
from bohb_study.numerics import Mode, check, is_portable
from bohb_study.seeding import Config, plain
from bohb_study.tasks import Evaluation, Task
from bohb_study.tasks.encoding import decoder

REFUSED = "refused"
"""Key of a result that stands for a step which the ledger did not let in."""


class TaskTrainable(tune.Trainable):
    """Evaluates one configuration of a task, step by step.

    It never reports ``done`` (Ray would skip the scheduler, and BOHB would lose its observations
    at full fidelity).
    """

    _ranks: RankGroup | None = None
    """What trains in place of this process, where a trial has several."""

    def setup(
        self,
        config: dict[str, Any],
        task: Task,
        seed: int,
        ledger: Any,
        numerics: Mapping[str, str],
        processes: int = 1,
    ) -> None:
        """Start a configuration.

        Args:
            config: hyperparameters, with the first rung under ``FIRST_RUNG``.
            task: the task of the cell.
            seed: the study's seed.
            ledger: handle of the ledger's actor.
            numerics: ``numerics.record`` of the process that drives the cell.
            processes: that train the trial; above 1, none of them is this one.

        Raises:
            StudyError: this process computes by other kernels.
        """
        mode: Mode = "portable" if numerics["mode"] == "portable" else "native"
        check(mode, baseline=is_portable(numerics))
        self._task = task
        self._seed = seed
        self._ledger = ledger
        if processes > 1:
            self._ranks = self._group(processes, numerics)
        self._begin(config)

    def _group(self, processes: int, numerics: Mapping[str, str]) -> RankGroup:
        """Ranks in the bundles of the trial."""
        bundle = self.trial_resources.bundles[-1]
        return RankGroup(
            self._task,
            processes,
            cpus=bundle.get("CPU", 0),
            gpus=bundle.get("GPU", 0),
            numerics=numerics,
            placement=get_current_placement_group(),
        )

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start another configuration in the same actor."""
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        own = plain(decoder(self._task)(without_first_rung(config)))
        self._evaluation = GuardedEvaluation(self._task, own, self._seed, self._start_task)
        self._first_rung = int(config[FIRST_RUNG])
        self._level = 0

    def _start_task(self, config: Config, seed: int) -> Evaluation:
        return (self._ranks or self._task).start(config, seed)

    def cleanup(self) -> None:
        """End the ranks, if there are any."""
        if self._ranks is not None:
            self._ranks.close()

    def step(self) -> dict[str, Any]:
        """Ask the ledger; go to the next level if it lets the step in."""
        ladder = self._task.ladder
        target = ladder.next_level(self._level, self._first_rung)
        units = ladder.step_units(self._level, target)
        if not ray.get(self._ledger.charge.remote(units)):
            time = ladder.time(self._level) if self._level else 0
            nothing = self._task.failure(0, 0.0)
            return {**seen(nothing, time), REFUSED: True}
        with interruptible():
            report = self._evaluation.advance(target, units)
        self._level = target
        return {
            **seen(report, ladder.time(target)),
            REFUSED: False,
            "level": target,
            "units": units,
            "report": report,
        }

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Everything that a paused trial needs to go on exactly."""
        with interruptible():
            return {"level": self._level, **self._evaluation.state()}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Go on where ``save_checkpoint`` was called."""
        if checkpoint:
            self._level = checkpoint["level"]
            with interruptible():
                self._evaluation.restore(checkpoint)
