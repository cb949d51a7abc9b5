"""Trials that hang, end their process or take too much memory fail, and their cells go on."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bohb_study import interrupts
from bohb_study.engines.base import CellJob, CellResult, Finished, Notice, run_cell
from bohb_study.engines.journal_place import JournalPlace
from bohb_study.engines.trial_limits import TrialLimits, exceeded, resident
from bohb_study.errors import UsageError
from bohb_study.running.options import RunOptions
from bohb_study.running.pools import local, step_watch
from bohb_study.running.reproduction import compare_frames
from bohb_study.running.runner import run_study
from bohb_study.seeding import Config
from bohb_study.study import StudyConfig
from bohb_study.tasks import Report
from toy_cells import ToyEvaluation, ToyTask


@pytest.fixture(scope="module", autouse=True)
def by_value_too(by_value: None) -> Iterator[None]:
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


class BadEvaluation(ToyEvaluation):
    """At its second epoch x says what it does, where this is not the process of the test."""

    def advance(self, level: int) -> Report:
        task: Any = self.task
        x = self.config["x"]
        if level == 2 and os.getpid() != task.tester and task.first <= x < task.last:
            BADNESS[task.bad]()
        return super().advance(level)


def _hang() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(60)


def _hoard() -> None:
    kept = bytearray(1_500_000_000)
    time.sleep(60)
    del kept


def _child() -> None:
    """A process of its own takes the memory."""
    if os.fork() == 0:
        _hoard()
    time.sleep(60)


BADNESS: dict[str, Callable[[], Any]] = {
    "hangs": _hang,
    "forks": _child,
    "segfaults": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "exits": lambda: os._exit(0),
    "waits": lambda: time.sleep(0.6),
}


@dataclass(frozen=True)
class BadTask(ToyTask):
    """The toy with some trials that do something bad."""

    bad: str = ""
    tester: int = 0
    first: float = 0.6
    last: float = 0.7
    name: ClassVar[str] = "toy-bad"

    def start(self, config: Config, seed: int) -> BadEvaluation:
        return BadEvaluation(self, config, seed)


def ended(job: CellJob) -> tuple[CellResult, list[str]]:
    """What a cell gives in a process of its own, and what is said meanwhile."""
    events = list(local.run_cells([job], 1))
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert finished.error is None, finished.error
    assert finished.result is not None
    return finished.result, [event.text for event in events if isinstance(event, Notice)]


@pytest.mark.parametrize(
    ("bad", "why", "said"),
    [
        ("hangs", "took longer than trial_timeout=1 s", 1),
        ("forks", "GB, more than trial_memory=1", 1),
        ("segfaults", "its process was killed by SIGSEGV", 2),
    ],
)
def test_the_trial_fails_with_its_reason_and_the_cell_goes_on(
    bad: str, why: str, said: int, job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_watch, "MOST_DEATHS", 2)
    task = BadTask(bad=bad, tester=os.getpid())
    cell = replace(
        job("random", task, budget=4),
        journal=JournalPlace(tmp_path / "0.journal", tmp_path, {}),
        limits=TrialLimits(1.0 if bad == "hangs" else None, 1.0 if said == 1 else None),
    )
    result, lines = ended(cell)
    assert len(lines) == said, lines
    assert all("\n" not in line for line in lines)
    frame, known = result.frame, run_cell(replace(cell, journal=None)).frame
    trials = frame.loc[frame["hp.x"].between(0.6, 0.7), "trial"].unique()
    assert len(trials) == 1
    assert list(result.failures) == list(trials)
    assert result.failures[trials[0]].endswith(why)
    assert result.limited == 1
    failed = (frame["trial"].isin(trials) & (frame["level"] > 1)).to_numpy()
    assert (frame.loc[failed, "status"] == "failed").all()
    assert compare_frames(known[~failed], frame[~failed]) is None
    assert result.account.violations() == []


def test_once_a_kind_of_end_is_known_it_is_not_tried_again(
    job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second trial that ends its process in the same way has failed at once."""
    monkeypatch.setattr(step_watch, "MOST_DEATHS", 2)
    task = BadTask(bad="exits", tester=os.getpid(), first=0.0, last=1.0)
    journal = JournalPlace(tmp_path / "0.journal", tmp_path, {})
    result, lines = ended(replace(job("random", task, budget=2), journal=journal))
    assert len(result.failures) == result.limited == 2
    assert {*result.failures.values()} == {"its process ended with exit code 0"}
    assert len(lines) == 3


def test_a_cell_whose_process_is_killed_goes_on(job: Any, tmp_path: Path) -> None:
    """By whomever, in the middle of a step: rows are those of a cell that was left alone."""
    journal = JournalPlace(tmp_path / "0.journal", tmp_path, {})
    cell = replace(job("bohb", BadTask(bad="waits", tester=os.getpid()), budget=3), journal=journal)
    lines: list[str] = []
    with closing(local.run_cells([cell], 1)) as events:
        for event in events:
            if isinstance(event, Notice):
                lines.append(event.text)
            elif isinstance(event, Finished):
                break
            elif not lines and journal.path.exists() and _in_a_step(journal):
                children = interrupts.descendants(os.getpid())
                (child,) = (one for one in children if "pools.worker" in _command(one))
                os.kill(child, signal.SIGKILL)
    assert isinstance(event, Finished)
    assert event.result is not None
    (line,) = lines
    assert "its process was killed by SIGKILL in trial" in line
    assert compare_frames(run_cell(replace(cell, journal=None)).frame, event.result.frame) is None


def _command(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_text()


def _in_a_step(place: JournalPlace) -> bool:
    return place.path.read_bytes().splitlines()[-1][17:].startswith(b'["step",')


def test_limits_are_refused_where_nobody_could_see_to_them(tmp_path: Path) -> None:
    """Before anything is run; and so are limits that are none."""
    config = StudyConfig(tasks=("counting-ones-8",), methods=("random",), budget=1, engine="tune")
    with pytest.raises(UsageError, match=r"Ray runs the trials of engine tune"):
        run_study(config, RunOptions(out=tmp_path, trial_memory=1.0))
    with pytest.raises(UsageError, match=r"several workers cannot go on behind a trial"):
        run_study(replace(config, workers=2), RunOptions(out=tmp_path, trial_timeout=1.0))
    assert list(tmp_path.iterdir()) == []
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError) as caught:
            RunOptions(trial_timeout=wrong)
        assert caught.value.parameter == "trial_timeout"


def test_what_is_exceeded() -> None:
    limits = TrialLimits(2.0, 0.001)
    assert exceeded(TrialLimits(), 1e9, 1, os.getpid()) == ""
    assert exceeded(limits, 3.0, 2, None) == ""  # two steps may take four seconds
    assert exceeded(limits, 4.5, 2, None) == "took longer than trial_timeout=2 s"
    assert exceeded(limits, 1.0, 1, os.getpid()).endswith(" GB, more than trial_memory=0.001")
    assert 10e6 < resident(os.getpid()) < 100e9
    assert resident(2**22 + 1) == 0
