"""Trials over two processes: equal to one process, exact over a pause, and never without an end.

In float64, where rounding is 1e-16, what two ranks compute equals what one process computes up to
the order of sums; in float32 the same rounding is seen at 1e-7, and grows as training goes on.
"""

import os
import pickle
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from bohb_study import numerics
from bohb_study.engines.guard import GuardedEvaluation
from bohb_study.engines.ranks import RankError, RankGroup
from bohb_study.tasks import Evaluation, FunctionTask, Report, Task, make_task
from bohb_study.tasks.training.data_parallel import Ranks, everyones
from repository import ROOT
from toy_cells import ToyTask

pytestmark = [pytest.mark.ray, pytest.mark.long]

SECONDS = 60.0
"""How long ranks wait for each other here; a loaded machine takes its time."""
FEW = 10.0
"""The same where one never answers."""


class Recorded(Evaluation):
    """A training of a registered task that also tells gradients and training losses."""

    def __init__(self, task: Task, config: dict[str, Any], *, wide: bool) -> None:
        self.kind = torch.float64 if wide else torch.float32
        torch.set_default_dtype(self.kind)
        try:
            self.inner: Any = task.start(config, 0)
        finally:
            torch.set_default_dtype(torch.float32)
        self.inner._model.register_forward_pre_hook(lambda _, given: (given[0].to(self.kind),))

    def advance(self, level: int) -> Report:
        """Its report, with the mean training loss of each epoch."""
        train, losses = self.inner._train_epoch, []
        self.inner._train_epoch = lambda: losses.append(train()) or losses[-1]
        torch.set_default_dtype(self.kind)
        try:
            report: Report = self.inner.advance(level)
        finally:
            self.inner._train_epoch = train
            torch.set_default_dtype(torch.float32)
        extra = {**report.extra, "train": losses}
        return report._replace(extra=extra, seconds=0.0)

    def state(self) -> dict[str, Any]:
        """The state, once all ranks have the same weights, bit for bit."""
        weights = torch.cat(
            [weight.flatten() for weight in self.inner._model.state_dict().values()]
        )
        for other in everyones(weights) or []:
            assert torch.equal(weights, other)
        return dict(self.inner.state())

    def restore(self, state: dict[str, Any]) -> None:
        if "gradients" not in state:
            self.inner.restore(state)


class Gradients(Recorded):
    """Its state is the gradients of the first batch, by parameter."""

    def state(self) -> dict[str, Any]:
        class TakenError(Exception):
            pass

        def take(*args: Any, **more: Any) -> None:
            raise TakenError

        self.inner._optimizer.step = take
        with pytest.raises(TakenError):
            self.advance(1)
        return {name: weight.grad for name, weight in self.inner._model.named_parameters()}


class Call(Evaluation):
    """Its state is what a function returns."""

    def __init__(self, call: Any) -> None:
        self.call = call

    def advance(self, level: int) -> Report:
        return Report(float(self.call()), 0.0, 0.0, level)

    def state(self) -> dict[str, Any]:
        return {"returned": self.call()}

    def restore(self, state: dict[str, Any]) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class AnyTask(ToyTask):
    """Starts what the configuration holds, so that one group of processes serves all tests."""

    def start(self, config: Any, seed: int) -> Any:
        given = pickle.loads(bytes.fromhex(config["given"]))
        if "cache" in given:
            os.environ["XDG_CACHE_HOME"] = given["cache"]
        if "call" in given:
            return Call(given["call"])
        if "kind" in given:
            return given["kind"](given["task"], given["config"], wide=given["wide"])
        return given["task"].start(given["config"], seed)


def packed(**given: Any) -> dict[str, Any]:
    """A configuration, of hyperparameters that can be hashed."""
    from ray import cloudpickle

    return {"given": cloudpickle.dumps(given).hex()}


@pytest.fixture(scope="module")
def group(by_value: None, no_runtime_at_the_end: None) -> Iterator[RankGroup]:
    """Two ranks, which start once for this file, and again where a test ends them."""
    import ray
    from ray import cloudpickle
    from ray.util import placement_group, remove_placement_group

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    if not ray.is_initialized():
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    bundles = placement_group([{"CPU": 1}] * 2)
    record = numerics.record("portable")
    ranks = RankGroup(AnyTask(), 2, 1, 0, record, bundles, time_limit=SECONDS)
    yield ranks
    ranks.close()
    remove_placement_group(bundles)


class Case(NamedTuple):
    """A task and a configuration whose last batch of an epoch has one row: rank 0 gets none."""

    task: Task
    config: dict[str, Any]
    cache: str

    def start(self, group: RankGroup | None, kind: Any = Recorded, *, wide: bool = True) -> Any:
        given = {"task": self.task, "config": self.config, "kind": kind, "wide": wide}
        if group is None:
            return AnyTask().start(packed(**given), 0)
        return group.start(packed(**given, cache=self.cache), 0)


