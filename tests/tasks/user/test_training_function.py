"""A training function as a task: what it may be, that a pause is exact, what is said of others."""

import dataclasses
import functools
import pickle
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

from bohb_study import FunctionTask
from bohb_study.engines.guard import GuardedEvaluation
from bohb_study.errors import StudyError, UsageError
from bohb_study.seeding import config_id, retraining_seed, trial_seed
from bohb_study.tasks.training import global_random

SPACE = (Float("x", (0.0, 1.0)), Integer("n", (1, 4)))
CONFIG: dict[str, Any] = {"x": 0.25, "n": 2}


def drawn() -> float:
    """A number of each of the global generators."""
    return float(random.random() + np.random.random() + torch.rand(1).item())  # noqa: NPY002


def plain(config: dict[str, Any], seed: int) -> Iterator[Any]:
    """Yields numbers.

    And takes nothing back.
    """
    while True:
        yield config["x"] + drawn()


def resumable(config: dict[str, Any], seed: int, state: Any = None) -> Iterator[Any]:
    """Draws while it sets up and in its epochs, and keeps changing the state that it yielded."""
    start = drawn()
    total = state if state is not None else [start]
    yield
    while True:
        total.append(drawn() * config["x"])
        yield {"loss": sum(total), "state": total}


def unmarked(config: dict[str, Any], seed: int, state: Any = None) -> Iterator[Any]:
    """Says nowhere where setting up ends."""
    drawn()
    while True:
        yield {"loss": drawn(), "state": 0}


def own_stream(config: dict[str, Any], seed: int, state: Any = None) -> Iterator[Any]:
    """Draws from the global generators while it sets up alone."""
    drawn()
    rng = np.random.default_rng(seed)
    if state is not None:
        rng.bit_generator.state = state
    while True:
        loss = rng.random()
        yield {"loss": loss, "state": rng.bit_generator.state}


def by_ray(config: dict[str, Any]) -> None:
    """Would call tune.report."""


def losses(task: FunctionTask, levels: list[int], pauses: tuple[int, ...] = ()) -> list[float]:
    """Of a training that is paused, as bytes, after some of its levels."""
    evaluation, found = task.start(CONFIG, 0), []
    for level in levels:
        found.append(evaluation.advance(level).val_loss)
        if level in pauses:
            state = pickle.dumps(evaluation.state())
            evaluation.advance(level + 1)  # it goes on, and the state must not change
            drawn()
            evaluation = task.start(CONFIG, 0)
            evaluation.restore(pickle.loads(state))
    return found


# What it is


def test_defaults() -> None:
    task = FunctionTask(plain, SPACE, 27)
    assert (task.name, task.summary) == ("plain", "Yields numbers.")
    assert (task.val_metric, task.test_metric) == ("loss", "loss")
    assert task.grid_order == ("x", "n")
    assert (task.ladder.costs, task.ladder.unit, task.ladder.curve) == (
        (1, 3, 9, 27),
        "epoch",
        True,
    )
    assert (task.computed, task.can_pause, task.only_engine) == (False, False, None)
    assert task.duration(CONFIG, 2, 5) == 3.0
    assert FunctionTask(plain, SPACE, 9, seconds=lambda c: c["n"]).duration(CONFIG, 2, 5) == 6.0
    assert FunctionTask(plain, SPACE, 16, eta=4).ladder.costs == (1, 4, 16)
    assert FunctionTask(own_stream, SPACE, 1).name == "own-stream"
    assert FunctionTask(resumable, SPACE, 9).can_pause
    assert hash(task) == hash(FunctionTask(plain, list(SPACE), 27))


def test_a_ray_function_needs_its_engine() -> None:
    task = FunctionTask(by_ray, SPACE, 9)
    assert (task.only_engine, task.can_pause) == ("tune", True)
    with pytest.raises(StudyError, match=r"^by-ray calls tune.report: engine tune alone runs it$"):
        task.start(CONFIG, 0)


def test_a_space_keeps_its_conditions_and_gets_a_stream_of_its_own() -> None:
    given = ConfigurationSpace(seed=3)
    given.add(kind := Categorical("kind", ["a", "b"]), depth := Integer("depth", (1, 9)))
    given.add(EqualsCondition(depth, kind, "b"))
    task = FunctionTask(plain, given, 9)
    before = given.sample_configuration()
    draws = [
        [config_id(dict(space.sample_configuration())) for _ in range(20)]
        for space in (task.space(5), task.space(5), task.space(6))
    ]
    assert draws[0] == draws[1] != draws[2]
    assert all(("depth" in c) == (c["kind"] == "b") for c in task.space(0).sample_configuration(20))
    assert sorted(task.grid_order) == ["depth", "kind"]
    given.seed(3)
    assert given.sample_configuration() == before  # the user's own stream was left alone
    plainly = FunctionTask(plain, SPACE, 9)
    space = ConfigurationSpace()
    space.add(*SPACE)
    as_space = FunctionTask(plain, space, 9)
    assert plainly.space(1).sample_configuration(9) == as_space.space(1).sample_configuration(9)


