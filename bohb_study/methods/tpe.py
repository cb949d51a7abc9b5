"""TPE: Optuna's TPESampler, multivariate, each trial at full fidelity.

Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011; multivariate as in the
BOHB paper (arXiv 1807.01774); Watanabe, arXiv 2304.11127, on Optuna's. One joint density over the
hyperparameters that every configuration has; the others, which are conditional, one by one.

At Optuna's defaults: 10 random trials first, drawn by Optuna; 24 candidates; the best
min(ceil(n / 10), 25) of n trials are the good ones; the newest 25 weigh most; ``group`` is off.
"""

from bohb_study.methods.base import Method, Pair, Problem
from bohb_study.methods.optuna.startup import STARTUP_TRIALS, startup_trials


def _build(problem: Problem) -> Pair:
    from optuna.samplers import TPESampler

    from bohb_study.methods.optuna.optuna_search import optuna_pair

    sampler = TPESampler(
        seed=problem.model_seed,
        multivariate=True,
        n_startup_trials=STARTUP_TRIALS,
        constant_liar=True,  # keeps several workers apart; changes nothing where one runs
    )
    return optuna_pair(problem, sampler)


METHOD = Method(
    name="tpe",
    searcher="Optuna's TPESampler, multivariate",
    scheduler="none: every trial at full fidelity",
    uses_fidelity=False,
    source="Bergstra et al., NeurIPS 2011; optuna.samplers.TPESampler",
    build=_build,
    model_after=startup_trials,
)
