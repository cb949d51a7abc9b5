"""Records what a scheduler decides on each report, at which rung and in which bracket.

It wraps Ray's own object and passes every call through unchanged (as Ray's
ResourceChangingScheduler does), so the stock classes stay exactly as shipped.
"""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Literal, NamedTuple

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from bohb_study.errors import UsageError
from bohb_study.methods.base import METRIC, TIME
from bohb_study.methods.recording.recording_searcher import RecordingSearcher
from bohb_study.seeding import Config, plain
from bohb_study.tasks import Ladder

FIRST_RUNG = "_first_rung"
"""Key under which a trial's configuration carries the index of its first rung.

Where there is no learning curve a trial goes straight to the fidelity that its scheduler will
judge first; not part of the configuration (left out of ``config_id`` and of training).
"""

Decision = Literal["continue", "promote", "pause", "stop", "end"]


def without_first_rung(config: Mapping[str, Any]) -> Config:
    """The configuration as the searcher meant it: plain types, without ``FIRST_RUNG``."""
    return plain({key: value for key, value in config.items() if key != FIRST_RUNG})


class Record(NamedTuple):
    """What a scheduler did with one report."""

    decision: Decision
    rung: int | None
    """Index of the rung at which the report was judged; None between rungs."""


_WORDS: dict[str, Decision] = {
    TrialScheduler.CONTINUE: "continue",
    TrialScheduler.PAUSE: "pause",
    TrialScheduler.STOP: "stop",
}
CONTINUED = Record("continue", None)
"""Of a report between rungs."""


class RecordingScheduler(TrialScheduler):
    """Passes everything through to ``scheduler``; records decisions, sets each trial's first rung.

    This class serves schedulers without halving; the families that halve say in a subclass where
    their rungs stand.
    """

    restarts = False
    """Whether trials are paused at rungs, so that ``units_restart`` pays a rung from scratch."""

    silent_between_rungs = False
    """Whether the scheduler keeps nothing of a report between rungs and lets the trial go on, so
    that engines need not show it any."""

    searcher: RecordingSearcher | None = None
    """What it is paired with: time spent there during a call is not counted here as well."""

    def __init__(self, scheduler: TrialScheduler, ladder: Ladder) -> None:
        """Wrap ``scheduler``.

        Raises:
            UsageError: the scheduler's own rungs are not the ladder's (Ray and HpBandSter lose
                rungs to floating-point error on some ladders).
        """
        super().__init__()
        self.scheduler = scheduler
        self.ladder = ladder
        self.records: dict[str, Record] = {}
        self.told: list[tuple[str, Any]] = []
        """Losses that the scheduler was given, with the trial, until the recorder compares them."""
        self.bracket_numbers: dict[str, int | None] = {}
        """Running number of each trial's bracket, in the order in which brackets are opened."""
        self.seconds = 0.0
        self._inside = False
        self._opened = 0
        self._newest: object | None = None
        self._top = ladder.max_time
        self._rungs = {time: rung for rung, time in enumerate(ladder.times)}
        found = self.rung_times()
        if found != ladder.times:
            raise UsageError(
                f"{type(scheduler).__name__}: its rungs stand at {found}, but the ladder's are at "
                f"{ladder.times} (eta {ladder.eta}); take another eta or fewer rungs"
            )

    def take_seconds(self) -> float:
        """Seconds spent in the scheduler, without the searcher's, since this was last asked."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds

    def _timed(self, call: Callable[..., Any], *args: Any) -> Any:
        """Make a call that counts as scheduling."""
        # a scheduler that stops another trial is called back: the outer call counts for both
        if self._inside:
            return call(*args)
        self._inside = True
        searcher = self.searcher
        searched = 0.0 if searcher is None else searcher.seconds
        begin = perf_counter()
        try:
            return call(*args)
        finally:
            self.seconds += perf_counter() - begin
            if searcher is not None:
                self.seconds -= searcher.seconds - searched
            self._inside = False

    def rung_times(self) -> tuple[int, ...]:
        """Scheduler times at which this scheduler can judge a trial, the top included."""
        return self.ladder.times

    def due(self, trial: Trial) -> int | None:
        """Scheduler time at which ``trial`` is judged next; None where it is not halved."""
        return None

    def bracket_of(self, trial: Trial) -> object | None:
        """The bracket object that holds ``trial``; None where there are no brackets."""
        return None

    def _number(self, bracket: object | None) -> int | None:
        if bracket is None:
            return None
        # Ray adds trials to its newest bracket only, and never goes back to an older one
        if bracket is not self._newest:
            self._newest = bracket
            self._opened += 1
        return self._opened - 1

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Pass through, timed; then set the rung to which the trial goes first."""
        self._timed(self.scheduler.on_trial_add, tune_controller, trial)
        self.bracket_numbers[trial.trial_id] = self._number(self.bracket_of(trial))
        due = self.due(trial)
        trial.config[FIRST_RUNG] = self._rungs[self._top if due is None else due]

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Pass through, timed, and record what was decided on this report."""
        self.told.append((trial.trial_id, result.get(METRIC)))
        due = self.due(trial)
        time = result[TIME]
        at_rung = due is not None and time >= due
        # as _timed does, without its cost: this is called for every report, and never from within
        searcher = self.searcher
        searched = 0.0 if searcher is None else searcher.seconds
        self._inside = True
        begin = perf_counter()
        decision: str = self.scheduler.on_trial_result(tune_controller, trial, result)
        self.seconds += perf_counter() - begin
        if searcher is not None:
            self.seconds -= searcher.seconds - searched
        self._inside = False
        record = CONTINUED
        if at_rung or decision != TrialScheduler.CONTINUE or time >= self._top:
            word = _WORDS[decision]
            if time >= self._top:
                word = "end"
            elif at_rung and word == "continue":
                word = "promote"
            record = Record(word, self._rungs[due] if due is not None and at_rung else None)
        self.records[trial.trial_id] = record
        return decision

    def forget(self, trial_id: str) -> None:
        """Drop what was recorded of a trial that ended."""
        self.records.pop(trial_id, None)
        self.bracket_numbers.pop(trial_id, None)

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Pass the call through, timed."""
        if METRIC in result:
            self.told.append((trial.trial_id, result[METRIC]))
        self._timed(self.scheduler.on_trial_complete, tune_controller, trial, result)

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """Pass the call through, timed."""
        self._timed(self.scheduler.on_trial_remove, tune_controller, trial)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Pass the call through, timed."""
        self._timed(self.scheduler.on_trial_error, tune_controller, trial)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Pass the call through, timed."""
        chosen: Trial | None = self._timed(self.scheduler.choose_trial_to_run, tune_controller)
        return chosen

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Pass the call through unchanged."""
        return bool(self.scheduler.set_search_properties(metric, mode, **spec))

    @property
    def metric(self) -> str | None:
        """The metric of the scheduler that is wrapped."""
        metric: str | None = self.scheduler.metric
        return metric

    @property
    def supports_buffered_results(self) -> bool:
        """Never: a buffered step would run beyond a decision."""
        return False

    def debug_string(self) -> str:
        """Pass the call through unchanged."""
        return str(self.scheduler.debug_string())

    def save(self, checkpoint_path: str) -> None:
        """Pass the call through unchanged."""
        self.scheduler.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        """Pass the call through unchanged."""
        self.scheduler.restore(checkpoint_path)
