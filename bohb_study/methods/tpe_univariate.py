"""TPE with one density for each hyperparameter: what most published numbers of TPE are of.

Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011. Optuna's TPESampler as
in ``tpe``, but for ``multivariate``, which Optuna 5 turns on where it is not stated.
"""

from bohb_study.methods.base import Method, Pair, Problem
from bohb_study.methods.optuna.startup import STARTUP_TRIALS, startup_trials


def _build(problem: Problem) -> Pair:
    from optuna.samplers import TPESampler

    from bohb_study.methods.optuna.optuna_search import optuna_pair

    sampler = TPESampler(
        seed=problem.model_seed,
        multivariate=False,
        n_startup_trials=STARTUP_TRIALS,
        constant_liar=True,
    )
    return optuna_pair(problem, sampler)


METHOD = Method(
    name="tpe-univariate",
    searcher="Optuna's TPESampler, one hyperparameter at a time",
    scheduler="none: every trial at full fidelity",
    uses_fidelity=False,
    source="Bergstra et al., NeurIPS 2011; optuna.samplers.TPESampler",
    build=_build,
    model_after=startup_trials,
)
