"""HpBandSter's BOHB config generator with a random state of its own, and batched.

The stock generator draws from numpy's global generator, so anything else that draws from it
changes BOHB's suggestions, and the other way round. This subclass makes the same draws in the same
order from its own ``RandomState``: seeded alike, it suggests the same configurations bit
for bit.

A suggestion takes some hundred times less: its candidates are read from one block of random words,
computed and evaluated at once; a model is fitted when a suggestion asks for it instead of at each
result; and ConfigSpace is asked only for what cannot be known without it.
"""

import logging
from functools import partial
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace
from hpbandster.optimizers.config_generators.bohb import BOHB
from numpy.typing import NDArray
from statsmodels.nonparametric.kernel_density import KDEMultivariate

from bohb_study.arrays import Floats
from bohb_study.methods.hpbandster.candidates import CandidateSampler
from bohb_study.methods.hpbandster.conversion import Conversion
from bohb_study.methods.hpbandster.density import LazyModel, densities
from bohb_study.methods.hpbandster.twister import Twister
from bohb_study.methods.ray.random_draws import Draws

log = logging.getLogger(__name__)

_UNUSED = np.random.default_rng(0)
"""Nothing is drawn where a density is fitted by rule; without a generator statsmodels looks at
numpy's global one."""


class SeededBOHB(BOHB):
    """``hpbandster.optimizers.config_generators.bohb.BOHB``, drawing from its own random state."""

    def __init__(self, configspace: ConfigurationSpace, seed: int, **kwargs: Any) -> None:
        """Set up the generator.

        Args:
            configspace: the search space; its own stream gives the random configurations, and
                runs ahead of them.
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
        self.rng = Twister(seed)
        self.suggested_by_model = False
        self._draws = Draws(configspace)
        self._conversion = Conversion(configspace)
        self._sampler: CandidateSampler | None = None
        """Of the model that was asked last."""
        self._degenerate = False

    def get_config(self, budget: float | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The next configuration, and whether the model made it.

        Args:
            budget: not used, as in HpBandSter.
        """
        sample = None
        if self.kde_models and self.rng.random_sample() >= self.random_fraction:
            try:
                sample = self._model_pick()
            except Exception:
                # as in HpBandSter: a model that cannot be sampled costs a random configuration
                log.warning(
                    "BOHB's model gave no configuration; drawing a random one", exc_info=True
                )
        self.suggested_by_model = sample is not None
        if sample is None:
            sample = self._draws.next()
        return self._conversion.active(sample), {"model_based_pick": self.suggested_by_model}

    def _model_pick(self) -> dict[str, Any] | None:
        """The candidate with the lowest g/l of ``num_samples`` drawn around good observations."""
        model = self.kde_models[max(self.kde_models)]
        if self._sampler is None or self._sampler.good is not model["good"]:
            self._sampler = CandidateSampler(
                model["good"], self.vartypes, self.min_bandwidth, self.bw_factor
            )
        points, ends = self._sampler.draw(self.rng, self.num_samples)
        good, bad = (densities(model[key], points) for key in ("good", "bad"))
        pick, looked_at = self._best(good, bad)
        self.rng.take(ends[looked_at])
        if pick is None:
            # as in HpBandSter, which loses its first draw to an error and takes its second
            self._draws.next()
            return None
        return self._conversion.config(points[pick])

    def _best(self, good: Floats, bad: Floats) -> tuple[int | None, int]:
        """The candidate with the lowest g/l, and how many HpBandSter draws until it takes it.

        Args:
            good: density of the good observations at each candidate (l), shape (m,).
            bad: of the bad ones (g), shape (m,).
        """
        with np.errstate(all="ignore"):
            ratios = np.maximum(1e-32, bad) / np.maximum(good, 1e-32)
        if len(ratios) and np.isfinite(ratios).all():
            return int(ratios.argmin()), len(ratios)
        best, pick = np.inf, None
        for i, (of_good, of_bad) in enumerate(zip(good.tolist(), bad.tolist(), strict=True)):
            # Python's max, not numpy's: HpBandSter's choices depend on what it makes of NaN
            ratio = max(1e-32, of_bad) / max(of_good, 1e-32)
            if not np.isfinite(ratio):
                self._warn_of_degenerate_model(ratio)
                if np.isfinite(of_good):
                    return i, i + 1  # HpBandSter takes it and draws no further
            if ratio < best:
                best, pick = ratio, i
        return pick, len(good)

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
        if not lazy:
            super().new_result(job, update_model)
            return
        # HpBandSter's own lines, without its Configuration object
        super(BOHB, self).new_result(job)
        budget = job.kwargs["budget"]
        losses, configs = self.losses.setdefault(budget, []), self.configs.setdefault(budget, [])
        if self.largest_budget_with_model() > budget:
            return
        loss = np.inf if job.result is None else job.result["loss"]
        configs.append(self._conversion.vector(job.kwargs["config"]))
        losses.append(loss if np.isfinite(loss) else np.inf)
        observed = len(losses)
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
            kde = KDEMultivariate(configs[rows], self.kde_vartypes, "normal_reference", rng=_UNUSED)
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
                    datum[first] = self.rng.random_sample()
                else:
                    datum[first] = self.rng.randint(int(self.vartypes[first]))
                missing = np.flatnonzero(np.isnan(datum))
        return imputed
