"""HpBandSter's BOHB config generator with a random state of its own.

The stock generator draws from numpy's global generator, so anything else that draws from it
changes BOHB's picks, and BOHB's picks change anything else. This subclass makes the same draws in
the same order from its own ``RandomState``: seeded alike, it picks the same configurations bit
for bit.
"""

import logging
from typing import Any

import ConfigSpace
import numpy as np
import scipy.stats as sps
from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import CategoricalHyperparameter
from ConfigSpace.util import deactivate_inactive_hyperparameters
from hpbandster.optimizers.config_generators.bohb import BOHB
from numpy.typing import NDArray

log = logging.getLogger(__name__)


class SeededBOHB(BOHB):
    """``hpbandster.optimizers.config_generators.bohb.BOHB``, drawing from its own random state."""

    def __init__(self, configspace: ConfigurationSpace, seed: int, **kwargs: Any) -> None:
        """Set up the generator.

        Args:
            configspace: the search space; its own stream gives the random configurations.
            seed: seeds the model's stream, in [0, 2**32).
            kwargs: HpBandSter's own arguments.
        """
        super().__init__(configspace, **kwargs)
        self.rng = np.random.RandomState(seed)
        self.picked_by_model = False

    def get_config(self, budget: float | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The next configuration, and whether the model picked it.

        Args:
            budget: not used, as in HpBandSter.
        """
        sample = None
        if self.kde_models and self.rng.rand() >= self.random_fraction:
            try:
                sample = self._model_pick()
            except Exception:
                # as in HpBandSter: a model that cannot be sampled costs a random configuration
                log.warning(
                    "BOHB's model gave no configuration; drawing a random one", exc_info=True
                )
        self.picked_by_model = sample is not None
        if sample is None:
            sample = self.configspace.sample_configuration()
        config = deactivate_inactive_hyperparameters(dict(sample), self.configspace)
        return dict(config), {"model_based_pick": self.picked_by_model}

    def _model_pick(self) -> "ConfigSpace.Configuration | None":
        """The candidate with the lowest g/l of ``num_samples`` drawn around good observations."""
        model = self.kde_models[max(self.kde_models)]
        best, best_vector = np.inf, None
        for _ in range(self.num_samples):
            vector = self._candidate(model["good"])
            good, bad = model["good"].pdf(vector), model["bad"].pdf(vector)
            ratio = max(1e-32, bad) / max(good, 1e-32)
            if not np.isfinite(ratio):
                # a categorical value that one density has never seen; taken where l(x) is finite
                log.warning("candidate %s has g/l = %s", vector, ratio)
                if np.isfinite(good):
                    best_vector = vector
                    break
            if ratio < best:
                best, best_vector = ratio, vector
        if best_vector is None:
            log.warning("no candidate of BOHB's model has a density; drawing a random one")
            # as in HpBandSter, which loses its first draw to an error and takes its second
            self.configspace.sample_configuration()
            return None
        for i, hyperparameter in enumerate(self.configspace.values()):
            if isinstance(hyperparameter, CategoricalHyperparameter):
                best_vector[i] = int(np.rint(best_vector[i]))
        pick = ConfigSpace.Configuration(
            self.configspace, vector=np.array(best_vector, dtype=float)
        )
        # a vector is not checked: this raises where the pick is forbidden
        return deactivate_inactive_hyperparameters(dict(pick), self.configspace)

    def _candidate(self, good: Any) -> list[float]:
        """One vector (d values in the unit cube) near a good observation."""
        datum = good.data[self.rng.randint(0, len(good.data))]
        vector: list[float] = []
        for value, bandwidth, choices in zip(datum, good.bw, self.vartypes, strict=True):
            width = max(bandwidth, self.min_bandwidth)
            if choices == 0:
                width = self.bw_factor * width
                low, high = -value / width, (1 - value) / width
                vector.append(
                    sps.truncnorm.rvs(low, high, loc=value, scale=width, random_state=self.rng)
                )
            elif self.rng.rand() < 1 - width:
                vector.append(int(value))
            else:
                vector.append(self.rng.randint(choices))
        return vector

    def impute_conditional_data(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values for what is inactive (NaN), copied from other rows or drawn at random.

        Args:
            array: observations, shape (n, d), values in the unit cube or category indices.

        Returns:
            The same without NaN, shape (n, d).
        """
        imputed = np.empty_like(array)
        for i, row in enumerate(array):
            datum = np.copy(row)
            missing = np.argwhere(np.isnan(datum)).flatten()
            # np.any(missing) is HpBandSter's own test: it is False where only index 0 is missing
            while np.any(missing):
                first = missing[0]
                donors = np.argwhere(np.isfinite(array[:, first])).flatten()
                if len(donors) > 0:
                    datum[missing] = array[self.rng.choice(donors), missing]
                elif self.vartypes[first] == 0:
                    datum[first] = self.rng.rand()
                else:
                    datum[first] = self.rng.randint(self.vartypes[first])
                missing = np.argwhere(np.isnan(datum)).flatten()
            imputed[i, :] = datum
        return imputed
