"""No test loss can be reached from what a method is given, by any public name."""

import ast
import math
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bohb_study import engines
from bohb_study.engines.base import CellJob, Told
from bohb_study.engines.sealed_report import SealedReport, opened
from bohb_study.engines.virtual import run_pair
from bohb_study.methods.base import METRIC, STATUS, TIME, Pair, seen
from bohb_study.methods.recording.recording_scheduler import RecordingScheduler
from bohb_study.methods.recording.recording_searcher import RecordingSearcher
from bohb_study.seeding import Config
from bohb_study.study import Cell
from bohb_study.tasks import Report
from toy_cells import ToyEvaluation, ToyTask

TEST_LOSS = 4711.25
"""Of every report here; nothing else has this value."""
SEALED = ".sealed_report"
MAY_OPEN = {"recorder.py", "journalled_trainers.py"}
"""Modules that store reports, or hand them to who does."""


@dataclass(frozen=True)
class MarkedTask(ToyTask):
    """Every report has the same test loss, by which it is found."""

    name: ClassVar[str] = "marked"

    def start(self, config: Config, seed: int) -> ToyEvaluation:
        return MarkedEvaluation(self, config, seed)


class MarkedEvaluation(ToyEvaluation):
    def advance(self, level: int) -> Report:
        return super().advance(level)._replace(test_loss=TEST_LOSS)


def reachable(thing: Any, depth: int = 6, met: set[int] | None = None) -> Iterator[Any]:
    """All values that public names, keys and places lead to."""
    met = set() if met is None else met
    if id(thing) in met or depth < 0:
        return
    met.add(id(thing))
    yield thing
    if isinstance(thing, dict):
        parts = [*thing.keys(), *thing.values()]
    elif isinstance(thing, list | tuple | set | frozenset):
        parts = list(thing)
    elif isinstance(thing, str | bytes | int | float | type):
        return
    else:
        parts = []
        for name in dir(thing):
            if not name.startswith("_"):
                try:
                    parts.append(getattr(thing, name))
                except Exception:  # what cannot be read leads nowhere
                    continue
    for part in parts:
        yield from reachable(part, depth - 1, met)


VIEW = {"get_live_trials", "get_trials", "search_alg", "stop_trial"}
"""All that a scheduler sees of the controller, which leads to recorder, task and trainers."""


class Spy:
    """Looks for the test loss in all that is given to what it wraps."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        self.losses = 0
        """Losses that were given."""

    def look(self, call: str, *given: Any) -> None:
        self.calls[call] = self.calls.get(call, 0) + 1
        for one in given:
            self.losses += isinstance(one, dict) and METRIC in one
            if hasattr(one, "stop_trial"):
                assert {name for name in dir(one) if not name.startswith("_")} == VIEW
            found = [x for x in reachable(one) if isinstance(x, float) and x == TEST_LOSS]
            assert not found, f"{call}: a test loss can be reached from {one!r}"


class SpyScheduler:
    """A scheduler with a spy before it."""

    def __init__(self, scheduler: Any, spy: Spy) -> None:
        self._scheduler, self._spy = scheduler, spy

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._scheduler, name)
        if not callable(found) or not name.startswith(("on_", "choose_")):
            return found

        def call(*given: Any, **more: Any) -> Any:
            self._spy.look(name, *given, *more.values())
            return found(*given, **more)

        return call


@pytest.mark.parametrize("method", ["bohb", "asha", "hpbandster-bohb", "tpe", "median"])
def test_nothing_that_a_method_is_given_leads_to_a_test_loss(method: str) -> None:
    spy = Spy()
    job = CellJob(Cell("marked", method, 0), MarkedTask(), budget=6, workers=2)
    pair = job.pair()
    pair.scheduler.scheduler = SpyScheduler(pair.scheduler.scheduler, spy)
    pair.searcher.searcher = SpyScheduler(pair.searcher.searcher, spy)
    result = run_pair(job, pair)
    frame = result.frame
    # every loss that either was given was compared, by whatever call it came
    assert result.told == Told(spy.losses, 0)
    assert (frame["test_loss"] == TEST_LOSS).all()
    assert min(spy.calls[name] for name in ("on_trial_add", "on_trial_complete")) > 3
    assert spy.calls["choose_trial_to_run"] > 3


def test_the_search_would_find_one() -> None:
    report = Report(0.5, TEST_LOSS, 0.0, 1)
    for hidden in ({"report": report}, [(report,)], type("Trial", (), {"report": report})()):
        with pytest.raises(AssertionError, match="a test loss can be reached"):
            Spy().look("call", hidden)


def test_a_sealed_report_shows_what_methods_may_see() -> None:
    report = Report(0.5, TEST_LOSS, 0.0, 1, extra={"more": TEST_LOSS})
    sealed = SealedReport(report)
    assert (sealed.val_loss, sealed.status) == (0.5, "ok")
    assert seen(sealed, 3) == {METRIC: 0.5, TIME: 3, STATUS: "ok"}
    assert not hasattr(sealed, "test_loss")
    Spy().look("seal", sealed)
    assert opened(sealed) is report
    assert opened(pickle.loads(pickle.dumps(sealed))) == report


def test_only_what_stores_reports_opens_them() -> None:
    folder = Path(engines.__file__).parent.parent
    openers, diggers = set(), set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == engines.__name__ + SEALED:
                openers |= {path.name for name in node.names if name.name.startswith("opened")}
            if isinstance(node, ast.Attribute) and node.attr == "_sealed":
                diggers.add(path.name)
    assert diggers == {"sealed_report.py"}
    assert openers <= MAY_OPEN
    assert "recorder.py" in openers


def test_what_methods_were_told_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    job = CellJob(Cell("marked", "bohb", 0), MarkedTask(), budget=6)
    told = run_pair(job, job.pair()).told
    assert told is not None
    assert told.losses > 10
    assert told.otherwise == 0

    def scaled(report: Any, time: int) -> dict[str, Any]:
        return {**seen(report, time), METRIC: math.nextafter(report.val_loss, 2)}

    monkeypatch.setattr("bohb_study.engines.virtual.seen", scaled)
    told = run_pair(job, job.pair()).told
    assert told is not None
    assert told.otherwise == told.losses > 10


def test_wrappers_forget_what_was_compared() -> None:
    job = CellJob(Cell("marked", "tpe", 0), MarkedTask(), budget=6)
    pair = job.pair()
    run_pair(job, pair)
    assert isinstance(pair, Pair)
    for wrapper in (pair.scheduler, pair.searcher):
        assert isinstance(wrapper, RecordingScheduler | RecordingSearcher)
        assert wrapper.told == []
