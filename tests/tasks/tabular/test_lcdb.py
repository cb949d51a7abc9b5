"""The measured learning curves, against lines of the database and the rule that chose them."""

import math
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import csv

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks import TASKS, make_task
from bohb_study.tasks.tabular import lcdb_curves
from bohb_study.tasks.tabular.lcdb import LCDB, TOPS
from bohb_study.tasks.tabular.lcdb_curves import LEARNERS, accuracies

needs_data = pytest.mark.skipif(find_spec("lcdb") is None, reason="needs the extra lcdb")
GRID = {2**i for i in range(4, 20)}


def curves_of(openml_id: int) -> LCDB:
    task = make_task(f"lcdb-{openml_id}")
    assert isinstance(task, LCDB)
    return task


@pytest.fixture(scope="module")
def database() -> pa.Table:
    """All of the database at the sizes 16, 32, ..., as the file has it."""
    columns = ["openmlid", "learner", "size_train", "outer_seed", "inner_seed", "score_valid"]
    options = csv.ConvertOptions(include_columns=columns, auto_dict_encode=True)
    table = csv.read_csv(accuracies(), convert_options=options)
    return table.filter(pc.is_in(table["size_train"], pa.array(sorted(GRID))))


def test_registry_names_the_data_sets_that_have_a_top() -> None:
    assert [name for name in TASKS if name.startswith("lcdb-")] == [f"lcdb-{i}" for i in TOPS]
    assert len(TOPS) == 32


def test_rungs_double_up_to_the_top() -> None:
    ladder = make_task("lcdb-44").ladder
    assert ladder.costs == (16, 32, 64, 128, 256, 512, 1024, 2048)
    assert (ladder.unit, ladder.eta, ladder.curve) == ("training example", 2, False)
    assert not ladder.resumable
    assert all(make_task(f"lcdb-{i}").ladder.top == top for i, top in TOPS.items())


@needs_data
def test_data_sets_and_tops_are_what_the_rule_says(database: pa.Table) -> None:
    """Breaks where a data set or its top was typed wrong, or another version is installed."""
    frame = database.to_pandas()
    frame["pair"] = frame["outer_seed"] * 1000 + frame["inner_seed"]
    pairs = frame.groupby("openmlid")["pair"].nunique()
    counts = frame.groupby(["openmlid", "size_train", "learner"], observed=True).size()
    table = counts.unstack("learner", fill_value=0)
    tops = {}
    for openml_id, rows in table.groupby(level="openmlid"):
        enough = (rows.droplevel("openmlid") >= 0.8 * pairs[openml_id]).all(axis="columns")
        size = 8
        while enough.get(2 * size, default=False):
            size *= 2
        tops[openml_id] = size
    assert {i: top for i, top in tops.items() if top >= 512} == TOPS
    assert {name.rpartition(".")[2] for name in table.columns} == set(LEARNERS)
    worst = 1 - frame.loc[frame["openmlid"].isin(TOPS), "score_valid"].min()
    assert worst < 0.91


@needs_data
def test_values_are_those_of_the_file() -> None:
    """Three lines of the file, by eye: 44, SVC_linear, pair (0, 0) and the pair after it."""
    curves, linear = curves_of(44).curves, LEARNERS.index("SVC_linear")
    # 44,SVC_linear,16,461,0,0,0.0024,0.875,0.7440000000000001,0.7072
    assert curves.val_error[linear, 0, 0] == pytest.approx(1 - 0.744)
    assert curves.test_error[linear, 0, 0] == pytest.approx(1 - 0.7072)
    assert curves.seconds[linear, 0, 0] == 0.0024
    # 44,SVC_linear,2048,461,0,0,0.1649,0.8779,0.8623,0.885
    assert curves.val_error[linear, 7, 0] == pytest.approx(1 - 0.8623)
    # 44,SVC_linear,16,461,0,1,0.0013,0.9375,0.7343,0.757
    assert curves.test_error[linear, 0, 1] == pytest.approx(1 - 0.757)


@needs_data
@pytest.mark.parametrize("openml_id", TOPS)
def test_every_line_of_a_data_set_is_read(openml_id: int, database: pa.Table) -> None:
    """Breaks where the lines that are cut out of the file are too few, or of another data set."""
    of_ladder = pc.and_(
        pc.equal(database["openmlid"], openml_id),
        pc.less_equal(database["size_train"], TOPS[openml_id]),
    )
    scores = database.filter(of_ladder)["score_valid"].to_numpy()
    errors = curves_of(openml_id).curves.val_error
    assert errors.shape[-1] == 25
    np.testing.assert_allclose(np.sort(errors[np.isfinite(errors)]), np.sort(1 - scores))


