"""Tables of curves: what is written comes back, and what is damaged is refused."""

import json
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bohb_study.errors import UsageError
from bohb_study.identity import cell_parts
from bohb_study.plain_parquet import ORIGIN, table_bytes
from bohb_study.running.designs import design
from bohb_study.seeding import canonical, plain
from bohb_study.tasks import Task, is_file, make_task, task_name
from bohb_study.tasks.fingerprints import space_sha256
from bohb_study.tasks.space_json import space_from_json, space_to_json
from bohb_study.tasks.tabular import table_files
from bohb_study.tasks.tabular.curve_parquet import curve_table_bytes, table_of
from bohb_study.tasks.tabular.curve_table import Curves
from bohb_study.tasks.tabular.shipped import SHIPPED, shipped
from bohb_study.tasks.tabular.tabulated import Tabulated
from made_tables import (
    RUNGS,
    about_every_kind,
    every_kind,
    losses_of,
    made_curves,
    made_table,
    written,
)

DATA = made_table()
CONFIGS = design(every_kind(), 40).configs


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(DATA, tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def task(path: Path) -> Tabulated:
    found = make_task(f"table:{path}")
    assert isinstance(found, Tabulated)
    return found


def test_a_table_comes_back_exactly() -> None:
    table, curves = table_of(DATA), made_curves(CONFIGS)
    assert [canonical(one) for one in table.configs] == [canonical(one) for one in CONFIGS]
    for one, other in zip(table.configs, CONFIGS, strict=True):
        assert {k: type(v) for k, v in one.items()} == {k: type(v) for k, v in other.items()}
    for name in ("val_loss", "test_loss", "seconds", "modelled", "status"):
        np.testing.assert_array_equal(getattr(table.curves, name), getattr(curves, name))
    assert table.about == about_every_kind()
    assert {type(one.get("shape")) for one in table.configs} >= {tuple, int, float, str}
    assert any("shape" in one and one["shape"] is None for one in table.configs)
    assert any("momentum" not in one for one in table.configs)


def test_a_space_comes_back_exactly() -> None:
    space = every_kind()
    again = space_from_json(json.loads(json.dumps(space_to_json(space))))
    assert again == space
    assert space_sha256(again) == space_sha256(space)


def test_the_same_table_has_the_same_bytes() -> None:
    assert made_table() == DATA


def test_a_thousand_configurations_are_small() -> None:
    assert len(made_table(1000, seeds=1)) < 300_000


def changed(what: Callable[[dict[str, Any]], None], *, rows: bool = True) -> bytes:
    """The table with other columns (name -> list), or saying something else of itself."""
    table = pq.read_table(pa.BufferReader(DATA))
    origin = json.loads(table.schema.metadata[ORIGIN])
    if rows:
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
        what(columns)
        table = pa.table(
            {
                name: pa.array(values, table.schema.field(name).type)
                if name in table.schema.names
                else pa.array(values)
                for name, values in columns.items()
            }
        )
    else:
        what(origin)
    return table_bytes(table, origin)


def put(column: str, value: Any, row: int = 0) -> Callable[[dict[str, Any]], None]:
    def change(columns: dict[str, Any]) -> None:
        columns[column][row] = value

    return change


def say(**of_about: Any) -> Callable[[dict[str, Any]], None]:
    return lambda origin: origin["about"].update(of_about)


DAMAGED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is no parquet"),
    "truncated": (DATA[:-200], "is no parquet"),
    "no table": (table_bytes(pa.table({"x": [1.0]})), "is no table of curves"),
    "newer": (changed(lambda one: one.update(table=2), rows=False), "by a newer version"),
    "unnamed": (changed(lambda one: one.pop("about"), rows=False), "does not say what"),
    "costs": (changed(say(costs=[3, 1]), rows=False), "costs must be positive and increasing"),
    "eta": (changed(say(eta=1), rows=False), "eta must be at least 2"),
    "text": (changed(say(summary="a\x1b[31m"), rows=False), "its summary is no line of text"),
    "type": (changed(say(resumable="yes"), rows=False), "its resumable is no bool"),
    "order": (changed(say(grid_order=["lr"]), rows=False), "order of hyperparameters"),
    "space": (changed(say(space={"hyperparameters": 1}), rows=False), "space cannot be read"),
    "no loss": (changed(put("val_loss", math.nan)), "a loss is no finite number"),
    "huge": (changed(put("val_loss", 1e305)), "a loss is no finite number"),
    "gap": (changed(put("val_loss", None)), "column val_loss has gaps"),
    "negative": (changed(put("seconds", -1.0)), "its seconds are no seconds"),
    "free": (changed(put("modelled", -0.5)), "its modelled seconds are no seconds"),
    "endless": (changed(put("seconds", math.inf)), "its seconds are no seconds"),
    "names": (changed(say(grid_order=[1]), rows=False), "its grid_order are not each of str"),
    "no value": (changed(put("hp.shape", "[")), "column hp.shape holds what is no value"),
    "status": (changed(put("status", "fine")), "a status that there is not"),
    "lost loss": (changed(put("status", "failed")), "a failed evaluation has a loss"),
    "level": (changed(put("level", 2)), "not in order by level"),
    "many": (changed(put("configuration", 10**9)), "rows of 1000000001 configurations"),
    "outside": (changed(put("hp.units", 1000)), "a configuration is none of its space"),
    "inactive": (changed(put("hp.lr", None)), "a configuration is none of its space"),
    "no column": (changed(lambda columns: columns.pop("hp.lr")), "column hp.lr is not of double"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_what_is_damaged_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    data, why = DAMAGED[kind]
    path = written(data, tmp_path)
    with pytest.raises(UsageError, match=rf"^tasks table:.*{re.escape(why)}") as refused:
        make_task(f"table:{path}")
    assert "\n" not in str(refused.value)


def test_a_configuration_twice_is_refused() -> None:
    configs = (*CONFIGS[:3], CONFIGS[0])
    data = curve_table_bytes(about_every_kind(), configs, made_curves(configs))
    with pytest.raises(ValueError, match="has a configuration twice"):
        table_of(data)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("table:{0}/none.parquet", "there is no {0}/none.parquet"),
        ("table:{0}/made.csv", "must name a table, such as table:tables/NAME.parquet"),
        ("table:", "must name a table"),
        ("surrogate:{0}/a b.parquet", "letters, digits and _ -"),
    ],
)
def test_what_names_no_table_is_refused(given: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(why.format(tmp_path))):
        make_task(given.format(tmp_path))


