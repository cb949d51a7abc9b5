"""Two stages in a pipeline compute what the network in one piece computes, bit for bit."""

import ctypes
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed import HashStore, destroy_process_group, init_process_group
from torch.distributed.pipelining import PipelineStage
from torch.distributed.pipelining.schedules import ScheduleInterleaved1F1B

from bohb_study.tasks.training.images.resnet50 import resnet50_stages
from bohb_study.tasks.training.pipeline import (
    Handed,
    Order,
    Pipeline,
    Work,
    forward_only,
    in_one_piece,
    in_turn,
    one_forward_one_backward,
    share_of_loss,
)

CPU = torch.device("cpu")
WIDTH, SIDE = 4, 16
PATIENCE = 20
"""Seconds after which a stage that waits for the other is taken to wait for ever."""
ORDERS = [in_turn, one_forward_one_backward]


@pytest.fixture(autouse=True)
def _as_in_trainings() -> Iterator[None]:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    yield
    torch.set_num_threads(1)


def network(boundary: int = 2, seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return resnet50_stages(3, WIDTH, boundary).to(memory_format=torch.channels_last)


def batch(n: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n)
    images = torch.randn(n, 3, SIDE, SIDE, generator=generator)
    labels = torch.randint(10, (n,), generator=generator)
    return images.contiguous(memory_format=torch.channels_last), labels


def unscaled(loss: Tensor) -> Tensor:
    return loss


def stages(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    return model.get_submodule("first"), model.get_submodule("second")


def split(
    model: nn.Module,
    order: Order = one_forward_one_backward,
    kind: type[Pipeline] = Pipeline,
    **more: Any,
) -> Any:
    return kind(stages(model), (CPU, CPU), order=order, **more)


def learned(model: nn.Module) -> list[Tensor]:
    """Gradients of all weights, and the running moments of batch normalisation."""
    gradients = [weights.grad for weights in model.parameters()]
    assert all(gradient is not None and gradient.any() for gradient in gradients)
    return [*gradients, *model.buffers()]  # type: ignore[list-item]


def equal(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(learned(one), learned(other), strict=True))


# The same numbers


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("n", "count"), [(16, 4), (17, 4), (16, 1)])
def test_gradients_losses_and_outputs_are_those_of_one_piece(
    order: Order, n: int, count: int
) -> None:
    whole, halves = network(), network()
    pipeline = split(halves, order)
    for images, labels in (batch(n), batch(n - 1)):  # the second adds to the gradients of the first
        expected = in_one_piece(whole, images, labels, count, unscaled)
        assert torch.equal(pipeline.backward(images, labels, count, unscaled), expected)
    assert equal(whole, halves)
    whole.eval(), halves.eval()
    with torch.inference_mode():
        logits = torch.cat([whole(part) for part in images.tensor_split(count)])
    assert torch.equal(pipeline.forward(images, count), logits)


def test_one_micro_batch_is_a_plain_training() -> None:
    plain, halves = network(), network()
    images, labels = batch(16)
    loss = F.cross_entropy(plain(images), labels)
    loss.backward()
    assert torch.equal(split(halves).backward(images, labels, 1, unscaled), loss.detach())
    assert equal(plain, halves)


@pytest.mark.parametrize("boundary", [1, 3])
def test_the_boundary_changes_nothing(boundary: int) -> None:
    whole, halves = network(), network(boundary)
    in_one_piece(whole, *batch(8), 2, unscaled)
    split(halves).backward(*batch(8), 2, unscaled)
    assert equal(whole, halves)


def test_the_loss_is_the_mean_over_all_images_whatever_the_parts() -> None:
    """Each micro-batch weighs by its size."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(33, 10, generator=generator, dtype=torch.float64)
    labels = torch.randint(10, (33,), generator=generator)
    expected = F.cross_entropy(logits, labels)
    for count in (1, 2, 4, 33):
        parts = zip(logits.tensor_split(count), labels.tensor_split(count), strict=True)
        shares = [share_of_loss(*part, 33) for part in parts]
        torch.testing.assert_close(torch.stack(shares).sum(), expected)


def test_batch_normalisation_sees_a_micro_batch() -> None:
    """So more micro-batches are another training: ghost batch normalisation."""
    whole, ghosts = network(), network()
    images, labels = batch(16)
    losses = [
        split(one).backward(images, labels, n, unscaled) for one, n in ((whole, 1), (ghosts, 4))
    ]
    assert not torch.equal(*losses)
    counted = [one.get_buffer("first.stem.1.num_batches_tracked") for one in (whole, ghosts)]
    assert counted == [1, 4]


def test_equal_in_mixed_precision() -> None:
    whole, halves, other = network(), network(), network()
    images, labels = batch(16)
    expected = in_one_piece(whole, images, labels, 2, unscaled, torch.bfloat16)
    pipeline = split(halves, mixed=torch.bfloat16)
    assert torch.equal(pipeline.backward(images, labels, 2, unscaled), expected)
    assert equal(whole, halves)
    in_one_piece(other, images, labels, 2, unscaled)
    assert not equal(other, halves)
    assert pipeline.forward(images, 2).dtype == torch.float32


def test_the_scale_is_that_of_gradients_alone() -> None:
    """By a power of two, so exactly."""
    once, scaled = network(), network()
    losses = [
        split(once).backward(*batch(8), 2, unscaled),
        split(scaled).backward(*batch(8), 2, lambda loss: 8 * loss),
    ]
    assert torch.equal(*losses)
    for ours, theirs in zip(scaled.parameters(), once.parameters(), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        torch.testing.assert_close(ours.grad, 8 * theirs.grad, rtol=1e-5, atol=1e-30)


@pytest.fixture
def group_of_one() -> Iterator[None]:
    init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    yield
    destroy_process_group()


@pytest.mark.usefixtures("group_of_one")
@pytest.mark.filterwarnings("ignore")  # its own
def test_torchs_own_pipelining_gives_the_same_gradients() -> None:
    """Two stages in one process, where it takes turns."""
    ours, theirs = network(), network()
    images, labels = batch(16)
    loss = split(ours).backward(images, labels, 4, unscaled)
    schedule = ScheduleInterleaved1F1B(
        [PipelineStage(stage, i, 2, CPU) for i, stage in enumerate(stages(theirs))],
        4,
        loss_fn=partial(share_of_loss, images=16),
        scale_grads=False,
    )
    losses: list[Tensor] = []
    schedule.step(images, target=labels, losses=losses)
    assert torch.equal(torch.stack(losses).detach().sum(), loss)
    assert equal(ours, theirs)


# The order of work


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_nothing_comes_before_what_it_needs(order: Order, count: int) -> None:
    works = list(order(count))
    assert len(set(works)) == len(works) == 4 * count
    place = {work: works.index(work) for work in works}
    for i in range(count):
        way = [Work(0, "forward", i), Work(1, "forward", i), Work(1, "backward", i)]
        assert all(place[a] < place[b] for a, b in pairwise([*way, Work(0, "backward", i)]))
    assert list(forward_only(count)) == [
        w for w in one_forward_one_backward(count) if w[1] == "forward"
    ]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_each_stage_takes_micro_batches_in_order_and_keeps_two_at_most(count: int) -> None:
    works = list(one_forward_one_backward(count))
    for stage in (0, 1):
        for kind in ("forward", "backward"):
            mine = [w.micro_batch for w in works if (w.stage, w.kind) == (stage, kind)]
            assert mine == list(range(count))
    kept, most = 0, 0
    for work in works:
        if work.stage == 0:
            kept += 1 if work.kind == "forward" else -1
            most = max(most, kept)
    assert most == min(2, count)


class Watched(Pipeline):
    """Notes when work begins and ends, and may hold it up."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.seen: list[tuple[str, Work]] = []
        self.hold: Callable[[Work], None] = lambda work: None
        self.thread: dict[int, set[int]] = {0: set(), 1: set()}

    def do(self, batch: Any, work: Work) -> None:
        self.seen.append(("begin", work))  # one step, also for two threads
        self.thread[work.stage].add(threading.get_ident())
        self.hold(work)
        super().do(batch, work)
        self.seen.append(("end", work))


def test_both_stages_are_at_work_at_the_same_time_in_both_directions() -> None:
    """Each meets the other half way, or one would wait for ever: by events, not by time."""
    pipeline = split(network(), kind=Watched)
    meetings = {  # while the second stage does the one, the first does the other
        Work(1, "forward", 0): Work(0, "forward", 1),
        Work(1, "forward", 1): Work(0, "backward", 0),
        Work(1, "backward", 1): Work(0, "forward", 2),
        Work(1, "backward", 2): Work(0, "forward", 3),
        Work(1, "backward", 3): Work(0, "backward", 2),
    }
    begun = {work: threading.Event() for work in one_forward_one_backward(4)}
    met = []

    def hold(work: Work) -> None:
        begun[work].set()
        for one, other in (*meetings.items(), *((b, a) for a, b in meetings.items())):
            if one == work:
                met.append(begun[other].wait(PATIENCE))

    pipeline.hold = hold
    pipeline.backward(*batch(16), 4, unscaled)
    assert met == [True] * 2 * len(meetings)
    for one, other in meetings.items():
        span = [pipeline.seen.index((word, one)) for word in ("begin", "end")]
        overlapped = [pipeline.seen.index((word, other)) for word in ("begin", "end")]
        assert span[0] < overlapped[1]
        assert overlapped[0] < span[1]
    for stage in (0, 1):
        done = [work for word, work in pipeline.seen if word == "end" and work.stage == stage]
        assert done == [work for work in one_forward_one_backward(4) if work.stage == stage]


def test_looking_at_images_is_pipelined_too() -> None:
    pipeline = split(network().eval(), kind=Watched)
    next_begun = threading.Event()
    met = []

    def hold(work: Work) -> None:
        if work == (0, "forward", 1):
            next_begun.set()
        if work == (1, "forward", 0):
            met.append(next_begun.wait(PATIENCE))

    pipeline.hold = hold
    logits = pipeline.forward(batch(8)[0], 2)
    assert met == [True]
    assert {work.kind for _, work in pipeline.seen} == {"forward"}
    assert not logits.requires_grad


def test_in_turn_one_stage_waits_for_the_other() -> None:
    pipeline = split(network(), in_turn, Watched)
    pipeline.backward(*batch(8), 2, unscaled)
    expected = [(word, work) for work in in_turn(2) for word in ("begin", "end")]
    assert pipeline.seen == expected


def test_timing_does_not_matter() -> None:
    """Whichever stage is held up, and wherever."""
    expected = network()
    in_one_piece(expected, *batch(12), 3, unscaled)
    for seed in range(4):
        draw = random.Random(seed)
        slow = seed % 3  # the first, the second, or both
        delays = {
            work: draw.uniform(0, 0.04) if slow in (work.stage, 2) else 0
            for work in one_forward_one_backward(3)
        }
        model = network()
        pipeline = split(model, kind=Watched)
        pipeline.hold = lambda work, delays=delays: time.sleep(delays[work])
        pipeline.backward(*batch(12), 3, unscaled)
        assert equal(expected, model)


def openmp_threads() -> int:
    """Threads by which oneDNN would sum in this thread, before torch tells it."""
    loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    homes = {Path(torch.__file__).parent / "lib", Path(torch.__file__).parents[1] / "torch.libs"}
    (library,) = (
        path
        for path in loaded
        if Path(path).name.startswith("libgomp") and Path(path).parent in homes
    )
    return int(ctypes.CDLL(library).omp_get_max_threads())


def test_the_second_stages_thread_computes_like_the_first() -> None:
    """Sums by one thread; denormal numbers are flushed there, and nowhere afterwards."""
    pipeline = split(network(), kind=Watched)
    seen = []
    pipeline.hold = lambda work: seen.append((work.stage, openmp_threads(), sys.float_info.min / 2))
    pipeline.backward(*batch(8), 2, unscaled)
    normal = sys.float_info.min / 2  # the first stage's thread is set by the training
    assert normal > 0
    assert set(seen) == {(0, 1, normal), (1, 1, 0.0)}
    assert pipeline.thread[0] == {threading.get_ident()}
    assert len(pipeline.thread[1]) == 1
    assert pipeline.thread[0] != pipeline.thread[1]


# Failures


@pytest.mark.parametrize("stage", [0, 1])
@pytest.mark.parametrize("kind", ["forward", "backward"])
@pytest.mark.parametrize("error", [ValueError("boom"), KeyboardInterrupt()])
def test_what_fails_in_a_stage_is_raised_and_nobody_waits_for_ever(
    stage: int, kind: str, error: BaseException
) -> None:
    model = network()
    pipeline = split(model, kind=Watched)
    threads = threading.active_count()

    def hold(work: Work) -> None:
        if work == (stage, kind, 1):
            raise error

    pipeline.hold = hold
    with pytest.raises(type(error)) as raised:
        pipeline.backward(*batch(12), 3, unscaled)
    assert raised.value is error
    assert threading.active_count() == threads
    pipeline.hold = lambda work: None  # and it can be used again
    model.load_state_dict(network().state_dict())
    model.zero_grad()
    whole = network()
    in_one_piece(whole, *batch(12), 3, unscaled)
    pipeline.backward(*batch(12), 3, unscaled)
    assert equal(whole, model)


def test_on_one_device_nothing_is_copied() -> None:
    pipeline = split(network())
    tensor = torch.zeros(3)
    handed = pipeline._link(tensor, CPU)
    assert handed == Handed(tensor)
    assert handed.take() is tensor


# GPUs


def trained(
    first: str, second: str, kind: torch.dtype = torch.float32, mixed: torch.dtype | None = None
) -> nn.Module:
    """A network after the gradients of two batches on these devices."""
    model = network().to(kind)
    devices = torch.device(first), torch.device(second)
    pipeline = Pipeline(stages(model), devices, mixed)
    for n in (16, 17):
        images, labels = (tensor.to(devices[0]) for tensor in batch(n))
        loss = pipeline.backward(images.to(kind), labels, 4, unscaled)
        assert loss.device == devices[0]
        pipeline.forward(images.to(kind), 4)
    return model.cpu()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_one_gpu_it_is_as_on_the_cpu() -> None:
    """In float64: in float32 some unit of so deep a network is soon on the other side of 0."""
    both = (trained(device, device, torch.float64) for device in ("cuda:0", "cpu"))
    for ours, theirs in zip(*map(learned, both), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
@pytest.mark.parametrize("mixed", [None, torch.bfloat16])
def test_on_two_gpus_it_is_as_on_one(mixed: torch.dtype | None) -> None:
    """Bit for bit, where both are of one kind."""
    if len({torch.cuda.get_device_name(i) for i in (0, 1)}) > 1:
        pytest.skip("needs two GPUs of one kind")
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert equal(*(trained("cuda:0", second, mixed=mixed) for second in ("cuda:0", "cuda:1")))