@needs_data
def test_an_evaluation_keeps_its_pair_of_seeds_on_every_rung() -> None:
    """A trial is one split, so its curve is one that was measured."""
    task, drawn = curves_of(722), set()
    config: Config = {"learner": "MLPClassifier"}
    learner = LEARNERS.index("MLPClassifier")
    for seed in range(200):
        evaluation = task.start(config, seed)
        reports = [evaluation.advance(level) for level in task.levels]
        pairs = task.curves.val_error[learner] == np.array([[r.val_loss] for r in reports])
        (pair,) = np.flatnonzero(pairs.all(axis=0))
        np.testing.assert_array_equal(
            task.curves.test_error[learner, :, pair], [r.test_loss for r in reports]
        )
        assert [r.units for r in reports] == list(task.levels)
        drawn.add(int(pair))
    assert drawn == set(range(25))


@needs_data
def test_a_training_that_is_missing_is_a_failure_that_is_paid() -> None:
    task = curves_of(44)
    missing = np.argwhere(np.isnan(task.curves.val_error))
    assert len(missing) > 0
    learner, rung, _ = missing[0]
    config: Config = {"learner": LEARNERS[learner]}
    level = task.levels[rung]
    reports = [task.start(config, seed).advance(level) for seed in range(200)]
    failed = [report for report in reports if report.status == "failed"]
    share = np.isnan(task.curves.val_error[learner, rung]).mean()
    assert abs(len(failed) / 200 - share) < 4 * math.sqrt(share * (1 - share) / 200)
    assert {r.units for r in failed} == {level}
    assert all(math.isnan(loss) for r in failed for loss in (r.val_loss, r.test_loss))
    assert failed[0].message
    assert all(r.val_loss < 1 for r in reports if r.status == "ok")


@needs_data
@pytest.mark.parametrize("openml_id", TOPS)
def test_true_loss_and_time_are_means_over_the_pairs(openml_id: int) -> None:
    task = curves_of(openml_id)
    true = [task.true_loss({"learner": learner}) for learner in LEARNERS]
    assert min(true) == task.optimum
    assert all(0 <= loss < 1 for loss in true)
    curves, k = task.curves, LEARNERS.index("SVC_rbf")
    assert true[k] == pytest.approx(np.nanmean(curves.val_error[k, -1]))
    for rung, level in enumerate(task.levels):
        seconds = task.duration({"learner": "SVC_rbf"}, 0, level)
        assert seconds == pytest.approx(np.nanmean(curves.seconds[k, rung]))


def test_without_the_package_it_is_listed_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lcdb_curves, "find_spec", lambda name: None)
    lcdb_curves.load_curves.cache_clear()
    task = make_task("lcdb-44")
    assert task.ladder.top == 2048
    assert task.grid_order == ("learner",)
    assert "OpenML data set 44" in task.summary
    with pytest.raises(UsageError, match=r"^[^\n]*pip install 'bohb-study\[lcdb\]'$"):
        task.space(0)
    with pytest.raises(UsageError, match=r"pip install 'bohb-study\[lcdb\]'$"):
        task.start({"learner": "SVC_rbf"}, 0)


@needs_data
def test_learners_draw_a_split_each_or_share_the_seeds() -> None:
    """The third number of a place is the pair of seeds that stands for the split."""
    own, common = curves_of(44), make_task("lcdb-44", {"splits": "common"})
    assert isinstance(common, LCDB)
    configs: list[Config] = [{"learner": learner} for learner in LEARNERS]
    level = own.levels[-1]
    assert len({own.place(config, level, 0)[2] for config in configs}) > 5
    for seed in range(5):
        assert len({common.place(config, level, seed)[2] for config in configs}) == 1
    assert len({common.place(configs[0], level, seed)[2] for seed in range(100)}) > 15


def test_another_way_to_draw_splits_is_refused() -> None:
    with pytest.raises(UsageError, match=r"lcdb-44\.splits=all: must be own or common"):
        make_task("lcdb-44", {"splits": "all"})
