"""LeNet: the tutorial's space and network, its ladder, and its model of time."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from ConfigSpace import CategoricalHyperparameter, UniformFloatHyperparameter
from torch import Tensor, nn

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks import make_task, option_fields, task_class
from bohb_study.tasks.training.images.networks import lenet
from bohb_study.tasks.training.images.sources import SOURCES

NAMES = ("cifar10", "fashion-mnist", "mnist")
CONFIG: Config = {"l1": 120, "l2": 84, "lr": 0.01, "batch_size": 4}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    task: str = request.param
    return task


def test_space_is_the_tutorials(name: str) -> None:
    """``tune.choice`` for widths and batch sizes, ``tune.loguniform(1e-4, 1e-1)``."""
    space = make_task(name).space(0)
    assert set(space) == {"l1", "l2", "lr", "batch_size"}
    for key, choices in (
        ("l1", (4, 8, 16, 32, 64, 128, 256)),
        ("l2", (4, 8, 16, 32, 64, 128, 256)),
        ("batch_size", (2, 4, 8, 16)),
    ):
        assert isinstance(space[key], CategoricalHyperparameter)
        assert tuple(space[key].choices) == choices
        assert space[key].weights is None
    lr = space["lr"]
    assert isinstance(lr, UniformFloatHyperparameter)
    assert (lr.lower, lr.upper, lr.log) == (1e-4, 1e-1, True)
    assert space.conditions == []
    assert space.forbidden_clauses == []


class Tutorial(nn.Module):
    """The tutorial's network as it is written there: the maximum after the rectifier."""

    def __init__(self, channels: int, features: int, l1: int, l2: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(features, l1)
        self.fc2 = nn.Linear(l1, l2)
        self.fc3 = nn.Linear(l2, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        logits: Tensor = self.fc3(x)
        return logits


@pytest.mark.parametrize(("channels", "side", "features"), [(3, 32, 16 * 5 * 5), (1, 28, 16 * 16)])
def test_network_is_the_tutorials(channels: int, side: int, features: int) -> None:
    """The same values and the same gradients from the same weights."""
    ours, theirs = lenet(channels, side, 32, 16), Tutorial(channels, features, 32, 16)
    theirs.load_state_dict(
        dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)), strict=True
    )
    images = torch.randn(5, channels, side, side, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(images), theirs(images))
    for network in (ours, theirs):
        network(images).square().sum().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def count(network: nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())


def test_number_of_parameters() -> None:
    """62,006 on CIFAR-10 with the tutorial's first widths, as is well known."""
    assert count(lenet(3, 32, 120, 84)) == 62_006
    assert count(lenet(1, 28, 120, 84)) == 44_426  # LeNet-5 on MNIST without padding


@pytest.mark.parametrize("side", [16, 17, 28, 32, 33, 64])
def test_images_of_any_size_from_16(side: int) -> None:
    assert lenet(2, side, 4, 4)(torch.zeros(3, 2, side, side)).shape == (3, 10)


def test_recipe_is_the_tutorials(name: str) -> None:
    recipe = make_task(name).recipe(CONFIG)  # type: ignore[attr-defined]
    assert count(recipe.network(3, 32)) == 62_006
    assert [recipe.learning_rate(epochs) for epochs in (0, 0.5, 8.9)] == [0.01] * 3
    assert (recipe.momentum, recipe.weight_decay, recipe.batch_size) == (0.9, 0.0, 4)
    assert not recipe.augmented


# Options


def test_options() -> None:
    for name in NAMES:
        options = [f.name for f in option_fields(task_class(name))]
        assert options == ["epochs", "subset", "data", "dropout"]
        task: Any = make_task(name, {"epochs": "3", "subset": "500", "data": "/some/where"})
        assert (task.epochs, task.subset, task.data, task.whole) == (3, 500, "/some/where", False)
        assert task.source == task.name == name


def test_whole_is_no_option(name: str) -> None:
    """It is for refitting the chosen configuration, never for a study."""
    with pytest.raises(UsageError, match=rf"{name}\.whole: no such option of {name}"):
        make_task(name, {"whole": "true"})


def test_a_folder_is_made_absolute_where_it_is_given(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial runs elsewhere, perhaps as somebody else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    for given, folder in (
        ("data", f"{tmp_path}/data"),
        ("~/data", "/home/me/data"),
        ("/data", "/data"),
        ("~nobody-of-this-name/data", f"{tmp_path}/~nobody-of-this-name/data"),
    ):
        task: Any = make_task("mnist", {"data": given})
        assert task.data == folder
    assert make_task("mnist").data == ""  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("epochs", "costs", "eta"),
    [
        (1, (1,), 3),
        (3, (1, 3), 3),
        (9, (1, 3, 9), 3),
        (27, (1, 3, 9, 27), 3),
        (2, (1, 2), 2),
        (8, (1, 2, 4, 8), 2),
        (64, (1, 2, 4, 8, 16, 32, 64), 2),
    ],
)
def test_ladder_climbs_in_powers_of_three_or_two(
    epochs: int, costs: tuple[int, ...], eta: int, name: str
) -> None:
    ladder = make_task(name, {"epochs": str(epochs)}).ladder
    assert (ladder.unit, ladder.costs, ladder.eta) == ("epoch", costs, eta)
    assert ladder.curve
    assert ladder.resumable


