"""How long passes of trainings take, on whatever device they are."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

SIDE, CHANNELS, CLASSES = 32, 3, 10
"""As CIFAR-10 has."""


def made_up(images: int) -> tuple[Tensor, Tensor]:
    """Random images of CIFAR-10's shape, uint8 of (n, 3, 32, 32), and labels of (n,).

    What is in an image does not change how long it takes.
    """
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (images, CHANNELS, SIDE, SIDE), generator=generator)
    labels = torch.randint(CLASSES, (images,), generator=generator)
    return pixels.to(torch.uint8), labels


def seconds_of(work: Callable[[], object]) -> float:
    """Wall time of ``work``, until all GPUs have done what was launched."""
    _wait()
    began = perf_counter()
    work()
    _wait()
    return perf_counter() - began


def in_rounds(
    passes: Mapping[str, Callable[[int], object]], seconds: float, rounds: int
) -> dict[str, tuple[list[float], int]]:
    """Seconds of each pass in each round, and how often it does its work in a pass.

    In rounds, so that all of them see the machine alike. That often, that a pass takes ``seconds``,
    but at least once.

    Args:
        passes: each is given how often to do its work; it has been done before.
        seconds: that a pass takes, about.
        rounds: passes of each, at least 1.
    """
    once = {name: seconds_of(partial(work, 1)) for name, work in passes.items()}
    often = {name: max(1, math.ceil(seconds / one)) for name, one in once.items()}
    # what takes so long once has had its first round
    found = {name: [one] if often[name] == 1 else [] for name, one in once.items()}
    for number in range(rounds):
        for name, work in passes.items():
            if len(found[name]) == number:
                found[name].append(seconds_of(partial(work, often[name])))
    return {name: (taken, often[name]) for name, taken in found.items()}


def ratios(rates: Sequence[float], others: Sequence[float]) -> tuple[float, ...]:
    """How many times as fast the first is as the other, in each round."""
    return tuple(rate / other for rate, other in zip(rates, others, strict=True))


def span(found: Sequence[float]) -> str:
    """Median, least and most of the ratios of all rounds, for a table."""
    return f"{median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def device_names(devices: Sequence[torch.device]) -> str:
    """Models of the GPUs, or "CPU"."""
    kinds = [d for d in dict.fromkeys(devices) if d.type == "cuda"]
    names = [torch.cuda.get_device_name(device) for device in kinds]
    return " and ".join(names) or "CPU"


def _wait() -> None:
    for number in range(torch.cuda.device_count()):
        torch.cuda.synchronize(number)
