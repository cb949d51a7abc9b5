"""The split ResNet-50: torchvision's network, options, and trainings like those of one piece."""

import math
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet50

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks import Report, make_task, option_fields, task_class
from bohb_study.tasks.training.images import image_training
from bohb_study.tasks.training.images.hardware import Hardware, stage_devices
from bohb_study.tasks.training.images.image_training import ImageEvaluation
from bohb_study.tasks.training.images.resnet50 import resnet50_stages
from bohb_study.tasks.training.images.split_training import SplitEvaluation, micro_batches
from bohb_study.tasks.training.pipeline import in_one_piece
from bohb_study.tasks.training.resnet50_split import SMALLEST_BATCH, CifarResNet50Split

NAME = "cifar10-resnet50-split"
TASK = CifarResNet50Split()
CONFIG: Config = {"lr": 0.01, "momentum": 0.9, "weight_decay": 1e-4, "batch_size": 33}
"""80 images in batches of 33, 33 and 14: micro-batches of 9, 8, 8, 8 and, of the last, 7 and 7."""


# The network


def torchvisions(width: int) -> Any:
    """ResNet-50 as torchvision has it, for images of 32x32 and ten classes."""
    model = resnet50(num_classes=10)
    assert width == 64
    model.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


def test_it_is_torchvisions_resnet_50_but_for_the_stem() -> None:
    """Number, order and shape of all weights, and with them the outputs."""
    ours, theirs = resnet50_stages(3, 64, 2).eval(), torchvisions(64).eval()
    named = ours.state_dict(), theirs.state_dict()
    shapes = [[tuple(value.shape) for value in state.values()] for state in named]
    assert shapes[0] == shapes[1]
    ours.load_state_dict(dict(zip(named[0], named[1].values(), strict=True)))
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-4)
    assert sum(weights.numel() for weights in ours.parameters()) == 23_520_842


def test_initial_weights_are_spread_as_torchvisions() -> None:
    torch.manual_seed(0)
    ours, theirs = resnet50_stages(3, 64, 2), torchvisions(64)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        if one.dim() == 4 and one.shape[-1] != other.shape[0] and one.shape[1] > 3:
            assert one.std().item() == pytest.approx(other.std().item(), rel=0.05)
        elif one.dim() == 1 and len(one) > 10:
            assert torch.equal(one, other)


@pytest.mark.parametrize("boundary", [1, 2, 3])
def test_the_boundary_moves_layers_and_leaves_the_weights(boundary: int) -> None:
    torch.manual_seed(0)
    model = resnet50_stages(3, 2, boundary)
    torch.manual_seed(0)
    other = resnet50_stages(3, 2, 2)
    first = [name for name, _ in model.get_submodule("first").named_children()]
    second = [name for name, _ in model.get_submodule("second").named_children()]
    layers = [f"layer{number}" for number in (1, 2, 3, 4)]
    assert first == ["stem", *layers[:boundary]]
    assert second == [*layers[boundary:], "pool", "flatten", "classifier"]
    for one, same in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, same)


