"""The forest that stands in for a table: what it predicts, and where it is refused."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor

from bohb_study.errors import UsageError
from bohb_study.running.designs import design
from bohb_study.seeding import plain
from bohb_study.tasks import Task, make_task
from bohb_study.tasks.tabular import surrogate
from bohb_study.tasks.tabular.curve_parquet import curve_table_bytes, table_of
from bohb_study.tasks.tabular.curve_table import Curves
from bohb_study.tasks.tabular.flat_trees import TREES, Trees
from bohb_study.tasks.tabular.surrogate_forest import (
    Encoder,
    Forest,
    Targets,
    cross_validated,
)
from made_tables import RUNGS, about_every_kind, every_kind, made_curves, made_table, written

CONFIGS = design(every_kind(), 150).configs
TABLE = table_of(curve_table_bytes(about_every_kind(), CONFIGS, made_curves(CONFIGS, 1)))


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    data = curve_table_bytes(about_every_kind(), CONFIGS, made_curves(CONFIGS, 1))
    return make_task(f"surrogate:{written(data, tmp_path_factory.mktemp('tables'))}")


def test_flat_trees_predict_as_the_forest_does() -> None:
    encoder, y = Encoder(TABLE.about.search_space), Targets(TABLE).validation
    x = np.array([encoder.vector(config) for config in TABLE.configs])
    forest = ExtraTreesRegressor(TREES, random_state=3).fit(x, y)
    flat = Trees.fitted(x, y, 3)
    drawn = every_kind()
    drawn.seed(5)
    unseen = [encoder.vector(dict(one)) for one in drawn.sample_configuration(20)]
    np.testing.assert_allclose([flat.predict(one) for one in unseen], forest.predict(unseen))


def test_kinds_of_hyperparameters_become_features() -> None:
    encoder = Encoder(every_kind())
    config = {
        "lr": 1e-3, "units": 256, "optimiser": "adam", "shape": None, "nesterov": False,
        "batch": 64, "version": 2,
    }  # fmt: skip
    found = dict(zip(every_kind(), range(8), strict=True))
    assert len(found) == 8  # a constant is no feature, a choice of more than two is one for each
    values = sorted(encoder.vector(config).round(6).tolist())
    # momentum is inactive: -1; lr is in the middle of its scale, the others at an end
    assert values == sorted([0.5, -1, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1, 1])


def test_two_forests_are_equal() -> None:
    config = CONFIGS[7]
    first, second = (Forest(TABLE).curve(config) for _ in range(2))
    assert first.val_loss == second.val_loss
    assert first.test_loss == second.test_loss
    np.testing.assert_array_equal(first.seconds, second.seconds)


def test_what_it_was_fitted_to_is_what_it_predicts() -> None:
    forest, curves = Forest(TABLE), made_curves(CONFIGS, 1)
    for place in range(0, len(CONFIGS), 10):
        found = forest.curve(CONFIGS[place])
        ok = curves.status[place, 0] == 0
        assert [not fails for fails in found.fails] == ok.tolist()
        for rung in np.flatnonzero(ok):
            assert found.val_loss[rung] == pytest.approx(curves.val_loss[place, 0, rung], rel=1e-6)
            assert found.test_loss[rung] == pytest.approx(curves.test_loss[place, 0, rung])
        if ok.all():
            assert found.seconds == pytest.approx(curves.seconds[place, 0], rel=1e-6)


def test_what_failed_fails_and_goes_on_failing(task: Task) -> None:
    failing = next(one for one in CONFIGS if one["lr"] > 10**-1.2)
    evaluation = task.start(failing, 0)
    assert [evaluation.advance(level).status for level in RUNGS] == ["failed"] * 3
    assert task.true_loss(failing) is None
    diverging = next(one for one in CONFIGS if 10**-1.2 > one["lr"] > 10**-1.5)
    evaluation = task.start(diverging, 0)
    assert [evaluation.advance(level).status for level in RUNGS] == ["ok", "ok", "failed"]


def test_a_paused_evaluation_goes_on(task: Task) -> None:
    config = plain(next(one for one in CONFIGS if one["lr"] < 1e-3))
    straight, paused = task.start(config, 0), task.start(config, 1)
    for level in RUNGS:
        whole, state = straight.advance(level), paused.state()
        paused = task.start(config, 1)
        paused.restore(state)
        report = paused.advance(level)
        assert (report.val_loss, report.test_loss) == (whole.val_loss, whole.test_loss)
        assert report.units == task.ladder.step_units(state["level"], level)


def test_durations_add_up(task: Task) -> None:
    config = CONFIGS[3]
    assert task.duration(config, 0, 9) == pytest.approx(
        task.duration(config, 0, 1) + task.duration(config, 1, 9)
    )


def test_a_rung_that_it_ranks_well_is_said(task: Task, capsys: pytest.CaptureFixture[str]) -> None:
    surrogate.validated.cache_clear()
    task.prepare()
    task.prepare()  # said once
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "rank correlation, 5-fold cross-validated on 150 configurations: 0." in said
    found = cross_validated(TABLE)
    assert (found > 0.85).all()
    assert f"{found[0]:.3f} at 1" in said


def test_a_rung_that_it_ranks_badly_is_refused_by_name(tmp_path: Path) -> None:
    curves = made_curves(CONFIGS, 1)
    val = curves.val_loss.copy()
    val[:, :, 1] = np.random.default_rng(0).permutation(val[:, :, 2])  # says nothing of itself
    status = np.where(np.isnan(val), 2, 0)
    test = np.where(status > 0, np.nan, 0.5)
    noisy = Curves(val, test, curves.seconds, curves.modelled, status)
    data = curve_table_bytes(about_every_kind(), CONFIGS, noisy)
    with pytest.raises(UsageError, match=r"predicts made at 3 epochs too badly: .*at least 0\.8"):
        make_task(f"surrogate:{written(data, tmp_path)}").prepare()


def test_too_few_configurations_are_refused(tmp_path: Path) -> None:
    path = written(made_table(9), tmp_path)
    with pytest.raises(UsageError, match=r"at 1 epoch too badly: .*on 9 configurations: nan"):
        make_task(f"surrogate:{path}").prepare()