# Training


def test_the_seed_and_the_global_generators_belong_to_the_configuration() -> None:
    seeds = []

    def train(config: dict[str, Any], seed: int) -> Iterator[Any]:
        seeds.append(seed)
        yield drawn()

    task = FunctionTask(train, SPACE, 9)
    first, again = (task.start(CONFIG, 7).advance(1).val_loss for _ in range(2))
    other = task.retrain(CONFIG, 7, 1).advance(1).val_loss
    name = task.name
    training_seed = trial_seed(name, 7, CONFIG)
    assert seeds == [training_seed, training_seed, retraining_seed(name, 7, CONFIG, 1)]
    global_random.seed_all(training_seed)
    assert first == again == drawn()
    assert other != first


def test_trainings_that_take_turns_do_not_disturb_each_other_or_anybody_else() -> None:
    task = FunctionTask(plain, SPACE, 9)
    alone = losses(task, [1, 2, 3])
    random.seed(1)
    outside = global_random.take()
    one, other = task.start(CONFIG, 0), task.start({"x": 0.75, "n": 1}, 0)
    turns = [e.advance(level).val_loss for level in (1, 2, 3) for e in (one, other)]
    assert turns[::2] == alone
    assert global_random.take() == outside


@pytest.mark.parametrize("train", [resumable, own_stream])
def test_a_pause_is_exact(train: Callable[..., Any]) -> None:
    task = FunctionTask(train, SPACE, 9)
    levels = list(range(1, 9))
    unbroken = losses(task, levels)
    assert len(set(unbroken)) == 8
    assert losses(task, levels, pauses=(1, 3, 4)) == unbroken
    assert losses(task, [1, 5, 8])[1:] == [unbroken[4], unbroken[7]]


def test_set_up_must_be_marked_where_a_pause_would_change_the_training() -> None:
    evaluation = FunctionTask(unmarked, SPACE, 9).start(CONFIG, 0)
    evaluation.advance(1)
    with pytest.raises(ValueError, match="put a bare `yield` between set-up and epochs"):
        evaluation.advance(2)


def test_what_is_reported() -> None:
    def train(config: dict[str, Any], seed: int) -> Iterator[Any]:
        yield {"right": torch.tensor(0.75, requires_grad=True), "held": np.float32(0.5), "f1": 1}

    task = FunctionTask(
        train, SPACE, 9, metric="right", mode="max", test="held", extra_names=["f1"]
    )
    report = task.start(CONFIG, 0).advance(1)
    assert (report.val_loss, report.test_loss, report.units) == (-0.75, -0.5, 1)
    assert report.extra == {"f1": 1.0}
    assert (task.val_metric, task.test_metric) == ("-right", "-held")
    report = FunctionTask(plain, SPACE, 9).start(CONFIG, 0).advance(3)
    assert report.test_loss == report.val_loss
    assert report.units == 3


def yields(*told: Any) -> Callable[..., Any]:
    def train(config: dict[str, Any], seed: int) -> Iterator[Any]:
        yield from told

    return train


def keeps(*told: Any) -> Callable[..., Any]:
    def train(config: dict[str, Any], seed: int, state: Any = None) -> Iterator[Any]:
        yield from told

    return train


def leaves(config: dict[str, Any], seed: int) -> Iterator[Any]:
    yield 1.0
    sys.exit("bad configuration")


FAILS = {
    "ends": (yields(1.0), "ValueError: the function ended after 1 of 9 epochs"),
    "text": (yields(1, "0.5"), "ValueError: the function's 'loss' is no number but str"),
    "complex": (yields(1, 1 + 2j), "ValueError: the function's 'loss' is no number but complex"),
    "large": (yields(1, 1e302), "ValueError: the loss is 1e+302: it must be finite, and below "),
    "exit": (leaves, "SystemExit: bad configuration"),
    "nothing": (
        yields(1, None),
        "ValueError: the function's 'loss' is no number but NoneType",
    ),
    "nan": (yields(1, float("nan")), "ValueError: the loss is nan: it must be finite"),
    "no loss": (yields(1, {}), "ValueError: the function reported no 'loss' but nothing"),
    "misnamed": (
        yields(1, {"mean_loss": 1, "lr": 2}),
        "ValueError: the function reported no 'loss' but mean_loss, lr; metric= names another key",
    ),
    "no state": (keeps({"loss": 1, "state": 1}, 1), "ValueError: the function takes a state, but"),
    "a state": (
        yields(1, {"loss": 1, "state": 1}),
        "ValueError: the function yielded a state, but",
    ),
}


