"""Images per second of LeNet and ResNet-20 on this machine's device, one thing changed at a time.

Batches, networks and updates are those of the tasks; the images are made up. What fails, such as
``torch.compile`` without a compiler, is a result too.
"""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bohb_study.benchmarking.passes import device_names, in_rounds, made_up, ratios, seconds_of
from bohb_study.scratch import OwnedFolder
from bohb_study.seeding import Config
from bohb_study.tasks import make_task
from bohb_study.tasks.training.denormals import flushed_denormals
from bohb_study.tasks.training.images.batches import Images
from bohb_study.tasks.training.images.hardware import Hardware, hardware
from bohb_study.tasks.training.images.image_task import ImageTask
from bohb_study.tasks.training.images.image_training import EVALUATED, Recipe

MADE_UP = 512
"""Images; a pass may go over them several times. They are gathered together, so more of them would
make a pass of one batch too slow."""
NETWORKS: dict[str, tuple[str, Config]] = {
    "LeNet": ("cifar10", {"l1": 64, "l2": 64, "lr": 0.01, "batch_size": 16}),
    "ResNet-20": (
        "cifar10-resnet",
        {"lr": 0.01, "momentum": 0.9, "weight_decay": 1e-4, "batch_size": 128},
    ),
}
"""Each with its task and the configuration that is trained."""
ON_CPU = {"ResNet-20": {"batch_size": 32}}
"""What is changed where there is no GPU, so that a pass is short."""


@dataclass(frozen=True)
class Variant:
    """How a network is trained."""

    name: str
    channels_last: bool = False
    mixed: bool = False
    compiled: bool = False


EAGER = Variant("eager")
VARIANTS = (
    EAGER,
    Variant("channels last", channels_last=True),
    Variant("mixed precision", mixed=True),
    Variant("channels last, mixed precision", channels_last=True, mixed=True),
    Variant("torch.compile", compiled=True),
    Variant("all three", channels_last=True, mixed=True, compiled=True),
)
"""The fourth is how trials on a GPU train, the second how those on the CPU do; the last is measured
on GPUs alone, for it takes a minute more to compile."""


@dataclass(frozen=True)
class DeviceSpeed:
    """What one variant reached with one network."""

    network: str
    variant: str
    device: str
    batch_size: int
    train: tuple[float, ...] = ()
    """Images per second of training, a pass each, in rounds with the other variants."""
    look: tuple[float, ...] = ()
    """Images per second of looking at images, likewise."""
    ratios: tuple[float, ...] = ()
    """Of training, to ``EAGER``, in each round."""
    first_seconds: float | None = None
    """Of the first update, compilation included."""
    full_evaluation: float | None = None
    """Seconds that one full evaluation of the task takes at these speeds, the first update and all
    reports included."""
    failed: str = ""
    """Why there is no result."""


