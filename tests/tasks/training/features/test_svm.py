"""Support vector machines: the kernel is exact, subsets are nested, every rung is one training."""

import math
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, split_seed
from bohb_study.tasks import TASKS, Report, make_task
from bohb_study.tasks.training.features import data_sets, svm_training
from bohb_study.tasks.training.features.svm import SVM
from bohb_study.tasks.training.features.svm_kernel import indices, load_distances, nested_order

NAMES = sorted(name for name in TASKS if name.startswith("svm-"))
CONFIG: Config = {"C": 30.0, "gamma": 0.05}
OTHERS: list[Config] = [
    {"C": 1e10, "gamma": 1e-10},
    {"C": 1e-10, "gamma": 1e10},
    {"C": 1e10, "gamma": 1e10},
    {"C": 1e-10, "gamma": 1e-10},
]


def small(name: str, data: Path, subset: int = 320) -> SVM:
    """A task on few rows; those that no package has are made."""
    options = {"subset": str(subset)}
    packaged = name.endswith(("-digits", "-mnist-5k"))
    found = make_task(name, options if packaged else {**options, "data": str(data)})
    assert isinstance(found, SVM)
    return found


@pytest.fixture(params=NAMES)
def task(request: pytest.FixtureRequest, feature_data: Path) -> SVM:
    load_distances.cache_clear()
    return small(request.param, feature_data)


@pytest.fixture
def digits(feature_data: Path) -> SVM:
    return small("svm-digits", feature_data)


def outcome(report: Report) -> dict[str, Any]:
    """All of a report that is not measured."""
    return {k: v for k, v in report._asdict().items() if k != "seconds"}


def climbed(task: SVM, config: Config, seed: int = 0) -> list[dict[str, Any]]:
    """The outcomes at all rungs of one evaluation."""
    evaluation = task.start(config, seed)
    return [outcome(evaluation.advance(level)) for level in task.ladder.costs]


# Rungs


def test_each_rung_is_paid_whole_and_is_the_same_wherever_it_is_begun(task: SVM) -> None:
    costs = task.ladder.costs
    assert not task.ladder.resumable
    assert not task.ladder.curve
    assert costs[-1] == task.counts().train == 240
    assert costs[-2] == 80
    assert costs[0] >= task.classes
    found = climbed(task, CONFIG)
    assert [one["units"] for one in found] == list(costs)
    assert found == climbed(task, CONFIG)
    for level, expected in zip(costs, found, strict=True):
        evaluation = task.start(CONFIG, 0)
        evaluation.restore(pickle.loads(pickle.dumps(task.start(CONFIG, 0).state())))
        assert outcome(evaluation.advance(level)) == expected
    assert found[-1]["val_loss"] <= found[0]["val_loss"] < 1 - 1 / task.classes


def test_subsets_are_nested_and_stratified_and_begin_with_every_class() -> None:
    labels = np.repeat([0, 1, 2, 3], [500, 300, 195, 5])
    order = nested_order(labels, seed=7)
    assert sorted(order) == list(range(1000))
    assert set(labels[order[:4]]) == {0, 1, 2, 3}
    for count in (37, 111, 333, 1000):
        drawn = np.bincount(labels[order[:count]], minlength=4)
        expected = np.bincount(labels) * count / 1000
        assert (np.abs(drawn - expected) <= 1.5).all()
    assert not np.array_equal(order, nested_order(labels, seed=8))
    assert np.array_equal(order, nested_order(labels, seed=7))
    assert not np.array_equal(np.sort(order[:333]), order[:333])


def test_all_configurations_of_a_study_see_the_same_subsets(digits: SVM) -> None:
    orders = [digits.start(config, 0)._order for config in (CONFIG, *OTHERS)]
    assert all(np.array_equal(orders[0], order) for order in orders)
    assert not np.array_equal(orders[0], digits.start(CONFIG, 1)._order)
    assert digits.split_sha256(0) == digits.split_sha256(0) != digits.split_sha256(1)


def test_retrained_it_sees_other_subsets_and_at_the_top_the_same_rows(digits: SVM) -> None:
    evaluations = [digits.start(CONFIG, 0), *(digits.retrain(CONFIG, 0, i) for i in (0, 1))]
    lowest, top = digits.ladder.costs[0], digits.ladder.top
    rows = {tuple(np.sort(one._order[:lowest])) for one in evaluations}
    assert len(rows) == 3
    assert len({one.advance(lowest).val_loss for one in evaluations}) > 1
    ends = [outcome(one.advance(top)) for one in evaluations]
    assert ends[0] == ends[1] == ends[2]


def test_few_rows_leave_few_rungs() -> None:
    def costs(name: str, subset: int) -> tuple[int, ...]:
        return make_task(name, {"subset": str(subset)}).ladder.costs

    assert costs("svm-digits", -1) == (13, 39, 119, 359, 1079)
    assert costs("svm-digits", 100) == (25, 75)
    assert costs("svm-letter", 100) == (75,)
    assert make_task("svm-mnist-5k", eta=9).ladder.costs == (37, 333, 3000)


# The kernel


