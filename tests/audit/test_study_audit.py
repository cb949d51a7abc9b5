"""The audit of whole studies: clean ones pass, each kind of violation is caught by its check."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bohb_study.audit.study_audit import audit_folder, audit_study
from bohb_study.audit.verdict import CHECKS, Audit
from bohb_study.cli import command_line
from bohb_study.engines.base import CellJob, run_cell
from bohb_study.errors import StudyError
from bohb_study.methods import METHODS, get_method
from bohb_study.schema import HP
from bohb_study.store import LoadedStudy, load_study, pack, read_cell, write_cell, write_study
from bohb_study.store.sealed import sealed_json
from bohb_study.store.sidecars.audit_json import read_audit
from bohb_study.study import Cell, StudyConfig
from repository import ROOT

KEY = ("branin-mf", "bohb", 1)
"""The cell in which violations are planted."""
NAME = "/".join(map(str, KEY))

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")


def store(folder: Path, config: StudyConfig) -> Path:
    """Run a study in this process and store it, as the runner does."""
    folder.mkdir()
    tasks = config.resolve().tasks
    write_study(folder, "compare", config, tasks)
    for cell in config.cells():
        result = run_cell(CellJob(cell, tasks[cell.task], config.budget, config.workers))
        record = {
            "engine": "virtual",
            "ledger": asdict(result.account),
            "space": result.space,
            "split": result.split,
            "seconds": result.seconds,
            "study": config.id,
            "told": asdict(result.told) if result.told else {},
        }
        write_cell(folder, cell, result.frame, record)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = StudyConfig(("branin-mf",), ("random", "hyperband", "bohb"), budget=16, seeds=2)
    return store(tmp_path_factory.mktemp("audited") / "compare", config)


@pytest.fixture
def study(folder: Path) -> LoadedStudy:
    """A clean study, to be spoilt; its frame and records are the test's own."""
    return load_study(folder)


def violated(audit: Audit) -> dict[str, list[str]]:
    """Violations that nothing explains, by check."""
    return {
        name: [f"{finding.where}: {finding.what}" for finding in checked.findings]
        for name, checked in audit.checks.items()
        if checked.state == "violated"
    }


def rows_of(study: LoadedStudy, key: tuple[str, str, int] = KEY) -> pd.Index:
    """Index of a cell's rows."""
    frame = study.frame
    return frame.index[(frame[["task", "method", "seed"]] == list(key)).all(axis=1)]


# Clean studies


@pytest.mark.parametrize(
    ("task", "budget", "workers"), [("branin-mf", 8, 1), ("synthetic-curves", 4, 3)]
)
def test_a_clean_study_of_every_method_passes(
    task: str, budget: int, workers: int, tmp_path: Path
) -> None:
    slow = {"gp"} if workers == 1 else {"gp", "bohb-stock", "tpe-univariate", "random-2x"}
    methods = tuple(name for name in METHODS if name not in slow)
    config = StudyConfig((task,), methods, budget, 1, workers=workers, engine="virtual")
    audit = audit_study(load_study(store(tmp_path / "study", config)))
    assert audit.passes, audit.lines()
    assert violated(audit) == {}
    states = {name: checked.state for name, checked in audit.checks.items()}
    known = [name for name in METHODS if get_method(name).known_defect]
    assert states.pop("rungs") == ("known" if workers == 1 else "holds")
    assert set(states.values()) == {"holds"}
    if workers == 1:
        assert {f.where for f in audit.findings} == {f"{task}/{name}" for name in known}
        assert "stops halving" in str(audit.findings[0])
    planned = {row["method"] for row in audit.checks["rungs"].table}
    assert planned == {name for name in methods if get_method(name).plan}


