"""Optuna's samplers over a ConfigSpace: plain Optuna's suggestions, conditions, what they learn."""

import inspect
import logging
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from ConfigSpace import (
    Categorical,
    CategoricalHyperparameter,
    Configuration,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenEqualsClause,
    GreaterThanCondition,
    Integer,
    NormalFloatHyperparameter,
    NormalIntegerHyperparameter,
)
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from bohb_study.methods import get_method
from bohb_study.methods.base import METRIC, STATUS, WORST, Problem
from bohb_study.methods.optuna.optuna_search import ASKS, OptunaSearch
from bohb_study.methods.optuna.startup import STARTUP_TRIALS
from bohb_study.seeding import Config, plain
from bohb_study.tasks import Task

MakeSampler = Callable[[int], BaseSampler]

SAMPLERS: dict[str, MakeSampler] = {
    "tpe": lambda seed: TPESampler(seed=seed, multivariate=True),
    "tpe-univariate": lambda seed: TPESampler(seed=seed, multivariate=False),
    "gp": lambda seed: GPSampler(seed=seed, warn_independent_sampling=False),
}
NAMES = list(SAMPLERS)


def all_kinds(seed: int) -> ConfigurationSpace:
    space = ConfigurationSpace(seed=seed)
    space.add(
        Float("x", (-1.0, 2.0)),
        Float("lr", (1e-4, 1.0), log=True),
        Integer("n", (-3, 4)),
        Integer("units", (4, 256), log=True),
        Categorical("act", ["relu", "tanh", "elu"]),
        Categorical("flag", [True, False]),
        Categorical("batch", [32, 64, 128]),
        Categorical("only", ["one"]),
        Constant("fixed", 7),
    )
    return space


DISTRIBUTIONS = {
    # in the order of ConfigSpace, by name
    "act": CategoricalDistribution(["relu", "tanh", "elu"]),
    "batch": CategoricalDistribution([32, 64, 128]),
    "flag": CategoricalDistribution([True, False]),
    "lr": FloatDistribution(1e-4, 1.0, log=True),
    "n": IntDistribution(-3, 4),
    "only": CategoricalDistribution(["one"]),
    "units": IntDistribution(4, 256, log=True),
    "x": FloatDistribution(-1.0, 2.0),
}
"""``all_kinds`` for Optuna, without the constant."""


def loss_of(config: Config) -> float:
    """Smooth in the numbers, lower with relu and flag."""
    numbers = float(config["x"]) ** 2 + (np.log10(float(config["lr"])) + 2) ** 2
    numbers += float(config["n"]) ** 2 / 10 + np.log2(float(config["units"]) / 64) ** 2 / 4
    return float(numbers + (config["act"] != "relu") + (not config["flag"]))


FAILED = {"loss": WORST, STATUS: "failed"}
"""What is reported of a training without a result."""


def run(
    searcher: OptunaSearch, count: int, loss: Callable[[Config], float | None] = loss_of
) -> list[Config]:
    """Suggestions, each with its loss reported at once; None where it failed."""
    configs = []
    for number in range(count):
        config = searcher.suggest(str(number))
        assert isinstance(config, dict)
        configs.append(config)
        found = loss(config)
        searcher.on_trial_complete(str(number), FAILED if found is None else {"loss": found})
    return configs


def search(name: str, space: ConfigurationSpace, seed: int = 0, **options: Any) -> OptunaSearch:
    return OptunaSearch(space, SAMPLERS[name](seed), metric="loss", **options)


def plane() -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(Float("x", (0.0, 1.0)), Float("y", (0.0, 1.0)))
    return space


def bowl(config: Config) -> float:
    return (float(config["x"]) - 0.3) ** 2 + (float(config["y"]) - 0.7) ** 2


# The suggestions of plain Optuna


@pytest.mark.parametrize("name", NAMES)
def test_suggestions_are_those_of_plain_optuna(name: str) -> None:
    """With a failed trial, and with one whose result never came."""
    count = 12 if name == "gp" else 30
    study = optuna.create_study(sampler=SAMPLERS[name](3))
    searcher = search(name, all_kinds(0), seed=3)
    for number in range(count):
        trial = study.ask(DISTRIBUTIONS)
        ours = searcher.suggest(str(number))
        assert ours == {**trial.params, "fixed": 7}
        if number == 4:
            study.tell(trial, state=TrialState.FAIL)
            searcher.on_trial_complete(str(number))
        elif number != 9:
            study.tell(trial, loss_of(ours))
            searcher.on_trial_complete(str(number), {"loss": loss_of(ours)})


