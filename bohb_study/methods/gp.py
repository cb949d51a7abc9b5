"""Bayesian optimisation with a Gaussian process: Optuna's GPSampler, each trial at full fidelity.

Snoek, Larochelle, Adams, Practical Bayesian Optimization of Machine Learning Algorithms, NeurIPS
2012, arXiv 1206.2944. Optuna's has a Matern 5/2 kernel with a length scale for each hyperparameter
and maximises the logarithm of the expected improvement (Ament et al., arXiv 2310.20708).

At Optuna's defaults: 10 random trials first, drawn by Optuna; an objective with noise. Conditional
hyperparameters, which not every configuration has, are drawn at random. Losses are standardised:
a failed training counts as the worst result, but a loss that is real and a thousand times the
others flattens them. torch is imported with the first model; the last bits of a suggestion, and so
the next ones, depend on whether greenlet is installed, hence it is required.
"""

from bohb_study.methods.base import Method, Pair, Problem
from bohb_study.methods.optuna.startup import STARTUP_TRIALS, startup_trials


def _build(problem: Problem) -> Pair:
    from bohb_study.methods.optuna.gp_sampler import SameGPSampler
    from bohb_study.methods.optuna.optuna_search import optuna_pair

    return optuna_pair(problem, SameGPSampler(problem.model_seed, STARTUP_TRIALS), scaled=True)


METHOD = Method(
    name="gp",
    searcher="Optuna's GPSampler: a Gaussian process, log expected improvement",
    scheduler="none: every trial at full fidelity",
    uses_fidelity=False,
    source="Snoek et al., arXiv 1206.2944; optuna.samplers.GPSampler",
    build=_build,
    model_after=startup_trials,
)
