"""A user's optimiser as a Ray Tune searcher, whose trials a scheduler of ours stops early."""

import math
from typing import Any

from ray.tune.search import Searcher

from bohb_study.methods.base import METRIC, MODE, TIME, succeeded
from bohb_study.methods.ray.self_limiting import SelfLimitingSearcher
from bohb_study.methods.user.checked_optimiser import Asked, CheckedOptimiser
from bohb_study.tasks import Ladder


class ScheduledSearcher(SelfLimitingSearcher):
    """Asks the optimiser for configurations; reports each rung and each trial's last result."""

    def __init__(self, optimiser: CheckedOptimiser, ladder: Ladder) -> None:
        """Search with ``optimiser`` on a task of ``ladder``."""
        super().__init__(metric=METRIC, mode=MODE)
        self._optimiser = optimiser
        self._ladder = ladder
        self._asked: dict[str, Asked] = {}
        self._reported: dict[str, int] = {}
        """Level of each live trial's last report."""

    @property
    def suggested_by_model(self) -> bool | None:
        """Whether a model made the last suggestion; None where the optimiser does not say."""
        return self._optimiser.model_based

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next configuration; None while enough trials run or it waits, FINISHED at the end."""
        if 0 < self._max_concurrent <= len(self._running):
            return None
        asked = self._optimiser.ask(levels=False)
        if asked is None:
            finished: str = Searcher.FINISHED
            return None if self._running else finished
        self._asked[trial_id], self._reported[trial_id] = asked, 0
        self._running.add(trial_id)
        return dict(asked.config)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Report a rung to the optimiser; what comes between rungs is not reported."""
        if result[TIME] in self._ladder.times:
            self._report(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Report the last result of a trial that has ended, where it was not reported yet."""
        super().on_trial_complete(trial_id, result, error)
        if result is not None and not error and trial_id in self._asked:
            self._report(trial_id, result)
        self._asked.pop(trial_id, None)
        self._reported.pop(trial_id, None)

    def _report(self, trial_id: str, result: dict[str, Any]) -> None:
        ladder, before = self._ladder, self._reported[trial_id]
        time = result[TIME]
        level = time if ladder.curve else ladder.costs[ladder.times.index(time)]
        if level <= before:  # schedulers report what ends a trial themselves
            return
        self._reported[trial_id] = level
        loss = result[METRIC] if succeeded(result) else math.inf
        cost = ladder.step_units(before, level)
        self._optimiser.tell(self._asked[trial_id], level, loss, cost)
