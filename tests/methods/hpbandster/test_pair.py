"""HpBandSter's methods do what HpBandSter does, and what their plan says."""

import itertools
import json
import math
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float
from hpbandster.optimizers import BOHB, HyperBand

from bohb_study.analysis.diagnostics.brackets import check_rungs
from bohb_study.engines import virtual
from bohb_study.engines.base import CellJob
from bohb_study.methods import get_method
from bohb_study.methods.hpbandster.hpbandster_plan import hpbandster_plan
from bohb_study.methods.hpbandster.master import LocalBOHB, LocalHyperBand
from bohb_study.running.reproduction import compare_frames
from bohb_study.study import Cell
from bohb_study.tasks import Ladder, make_task

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

METHODS = ("hpbandster-hyperband", "hpbandster-bohb")


def judged(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["rung"].notna()]


def masters(job: CellJob) -> Any:
    """The pair that runs ``job``, and the master behind it."""
    pair = get_method(job.cell.method).build(job.problem)
    return pair, pair.searcher.searcher.master


# The same as HpBandSter's own master


CASES = [
    # method, task, eta, generator, bands;
    # no curve, every job from scratch; and a curve on which promoted trials resume
    ("hpbandster-hyperband", "counting-ones-8", 9, "stock", 1),
    ("hpbandster-hyperband", "synthetic-curves", 3, "stock", 1),
    ("hpbandster-bohb", "counting-ones-8", 9, "stock", 1),
    # the same suggestions (test_generator.py) many times as fast
    ("hpbandster-bohb", "synthetic-curves", 3, "batched", 2),
]


@pytest.fixture(scope="module")
def real_jobs(tmp_path_factory: pytest.TempPathFactory) -> list[list[list[Any]]]:
    """Of each case, what one worker of HpBandSter's own master computed."""
    script, folder = Path(__file__).with_name("real_hpbandster.py"), tmp_path_factory.mktemp("real")
    cases = [
        (
            method,
            name,
            generator,
            eta,
            0,
            bands * len(hpbandster_plan(make_task(name, eta=eta).ladder)),
        )
        for method, name, eta, generator, bands in CASES
    ]
    subprocess.run(
        [sys.executable, "-W", "ignore", str(script), str(folder), json.dumps(cases)],
        check=True,
        # a master that cannot reach its worker waits for ever
        timeout=300,
    )
    return [json.loads((folder / f"{i}.json").read_text()) for i in range(len(CASES))]


