"""Training on images: exact, resumable, finite whatever happens, and without side effects."""

import copy
import dataclasses
import json
import math
import pickle
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bohb_study.seeding import Config, derive, retraining_seed, trial_seed
from bohb_study.tasks import Evaluation, Report, make_task
from bohb_study.tasks.training.images import image_training
from bohb_study.tasks.training.images.hardware import Hardware, hardware
from bohb_study.tasks.training.images.image_task import ImageTask
from bohb_study.tasks.training.images.image_training import ONEDNN_FROM
from fresh_python import printed

pytestmark = pytest.mark.long

LENET: Config = {"l1": 32, "l2": 16, "lr": 0.01, "batch_size": 16}
RESNET: Config = {"lr": 0.2, "momentum": 0.9, "weight_decay": 1e-4, "batch_size": 32}
RESNET_OPTIONS = {"epochs": "9", "depth": "8", "width": "4", "subset": "200"}
NAMES = ("mnist", "cifar10", "cifar10-resnet")
"""Fashion-MNIST is MNIST of other files: test_sources.py reads them, test_registry.py trains."""


class Case:
    """A task on small files and a configuration from which it learns."""

    def __init__(self, name: str, data: Path) -> None:
        resnet = name == "cifar10-resnet"
        self.options = {"data": str(data), "subset": "300", **(RESNET_OPTIONS if resnet else {})}
        self.config = RESNET if resnet else LENET
        self.task: Any = make_task(name, self.options)
        self.levels = self.task.ladder.costs if resnet else (1, 2, 3, 9)

    def start(self, **changes: Any) -> Any:
        return self.task.start({**self.config, **changes}, 0)


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest, image_data: Path) -> Case:
    return Case(request.param, image_data)


@pytest.fixture(params=["cifar10", "cifar10-resnet"])
def colour(request: pytest.FixtureRequest, image_data: Path) -> Case:
    """One of each network."""
    return Case(request.param, image_data)


_STRAIGHT: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {}


@pytest.fixture
def straight(case: Case) -> list[dict[str, Any]]:
    """Outcomes of all levels in one go; run once for all tests that look at them."""
    return straight_run(case)[0]


def straight_run(case: Case) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Those, and the state at the end."""
    if case.task.name not in _STRAIGHT:
        evaluation = case.start()
        outcomes = [outcome(evaluation.advance(level)) for level in case.levels]
        _STRAIGHT[case.task.name] = outcomes, evaluation.state()
    return _STRAIGHT[case.task.name]


def outcome(report: Report) -> dict[str, Any]:
    """All of a report that is not measured and does not depend on where the step began."""
    return {k: v for k, v in report._asdict().items() if k not in {"seconds", "units"}}


def tensors(state: Any) -> list[torch.Tensor]:
    """All tensors of a state, in its own order."""
    if isinstance(state, torch.Tensor):
        return [state]
    if isinstance(state, dict):
        return [tensor for value in state.values() for tensor in tensors(value)]
    return []


def equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Are two states equal, bit for bit, and with a momentum for every parameter?"""
    pairs = list(zip(tensors(one), tensors(other), strict=True))
    weights = [name for name in one["model"] if name.rpartition(".")[2] in {"weight", "bias"}]
    assert len(pairs) == len(one["model"]) + len(weights)
    numbers = all(one[key] == other[key] for key in ("epoch", "diverged", "scaler"))
    return numbers and all(torch.equal(a, b) for a, b in pairs)


def paused(evaluation: Evaluation, case: Case) -> Any:
    """The same training in another evaluation, by way of a pickle."""
    other = case.start()
    other.restore(pickle.loads(pickle.dumps(evaluation.state())))
    return other


# Going on as if nothing had happened


def test_fresh_evaluations_agree_to_the_last_bit(
    case: Case, straight: list[dict[str, Any]]
) -> None:
    """To the top after pauses: the next test."""
    evaluation = case.start()
    assert [outcome(evaluation.advance(level)) for level in case.levels[:-1]] == straight[:-1]
    losses = [report["val_loss"] for report in straight]
    assert len(set(losses)) > 1
    assert all(report["status"] == "ok" for report in straight)


