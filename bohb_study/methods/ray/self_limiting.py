"""What our own searchers share: they limit running trials themselves, as TuneBOHB does.

Otherwise Ray's ConcurrencyLimiter counts paused trials as live, and Hyperband's brackets, whose
trials are mostly paused, degenerate silently.
"""

import pickle
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher


class SelfLimitingSearcher(Searcher):
    """A searcher that knows which of its trials run; subclasses say what comes next."""

    none_means_full = False
    """Whether None from ``suggest`` has one meaning: as many trials run as may, so that it says
    None again until one ends or is paused. Engines need not ask such a searcher meanwhile."""

    def __init__(self, metric: str | None = None, mode: str | None = None) -> None:
        """``metric`` and ``mode`` are kept for Ray and for subclasses; nothing here learns."""
        super().__init__(metric=metric, mode=mode)
        self._max_concurrent = 0
        self._running: set[str] = set()

    def next_config(self) -> dict[str, Any] | None:
        """The next configuration; None where the search space is used up."""
        raise NotImplementedError

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next configuration, None while enough trials run, FINISHED at the end."""
        if 0 < self._max_concurrent <= len(self._running):
            return None
        config = self.next_config()
        if config is None:
            finished: str = Searcher.FINISHED
            return finished
        self._running.add(trial_id)
        return config

    def set_max_concurrency(self, max_concurrent: int) -> bool:
        """Take over the limit from Ray's ConcurrencyLimiter."""
        self._max_concurrent = max_concurrent
        return True

    def on_trial_complete(
        self,
        trial_id: str,
        result: dict[str, Any] | None = None,
        error: bool = False,
    ) -> None:
        """The trial runs no longer."""
        self._running.discard(trial_id)

    def on_pause(self, trial_id: str) -> None:
        """A paused trial does not run."""
        self._running.discard(trial_id)

    def on_unpause(self, trial_id: str) -> None:
        """A promoted trial counts as running from the moment it may go on, as in TuneBOHB."""
        self._running.add(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Write the state to a file."""
        Path(checkpoint_path).write_bytes(pickle.dumps(self.__dict__))

    def restore(self, checkpoint_path: str) -> None:
        """Take the state back from a file that ``save`` wrote."""
        self.__dict__.update(pickle.loads(Path(checkpoint_path).read_bytes()))