def test_the_table_says_how_often_the_model_picked_at_each_fidelity(study: LoadedStudy) -> None:
    audit = audit_study(study)
    table = {row["level"]: row for row in audit.checks["model"].table}
    assert list(table) == [1, 3, 9, 27, 81]
    bohb = study.frame[study.frame["method"] == "bohb"]
    judged = bohb[bohb["rung"].notna() & (bohb["level"] == 3)]
    assert table[3]["trials"] == len(judged)
    assert table[3]["model_based"] == judged["model_based"].sum() > 0
    brackets = [row for row in audit.checks["rungs"].table if row["method"] == "bohb"]
    assert brackets[0]["planned"] == "81/27/9/3/1"
    assert brackets[0]["complete"] == {"81/27/9/3/1": 2}


def test_the_verdict_is_one_line(study: LoadedStudy) -> None:
    audit = audit_study(study)
    assert audit.lines() == ["audit: passes (12 checks, 6 cells)"]
    assert list(audit.checks) == list(CHECKS)
    study.frame["test_loss"] = np.inf
    (verdict, *lines) = audit_study(replace(study)).lines()  # evidence is built once a study
    assert verdict == "audit: fails: finite (12 checks, 6 cells)"
    assert len(lines) == 6


# One planted violation of each kind


def with_task(study: LoadedStudy, **facts: Any) -> LoadedStudy:
    """The study with other facts stored of its task."""
    tasks = {"branin-mf": replace(study.study.tasks["branin-mf"], **facts)}
    return replace(study, study=replace(study.study, tasks=tasks))


def spoilt(study: LoadedStudy, **ledger: int) -> dict[str, list[str]]:
    """What is found where ``KEY`` has this ledger."""
    record = study.cells[KEY]
    study.cells[KEY] = replace(record, ledger=replace(record.account, **ledger))
    return violated(audit_study(study))


def test_one_unit_too_much_in_the_accounting(study: LoadedStudy) -> None:
    allowed = 16 * 81
    found = spoilt(study, charged=allowed + 1, executed=allowed + 1, unspent=-1)
    assert list(found) == ["ledger"]
    assert f"{NAME}: charged {allowed + 1} of {allowed} allowed units" in found["ledger"]


def test_one_unit_too_much_in_the_rows(study: LoadedStudy) -> None:
    charged = study.cells[KEY].account.charged
    last = rows_of(study)[-1]
    study.frame.loc[last, ["units", "units_total"]] += 1
    found = spoilt(study)
    assert f"{NAME}: charged {charged} units, but its rows sum to {charged + 1}" in found["ledger"]


def test_a_rest_that_the_refused_step_would_have_fitted_into(study: LoadedStudy) -> None:
    ledger = study.cells[KEY].account
    assert ledger.ended == "budget"
    found = spoilt(study, refused=ledger.unspent or 0)
    assert list(found) == ["ledger"]
    (line,) = found["ledger"]
    rest = ledger.unspent
    assert line == f"{NAME}: {rest} units unspent although the refused step cost {rest}"


def test_another_budget(study: LoadedStudy) -> None:
    ledger = study.cells[KEY].account
    found = spoilt(study, allowed=ledger.allowed + 1, unspent=ledger.unspent + 1)
    assert f"{NAME}: allowed 1297 units, but its budget is 1296" in found["ledger"]
    assert list(found) == ["ledger"]


def test_accounting_that_is_not_there(study: LoadedStudy) -> None:
    study.cells[KEY] = replace(study.cells[KEY], ledger=None)
    found = violated(audit_study(study))
    assert found["ledger"] == [f"{NAME}: its account was not recorded"]


def test_units_that_do_not_fit_the_ladder(study: LoadedStudy) -> None:
    """One unit is moved from a row to the next: every sum is as before."""
    first, second = rows_of(study)[:2]
    study.frame.loc[first, ["units", "units_total"]] += 1
    study.frame.loc[second, "units"] -= 1
    study.frame["full_evals"] = study.frame["units_total"] / 81
    assert violated(audit_study(study)) == {
        "ledger": [f"{NAME}: row 0: 2 units for level 0 to 1, which costs 1; and 1 more"]
    }


