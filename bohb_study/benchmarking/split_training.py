"""Images per second of a ResNet-50 in one piece, split, and in a pipeline, side by side.

Each way trains the same network on the same micro-batches, the optimiser included. Two trainings at
once show what the same devices give where nothing is split.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bohb_study.benchmarking.passes import device_names, in_rounds, made_up, ratios
from bohb_study.tasks.training.denormals import flushed_denormals
from bohb_study.tasks.training.images.hardware import hardware, stage_devices
from bohb_study.tasks.training.images.resnet50 import resnet50_stages
from bohb_study.tasks.training.pipeline import (
    Order,
    Pipeline,
    in_one_piece,
    in_turn,
    one_forward_one_backward,
)

UNSPLIT = "in one piece"
IN_TURN = "split, in turn"
PIPELINED = "split, pipelined"
TWO_AT_ONCE = "two trainings at once"
CLOSE = 1e-3
"""By how much, of itself, the first loss may differ between the ways, in mixed precision."""

Gradients = Callable[[Tensor, Tensor], Tensor]
"""Adds those of a batch to those of the weights; the mean loss."""
Run = Callable[[int], Tensor]
"""Does so many updates; the last one's loss."""
Devices = tuple[torch.device, torch.device]


@dataclass(frozen=True)
class SplitSpeed:
    """What one way of training reached."""

    way: str
    where: str
    """Models of the devices, or "CPU"."""
    width: int
    batch_size: int
    micro_batches: int
    images: int
    """That each pass trained on."""
    seconds: tuple[float, ...]
    """Of each pass, in rounds with those of the other ways."""
    ratios: tuple[float, ...] = ()
    """To ``UNSPLIT`` of as many micro-batches, in each round."""

    @property
    def rates(self) -> list[float]:
        """Images per second of each pass."""
        return [self.images / seconds for seconds in self.seconds]

    @property
    def images_per_second(self) -> float:
        """Median of all passes."""
        return median(self.rates)


class _Way(NamedTuple):
    where: Devices | tuple[torch.device]
    run: Run
    trainings: int = 1


def measure(
    width: int, boundary: int, batch_size: int, counts: Iterable[int], seconds: float, rounds: int
) -> Iterator[SplitSpeed]:
    """Measure each way with each number of micro-batches.

    Args:
        width: of the network, as the task's option.
        boundary: likewise.
        batch_size: images of an update.
        counts: micro-batches of a batch.
        seconds: that a pass takes, about; it is at least one update.
        rounds: passes of each way.

    Raises:
        ValueError: the ways do not compute the same loss.
    """
    torch.set_num_threads(1)
    device = hardware().device
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    for count in counts:
        ways = _ways(width, boundary, batch_size, count)
        losses = {name: way.run(1).item() for name, way in ways.items()}  # warms up as well
        _check_equal(losses)
        taken = in_rounds({name: way.run for name, way in ways.items()}, seconds, rounds)
        speeds = [
            SplitSpeed(
                name,
                device_names(way.where),
                width,
                batch_size,
                count,
                taken[name][1] * batch_size * way.trainings,
                tuple(taken[name][0]),
            )
            for name, way in ways.items()
        ]
        base = speeds[0].rates
        yield from (replace(speed, ratios=ratios(speed.rates, base)) for speed in speeds)


def _check_equal(losses: dict[str, float]) -> None:
    """Raise ValueError unless all ways begin with the same loss."""
    expected = losses[UNSPLIT]
    for name, loss in losses.items():
        if not abs(loss - expected) <= CLOSE * expected:
            raise ValueError(f"{name}: a loss of {loss}, not {expected}")


def _ways(width: int, boundary: int, batch_size: int, count: int) -> dict[str, _Way]:
    """Each way, with networks of its own; ``UNSPLIT`` is the first."""
    used = hardware()
    devices = stage_devices(used.device)

    def whole(device: torch.device) -> Run:
        network = _network(width, boundary).to(device)

        def gradients(images: Tensor, labels: Tensor) -> Tensor:
            return in_one_piece(network, images, labels, count, _unscaled, used.mixed)

        return _training(network, gradients, _batch(batch_size, device))

    def split(order: Order) -> _Way:
        network = _network(width, boundary)
        halves = network.get_submodule("first"), network.get_submodule("second")
        pipeline = Pipeline(halves, devices, used.mixed, order)

        def gradients(images: Tensor, labels: Tensor) -> Tensor:
            return pipeline.backward(images, labels, count, _unscaled)

        return _Way(devices, _training(network, gradients, _batch(batch_size, devices[0])))

    ways = {UNSPLIT: _Way(devices[:1], whole(devices[0]))}
    ways |= {IN_TURN: split(in_turn), PIPELINED: split(one_forward_one_backward)}
    if used.device.type == "cpu" or devices[0] != devices[1]:
        both = [whole(device) for device in devices]
        ways[TWO_AT_ONCE] = _Way(devices, partial(_at_once, both), trainings=2)
    return ways


def _network(width: int, boundary: int) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = resnet50_stages(3, width, boundary)
    return network.to(memory_format=torch.channels_last)


def _batch(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    pixels, labels = made_up(size)
    images = (pixels.float() / 128 - 1).contiguous(memory_format=torch.channels_last)
    return images.to(device), labels.to(device)


def _training(network: nn.Module, gradients: Gradients, batch: tuple[Tensor, Tensor]) -> Run:
    """Updates on one batch, again and again, of a network that is on its devices."""
    optimizer = torch.optim.SGD(
        network.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4, fused=True
    )

    def run(updates: int) -> Tensor:
        with flushed_denormals():
            for _ in range(updates):
                optimizer.zero_grad()
                loss = gradients(*batch)
                optimizer.step()
        return loss

    return run


def _unscaled(loss: Tensor) -> Tensor:
    return loss


def _at_once(both: list[Run], updates: int) -> Tensor:
    """Trainings that have nothing to do with each other, a thread each."""

    def run(one: Run) -> Tensor:
        torch.set_num_threads(1)  # a new thread has torch's default
        return one(updates)

    with ThreadPoolExecutor(len(both)) as pool:
        losses = list(pool.map(run, both))
    return losses[0]