def comparable(jobs: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Jobs with None for the loss of a crash, which is NaN and equals nothing."""
    return [(config, budget, None if math.isnan(loss) else loss) for config, budget, loss in jobs]


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda i: "-".join(map(str, CASES[i])))
def test_same_jobs_as_hpbandsters_own_master(number: int, real_jobs: list[list[list[Any]]]) -> None:
    """Whole bands, row by row: configuration, budget, loss."""
    method, name, eta, _, bands = CASES[number]
    real = real_jobs[number]
    task = make_task(name, eta=eta)
    plan = hpbandster_plan(task.ladder)
    assert len(real) == bands * sum(rung.trials for bracket in plan for rung in bracket)
    # enough also where nothing resumes
    whole = sum(rung.trials * rung.level for bracket in plan for rung in bracket)
    budget = math.ceil(bands * whole / task.ladder.top) + 1
    frame = virtual.run_cell(CellJob(Cell(name, method, 0), task, budget)).frame
    rows = judged(frame).head(len(real))
    hyperparameters = [column for column in frame if column.startswith("hp.")]
    ours = [
        (
            {
                column.removeprefix("hp."): row[column]
                for column in hyperparameters
                if not pd.isna(row[column])
            },
            task.ladder.times[row["rung"]],
            row["val_loss"],
        )
        for _, row in rows.iterrows()
    ]
    assert comparable(ours) == comparable(real)
    if method == "hpbandster-bohb":
        assert rows["model_based"].sum() > 10 * bands


# The plan


def curve(eta: int, k: int) -> Ladder:
    return Ladder("epoch", tuple(eta**i for i in range(k + 1)), eta, curve=True, resumable=True)


def counts(ladder: Ladder) -> list[list[int]]:
    return [[rung.trials for rung in bracket] for bracket in hpbandster_plan(ladder)]


def test_golden_plans() -> None:
    assert counts(curve(3, 4)) == [[81, 27, 9, 3, 1], [27, 9, 3, 1], [9, 3, 1], [6, 2], [5]]
    assert counts(curve(3, 3)) == [[27, 9, 3, 1], [9, 3, 1], [6, 2], [4]]
    levels = [[rung.level for rung in bracket] for bracket in hpbandster_plan(curve(3, 2))]
    assert levels == [[1, 3, 9], [3, 9], [9]]


@pytest.mark.parametrize(("k", "units"), [(2, 63), (3, 342), (4, 1404)])
def test_units_of_one_planned_band_where_trials_resume(k: int, units: int) -> None:
    paid = 0
    for bracket in hpbandster_plan(curve(3, k)):
        befores = [0, *(rung.level for rung in bracket)]
        paid += sum((r.level - b) * r.trials for r, b in zip(bracket, befores, strict=False))
    assert paid == units


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("eta", "k"), [*itertools.product((2, 3, 4), (1, 2, 3, 4)), (2, 6)])
def test_the_plan_is_hpbandsters(eta: int, k: int, method: str) -> None:
    """Of two bands of its own get_next_iteration."""
    space, ladder = make_task("mfh3").space(0), curve(eta, k)
    optimizer, master = (
        (BOHB, LocalBOHB(space, ladder, 0))
        if method == "hpbandster-bohb"
        else (HyperBand, LocalHyperBand(space, ladder))
    )
    own = [optimizer.get_next_iteration(master, i).num_configs for i in range(2 * (k + 1))]
    assert own == counts(ladder) * 2
    assert tuple(round(budget) for budget in master.budgets) == ladder.times


# What is run


@pytest.mark.parametrize("workers", [1, 4, 16])
@pytest.mark.parametrize("method", METHODS)
def test_every_bracket_that_was_finished_is_as_planned(
    method: str, workers: int, job: Any, rung_task: Any
) -> None:
    cell = job(method, task=rung_task, budget=60, workers=workers)
    plan = [[(r.level, r.trials) for r in bracket] for bracket in hpbandster_plan(cell.task.ladder)]
    checks = check_rungs(virtual.run_cell(cell).frame, plan, workers)
    assert all(check.passes for check in checks), [str(check) for check in checks]
    assert sum(check.complete for check in checks) >= 12
    # each worker can keep at most one bracket open
    assert sum(not check.complete for check in checks) <= workers


@pytest.mark.parametrize("method", METHODS)
def test_a_promoted_trial_pays_the_difference_on_a_curve(method: str, job: Any) -> None:
    frame = virtual.run_cell(job(method)).frame
    assert (frame.groupby("trial")["units"].sum() == frame.groupby("trial")["level"].max()).all()
    rungs = judged(frame).groupby("trial").size()
    assert rungs.max() == 3
    assert frame["units_restart"].sum() > frame["units"].sum()


def test_decisions_are_those_of_the_rungs(job: Any) -> None:
    """Paused at each rung, and at an end at the top."""
    frame = judged(virtual.run_cell(job("hpbandster-hyperband")).frame).iloc[:-1]
    assert set(frame.loc[frame["level"] < 9, "decision"]) == {"pause"}
    assert set(frame.loc[frame["level"] == 9, "decision"]) == {"end"}


def test_the_model_learns_from_every_rung_once(job: Any) -> None:
    """Also from the last result of a trial."""
    cell = job("hpbandster-bohb")
    pair, master = masters(cell)
    frame = virtual.run_pair(cell, pair).frame
    top = judged(frame)[judged(frame)["level"] == 9]
    # the last report of the cell may be nobody's any more
    losses = master.config_generator.losses[9.0]
    assert losses == top["val_loss"].tolist()[: len(losses)]
    assert len(losses) >= len(top) - 1
    assert frame["model_based"].any()


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("breaks", ["raises", "nan"])
def test_a_training_that_fails_is_promoted_last(
    breaks: str, workers: int, job: Any, toy_task: Any
) -> None:
    cell = job("hpbandster-bohb", task=toy_task(breaks=breaks), workers=workers)
    result = virtual.run_cell(cell)
    assert result.account.violations() == []
    frame = result.frame
    failed = frame["status"] == "failed"
    assert frame.loc[failed, ["val_loss", "test_loss"]].isna().all(axis=None)
    first = judged(frame)[judged(frame)["level"] == 1]
    promoted = frame.loc[frame["level"] > 1, "trial"].unique()
    for _, rows in first.groupby("bracket"):
        if len(rows) == 9 and (rows["status"] == "failed").sum() in range(1, 7):
            assert not set(rows.loc[rows["status"] == "failed", "trial"]) & set(promoted)
            break
    else:
        pytest.fail("no bracket in which some trainings failed")


@pytest.mark.filterwarnings("ignore:After 0.17:FutureWarning")  # statsmodels
@pytest.mark.parametrize("method", METHODS)
def test_a_hyperparameter_may_be_inactive(method: str, job: Any, toy_task: Any) -> None:
    class Conditional(toy_task):  # type: ignore[misc]
        def space(self, seed: int) -> ConfigurationSpace:
            space = super().space(seed)
            kind = Categorical("kind", ["a", "b"])
            only_b = Float("only_b", (0.0, 1.0))
            space.add(kind, only_b)
            space.add(EqualsCondition(only_b, kind, "b"))
            return space

    cell = job(method, task=Conditional())
    frame = virtual.run_cell(cell).frame
    assert ((frame["hp.kind"] == "b") == frame["hp.only_b"].notna()).all()
    assert 0 < frame["hp.only_b"].isna().sum() < len(frame)
    assert compare_frames(frame, virtual.run_cell(cell).frame) is None
    if method == "hpbandster-bohb":
        assert frame["model_based"].any()


@pytest.mark.parametrize("method", METHODS)
def test_a_finite_space_is_drawn_from_with_replacement(
    method: str, job: Any, finite_task: Any
) -> None:
    """As HpBandSter does: the budget ends the cell."""
    result = virtual.run_cell(job(method, task=finite_task))
    assert result.account.ended == "budget"
    assert result.frame["config_id"].nunique() <= 6 < result.frame["trial"].nunique()


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_kept_does_not_grow(method: str, workers: int, job: Any) -> None:
    """Open iterations and their trials; the same after twice the budget."""

    def kept(budget: int) -> list[int]:
        cell = job(method, budget=budget, workers=workers)
        pair, master = masters(cell)
        frame = virtual.run_pair(cell, pair).frame
        assert frame["bracket"].max() > budget / 4
        kept = [master._trials, master._config_ids, pair.scheduler.scheduler._trials]
        kept += [pair.searcher.suggestions, pair.scheduler.bracket_numbers]
        assert all(len(each) <= 9 + 3 * workers for each in kept), kept
        return [len(master.iterations), len(master.resumed)]

    for budget in (60, 120):
        iterations, resumed = kept(budget)
        assert iterations <= 1 + workers
        assert resumed <= workers


def test_the_searcher_can_be_saved(job: Any, tmp_path: Path) -> None:
    """Ray does at a cell's end."""
    cell = job("hpbandster-bohb")
    pair, master = masters(cell)
    virtual.run_pair(cell, pair)
    pair.searcher.save(str(tmp_path / "state"))
    other, _ = masters(cell)
    other.searcher.restore(str(tmp_path / "state"))
    again = other.searcher.searcher.master
    again.num_running_jobs = master.num_running_jobs = 0
    assert again.new_config("new", 0) == master.new_config("new", 0)


def test_a_suggestion_is_the_callers_own(job: Any) -> None:
    """Schedulers write into a trial's configuration; HpBandSter's stays as it drew it."""
    cell = job("hpbandster-bohb")
    pair, master = masters(cell)
    pair.searcher.suggest("a")["added"] = 1
    assert all("added" not in datum.config for datum in master.iterations[0].data.values())