def test_paused_and_pickled_training_goes_on_exactly(
    case: Case, straight: list[dict[str, Any]]
) -> None:
    """Weights, momenta, and the running moments of BatchNorm included."""
    evaluation = case.start()
    outcomes = []
    for level in case.levels:
        evaluation = paused(evaluation, case)
        outcomes.append(outcome(evaluation.advance(level)))
    assert outcomes == straight
    state = evaluation.state()
    assert equal(state, straight_run(case)[1])
    kinds = {name.rpartition(".")[2] for name in state["model"]}
    running = {"running_mean", "running_var", "num_batches_tracked"}
    assert (kinds >= running) == (case.task.name == "cifar10-resnet")


def test_straight_to_a_level_gives_what_step_by_step_gives(
    case: Case, straight: list[dict[str, Any]]
) -> None:
    report = case.start().advance(case.levels[-2])
    assert outcome(report) == straight[-2]
    assert report.units == case.levels[-2]


def test_evaluations_side_by_side_do_not_touch_each_other(
    case: Case, straight: list[dict[str, Any]]
) -> None:
    twins = case.start(), case.start()
    for level, expected in zip(case.levels[:2], straight, strict=False):
        assert [outcome(twin.advance(level)) for twin in twins] == [expected] * 2


def test_an_older_state_can_be_resumed(case: Case, straight: list[dict[str, Any]]) -> None:
    evaluation = case.start()
    evaluation.advance(case.levels[0])
    state = evaluation.state()
    evaluation.advance(case.levels[1])
    evaluation.restore(state)
    assert outcome(evaluation.advance(case.levels[1])) == straight[1]


def test_stored_state_is_left_be_by_those_who_gave_and_took_it(colour: Case) -> None:
    first, second = colour.levels[:2]
    giver = colour.start()
    giver.advance(first)
    state = giver.state()
    before = copy.deepcopy(state)
    giver.advance(second)
    assert equal(state, before)
    taker = colour.start()
    taker.restore(state)
    taker.advance(second)
    assert equal(state, before)
    assert not equal(taker.state(), before)
    assert equal(taker.state(), giver.state())


def test_another_process_gives_the_same_reports(image_data: Path) -> None:
    colour = Case("cifar10-resnet", image_data)
    code = (
        "import json; from bohb_study.tasks import make_task;"
        f"task = make_task({colour.task.name!r}, {colour.options!r});"
        f"evaluation = task.start({colour.config!r}, 0);"
        f"reports = [evaluation.advance(level) for level in {colour.levels[:2]!r}];"
        "print(json.dumps([[r.val_loss, r.test_loss, dict(r.extra)] for r in reports]))"
    )
    expected = [[r["val_loss"], r["test_loss"], r["extra"]] for r in straight_run(colour)[0][:2]]
    assert json.loads(printed(code)) == expected


