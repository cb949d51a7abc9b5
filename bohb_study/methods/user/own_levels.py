"""A user's optimiser that decides itself at which level each configuration is evaluated.

Its trials are paused at the level that was asked for. Where the optimiser asks for the same
configuration at a higher level, the paused trial goes on, and is charged the difference. Where the
task cannot resume, or the method does not pause, each evaluation is a trial of its own.
"""

import math
from dataclasses import dataclass
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from bohb_study.methods.base import METRIC, MODE, TIME, Pair, Problem, succeeded
from bohb_study.methods.ray.led_scheduler import LedScheduler
from bohb_study.methods.ray.self_limiting import SelfLimitingSearcher
from bohb_study.methods.recording.recording_scheduler import RecordingScheduler
from bohb_study.methods.user.checked_optimiser import Asked, CheckedOptimiser
from bohb_study.tasks import Ladder


@dataclass
class _Run:
    """A trial, and the level that it is sent to."""

    asked: Asked
    target: int
    level: int = 0
    """Level of its last report."""
    busy: bool = True
    """Whether the report at ``target`` is still to come."""


class Evaluations:
    """Which trial evaluates what the optimiser asks for; searcher and scheduler share it."""

    def __init__(self, optimiser: CheckedOptimiser, ladder: Ladder, *, pauses: bool) -> None:
        """Start with no trial.

        Args:
            optimiser: decides configurations and levels.
            ladder: of the task.
            pauses: whether trials wait at their level for the optimiser to ask for more.
        """
        self.optimiser = optimiser
        self.ladder = ladder
        self.pauses = pauses
        self.resumed: dict[str, None] = {}
        """Trials that are to go on, in the order in which they were asked for."""
        self.finished = False
        """The optimiser has nothing more."""
        self._runs: dict[str, _Run] = {}
        self._paused: dict[str, str] = {}
        """Configuration -> the trial that is paused with it."""
        self._busy = 0

    def next_config(self, trial_id: str, limit: int) -> dict[str, Any] | str | None:
        """Ask until a configuration needs a new trial.

        Args:
            trial_id: the trial that gets it.
            limit: most trials that run at once; 0 for no limit.

        Returns:
            The configuration; None while enough trials run or the optimiser waits for results;
            FINISHED where it waits for none.
        """
        while not (self.finished or 0 < limit <= self._busy):
            asked = self.optimiser.ask()
            if asked is None:
                if self._busy:
                    return None
                self.finished = True
                break
            assert asked.level is not None
            self._busy += 1
            waiting = self._paused.get(asked.key)
            if waiting is None or self._runs[waiting].level >= asked.level:
                self._runs[trial_id] = _Run(asked, asked.level)
                return dict(asked.config)
            del self._paused[asked.key]
            run = self._runs[waiting]
            run.asked, run.target, run.busy = asked, asked.level, True
            self.resumed[waiting] = None
        finished: str = Searcher.FINISHED
        return finished if self.finished else None

    def due(self, trial_id: str) -> int:
        """Scheduler time of the level to which the trial was last sent."""
        return self.ladder.time(self._runs[trial_id].target)

    def observe(self, trial_id: str, loss: float) -> None:
        """Report the result at the level that is due to the optimiser."""
        run = self._runs[trial_id]
        cost, run.level, run.busy = run.target - run.level, run.target, False
        self._busy -= 1
        self.resumed.pop(trial_id, None)
        if self.pauses and run.level < self.ladder.top:
            self._paused[run.asked.key] = trial_id
        self.optimiser.tell(run.asked, run.level, loss, cost)

    def forget(self, trial_id: str) -> None:
        """Drop a trial that has ended."""
        self.resumed.pop(trial_id, None)
        run = self._runs.pop(trial_id, None)
        if run is not None:
            self._busy -= run.busy
            if self._paused.get(run.asked.key) == trial_id:
                del self._paused[run.asked.key]


class OwnLevelsSearcher(SelfLimitingSearcher):
    """Suggests the configurations that need a new trial. Needs OwnLevelsScheduler."""

    def __init__(self, evaluations: Evaluations) -> None:
        """Suggest what ``evaluations`` have no trial for."""
        super().__init__(metric=METRIC, mode=MODE)
        self._evaluations = evaluations

    @property
    def suggested_by_model(self) -> bool | None:
        """Whether a model made the last suggestion; None where the optimiser does not say."""
        return self._evaluations.optimiser.model_based

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next configuration that needs a new trial; see ``Evaluations.next_config``."""
        return self._evaluations.next_config(trial_id, self._max_concurrent)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Report what is due to the optimiser; it observes nothing in between."""
        if result[TIME] >= self._evaluations.due(trial_id):
            loss = result[METRIC] if succeeded(result) else math.inf
            self._evaluations.observe(trial_id, loss)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Forget a trial that has ended."""
        self._evaluations.forget(trial_id)


class OwnLevelsScheduler(LedScheduler):
    """Pauses or ends each trial at its level; resumes the trials that the optimiser asks for."""

    def __init__(self, evaluations: Evaluations) -> None:
        """Decide by the evaluations that the optimiser asked for."""
        super().__init__()
        self._evaluations = evaluations

    def due(self, trial: Trial) -> int:
        """Scheduler time of the level to which the trial was last sent."""
        return self._evaluations.due(trial.trial_id)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """PAUSE at the level that is due; STOP at the top, or where nothing is paused."""
        decision: str = TrialScheduler.CONTINUE
        if result[TIME] >= self.due(trial):
            evaluations = self._evaluations
            if evaluations.pauses and result[TIME] < evaluations.ladder.max_time:
                decision = TrialScheduler.PAUSE
            else:
                # the controller reports no result to the searcher that ends a trial
                tune_controller.search_alg.on_trial_result(trial.trial_id, result)
                decision = TrialScheduler.STOP
        return decision

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Resumed trials first, in the order in which they were asked for, then new ones."""
        if self._evaluations.finished:
            # nothing will be asked for again
            for trial in list(self._trials.values()):
                if trial.status == Trial.PAUSED:
                    tune_controller.stop_trial(trial)
        return self.next_trial(self._evaluations.resumed)


class RecordingOwnLevels(RecordingScheduler):
    """Records OwnLevelsScheduler: a trial is judged at the level that was asked for."""

    def __init__(self, scheduler: OwnLevelsScheduler, ladder: Ladder, *, pauses: bool) -> None:
        """Wrap a scheduler that follows the optimiser."""
        super().__init__(scheduler, ladder)
        self.restarts = pauses

    def due(self, trial: Trial) -> int | None:
        """Scheduler time of the level to which the trial was last sent."""
        time: int = self.scheduler.due(trial)
        return time


def own_levels_pair(optimiser: CheckedOptimiser, problem: Problem, *, pauses: bool) -> Pair:
    """Searcher and scheduler of an optimiser that decides its levels.

    Args:
        optimiser: the user's.
        problem: what it was made for.
        pauses: whether its trials are paused, so that they can go on at a higher level.
    """
    ladder = problem.ladder
    pauses = pauses and ladder.resumable
    evaluations = Evaluations(optimiser, ladder, pauses=pauses)
    scheduler = RecordingOwnLevels(OwnLevelsScheduler(evaluations), ladder, pauses=pauses)
    return Pair(problem.recording(OwnLevelsSearcher(evaluations)), scheduler)
