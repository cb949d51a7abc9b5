"""Whatever a task's code does, reports are finite and paid whole."""

import math
import pickle
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from bohb_study.engines.guarded import GuardedEvaluation
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
    error: type[Exception] = OSError

    name: ClassVar[str] = "fragile"
    summary = val_metric = test_metric = "breaks"
    failure_loss = 10.0
    failure_test_loss = 20.0
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
    """Reports of levels 1.., by an evaluation that is put away and taken up once."""
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
            (f"{which} 2", value, 2, f"ValueError: loss {losses}")
            for which, value, losses in (
                ("val", "nan", "nan, test loss 0.5"),
                ("val", "inf", "inf, test loss 0.5"),
                ("val", "-inf", "-inf, test loss 0.5"),
                ("test", "nan", "0.5, test loss nan"),
                ("test", "inf", "0.5, test loss inf"),
            )
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
        assert (report.val_loss, report.test_loss) == (10.0, 20.0)
        assert report.units == 1
        assert report.message == message
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


def test_an_interruption_is_no_failure() -> None:
    """Ctrl-C must end the study, not the training."""

    class Interrupted(FragileTask):
        def start(self, config: Config, seed: int) -> Fragile:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GuardedEvaluation(Interrupted(), CONFIG, 0).advance(1, 1)


@pytest.mark.parametrize("where", ["start", "advance 2", "advance 3", "restore"])
def test_what_is_not_on_this_machine_is_no_failure_of_a_training(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No configuration could mend it: the cell must fail, in one line, not each of its trials."""

    def missing(*args: object) -> None:
        raise UsageError("--task fragile: no data in nowhere")

    if where == "start":
        monkeypatch.setattr(FragileTask, "start", missing)
    else:
        fail = Fragile.fail
        monkeypatch.setattr(
            Fragile, "fail", lambda self, at: missing() if at == where else fail(self, at)
        )
    with pytest.raises(UsageError, match=r"^--task fragile: no data in nowhere$"):
        steps(FragileTask())


@pytest.mark.parametrize("pause_after", [0, 1, 5])
def test_a_healthy_one_passes_through_and_goes_on_exactly(pause_after: int, toy_task: Any) -> None:
    """Its own reports, unchanged; put away before the first step too."""
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