@pytest.fixture(params=["digits", "fashion-mnist", "cifar10-resnet"])
def case(request: pytest.FixtureRequest, image_data: Path, own_cache: Path) -> Case:
    options = {"digits": {"dropout": "0.3"}}.get(request.param, {"data": str(image_data)})
    batch = {"digits": 269, "fashion-mnist": 239, "cifar10-resnet": 53}[request.param]
    config: dict[str, Any] = {"l1": 32, "l2": 16, "lr": 0.03, "batch_size": batch}
    if request.param == "fashion-mnist":
        options |= {"subset": "300", "dropout": "0.3"}
    if request.param == "cifar10-resnet":
        options |= {"subset": "200", "epochs": "9", "depth": "8", "width": "4"}
        config = {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4, "batch_size": batch}
    return Case(make_task(request.param, options), config, str(own_cache.parent))


def furthest(one: Any, other: Any) -> float:
    """Largest absolute difference of two collections of numbers alike."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        return max((furthest(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, list | tuple):
        return max((furthest(a, b) for a, b in zip(one, other, strict=True)), default=0.0)
    if isinstance(one, torch.Tensor):
        return float((one.double() - other.double()).abs().max())
    return abs(one - other) if isinstance(one, float) else float(one != other)


GRADIENTS = {"digits": 1e-7, "fashion-mnist": 1e-6, "cifar10-resnet": 5e-3}
"""Tolerances of float32 gradients, the largest of which are 0.03, 0.03 and 0.1.

