"""A searcher and a scheduler of Ray Tune's kind: a Sobol sequence under Ray's own ASHA.

python experiments/compare.py --methods asha examples/ray_method.py:sobol_asha
"""

from ConfigSpace import CategoricalHyperparameter
from ConfigSpace.util import deactivate_inactive_hyperparameters
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import Searcher
from scipy.stats import qmc

from bohb_study.methods.base import METRIC, MODE, TIME


class SobolSearch(Searcher):
    """Points of a scrambled Sobol sequence, which fill a space more evenly than random ones."""

    def __init__(self, space, seed):
        """Search ``space``, a ConfigurationSpace; ``seed`` scrambles the sequence."""
        super().__init__(metric=METRIC, mode=MODE)
        self.space, self.points = space, qmc.Sobol(len(space), rng=seed)

    def suggest(self, trial_id):
        """The next point; Ray asks for one configuration for each trial."""
        unit = dict(zip(self.space, self.points.random(1)[0], strict=True))
        point = {name: value_at(self.space[name], x) for name, x in unit.items()}
        return dict(deactivate_inactive_hyperparameters(point, self.space))

    def on_trial_complete(self, trial_id, result=None, error=False):
        """Learn nothing: the sequence is fixed."""


def value_at(hyperparameter, x):
    """The value of a hyperparameter at ``x`` in [0, 1)."""
    if isinstance(hyperparameter, CategoricalHyperparameter):
        return hyperparameter.choices[int(x * len(hyperparameter.choices))]
    return hyperparameter.to_value(x)


def sobol_asha(problem):
    """The searcher and the scheduler of one cell."""
    ladder = problem.ladder
    scheduler = ASHAScheduler(
        time_attr=TIME,
        metric=METRIC,
        mode=MODE,
        max_t=ladder.max_time,
        grace_period=1,
        reduction_factor=ladder.eta,
    )
    return SobolSearch(problem.space(), problem.model_seed), scheduler


sobol_asha.name = "sobol-asha"
sobol_asha.label = "Sobol + ASHA"
