"""Optuna's Gaussian process with functions that round alike everywhere."""

from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import GPSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState


class SameGPSampler(GPSampler):
    """Suggests the same on every processor that holds the baseline."""

    def __init__(self, seed: int, startup: int) -> None:
        """Set up the sampler.

        Args:
            seed: of the sampler.
            startup: trials that are drawn at random before there is a model.
        """
        # it would warn at each conditional hyperparameter
        super().__init__(seed=seed, n_startup_trials=startup, warn_independent_sampling=False)
        self._startup = startup

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What ``GPSampler`` suggests, computed with ``SameFunctions``."""
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if not search_space or len(complete) < self._startup:
            return super().sample_relative(study, trial, search_space)
        from bohb_study.methods.optuna.same_functions import SameFunctions  # imports torch

        with SameFunctions():
            return super().sample_relative(study, trial, search_space)
