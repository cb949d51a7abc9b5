"""A cell that was killed anywhere goes on, and its rows are those of one that was not."""

import random
from collections import defaultdict
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bohb_study.engines import (
    actor_trainers,
    journal_blocks,
    saved_states,
    virtual,
)
from bohb_study.engines.base import CellJob, CellResult, run_cell
from bohb_study.engines.journal import Journal, Step
from bohb_study.engines.journal_place import JournalPlace
from bohb_study.errors import StudyError
from bohb_study.methods import METHODS
from bohb_study.running.reproduction import compare_frames
from bohb_study.tasks import Report
from chance_pool import ChancePool, OtherTask
from toy_cells import FiniteTask, RungTask, ToyTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

happened: Any = defaultdict(lambda: np.zeros(2, dtype=int))
"""Kills and units repeated, by method."""


class Kill(BaseException):
    """Ends a cell as SIGKILL would: nothing sees to its end."""


@cache
def uninterrupted(job: CellJob) -> CellResult:
    return run_cell(replace(job, journal=None, actors=0))


def killed(
    job: CellJob, monkeypatch: pytest.MonkeyPatch, dice: random.Random, most: int
) -> tuple[CellResult, int]:
    """Run a cell that is killed after, or in the middle of, some of its reports.

    Returns:
        What it gave in the end, and how often it was killed.
    """
    add_step, add_report = Journal.add_step, Journal.add_report
    left = 0

    def due() -> bool:
        nonlocal left
        left -= 1
        return left == 0

    def step(journal: Journal, *given: Any) -> None:
        add_step(journal, *given)
        if due():
            raise Kill

    def report(journal: Journal, *given: Any, **named: Any) -> None:
        add_report(journal, *given, **named)
        if due():
            raise Kill

    monkeypatch.setattr(Journal, "add_step", step)
    monkeypatch.setattr(Journal, "add_report", report)
    for kills in count():
        left = dice.randrange(1, most) if kills < 6 else -1
        try:
            return run_cell(job), kills
        except Kill:
            continue
        except StudyError as error:  # as the engine makes one of whatever a task's code raises
            assert "Kill" in str(error)  # noqa: PT017
    raise AssertionError


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("method", METHODS)
def test_rows_of_a_cell_that_was_not_killed(
    method: str, workers: int, job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every method, trained in one process and on actors that die themselves."""
    monkeypatch.setattr(actor_trainers, "ActorPool", ChancePool)
    for actors in {0, workers - 1}:
        place = JournalPlace(tmp_path / f"{actors}.journal", tmp_path, {})
        cell = job(method, ToyTask(breaks="draws"), budget=12, workers=workers)
        cell = replace(cell, actors=actors, journal=place)
        dice = random.Random(f"{method} {workers} {actors}")
        result, kills = killed(cell, monkeypatch, dice, most=24)
        assert compare_frames(uninterrupted(cell).frame, result.frame) is None
        assert result.account == uninterrupted(cell).account
        assert result.resumed is not None
        assert result.resumed.times == kills
        assert 0 < result.resumed.reports < len(result.frame)
        happened[method] += [kills, result.resumed.repeated]
    if workers == 3:
        assert (happened[method] > 0).all(), happened[method]


@pytest.mark.parametrize("task", [RungTask(), FiniteTask(), ToyTask(breaks="raises")], ids=str)
@pytest.mark.parametrize("method", ["asha", "asha-promotion", "bohb"])
def test_tasks_of_other_kinds(
    method: str, task: Any, job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not resume, what ends by itself, and trainings that fail."""
    place = JournalPlace(tmp_path / "0.journal", tmp_path, {})
    cell = replace(job(method, task, budget=10, workers=2), journal=place)
    result, kills = killed(cell, monkeypatch, random.Random(str(task)), most=12)
    assert kills > 1
    assert compare_frames(uninterrupted(cell).frame, result.frame) is None
    assert result.failures == uninterrupted(cell).failures


@pytest.fixture
def saving(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state is saved after each step."""
    monkeypatch.setattr(actor_trainers, "ActorPool", ChancePool)
    monkeypatch.setattr(actor_trainers, "SAVED_FROM", -1.0)
    monkeypatch.setattr(saved_states, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(saved_states, "TIMES", 0)


@pytest.mark.parametrize("actors", [0, 2])
def test_it_goes_on_from_saved_states(
    actors: int, saving: None, job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is one for each step nothing is trained again."""
    place = JournalPlace(tmp_path / "0.journal", tmp_path, {})
    cell = replace(job("bohb", budget=12, workers=3), actors=actors, journal=place)
    result, kills = killed(cell, monkeypatch, random.Random(3), most=20)
    assert kills > 1
    assert compare_frames(uninterrupted(cell).frame, result.frame) is None
    assert result.resumed is not None
    if not actors:
        assert result.resumed.repeated <= kills  # between a report and its state


@pytest.mark.parametrize("damage", ["none", "flipped", "cut", "gone", "swapped", "linked"])
def test_a_state_that_is_not_as_it_was_saved_is_not_used(
    damage: str, saving: None, job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = JournalPlace(tmp_path / "0.journal", tmp_path, {})
    cell = replace(job("bohb", budget=12, workers=3), journal=place)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add_report", _after(40))
        with pytest.raises((Kill, StudyError)):
            run_cell(cell)
    files = sorted(place.states.glob("*.state"))
    assert len(files) > 1
    for file, other in zip(files, [*files[1:], files[0]], strict=True):
        data = file.read_bytes()
        if damage == "flipped":
            file.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
        elif damage == "cut":
            file.write_bytes(data[:-2])
        elif damage == "swapped":
            other.write_bytes(data)
        elif damage != "none":
            file.unlink()
            if damage == "linked":
                file.symlink_to("/dev/zero")
    result = run_cell(cell)
    assert compare_frames(uninterrupted(cell).frame, result.frame) is None
    assert result.resumed is not None
    assert (result.resumed.repeated == 0) == (damage == "none")


def test_a_step_that_was_ended_from_outside_stays_failed(
    job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its trial is not trained again, whoever trains; later steps of it fail too."""
    monkeypatch.setattr(actor_trainers, "ActorPool", ChancePool)
    frames = []
    for actors in (0, 2):
        place = JournalPlace(tmp_path / f"{actors}.journal", tmp_path, {})
        cell = replace(job("asha", budget=8, workers=2), journal=place)
        for _ in range(2):
            with monkeypatch.context() as patch:
                patch.setattr(Journal, "add_report", _after(5))
                with pytest.raises((Kill, StudyError)):
                    run_cell(cell)
            journal = Journal(place)
            while journal.replays:
                journal.next()
            step = journal.step
            assert isinstance(step, Step)
            why = "took longer than trial_timeout=5 s"
            journal.add_report(step, cell.task.failure(step.units, 5.0, message=why), limited=True)
            journal.close()
        result = run_cell(replace(cell, actors=actors))
        assert result.limited == 2
        assert {*result.failures.values()} == {why}
        assert len(result.failures) == 2
        failed = result.frame[result.frame["status"] == "failed"]
        assert set(failed["trial"]) == set(result.failures)
        frames.append(result.frame)
    assert compare_frames(*frames) is None


def _after(reports: int) -> Any:
    """``add_report``, which ends the cell in place of the report after so many."""
    own, added = Journal.add_report, count(1)

    def add_report(journal: Journal, *given: Any, **named: Any) -> None:
        if next(added) > reports:
            raise Kill
        own(journal, *given, **named)

    return add_report


@pytest.mark.parametrize("method", ["random", "bohb", "hyperband"])
def test_computed_cells_go_on_by_blocks(
    method: str, job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two blocks, it computes again what came after the first."""
    monkeypatch.setattr(journal_blocks, "BLOCK_SECONDS", 0.0)
    monkeypatch.setattr(virtual, "TELL_SECONDS", 0.0)
    place = JournalPlace(tmp_path / "0.journal", tmp_path, {}, by_step=False)
    cell = replace(job(method, ToyTask(breaks="raises"), budget=20, workers=2), journal=place)
    whole, reports = uninterrupted(cell), []
    with monkeypatch.context() as patch:
        add_block = Journal.add_block

        def block(journal: Journal, *given: Any) -> None:
            add_block(journal, *given)
            if next(blocks) == 12:
                raise Kill

        patch.setattr(Journal, "add_block", block)
        for _ in range(3):
            blocks = count(1)
            with pytest.raises((Kill, StudyError)):
                run_cell(cell)
    # and once more, a step at a time
    by_step = replace(cell, journal=replace(place, by_step=True))
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add_report", _after(7))
        with pytest.raises((Kill, StudyError)):
            run_cell(by_step)
    result = run_cell(cell)
    assert result.resumed is not None
    assert result.resumed.times == 4
    assert result.resumed.reports == 36 + 7
    reports.append(result.frame)
    assert compare_frames(whole.frame, result.frame) is None
    assert result.account == whole.account
    assert result.failures == whole.failures


def test_a_short_computed_cell_has_no_journal(job: Any, tmp_path: Path) -> None:
    place = JournalPlace(tmp_path / "0.journal", tmp_path, {}, by_step=False)
    result = run_cell(replace(job("random", budget=5), journal=place))
    assert result.resumed is None
    assert place.path.read_bytes() == b""


def test_a_training_that_differs_each_time_is_refused(
    job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = JournalPlace(tmp_path / "0.journal", tmp_path, {})
    cell = replace(job("random", OtherTask(), budget=5), journal=place)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add_report", _after(4))
        with pytest.raises((Kill, StudyError)):
            run_cell(cell)
    with pytest.raises(StudyError, match=r"trained again .* gave val_loss .* not the same each"):
        run_cell(cell)


def test_a_method_that_decides_otherwise_is_refused(
    job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It draws from what no seed decides, or the journal is made up."""
    place = JournalPlace(tmp_path / "0.journal", tmp_path, {})
    cell = replace(job("random", budget=5), journal=place)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add_report", _after(20))
        with pytest.raises((Kill, StudyError)):
            run_cell(cell)
    kept = place.path.read_bytes()
    other = replace(cell, cell=replace(cell.cell, seed=1))
    with pytest.raises(StudyError, match="begun with seed 0, here 1"):
        run_cell(other)
    monkeypatch.setattr("bohb_study.engines.recorder.depends_on", lambda job: {})
    with pytest.raises(StudyError, match=r"now takes [0-9a-f]{12} to level 1: .* no seed decides"):
        run_cell(other)
    assert place.path.read_bytes() == kept


def test_measured_seconds_are_those_of_all_runs(
    job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what is left for the engine is not negative."""
    place = JournalPlace(tmp_path / "0.journal", tmp_path, {})
    cell = replace(job("random", budget=5), journal=place)
    step = Step("0", "c", 1, 1)
    journal = Journal(place, virtual_head(cell))
    monkeypatch.setattr(Journal, "seconds", property(lambda self: 7.5))
    journal.add_report(step, Report(1.0, 1.0, 7.0, 1))
    journal.close()
    journal = Journal(place)
    assert journal.before == 7.5
    journal.next()
    journal.add_report(step, Report(1.0, 1.0, 7.0, 1))
    journal.close()
    journal = Journal(place)
    journal.next(), journal.next()
    assert (journal.before, journal.resumed) == (15.0, 2)
    journal.close()


def virtual_head(job: CellJob) -> Any:
    from bohb_study.engines.recorder import depends_on

    return depends_on(job)


def test_a_report_at_a_rung_is_flushed_at_once(
    job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them, and no other: there a trial may be stopped for good."""
    flushed: list[int] = []
    add_report, sync = Journal.add_report, Journal.sync
    levels: list[int] = []

    def add(journal: Journal, step: Step, report: Report, *, limited: bool = False) -> None:
        add_report(journal, step, report, limited=limited)
        levels.append(step.level)

    def flush(journal: Journal) -> None:
        sync(journal)
        flushed.append(len(levels))

    monkeypatch.setattr(Journal, "add_report", add)
    monkeypatch.setattr(Journal, "sync", flush)
    place = JournalPlace(tmp_path / "0.journal", tmp_path, {})
    cell = replace(job("bohb", budget=4), journal=place)
    frame = run_cell(cell).frame
    at_rungs = frame["level"].isin(cell.task.ladder.costs)
    assert flushed == [number for number, rung in enumerate(at_rungs, 1) if rung]
    assert 0 < len(flushed) < len(frame)
    assert at_rungs[frame["rung"].notna()].all()
