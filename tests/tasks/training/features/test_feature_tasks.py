"""Every task on a table of features, put through the same paces; a new one joins by its name."""

import math
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, plain, split_seed
from bohb_study.tasks import TASKS, Report, make_task
from bohb_study.tasks.training.features import data_sets
from bohb_study.tasks.training.features.data_sets import SIZES
from bohb_study.tasks.training.features.feature_task import FeatureTask
from bohb_study.tasks.training.features.parts import load_parts, sizes, split

NAMES = sorted(name for name, home in TASKS.items() if ".features." in home)
OPTIONS: dict[str, dict[str, str]] = {
    "mlp": {"epochs": "3"},
    "logreg": {"epochs": "3"},
    "boosting": {"iterations": "9"},
}
"""By family, what keeps an evaluation short beside few rows."""
DRAWS_NOTHING = ("svm",)
"""Families whose trainings depend on the configuration and the data alone, and whose configurations
often tie; what else differs is in their own tests."""
BEGINS_ANEW = ("boosting",)
"""Families that read their data anew whenever a training goes on, at a cost."""
IN_PACKAGES = ("digits", "mnist-5k")


@pytest.fixture(params=NAMES)
def task(request: pytest.FixtureRequest) -> FeatureTask:
    name = request.param
    family, _, source = name.partition("-")
    options = {**OPTIONS.get(family, {}), "subset": "150"}
    if source not in IN_PACKAGES:
        options["data"] = str(request.getfixturevalue("feature_data"))
    made = make_task(name, options)
    assert isinstance(made, FeatureTask)
    return made


def draw(task: FeatureTask, n: int, seed: int = 3) -> list[Config]:
    space = task.space(seed)
    return [plain(space.sample_configuration()) for _ in range(n)]


def outcome(report: Report) -> dict[str, Any]:
    """All of a report that is not measured and does not depend on where the step began."""
    return {k: v for k, v in report._asdict().items() if k not in {"seconds", "units"}}


def test_paused_at_each_rung_it_goes_on_exactly_and_twice_it_is_the_same(
    task: FeatureTask,
) -> None:
    config = draw(task, 1)[0]
    straight, broken = task.start(config, 0), task.start(config, 0)
    for level in task.ladder.costs:
        report = straight.advance(level)
        again = task.start(config, 0)
        again.restore(pickle.loads(pickle.dumps(broken.state())))
        broken = again
        assert outcome(broken.advance(level)) == outcome(report)
        assert report.units > 0
        assert report.seconds > 0
    if task.ladder.resumable:
        assert outcome(task.start(config, 0).advance(task.ladder.top)) == outcome(report)


@pytest.mark.parametrize(
    "task", [name for name in NAMES if not name.startswith(DRAWS_NOTHING)], indirect=True
)
def test_other_configurations_seeds_and_retrainings_differ(task: FeatureTask) -> None:
    """As far as losses tell: two configurations, for one that hardly learns tells nothing."""
    one, other = draw(task, 2)
    level = task.ladder.top
    assert (
        task.start(one, 0).advance(level).val_loss != task.start(other, 0).advance(level).val_loss
    )
    ways = [
        lambda config: task.start(config, 0),
        lambda config: task.start(config, 1),
        lambda config: task.retrain(config, 0, 0),
        lambda config: task.retrain(config, 0, 1),
    ]
    found = {tuple(way(config).advance(level).val_loss for config in (one, other)) for way in ways}
    assert len(found) == 4


def test_a_report_says_what_the_task_promises(task: FeatureTask) -> None:
    report = task.start(draw(task, 1)[0], 0).advance(task.ladder.costs[0])
    assert tuple(report.extra) == task.extra_names
    if report.status == "ok":
        assert 0 <= report.test_loss <= 1
        assert all(math.isfinite(value) for value in report.extra.values())


def test_on_all_data_no_row_of_a_test_part_is_trained_on(task: FeatureTask) -> None:
    whole = task.on_all_data()
    kept = task.subset if task.name.startswith(DRAWS_NOTHING) else 0  # grows with their square
    assert (whole.whole, whole.subset) == (True, kept)
    assert type(whole) is type(task)
    labels = data_sets.load(task.source, task.data).labels
    seed = split_seed(task.name, 0)
    parts = split(labels, task.subset, seed)
    train, val, test = split(labels, 0, seed, whole=True)
    assert np.array_equal(val, test)
    assert sorted(np.concatenate([train, test])) == list(range(len(labels)))
    assert not set(train) & set(parts[2])
    assert set(parts[2]) <= set(test)
    assert whole.split_sha256(0) != task.split_sha256(0)


