"""Images as batches of tensors: many at a time, never one by one in Python."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from bohb_study.tasks.training.data_parallel import Ranks
from bohb_study.tasks.training.images.decoded import load
from bohb_study.tasks.training.images.splits import moments, split

BLOCK = 2048
"""Images that are gathered and normalised together, about: the cost of a call is that of many
small batches, and the memory that of few large ones."""
PADDING = 4
"""Pixels by which a random crop may be off, as in He et al. (arXiv 1512.03385)."""
ALONE = Ranks()


@dataclass(frozen=True, eq=False)
class Images:
    """Images of a data set and which of them a part has; shared, so never written to."""

    images: Tensor
    """All of them: uint8, shape (n, channels, height, width)."""
    labels: Tensor
    """Int64, shape (n,)."""
    chosen: Tensor
    """Indices of those that belong to the part, int64, shape (m,)."""
    mean: Tensor
    """Of the training part, shape (channels, 1, 1)."""
    std: Tensor

    def __len__(self) -> int:
        """How many the part has."""
        return len(self.chosen)

    def batches(
        self,
        size: int,
        order: Tensor | None = None,
        augment: torch.Generator | None = None,
        layout: torch.memory_format = torch.channels_last,
        ranks: Ranks = ALONE,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Normalised images and labels, ``size`` at a time.

        Args:
            size: of a global batch; the last may be smaller.
            order: a permutation of the part, shape (m,); None: as it is.
            augment: draws random crops and flips; None: images stay as they are.
            layout: of the images in memory.
            ranks: of each batch only the rank's share is made; what is drawn for an image is the
                same on any number of ranks.

        Yields:
            Float32 of shape (share, channels, height, width), and labels of shape (share,).
        """
        indices = self.chosen if order is None else self.chosen[order]
        for block in torch.split(indices, size * max(1, BLOCK // size)):
            drawn = None if augment is None else draw_crops_and_flips(len(block), augment)
            own, sizes = ranks.own(block, size)
            pixels = self.images.index_select(0, own)
            if drawn is not None:
                pixels = crop_and_flip(pixels, *(ranks.own(rows, size)[0] for rows in drawn))
            values = pixels.float().sub_(self.mean).div_(self.std)
            values = values.contiguous(memory_format=layout)
            labels = self.labels.index_select(0, own)
            yield from zip(torch.split(values, sizes), torch.split(labels, sizes), strict=True)

    def some(self, start: int, stop: int) -> "Images":
        """Those from ``start`` to below ``stop``, in the part's own order."""
        return replace(self, chosen=self.chosen[start:stop])


class Parts(NamedTuple):
    """The three parts of a data set."""

    train: Images
    val: Images
    test: Images


@lru_cache(maxsize=2)
def load_parts(
    name: str, data: str, subset: int, seed: int, device: torch.device, *, whole: bool = False
) -> Parts:
    """The parts of a data set under one split, made once per process.

    On the CPU all processes share one copy of the images; a GPU gets one per process.

    Args:
        name: of one of ``sources.SOURCES``.
        data: folder that is given for it; "" to look where it may be.
        subset: as in ``splits.split``.
        seed: ``seeding.split_seed``.
        device: where the tensors are to be.
        whole: as in ``splits.split``.
    """
    decoded = load(name, data)
    drawn = split(decoded.train.labels, decoded.test.labels, subset, seed, whole=whole)
    # of the training part alone: the others are unseen
    mean, std = (
        torch.from_numpy(m).view(-1, 1, 1).to(device) for m in moments(decoded.train, drawn.train)
    )
    train, test = (
        tuple(torch.from_numpy(array).to(device) for array in part)
        for part in (decoded.train, decoded.test)
    )
    return Parts(
        *(
            Images(images, labels, torch.from_numpy(chosen).to(device), mean, std)
            for (images, labels), chosen in zip(
                (train, test if whole else train, test), drawn, strict=True
            )
        )
    )


class CropsAndFlips(NamedTuple):
    """Where each of n images is cropped, and whether it is flipped."""

    down: Tensor
    """Int64 in [0, 2 ``PADDING``], shape (n,)."""
    right: Tensor
    """The same to the right."""
    flip: Tensor
    """0 or 1, shape (n,)."""


def draw_crops_and_flips(n: int, generator: torch.Generator) -> CropsAndFlips:
    """What is done to ``n`` images.

    Args:
        n: how many.
        generator: on the CPU, so that draws are the same on every device.
    """
    down, right = torch.randint(2 * PADDING + 1, (2, n), generator=generator)
    return CropsAndFlips(down, right, torch.randint(2, (n,), generator=generator))


def crop_and_flip(pixels: Tensor, down: Tensor, right: Tensor, flip: Tensor) -> Tensor:
    """Each image cropped up to ``PADDING`` pixels off, both ways, and flipped or not.

    What comes in at an edge is black, as in torchvision's ``RandomCrop``.

    Args:
        pixels: uint8, shape (n, channels, height, width).
        down: as in ``CropsAndFlips``.
        right: the same.
        flip: the same.
    """
    n, _, height, width = pixels.shape
    down, right, flip = (drawn.to(pixels.device) for drawn in (down, right, flip))
    padded = F.pad(pixels, (PADDING,) * 4)
    places = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: (n, c, 9, 9, h, w)
    cropped = places[torch.arange(n, device=pixels.device), :, down, right]
    return torch.where(flip.bool().view(-1, 1, 1, 1), cropped.flip(3), cropped)
