"""ResNet on CIFAR-10: the BOHB paper's space and rungs, the network of its paper, warm restarts."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from ConfigSpace import UniformFloatHyperparameter, UniformIntegerHyperparameter
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks import make_task, option_fields, task_class
from bohb_study.tasks.training.images.networks import Block, resnet
from bohb_study.tasks.training.resnet import CifarResNet, cosine

TASK = CifarResNet()
CONFIG: Config = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "batch_size": 128}
PAPER = (22, 66, 200, 600)


def test_space_is_the_papers() -> None:
    space = TASK.space(0)
    assert set(space) == {"lr", "momentum", "weight_decay", "batch_size"}
    for key, kind, lower, upper, log in (
        ("lr", UniformFloatHyperparameter, 1e-3, 1.0, True),
        ("momentum", UniformFloatHyperparameter, 0.1, 0.99, False),
        ("weight_decay", UniformFloatHyperparameter, 1e-5, 1e-3, True),
        ("batch_size", UniformIntegerHyperparameter, 32, 256, True),
    ):
        assert isinstance(space[key], kind)
        assert (space[key].lower, space[key].upper, space[key].log) == (lower, upper, log)
    assert space.conditions == []
    assert space.forbidden_clauses == []


@pytest.mark.parametrize(
    ("epochs", "costs"),
    [
        (600, PAPER),
        (9, (1, 3, 9)),
        (1, (1,)),
        (2, (2,)),
        (4, (1, 4)),
        (27, (1, 3, 9, 27)),
        (81, (3, 9, 27, 81)),
        (100, (3, 11, 33, 100)),
    ],
)
def test_rungs_are_a_third_each_and_at_most_four(epochs: int, costs: tuple[int, ...]) -> None:
    ladder = make_task("cifar10-resnet", {"epochs": str(epochs)}).ladder
    assert (ladder.unit, ladder.costs, ladder.eta) == ("epoch", costs, 3)
    assert not ladder.curve
    assert ladder.resumable


@pytest.mark.parametrize(
    ("option", "what"),
    [
        *((f"epochs={value}", "at least 1") for value in (0, -1)),
        *((f"depth={value}", "8, 14, 20, ...") for value in (2, 7, 9, 10, 12, 18, -4)),
        *((f"width={value}", "at least 1") for value in (0, -16)),
        *((f"subset={value}", "at least 100 images, or 0 for all") for value in (-1, 99)),
    ],
)
def test_other_options_are_refused_in_one_line(option: str, what: str) -> None:
    key, _, value = option.partition("=")
    with pytest.raises(UsageError) as refused:
        make_task("cifar10-resnet", {key: value})
    assert str(refused.value) == f"task_options cifar10-resnet.{option}: must be {what}"


def test_options_and_what_it_reports() -> None:
    names = [f.name for f in option_fields(task_class("cifar10-resnet"))]
    assert names == ["epochs", "subset", "data", "depth", "width"]
    assert (TASK.val_metric, TASK.test_metric) == ("validation error", "test error")
    assert TASK.extra_names == ("val_cross_entropy",)
    assert TASK.diverged_from == 1.0
    assert (TASK.name, TASK.source) == ("cifar10-resnet", "cifar10")


# The learning rate

RUNGS = st.lists(st.integers(1, 600), min_size=1, max_size=4, unique=True).map(sorted).map(tuple)


@pytest.mark.parametrize("rungs", [PAPER, (1, 3, 9), (5,)])
def test_the_rate_falls_to_nothing_at_each_rung_and_starts_again(rungs: tuple[int, ...]) -> None:
    for begin, end in pairwise((0, *rungs)):
        assert cosine(begin, 0.3, rungs) == 0.3
        assert cosine((begin + end) / 2, 0.3, rungs) == pytest.approx(0.15)
        assert cosine(math.nextafter(end, 0), 0.3, rungs) < 1e-12
        cycle = [cosine(begin + (end - begin) * i / 1000, 0.3, rungs) for i in range(1000)]
        assert all(0 < after < before for before, after in pairwise(cycle))
        # without a jump: no step is larger than the steepest slope allows
        assert max(a - b for a, b in pairwise(cycle)) <= 0.3 * math.pi / 2000 * (1 + 1e-9)
    assert cosine(rungs[-1], 0.3, rungs) == 0.0


@given(rungs=RUNGS, epochs=st.floats(0, 700), rate=st.floats(1e-3, 1))
def test_the_rate_is_one_of_its_cycle(rungs: tuple[int, ...], epochs: float, rate: float) -> None:
    value = cosine(epochs, rate, rungs)
    assert 0 <= value <= rate
    assert value == cosine(epochs, rate, rungs)
    assert cosine(epochs, 1.0, rungs) == pytest.approx(value / rate)


def test_recipe() -> None:
    task = make_task("cifar10-resnet", {"epochs": "9", "depth": "8", "width": "4"})
    recipe = task.recipe(CONFIG)  # type: ignore[attr-defined]
    assert [recipe.learning_rate(e) for e in (0, 1, 3)] == [0.1] * 3
    assert recipe.learning_rate(9) == 0
    assert recipe.learning_rate(6) == pytest.approx(0.05)
    assert (recipe.momentum, recipe.weight_decay, recipe.batch_size) == (0.9, 1e-4, 128)
    assert recipe.augmented
    network = recipe.network(3, 32)
    assert count(network) == count(resnet(3, 8, 4))
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_another_halving_rate_does_not_change_the_training() -> None:
    """Rows of eta 3 and of eta 27 stand for the same trainings."""
    task = make_task("cifar10-resnet", eta=27)
    assert task.ladder.costs == (22, 600)
    rates = [t.recipe(CONFIG).learning_rate(100) for t in (task, TASK)]  # type: ignore[attr-defined]
    assert rates[0] == rates[1] == cosine(100, 0.1, PAPER)


# The network


def count(network: nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())


def by_hand(channels: int, depth: int, width: int) -> int:
    """Weights of the convolutions, two of each BatchNorm's channels, and the last layer."""
    total, before = 9 * channels * width + 2 * width, width
    for after in (width, 2 * width, 4 * width):
        for _ in range((depth - 2) // 6):
            total += 9 * before * after + 9 * after * after + 4 * after
            if before != after:
                total += before * after + 2 * after
            before = after
    return total + 10 * before + 10


@pytest.mark.parametrize(("depth", "width"), [(20, 16), (8, 4), (14, 10), (32, 16)])
def test_number_of_parameters(depth: int, width: int) -> None:
    """0.27 million for the ResNet-20, as in its paper; the shortcuts add 2,752."""
    assert count(resnet(3, depth, width)) == by_hand(3, depth, width)
    if (depth, width) == (20, 16):
        assert by_hand(3, depth, width) == 269_722 + 16 * 32 + 64 + 32 * 64 + 128 == 272_474


def test_depth_counts_the_layers_with_weights() -> None:
    """Those of the shortcuts aside, as in the paper."""
    for depth in (8, 14, 20, 56):
        layers = [m for m in resnet(3, depth, 2).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        shortcuts = [m for m in layers if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
        assert len(layers) - len(shortcuts) == depth
        assert len(shortcuts) == 2


@pytest.mark.parametrize(
    ("before", "after", "side"), [(4, 4, 8), (4, 8, 8), (4, 8, 7), (16, 32, 9)]
)
def test_a_block_is_two_convolutions_and_a_way_around(before: int, after: int, side: int) -> None:
    """A shortcut that halves is a 1x1 convolution of stride 2 (option B)."""
    torch.manual_seed(0)
    block = Block(before, after).eval()
    images = torch.randn(3, before, side, side)
    stride = 1 if before == after else 2
    weights = [m.weight for m in block.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in block.modules() if isinstance(m, nn.BatchNorm2d)]
    inside = F.relu(norms[0](F.conv2d(images, weights[0], stride=stride, padding=1)))
    inside = norms[1](F.conv2d(inside, weights[1], padding=1))
    around = norms[2](F.conv2d(images, weights[2], stride=2)) if stride == 2 else images
    got = block(images)
    assert got.shape == (3, after, math.ceil(side / stride), math.ceil(side / stride))
    torch.testing.assert_close(got, F.relu(inside + around))


@pytest.mark.parametrize("width", range(1, 10))
def test_gradients_of_narrow_networks_are_those_without_onednn(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And stay in their place: by a strided 1x1 convolution the process died of them below 8."""
    images = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    gradients = []
    for layout in (torch.channels_last, torch.contiguous_format):
        torch.manual_seed(0)
        network = resnet(3, 8, width).to(memory_format=layout)
        monkeypatch.setattr(torch.backends.mkldnn, "enabled", layout is torch.channels_last)
        loss = network(images.contiguous(memory_format=layout)).square().mean()
        gradients.append(torch.autograd.grad(loss, list(network.parameters())))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


# The model of time


def test_duration_follows_its_formula() -> None:
    # 40,000 images for training; 10,000 for validation and as many for testing
    assert TASK.duration(CONFIG, 0, 22) == pytest.approx(22 * 3.9e-3 * 40_000 + 1.2e-3 * 20_000)
    task = make_task("cifar10-resnet", {"depth": "8", "width": "4", "subset": "1000"})
    expected = 8 / 8 * (44 * 3.9e-3 * 800 + 1.2e-3 * 1_200) / 3 / 8
    assert task.duration(CONFIG, 22, 66) == pytest.approx(expected)


def test_duration_is_additive_but_for_the_looking_at_images() -> None:
    for config in (CONFIG, {**CONFIG, "batch_size": 32}):
        one = TASK.duration(config, 0, 600)
        two = TASK.duration(config, 0, 200) + TASK.duration(config, 200, 600)
        assert 0 < one < two == pytest.approx(one + 1.2e-3 * 20_000)


def test_duration_grows_with_the_network_and_the_images() -> None:
    def seconds(**options: Any) -> float:
        given = {key: str(value) for key, value in options.items()}
        return make_task("cifar10-resnet", given).duration(CONFIG, 0, 9)

    assert seconds(depth=26) > seconds() > seconds(width=8) > seconds(width=8, subset=1000)
