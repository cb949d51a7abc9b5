"""Optuna's samplers over a ConfigSpace, as a Ray searcher.

Ray's own ``OptunaSearch`` takes no ConfigSpace: neither its conditions nor its forbidden clauses.
"""

import math
import warnings
from typing import Any

import optuna
from ConfigSpace import Configuration, ConfigurationSpace
from ConfigSpace.exceptions import ForbiddenValueError
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Constant,
    FloatHyperparameter,
    Hyperparameter,
    IntegerHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from ConfigSpace.types import NotSet
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from bohb_study.errors import UsageError
from bohb_study.methods.base import METRIC, MODE, WORST, Pair, Problem, succeeded
from bohb_study.methods.optuna.startup import STARTUP_TRIALS
from bohb_study.methods.ray.full_fidelity import full_fidelity
from bohb_study.methods.ray.self_limiting import SelfLimitingSearcher
from bohb_study.seeding import Config, Value, plain, plain_value, space_seed

ASKS = 10
"""Suggestions asked for in a row before a space with forbidden clauses draws one at random."""


class OptunaSearch(SelfLimitingSearcher):
    """Asks an Optuna sampler for configurations and reports each trial's last result to it.

    Hyperparameters are suggested parents first, and only where they are active. What a forbidden
    clause rules out is reported as failed, which samplers pass over, and asked anew. A trial that
    is stopped early is reported like any other, by the result that it was stopped at.

    A training without a result is reported as infinitely bad, which the papers do not speak of:
    worse than all others to TPE, as bad as the worst result to the GP, which could not go on with
    an infinite loss. Optuna's own state for it, FAIL, would hide it from the sampler, which would
    suggest the like again.
    """

    none_means_full = True

    def __init__(
        self,
        space: ConfigurationSpace,
        sampler: BaseSampler,
        metric: str,
        mode: str = "min",
        startup: int = STARTUP_TRIALS,
        scaled: bool = False,
    ) -> None:
        """Set up the searcher.

        Args:
            space: the search space; its own stream is drawn from only where ``ASKS`` suggestions
                in a row are forbidden, and before ``startup`` results where not all is uniform.
            sampler: seeded, and of no other study.
            metric: the name of the loss that is minimised.
            mode: "min" or "max".
            startup: the sampler's ``n_startup_trials``.
            scaled: whether losses are reported in a unit of their own, the power of two above the
                first. To a sampler that standardises them this changes no bit, and spares it
                losses so large that their squares overflow, or smaller than what it takes for 0.

        Raises:
            UsageError: a hyperparameter is neither number, categorical nor constant.
        """
        super().__init__(metric=metric, mode=mode)
        for hyperparameter in space.values():
            _check(hyperparameter)
        self._space = space
        self._weighted = not all(map(_uniform, space.values()))
        """Whether the space says how likely values are: then its own stream draws at random, for
        Optuna would draw uniformly."""
        self._startup = startup
        self._scaled = scaled
        self._exponent: int | None = None
        """Of the unit in which losses are reported; None before the first that is not 0."""
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # creating a study is announced
        try:
            self._study = optuna.create_study(
                sampler=sampler, direction="minimize" if mode == "min" else "maximize"
            )
        finally:
            optuna.logging.set_verbosity(verbosity)
        self._asked: dict[str, int] = {}
        """Optuna's number of each trial that has not ended."""
        self._number = 0
        self._observed = 0
        self.suggested_by_model = False
        """Whether the sampler's model made the last suggestion (the GP: of what every
        configuration has)."""

    def next_config(self) -> Config:
        """The sampler's next configuration; the same one may come again in a finite space."""
        for _ in range(ASKS):
            if self._weighted and self._observed < self._startup:
                self._study.enqueue_trial(plain(self._space.sample_configuration()))
            config = self._ask()
            if not self._space.forbidden_clauses or _allowed(self._space, config):
                self.suggested_by_model = self._observed >= self._startup
                return config
            self._study.tell(self._number, state=TrialState.FAIL)
        self.suggested_by_model = False
        self._study.enqueue_trial(plain(self._space.sample_configuration()))
        return self._ask()

    def _ask(self) -> Config:
        """What Optuna suggests next, hyperparameter by hyperparameter."""
        trial = self._study.ask()
        self._number = trial.number
        values: dict[str, Any] = dict.fromkeys(self._space, NotSet)
        with warnings.catch_warnings():
            # each time that the GP meets an infinite loss
            warnings.filterwarnings("ignore", "Clip non-finite values", UserWarning)
            # ConfigSpace has them sorted by depth: parents come first
            for name, hyperparameter in self._space.items():
                conditions = self._space.parent_conditions_of[name]
                if all(condition.satisfied_by_value(values) for condition in conditions):
                    values[name] = _suggest(trial, hyperparameter)
        return {name: value for name, value in values.items() if value is not NotSet}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next configuration; None while enough trials run."""
        config = super().suggest(trial_id)
        if isinstance(config, dict):
            self._asked[trial_id] = self._number
        return config

    def on_trial_complete(
        self,
        trial_id: str,
        result: dict[str, Any] | None = None,
        error: bool = False,
    ) -> None:
        """Report the trial's last result to the sampler; without one it has failed."""
        super().on_trial_complete(trial_id, result, error)
        number = self._asked.pop(trial_id, None)
        if number is None:
            return
        if result is None or error:
            self._study.tell(number, state=TrialState.FAIL)
            return
        worst = math.inf if self.mode == "min" else -math.inf
        loss = self._in_unit(result[self.metric]) if succeeded(result) else worst
        self._study.tell(number, loss)
        self._observed += 1

    def _in_unit(self, loss: float) -> float:
        if not self._scaled or loss == 0:
            return loss
        if self._exponent is None:
            self._exponent = math.frexp(loss)[1]
        try:
            return math.ldexp(loss, -self._exponent)
        except OverflowError:
            return math.copysign(WORST, loss)


