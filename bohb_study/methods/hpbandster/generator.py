"""HpBandSter's BOHB config generator with a random state of its own, and batched.

The stock generator draws from numpy's global generator, so anything else that draws from it
changes BOHB's suggestions, and the other way round. This subclass makes the same draws in the same
order from its own ``RandomState``: seeded alike, it suggests the same configurations bit
for bit.

A suggestion takes some thirty times less: its candidates are computed and evaluated at once, and
a model is fitted when a suggestion asks for it instead of at each result.
"""

import logging
from functools import partial
from typing import Any

import ConfigSpace
import numpy as np
from ConfigSpace import ConfigurationSpace
from ConfigSpace.util import deactivate_inactive_hyperparameters
from hpbandster.optimizers.config_generators.bohb import BOHB
from numpy.typing import NDArray
from statsmodels.nonparametric.kernel_density import KDEMultivariate

from bohb_study.methods.hpbandster.candidates import draw_candidates
from bohb_study.methods.hpbandster.density import LazyModel, densities

log = logging.getLogger(__name__)


class SeededBOHB(BOHB):
    """``hpbandster.optimizers.config_generators.bohb.BOHB``, drawing from its own random state."""

    def __init__(self, configspace: ConfigurationSpace, seed: int, **kwargs: Any) -> None:
        """Set up the generator.

        Args:
            configspace: the search space; its own stream gives the random configurations.
            seed: seeds the model's stream, in [0, 2**32).
            kwargs: HpBandSter's own arguments.

        Raises:
            ValueError: ``min_bandwidth`` or ``bandwidth_factor`` is not positive.
        """
        super().__init__(configspace, **kwargs)
        if not min(self.min_bandwidth, self.bw_factor) > 0:
            raise ValueError(
                f"min_bandwidth is {self.min_bandwidth} and bandwidth_factor {self.bw_factor}; "
                "both must be positive: there is no density of width 0"
            )
        self.rng = np.random.RandomState(seed)
        self.suggested_by_model = False
        self._degenerate = False

    def get_config(self, budget: float | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The next configuration, and whether the model made it.

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
        self.suggested_by_model = sample is not None
        if sample is None:
            sample = self.configspace.sample_configuration()
        config = deactivate_inactive_hyperparameters(dict(sample), self.configspace)
        return dict(config), {"model_based_pick": self.suggested_by_model}

    def _model_pick(self) -> "ConfigSpace.Configuration | None":
        """The candidate with the lowest g/l of ``num_samples`` drawn around good observations."""
        model = self.kde_models[max(self.kde_models)]
        before = self.rng.get_state(legacy=False)
        candidates = self._candidates(model["good"], self.num_samples)
        good = densities(model["good"], candidates).tolist()
        bad = densities(model["bad"], candidates).tolist()
        best, pick = np.inf, None
        for i in range(self.num_samples):
            # Python's max, not numpy's: HpBandSter's choices depend on what it makes of NaN
            ratio = max(1e-32, bad[i]) / max(good[i], 1e-32)
            if not np.isfinite(ratio):
                self._warn_of_degenerate_model(ratio)
                if np.isfinite(good[i]):
                    # HpBandSter takes it and draws no further: give back what it never drew
                    self.rng.set_state(before)
                    self._candidates(model["good"], i + 1)
                    pick = i
                    break
            if ratio < best:
                best, pick = ratio, i
        if pick is None:
            # as in HpBandSter, which loses its first draw to an error and takes its second
            self.configspace.sample_configuration()
            return None
        config = ConfigSpace.Configuration(self.configspace, vector=candidates[pick].copy())
        # a vector is not checked: this raises where the choice is forbidden
        return deactivate_inactive_hyperparameters(dict(config), self.configspace)

    def _candidates(self, good: Any, count: int) -> NDArray[np.float64]:
        return draw_candidates(
            self.rng, good, self.vartypes, count, self.min_bandwidth, self.bw_factor
        )

    def _warn_of_degenerate_model(self, ratio: float) -> None:
        if not self._degenerate:
            log.warning(
                "harmless, said once: BOHB's model cannot compare a candidate (g/l = %s), as all "
                "observations behind one density share a category. As in HpBandSter (issue 100), "
                "the candidate is taken where l is finite and passed over elsewhere",
                ratio,
            )
        self._degenerate = True

    def new_result(self, job: Any, update_model: bool = True) -> None:
        """Observes a loss; the model of its budget is fitted when it is asked for.

        Args:
            job: HpBandSter's job, or Ray's stand-in for it.
            update_model: whether the models of later suggestions know of it.
        """
        # where hyperparameters can be inactive, fitting draws random numbers: only at once does
        # it draw them in HpBandSter's order
        lazy = update_model and not self.configspace.conditions
        super().new_result(job, update_model and not lazy)
        budget = job.kwargs["budget"]
        if not lazy or self.largest_budget_with_model() > budget:
            return
        observed = len(self.losses[budget])
        if observed - self._count_of_good(observed) > len(self.vartypes):
            self.kde_models[budget] = LazyModel(partial(self._fit, budget, observed))

    def _count_of_good(self, observed: int) -> int:
        return int(max(self.min_points_in_model, self.top_n_percent * observed // 100))

    def _fit(self, budget: float, observed: int) -> dict[str, Any]:
        """The densities of the first ``observed`` observations, none of them with a NaN."""
        configs = np.array(self.configs[budget][:observed])
        # not a stable sort: what becomes of ties is HpBandSter's, too
        order = np.argsort(np.array(self.losses[budget][:observed]))
        good = self._count_of_good(observed)
        bad = max(self.min_points_in_model, (100 - self.top_n_percent) * observed // 100)
        model = {}
        for key, rows in (("good", order[:good]), ("bad", order[good : good + bad])):
            # rng is never drawn from here; without it statsmodels looks at numpy's global one
            kde = KDEMultivariate(
                configs[rows], self.kde_vartypes, "normal_reference", rng=self.rng
            )
            kde.bw = np.clip(kde.bw, self.min_bandwidth, None)
            model[key] = kde
        return model

    def impute_conditional_data(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values for what is inactive (NaN), copied from other rows or drawn at random.

        Args:
            array: observations, shape (n, d), values in the unit cube or category indices.

        Returns:
            The same without NaN, shape (n, d).
        """
        imputed = np.copy(array)
        donors = [np.flatnonzero(np.isfinite(column)) for column in array.T]
        for i in np.flatnonzero(np.isnan(array).any(axis=1)):
            datum = imputed[i]
            missing = np.flatnonzero(np.isnan(datum))
            # missing.any() is HpBandSter's own test: it is False where only index 0 is missing
            while missing.any():
                first = missing[0]
                if len(donors[first]) > 0:
                    # the draw of HpBandSter's np.random.choice
                    donor = donors[first][self.rng.randint(len(donors[first]))]
                    datum[missing] = array[donor, missing]
                elif self.vartypes[first] == 0:
                    datum[first] = self.rng.rand()
                else:
                    datum[first] = self.rng.randint(self.vartypes[first])
                missing = np.flatnonzero(np.isnan(datum))
        return imputed