Where an activation is zero but for rounding, a rectifier lets the gradient through or not: that is
most of what differs in the deep network. In one process other convolutions do the same (1.9e-4)."""
LOSSES = {"digits": 1e-5, "fashion-mnist": 1e-5, "cifar10-resnet": 0.1}
"""Of the losses of three epochs, which are 0.5 to 2.5."""
WIDE = 1e-10
"""Of everything in float64, three epochs included: what is computed is the same."""


@pytest.mark.parametrize("wide", [True, False])
def test_gradients_are_those_of_one_process(case: Case, group: RankGroup, wide: bool) -> None:
    """Dropout, augmentation and batch norm included; of the first batch."""
    alone, together = (case.start(g, Gradients, wide=wide).state() for g in (None, group))
    assert len(alone) >= 8
    assert max(gradient.abs().max().item() for gradient in alone.values()) > 0.01
    assert furthest(alone, together) < (WIDE if wide else GRADIENTS[case.task.name])


@pytest.mark.parametrize("wide", [True, False])
def test_losses_are_those_of_one_process_straight_and_resumed(
    case: Case, group: RankGroup, wide: bool
) -> None:
    """And bit for bit those of the same ranks without the pause."""
    levels, close = (1, 3), WIDE if wide else LOSSES[case.task.name]
    straight, reports, states = {}, {}, {}
    for name, where in (("alone", None), ("together", group)):
        evaluation = straight[name] = case.start(where, wide=wide)
        reports[name] = [evaluation.advance(level) for level in levels]
        states[name] = evaluation.state()
    alone = reports["alone"]
    assert [report.status for report in alone] == ["ok", "ok"]
    assert alone[0].extra != alone[1].extra
    assert furthest(alone, reports["together"]) < close
    paused = case.start(group, wide=wide)
    assert paused.advance(1) == reports["together"][0]
    state = paused.state()
    resumed = case.start(group, wide=wide)
    resumed.restore(state)
    assert resumed.advance(3) == reports["together"][1]
    assert furthest(resumed.state(), states["together"]) == 0.0
    by_itself = case.start(None, wide=wide)
    by_itself.restore(state)
    assert furthest(by_itself.advance(3), alone[1]) < close
    if wide:
        assert furthest(by_itself.state(), states["alone"]) < close
        begun_alone = case.start(None)
        begun_alone.advance(1)
        joined = case.start(group)
        joined.restore(begun_alone.state())
        assert furthest(joined.advance(3), alone[1]) < close


def share_of_draws(config: Any, seed: int, state: Any = None) -> Iterator[Any]:
    """Loss: what both ranks drew, each from a stream of its own."""
    torch.manual_seed(seed + Ranks.here().rank)
    yield
    while True:
        yield {"loss": sum(everyones(torch.rand(()).item()) or [9.0]), "state": {}}


def test_a_function_goes_on_with_the_generators_of_each_rank(group: RankGroup) -> None:
    task = FunctionTask(share_of_draws, {"x": (0.0, 1.0)}, max_epochs=9, data_parallel=True)
    given = packed(task=task, config={"x": 0.5})
    straight = group.start(given, 0)
    losses = [straight.advance(level).val_loss for level in (1, 2, 3)]
    assert len(set(losses)) == 3
    paused = group.start(given, 0)
    assert paused.advance(1).val_loss == losses[0]
    state = paused.state()
    resumed = group.start(given, 0)
    resumed.restore(state)
    assert [resumed.advance(level).val_loss for level in (2, 3)] == losses[1:]


def test_the_example_trains_as_in_one_process_and_resumes_exactly(group: RankGroup) -> None:
    task = make_task(f"{ROOT}/examples/data_parallel_function.py:task")
    assert task.data_parallel
    config: dict[str, Any] = {"lr": 0.1, "hidden": 16}
    alone, together = task.start(config, 0), group.start(packed(task=task, config=config), 0)
    losses = [[one.advance(level).val_loss for level in (1, 3, 9)] for one in (alone, together)]
    assert losses[0][2] < losses[0][0]
    assert furthest(losses[0], losses[1]) < 1e-5
    again = group.start(packed(task=task, config=config), 0)
    assert again.advance(1).val_loss == losses[1][0]
    state = again.state()
    resumed = group.start(packed(task=task, config=config), 0)
    resumed.restore(state)
    assert [resumed.advance(level).val_loss for level in (3, 9)] == losses[1][1:]


def test_what_the_training_raises_fails_the_step(group: RankGroup) -> None:
    """Also what would end the process; configurations that began before it have ended."""

    def leaves() -> float:
        sys.exit("no such width")

    beside = group.start(packed(call=os.getpid), 0)
    before = beside.state()
    failing = GuardedEvaluation(AnyTask(), packed(call=leaves), 0, group.start)
    report = failing.advance(1, 1)
    assert (report.status, report.message) == ("failed", "SystemExit: no such width")
    with pytest.raises(RankError, match="the ranks that trained this configuration have ended"):
        beside.state()
    assert group.start(packed(call=os.getpid), 0).state() != before


def test_a_state_that_cannot_be_had_ends_no_rank(group: RankGroup) -> None:
    given = group.start(packed(call=iter([1.0, lambda: 0, 3.0]).__next__), 0)
    assert given.advance(1).val_loss == 1.0
    pids = group.pids()
    with pytest.raises((AttributeError, pickle.PicklingError), match="pickle"):
        given.state()
    assert given.advance(2).val_loss == 3.0
    assert group.pids() == pids


def test_configurations_take_turns(group: RankGroup) -> None:
    """Each goes on where it was; what is dropped is gone, and the ranks stay."""
    one, other = (group.start(packed(call=count(start).__next__), 0) for start in (0, 10))
    pids = group.pids()
    found = [one.advance(1).val_loss, other.advance(1).val_loss, one.advance(2).val_loss]
    assert found == [0, 10, 1]
    one.forget()
    assert other.advance(2).val_loss == 11
    with pytest.raises(RankError, match="have ended"):
        one.advance(3)
    assert group.pids() == pids


def one_ends(how: str) -> float:
    """Rank 1 does not come to the exchange in which rank 0 waits."""
    rank = Ranks.here().rank
    if rank and how == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if rank and how == "hangs":
        time.sleep(600)
    return float(sum(everyones(rank) or []))


def test_a_training_goes_on_in_another_group_after_a_rank_was_killed_in_a_step(
    group: RankGroup, image_data: Path, own_cache: Path
) -> None:
    """Bit for bit; the group starts anew with the next configuration."""
    config = {"l1": 8, "l2": 8, "lr": 0.01, "batch_size": 64}
    case = Case(make_task("digits", {"dropout": "0.2"}), config, str(own_cache.parent))
    evaluation = case.start(group, wide=False)
    evaluation.advance(1)
    state = evaluation.state()
    expected = evaluation.advance(2)
    pids = group.pids()
    begin = time.monotonic()
    with pytest.raises(RankError, match=r"^rank 1 of 2 died$"):
        group.start(packed(call=lambda: one_ends("dies")), 0).advance(1)
    assert time.monotonic() - begin < SECONDS
    elsewhere = case.start(group, wide=False)
    assert set(group.pids()).isdisjoint(pids)
    elsewhere.restore(state)
    assert elsewhere.advance(2) == expected


def test_a_rank_that_hangs_fails_the_step_within_the_limit(
    group: RankGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    group.close()  # its ranks start anew, with what follows
    monkeypatch.setattr(group, "_seconds", FEW)
    hanging = packed(call=lambda: one_ends("hangs"))
    failing = GuardedEvaluation(AnyTask(), hanging, 0, group.start)
    begin = time.monotonic()
    report = failing.advance(1, 1)
    waited = time.monotonic() - begin
    assert report.status == "failed"
    assert report.message.startswith("RankError: rank 1 of 2 did not answer within ")
    assert FEW - 1 < waited < 6 * FEW