@pytest.mark.parametrize("width", [1, 3])
def test_gradients_of_narrow_networks_are_those_without_onednn(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And stay in their place; see ``networks.Block``."""
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    gradients = []
    for layout in (torch.channels_last, torch.contiguous_format):
        torch.manual_seed(0)
        network = resnet50_stages(3, width, 2).to(memory_format=layout)
        monkeypatch.setattr(torch.backends.mkldnn, "enabled", layout is torch.channels_last)
        loss = network(images.contiguous(memory_format=layout)).square().mean()
        gradients.append(torch.autograd.grad(loss, list(network.parameters())))
    ours, theirs = (torch.cat([one.flatten() for one in each]) for each in gradients)
    assert (ours - theirs).norm() < 1e-2 * theirs.norm()


# Options


def test_it_has_the_space_and_the_ladder_of_the_other_resnet() -> None:
    other = make_task("cifar10-resnet")
    assert TASK.space(7) == other.space(7)
    assert TASK.ladder == other.ladder
    assert (TASK.val_metric, TASK.extra_names) == (other.val_metric, other.extra_names)
    assert (TASK.name, TASK.source, TASK.uses_gpu) == (NAME, "cifar10", True)
    names = [field.name for field in option_fields(task_class(NAME))]
    assert names == ["epochs", "subset", "data", "width", "micro_batches", "boundary"]
    ours, theirs = (task.recipe(CONFIG) for task in (TASK, other))  # type: ignore[attr-defined]
    for key in ("momentum", "weight_decay", "batch_size", "augmented"):
        assert getattr(ours, key) == getattr(theirs, key)
    assert [ours.learning_rate(e) for e in (0, 11, 30)] == [
        theirs.learning_rate(e) for e in (0, 11, 30)
    ]


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ("epochs=0", "at least 1"),
        ("width=0", "at least 1"),
        *((f"micro_batches={n}", "1 to 32, the smallest batch_size") for n in (0, -4, 33)),
        *((f"boundary={n}", "1, 2 or 3") for n in (0, 4)),
        ("subset=99", "at least 100 images, or 0 for all"),
    ],
)
def test_other_options_are_refused_in_one_line(option: str, what: str) -> None:
    key, _, value = option.partition("=")
    with pytest.raises(UsageError) as refused:
        make_task(NAME, {key: value})
    assert str(refused.value) == f"task_options {NAME}.{option}: must be {what}"


def test_the_smallest_batch_is_that_of_the_space() -> None:
    assert TASK.space(0)["batch_size"].lower == SMALLEST_BATCH
    make_task(NAME, {"micro_batches": str(SMALLEST_BATCH)})


def test_a_smaller_batch_has_fewer_micro_batches_of_about_the_same_size() -> None:
    for size in (32, 33, 100, 256):
        for full in (1, 2, 4, 7, 32):
            assert micro_batches(size, size, full) == full
            counts = [micro_batches(n, size, full) for n in range(1, size + 1)]
            assert counts == sorted(counts)
            for n, count in enumerate(counts, start=1):
                assert 1 <= count <= n
                assert math.ceil(n / count) <= math.ceil(size / full)


# Devices


@pytest.mark.parametrize(("gpus", "second"), [(1, "cuda:0"), (2, "cuda:1"), (8, "cuda:1")])
def test_the_stages_are_on_two_gpus_where_a_trial_has_two(
    gpus: int, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    found = stage_devices(torch.device("cuda"))
    assert found == (torch.device("cuda:0"), torch.device(second))
    assert stage_devices(torch.device("cpu")) == (torch.device("cpu"),) * 2


# Trainings


class OnePiece(ImageEvaluation):
    """The same training of the network in one piece, of the same micro-batches."""

    def _gradients(self, images: Tensor, labels: Tensor, rows: int) -> Tensor:
        count = micro_batches(len(images), self._recipe.batch_size, 4)
        mixed = self._hardware.mixed
        return in_one_piece(self._model, images, labels, count, self._scaler.scale, mixed)

    def _forward(self, images: Tensor) -> Tensor:
        parts = images.tensor_split(min(4, len(images)))
        return torch.cat([super(OnePiece, self)._forward(part) for part in parts])


def task(data: Path, **options: Any) -> CifarResNet50Split:
    given = {"epochs": "9", "subset": "100", "width": "4", "data": str(data)}
    made = make_task(NAME, {**given, **{key: str(value) for key, value in options.items()}})
    assert isinstance(made, CifarResNet50Split)
    return made


def one_piece(data: Path) -> OnePiece:
    small = task(data)
    seed = small.start(CONFIG, 0)._seed  # type: ignore[attr-defined]
    return OnePiece(small, small.recipe(CONFIG), 0, seed)


def outcome(report: Report) -> dict[str, Any]:
    return {k: v for k, v in report._asdict().items() if k != "seconds"}


def same(one: Any, other: Any) -> bool:
    """Are two states equal, bit for bit?"""
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.fixture
def training_losses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The mean losses of all epochs that any training goes through from here on."""
    found: list[float] = []
    real = ImageEvaluation._train_epoch

    def spy(self: ImageEvaluation) -> float:
        found.append(real(self))
        return found[-1]

    monkeypatch.setattr(ImageEvaluation, "_train_epoch", spy)
    return found


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("mixed", [None, torch.bfloat16])
def test_an_epoch_is_that_of_the_network_in_one_piece(
    mixed: torch.dtype | None,
    image_data: Path,
    training_losses: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Losses, report, weights, running moments and momenta, bit for bit."""
    given = Hardware(torch.device("cpu"), mixed)
    monkeypatch.setattr(image_training, "hardware", lambda: given)
    halves, whole = task(image_data).start(CONFIG, 0), one_piece(image_data)
    assert isinstance(halves, SplitEvaluation)
    assert outcome(halves.advance(1)) == outcome(whole.advance(1))
    assert len(training_losses) == 2
    assert training_losses[0] == training_losses[1]
    assert math.isfinite(training_losses[0])
    assert same(halves.state(), whole.state())


@pytest.mark.usefixtures("own_cache")
def test_paused_and_pickled_it_goes_on_exactly(image_data: Path) -> None:
    """Also where it is resumed by a training of one piece: the state is the same."""
    small = task(image_data)
    unbroken = small.start(CONFIG, 0)
    first = unbroken.advance(1)
    state = pickle.loads(pickle.dumps(unbroken.state()))
    second = outcome(unbroken.advance(2))
    assert second["val_loss"] != first.val_loss or second["extra"] != first.extra
    for other in (small.start(CONFIG, 0), one_piece(image_data)):
        other.restore(state)
        assert outcome(other.advance(2)) == second
        assert same(other.state(), unbroken.state())


@pytest.mark.usefixtures("own_cache")
def test_one_micro_batch_is_a_plain_training_of_the_task(image_data: Path) -> None:
    """Nothing of the pipeline is left in the numbers of an epoch."""
    small = task(image_data, micro_batches=1)
    halves = small.start(CONFIG, 0)
    plain = ImageEvaluation(small, small.recipe(CONFIG), 0, halves._seed)  # type: ignore[attr-defined]
    halves.advance(1), plain.advance(1)
    assert same(halves.state(), plain.state())


@pytest.mark.usefixtures("own_cache")
def test_it_learns(image_data: Path) -> None:
    small = task(image_data, subset=0, width=4)
    report = small.start({**CONFIG, "lr": 0.05, "batch_size": 32}, 0).advance(3)
    assert report.status == "ok"
    assert report.val_loss < 0.75  # guessing: 0.9


# The model of time


def test_duration_follows_its_formula() -> None:
    image = 0.0256 + 2.65e-5 * 4096
    parts = math.ceil(40_000 * 4 / 33) * (0.01 + 8e-5 * 4096)
    expected = 5 / 8 * (22 * (40_000 * image + parts) + 0.3 * image * 20_000)
    assert TASK.duration(CONFIG, 0, 22) == pytest.approx(expected)
    one = make_task(NAME, {"micro_batches": "1", "width": "4", "subset": "1000"})
    image = 0.0016 + 2.65e-5 * 16
    expected = 3 * (800 * image + 25 * (0.01 + 8e-5 * 16)) + 0.3 * image * 1_200
    assert one.duration({**CONFIG, "batch_size": 32}, 6, 9) == pytest.approx(expected)


def test_duration_is_additive_but_for_the_looking_at_images() -> None:
    one = TASK.duration(CONFIG, 0, 600)
    two = TASK.duration(CONFIG, 0, 200) + TASK.duration(CONFIG, 200, 600)
    assert 0 < one < two
    assert two - one == pytest.approx(TASK.duration(CONFIG, 0, 0))
