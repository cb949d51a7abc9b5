"""Two stages of a network on two devices that work at the same time, by micro-batches.

A batch is cut into micro-batches. While the second stage is busy with one, the first goes on with
the next: one forward pass ahead, then one backward and one forward pass in turn ("1F1B", Narayanan
et al., arXiv 2104.04473), so that no more than two micro-batches are kept by the first stage. Of
k micro-batches and stages that take equally long, each device is idle for 1 / (k + 1) of the time.

By hand, in one process, because ``torch.distributed.pipelining`` (2.14) does not serve here. With a
process for each stage it sends contiguous tensors only, so none with channels last, and receives
into buffers of the first batch's shapes: a batch of 33 images, in parts of 9, 8, 8 and 8, ends the
process. A trial would also be two processes that start, pause, resume and fail together. Two stages
in one process of a group of one give right results, which a test compares with those of this
module; but on the CPU they take turns, between two GPUs nothing is copied, and the group is the
process's only one, which a trial may need for something else.

What is computed does not depend on the timing: each stage takes the micro-batches in their order,
so that its gradients are added and its running moments updated in that order.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, InvalidStateError, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, Literal, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bohb_study.tasks.training.denormals import flushed_denormals

Kind = Literal["forward", "backward"]
Scale = Callable[[Tensor], Tensor]
"""What a loss is multiplied by before its gradients are taken: ``GradScaler.scale``."""


class Work(NamedTuple):
    """What a stage does at once."""

    stage: Literal[0, 1]
    kind: Kind
    micro_batch: int


Order = Callable[[int], Iterator[Work]]
"""The work of both stages for a number of micro-batches; nothing comes before what it needs."""


def one_forward_one_backward(count: int) -> Iterator[Work]:
    """The order in which both stages can work at the same time."""
    for i in range(count + 1):
        if i < count:
            yield Work(0, "forward", i)
        if i > 0:
            yield Work(1, "forward", i - 1)
            yield Work(1, "backward", i - 1)
            yield Work(0, "backward", i - 1)


def in_turn(count: int) -> Iterator[Work]:
    """The order in which the stages take turns: each work needs the one before it."""
    for i in range(count):
        yield Work(0, "forward", i)
        yield Work(1, "forward", i)
        yield Work(1, "backward", i)
        yield Work(0, "backward", i)


def forward_only(count: int) -> Iterator[Work]:
    """The forward passes of ``one_forward_one_backward``, for looking at images."""
    return (work for work in one_forward_one_backward(count) if work.kind == "forward")


class Handed(NamedTuple):
    """A tensor on its way from one stage to the other."""

    tensor: Tensor
    arrived: Any = None
    """CUDA event after which it is there; None: it is."""

    def take(self) -> Tensor:
        """The tensor; what its device does next waits until it is there."""
        if self.arrived is not None:
            stream = torch.cuda.current_stream(self.tensor.device)
            stream.wait_event(self.arrived)
            self.tensor.record_stream(stream)
        return self.tensor


class Link(Protocol):
    """Brings a tensor to a device."""

    def __call__(self, tensor: Tensor, device: torch.device) -> Handed:
        """Start the copy; the caller does not wait for it."""


def same_memory(tensor: Tensor, device: torch.device) -> Handed:
    """Between stages on one device there is nothing to copy."""
    return Handed(tensor)


class CudaLink:
    """Copies between two GPUs on streams of their own.

    On the streams that compute, a copy would wait for all that was launched on either device
    before it, and the stages would work in turn.
    """

    def __init__(self, devices: Iterable[torch.device]) -> None:
        """Make a stream on each of the devices."""
        self._streams = {device: torch.cuda.Stream(device) for device in devices}  # type: ignore[no-untyped-call]

    def __call__(self, tensor: Tensor, device: torch.device) -> Handed:
        """Copy once ``tensor`` is computed."""
        here, there = self._streams[tensor.device], self._streams[device]
        here.wait_stream(torch.cuda.current_stream(tensor.device))
        with torch.cuda.stream(here), torch.cuda.stream(there):
            copy = tensor.to(device, non_blocking=True)
            arrived = there.record_event()
        tensor.record_stream(here)  # its memory is not given away before it is read
        return Handed(copy, arrived)


class Pipeline:
    """Forward and backward passes of a network of two stages.

    On GPUs one thread launches the work of both stages, for a launch returns before the work is
    done. On the CPU it does not, so the second stage has a thread of its own; torch computes
    without Python's lock. The stages must draw no random numbers: on the CPU they would share one
    generator.
    """

    def __init__(
        self,
        stages: tuple[nn.Module, nn.Module],
        devices: tuple[torch.device, torch.device],
        mixed: torch.dtype | None = None,
        order: Order = one_forward_one_backward,
    ) -> None:
        """Move the stages to their devices.

        Args:
            stages: the first maps images to features, the second those to logits.
            devices: one for each; CUDA devices with their index. They may be the same.
            mixed: as in ``hardware.Hardware``.
            order: ``in_turn`` lets one stage wait for the other.
        """
        self.stages, self.devices, self.mixed = stages, devices, mixed
        for stage, device in zip(stages, devices, strict=True):
            stage.to(device)
        self._order = order
        self._threads = devices[0].type == "cpu" and order is not in_turn
        self._link: Link = CudaLink(devices) if devices[0] != devices[1] else same_memory

    def backward(self, images: Tensor, labels: Tensor, count: int, scale: Scale) -> Tensor:
        """Add the gradients of a batch to those of the weights.

        Args:
            images: shape (n, channels, side, side), on the first device.
            labels: shape (n,), likewise.
            count: micro-batches, at most n; their sizes differ by one at most.
            scale: of the gradients.

        Returns:
            The mean cross-entropy of the batch, a scalar on the first device.
        """
        batch = _Batch(self, images, labels, count, scale)
        self._run(batch, self._order(count))
        return torch.stack(batch.results).sum().to(images.device)

    @torch.inference_mode()
    def forward(self, images: Tensor, count: int) -> Tensor:
        """Logits of shape (n, 10) on the first device, without gradients.

        Args:
            images: shape (n, channels, side, side), on the first device.
            count: micro-batches, at most n.
        """
        batch = _Batch(self, images, None, count, lambda loss: loss)
        self._run(batch, forward_only(count))
        return torch.cat(batch.results).to(images.device)

    def do(self, batch: "_Batch", work: Work) -> None:
        """Do one work of one stage."""
        batch.do(work)

    def _run(self, batch: "_Batch", order: Iterator[Work]) -> None:
        if not self._threads:
            for work in order:
                self.do(batch, work)
            return
        works = list(order)
        with ThreadPoolExecutor(1) as pool:  # which waits for the second stage, come what may
            second = pool.submit(self._work_apart, batch, [w for w in works if w.stage == 1])
            try:
                for work in works:
                    if work.stage == 0:
                        self.do(batch, work)
            except (CancelledError, InvalidStateError):
                second.result()  # raises what ended the second stage
                raise
            except BaseException:
                batch.abandon()
                raise
            second.result()

    def _work_apart(self, batch: "_Batch", works: list[Work]) -> None:
        """All work of the second stage, in a thread that starts with torch's defaults."""
        torch.set_num_threads(1)  # sums depend on how they are divided among threads
        try:
            with flushed_denormals(), torch.inference_mode(batch.labels is None):
                for work in works:
                    self.do(batch, work)
        except BaseException:
            batch.abandon()
            raise