@pytest.mark.parametrize("name", NAMES)
def test_a_method_is_its_sampler_with_the_methods_seed(
    name: str, problem: Callable[..., Problem], toy: Callable[..., Task]
) -> None:
    given = problem(toy(), name, seed=2)
    pair = get_method(name).build(given)
    plain_one = search(name, toy().space(5), seed=given.model_seed)

    def loss(config: Config) -> float:
        return float(config["x"]) + float(config["n"])

    # the GP's functions round otherwise than PyTorch's own
    reach = 1e-6 if name == "gp" else 0.0
    for number in range(12):
        config, expected = pair.searcher.suggest(str(number)), plain_one.suggest(str(number))
        assert {**config, "x": expected["x"]} == expected
        assert math.isclose(config["x"], expected["x"], rel_tol=reach)
        pair.searcher.on_trial_complete(str(number), {METRIC: loss(config)})
        plain_one.on_trial_complete(str(number), {"loss": loss(config)})
    assert pair.searcher.suggestions["9"].model_based is False
    assert pair.searcher.suggestions["10"].model_based is True


def test_higher_can_be_better() -> None:
    """A failed training is the worst in either direction."""

    def told(config: Config) -> float | None:
        return None if float(config["x"]) > 0.8 else bowl(config)

    def negated(config: Config) -> float | None:
        loss = told(config)
        return None if loss is None else -loss

    up = run(search("tpe", plane(), mode="max"), 30, negated)
    assert up == run(search("tpe", plane()), 30, told)


@pytest.mark.parametrize("name", ["tpe", "tpe-univariate"])
def test_the_constant_liar_changes_nothing_for_one_worker(name: str) -> None:
    def suggestions(liar: bool) -> list[Config]:
        sampler = TPESampler(seed=1, multivariate=name == "tpe", constant_liar=liar)
        return run(OptunaSearch(all_kinds(0), sampler, metric="loss"), 25)

    assert suggestions(True) == suggestions(False)


def test_what_we_know_of_optuna() -> None:
    """Where this fails Optuna has changed, and the methods mean something else."""
    for sampler in (TPESampler, GPSampler):
        assert inspect.signature(sampler).parameters["n_startup_trials"].default == STARTUP_TRIALS
    parameters = inspect.signature(TPESampler).parameters
    assert parameters["n_ei_candidates"].default == 24
    assert parameters["constant_liar"].default is True
    assert parameters["group"].default is False
    study = optuna.create_study(sampler=TPESampler())
    assert TPESampler()._is_multivariate(study)  # not stated, it is multivariate
    assert not TPESampler(multivariate=False)._is_multivariate(study)
    assert optuna.samplers._tpe.sampler.default_gamma(95) == 10
    assert optuna.samplers._tpe.sampler.default_gamma(1000) == 25


def test_univariate_is_another_method() -> None:
    suggestions = {name: run(search(name, all_kinds(0)), 14) for name in ("tpe", "tpe-univariate")}
    assert suggestions["tpe"][0] == suggestions["tpe-univariate"][0]
    assert suggestions["tpe"][10:] != suggestions["tpe-univariate"][10:]


# Values


@pytest.mark.parametrize("name", NAMES)
def test_values_are_in_range_and_of_plain_types(name: str) -> None:
    space = all_kinds(0)
    types = {
        "x": float,
        "lr": float,
        "n": int,
        "units": int,
        "act": str,
        "flag": bool,
        "batch": int,
    }
    for config in run(search(name, space), 14):
        Configuration(space, values=config)  # raises where a value is none of the space's
        assert {key: type(config[key]) for key in types} == types
        assert config["fixed"] == 7
        assert config.keys() == set(space)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_uniform_is_drawn_by_the_space_until_there_is_a_model(name: str) -> None:
    def space() -> ConfigurationSpace:
        made = ConfigurationSpace(seed=3)
        made.add(
            CategoricalHyperparameter("odd", ["a", "b"], weights=[0.9, 0.1]),
            NormalFloatHyperparameter("n", mu=0.5, sigma=0.1, lower=0.0, upper=1.0),
            NormalIntegerHyperparameter("k", mu=2, sigma=1.0, lower=0, upper=9),
        )
        return made

    searcher, stream = search(name, space()), space()
    for trial in range(5):
        assert searcher.suggest(str(trial)) == plain(stream.sample_configuration())


# Conditions and forbidden clauses


