"""Records what a searcher suggests for each trial, whether its model did, and how long it took.

It wraps Ray's own object and passes every call through unchanged (as Ray's ConcurrencyLimiter
does), so the stock classes stay exactly as shipped.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from ray.tune.search import Searcher

from bohb_study.methods.base import METRIC
from bohb_study.seeding import Config, plain

Decode = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Suggestion:
    """What a searcher suggested for one trial."""

    number: int
    """The trial, in order of suggestion."""
    config: Config
    model_based: bool | None
    """Whether a model suggested it; None for searchers without a model."""


class RecordingSearcher(Searcher):
    """Passes everything through to ``searcher`` and records suggestions and time spent."""

    def __init__(self, searcher: Searcher, decode: Decode = dict) -> None:
        """Wrap ``searcher``, which has its metric and mode already.

        Args:
            searcher: what suggests.
            decode: a suggestion in the task's own values, as it is recorded; Ray is handed
                what the searcher said, under names and with values that it takes nowhere apart.
        """
        self.searcher = searcher
        self._decode = decode
        self.suggestions: dict[str, Suggestion] = {}
        """Of the trials that were not forgotten."""
        self.told: list[tuple[str, Any]] = []
        """Losses that the searcher was given, with the trial, until the recorder compares them."""
        self.suggested = 0
        self.seconds = 0.0
        self.full = False
        """It has said None, and would say so again until a trial ends or is paused."""
        super().__init__(metric=searcher.metric, mode=searcher.mode)

    @property
    def hears_results(self) -> bool:
        """Whether it does anything with results: many leave Ray's method as it is."""
        method = self.searcher.on_trial_result
        return getattr(method, "__func__", None) is not Searcher.on_trial_result

    def take_seconds(self) -> float:
        """Seconds spent in the searcher since this was last asked."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The searcher's suggestion, which is recorded."""
        begin = perf_counter()
        suggestion: dict[str, Any] | str | None = self.searcher.suggest(trial_id)
        self.seconds += perf_counter() - begin
        if isinstance(suggestion, dict):
            self.suggestions[trial_id] = Suggestion(
                number=self.suggested,
                config=plain(self._decode(suggestion)),
                model_based=getattr(self.searcher, "suggested_by_model", None),
            )
            self.suggested += 1
        elif suggestion is None:
            self.full = getattr(self.searcher, "none_means_full", False) is True
        return suggestion

    def forget(self, trial_id: str) -> None:
        """Drop what was recorded of a trial that ended; later trials keep their numbers."""
        self.suggestions.pop(trial_id, None)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Pass through, timed: this is where a model is refitted."""
        self.told.append((trial_id, result.get(METRIC)))
        begin = perf_counter()
        self.searcher.on_trial_result(trial_id, result)
        self.seconds += perf_counter() - begin

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Pass the call through, timed."""
        if result and METRIC in result:
            self.told.append((trial_id, result[METRIC]))
        self.full = False
        begin = perf_counter()
        self.searcher.on_trial_complete(trial_id, result=result, error=error)
        self.seconds += perf_counter() - begin

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Pass the call through unchanged."""
        return bool(self.searcher.set_search_properties(metric, mode, config, **spec))

    def set_max_concurrency(self, max_concurrent: int) -> bool:
        """Pass through: True where the searcher limits its running trials itself."""
        self.full = False
        return bool(self.searcher.set_max_concurrency(max_concurrent))

    def on_pause(self, trial_id: str) -> None:
        """Pass the call through unchanged."""
        self.full = False
        self.searcher.on_pause(trial_id)

    def on_unpause(self, trial_id: str) -> None:
        """Pass the call through unchanged."""
        self.searcher.on_unpause(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Pass the call through unchanged."""
        self.searcher.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        """Pass the call through unchanged."""
        self.full = False
        self.searcher.restore(checkpoint_path)

    def get_state(self) -> dict[str, Any]:
        """Own state without the searcher's, as Ray asks wrappers for it."""
        return copy.deepcopy(
            {k: v for k, v in self.__dict__.items() if k not in ("searcher", "_decode")}
        )

    def set_state(self, state: dict[str, Any]) -> None:
        """Take back what ``get_state`` gave."""
        self.__dict__.update(state)
