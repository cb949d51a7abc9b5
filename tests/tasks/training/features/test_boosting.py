"""Boosting: pausing changes nothing, whatever the threads; and what a report says."""

import copy
import math
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, trial_seed
from bohb_study.tasks import TASKS, Report, make_task
from bohb_study.tasks.training.features.boosting import Boosting
from bohb_study.tasks.training.features.boosting_training import log_likelihoods

NAMES = sorted(name for name in TASKS if name.startswith("boosting-"))
CONFIG: Config = {
    "learning_rate": 0.2,
    "max_leaf_nodes": 5,
    "min_samples_leaf": 3,
    "l2": 0.1,
    "max_features": 0.4,
}
WILD: Config = {**CONFIG, "learning_rate": 1.0, "min_samples_leaf": 1, "l2": 1e-6}


def small(name: str, data: Path, iterations: int = 9, subset: int = 200) -> Boosting:
    """A task on few rows; those that no package has are made."""
    options = {"subset": str(subset), "iterations": str(iterations)}
    found = make_task(name, options if name.endswith("-digits") else {**options, "data": str(data)})
    assert isinstance(found, Boosting)
    return found


@pytest.fixture(params=NAMES)
def task(request: pytest.FixtureRequest, feature_data: Path) -> Boosting:
    return small(request.param, feature_data)


@pytest.fixture
def digits(feature_data: Path) -> Boosting:
    return small("boosting-digits", feature_data)


def outcome(report: Report) -> dict[str, Any]:
    """All of a report that is not measured and does not depend on where the step began."""
    return {k: v for k, v in report._asdict().items() if k not in {"seconds", "units"}}


def climbed(task: Boosting, config: Config, seed: int = 0) -> list[dict[str, Any]]:
    """The outcomes at all rungs of one evaluation that is never paused."""
    evaluation = task.start(config, seed)
    return [outcome(evaluation.advance(level)) for level in task.ladder.costs]


def test_paused_at_every_rung_it_is_what_it_is_unpaused(task: Boosting) -> None:
    unpaused = climbed(task, CONFIG)
    assert unpaused == climbed(task, CONFIG)
    assert len({one["val_loss"] for one in unpaused}) == 3
    state: bytes | None = None
    for level, expected in zip(task.ladder.costs, unpaused, strict=True):
        evaluation = task.start(CONFIG, 0)
        if state is not None:
            evaluation.restore(pickle.loads(state))
        assert outcome(evaluation.advance(level)) == expected
        state = pickle.dumps(evaluation.state())
    straight = task.start(CONFIG, 0).advance(task.ladder.top)
    assert outcome(straight) == unpaused[-1]
    assert straight.units == task.ladder.top


def test_the_trees_too_are_what_scikit_learn_grows_in_one_fit(digits: Boosting) -> None:
    evaluation = digits.start(CONFIG, 0)
    for level in digits.ladder.costs:
        evaluation.advance(level)
    train = digits.parts(0).train
    whole = HistGradientBoostingClassifier(
        learning_rate=0.2,
        max_leaf_nodes=5,
        min_samples_leaf=3,
        l2_regularization=0.1,
        max_features=0.4,
        early_stopping=False,
        max_iter=9,
        random_state=trial_seed(digits.name, 0, CONFIG),
    ).fit(train.features, train.labels)
    grown = pickle.loads(evaluation.state()["model"])
    for ours, theirs in zip(grown._predictors, whole._predictors, strict=True):
        for tree, other in zip(ours, theirs, strict=True):
            assert tree.nodes.tobytes() == other.nodes.tobytes()


def test_an_older_state_is_left_be_and_can_be_resumed(digits: Boosting) -> None:
    evaluation = digits.start(CONFIG, 0)
    evaluation.advance(1)
    state = evaluation.state()
    kept = copy.deepcopy(state)
    later = outcome(evaluation.advance(3))
    assert state == kept
    evaluation.restore(state)
    assert outcome(evaluation.advance(3)) == later


def test_threads_of_the_process_do_not_matter(digits: Boosting) -> None:
    with threadpool_limits(4):
        many = climbed(digits, CONFIG)
    assert many == climbed(digits, CONFIG)