@pytest.mark.parametrize("name", shipped())
def test_a_table_of_the_package_is_found_by_its_name(name: str) -> None:
    task = make_task(f"table:{name}")
    assert task.name == f"table-{name}"
    card = json.loads((SHIPPED / f"{name}.json").read_text())
    assert task.data_sha256 == card["sha256"]
    config = plain(dict(task.space(0).sample_configuration()))
    report = task.start(config, 0).advance(task.ladder.top)
    assert report.units == task.ladder.top
    assert card["task"] == name


def test_the_packages_tables_are_small_and_named_where_a_name_is_wrong() -> None:
    assert shipped()
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 10 * 2**20
    with pytest.raises(UsageError, match=f"or one of the package: .*{shipped()[0]}"):
        make_task("table:mnist")


def test_a_card_vouches_for_its_table_alone(path: Path, tmp_path: Path) -> None:
    other = written(made_table(30), tmp_path)
    other.with_suffix(".json").write_bytes(path.with_suffix(".json").read_bytes())
    with pytest.raises(UsageError, match="is not the table of its card"):
        make_task(f"table:{other}")
    for text in ("", "[1]", "{}", "[" * 100_000):
        other.with_suffix(".json").write_text(text)
        with pytest.raises(UsageError, match=r"made\.json is no (JSON|card of a table)"):
            make_task(f"table:{other}")


def test_a_table_that_changes_is_not_read(tmp_path: Path) -> None:
    task = make_task(f"table:{written(DATA, tmp_path, 'other')}")
    again = pickle.loads(pickle.dumps(task))
    written(made_table(30), tmp_path, "other")
    table_files.known_table.cache_clear()
    with pytest.raises(UsageError, match="is not the table that it was"):
        again.start(CONFIGS[0], 0)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("table:made.parquet", "table-made"),
        ("table:a/b.c/made.json", "table-made"),
        ("surrogate:/tmp/x_1.parquet", "surrogate-x_1"),
        ("digits", "digits"),
        ("my.py:Task", "my.py:Task"),
    ],
)
def test_a_table_is_called_by_its_kind_and_file(given: str, name: str) -> None:
    assert task_name(given) == name
    assert is_file(given) == (given == "my.py:Task")


def test_both_files_name_the_table(path: Path, task: Task) -> None:
    by_card = make_task(f"table:{path.with_suffix('.json')}")
    assert (by_card.name, by_card.data_sha256) == (task.name, task.data_sha256)