class _Training:
    """A network, trained on made-up images in one variant."""

    def __init__(self, recipe: Recipe, images: Images, variant: Variant, used: Hardware) -> None:
        self._images, self._device = images, used.device
        self.size = recipe.batch_size
        self.looked_at = EVALUATED if used.device.type == "cuda" else EVALUATED // 10
        self._layout = torch.channels_last if variant.channels_last else torch.contiguous_format
        fallback = torch.bfloat16 if used.device.type == "cpu" else None
        self._mixed = (used.mixed or fallback) if variant.mixed else None
        network = recipe.network(*images.images.shape[1:3])
        self._network = network.to(used.device).to(memory_format=self._layout)
        self._trained: Callable[[Tensor], Tensor] = (
            torch.compile(self._network) if variant.compiled else self._network
        )
        self._optimizer = torch.optim.SGD(
            network.parameters(), lr=0.01, momentum=recipe.momentum, fused=True
        )
        scaled = self._mixed is torch.float16
        self._scaler = torch.amp.GradScaler(used.device.type, enabled=scaled)
        self._generator = torch.Generator().manual_seed(0)
        augment = self._generator if recipe.augmented else None
        self._to_train = self._batches(self.size, augment)
        self._to_look_at = self._batches(self.looked_at)

    def train(self, updates: int) -> None:
        """Update the weights so often."""
        self._network.train()
        with flushed_denormals():
            for images, labels in itertools.islice(self._to_train, updates):
                self._optimizer.zero_grad()
                with self._precision():
                    logits = self._trained(images)
                loss = F.cross_entropy(logits.float(), labels)
                self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
                self._scaler.step(self._optimizer)
                self._scaler.update()

    @torch.inference_mode()
    def look(self, batches: int) -> None:
        """Look at so many batches, as the network is: compiling that as well seldom pays."""
        self._network.eval()
        for images, _ in itertools.islice(self._to_look_at, batches):
            with self._precision():
                self._network(images)

    def _precision(self) -> Any:
        if self._mixed is None:
            return nullcontext()
        return torch.autocast(self._device.type, dtype=self._mixed)

    def _batches(
        self, size: int, augment: torch.Generator | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Full batches, without an end."""
        while True:
            order = torch.randperm(len(self._images), generator=self._generator)
            order = order[: len(order) // size * size].to(self._device)
            part = Images(**{**vars(self._images), "chosen": self._images.chosen[order]})
            yield from part.batches(size, None, augment, self._layout)


def measure(
    networks: Sequence[str], variants: Sequence[Variant], seconds: float, rounds: int
) -> Iterator[DeviceSpeed]:
    """Measure each network in each variant, on the first GPU or on one thread of the CPU.

    Args:
        networks: some of ``NETWORKS``.
        variants: some of ``VARIANTS``; ``EAGER`` is among them.
        seconds: that a pass takes, about; it is at least one batch.
        rounds: passes of each variant.
    """
    torch.set_num_threads(1)
    used = hardware()
    torch.use_deterministic_algorithms(True, warn_only=used.device.type == "cuda")
    if used.device.type == "cpu":
        variants = [one for one in variants if not (one.compiled and one.mixed)]
    images = _images(used.device)
    for network in networks:
        name, config = NETWORKS[network]
        if used.device.type == "cpu":
            config = {**config, **ON_CPU.get(network, {})}
        task = make_task(name)
        assert isinstance(task, ImageTask)
        with _own_compilations():
            yield from _measured(network, task, config, variants, images, used, seconds, rounds)


def _images(device: torch.device) -> Images:
    pixels, labels = (tensor.to(device) for tensor in made_up(MADE_UP))
    chosen = torch.arange(MADE_UP, device=device)
    mean, std = (torch.full((3, 1, 1), value, device=device) for value in (127.5, 74.0))
    return Images(pixels, labels, chosen, mean, std)


def _measured(
    network: str, task: ImageTask, config: Config, variants: Sequence[Variant],
    images: Images, used: Hardware, seconds: float, rounds: int,
) -> Iterator[DeviceSpeed]:  # fmt: skip
    recipe = task.recipe(config)
    trainings: dict[str, _Training] = {}
    found: dict[str, DeviceSpeed] = {}
    for variant in variants:
        name = variant.name
        speed = DeviceSpeed(network, name, device_names([used.device]), recipe.batch_size)
        try:
            training = _Training(recipe, images, variant, used)
            first = seconds_of(partial(training.train, 1))
            training.look(1)
        except Exception as error:  # whatever a compiler raises
            found[name] = replace(speed, failed=_one_line(error))
        else:
            trainings[name] = training
            found[name] = replace(speed, first_seconds=first)
    train = _rates({n: (t.train, t.size) for n, t in trainings.items()}, seconds, rounds)
    look = _rates({n: (t.look, t.looked_at) for n, t in trainings.items()}, seconds, rounds)
    for name, speed in found.items():
        if speed.first_seconds is None:
            yield speed
            continue
        rest = full_evaluation(task, median(train[name]), median(look[name]))
        yield replace(
            speed,
            train=tuple(train[name]),
            look=tuple(look[name]),
            ratios=ratios(train[name], train[EAGER.name]),
            full_evaluation=speed.first_seconds + rest,
        )


def _rates(
    passes: dict[str, tuple[Callable[[int], None], int]], seconds: float, rounds: int
) -> dict[str, list[float]]:
    """Images per second in each round of passes, each given with the size of its batches."""
    measured = in_rounds({name: work for name, (work, _) in passes.items()}, seconds, rounds)
    return {
        name: [passes[name][1] * often / s for s in taken]
        for name, (taken, often) in measured.items()
    }


def full_evaluation(task: ImageTask, train: float, look: float) -> float:
    """Seconds of one full evaluation, with a report at each epoch of a curve, else at each rung.

    Args:
        task: says how many images there are.
        train: images per second of training.
        look: images per second of looking at images.
    """
    trained, looked = task.counts()
    ladder = task.own_ladder
    reports = ladder.top if ladder.curve else len(ladder.costs)
    return ladder.top * trained / train + reports * looked / look


@contextmanager
def _own_compilations() -> Iterator[None]:
    """Nothing that was compiled before is found, so that the first update says what it costs."""
    key = "TORCHINDUCTOR_CACHE_DIR"
    before = os.environ.get(key)
    torch.compiler.reset()
    with OwnedFolder("bohb-compiled-") as folder:
        os.environ[key] = folder
        try:
            yield
        finally:
            torch.compiler.reset()
            os.environ.pop(key)
            if before is not None:
                os.environ[key] = before


def _one_line(error: Exception) -> str:
    said = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {said[0]}"[:200]
