"""A searcher and a scheduler of Ray Tune's kind as a pair that records what it does."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, HyperBandForBOHB, TrialScheduler
from ray.tune.search import Searcher

from bohb_study.errors import StudyError
from bohb_study.methods.base import METRIC, MODE, TIME, Pair, Problem
from bohb_study.methods.ray.asha_scheduler import RecordingASHA
from bohb_study.methods.ray.full_fidelity import full_fidelity
from bohb_study.methods.ray.hyperband_for_bohb import RecordingHyperband
from bohb_study.methods.ray.median_rule import IncrementalMedian, RecordingMedian
from bohb_study.methods.recording.recording_scheduler import RecordingScheduler
from bohb_study.methods.recording.recording_searcher import RecordingSearcher
from bohb_study.methods.user.checked_optimiser import brief, checked_config, raised
from bohb_study.tasks import Ladder
from bohb_study.tasks.encoding import decoder


class RecordingAny(RecordingScheduler):
    """Records a scheduler of any kind, and ends its trials at the top if it does not.

    A scheduler that judges trials at rungs says so by a method ``due(trial)``, which returns the
    scheduler time at which the trial is judged next; one that pauses them has ``pauses = True``.
    Without ``due`` a trial of a task that reports no curve goes straight to full fidelity.
    """

    def __init__(self, scheduler: TrialScheduler, ladder: Ladder) -> None:
        """Wrap ``scheduler``, whose rungs are among those of ``ladder``."""
        super().__init__(scheduler, ladder)
        self.restarts = bool(getattr(scheduler, "pauses", False))
        self._due = getattr(scheduler, "due", None)

    def due(self, trial: Trial) -> int | None:
        """Scheduler time at which the scheduler says that it judges the trial."""
        time: int | None = None if self._due is None else self._due(trial)
        return time

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """What the scheduler decides; STOP at the top.

        Raises:
            StudyError: it raised an error, or pauses trials without declaring so: where nothing
                can be resumed they would start over, at no charge.
        """
        with self._one_line_errors():
            decision = super().on_trial_result(tune_controller, trial, result)
        if decision == TrialScheduler.PAUSE and not self.restarts:
            raise StudyError(
                f"{type(self.scheduler).__name__} paused a trial, and does not declare "
                "pauses = True"
            )
        stop: str = TrialScheduler.STOP
        return stop if result[TIME] >= self.ladder.max_time else decision

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The trial that the scheduler chooses.

        Raises:
            StudyError: it raised an error.
        """
        with self._one_line_errors():
            return super().choose_trial_to_run(tune_controller)

    @contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        try:
            yield
        except StudyError:
            raise
        except Exception as error:
            name = type(self.scheduler).__name__
            raise StudyError(f"its scheduler {name} raised {raised(error)}") from error


class CheckedSearcher(RecordingSearcher):
    """Records a user's searcher, whose errors and suggestions become one line where they are wrong.

    Its suggestions are checked before anything is charged for them.
    """

    def __init__(self, searcher: Searcher, problem: Problem) -> None:
        """Wrap ``searcher``, made for ``problem``."""
        super().__init__(searcher, decoder(problem.task))
        self._method = problem.method
        self._space = problem.space()

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The searcher's suggestion, checked and recorded.

        Raises:
            StudyError: the searcher raised an error, or its suggestion is not in the space.
        """
        try:
            suggestion = super().suggest(trial_id)
        except Exception as error:
            raise StudyError(
                f"method {self._method}: its searcher raised {raised(error)}"
            ) from error
        if not (suggestion is None or isinstance(suggestion, dict)) and (
            not isinstance(suggestion, str) or suggestion != Searcher.FINISHED
        ):
            raise StudyError(
                f"method {self._method}: its searcher suggested {brief(suggestion)}; it must "
                "suggest a dict, None or Searcher.FINISHED"
            )
        if isinstance(suggestion, dict):
            try:
                checked_config(suggestion, self._space)
            except ValueError as why:
                raise StudyError(f"method {self._method}: its searcher suggested {why}") from why
        return suggestion


def pair_of(built: Any, problem: Problem) -> Pair:
    """What a user's function returned as a pair for ``problem``.

    Args:
        built: a ``Pair``, or a searcher with a scheduler; None for the scheduler that stops nothing
            early. Wrappers that record are put around them where they are missing.
        problem: what it was built for.

    Raises:
        ValueError: it is neither, or optimises something else than ``METRIC``.
        UsageError: the scheduler's rungs are not those of the task's ladder.
    """
    if isinstance(built, Pair):
        return built
    if not (isinstance(built, tuple) and len(built) == 2):
        raise ValueError(
            f"it returned {type(built).__name__}; it must return (searcher, scheduler)"
        )
    searcher, scheduler = built
    pair = Pair(_searcher(searcher, problem), _scheduler(scheduler, problem))
    if isinstance(pair.scheduler, RecordingHyperband) and not hasattr(
        pair.searcher.searcher, "on_pause"
    ):
        raise ValueError(
            "its scheduler pauses trials, and its searcher has no on_pause and on_unpause: derive "
            "it from bohb_study.methods.ray.self_limiting.SelfLimitingSearcher"
        )
    return pair


def _searcher(searcher: Any, problem: Problem) -> RecordingSearcher:
    if isinstance(searcher, RecordingSearcher):
        return searcher
    if not isinstance(searcher, Searcher):
        raise ValueError(f"its searcher is {type(searcher).__name__}, no ray.tune.search.Searcher")
    if searcher.metric is None:
        searcher.set_search_properties(METRIC, MODE, {})
    _check_metric("searcher", searcher.metric, searcher.mode)
    return CheckedSearcher(searcher, problem)


def _scheduler(scheduler: Any, problem: Problem) -> RecordingScheduler:
    if isinstance(scheduler, RecordingScheduler):
        return scheduler
    if scheduler is None:
        return full_fidelity(problem)
    if not isinstance(scheduler, TrialScheduler):
        raise ValueError(
            f"its scheduler is {type(scheduler).__name__}, no ray.tune.schedulers.TrialScheduler"
        )
    if scheduler.metric is None:
        scheduler.set_search_properties(METRIC, MODE)
    if scheduler.metric is not None:
        _check_metric("scheduler", scheduler.metric, getattr(scheduler, "_mode", None))
    time = getattr(scheduler, "_time_attr", TIME)
    if time != TIME:
        raise ValueError(
            f"its scheduler counts time by {time}; it must be {TIME}: bohb_study.methods.base has "
            "METRIC, MODE and TIME"
        )
    return _recording_class(scheduler)(scheduler, problem.ladder)


def _recording_class(scheduler: TrialScheduler) -> type[RecordingScheduler]:
    """The class that knows where a scheduler of this kind has its rungs."""
    match scheduler:
        case AsyncHyperBandScheduler():
            if len(scheduler._brackets) > 1:
                raise ValueError("its scheduler has several brackets; brackets=1 is supported")
            return RecordingASHA
        case HyperBandForBOHB():
            return RecordingHyperband
        case IncrementalMedian():
            return RecordingMedian
    return RecordingAny


def _check_metric(what: str, metric: str | None, mode: str | None) -> None:
    if metric != METRIC or mode not in (None, MODE):
        raise ValueError(
            f"its {what} optimises {metric} ({mode}); it must be {METRIC} ({MODE}): "
            "bohb_study.methods.base has METRIC, MODE and TIME"
        )
