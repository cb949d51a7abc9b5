"""HpBandSter's master without network and threads: it is asked for a run and observes its result.

What to run next, what is promoted, how brackets are sized and what the model learns is decided by
HpBandSter's own classes. Left out is the dispatcher, which sends runs to workers through Pyro and
hangs under numpy 2.
"""

import logging
from contextlib import nullcontext
from typing import Any

from ConfigSpace import ConfigurationSpace
from hpbandster.core.dispatcher import Job
from hpbandster.core.master import Master
from hpbandster.optimizers import BOHB, HyperBand

from bohb_study.methods.hpbandster.generator import SeededBOHB
from bohb_study.tasks import Ladder

ConfigId = tuple[int, int, int]
"""HpBandSter's: iteration, rung at which it was sampled, running number."""


class LocalMaster(Master):
    """Takes the place of HpBandSter's Master below one of its optimisers, and knows Ray's trials.

    An iteration is one bracket of successive halving. Those that are finished are dropped, so
    neither time nor memory grows with their number.
    """

    budgets: Any
    """Set up by the optimiser."""

    def __init__(self, config_generator: Any, own_generator: Any = None) -> None:
        """Set up what Master's methods need.

        Args:
            config_generator: the optimiser's.
            own_generator: to be used instead, if given.
        """
        # not Master's own, which starts the dispatcher
        self.config_generator = own_generator or config_generator
        self.config: dict[str, Any] = {}
        self.logger = logging.getLogger("hpbandster")
        self.result_logger = None
        self.thread_cond: Any = nullcontext()
        self.job_queue_sizes = (-1, 0)  # nobody waits to be notified
        self.num_running_jobs = 0
        self.iterations: dict[int, Any] = {}
        """The active ones, by number."""
        self.resumed: dict[str, None] = {}
        """Trials that are to go on and have not reported since, in HpBandSter's order."""
        self._opened = 0
        self._trials: dict[ConfigId, str] = {}
        self._config_ids: dict[str, ConfigId] = {}

    def new_config(self, trial_id: str, limit: int) -> dict[str, Any] | None:
        """Start runs until one is a new configuration; None where ``limit`` are running first.

        Promoted ones among them are added to ``resumed``.

        Args:
            trial_id: of the trial that gets the new configuration.
            limit: most runs at a time, as many as HpBandSter has workers; 0 for no limit.
        """
        while not 0 < limit <= self.num_running_jobs:
            config_id, config, _ = self._next_run()
            self.num_running_jobs += 1
            if config_id not in self._trials:
                self._trials[config_id] = trial_id
                self._config_ids[trial_id] = config_id
                return dict(config)
            self.resumed[self._trials[config_id]] = None
        return None

    def _next_run(self) -> tuple[ConfigId, dict[str, Any], float]:
        """The loop of Master.run, with no end to the iterations."""
        while True:
            for number, iteration in list(self.iterations.items()):
                run: tuple[ConfigId, dict[str, Any], float] | None = iteration.get_next_run()
                if run is not None:
                    return run
                if iteration.is_finished:
                    del self.iterations[number]
            self.iterations[self._opened] = self.get_next_iteration(self._opened)
            self._opened += 1

    def observe(self, trial_id: str, loss: float | None) -> None:
        """Register the result of a trial's run at the budget that was due.

        Args:
            trial_id: whose run.
            loss: None where it crashed. HpBandSter never promotes it then, draws new configurations
                for the places that are left at the next budget, and its model counts the loss as
                infinite.
        """
        config_id = self._config_ids[trial_id]
        datum = self._datum(config_id)
        job = Job(config_id, config=datum.config, budget=datum.budget)
        job.result = None if loss is None else {"loss": loss}
        self.resumed.pop(trial_id, None)
        self.job_callback(job)

    def due(self, trial_id: str) -> int:
        """Scheduler time of the budget to which the trial was last sent."""
        # HpBandSter's powers are floats, a little off on some ladders
        due: int = round(self._datum(self._config_ids[trial_id]).budget)
        return due

    def iteration_of(self, trial_id: str) -> Any:
        """The iteration of a trial that has not ended."""
        return self.iterations[self._config_ids[trial_id][0]]

    def dropped(self, trial_id: str) -> bool:
        """Whether it crashed, or its rung was judged and the trial not promoted."""
        config_id = self._config_ids[trial_id]
        if config_id[0] not in self.iterations:
            return True
        return self._datum(config_id).status in ("TERMINATED", "CRASHED")

    def forget(self, trial_id: str) -> None:
        """Drop what is kept of a trial that has ended."""
        self.resumed.pop(trial_id, None)
        # Ray ends a trial once more where stopping it raised
        config_id = self._config_ids.pop(trial_id, None)
        if config_id is not None:
            del self._trials[config_id]

    def _datum(self, config_id: ConfigId) -> Any:
        return self.iterations[config_id[0]].data[config_id]


# The optimiser's __init__ sets up its budgets and then calls the next class in line: LocalMaster's.
class LocalBOHB(BOHB, LocalMaster):
    """hpbandster.optimizers.BOHB without network; its draws come from a random state of its own."""

    def __init__(self, space: ConfigurationSpace, ladder: Ladder, seed: int) -> None:
        """Search ``space`` on ``ladder``; ``seed`` seeds the model's stream."""
        BOHB.__init__(
            self,
            space,
            eta=ladder.eta,
            min_budget=1,
            max_budget=ladder.max_time,
            own_generator=SeededBOHB(space, seed),
        )
        self.budgets = self.budgets.tolist()


class LocalHyperBand(HyperBand, LocalMaster):
    """hpbandster.optimizers.HyperBand without network."""

    def __init__(self, space: ConfigurationSpace, ladder: Ladder) -> None:
        """Search ``space`` on ``ladder``."""
        HyperBand.__init__(self, space, eta=ladder.eta, min_budget=1, max_budget=ladder.max_time)
        self.budgets = self.budgets.tolist()