class _Batch:
    """The micro-batches of one batch and what the stages hand to each other."""

    def __init__(
        self, pipeline: Pipeline, images: Tensor, labels: Tensor | None, count: int, scale: Scale
    ) -> None:
        self._pipeline, self._scale, self._size = pipeline, scale, len(images)
        self.images = images.tensor_split(count)
        self.labels = None if labels is None else labels.tensor_split(count)
        self._ways: dict[Kind, list[Future[Handed]]] = {
            "forward": [Future() for _ in range(count)],
            "backward": [Future() for _ in range(count)],
        }
        self._features: dict[int, Tensor] = {}
        """Of the first stage, each with its graph; kept until its backward pass."""
        self._received: dict[int, tuple[Tensor, Tensor]] = {}
        """The same without graph, on the second device, and the loss that was computed of it."""
        self.results: list[Tensor] = []
        """Of the second stage: losses, or logits."""

    def do(self, work: Work) -> None:
        """Do ``work``, once what it needs has been handed over."""
        steps = {
            (0, "forward"): self._first_forward,
            (1, "forward"): self._second_forward,
            (1, "backward"): self._second_backward,
            (0, "backward"): self._first_backward,
        }
        steps[work.stage, work.kind](work.micro_batch)

    def abandon(self) -> None:
        """Let nobody wait for what will not come."""
        for ways in self._ways.values():
            for way in ways:
                way.cancel()

    def _first_forward(self, i: int) -> None:
        features = _forward(self._pipeline.stages[0], self.images[i], self._pipeline.mixed)
        if self.labels is not None:
            self._features[i] = features
        device = self._pipeline.devices[1]
        self._ways["forward"][i].set_result(self._pipeline._link(features.detach(), device))

    def _second_forward(self, i: int) -> None:
        features = self._ways["forward"][i].result().take()
        if self.labels is not None:
            features.requires_grad_()
        logits = _forward(self._pipeline.stages[1], features, self._pipeline.mixed).float()
        if self.labels is None:
            self.results.append(logits)
            return
        loss = share_of_loss(logits, self.labels[i].to(logits.device), self._size)
        self._received[i] = features, loss
        self.results.append(loss.detach())

    def _second_backward(self, i: int) -> None:
        features, loss = self._received.pop(i)
        self._scale(loss).backward()  # type: ignore[no-untyped-call]
        assert features.grad is not None
        handed = self._pipeline._link(features.grad, self._pipeline.devices[0])
        self._ways["backward"][i].set_result(handed)

    def _first_backward(self, i: int) -> None:
        gradient = self._ways["backward"][i].result().take()
        self._features.pop(i).backward(gradient)  # type: ignore[no-untyped-call]


def in_one_piece(
    network: nn.Module, images: Tensor, labels: Tensor, count: int, scale: Scale,
    mixed: torch.dtype | None = None,
) -> Tensor:  # fmt: skip
    """What ``Pipeline.backward`` computes, of a network that is not split.

    Args:
        network: on the device of the images.
        images: shape (n, channels, side, side).
        labels: shape (n,).
        count: micro-batches, at most n.
        scale: of the gradients.
        mixed: as in ``hardware.Hardware``.

    Returns:
        The mean cross-entropy of the batch.
    """
    losses = []
    for part, classes in zip(images.tensor_split(count), labels.tensor_split(count), strict=True):
        loss = share_of_loss(_forward(network, part, mixed).float(), classes, len(images))
        scale(loss).backward()  # type: ignore[no-untyped-call]
        losses.append(loss.detach())
    return torch.stack(losses).sum()


def share_of_loss(logits: Tensor, labels: Tensor, images: int) -> Tensor:
    """What a micro-batch adds to the mean cross-entropy of a batch of so many ``images``."""
    return F.cross_entropy(logits, labels, reduction="sum") / images


def _forward(stage: nn.Module, values: Tensor, mixed: torch.dtype | None) -> Tensor:
    context = nullcontext() if mixed is None else torch.autocast(values.device.type, dtype=mixed)
    with context:
        result: Tensor = stage(values)
    return result