def test_distances_are_those_of_the_divided_rows(digits: SVM) -> None:
    grey, labels = load_digits(return_X_y=True)
    train, val, test = indices(labels, 320, seed=3)
    found = load_distances("digits", "", 320, 3)
    rows = grey[np.concatenate((train, val, test))]
    exact = ((rows[:, None, :] - rows[None, : len(train), :]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(np.concatenate((found.train, found.others)), exact)
    assert found.scale == 16
    kernel = found.kernel(found.others, 0.5)
    np.testing.assert_allclose(kernel, np.exp(-0.5 * exact[len(train) :] / 256), rtol=1e-12)
    np.testing.assert_array_equal(found.val_labels, labels[val])


def test_images_too_have_whole_distances() -> None:
    """784 pixels of up to 255 are the largest that int32 has to have."""
    assert np.iinfo(np.int32).max > 784 * 255**2
    found = load_distances("mnist-5k", "", 400, 0)
    assert found.scale == 255
    assert (np.diag(found.train) == 0).all()
    np.testing.assert_array_equal(found.train, found.train.T)
    table = data_sets.load("mnist-5k")
    train, _, test = indices(table.labels, 400, seed=0)
    rows = table.features.astype(np.int64)
    expected = ((rows[test[-1]] - rows[train]) ** 2).sum(axis=1)
    np.testing.assert_array_equal(found.others[-1], expected)


@pytest.mark.parametrize("config", [CONFIG, {"C": 1.0, "gamma": 1.0}, *OTHERS])
def test_it_is_scikit_learns_svc_with_the_rbf_kernel(digits: SVM, config: Config) -> None:
    report = digits.start(config, 0).advance(digits.ladder.top)
    grey, labels = load_digits(return_X_y=True)
    train, val, test = indices(labels, 320, split_seed(digits.name, 0))
    model = SVC(**config, max_iter=svm_training.STEPS).fit(grey[train] / 16, labels[train])
    errors = [1 - model.score(grey[part] / 16, labels[part]) for part in (val, test)]
    assert [report.val_loss, report.test_loss] == pytest.approx(errors, abs=1e-12)
    vectors = report.extra["support_vectors"] * digits.ladder.top
    assert vectors == pytest.approx(model.n_support_.sum())


def test_refit_on_all_data_it_trains_on_the_validation_part_too(digits: SVM) -> None:
    whole = digits.on_all_data()
    assert whole.counts() == (320, 80, 80)
    assert whole.ladder.top == 320
    labels = load_digits().target
    parts, wholes = (indices(labels, 320, 5, whole=flag) for flag in (False, True))
    assert set(wholes[0]) == {*parts[0], *parts[1]}
    assert np.array_equal(wholes[2], parts[2])
    report = whole.start(CONFIG, 0).advance(320)
    assert report.val_loss == report.test_loss < 0.1


# The solver


def test_the_solver_ends_by_steps_and_says_so(digits: SVM, monkeypatch: pytest.MonkeyPatch) -> None:
    top = digits.ladder.top
    full = digits.start(CONFIG, 0).advance(top)
    assert full.extra["capped"] == 0
    monkeypatch.setattr(svm_training, "STEPS", 3)
    evaluation = digits.start(CONFIG, 0)
    capped = evaluation.advance(top)  # a warning would be an error
    assert capped.extra["capped"] == 1
    assert outcome(capped) == outcome(evaluation.advance(top))
    assert capped.status == "ok"


def test_coefficients_that_are_not_finite_are_a_failure(
    digits: SVM, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: SVC, *given: Any) -> SVC:
        raise ValueError("The dual coefficients or intercepts are not finite.\n Scale the data.")

    monkeypatch.setattr(SVC, "fit", refuse)
    report = digits.start(CONFIG, 0).advance(240)
    assert report.status == "failed"
    assert report.message.endswith("are not finite. Scale the data.")
    assert report.units == 240
    assert math.isnan(report.val_loss)
    assert list(report.extra) == list(digits.extra_names)


def test_threads_and_random_states_of_the_process_do_not_matter(digits: SVM) -> None:
    found = climbed(digits, CONFIG)
    np.random.seed(5)  # noqa: NPY002
    before = str(np.random.get_state())  # noqa: NPY002
    load_distances.cache_clear()
    with threadpool_limits(4):
        assert climbed(digits, CONFIG) == found
    assert str(np.random.get_state()) == before  # noqa: NPY002


def test_it_learns() -> None:
    report = make_task("svm-digits").start({"C": 10.0, "gamma": 0.5}, 0).advance(1079)
    assert report.val_loss < 0.03
    assert report.test_loss < 0.03


# Options and the model of time


@pytest.mark.parametrize("options", [{"subset": "5"}, {"subset": "many"}, {"rows": "5"}])
def test_options_that_cannot_be_are_refused_in_one_line(options: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="svm-digits") as refused:
        make_task("svm-digits", options)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", NAMES)
def test_model_of_time_grows_with_rows(name: str) -> None:
    task = make_task(name)
    for config in (CONFIG, *OTHERS):
        whole = [task.duration(config, 0, level) for level in task.ladder.costs]
        assert whole[0] > 0
        assert all(a < b for a, b in pairwise(whole))
        assert whole[-1] < 2