def test_a_level_that_is_not_on_the_ladder(study: LoadedStudy) -> None:
    row = rows_of(study)[-1]
    level = study.frame.loc[row, "level"] + 1
    study.frame.loc[row, "level"] = level
    assert f"level {level} is not on the ladder" in " ".join(spoilt(study)["ledger"])


def test_a_sum_that_is_not_of_its_rows(study: LoadedStudy) -> None:
    study.frame.loc[rows_of(study)[3], ["units_total"]] += 1
    study.frame["full_evals"] = study.frame["units_total"] / 81
    assert violated(audit_study(study)) == {
        "ledger": [f"{NAME}: row 3: units_total 5, but its units sum to 4"]
    }


@pytest.mark.parametrize("what", ["space", "split"])
def test_another_space_or_split_by_the_records(study: LoadedStudy, what: str) -> None:
    study.cells[KEY] = replace(study.cells[KEY], **{what: "0123456789"})
    usual = "none" if what == "split" else str(study.cells["branin-mf", "random", 1].space)[:8]
    other = "branin-mf/hyperband/1" if what == "split" else "branin-mf/bohb/0"
    assert violated(audit_study(study)) == {
        "same-problem": [f"{NAME}: its {what} is 01234567, that of {other} is {usual}"]
    }


def test_another_split_by_the_losses(study: LoadedStudy) -> None:
    """The records agree: what gives it away is that equal trainings came out otherwise."""
    study.frame.loc[rows_of(study), "val_loss"] += 1e-9
    found = violated(audit_study(study))
    assert list(found) == ["same-problem"]
    (line,) = found["same-problem"]
    assert line.startswith("branin-mf, seed 1: val_loss of configuration ")
    assert "under bohb" in line


@pytest.mark.parametrize(("where", "value"), [("record", 0.5), ("task", "tune")])
def test_losses_are_not_compared_where_they_may_differ(
    study: LoadedStudy, where: str, value: Any
) -> None:
    study.frame.loc[rows_of(study), "val_loss"] += 1e-9
    if where == "record":
        study.cells[KEY] = replace(study.cells[KEY], gpus_per_trial=value)
    else:
        study = with_task(study, only_engine=value)
    audit = audit_study(study)
    assert audit.passes
    (note,) = audit.checks["same-problem"].notes
    assert note.startswith(f"losses: not applicable to {1 if where == 'record' else 6} of 6 cells")


def test_a_crash_is_no_other_training(study: LoadedStudy) -> None:
    rows = rows_of(study)[:1]
    study.frame.loc[rows, ["val_loss", "test_loss", "status"]] = [np.nan, np.nan, "failed"]
    assert violated(audit_study(study)) == {}


def test_a_divergence_is_another_training(study: LoadedStudy) -> None:
    """It is the configuration's and the seed's, whoever asked for it."""
    frame = study.frame
    met = frame[frame["method"] != "bohb"].merge(
        frame.loc[rows_of(study)].reset_index(), on=["config_id", "level", "seed"]
    )
    without = [np.nan, np.nan, "diverged"]
    frame.loc[met["index"].iloc[:1], ["val_loss", "test_loss", "status"]] = without
    found = violated(audit_study(study))
    assert list(found) == ["same-problem"]
    assert "val_loss of configuration" in found["same-problem"][0]
    assert "nan under bohb" in found["same-problem"][0]