def test_the_split_is_the_study_seeds(task: FeatureTask) -> None:
    assert task.split_sha256(0) == task.split_sha256(0)
    assert task.split_sha256(0) != task.split_sha256(1)
    again = make_task(task.name, {"data": task.data, "subset": "120"})
    assert again.split_sha256(0) != task.split_sha256(0)


def test_time_is_positive_and_adds_up_and_grows_with_the_rows(task: FeatureTask) -> None:
    larger = make_task(task.name, {"data": task.data, "subset": "0"})
    resuming_costs = task.name.startswith(BEGINS_ANEW)
    for config in draw(task, 5):
        seconds = [task.duration(config, 0, level) for level in task.ladder.costs]
        assert seconds[0] > 0
        assert all(a < b for a, b in pairwise(seconds))
        assert larger.duration(config, 0, task.ladder.top) > seconds[-1]
        if task.ladder.resumable:
            first, last = task.ladder.costs[0], task.ladder.top
            rest = task.duration(config, first, last)
            assert 0 < rest < seconds[-1]
            paused = task.duration(config, 0, first) + rest
            assert paused == pytest.approx(seconds[-1], rel=1.0 if resuming_costs else 1e-9)
            assert paused >= seconds[-1] * (1 - 1e-9)


def test_a_subset_that_cannot_be_is_refused_in_one_line(task: FeatureTask) -> None:
    for subset in ("-2", "1", "99"):
        with pytest.raises(UsageError) as refused:
            make_task(task.name, {"subset": subset})
        assert str(refused.value) == (
            f"task_options {task.name}.subset={subset}: must be at least 100 rows, 0 for all, or "
            "-1 for the task's own"
        )
    rows = len(data_sets.load(task.source, task.data).labels)
    most = rows - round(0.2 * rows)
    make_task(task.name, {"subset": str(most), "data": task.data}).prepare()
    with pytest.raises(UsageError, match=f"subset={most + 1}: there are {most} rows but for the"):
        make_task(task.name, {"subset": str(most + 1), "data": task.data}).prepare()


def test_its_own_subset_is_what_minus_one_stands_for(task: FeatureTask) -> None:
    own = make_task(task.name)
    assert own == make_task(task.name, {"subset": "-1"})
    assert isinstance(own, FeatureTask)
    assert own.subset == own.own_subset
    assert own.counts() == sizes(SIZES[own.source][0], own.subset)


# The parts


@pytest.mark.parametrize(("rows", "subset"), [(1797, 0), (1797, 500), (990, 101), (400, 320)])
def test_parts_are_60_20_20_stratified_and_disjoint(rows: int, subset: int) -> None:
    labels = np.random.default_rng(0).permutation(np.sqrt(np.arange(rows)).astype(int) % 7)
    parts = split(labels, subset, 5)
    assert tuple(map(len, parts)) == sizes(rows, subset)
    used = subset or rows - round(0.2 * rows)
    assert len(parts[0]) + len(parts[1]) == used
    assert abs(len(parts[1]) - 0.25 * used) < 1
    together = np.concatenate(parts)
    assert len(set(together)) == len(together)
    for part in parts[:2]:
        expected = np.bincount(labels) * len(part) / rows
        np.testing.assert_allclose(np.bincount(labels[part], minlength=7), expected, atol=2.1)
    for part in parts:  # so that the first rows of a part are a sample of it
        assert np.any(np.diff(labels[part]) < 0)


def test_rare_classes_are_drawn_now_and_then_and_refuse_nothing() -> None:
    """As in shuttle, where a class has 10 of 58,000 rows."""
    labels = np.zeros(2000, dtype=np.int64)
    labels[:2] = 1
    rare = [1 in labels[split(labels, 400, seed)[0]] for seed in range(40)]
    assert 0 < sum(rare) < 40


def test_features_are_scaled_by_the_training_part_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    table = data_sets.load("digits")
    parts = load_parts("digits", "", 300, 4)
    train, _, test = split(table.labels, 300, 4)
    values = table.features[train]
    varies = values.std(axis=0) > 0
    assert not varies.all()  # there are pixels at the rim that no digit of the subset touches
    for part, rows in ((parts.train, train), (parts.test, test)):
        assert part.features.dtype == np.float32
        expected = (table.features[rows] - values.mean(axis=0))[:, varies]
        expected /= values.std(axis=0)[varies]
        np.testing.assert_allclose(part.features[:, varies], expected, rtol=1e-5, atol=1e-6)
        assert not part.features[:, ~varies].any()
        np.testing.assert_array_equal(part.labels, table.labels[rows])


def test_a_path_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    made = make_task("mlp-letter", {"data": "here"})
    assert isinstance(made, FeatureTask)
    assert made.data == str(tmp_path / "here")
