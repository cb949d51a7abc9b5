"""The Bayesian neural networks: data, reproducible chains, what a report says, and the options."""

import math
import pickle
import random
from typing import Any

import numpy as np
import pytest
from ConfigSpace import UniformFloatHyperparameter, UniformIntegerHyperparameter
from threadpoolctl import threadpool_info, threadpool_limits

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, split_seed
from bohb_study.tasks import Report, Task, make_task
from bohb_study.tasks.training.bayesian import regression_data, sampling
from bohb_study.tasks.training.bayesian.regression_data import (
    PARTS,
    load_data,
    split_indices,
    toy_targets,
)
from fresh_python import printed

NAMES = ("bnn-toy", "bnn-diabetes")
CONFIG: Config = {
    "l1": 24,
    "l2": 20,
    "step_length": 0.02,
    "burn_in": 0.4,
    "momentum_decay": 0.1,
}


@pytest.fixture(params=NAMES)
def task(request: pytest.FixtureRequest) -> Task:
    return make_task(request.param, {"steps": "270"})


def outcome(report: Report) -> dict[str, Any]:
    """All of a report that is not measured."""
    return {key: value for key, value in report._asdict().items() if key != "seconds"}


# The data


@pytest.mark.parametrize("name", sorted(PARTS))
def test_parts_are_disjoint_and_standardised_by_the_training_part(name: str) -> None:
    data = load_data(name, 3)
    assert tuple(len(part.y) for part in data) == PARTS[name]
    assert sorted(np.concatenate(split_indices(name, 3))) == list(range(sum(PARTS[name])))
    for values in (data.train.x, data.train.y):
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-5)
    assert abs(data.test.x.mean()) > 1e-4


def test_the_toy_points_follow_the_papers_formula() -> None:
    x, e = np.array([0.0, 0.25, 0.5]), np.array([0.0, 0.0, 0.125])
    expected = [0.0, 0.25 + 0.3 + 0.0, 0.5 + 0.3 * (-math.sqrt(0.5)) + 0.3 + 0.125]
    np.testing.assert_allclose(toy_targets(x, e), expected, atol=1e-12)
    places, noise = regression_data._toy_draws(1)
    assert noise.std() == pytest.approx(0.02, rel=0.1)
    assert 0 <= places.min() < 0.01 < 0.99 < places.max() < 1
    y, targets = load_data("toy", 1).train.y, toy_targets(places, noise)[:600]
    np.testing.assert_allclose(y, (targets - targets.mean()) / targets.std(), rtol=1e-5, atol=1e-6)
    assert not np.array_equal(y, load_data("toy", 2).train.y)


def test_the_split_belongs_to_the_study_seed(task: Task) -> None:
    one, again, other = (task.split_sha256(seed) for seed in (0, 0, 1))
    assert one == again != other
    evaluations = [task.start({**CONFIG, "l1": l1}, 0) for l1 in (16, 20)]
    parts = [evaluation._data.test.x for evaluation in evaluations]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(*parts)
    load_data.cache_clear()
    drawn_again = load_data(task.name.removeprefix("bnn-"), split_seed(task.name, 0))
    np.testing.assert_array_equal(parts[0], drawn_again.test.x)


# Reproducible chains


def test_levels_are_the_same_however_they_are_reached(task: Task) -> None:
    """Straight to each level, rung by rung, and rung by rung through pauses."""
    straight = [outcome(task.start(CONFIG, 0).advance(level)) for level in task.ladder.costs]
    climbing = task.start(CONFIG, 0)
    assert [outcome(climbing.advance(level)) for level in task.ladder.costs] == straight
    paused, resumed = pickle.dumps(task.start(CONFIG, 0).state()), []
    for level in task.ladder.costs:
        evaluation = task.start(CONFIG, 0)
        evaluation.restore(pickle.loads(paused))
        resumed.append(outcome(evaluation.advance(level)))
        paused = pickle.dumps(evaluation.state())
    assert resumed == straight
    assert len({report["val_loss"] for report in straight}) == 4
    assert [report["units"] for report in straight] == [10, 30, 90, 270]


def test_chains_belong_to_configuration_seed_and_repeat(task: Task) -> None:
    almost = {**CONFIG, "step_length": math.nextafter(0.02, 1)}
    losses = {
        evaluation.advance(10).val_loss
        for evaluation in (
            task.start(CONFIG, 0),
            task.start(CONFIG, 1),
            task.start(almost, 0),
            task.retrain(CONFIG, 0, 0),
            task.retrain(CONFIG, 0, 1),
        )
    }
    assert len(losses) == 5
    again = task.retrain(CONFIG, 0, 1).advance(10).val_loss
    assert again in losses


def test_global_random_states_are_left_alone(task: Task) -> None:
    def states() -> tuple[Any, ...]:
        return str(np.random.get_state()), random.getstate()  # noqa: NPY002

    before = states()
    task.start(CONFIG, 0).advance(10)
    assert states() == before