def test_one_promotion_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that promotes one more; its accounting is in order."""
    from ray.tune.schedulers.hyperband import _Bracket

    halve = _Bracket.successive_halving

    def halve_less(self: Any, *arguments: Any) -> Any:
        self._n += self._n == 81
        return halve(self, *arguments)

    monkeypatch.setattr(_Bracket, "successive_halving", halve_less)
    config = StudyConfig(("branin-mf",), ("hyperband",), 16, 1)
    found = violated(audit_study(load_study(store(tmp_path / "study", config))))
    assert list(found) == ["rungs", "promotions"]
    (line,) = found["promotions"]
    assert "bracket 0, level 1: trial" in line
    assert "where the 27 lowest are at most" in line
    (line,) = found["rungs"]
    assert line.startswith("branin-mf/hyperband: seed 0, bracket 0: 81/28/")
    assert "of 81/27/9/3/1 at 1/3/9/27/81" in line


def test_a_defect_that_is_not_declared_is_a_violation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = store(tmp_path / "study", StudyConfig(("branin-mf",), ("bohb-stock",), 16, 1))
    assert audit_study(load_study(path)).passes
    stock = replace(get_method("bohb-stock"), known_defect=None)
    monkeypatch.setattr("bohb_study.audit.study_audit.get_method", lambda name: stock)
    assert list(violated(audit_study(load_study(path)))) == ["rungs"]


@pytest.mark.parametrize(
    ("value", "said"), [(-5.5, "is -5.5"), (10.5, "is 10.5"), (np.nan, "has no value")]
)
def test_a_configuration_out_of_range(study: LoadedStudy, value: float, said: str) -> None:
    column = next(name for name in study.frame if str(name).startswith(HP))
    space = study.study.tasks["branin-mf"].space[str(column).removeprefix(HP)]
    assert (space["lower"], space["upper"]) == (-5, 10)
    study.frame.loc[rows_of(study)[4], column] = value
    name = str(column).removeprefix(HP)
    assert violated(audit_study(study)) == {
        "range": [f"branin-mf/bohb: seed 1, trial 4: {name} {said}"]
    }


def test_a_pick_by_the_model_before_there_can_be_one(study: LoadedStudy) -> None:
    study.frame.loc[rows_of(study)[5], "model_based"] = True  # the sixth of six observations
    needed = "before 6 observations at one fidelity, so before there can be one"
    found = violated(audit_study(study))
    assert found == {"model": [f"{NAME}: 1 suggestions by the model {needed}"]}


def test_a_model_that_never_picks(study: LoadedStudy) -> None:
    rows = rows_of(study)
    study.frame.loc[rows, "model_based"] = False
    trials = study.frame.loc[rows, "trial"].nunique()
    assert violated(audit_study(study)) == {
        "model": [f"{NAME}: none of {trials - 6} suggestions by the model once it could exist"]
    }
    choices = {"kind": "categorical", "choices": ["a", "b"], "conditional": True}
    model = audit_study(with_task(study, space={"learner": choices})).checks["model"]
    assert model.state == "known"
    assert "degenerate" in str(model.findings[0])


@pytest.mark.parametrize(
    ("losses", "status"),
    [
        ((np.nan, 0.5), "ok"),
        ((np.inf, 0.5), "ok"),
        ((0.5, np.inf), "ok"),
        ((1e6, np.nan), "failed"),
        ((np.nan, 1e6), "diverged"),
    ],
)
def test_a_loss_that_is_no_number_or_of_no_result(
    study: LoadedStudy, losses: tuple[float, float], status: str
) -> None:
    row = rows_of(study)[-1]
    study.frame.loc[row, ["val_loss", "test_loss", "status"]] = [*losses, status]
    place = len(rows_of(study)) - 1
    found = violated(audit_study(study))
    what = f"{status}, with val_loss {losses[0]} and test_loss {losses[1]}"
    assert found["finite"] == [f"{NAME}: row {place}: {what}"]


def test_test_losses_may_be_undefined(study: LoadedStudy) -> None:
    low = study.frame["val_loss"] < study.frame["val_loss"].median()
    study.frame.loc[low, "test_loss"] = np.nan
    assert violated(audit_study(study)) == {}


def test_a_method_without_any_result(study: LoadedStudy) -> None:
    """One failed seed is an observation; a method of which all trainings failed has none."""
    frame = study.frame
    none = [np.nan, np.nan, "failed"]
    frame.loc[rows_of(study), ["val_loss", "test_loss", "status"]] = none
    assert violated(audit_study(study)) == {}
    frame.loc[frame["method"] == "bohb", ["val_loss", "test_loss", "status"]] = none
    trials = frame.loc[frame["method"] == "bohb"].groupby("seed")["trial"].nunique().sum()
    study.cells[KEY] = replace(study.cells[KEY], failures={"3": "ValueError: no such layer"})
    assert violated(audit_study(replace(study))) == {
        "complete": [
            f"branin-mf/bohb: none of its {trials} trainings has a result; the first: ValueError: "
            "no such layer"
        ]
    }


@pytest.mark.parametrize("by", ["lower", "higher", "presence"])
def test_a_rule_that_looks_at_the_test_part(
    study: LoadedStudy, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bohb_study.analysis.incumbents.rules import chosen

    def peeking(rows: pd.DataFrame, rule: Any, top: int) -> Any:
        test, val = rows["test_loss"], rows["val_loss"]
        seen = val + {"lower": 0.1, "higher": -0.1, "presence": 0.0}[by] * test.fillna(0)
        return chosen(
            rows.assign(val_loss=seen.where(test.notna() | (by != "presence"))), rule, top
        )

    monkeypatch.setattr("bohb_study.audit.checks.incumbent_rules.chosen", peeking)
    tested = study.frame["val_loss"].rank(pct=True).sub(0.5).abs() * 100
    found = violated(audit_study(replace(study, frame=study.frame.assign(test_loss=tested))))
    assert list(found) == ["incumbents"]
    assert "test losses, from row" in found["incumbents"][0]


def test_a_cell_that_is_missing(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "cells" / f"{NAME}.json").unlink()
    audit = audit_study(load_study(copy, allow_missing=True))
    assert violated(audit) == {"complete": [f"{NAME}: asked for, but not done"]}
    shutil.rmtree(copy / "cells")
    nothing = audit_study(load_study(copy, allow_missing=True))
    assert len(violated(nothing)["complete"]) == 6


def test_fewer_seeds_that_were_asked_for_are_known(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    described = json.loads((copy / "study.json").read_text())
    described["asked"]["branin-mf"]["bohb"] = 1
    (copy / "study.json").write_bytes(sealed_json(described))
    audit = audit_study(load_study(copy))
    assert audit.passes
    assert str(audit.findings[0]) == (
        "complete: branin-mf/bohb: 1 seed, where others have 2 (known: no more were asked for)"
    )


def test_rows_out_of_order(study: LoadedStudy) -> None:
    rows = rows_of(study)
    study.frame.loc[rows[7], "seq"] = 8
    found = violated(audit_study(study))
    assert f"{NAME}: row 7: seq 8 where 7 was due" in found["order"]


def test_a_trial_that_does_not_rise(study: LoadedStudy) -> None:
    twice = study.frame.loc[rows_of(study)[0], "trial"]
    study.frame.loc[rows_of(study)[1], "trial"] = twice
    found = violated(audit_study(study))
    assert f"{NAME}: row 1: a trial went from level 1 to 1" in found["order"]


def test_a_cell_that_does_not_end(study: LoadedStudy) -> None:
    rows = rows_of(study)
    study.frame.loc[rows[-1], "decision"] = "pause"
    said = f"{NAME}: row {len(rows) - 1}: the last decision is pause, not end"
    assert violated(audit_study(study)) == {"order": [said]}


def test_an_axis_that_does_not_fit_the_units(study: LoadedStudy) -> None:
    study.frame.loc[rows_of(study)[0], "full_evals"] = 0.5
    said = f"{NAME}: row 0: full_evals 0.5 at 1 units, not 0.0123457"
    assert violated(audit_study(study)) == {"order": [said]}


def test_rows_may_be_stored_in_any_order(study: LoadedStudy) -> None:
    shuffled = study.frame.sample(frac=1, random_state=0)
    assert audit_study(replace(study, frame=shuffled)).passes


def test_a_baseline_has_a_budget_of_its_own(
    study: LoadedStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = replace(get_method("random"), budget_factor=2)
    real = get_method
    monkeypatch.setattr(
        "bohb_study.audit.study_audit.get_method",
        lambda name: twice if name == "random" else real(name),
    )
    found = violated(audit_study(study))
    assert found == {
        "ledger": [
            f"branin-mf/random/{seed}: allowed 1296 units, but its budget is 2592"
            for seed in (0, 1)
        ]
    }


# What is stored


def test_an_audit_is_stored_packed_and_stays_as_it_is(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    audit = audit_folder(load_study(copy))
    path = copy / "audit.json"
    stored = json.loads(path.read_text())
    assert stored["study"] == load_study(copy).study.id
    assert (stored["holds"], stored["cells"], stored["rows"]) == (True, 6, audit.rows)
    states = {name: check["state"] for name, check in stored["checks"].items()}
    assert states == dict.fromkeys(CHECKS, "holds")
    assert set(stored["git"]) == {"commit", "dirty"}
    path.write_bytes(sealed_json({**stored, "audited": "2001-01-01T00:00:00+00:00"}))
    old = path.read_bytes()
    audit_folder(load_study(copy))
    assert path.read_bytes() == old  # it says the same, so it was made then
    pack(copy, tmp_path / "packed")
    assert (tmp_path / "packed" / "audit.json").read_bytes() == old
    packed = load_study(tmp_path / "packed")
    assert audit_study(packed).to_json() == audit.to_json()
    path.unlink()
    pack(copy, tmp_path / "packed")
    assert not (tmp_path / "packed" / "audit.json").exists()


def test_an_audit_of_other_rows_is_not_packed(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    audit_folder(load_study(copy))
    path = copy / "audit.json"
    path.write_bytes(sealed_json({**json.loads(path.read_text()), "rows": 1}))
    with pytest.raises(StudyError, match=r"audit\.json: is of other rows"):
        pack(copy, tmp_path / "packed")


@pytest.mark.parametrize("text", ["{", '{"schema": 1}', '{"schema": 1, "study": "other"}'])
def test_a_damaged_audit_is_said_and_made_again(folder: Path, tmp_path: Path, text: str) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "audit.json").write_text(text)
    study = load_study(copy)
    with pytest.raises(StudyError, match=r"audit\.json: damaged: .*it is made again"):
        read_audit(copy, study.study.id)
    audit_folder(study)
    stored = read_audit(copy, study.study.id)
    assert stored is not None
    assert stored["holds"]


def test_a_study_of_before_there_was_an_audit_passes() -> None:
    audit = audit_study(load_study(ROOT / "results" / "paper" / "fashion-mnist"))
    assert audit.passes, audit.lines()
    assert not audit.findings
    states = {name: checked.state for name, checked in audit.checks.items()}
    assert [states.pop(name) for name in ("range", "told")] == ["not applicable"] * 2
    assert set(states.values()) == {"holds"}
    assert audit.checks["told"].notes == ["not recorded in 20 of 20 cells"]
    assert audit.checks["range"].notes == ["fashion-mnist: the space was not recorded"]
    assert [note[:19] for note in audit.checks["same-problem"].notes] == [
        "space: not recorded",
        "split: not recorded",
    ]


# The scripts


@pytest.fixture
def script() -> Callable[[str], ModuleType]:
    """The module of a subcommand."""
    return lambda name: import_module(f"bohb_study.cli.{name}")


def test_compare_audits_and_exits_1_where_it_does_not_hold(
    script: Callable[[str], ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cells_run_here: None,
) -> None:
    monkeypatch.setattr("paper_figures.draw_study", lambda *_, **__: [])
    compare = script("compare")
    words = ["--tasks", "branin-mf", "--methods", "random", "bohb-stock", "--budget", "8"]
    words += ["--seeds", "1", "--out", str(tmp_path)]
    assert command_line.run(compare.main, words) == 0  # a known defect is reported, and no failure
    lines = capsys.readouterr().out.splitlines()
    assert "audit: passes (12 checks, 2 cells)" in lines
    assert sum(line.startswith("rungs: branin-mf/bohb-stock: ") for line in lines) == 1
    (path,) = tmp_path.iterdir()
    stored = json.loads((path / "audit.json").read_text())
    assert stored["checks"]["rungs"]["state"] == "known"

    cell = Cell("branin-mf", "random", 0)
    frame, record = read_cell(path, cell)
    frame.loc[0, "full_evals"] = 3.0
    write_cell(path, cell, frame, record.json)  # its hash is right again
    assert command_line.run(compare.main, words) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "audit: fails: order (12 checks, 2 cells)" in lines
    assert "order: branin-mf/random/0: row 0: full_evals 3 at 81 units, not 1" in lines
    stored = json.loads((path / "audit.json").read_text())
    assert stored["holds"] is False

    packed = [str(path), str(tmp_path / "packed")]
    assert command_line.run(script("pack").main, packed) == 1
    assert "audit: fails" in capsys.readouterr().out
    assert (tmp_path / "packed" / "audit.json").exists()


# Trainings that start over after a pause


RESTARTS = """\
from ConfigSpace import Float
from bohb_study import FunctionTask

