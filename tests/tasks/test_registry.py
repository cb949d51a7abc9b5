"""Every registered task, put through the same paces."""

import math
import pickle
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bohb_study import schema
from bohb_study.errors import UsageError
from bohb_study.seeding import Config, canonical, plain, space_seed
from bohb_study.tasks import TASKS, Report, Task, make_task, task_class
from bohb_study.tasks.registry import TABLE_KINDS, home_of
from fresh_python import printed
from made_tables import made_table, written

pytestmark = pytest.mark.long

STUDY_SEED = 0


IMAGES = {"epochs": "9", "subset": "100"}
"""Options of tasks that train on images, so that they take no more than a second."""
TABLES = {
    "boosting": {"iterations": "9", "subset": "100"},
    "logreg": {"epochs": "3", "subset": "100"},
    "mlp": {"epochs": "3", "subset": "100"},
    "svm": {"subset": "100"},
}
"""The same of tasks that train on tables of features, by family."""
OPTIONS = {
    **dict.fromkeys(("cifar10", "fashion-mnist", "fashion-mnist-1000", "mnist"), IMAGES),
    "autoencoder-fashion-mnist": IMAGES,
    "cifar10-resnet": {**IMAGES, "depth": "8", "width": "4"},
    "cifar10-resnet50-split": {**IMAGES, "width": "1", "micro_batches": "2"},
    **{name: TABLES[name.partition("-")[0]] for name in TASKS if ".features." in TASKS[name]},
}
IN_PACKAGES = ("-digits", "-mnist-5k")
"""How tasks are named that read data which a package has."""
SHORT = {"ppo-cartpole": {"episodes": "30", "steps": "1000"}}
"""Options of other tasks, likewise."""


@pytest.fixture(params=[*sorted(TASKS), *TABLE_KINDS])
def task(request: pytest.FixtureRequest) -> Task:
    name = request.param
    if name in TABLE_KINDS:
        return make_task(f"{name}:{request.getfixturevalue('written_table')}")
    if name.startswith("lcdb-") and find_spec("lcdb") is None:
        pytest.skip("needs the extra lcdb")
    if name.startswith("scan-") and find_spec("scan_bench") is None:
        pytest.skip("needs the package scan-bench")
    if name not in OPTIONS:
        return make_task(name, SHORT.get(name))
    if name.endswith(IN_PACKAGES):
        return make_task(name, OPTIONS[name])
    if ".features." in TASKS[name]:
        data = request.getfixturevalue("feature_data")
        return make_task(name, {**OPTIONS[name], "data": str(data)})
    request.getfixturevalue("own_cache")
    data = request.getfixturevalue("image_data")
    return make_task(name, {**OPTIONS[name], "data": str(data)})


@pytest.fixture(scope="module")
def written_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(made_table(60), tmp_path_factory.mktemp("tables"))


def draw(task: Task, n: int, seed: int = 1) -> list[Config]:
    space = task.space(seed)
    return [plain(space.sample_configuration()) for _ in range(n)]


def outcome(report: Report) -> dict[str, Any]:
    """All of a report that is not measured; a loss that is not there is None."""
    told = {key: value for key, value in report._asdict().items() if key != "seconds"}
    losses = {key: told[key] for key in ("val_loss", "test_loss")}
    return told | {key: None if math.isnan(loss) else loss for key, loss in losses.items()}


def test_says_what_it_is(task: Task) -> None:
    assert str(home_of(task.name)).partition(":")[2] == type(task).__name__
    assert all(
        text and "\n" not in text for text in (task.summary, task.val_metric, task.test_metric)
    )


def test_grid_order_names_every_hyperparameter_once(task: Task) -> None:
    assert sorted(task.grid_order) == sorted(task.space(0))


def test_a_seed_draws_the_same_configurations_again(task: Task) -> None:
    seed = space_seed(task.name, STUDY_SEED)
    first = draw(task, 20, seed)
    np.random.seed(99)  # noqa: NPY002 (the global state is what must not matter)
    assert draw(task, 20, seed) == first
    assert draw(task, 20, seed + 1) != first
    assert len({canonical(config) for config in first}) > 6  # the smallest space has 20


