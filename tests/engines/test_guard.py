"""Whatever a task's code does, it reports a number or none at all, and is paid whole."""

import math
import pickle
import random
import signal
import threading
from dataclasses import dataclass
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from bohb_study.engines.guard import GuardedEvaluation, interruptible
from bohb_study.errors import StudyError, UsageError
from bohb_study.seeding import Config
from bohb_study.tasks import Evaluation, Ladder, Report, Task

CONFIG: Config = {"x": 0.2, "y": 0.5}


class Fragile(Evaluation):
    """Fails in one call, and says so."""

    def __init__(self, task: "FragileTask") -> None:
        self.task = task
        self.level = 0

    def fail(self, where: str) -> None:
        if self.task.where == where:
            raise self.task.error(f"broken in {where}\nand more lines")

    def advance(self, level: int) -> Report:
        self.fail(f"advance {level}")
        values = {f"val {level}": "val", f"test {level}": "test"}
        bad = float(self.task.value)
        val = bad if values.get(self.task.where) == "val" else 1 / level
        test = bad if values.get(self.task.where) == "test" else 0.5
        units, self.level = level - self.level, level
        return Report(val, test, 0.25, units, extra={"e": 1.0})

    def state(self) -> dict[str, Any]:
        self.fail("state")
        return {"level": self.level}

    def restore(self, state: dict[str, Any]) -> None:
        self.fail("restore")
        self.level = state["level"]


@dataclass(frozen=True)
class FragileTask(Task):
    where: str = ""
    value: str = "nan"
    error: type[BaseException] = OSError

    name: ClassVar[str] = "fragile"
    summary = val_metric = test_metric = "breaks"
    extra_names = ("e",)
    grid_order = ()
    own_ladder = Ladder("epoch", (1, 3, 9), eta=3, curve=True, resumable=True)

    def space(self, seed: int) -> Any:
        raise NotImplementedError

    def start(self, config: Config, seed: int) -> Fragile:
        if self.where == "start":
            raise OSError("broken in start\nand more lines")
        return Fragile(self)

    def duration(self, config: Config, start: int, end: int) -> float:
        raise NotImplementedError


def steps(task: Task, pause_after: int = 2, levels: int = 4) -> list[Report]:
    """Reports of levels 1.., by an evaluation that is paused and resumed once."""
    evaluation = GuardedEvaluation(task, CONFIG, 0)
    reports = [evaluation.advance(level, 1) for level in range(1, pause_after + 1)]
    state = pickle.loads(pickle.dumps(evaluation.state()))
    other = GuardedEvaluation(task, CONFIG, 0)
    other.restore(state)
    return reports + [other.advance(level, 1) for level in range(pause_after + 1, levels + 1)]


@pytest.mark.parametrize(
    ("where", "value", "first_failed", "message"),
    [
        ("start", "nan", 1, "OSError: broken in start"),
        ("advance 1", "nan", 1, "OSError: broken in advance 1"),
        ("advance 3", "nan", 3, "OSError: broken in advance 3"),
        ("state", "nan", 3, "OSError: broken in state"),
        ("restore", "nan", 3, "OSError: broken in restore"),
        *(
            ("val 2", value, 2, f"ValueError: the loss is {value}: it must be finite, and below ")
            for value in ("nan", "inf", "-inf", "1.5e+301", "-1.5e+301")
        ),
    ],
)
def test_from_the_first_failure_on_every_step_has_failed(
    where: str, value: str, first_failed: int, message: str
) -> None:
    """One good report after a failure would let a broken trial be promoted."""
    reports = steps(FragileTask(where, value))
    healthy, failed = reports[: first_failed - 1], reports[first_failed - 1 :]
    assert len(failed) == 5 - first_failed
    assert [(r.status, r.val_loss, r.message) for r in healthy] == [
        ("ok", 1 / level, "") for level in range(1, first_failed)
    ]
    for report in failed:
        assert report.status == "failed"
        assert math.isnan(report.val_loss)
        assert math.isnan(report.test_loss)
        assert report.units == 1
        assert report.message.startswith(message)
        assert math.isnan(report.extra["e"])
        assert report.seconds >= 0