def _check(hyperparameter: Hyperparameter[Any, Any]) -> None:
    match hyperparameter:
        case FloatHyperparameter() | IntegerHyperparameter() | Constant():
            return
        case CategoricalHyperparameter():
            return
    raise UsageError(
        f"hyperparameter {hyperparameter.name} is {type(hyperparameter).__name__}; Optuna's "
        "samplers take floats, integers, categoricals and constants"
    )


def _uniform(hyperparameter: Hyperparameter[Any, Any]) -> bool:
    match hyperparameter:
        case UniformFloatHyperparameter() | UniformIntegerHyperparameter() | Constant():
            return True
        case CategoricalHyperparameter(weights=None):
            return True
    return False


def _suggest(trial: optuna.Trial, hyperparameter: Hyperparameter[Any, Any]) -> Value:
    name = hyperparameter.name
    match hyperparameter:
        case FloatHyperparameter(lower=lower, upper=upper):
            log = getattr(hyperparameter, "log", False)
            return trial.suggest_float(name, lower, upper, log=log)
        case IntegerHyperparameter(lower=lower, upper=upper):
            log = getattr(hyperparameter, "log", False)
            return trial.suggest_int(name, lower, upper, log=log)
        case CategoricalHyperparameter(choices=choices):
            plain_choices: list[Any] = [plain_value(choice) for choice in choices]
            return plain_value(trial.suggest_categorical(name, plain_choices))
    return plain_value(hyperparameter.default_value)


def _allowed(space: ConfigurationSpace, config: Config) -> bool:
    try:
        Configuration(space, values=config)
    except ForbiddenValueError:
        return False
    return True


def optuna_pair(problem: Problem, sampler: BaseSampler, *, scaled: bool = False) -> Pair:
    """``sampler`` at full fidelity.

    Args:
        problem: what it is built for.
        sampler: seeded, and of no other study.
        scaled: as of ``OptunaSearch``.

    Raises:
        UsageError: as by ``OptunaSearch``, with the method's name.
    """
    try:
        searcher = OptunaSearch(
            problem.space(space_seed(problem.task.name, problem.seed)),
            sampler,
            metric=METRIC,
            mode=MODE,
            scaled=scaled,
        )
    except UsageError as error:
        raise UsageError(f"{problem.method}: {error}", "methods") from None
    return Pair(problem.recording(searcher), full_fidelity(problem))
