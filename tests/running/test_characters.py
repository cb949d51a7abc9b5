"""Characters of tasks: what is evaluated, what is kept of it, and how it goes on."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import in_process
from bohb_study.analysis.diagnostics import fanova
from bohb_study.analysis.diagnostics.task_character import TaskCharacter
from bohb_study.engines.base import Finished
from bohb_study.errors import StudyError
from bohb_study.running.character_plan import (
    COMPUTED,
    REPEATED,
    TIMES,
    CharacterPlan,
    Draw,
    DrawJob,
    Reached,
    character_plan,
)
from bohb_study.running.characters import characters_of
from bohb_study.seeding import config_id
from bohb_study.summaries.random_correlations import rung_correlations_of
from bohb_study.tasks import Task, make_task

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

FRAGILE = '''
from dataclasses import dataclass

from ConfigSpace import Categorical, Float

from bohb_study.tasks import ComputedTask


@dataclass(frozen=True)
class Fragile(ComputedTask):
    """Raises above 0.8, and at the first rung above 0.6."""

    levels = (1, 3, 9)
    hyperparameters = [Float("x", (0, 1)), Categorical("side", ["left", "right"])]

    def loss(self, config, level, seed):
        if config["x"] > (0.6 if level == 1 else 0.8):
            raise ValueError("too far")
        return config["x"] + (config["side"] == "left") / level
'''
RunCells = Any


@pytest.fixture(autouse=True, scope="module")
def few_trees() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fanova, "TREES", 8)
        yield


@pytest.fixture
def fragile(tmp_path: Path) -> Task:
    (tmp_path / "own.py").write_text(FRAGILE)
    return make_task(f"{tmp_path / 'own.py'}:Fragile")


def planned(task: Task, count: int) -> CharacterPlan:
    return character_plan(task, count, "portable", b"")


def reached_by(plan: CharacterPlan) -> dict[Draw, Reached]:
    return {job.cell: job.run() for job in plan.jobs}


def of(plans: Sequence[CharacterPlan], kept: Path) -> list[TaskCharacter]:
    return list(characters_of(plans, kept, 1))


def test_every_rung_of_every_configuration_then_repeats() -> None:
    task = make_task("counting-ones-8")
    plan = planned(task, 12)
    cells = [job.cell for job in plan.jobs]
    assert [c.number for c in cells if c.repeat is None] == list(range(12))
    assert [(c.number, c.repeat) for c in cells if c.repeat is not None] == [
        (number, repeat) for number in range(REPEATED) for repeat in range(TIMES)
    ]
    draws = plan.draws(reached_by(plan))
    levels, configs = task.ladder.costs, plan.sample.configs
    assert draws.losses.tolist() == [
        [task.start(config, 0).advance(level).val_loss for level in levels] for config in configs
    ]
    # nothing is retrained here: repeats are under other study seeds
    assert draws.repeats.tolist() == [
        [task.start(config, seed).advance(levels[-1]).val_loss for seed in (1, 2, 3)]
        for config in configs[:REPEATED]
    ]
    assert draws.modelled.tolist() == [list(map(float, levels))] * 12
    assert np.isnan(draws.measured).all()
    assert len(planned(task, 0).sample.configs) == COMPUTED


def test_a_training_climbs_and_is_retrained_with_fresh_seeds() -> None:
    task = make_task("digits", {"epochs": "3"})
    plan = planned(task, 2)
    some = [job for job in plan.jobs if job.cell.number == 0 and job.cell.repeat in (None, 0)]
    climbed, again = (job.run() for job in some)
    config = plan.sample.configs[0]
    whole = task.start(config, 0)
    assert climbed.losses == tuple(whole.advance(level).val_loss for level in (1, 3))
    assert again.losses == (task.retrain(config, 0, 0).advance(3).val_loss,)
    assert again.losses[0] != climbed.losses[1]
    assert climbed.seconds is not None
    assert climbed.seconds > 0


def test_what_fails_has_no_loss_where_it_fails(fragile: Task, tmp_path: Path) -> None:
    plan = planned(fragile, 40)
    found = reached_by(plan)
    for job in plan.jobs:
        if job.cell.repeat is None:
            x = job.config["x"]
            missing = [loss is None for loss in found[job.cell].losses]
            assert missing == [x > 0.6, x > 0.8, x > 0.8]
    with in_process.in_process():
        (character,) = of([plan], tmp_path / "kept")
    xs = np.array([config["x"] for config in plan.sample.configs])
    assert character.failures == np.mean(xs > 0.8)
    assert 0 < character.failures < 0.5
    assert character.hyperparameters == ("side", "x")


def test_correlations_are_those_of_the_summary(tmp_path: Path) -> None:
    task = make_task("mfh3-good")
    with in_process.in_process():
        (character,) = of([planned(task, 40)], tmp_path / "kept")
    wanted = rung_correlations_of(task, 40)
    assert [rung.spearman for rung in character.rungs] == wanted["spearman"].tolist()
    assert [rung.low for rung in character.rungs] == wanted["low"].tolist()
    assert character.noise == 0


def test_interrupted_it_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = [planned(make_task(name), 30) for name in ("mfh3-good", "counting-ones-8")]
    kept, before, ran = tmp_path / "deep" / "kept", 75, list[Draw]()

    def run_cells(jobs: Sequence[DrawJob], at_once: int) -> Generator[Finished[Reached]]:
        for event in in_process.run_cells(jobs, at_once):
            if len(ran) == before:
                raise KeyboardInterrupt
            ran.append(event.cell)
            yield event

    monkeypatch.setattr("bohb_study.running.pools.local.run_cells", run_cells)
    found = []
    with pytest.raises(KeyboardInterrupt):
        found += characters_of(plans, kept, 1)
    with kept.open("a") as file:
        file.write('\n{"key": "cut o')
    before, first = 1000, len(ran)
    assert first == 75
    found = of(plans, kept)
    assert len(ran) == sum(len(plan.jobs) for plan in plans)
    assert len(set(ran)) == len(ran)
    assert not kept.exists()
    with in_process.in_process():
        assert found == of(plans, kept)


def test_what_is_kept_of_other_code_or_options_is_not_taken() -> None:
    task = make_task("mfh3-good")
    keys = {job.key for job in planned(task, 10).jobs}
    assert {job.key for job in planned(task, 20).jobs} > keys
    assert not keys & {job.key for job in planned(replace(task, lowest_rung=1), 10).jobs}
    assert not keys & {job.key for job in character_plan(task, 10, "native", b"").jobs}
    ids = [config_id(config) for config in planned(task, 10).sample.configs]
    assert len(set(ids)) == 10


@pytest.mark.parametrize("error", ["its process was killed by SIGKILL", "MemoryError: "])
def test_a_configuration_that_ends_its_process_has_failed(
    error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_cells(jobs: Sequence[DrawJob], at_once: int) -> Iterator[Finished[Reached]]:
        for job in jobs:
            ends = job.cell.number == 3
            yield Finished(job.cell, None if ends else job.run(), error if ends else None)

    monkeypatch.setattr("bohb_study.running.pools.local.run_cells", run_cells)
    (character,) = of([planned(make_task("mfh3-good"), 30)], tmp_path / "kept")
    assert character.failures == 1 / 30


def test_what_is_not_the_configurations_doing_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_cells(jobs: Sequence[DrawJob], at_once: int) -> Iterator[Finished[Reached]]:
        yield Finished(jobs[0].cell, None, "StudyError: no data here")

    monkeypatch.setattr("bohb_study.running.pools.local.run_cells", run_cells)
    with pytest.raises(StudyError, match="mfh3-good, configuration 0: StudyError: no data here"):
        of([planned(make_task("mfh3-good"), 30)], tmp_path / "kept")