def test_a_failure_is_charged_whole_whatever_was_done() -> None:
    evaluation = GuardedEvaluation(FragileTask("advance 9"), CONFIG, 0)
    assert evaluation.advance(9, 7).units == 7


def test_long_and_empty_messages_are_one_short_line() -> None:
    class Silent(FragileTask):
        def start(self, config: Config, seed: int) -> Fragile:
            raise RuntimeError(config["said"])

    for said, message in (
        ("", "RuntimeError: "),
        ("x" * 500, "RuntimeError: " + "x" * 200),
        ("\n\nfirst\nsecond", "RuntimeError: first"),
    ):
        assert GuardedEvaluation(Silent(), {"said": said}, 0).advance(1, 1).message == message


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1.5e+301"])
def test_a_test_loss_that_is_not_defined_fails_nothing(value: str) -> None:
    """Else the test part would steer the search."""
    reports = steps(FragileTask("test 2", value))
    assert [report.status for report in reports] == ["ok"] * 4
    assert [report.val_loss for report in reports] == [1, 1 / 2, 1 / 3, 1 / 4]
    assert [math.isnan(report.test_loss) for report in reports] == [False, True, False, False]


@dataclass(frozen=True)
class Reporting(FragileTask):
    """Reports whatever it is given."""

    report: Any = None

    def start(self, config: Config, seed: int) -> Any:
        return SimpleNamespace(advance=lambda level: self.report)


NUMBERS = [0, True, np.float32(0.5), np.int64(3), np.array([0.25]), Fraction(1, 4), -1e301, 1e301]


@pytest.mark.parametrize("value", NUMBERS)
def test_whatever_is_a_number_is_one(value: Any) -> None:
    task = Reporting(report=Report(value, value, 0.0, 1))
    report = GuardedEvaluation(task, CONFIG, 0).advance(1, 1)
    assert (report.status, report.val_loss, report.test_loss) == ("ok", value, value)
    assert type(report.val_loss) is type(report.test_loss) is float


@pytest.mark.parametrize("value", ["0.5", 1 + 2j, None, [0.5], np.array([1.0, 2.0]), object()])
def test_what_is_no_number_is_a_failure_that_says_so(value: Any) -> None:
    task = Reporting(report=Report(value, 0.5, 0.0, 1))
    report = GuardedEvaluation(task, CONFIG, 0).advance(1, 1)
    assert report.message == f"ValueError: the loss is no number but {type(value).__name__}"
    tested = Reporting(report=Report(0.5, value, 0.0, 1))
    report = GuardedEvaluation(tested, CONFIG, 0).advance(1, 1)
    assert (report.status, report.val_loss) == ("ok", 0.5)
    assert math.isnan(report.test_loss)


def test_a_task_cannot_give_a_loss_to_what_has_no_result() -> None:
    task = Reporting(report=Report(1e6, 1e6, 0.0, 1, status="diverged", message="too steep"))
    report = GuardedEvaluation(task, CONFIG, 0).advance(1, 1)
    assert (report.status, report.message) == ("diverged", "too steep")
    assert math.isnan(report.val_loss)
    assert math.isnan(report.test_loss)


class Odd(BaseException):
    """Neither an Exception nor anything of Python's own."""


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit, KeyboardInterrupt, Odd])
@pytest.mark.parametrize("where", ["advance 1", "advance 3", "state", "restore"])
def test_whatever_a_training_raises_is_its_failure(where: str, error: type[BaseException]) -> None:
    with interruptible():
        reports = steps(FragileTask(where, error=error))
    failed = reports[0 if where == "advance 1" else 2 :]
    assert {report.status for report in failed} == {"failed"}
    assert {report.message for report in failed} == {f"{error.__name__}: broken in {where}"}


