"""One training over the ranks of a process group, so that it is the training of one process.

A batch is always the configuration's, the *global* batch: each rank trains on its share of it and
gradients are averaged, so the learning rate needs no change. Training code learns where it stands
from ``torch.distributed`` alone; where no group is initialised, everything here stands aside.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bohb_study.tasks.training.global_batch_norm import with_global_batch_norm


@dataclass(frozen=True)
class Ranks:
    """Where this process stands among those that train together."""

    rank: int = 0
    size: int = 1
    grouped: bool = False
    """Whether there is a process group; of one rank, too."""

    @classmethod
    def here(cls) -> "Ranks":
        """As ``torch.distributed`` says."""
        if not (dist.is_available() and dist.is_initialized()):
            return cls()
        return cls(dist.get_rank(), dist.get_world_size(), grouped=True)

    def share(self, rows: int) -> slice:
        """This rank's rows of ``rows``: all of one rank are neighbours, shares differ by one."""
        return slice(rows * self.rank // self.size, rows * (self.rank + 1) // self.size)

    def own(self, order: Tensor, size: int) -> tuple[Tensor, list[int]]:
        """This rank's part of rows that are trained on in global batches.

        Args:
            order: indices of the rows, shape (n,).
            size: of a global batch; the last may be smaller.

        Returns:
            Those of this rank, and how many of them are of each batch.
        """
        if self.size == 1:
            return order, batch_sizes(len(order), size)
        shares = [batch[self.share(len(batch))] for batch in torch.split(order, size)]
        return torch.cat(shares), [len(share) for share in shares]

    def converted(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The network with batch norm over the global batch; the keys of its state stay."""
        return with_global_batch_norm(model, device) if self.grouped else model

    def parallel(self, model: nn.Module) -> nn.Module:
        """What to call in training: averages gradients over the ranks in the backward pass.

        Buffers are not sent at each update: the same moments are computed on every rank.
        """
        if not self.grouped:
            return model
        parallel = DistributedDataParallel(model, forward_sync_buffers=False)
        if self.size > 2:  # the sum of two numbers has one order
            parallel.register_comm_hook(None, mean_in_order_of_ranks)
        return parallel

    def cross_entropy(self, logits: Tensor, labels: Tensor, rows: int) -> Tensor:
        """This rank's part of the mean cross-entropy over a global batch.

        Scaled so that the *average* of its gradients over the ranks is the gradient of the mean,
        also where shares differ or one is empty.

        Args:
            logits: of its share, shape (n, classes).
            labels: of its share, int64, shape (n,).
            rows: of the global batch.
        """
        if not self.grouped:
            return F.cross_entropy(logits, labels)
        return F.cross_entropy(logits, labels, reduction="sum") * self.size / rows

    def mean(self, values: Tensor) -> Tensor:
        """The average over the ranks; the same bits on each."""
        return self.total(values) / self.size if self.grouped else values

    def total(self, values: Tensor) -> Tensor:
        """The sum over the ranks, in their order; the same bits on each."""
        if not self.grouped:
            return values
        return torch.stack(_gathered(values)).sum(dim=0)

    def first(self, values: Sequence[float]) -> Sequence[float]:
        """What rank 0 has, on every rank."""
        if not self.grouped:
            return values
        sent = torch.tensor(values, dtype=torch.float64)
        dist.broadcast(sent, src=0)
        return sent.tolist()


def batch_sizes(rows: int, size: int) -> list[int]:
    """How many of ``rows`` are in each batch of ``size``; the last may be smaller."""
    return [min(size, rows - start) for start in range(0, rows, size)]


def _gathered(values: Tensor, group: dist.ProcessGroup | None = None) -> list[Tensor]:
    """``values`` of all ranks, in their order."""
    values = values.contiguous()
    parts = [torch.empty_like(values) for _ in range(dist.get_world_size(group))]
    dist.all_gather(parts, values, group=group)
    return parts


def mean_in_order_of_ranks(
    group: dist.ProcessGroup | None,
    bucket: dist.GradBucket,  # type: ignore[name-defined]
) -> torch.futures.Future[Tensor]:
    """Average gradients of more than two ranks: a hook for DistributedDataParallel.

    A ring adds in an order that depends on where a number lies in a bucket, and buckets are laid
    out anew after the first update. So a training that goes on after a pause, whose first update
    is another, would differ in the last bits. Here the order is that of the ranks.

    Args:
        group: of all ranks; None for the default one.
        bucket: gradients of this rank.
    """
    parts = _gathered(bucket.buffer(), group)
    total = parts[0]
    for part in parts[1:]:
        total += part
    future: torch.futures.Future[Tensor] = torch.futures.Future()
    future.set_result(total.div_(len(parts)))
    return future


class GlobalDropout(nn.Module):
    """Dropout whose masks are drawn for the global batch, alike on each rank, and then cut.

    They come from a generator of their own, so that they are what the training's seed and the
    epoch make of them, whatever else draws in the process.
    """

    def __init__(self, rate: float) -> None:
        """Nothing is drawn before ``Dropouts`` says from where.

        Args:
            rate: share of the activations that is set to zero, in [0, 1).
        """
        super().__init__()
        self.rate = rate
        self.generator = torch.Generator()
        self.rows = 0
        """Of the global batch."""
        self.share = slice(0)
        """Which of them are this rank's."""

    def forward(self, values: Tensor) -> Tensor:
        """Shape (n, ...), where n is this rank's share of the global batch, to the same."""
        if not self.training:
            return values
        shape = (self.rows, *values.shape[1:])
        # on the CPU, so that masks are the same on every device
        kept = torch.rand(shape, generator=self.generator)[self.share] >= self.rate
        return values * (kept.to(values.device) / (1 - self.rate)).to(values.dtype)

    def extra_repr(self) -> str:
        """The rate, where the network is printed."""
        return f"rate={self.rate}"


@dataclass(frozen=True)
class Dropouts:
    """All layers of dropout of a network, which draw one after the other from one generator."""

    layers: tuple[GlobalDropout, ...]
    ranks: Ranks

    @classmethod
    def of(cls, model: nn.Module, ranks: Ranks) -> "Dropouts":
        """Those of ``model``; none where it has none."""
        return cls(tuple(m for m in model.modules() if isinstance(m, GlobalDropout)), ranks)

    def begin_epoch(self, seed: int) -> None:
        """Draw from a generator that is seeded with ``seed`` from here on."""
        if self.layers:
            generator = torch.Generator().manual_seed(seed)
            for layer in self.layers:
                layer.generator = generator

    def begin_batch(self, rows: int) -> None:
        """The next forward pass is of a global batch of ``rows``."""
        for layer in self.layers:
            layer.rows, layer.share = rows, self.ranks.share(rows)


def dropout(rate: float) -> Iterator[nn.Module]:
    """The layer, to be unpacked into a network; none where ``rate`` is 0."""
    if rate:
        yield GlobalDropout(rate)


def everyones(value: Any) -> list[Any] | None:
    """``value`` of every rank, by rank; None where there is no group.

    Args:
        value: anything picklable.
    """
    ranks = Ranks.here()
    if not ranks.grouped:
        return None
    found: list[Any] = [None] * ranks.size
    dist.all_gather_object(found, value)
    return found
