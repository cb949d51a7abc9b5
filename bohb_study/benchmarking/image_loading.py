"""Images per second, side by side: this project's batches and a plain ``DataLoader`` loop.

Both hand out the same images, normalised alike and, where asked for, with random crops and flips,
and both train the same network; the plain loop is that of the PyTorch tutorials: a torchvision data
set with transforms, one image at a time in Python.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from bohb_study.scratch import OwnedFolder
from bohb_study.tasks.training.denormals import flushed_denormals
from bohb_study.tasks.training.images.batches import PADDING, Images
from bohb_study.tasks.training.images.decoded import load
from bohb_study.tasks.training.images.image_training import ONEDNN_FROM, onednn
from bohb_study.tasks.training.images.networks import lenet
from bohb_study.tasks.training.images.splits import moments

Work = Literal["load", "load, augmented", "train LeNet"]
WORKS: tuple[Work, ...] = ("load", "load, augmented", "train LeNet")
WIDTH = 64
"""Of both hidden layers of the LeNet that is trained."""
CLOSE = 1e-5
"""By how much the two may differ in a normalised value: they divide in another order."""


Batches = Callable[[], Iterable[tuple[Tensor, Tensor]]]
OURS = "this project"


@dataclass(frozen=True)
class Speed:
    """What one way of doing one kind of work reached."""

    work: Work
    way: str
    """``OURS``, or "DataLoader" with its number of worker processes."""
    batch_size: int
    images: int
    seconds: float
    """Of a pass over the images: the fastest of several."""

    @property
    def images_per_second(self) -> float:
        """Images per second of wall time."""
        return self.images / self.seconds


def measure(
    data: str, images: int, batch_sizes: Iterable[int], loader_workers: Iterable[int], repeats: int
) -> Iterator[Speed]:
    """Measure each work at each batch size in every way, in this process on one thread.

    Args:
        data: folder of Fashion-MNIST; "" to look where it may be.
        images: how many of its training images a pass goes over.
        batch_sizes: images at a time.
        loader_workers: worker processes of the ``DataLoader``, 0 for none.
        repeats: passes; the fastest counts.

    Raises:
        UsageError: the data are not there.
        ValueError: the two do not hand out the same images.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    part = load("fashion-mnist", data).train
    chosen = np.arange(min(images, len(part.labels)))
    mean, std = (torch.from_numpy(m).view(-1, 1, 1) for m in moments(part, chosen))
    pixels, labels = (torch.from_numpy(array) for array in part)
    ours = Images(pixels, labels, torch.from_numpy(chosen), mean, std)
    with _plain_data_set(pixels[chosen], labels[chosen]) as plain:
        _check_equal(ours, plain)
        for work in WORKS:
            for size in batch_sizes:
                ways: dict[str, Batches] = {OURS: partial(_ours, ours, work, size)}
                for n in loader_workers:
                    name = f"DataLoader, {n} worker{'' if n == 1 else 's'}"
                    ways[name] = partial(_plain, plain, ours, work, size, n)
                for way, batches in ways.items():
                    # torch's own convolutions only where this project would take them
                    enabled = way != OURS or size >= ONEDNN_FROM
                    seconds = min(_pass(work, batches, onednn(enabled)) for _ in range(repeats))
                    yield Speed(work, way, size, len(chosen), seconds)


def _ours(images: Images, work: Work, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(images), generator=generator)
    layout = torch.contiguous_format if size < ONEDNN_FROM else torch.channels_last
    return images.batches(size, order, generator if "augmented" in work else None, layout)


def _plain(data: Any, images: Images, work: Work, size: int, workers: int) -> DataLoader[Any]:
    data.transform = _transform(images, augmented="augmented" in work)
    return DataLoader(data, batch_size=size, shuffle=True, num_workers=workers)


def _transform(images: Images, *, augmented: bool) -> Any:
    side = images.images.shape[-1]
    random = [transforms.RandomCrop(side, padding=PADDING), transforms.RandomHorizontalFlip()]
    normalise = transforms.Normalize(
        (images.mean.flatten() / 255).tolist(), (images.std.flatten() / 255).tolist()
    )
    return transforms.Compose([*(random if augmented else []), transforms.ToTensor(), normalise])


def _pass(work: Work, batches: Batches, kernels: AbstractContextManager[None]) -> float:
    """Seconds of one pass; a network is trained within ``kernels``."""
    if not work.startswith("train"):
        began = perf_counter()
        for _ in batches():
            pass
        return perf_counter() - began
    torch.manual_seed(0)
    model: nn.Module = lenet(1, 28, WIDTH, WIDTH)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, fused=True)
    began = perf_counter()
    with flushed_denormals(), kernels:
        for images, labels in batches():
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return perf_counter() - began


@contextmanager
def _plain_data_set(pixels: Tensor, labels: Tensor) -> Iterator[Any]:
    """Torchvision's own data set of these images, read from files as it expects them."""
    with OwnedFolder("bohb-images-") as root:
        folder = Path(root, "FashionMNIST", "raw")
        folder.mkdir(parents=True)
        for name in ("train", "t10k"):
            _write_idx(folder / f"{name}-images-idx3-ubyte", pixels[:, 0])
            _write_idx(folder / f"{name}-labels-idx1-ubyte", labels.to(torch.uint8))
        yield datasets.FashionMNIST(root)


def _write_idx(path: Path, values: Tensor) -> None:
    header = np.array([0x800 + values.dim(), *values.shape], dtype=">u4")
    path.write_bytes(header.tobytes() + values.contiguous().numpy().tobytes())


def _check_equal(ours: Images, plain: Any) -> None:
    """Raise ValueError unless both hand out the same images."""
    plain.transform = _transform(ours, augmented=False)
    images, labels = next(ours.batches(64))
    for i in range(len(labels)):
        image, label = plain[i]
        if label != labels[i] or (image - images[i]).abs().max() > CLOSE:
            raise ValueError(f"image {i} is not the same in both")