def test_can_be_sent_to_another_process(task: Task) -> None:
    assert pickle.loads(pickle.dumps(task)) == task


def test_first_level_is_finite_and_costs_what_the_ladder_says(task: Task) -> None:
    config = draw(task, 1)[0]
    level = task.ladder.next_level(0)
    report = task.start(config, STUDY_SEED).advance(level)
    assert report.status in schema.STATUSES
    assert math.isfinite(report.val_loss) == math.isfinite(report.test_loss)
    assert math.isfinite(report.val_loss) == (report.status == "ok")
    assert report.units == task.ladder.step_units(0, level)
    assert set(report.extra) == set(task.extra_names)


def test_a_paused_evaluation_goes_on_as_if_nothing_had_happened(task: Task) -> None:
    config = draw(task, 1)[0]
    first = task.ladder.next_level(0)
    second = first if first == task.ladder.top else task.ladder.next_level(first)
    unbroken, broken = task.start(config, STUDY_SEED), task.start(config, STUDY_SEED)
    assert outcome(unbroken.advance(first)) == outcome(broken.advance(first))
    resumed = task.start(config, STUDY_SEED)
    resumed.restore(pickle.loads(pickle.dumps(broken.state())))
    assert outcome(unbroken.advance(second)) == outcome(resumed.advance(second))


def test_time_is_modelled(task: Task) -> None:
    config = draw(task, 1)[0]
    ladder = task.ladder
    seconds = [task.duration(config, 0, cost) for cost in ladder.costs]
    assert all(math.isfinite(second) and second > 0 for second in seconds)
    assert seconds == sorted(seconds) or task.name.startswith("lcdb-")  # measured there
    assert seconds == [task.duration(config, 0, cost) for cost in ladder.costs]


def test_it_can_be_prepared_and_says_which_data_it_reads(task: Task) -> None:
    task.prepare()
    sha256 = task.data_sha256
    assert sha256 is None or re.fullmatch("[0-9a-f]{64}", sha256)
    reads = task.name in OPTIONS or task.name not in TASKS or task.name.startswith("scan-")
    assert (sha256 is not None) == reads


def test_true_loss_is_known_where_the_optimum_is(task: Task) -> None:
    """But for the configurations that diverge."""
    losses = [task.true_loss(config) for config in draw(task, 5)]
    known = [loss for loss in losses if loss is not None]
    if task.optimum is None:
        assert len(known) in (0, 5)
    else:
        assert len(known) == 5 or (known and task.name in ("synthetic-curves", "scan-openclip"))
        assert min(known) >= task.optimum


def test_unknown_names_are_refused_with_the_near_ones() -> None:
    with pytest.raises(UsageError, match=r"^tasks digit: no such task; did you mean digits"):
        task_class("digit")
    with pytest.raises(UsageError, match=r"^tasks zzz: no such task; known: .*digits"):
        make_task("zzz")
    with pytest.raises(UsageError, match=r"digits\.epoch: no such option .*did you mean epochs\?$"):
        make_task("digits", {"epoch": "9"})
    with pytest.raises(UsageError, match=r"digits\.eta: no such option"):
        make_task("digits", {"eta": "9"})


def test_option_of_another_type_is_refused() -> None:
    with pytest.raises(UsageError, match=r"digits\.epochs=nine: must be a whole number"):
        make_task("digits", {"epochs": "nine"})


def test_eta_that_does_not_fit_is_refused_at_once() -> None:
    assert make_task("digits", {"epochs": "81"}, eta=9).ladder.costs == (1, 9, 81)
    with pytest.raises(UsageError, match="eta 2: does not fit 27 epochs; allowed: 3, 27"):
        make_task("digits", eta=2)


def test_naming_the_tasks_imports_none_of_them() -> None:
    code = (
        "import sys, bohb_study, bohb_study.tasks;"
        "print([name for name in ('torch', 'ray', 'sklearn') if name in sys.modules])"
    )
    assert printed(code).strip() == "[]"