def test_what_was_measured_is_found(task: Tabulated) -> None:
    curves = made_curves(CONFIGS)
    for place, config in enumerate(CONFIGS):
        for study_seed in range(4):
            evaluation = task.start(config, study_seed)
            for rung, level in enumerate(RUNGS):
                report = evaluation.advance(level)
                assert report.units == task.ladder.step_units(([0, *RUNGS])[rung], level)
                status = ("ok", "diverged", "failed")[curves.status[place, study_seed % 2, rung]]
                assert report.status == status
                if status == "ok":
                    losses = losses_of(config, level, study_seed % 2)
                    assert (report.val_loss, report.test_loss) == losses
    assert {0, 1, 2} == set(curves.status.ravel().tolist())


def test_what_was_not_measured_is_the_nearest(task: Tabulated) -> None:
    config = next(one for one in CONFIGS if one["lr"] < 1e-3)
    near = {**config, "lr": config["lr"] * 1.000001}
    report = task.start(near, 0).advance(9)
    assert report.val_loss == losses_of(config, 9)[0]


def test_a_training_goes_on_where_it_was_paused(task: Tabulated) -> None:
    config = next(one for one in CONFIGS if one["lr"] < 1e-3)
    straight = task.start(config, 1)
    paused = task.start(config, 1)
    for level in RUNGS:
        whole = straight.advance(level)
        state = pickle.loads(pickle.dumps(paused.state()))
        paused = task.start(config, 1)
        paused.restore(state)
        report = paused.advance(level)
        assert (report[:2], report.units) == (whole[:2], whole.units)
    with pytest.raises(ValueError, match="at level 9 already"):
        paused.advance(9)


def test_seconds_are_the_measured_ones(task: Tabulated, tmp_path: Path) -> None:
    config = next(one for one in CONFIGS if one["lr"] < 1e-3)
    steps = [rung * (1 + config["units"]) + 0.5 for rung in RUNGS]  # the mean over two seeds
    assert task.duration(config, 0, 9) == pytest.approx(sum(steps))
    assert task.duration(config, 1, 9) == pytest.approx(sum(steps[1:]))
    failing = next(one for one in CONFIGS if one["lr"] > 10**-1.2)
    modelled = [2 * (rung * (1 + failing["units"]) + 0.5) for rung in RUNGS]
    assert task.duration(failing, 0, 9) == pytest.approx(sum(modelled))
    whole = make_task(f"table:{written(made_table(40, resumable=False), tmp_path)}")
    assert whole.duration(config, 0, 9) == pytest.approx(steps[-1])
    modelled_task = make_task(f"table:{written(made_table(computed=True), tmp_path)}")
    assert modelled_task.duration(config, 0, 9) == pytest.approx(2 * sum(steps))


def test_a_coarser_eta_skips_rungs(path: Path) -> None:
    task = make_task(f"table:{path}", eta=9)
    assert task.ladder.costs == (1, 9)
    config = next(one for one in CONFIGS if one["lr"] < 1e-3)
    evaluation = task.start(config, 0)
    evaluation.advance(1)
    assert evaluation.advance(9)[:4:3] == (losses_of(config, 9)[0], 8)


def test_noise_free_losses_are_means_over_the_seeds(task: Tabulated) -> None:
    config = next(one for one in CONFIGS if one["lr"] < 1e-3)
    assert task.true_loss(config) == pytest.approx(losses_of(config, 9)[0] + 0.005)
    assert task.true_loss(next(one for one in CONFIGS if one["lr"] > 0.05)) is None
    known = [loss for one in CONFIGS if (loss := task.true_loss(one)) is not None]
    assert task.optimum == min(known)


def test_the_code_of_a_table_is_its_own_and_nobody_elses() -> None:
    table, forest, digits = (
        {name for name in cell_parts(task, "random", "virtual") if "/tabular/" in name}
        for task in ("table-made", "surrogate-made", "digits")
    )
    assert {"tasks/tabular/tabulated.py", "tasks/tabular/curve_parquet.py"} <= table
    assert forest - table >= {"tasks/tabular/surrogate.py", "tasks/tabular/flat_trees.py"}
    assert not digits


def test_a_home_is_expanded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(path.parent))
    assert make_task("table:~/made.parquet").data_sha256 == table_of(DATA).sha256


def test_options_are_refused_in_one_line(path: Path) -> None:
    with pytest.raises(UsageError, match=r"table-made\.path: no such option of table-made"):
        make_task(f"table:{path}", {"path": "x"})


def test_a_table_of_failures_has_no_optimum(tmp_path: Path) -> None:
    curves = made_curves(CONFIGS[:2])
    none = np.full(curves.val_loss.shape, np.nan)
    failed = Curves(none, none, curves.seconds, curves.modelled, curves.status * 0 + 2)
    data = curve_table_bytes(about_every_kind(), CONFIGS[:2], failed)
    assert make_task(f"table:{written(data, tmp_path)}").optimum is None