@pytest.mark.parametrize("batch_size", [2, 16])
def test_exact_with_either_kind_of_convolutions(
    batch_size: int, image_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's own for small batches, oneDNN's for others, and to look at images always."""
    used: list[tuple[bool, bool]] = []
    case = Case("mnist", image_data)
    case.config = {**case.config, "batch_size": batch_size, "lr": 0.001}
    before = torch.backends.mkldnn.enabled
    unbroken, broken = case.start(), case.start()
    forward = broken._forward

    def spy(images: torch.Tensor) -> torch.Tensor:
        used.append((broken._model.training, torch.backends.mkldnn.enabled))
        last = images.is_contiguous(memory_format=broken._layout)
        assert last or not broken._model.training
        result: torch.Tensor = forward(images)
        return result

    monkeypatch.setattr(broken, "_forward", spy)
    assert outcome(unbroken.advance(1)) == outcome(broken.advance(1))
    resumed = paused(broken, case)
    assert outcome(unbroken.advance(2)) == outcome(resumed.advance(2))
    assert equal(unbroken.state(), resumed.state())
    assert set(used) == {(True, batch_size >= ONEDNN_FROM), (False, True)}
    assert torch.backends.mkldnn.enabled == before


def test_both_kinds_of_convolutions_train_alike(
    image_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case("mnist", image_data)
    report = case.start().advance(1)
    monkeypatch.setattr(image_training, "ONEDNN_FROM", 17)
    other = case.start()
    assert other._layout is torch.contiguous_format
    assert other.advance(1).val_loss == pytest.approx(report.val_loss, rel=1e-3)


@pytest.fixture
def mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU would do, on the CPU."""
    given = Hardware(torch.device("cpu"), torch.bfloat16)
    monkeypatch.setattr(image_training, "hardware", lambda: given)


@pytest.mark.usefixtures("mixed")
def test_exact_in_mixed_precision(colour: Case) -> None:
    unbroken, broken = colour.start(), colour.start()
    report = unbroken.advance(1)
    assert outcome(report) == outcome(broken.advance(1))
    assert outcome(report) != straight_run(colour)[0][0]  # it was not float32
    resumed = paused(broken, colour)
    assert outcome(unbroken.advance(2)) == outcome(resumed.advance(2))
    assert equal(unbroken.state(), resumed.state())
    assert all(tensor.dtype != torch.bfloat16 for tensor in tensors(unbroken.state()))


def test_gradients_are_scaled_for_float16_alone() -> None:
    cpu = torch.device("cpu")
    assert [Hardware(cpu, mixed).scaled for mixed in (None, torch.bfloat16, torch.float16)] == [
        False, False, True
    ]  # fmt: skip


def test_without_a_gpu_it_is_float32_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert hardware.__wrapped__() == Hardware(torch.device("cpu"), None)


@pytest.mark.parametrize(("bf16", "kind"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_gpu_runs_in_the_precision_that_it_has(
    bf16: bool, kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bf16)
    assert hardware.__wrapped__() == Hardware(torch.device("cuda"), kind)


# Seeds


def test_the_initial_weights_belong_to_configuration_and_seed(colour: Case) -> None:
    def first(config: Config, seed: int) -> torch.Tensor:
        return tensors(colour.task.start(config, seed).state())[0]

    other = {**colour.config, "lr": float(colour.config["lr"]) * 1.0001}
    ours = first(colour.config, 0)
    assert torch.equal(ours, first(colour.config, 0))
    for config, seed in ((colour.config, 1), (other, 0)):
        assert trial_seed(colour.task.name, seed, config) != trial_seed(
            colour.task.name, 0, colour.config
        )
        assert not torch.equal(ours, first(config, seed))


def test_every_epoch_has_its_own_order_and_its_own_augmentation(
    colour: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are functions of the training's seed and the epoch alone."""
    evaluation = colour.start()
    part = type(evaluation._parts.train)
    real, seen = part.batches, []

    def spy(self: Any, size: int, order: Any = None, augment: Any = None, *more: Any) -> Any:
        if order is not None:
            seen.append((order.tolist(), augment and augment.get_state().tolist()))
        return real(self, size, order, augment, *more)

    monkeypatch.setattr(part, "batches", spy)
    evaluation.advance(3)
    n = len(evaluation._parts.train)
    seed = trial_seed(colour.task.name, 0, colour.config)
    for epoch, (order, augment) in enumerate(seen, start=1):
        generator = torch.Generator().manual_seed(derive(seed, "epoch", epoch))
        assert order == torch.randperm(n, generator=generator).tolist()
        augmented = colour.task.name == "cifar10-resnet"
        assert augment == (generator.get_state().tolist() if augmented else None)
    assert len({tuple(order) for order, _ in seen}) == 3


def test_retrained_it_is_another_training_on_the_same_split(colour: Case) -> None:
    level = colour.levels[0]
    ours = colour.start()
    others = [colour.task.retrain(colour.config, 0, repeat) for repeat in (0, 1)]
    for repeat, other in enumerate(others):
        assert other._parts is ours._parts
        assert other._seed == retraining_seed(colour.task.name, 0, colour.config, repeat)
    states = [evaluation.state() for evaluation in (ours, *others)]
    assert len({tensors(state)[0].sum().item() for state in states}) == 3
    again = colour.task.retrain(colour.config, 0, 1)
    assert outcome(others[1].advance(level)) == outcome(again.advance(level))


def test_refit_it_trains_on_all_images_and_validates_on_the_test_part(
    colour: Case,
) -> None:
    task: ImageTask = colour.task.on_all_data()
    assert (task.subset, task.whole, task.name) == (0, True, colour.task.name)
    assert task.ladder == colour.task.ladder
    evaluation: Any = task.start(colour.config, 0)
    parts = evaluation._parts
    assert sorted(parts.train.chosen.tolist()) == list(range(400))
    assert [len(part) for part in parts] == [400, 100, 100]
    report = evaluation.advance(1)
    error = report.extra.get("val_error", report.val_loss)
    assert error == report.test_loss
    assert report.units == 1


# What a report says


def test_report_agrees_with_the_network_that_it_is_about(case: Case) -> None:
    """Measured anew, image by image, by a copy of the network."""
    evaluation = case.start()
    level = case.levels[1]
    report = evaluation.advance(level)
    parts = evaluation._parts
    model = copy.deepcopy(evaluation._model).eval().to(memory_format=torch.contiguous_format)
    measured = {}
    with torch.no_grad():
        for name, part in (("val", parts.val), ("test", parts.test)):
            pixels = (part.images[part.chosen].float() - part.mean) / part.std
            logs = torch.cat([model(image[None]) for image in pixels]).log_softmax(dim=1)
            labels = part.labels[part.chosen]
            measured[f"{name}_cross_entropy"] = -logs[torch.arange(len(labels)), labels].mean()
            measured[f"{name}_error"] = (logs.argmax(dim=1) != labels).double().mean()
    expected = {name: value.item() for name, value in measured.items()}
    loss = f"val_{case.task.objective}"
    assert report.val_loss == pytest.approx(expected[loss], rel=1e-4)
    assert report.test_loss == pytest.approx(expected["test_error"], abs=1e-12)
    assert list(report.extra) == list(case.task.extra_names)
    for name, value in report.extra.items():
        assert name != loss
        assert value == pytest.approx(expected[name], rel=1e-4)
    assert (report.status, report.units) == ("ok", level)
    assert report.seconds > 0
    assert evaluation._parts.train.images is parts.train.images


def test_it_learns(case: Case, straight: list[dict[str, Any]]) -> None:
    """Nine in ten images are wrong where nothing is learned."""
    last = straight[-1]
    assert last["test_loss"] < 0.3
    assert last["val_loss"] < (0.3 if case.task.name == "cifar10-resnet" else 1.0)


def test_levels_only_go_up(colour: Case) -> None:
    evaluation = colour.start()
    evaluation.advance(2)
    for level in (0, 1, 2):
        with pytest.raises(ValueError, match=f"at epoch 2 already, cannot advance to {level}"):
            evaluation.advance(level)
    assert evaluation.advance(3).units == 1


def test_the_learning_rate_is_that_of_the_recipe_at_every_update(
    colour: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By epochs done, a fraction included; after a pause as well."""
    rates: list[float] = []
    first, second = colour.start(), colour.start()
    first.advance(1)
    second.restore(first.state())
    real = second._optimizer.step

    def step(*args: Any, **kwargs: Any) -> Any:
        rates.append(second._optimizer.param_groups[0]["lr"])
        return real(*args, **kwargs)

    monkeypatch.setattr(second._optimizer, "step", step)
    second.advance(2)
    updates = math.ceil(len(second._parts.train) / int(colour.config["batch_size"]))
    recipe = colour.task.recipe(colour.config)
    expected = [recipe.learning_rate(1 + update / updates) for update in range(updates)]
    assert rates == expected
    assert second._optimizer.param_groups[0]["momentum"] == recipe.momentum
    assert second._optimizer.param_groups[0]["weight_decay"] == recipe.weight_decay


# Divergence


def assert_diverged(report: Report, task: ImageTask, units: int) -> None:
    assert report.status == "diverged"
    assert math.isnan(report.val_loss)
    assert math.isnan(report.test_loss)
    assert list(report.extra) == list(task.extra_names)
    assert all(math.isnan(value) for value in report.extra.values())
    assert report.units == units


def test_training_that_blows_up_is_finite_pays_its_epochs_and_stays_diverged(
    case: Case,
) -> None:
    evaluation = case.start(lr=1e6 if "l1" in case.config else 1e30)
    assert_diverged(evaluation.advance(1), case.task, units=1)
    assert_diverged(evaluation.advance(3), case.task, units=2)
    resumed = paused(evaluation, case)
    assert_diverged(resumed.advance(4), case.task, units=1)


def test_what_has_diverged_once_remains_so_although_it_recovers(colour: Case) -> None:
    evaluation = colour.start()
    evaluation.advance(1)
    evaluation.restore({**evaluation.state(), "diverged": True})
    assert_diverged(evaluation.advance(2), colour.task, units=1)
    assert evaluation._evaluate(evaluation._parts.val)["error"] < 1


def test_divergence_between_two_reports_is_not_overlooked(
    colour: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = colour.start()
    train_epoch = evaluation._train_epoch

    def infinite_in_epoch_2() -> float:
        loss: float = train_epoch()
        return math.inf if evaluation._now.epoch == 2 else loss

    monkeypatch.setattr(evaluation, "_train_epoch", infinite_in_epoch_2)
    assert_diverged(evaluation.advance(3), colour.task, units=3)


def test_a_finite_loss_far_from_any_result_is_diverged(image_data: Path) -> None:
    """Sure of one class and wrong nine times in ten; all wrong, for a loss that is the error."""
    for name, bias in (("mnist", "11.bias"), ("cifar10-resnet", "8.bias")):
        case = Case(name, image_data)
        evaluation = case.start(lr=1e-6)
        state = evaluation.state()
        state["model"][bias][0] = 1e4
        evaluation.restore(state)
        if name == "cifar10-resnet":  # no image of class 0 is left
            evaluation._parts = evaluation._parts._replace(val=without_class_0(evaluation))
        assert_diverged(evaluation.advance(1), case.task, units=1)
        loss = evaluation._evaluate(evaluation._parts.val)[case.task.objective]
        assert case.task.diverged_from <= loss < math.inf


def without_class_0(evaluation: Any) -> Any:
    part = evaluation._parts.val
    return dataclasses.replace(part, chosen=part.chosen[part.labels[part.chosen] != 0])


# Without side effects


def test_global_random_states_are_left_alone(colour: Case) -> None:
    def states() -> tuple[Any, ...]:
        return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()  # noqa: NPY002

    torch.rand(1)  # away from where an evaluation may have left it
    before = states()
    evaluation = colour.start()
    evaluation.advance(1)
    colour.start().restore(evaluation.state())
    colour.task.space(0).sample_configuration(3)
    assert states() == before


def test_global_random_states_do_not_matter(colour: Case) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(12345)
        evaluation = colour.start()
        torch.manual_seed(54321)
        assert outcome(evaluation.advance(colour.levels[0])) == straight_run(colour)[0][0]


def test_training_takes_one_thread_and_deterministic_algorithms(colour: Case) -> None:
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(False)
    colour.start()
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()


def test_denormals_are_flushed_only_while_training(
    colour: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half_the_smallest_normal() -> float:
        return sys.float_info.min / 2

    evaluation = colour.start()
    seen: list[float] = []
    train_epoch: Callable[[], float] = evaluation._train_epoch

    def spy() -> float:
        seen.append(half_the_smallest_normal())
        return train_epoch()

    monkeypatch.setattr(evaluation, "_train_epoch", spy)
    evaluation.advance(1)
    assert seen == [0]
    assert half_the_smallest_normal() > 0


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Threads and kinds of algorithms are the process's; leave them as training needs them."""
    yield
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