def test_nine_epochs_unless_told_otherwise(name: str) -> None:
    assert make_task(name).ladder.costs == (1, 3, 9)


@pytest.mark.parametrize("epochs", [0, -1, 5, 6, 10, 12, 18])
def test_other_numbers_of_epochs_are_refused_in_one_line(epochs: int, name: str) -> None:
    with pytest.raises(UsageError) as refused:
        make_task(name, {"epochs": str(epochs)})
    assert str(refused.value) == (
        f"task_options {name}.epochs={epochs}: must be a power of 3 (1, 3, 9, ...) or of 2"
    )


def test_what_it_reports(name: str) -> None:
    task = make_task(name)
    assert task.val_metric == "validation cross-entropy"
    assert (task.test_metric, task.extra_names) == ("test error", ("val_error",))
    assert 10 * math.log(10) < task.diverged_from < math.inf
    assert not task.computed


# The model of time


def test_duration_follows_its_formula() -> None:
    # 12,000 updates of 48,000 images; 12,000 + 10,000 looked at; 256 l1 + l1 l2 + 10 l2 weights
    grey = 12_000 * (6.5e-4 + 1.6e-9 * 41_640) + 48_000 * 7.5e-5 + 22_000 * 4e-5
    assert make_task("mnist").duration(CONFIG, 0, 1) == pytest.approx(grey)
    # 10,000 updates of 40,000 images in colour; 400 l1 + l1 l2 + 10 l2 weights
    colour = 10_000 * (6.5e-4 + 1.6e-9 * 58_920) + 40_000 * 1.3e-4 + 20_000 * 5e-5
    assert make_task("cifar10").duration(CONFIG, 0, 1) == pytest.approx(colour)
    # 8,000 images for training, 2,000 for validation and 10,000 for testing
    task = make_task("fashion-mnist", {"subset": "10000"})
    small = 2_000 * (6.5e-4 + 1.6e-9 * 41_640) + 8_000 * 7.5e-5 + 12_000 * 4e-5
    assert task.duration(CONFIG, 0, 1) == pytest.approx(small)


@pytest.mark.parametrize("batch_size", [2, 4, 8, 16])
def test_duration_is_positive_and_additive(batch_size: int, name: str) -> None:
    task, config = make_task(name), {**CONFIG, "batch_size": batch_size}
    parts = task.duration(config, 0, 3) + task.duration(config, 3, 9)
    assert 0 < task.duration(config, 0, 9) == pytest.approx(parts)


def test_duration_grows_with_updates_weights_and_images(name: str) -> None:
    task = make_task(name, {"subset": "10000"})
    seconds = task.duration(CONFIG, 0, 1)
    assert task.duration({**CONFIG, "batch_size": 2}, 0, 1) > seconds
    assert task.duration({**CONFIG, "l1": 256}, 0, 1) > seconds
    assert task.duration({**CONFIG, "lr": 1e-4}, 0, 1) == seconds
    assert make_task(name).duration(CONFIG, 0, 1) > 4 * seconds
    everything = task.on_all_data()
    assert everything is not None
    assert everything.duration(CONFIG, 0, 1) > make_task(name).duration(CONFIG, 0, 1)


@pytest.mark.parametrize(("task", "channels"), [("mnist", 1), ("cifar10", 3)])
def test_duration_counts_the_weights_of_the_network(
    task: str, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model of time names its numbers of weights without importing torch."""
    monkeypatch.setitem(SOURCES, task, replace(SOURCES[task], size=(1000, 10)))
    small, large = ({**CONFIG, "l1": 5, "l2": l2} for l2 in (4, 7))
    weights = [
        sum(w.numel() for w in lenet(channels, SOURCES[task].side, 5, l2).parameters()
            if w.dim() == 2)
        for l2 in (4, 7)
    ]  # fmt: skip
    seconds = [make_task(task).duration(config, 0, 1) for config in (small, large)]
    assert seconds[1] - seconds[0] == pytest.approx(200 * 1.6e-9 * (weights[1] - weights[0]))


def test_data_that_are_missing_are_told_of_before_anything_is_run(
    name: str, own_cache: Any
) -> None:
    task = make_task(name)
    for call in (task.prepare, lambda: task.data_sha256, lambda: task.start(CONFIG, 0)):
        with pytest.raises(UsageError, match=rf"^tasks {name}: no data in [^\n]*download=True"):
            call()