def test_nothing_of_it_imports_torch() -> None:
    code = (
        "import sys; from bohb_study.tasks import make_task;"
        "task = make_task('bnn-toy', {'steps': '27'});"
        f"task.start({CONFIG!r}, 0).advance(27);"
        "print([name for name in ('torch', 'sklearn') if name in sys.modules])"
    )
    assert printed(code).strip() == "[]"


# What a report says


def test_it_learns() -> None:
    """Always guessing the mean and variance gets 1.42."""
    task = make_task("bnn-toy")
    report = task.start({**CONFIG, "burn_in": 0.5}, 0).advance(2700)
    assert report.val_loss < 1.0
    assert report.test_loss < 1.0
    assert report.extra["val_rmse"] < 0.7


def test_samples_are_those_behind_the_burn_in(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    monkeypatch.setattr(
        sampling.Predictive, "log_densities", lambda self: kept.append(self.samples) or self._sum
    )
    for burn_in, samples in ((0.0, 14), (0.4, 9), (0.8, 3)):
        task.start({**CONFIG, "burn_in": burn_in}, 0).advance(270)  # 20 steps apart
        assert kept.pop() == samples


def test_the_scale_adapts_in_the_burn_in_alone(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    adapted = []
    step = sampling.SGHMC.step

    def spy(self: Any, gradient: Any, *, adapt: bool) -> None:
        adapted.append(adapt)
        step(self, gradient, adapt=adapt)

    monkeypatch.setattr(sampling.SGHMC, "step", spy)
    task.start(CONFIG, 0).advance(30)
    assert adapted == [True] * 12 + [False] * 18


def test_one_thread_multiplies(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    predict = sampling.Network.predict

    def spy(self: Any, *given: Any) -> Any:
        seen.update(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")
        return predict(self, *given)

    monkeypatch.setattr(sampling.Network, "predict", spy)
    with threadpool_limits(4):
        task.start(CONFIG, 0).advance(30)
    assert seen == {1}


def test_a_chain_that_blows_up_has_diverged_and_pays(task: Task) -> None:
    report = task.start({**CONFIG, "step_length": 1e3}, 0).advance(90)
    assert report.status == "diverged"
    assert math.isnan(report.val_loss)
    assert math.isnan(report.test_loss)
    assert math.isnan(report.extra["val_rmse"])
    assert report.units == 90


def test_a_finite_loss_far_from_any_result_is_diverged(monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task("bnn-toy", {"steps": "27"})
    finite = task.start(CONFIG, 0).advance(1).val_loss
    monkeypatch.setattr(type(task), "diverged_from", math.nextafter(finite, 0))
    assert task.start(CONFIG, 0).advance(1).status == "diverged"


# Space, options and the model of time


def test_space_is_the_papers(task: Task) -> None:
    space = task.space(0)
    bounds = {name: (h.lower, h.upper, h.log) for name, h in space.items()}  # type: ignore[attr-defined]
    assert bounds == {
        "l1": (16, 512, True),
        "l2": (16, 512, True),
        "step_length": (1e-6, 1e-1, True),
        "burn_in": (0, 0.8, False),
        "momentum_decay": (0, 1, False),
    }
    for name, hyperparameter in space.items():
        whole = name in ("l1", "l2")
        kind = UniformIntegerHyperparameter if whole else UniformFloatHyperparameter
        assert isinstance(hyperparameter, kind)


def test_ladder_pays_each_rung_whole(task: Task) -> None:
    ladder = make_task(task.name).ladder
    assert (ladder.unit, ladder.costs, ladder.eta) == ("MCMC step", (100, 300, 900, 2700), 3)
    assert not ladder.curve
    assert not ladder.resumable


@pytest.mark.parametrize("steps", [0, -27, 1, 26, 100])
def test_other_numbers_of_steps_are_refused_in_one_line(task: Task, steps: int) -> None:
    expected = rf"^task_options {task.name}\.steps={steps}: must be a multiple of 27$"
    with pytest.raises(UsageError, match=expected):
        make_task(task.name, {"steps": str(steps)})


def test_duration_grows_with_steps_and_units(task: Task) -> None:
    seconds = task.duration(CONFIG, 0, 100)
    assert seconds > 0
    assert task.duration(CONFIG, 0, 300) == pytest.approx(3 * seconds)
    assert task.duration({**CONFIG, "l1": 100}, 0, 100) > seconds
    assert task.duration({**CONFIG, "l2": 100}, 0, 100) > seconds
    assert task.duration({**CONFIG, "burn_in": 0.0}, 0, 100) == seconds
    full = task.duration({**CONFIG, "l1": 64, "l2": 64}, 0, 2700)
    assert full == pytest.approx(2700 * (5e-5 + 4096 * 1.46e-8 + 128 * 1.58e-7))
