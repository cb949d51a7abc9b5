"""Ray's HyperBandForBOHB as shipped and without its two defects, and the brackets that it plans."""

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import HyperBandForBOHB, TrialScheduler

from bohb_study.methods.base import METRIC, MODE, TIME, Problem
from bohb_study.methods.recording.recording_scheduler import RecordingScheduler


class FillsBracketsOnce(HyperBandForBOHB):
    """Ray's HyperBandForBOHB, whose brackets take no more trials than they were made for.

    ``Bracket.filled()`` compares the LIVE trials with the rung's size. After the last trial of a
    bracket is stopped that is 0 == 1, so at one trial at a time every later trial joins the
    finished bracket and runs to ``max_t`` unhalved. Here a bracket that was given all its trials
    takes no more.

    It also forgets trials and brackets that ended, which Ray keeps and goes through each time it
    chooses a trial. That changes no decision; ``debug_string`` no longer lists them.
    """

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Open a new bracket once the current one was given all its trials."""
        bracket = self._state["bracket"]
        if bracket is not None and (bracket.filled() or len(bracket._all_trials) >= bracket._n0):
            self._state["bracket"] = None
            self._forget_brackets()
        super().on_trial_add(tune_controller, trial)

    def _forget_brackets(self) -> None:
        """Drop brackets without live trials, at a moment when none of them takes new ones."""
        *ended, current = self._hyperbands
        # the current band keeps its length, by which Ray knows which bracket to open next
        current[:] = [b if b is not None and b._live_trials else None for b in current]
        bands = ([b for b in band if b is not None and b._live_trials] for band in ended)
        self._hyperbands: list[Any] = [*(band for band in bands if band), current]
        self._state["band_idx"] = len(self._hyperbands) - 1

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """Forget the trial; Ray's other ways to end one come here as well."""
        # Ray ends a trial once more where stopping it raised
        if trial in self._trial_info:
            super().on_trial_remove(tune_controller, trial)
            del self._trial_info[trial]


class ReportsFinalResults(HyperBandForBOHB):
    """Ray's HyperBandForBOHB, which also reports the results that end a trial to the searcher.

    The controller reports a result to the searcher only where the decision is not STOP, and
    ``TuneBOHB.on_trial_complete`` ignores its result: the observations that end a trial, those of
    highest fidelity above all, never reach BOHB's model. Here they do.
    """

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Report a rung's result to the searcher also where it ends the trial."""
        decision: str = super().on_trial_result(tune_controller, trial, result)
        if decision == TrialScheduler.STOP and "budget" in result["hyperband_info"]:
            tune_controller.search_alg.on_trial_result(trial.trial_id, result)
        return decision


class PatchedHyperBandForBOHB(ReportsFinalResults, FillsBracketsOnce):
    """Ray's HyperBandForBOHB without its two defects; a drop-in replacement."""


class RecordingHyperband(RecordingScheduler):
    """Records Ray's HyperBandForBOHB, stock or patched: a bracket's milestone judges."""

    restarts = True

    def rung_times(self) -> tuple[int, ...]:
        """Where the brackets of one band begin, ascending."""
        brackets = range(self.scheduler._s_max_1)
        return tuple(sorted(self.scheduler._get_r0(s) for s in brackets))

    def due(self, trial: Trial) -> int | None:
        """The milestone of the trial's bracket."""
        milestone: int = self.scheduler._trial_info[trial][0]._cumul_r
        return milestone

    def bracket_of(self, trial: Trial) -> Any:
        """The bracket that Ray put the trial into."""
        return self.scheduler._trial_info[trial][0]


def hyperband_scheduler(
    problem: Problem, scheduler: type[HyperBandForBOHB] = PatchedHyperBandForBOHB
) -> RecordingHyperband:
    """A scheduler for a problem, recording its decisions: Ray's own, or a subclass with fixes."""
    ladder = problem.ladder
    return RecordingHyperband(
        scheduler(
            time_attr=TIME,
            metric=METRIC,
            mode=MODE,
            max_t=ladder.max_time,
            reduction_factor=ladder.eta,
        ),
        ladder,
    )
