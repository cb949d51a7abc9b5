"""The bridge between a task and Ray Tune: one step is one report, paid before it is taken."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import ray
from ray import tune

from bohb_study.engines.guard import GuardedEvaluation, interruptible
from bohb_study.engines.ranks import RankGroup
from bohb_study.engines.sealed_report import SealedReport
from bohb_study.engines.trainers import check_same
from bohb_study.methods.base import seen
from bohb_study.methods.recording.recording_scheduler import FIRST_RUNG, without_first_rung
from bohb_study.numerics import Mode, check, is_portable
from bohb_study.seeding import Config, config_id, plain
from bohb_study.tasks import Evaluation, Report, Task
from bohb_study.tasks.encoding import decoder

REFUSED = "refused"
"""Key of a result that stands for a step which the ledger did not let in."""


class Skipped(NamedTuple):
    """A step whose report was known."""

    level: int
    units: int
    report: Report
    limited: bool


class TaskTrainable(tune.Trainable):
    """Evaluates one configuration of a task, step by step.

    It never reports ``done`` (Ray would skip the scheduler, and BOHB would lose its observations
    at full fidelity).
    """

    _begun: GuardedEvaluation | None = None
    """The configuration that it trains, if there is one."""

    def setup(
        self,
        config: dict[str, Any],
        task: Task,
        seed: int,
        ledger: Any,
        numerics: Mapping[str, str],
        ranks: RankGroup | None = None,
        journalled: bool = False,
    ) -> None:
        """Start a configuration.

        Args:
            config: hyperparameters, with the first rung under ``FIRST_RUNG``.
            task: the task of the cell.
            seed: the study's seed.
            ledger: handle of the ledger's actor.
            numerics: ``numerics.record`` of the process that drives the cell.
            ranks: train each trial together, in the trial's own bundles; None where this trains.
            journalled: whether the ledger keeps a journal, and may know reports already.

        Raises:
            StudyError: this process computes by other kernels.
        """
        mode: Mode = "portable" if numerics["mode"] == "portable" else "native"
        check(mode, baseline=is_portable(numerics))
        self._task = task
        self._seed = seed
        self._ledger = ledger
        self._ranks = ranks
        self._journalled = journalled
        if ranks is not None:
            ranks.use(ray.util.get_current_placement_group())
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start another configuration in the same actor."""
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        if self._begun is not None:
            self._begun.close()
        own = plain(decoder(self._task)(without_first_rung(config)))
        self._evaluation = GuardedEvaluation(self._task, own, self._seed, self._start_task)
        self._begun = self._evaluation
        self._given = config
        self._config_id = config_id(own) if self._journalled else ""
        self._first_rung = int(config[FIRST_RUNG])
        self._level = 0
        self._skipped: list[Skipped | None] = []
        """Steps whose reports were known, so that they were not trained; None where the trial was
        paused between them."""

    def _start_task(self, config: Config, seed: int) -> Evaluation:
        return self._ranks.start(config, seed) if self._ranks else self._task.start(config, seed)

    def step(self) -> dict[str, Any]:
        """Ask the ledger; go to the next level if it lets the step in."""
        ladder = self._task.ladder
        target = ladder.next_level(self._level, self._first_rung)
        units = ladder.step_units(self._level, target)
        paid = ray.get(self._ledger.charge.remote(units, self._config_id, target))
        if not paid.granted:
            time = ladder.time(self._level) if self._level else 0
            nothing = self._task.failure(0, 0.0)
            return {**seen(nothing, time), REFUSED: True}
        if paid.known is not None:
            report = paid.known
            self._skipped.append(Skipped(target, units, report, paid.limited))
        else:
            with interruptible():
                repeated = self._catch_up()
                report = self._evaluation.advance(target, units)
            if self._journalled:
                ray.get(self._ledger.record.remote(report, repeated))
        self._level = target
        return {
            **seen(report, ladder.time(target)),
            REFUSED: False,
            "level": target,
            "units": units,
            "report": SealedReport(report),
        }

    def _catch_up(self) -> int:
        """Train the steps that were skipped, which must give the reports that are known.

        Returns:
            The units that this took.

        Raises:
            StudyError: they give others.
        """
        skipped, level, repeated = self._skipped, self._level, 0
        if failed := [step.report.message for step in skipped if step and step.limited]:
            self._evaluation.restore({"failed": failed[0], "state": None})
        else:
            for step in skipped:
                if step is None:  # some tell a training that was paused from one that was not
                    state = self._evaluation.state()
                    self._begin(self._given)
                    self._evaluation.restore(state)
                else:
                    again = self._evaluation.advance(step.level, step.units)
                    check_same(str(self._task.name), self._config_id, step.report, again)
                    repeated += again.units
        self._skipped, self._level = [], level
        return repeated

    def cleanup(self) -> None:
        """End the ranks."""
        if self._ranks is not None:
            self._ranks.close()

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Everything that a paused trial needs to go on exactly."""
        with interruptible():
            state = self._evaluation.state()
        return {"level": self._level, "skipped": self._skipped, **state}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Go on where ``save_checkpoint`` was called."""
        if checkpoint:
            self._level = checkpoint["level"]
            if checkpoint["skipped"]:
                self._skipped = [*checkpoint["skipped"], None]
                return
            with interruptible():
                self._evaluation.restore(checkpoint)