def test_an_interruption_is_no_failure() -> None:
    """Ctrl-C must end the study, not the training; nor may it be taken for the training's own."""

    class Slow(FragileTask):
        def start(self, config: Config, seed: int) -> Fragile:
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("not interrupted")

    class Raising(FragileTask):
        def start(self, config: Config, seed: int) -> Fragile:
            raise KeyboardInterrupt

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interruptible():
        GuardedEvaluation(Slow(), CONFIG, 0).advance(1, 1)
    assert signal.getsignal(signal.SIGINT) is handler
    with pytest.raises(KeyboardInterrupt):  # where nobody can tell
        GuardedEvaluation(Raising(), CONFIG, 0).advance(1, 1)


def test_only_the_thread_that_signals_reach_changes_their_handler() -> None:
    found = []

    def look() -> None:
        with interruptible():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]


@pytest.mark.parametrize("where", ["start", "advance 2", "advance 3", "restore"])
def test_what_is_not_on_this_machine_is_no_failure_of_a_training(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No configuration could avoid it: the cell must fail, in one line, not each of its trials."""

    def missing(*args: object) -> None:
        raise UsageError("fragile: no data in nowhere", "tasks")

    if where == "start":
        monkeypatch.setattr(FragileTask, "start", missing)
    else:
        fail = Fragile.fail
        monkeypatch.setattr(
            Fragile, "fail", lambda self, at: missing() if at == where else fail(self, at)
        )
    with pytest.raises(UsageError, match=r"^tasks fragile: no data in nowhere$"):
        steps(FragileTask())


@pytest.mark.parametrize("pause_after", [0, 1, 5])
def test_a_healthy_one_passes_through_and_goes_on_exactly(pause_after: int, toy_task: Any) -> None:
    """Its own reports, unchanged; paused before the first step too."""
    task = toy_task()
    plain = task.start(CONFIG, 0)
    expected = [plain.advance(level) for level in range(1, 10)]
    assert steps(task, pause_after, levels=9) == expected


def test_nothing_is_started_before_the_first_step() -> None:
    evaluation = GuardedEvaluation(FragileTask("start"), CONFIG, 0)
    assert evaluation.state() == {"failed": "", "state": None}


@pytest.mark.parametrize("where", ["advance 1", "state", "restore"])
def test_what_is_wrong_with_the_study_is_no_failed_training(where: str) -> None:
    with pytest.raises(StudyError, match=f"^broken in {where}"):
        paused_and_resumed(FragileTask(where, error=StudyError))


def paused_and_resumed(task: FragileTask) -> None:
    before, after = (GuardedEvaluation(task, CONFIG, 0) for _ in range(2))
    before.advance(1, 1)
    after.restore(before.state())


# Global random generators


class Drawing(Evaluation):
    """Its losses are what the global generators give."""

    def advance(self, level: int) -> Report:
        return Report(np.random.random() + random.random(), 0.0, 0.0, units=1)  # noqa: NPY002

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        np.random.random()  # noqa: NPY002


class DrawingTask(FragileTask):
    def start(self, config: Config, seed: int) -> Drawing:
        return Drawing()


def test_global_draws_depend_on_trial_and_level_alone() -> None:
    """Not on what was drawn before, where; and nobody outside finds that anything was drawn."""

    def losses(config: Config, seed: int, *levels: int) -> list[float]:
        evaluation = GuardedEvaluation(DrawingTask(), config, seed)
        return [evaluation.advance(level, 1).val_loss for level in levels]

    before = np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    straight = losses(CONFIG, 0, 1, 2, 3)
    assert len(set(straight)) == 3
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before  # noqa: NPY002
    np.random.random(100)  # noqa: NPY002
    random.random()
    assert losses(CONFIG, 0, 2, 3) == straight[1:]
    resumed = GuardedEvaluation(DrawingTask(), CONFIG, 0)
    resumed.restore({"failed": "", "state": {}})
    assert resumed.advance(3, 1).val_loss == straight[2]
    assert losses({**CONFIG, "x": 0.3}, 0, 1) != straight[:1]
    assert losses(CONFIG, 1, 1) != straight[:1]
    fresh = GuardedEvaluation(DrawingTask(), CONFIG, 0, training_seed=5)
    assert fresh.advance(1, 1).val_loss != straight[0]