def train(config, seed, state=None):
    {body}

task = FunctionTask(train, [Float("x", (0, 1))], max_epochs=9, name="restarts")
"""
IGNORES = 'for e in range(1, 10): yield {"loss": config["x"] + 1 / e, "state": e}'
LEAVES_OUT = """epoch, seen = (state or 0), 0
    while True:
        epoch, seen = epoch + 1, seen + 1
        yield {"loss": config["x"] + 1 / epoch + seen / 64, "state": epoch}"""


@pytest.mark.parametrize(
    ("body", "methods", "said"),
    [
        (IGNORES, ("random", "bohb"), "; likely reason: after {n} of {n} pauses a training "),
        (IGNORES, ("bohb",), "pauses a training reports its first losses again: it starts over, "),
        (
            LEAVES_OUT,
            ("random", "bohb"),
            "; likely reason: only trainings that were paused differ, so a function ignores its ",
        ),
    ],
)
def test_a_training_that_starts_over_after_a_pause(
    body: str, methods: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    """Also where no other method shows what the training would have been."""
    file = tmp_path / "own.py"
    file.write_text(RESTARTS.format(body=body))
    config = StudyConfig((f"{file}:task",), methods, budget=9, seeds=1)
    found = violated(audit_study(load_study(store(tmp_path / "study", config))))
    assert list(found) == ["same-problem"]
    lines = found["same-problem"]
    assert any(line.startswith("restarts: after ") for line in lines) == (body == IGNORES)
    pauses = re.search(r"after (\d+) of \1 pauses", lines[0])
    said = said.format(n=pauses[1] if pauses else "")
    assert said in lines[-1]
    assert "val_loss of configuration" in lines[-1] or len(methods) == 1 or "test_loss" in lines[-1]


def test_a_study_without_any_result_does_not_hold(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(RESTARTS.format(body='yield {"mean_loss": 1.0, "state": 1}'))
    config = StudyConfig((f"{file}:task",), ("random", "bohb"), budget=3, seeds=1)
    study = load_study(store(tmp_path / "study", config))
    audit = audit_study(study)
    assert audit.lines() == [
        "audit: fails: complete (12 checks, 2 cells)",
        "complete: restarts/bohb: none of its 11 trainings has a result",
        "complete: restarts/random: none of its 3 trainings has a result",
    ]