def conditional() -> ConfigurationSpace:
    """Named so that children come first by name; ``a`` is the grandchild of ``z``."""
    space = ConfigurationSpace(seed=0)
    z, m, a = Categorical("z", ["sgd", "adam"]), Integer("m", (0, 9)), Float("a", (0.0, 1.0))
    space.add(z, m, a, Float("k", (0.0, 1.0)))
    space.add(EqualsCondition(m, z, "sgd"), GreaterThanCondition(a, m, 4))
    return space


@pytest.mark.parametrize("name", NAMES)
def test_only_what_is_active_is_suggested(
    name: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    space = conditional()

    def loss(config: Config) -> float:
        return float(config["k"]) + float(config.get("m", 5)) / 9 + float(config.get("a", 1))

    configs = run(search(name, space), 16 if name == "gp" else 40, loss)
    for config in configs:
        Configuration(space, values=config)  # checks that all active ones are there, no others
    assert {frozenset(config) for config in configs} == {
        frozenset(keys) for keys in ({"z", "k"}, {"z", "k", "m"}, {"z", "k", "m", "a"})
    }
    assert not caplog.records
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", NAMES)
def test_what_is_forbidden_is_asked_anew(name: str) -> None:
    space = ConfigurationSpace(seed=0)
    space.add(Categorical("c", ["a", "b", "c"]), Float("x", (0.0, 1.0)))
    space.add(ForbiddenEqualsClause(space["c"], "b"))
    # b would be best, if it could be had
    configs = run(search(name, space), 14, lambda c: float(c["x"]) + (c["c"] == "a"))
    assert {config["c"] for config in configs} == {"a", "c"}


class Stubborn(RandomSampler):
    """Wants what is forbidden, whatever it is told."""

    asked = 0

    def sample_independent(
        self, study: Any, trial: Any, param_name: str, param_distribution: Any
    ) -> Any:
        if param_name == "x":
            return super().sample_independent(study, trial, param_name, param_distribution)
        self.asked += 1
        return "b"


def test_a_sampler_that_insists_gets_a_random_configuration() -> None:
    def space() -> ConfigurationSpace:
        made = ConfigurationSpace(seed=4)
        made.add(Categorical("c", ["a", "b", "c"]), Float("x", (0.0, 1.0)), Constant("k", 1))
        made.add(ForbiddenEqualsClause(made["c"], "b"))
        return made

    sampler = Stubborn(seed=0)
    searcher = OptunaSearch(space(), sampler, metric="loss", startup=2)
    drawn = space()
    for number in range(4):
        searcher.suggested_by_model = True  # as after a suggestion that was allowed
        assert searcher.suggest(str(number)) == plain(drawn.sample_configuration())
        assert sampler.asked == (number + 1) * ASKS
        assert not searcher.suggested_by_model
        searcher.on_trial_complete(str(number), {"loss": 0.5})
    states = [trial.state for trial in searcher._study.trials]
    assert states == 4 * ([TrialState.FAIL] * ASKS + [TrialState.COMPLETE])


@pytest.mark.parametrize("name", NAMES)
def test_a_finite_space_does_not_end(name: str) -> None:
    """Samplers may suggest again what they know, and cannot be told not to."""
    space = ConfigurationSpace()
    space.add(Categorical("c", ["a", "b"]))
    assert {c["c"] for c in run(search(name, space), 14, lambda c: float(c["c"] == "a"))} == {
        "a",
        "b",
    }


# What they learn


@pytest.mark.parametrize("name", NAMES)
def test_the_model_learns_from_what_it_observes(name: str) -> None:
    """And draws no better than at first where the same loss is reported each time."""
    count, seeds = (14, 2) if name == "gp" else (40, 3)
    first, later, blind = [], [], []
    for seed in range(seeds):
        losses = [bowl(config) for config in run(search(name, plane(), seed), count, bowl)]
        first += losses[:STARTUP_TRIALS]
        later += losses[STARTUP_TRIALS:]
        configs = run(search(name, plane(), seed), count, lambda config: 1.0)
        blind += [bowl(config) for config in configs[STARTUP_TRIALS:]]
    assert np.median(later) < 0.5 * np.median(first)
    assert np.median(blind) > 0.9 * np.median(first)


@pytest.mark.parametrize("name", NAMES)
def test_only_suggestions_of_the_model_are_called_so(name: str) -> None:
    """A trial counts once it is reported; failed ones and running ones do not."""
    searcher = search(name, plane())
    assert not searcher.suggested_by_model
    for number in range(STARTUP_TRIALS + 3):
        searcher.suggest(str(number))
        assert not searcher.suggested_by_model
    searcher.on_trial_complete("11")
    searcher.on_trial_complete("12", {"loss": 0.0}, error=True)
    for number in range(STARTUP_TRIALS):
        searcher.suggest(f"more {number}")
        assert not searcher.suggested_by_model
        searcher.on_trial_complete(str(number), {"loss": number})
    searcher.suggest("last")
    assert searcher.suggested_by_model
    assert get_method(name).model_after(99) == STARTUP_TRIALS


def test_a_failed_training_does_not_blind_the_gp() -> None:
    def suggestions(failure: float | None) -> float:
        searcher = search("gp", plane())
        numbers = iter(range(16))
        told = lambda config: failure if next(numbers) == 4 else bowl(config)  # noqa: E731
        return float(np.median([bowl(config) for config in run(searcher, 16, told)[10:]]))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert suggestions(None) < 0.01
    assert suggestions(1e6) > 0.1  # what it sees is one large loss, and everything else alike


@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_failures(name: str) -> None:
    assert len(run(search(name, plane()), 13, lambda config: None)) == 13


def test_to_tpe_a_failed_training_is_the_worst() -> None:
    def suggestions(failure: float | None) -> list[Config]:
        told = lambda config: failure if float(config["x"]) > 0.8 else bowl(config)  # noqa: E731
        return run(search("tpe", plane()), 30, told)

    assert suggestions(None) == suggestions(1e6) != suggestions(-1e6)


# Several workers, saving, silence


@pytest.mark.parametrize("name", NAMES)
def test_several_trials_at_once(name: str) -> None:
    """Four run at a time and come back in another order; each result is its own."""
    searcher = search(name, plane())
    searcher.set_max_concurrency(4)
    configs: dict[str, Any] = {}
    for batch in range(4):
        names = [f"{batch}.{i}" for i in range(4)]
        configs |= {trial: searcher.suggest(trial) for trial in names}
        assert searcher.suggest("one too many") is None
        for trial in reversed(names):
            searcher.on_trial_complete(trial, {"loss": bowl(configs[trial])})
    assert len({tuple(config.values()) for config in configs.values()}) == 16
    for trial, config in zip(searcher._study.trials, configs.values(), strict=True):
        assert (trial.params, trial.value) == (config, bowl(config))


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_searcher_goes_on_where_it_was(name: str, tmp_path: Path) -> None:
    searcher, restored = search(name, all_kinds(0)), search(name, all_kinds(0), seed=9)
    run(searcher, 11)
    running = searcher.suggest("running")
    searcher.save(str(tmp_path / "state"))
    restored.restore(str(tmp_path / "state"))
    for one in (searcher, restored):
        one.on_trial_complete("running", {"loss": loss_of(running)})
    assert restored.suggest("next") == searcher.suggest("next")
    assert restored.suggested_by_model


def test_nothing_is_said_and_optunas_own_logging_is_left_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    level = optuna.logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(search("tpe", all_kinds(0)), 12)
        few = lambda config: loss if (loss := loss_of(config)) < 4 else None  # noqa: E731
        run(search("gp", all_kinds(0)), 12, few)
    assert capsys.readouterr().err == ""
    assert optuna.logging.get_verbosity() == level == logging.INFO


SCRIPT = """
import sys
from bohb_study.schema import rows_hash
from bohb_study.engines.base import CellJob, run_cell
from bohb_study.methods import METHODS, get_method
from bohb_study.study import Cell
from bohb_study.tasks import make_task
[get_method(name) for name in METHODS]
print("torch" in sys.modules)
task = make_task("branin-mf")
for method in ("tpe", "tpe-univariate", "gp"):
    frame = run_cell(CellJob(Cell(task.name, method, 1), task, 11, 1)).frame
    print(rows_hash(frame), frame["model_based"].sum(), "torch" in sys.modules)
"""


def test_same_rows_in_other_processes_and_torch_for_the_gp_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In a fresh process, and in this one, which has run others and hashes texts otherwise."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "[W" not in done.stderr  # of Optuna: greenlet is not there
    first, *cells = done.stdout.split()
    assert first == "False"
    exec(SCRIPT, {})
    _, *here = capsys.readouterr().out.split()
    assert here[::3] == cells[::3]
    assert cells[1::3] == ["1"] * 3
    assert cells[2::3] == ["False", "False", "True"]