@pytest.mark.parametrize("how", FAILS)
def test_a_wrong_report_is_a_failed_row_that_says_why(how: str) -> None:
    train, why = FAILS[how]
    evaluation = GuardedEvaluation(FunctionTask(train, SPACE, 9), CONFIG, 0)
    assert evaluation.advance(1, 1).status == "ok"
    report = evaluation.advance(2, 1)
    assert (report.status, report.units) == ("failed", 1)
    assert np.isnan([report.val_loss, report.test_loss]).all()
    assert report.message.startswith(why)


@pytest.mark.parametrize("told", [float("nan"), None, "n/a", float("inf"), 1e302, [1], 2j])
def test_only_the_validation_metric_can_fail_a_training(told: Any) -> None:
    """What is measured beside it decides nothing, so it may be undefined, or not be there."""
    reports = [{"loss": 0.5, "auc": told, "f1": told}, {"loss": 0.25}]
    task = FunctionTask(yields(*reports), SPACE, 9, test="auc", extra_names=["f1"], mode="max")
    evaluation = GuardedEvaluation(task, CONFIG, 0)
    for loss in (-0.5, -0.25):
        report = evaluation.advance(1, 1) if loss == -0.5 else evaluation.advance(2, 1)
        assert (report.status, report.val_loss) == ("ok", loss)
        assert np.isnan(report.test_loss)
    assert np.isnan(report.extra["f1"])


def test_a_failure_loss_is_no_longer_needed_which_is_said_once(
    recwarn: pytest.WarningsRecorder,
) -> None:
    made = [FunctionTask(plain, SPACE, 9, failure_loss=10.0**15) for _ in range(3)]
    made.append(FunctionTask(plain, SPACE, 9))
    assert made[0] == made[3]
    assert dataclasses.replace(made[0], eta=9) == dataclasses.replace(made[3], eta=9)
    (warning,) = {(str(w.message), w.filename) for w in recwarn}
    said = "FunctionTask plain: failure_loss= is no longer needed: a training that fails is ranked "
    assert warning == (f"{said}last whatever the losses are", __file__)


def test_a_state_that_cannot_be_pickled_fails_at_the_pause() -> None:
    task = FunctionTask(keeps({"loss": 1, "state": lambda: 0}), SPACE, 9)
    evaluation = GuardedEvaluation(task, CONFIG, 0)
    evaluation.advance(1, 1)
    failed = evaluation.state()["failed"]
    assert failed.startswith("ValueError: the function's state cannot be pickled: ")


# What is refused


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"max_epochs": 10},
            "max_epochs 10: must be a power of eta 3: 9 or 27 fit eta 3; 10 fits eta 10",
        ),
        (
            {"max_epochs": 100},
            "max_epochs 100: must be a power of eta 3: 81 or 243 fit eta 3; 100 fits eta 10 or 100",
        ),
        (
            {"eta": 2},
            "max_epochs 9: must be a power of eta 2: 8 or 16 fit eta 2; 9 fits eta 3",
        ),
        ({"eta": 1}, "eta 1: must be at least 2"),
        ({"test_mode": "max"}, "test_mode 'max': must be 'min' or 'max', and goes with test="),
        ({"hyperparameters": [1]}, "hyperparameters: 1 is no ConfigSpace hyperparameter"),
        ({"hyperparameters": {"x": (2, 1)}}, "hyperparameters: Hyperparameter 'x' has illegal"),
        ({"max_epochs": 0}, "max_epochs 0: must be a whole number, at least 1"),
        ({"max_epochs": 9.0}, "max_epochs 9.0: must be a whole number, at least 1"),
        ({"mode": "up"}, "mode 'up': must be 'min' or 'max'"),
        ({"test": "loss"}, "metric, test, extra_names and 'state' must differ: loss, loss, state"),
        (
            {"train": lambda config: 1, "data_parallel": True},
            "data_parallel=True: only for a generator, not for what calls tune.report",
        ),
        ({"seconds": -1}, "seconds -1: must be finite, 0 or above"),
        ({"train": lambda config, seed: 1}, "must be a generator train(config, seed) or train("),
        ({"train": lambda config: (yield 1)}, "must be a generator train(config, seed) or "),
        ({"train": 3}, "must be a generator train(config, seed) or train(config, seed, state=N"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"train": plain, "max_epochs": 9, "name": "mine", **arguments}
    with pytest.raises(UsageError) as refused:
        FunctionTask(**{"hyperparameters": SPACE, **given})
    assert str(refused.value).startswith(f"FunctionTask mine: {said}")
    assert "\n" not in str(refused.value)


def test_a_part_of_a_function_will_do() -> None:
    def train(data: float, config: dict[str, Any], seed: int) -> Iterator[Any]:
        yield data

    task = FunctionTask(functools.partial(train, 0.5), SPACE, 9, name="partial")
    assert task.start(CONFIG, 0).advance(1).val_loss == 0.5