def test_one_thread_computes(digits: Boosting, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.utils._openmp_helpers import _openmp_effective_n_threads as threads

    seen = []
    fit = HistGradientBoostingClassifier.fit

    def spy(self: Any, *given: Any) -> Any:
        seen.append(threads())
        return fit(self, *given)

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", spy)
    with threadpool_limits(4):
        digits.start(CONFIG, 0).advance(1)
        assert seen == [1]


def test_global_random_states_are_left_alone_and_do_not_matter(digits: Boosting) -> None:
    first = climbed(digits, CONFIG)
    np.random.seed(5)  # noqa: NPY002
    before = str(np.random.get_state())  # noqa: NPY002
    assert climbed(digits, CONFIG) == first
    assert str(np.random.get_state()) == before  # noqa: NPY002


@pytest.mark.parametrize(
    ("config", "seed"), [(CONFIG, 1), ({**CONFIG, "learning_rate": 0.2000000001}, 0)]
)
def test_configuration_and_study_have_streams_of_their_own(
    digits: Boosting, config: Config, seed: int
) -> None:
    models = [
        one._model.random_state for one in (digits.start(CONFIG, 0), digits.start(config, seed))
    ]
    assert models[0] != models[1]


def test_retrained_it_differs_on_the_same_parts(digits: Boosting) -> None:
    chosen = digits.start(CONFIG, 0)
    repeats = [digits.retrain(CONFIG, 0, repeat) for repeat in (0, 1)]
    assert all(one._parts is chosen._parts for one in repeats)
    losses = {one.advance(9).val_loss for one in (chosen, *repeats)}
    assert len(losses) == 3
    assert outcome(digits.retrain(CONFIG, 0, 1).advance(3)) == outcome(
        digits.retrain(CONFIG, 0, 1).advance(3)
    )


def test_refit_on_all_data_it_is_tested_where_it_validates(digits: Boosting) -> None:
    whole = digits.on_all_data()
    assert whole is not None
    train, val, test = whole.parts(0)
    assert len(train.labels) + len(test.labels) == 1797
    assert np.array_equal(val.features, test.features)
    report = whole.start(CONFIG, 0).advance(1)
    assert report.extra["val_error"] == report.test_loss
    assert whole.split_sha256(0) != digits.split_sha256(0) != digits.split_sha256(1)


def test_report_agrees_with_scikit_learns_own_metrics(digits: Boosting) -> None:
    evaluation = digits.start(CONFIG, 0)
    report = evaluation.advance(9)
    val, test = digits.parts(0).val, digits.parts(0).test
    likely = evaluation._model.predict_proba(val.features)
    assert report.val_loss == pytest.approx(log_loss(val.labels, likely), rel=1e-9)
    errors = [1 - evaluation._model.score(*part) for part in (val, test)]
    assert [report.extra["val_error"], report.test_loss] == pytest.approx(errors, abs=1e-12)
    assert list(report.extra) == list(digits.extra_names)
    assert report.units == 9
    assert report.seconds > 0


def test_it_learns() -> None:
    report = make_task("boosting-digits").start(CONFIG, 0).advance(27)
    assert report.val_loss < 0.4
    assert report.test_loss < 0.1


def test_levels_only_go_up(digits: Boosting) -> None:
    evaluation = digits.start(CONFIG, 0)
    evaluation.advance(3)
    for level in (1, 3):
        with pytest.raises(ValueError, match=f"at iteration 3 already, cannot advance to {level}"):
            evaluation.advance(level)


def test_what_blows_up_is_diverged_wherever_it_was_paused(digits: Boosting) -> None:
    evaluation = digits.start(WILD, 0)
    reports = [evaluation.advance(level) for level in (1, 3, 9)]
    assert [report.status for report in reports] == ["ok", "diverged", "diverged"]
    assert [report.units for report in reports] == [1, 2, 6]
    for report in reports[1:]:
        assert math.isnan(report.val_loss)
        assert math.isnan(report.test_loss)
        assert math.isnan(report.extra["val_error"])
        assert report.message.startswith("validation loss ")
    straight = digits.start(WILD, 0).advance(9)
    assert (straight.status, straight.message) == ("diverged", reports[-1].message)


def test_a_class_that_training_lacks_is_given_half_a_row() -> None:
    scores = np.log(np.array([[0.2, 0.8], [0.5, 0.5], [0.1, 0.9]]))
    found = log_likelihoods(scores, np.array([0, 2]), np.array([2, 1, 3]), trained=50)
    np.testing.assert_allclose(np.exp(found), [0.8, 0.01, 0.01])
    large = log_likelihoods(np.array([[1e4, 0.0]]), np.array([0, 1]), np.array([1]), trained=50)
    assert large == [-1e4]


def test_a_training_part_of_two_classes_can_be_learnt(digits: Boosting) -> None:
    """scikit-learn gives one score for two classes, and none for a third."""
    evaluation = digits.start(CONFIG, 0)
    train, val, _ = evaluation._parts
    few = train.labels < 2
    small_train = train._replace(features=train.features[few], labels=train.labels[few])
    evaluation._parts = evaluation._parts._replace(train=small_train)
    report = evaluation.advance(9)
    known = val.labels < 2
    likely = evaluation._model.predict_proba(val.features[known])
    parts = [
        log_loss(val.labels[known], likely, normalize=False),
        (~known).sum() * math.log(2 * few.sum()),
    ]
    assert report.val_loss == pytest.approx(sum(parts) / len(val.labels), rel=1e-9)


@pytest.mark.parametrize("options", [{"iterations": "10"}, {"iterations": "0"}, {"subset": "5"}])
def test_options_that_cannot_be_are_refused_in_one_line(options: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="boosting-digits") as refused:
        make_task("boosting-digits", options)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", NAMES)
def test_model_of_time_grows_with_iterations_and_leaves(name: str) -> None:
    task = make_task(name)
    costs = task.ladder.costs
    assert costs == (1, 3, 9, 27, 81)
    assert not task.ladder.curve
    assert task.ladder.resumable
    whole = [task.duration(CONFIG, 0, level) for level in costs]
    assert whole[0] > 0
    assert all(a < b for a, b in pairwise(whole))
    assert all(
        0 < task.duration(CONFIG, a, b) < task.duration(CONFIG, 0, b) for a, b in pairwise(costs)
    )
    assert task.duration({**CONFIG, "max_leaf_nodes": 40}, 0, 81) > whole[-1]
    space = task.space(0)
    mean = np.mean([task.duration(dict(space.sample_configuration()), 0, 81) for _ in range(200)])
    assert 0.3 < mean < 2
