"""Shares, losses, masks and moments of ranks; in this process, as a group of one or of none."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bohb_study.tasks import make_task
from bohb_study.tasks.training import data_parallel
from bohb_study.tasks.training.data_parallel import (
    Dropouts,
    GlobalDropout,
    Ranks,
    dropout,
    everyones,
    mean_in_order_of_ranks,
)
from bohb_study.tasks.training.global_batch_norm import GlobalBatchNorm2d, with_global_batch_norm
from bohb_study.tasks.training.images.batches import draw_crops_and_flips, load_parts

CPU = torch.device("cpu")


@pytest.fixture
def group_of_one() -> Iterator[None]:
    store = dist.HashStore()  # type: ignore[attr-defined]
    dist.init_process_group(
        "gloo", store=store, rank=0, world_size=1, timeout=timedelta(seconds=30)
    )
    yield
    dist.destroy_process_group()


def all_of(size: int) -> list[Ranks]:
    return [Ranks(rank, size, grouped=True) for rank in range(size)]


# Shares


@given(rows=st.integers(0, 600), size=st.integers(1, 9))
def test_shares_are_all_rows_once_and_differ_by_one(rows: int, size: int) -> None:
    shares = [list(range(rows))[ranks.share(rows)] for ranks in all_of(size)]
    assert list(itertools.chain(*shares)) == list(range(rows))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(rows=st.integers(1, 300), batch=st.integers(1, 99), size=st.integers(1, 5))
def test_batches_are_those_of_one_process_cut_up(rows: int, batch: int, size: int) -> None:
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(0))
    own = [ranks.own(order, batch) for ranks in all_of(size)]
    pieces = [torch.split(positions, sizes) for positions, sizes in own]
    for number, whole in enumerate(torch.split(order, batch)):
        assert torch.equal(torch.cat([rank[number] for rank in pieces]), whole)


@pytest.mark.parametrize("batch", [16, 17])
def test_images_of_all_ranks_are_those_of_one_process(
    batch: int, image_data: Path, own_cache: Path
) -> None:
    """Crops and flips, drawn for all images alike, included."""
    part = load_parts("cifar10", str(image_data), 0, 3, CPU).train
    order = torch.randperm(len(part), generator=torch.Generator().manual_seed(1))

    def batches(ranks: Ranks) -> list[tuple[torch.Tensor, torch.Tensor]]:
        augment = torch.Generator().manual_seed(2)
        return list(part.batches(batch, order, augment, ranks=ranks))

    whole = batches(Ranks())
    own = [batches(ranks) for ranks in all_of(3)]
    for number, (images, labels) in enumerate(whole):
        assert torch.equal(torch.cat([rank[number][0] for rank in own]), images)
        assert torch.equal(torch.cat([rank[number][1] for rank in own]), labels)
    assert draw_crops_and_flips(4, torch.Generator()).flip.shape == (4,)


# Losses and sums


@pytest.mark.parametrize(("rows", "size"), [(7, 2), (1, 2), (12, 3), (2, 5)])
def test_gradients_of_shares_average_to_those_of_the_mean(rows: int, size: int) -> None:
    """Where shares differ, and where some are empty."""
    draws = torch.Generator().manual_seed(0)
    logits = torch.randn(rows, 10, generator=draws, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(10, (rows,), generator=draws)
    expected = F.cross_entropy(logits, labels)
    losses = [
        ranks.cross_entropy(logits[ranks.share(rows)], labels[ranks.share(rows)], rows)
        for ranks in all_of(size)
    ]
    average = torch.stack(losses).mean()
    torch.testing.assert_close(average, expected, rtol=1e-14, atol=0)
    both = [torch.autograd.grad(loss, logits)[0] for loss in (expected, average)]
    torch.testing.assert_close(both[1], both[0], rtol=1e-13, atol=1e-17)


def test_gradients_are_added_in_the_order_of_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In which the sum of these three is another one than in any other."""
    parts = [torch.tensor([value]) for value in (2.0**24, 1.0, 1.0)]
    sums = set()
    for order in itertools.permutations(range(3)):
        given = [parts[i].clone() for i in order]
        monkeypatch.setattr(data_parallel, "_gathered", lambda *_, given=given: given)
        found = mean_in_order_of_ranks(None, FakeBucket()).wait()
        expected = (parts[order[0]] + parts[order[1]] + parts[order[2]]) / 3
        assert torch.equal(found, expected)
        sums.add(found.item())
    assert len(sums) == 2


class FakeBucket:
    def buffer(self) -> torch.Tensor:
        return torch.zeros(1)


def test_the_hook_is_for_more_than_two_ranks(
    group_of_one: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two numbers there is one sum; and DistributedDataParallel takes the hook."""
    given: list[Any] = []
    real = nn.parallel.DistributedDataParallel.register_comm_hook

    def register(self: Any, state: Any, hook: Any) -> None:
        given.append(hook)
        real(self, state, hook)

    monkeypatch.setattr(nn.parallel.DistributedDataParallel, "register_comm_hook", register)
    for size in (1, 2, 3):
        model = nn.Linear(2, 2)
        parallel = Ranks(0, size, grouped=True).parallel(model)
        parallel(torch.ones(1, 2)).sum().backward()
        assert model.weight.grad is not None
    assert given == [mean_in_order_of_ranks]


def test_without_a_group_everything_stands_aside() -> None:
    ranks, model, values = Ranks.here(), nn.BatchNorm2d(3), torch.ones(2)
    assert ranks == Ranks(0, 1, grouped=False)
    assert ranks.parallel(model) is ranks.converted(model, CPU) is model
    assert ranks.total(values) is ranks.mean(values) is values
    assert ranks.first((1.0, 2)) == (1.0, 2)
    assert everyones(1) is None


@pytest.mark.parametrize("name", ["digits", "fashion-mnist"])
def test_a_group_of_one_trains_bit_for_bit_as_none(
    name: str, image_data: Path, own_cache: Path, group_of_one: None, monkeypatch: Any
) -> None:
    options = {"digits": {}}.get(name, {"data": str(image_data), "subset": "200"})
    task = make_task(name, {**options, "dropout": "0.25"})
    config = {"l1": 16, "l2": 8, "lr": 0.02, "batch_size": 16}
    grouped: Any = task.start(config, 0)
    assert grouped._parallel is not grouped._model
    with monkeypatch.context() as patched:
        patched.setattr(dist, "is_initialized", lambda: False)
        alone: Any = task.start(config, 0)
        assert alone._parallel is alone._model
        expected = alone.advance(2)
    assert grouped.advance(2)._replace(seconds=0) == expected._replace(seconds=0)
    states = [one.state()["model"] for one in (alone, grouped)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


# Dropout


def test_masks_are_of_the_global_batch_and_cut() -> None:
    def masks(ranks: Ranks, epoch: int = 1) -> torch.Tensor:
        model = nn.Sequential(*dropout(0.4), *dropout(0.4)).train()
        dropouts = Dropouts.of(model, ranks)
        dropouts.begin_epoch(epoch)
        found = []
        for rows in (9, 4):
            dropouts.begin_batch(rows)
            found.append(model(torch.ones(rows, 50)[ranks.share(rows)]))
        return torch.cat([F.pad(part, (0, 0, 0, 9 - len(part))) for part in found])

    whole = masks(Ranks())
    parts = [masks(ranks) for ranks in all_of(2)]
    for start, rows in ((0, 9), (9, 4)):
        own = [
            part[start : start + len(range(rows)[ranks.share(rows)])]
            for part, ranks in zip(parts, all_of(2), strict=True)
        ]
        assert torch.equal(torch.cat(own), whole[start : start + rows])
    kept = (whole[:9] > 0).double().mean().item()
    assert kept == pytest.approx(0.36, abs=0.08)
    assert whole.max().item() == pytest.approx(1 / 0.6**2)
    assert not torch.equal(masks(Ranks(), 2), whole)


def test_dropout_is_for_training_and_where_it_is_asked_for() -> None:
    values = torch.ones(3, 4)
    assert GlobalDropout(0.5).eval()(values) is values
    assert list(dropout(0.0)) == []


# Batch norm


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_batch_norm_of_a_group_of_one_is_torchs(kind: torch.dtype, group_of_one: None) -> None:
    """Outputs, gradients, running moments and the keys of the state."""
    wide = torch.float64 if kind is torch.float64 else torch.float32
    close = {"rtol": 1e-10, "atol": 1e-12} if kind is torch.float64 else {"rtol": 2e-2, "atol": 0.1}
    draws = torch.Generator().manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(2):
        torch.manual_seed(0)
        layers.append(nn.Sequential(nn.BatchNorm2d(3, dtype=wide)))
    nn.init.uniform_(layers[0][0].weight)  # type: ignore[index, arg-type]
    layers[1].load_state_dict(layers[0].state_dict())
    layers[1] = with_global_batch_norm(layers[1], CPU)
    assert type(layers[1][0]) is GlobalBatchNorm2d  # type: ignore[index]
    values = (3 + 2 * torch.randn(6, 3, 4, 5, generator=draws)).to(kind)
    direction = torch.randn(6, 3, 4, 5, generator=draws).to(kind)
    found = []
    for layer in layers:
        given = values.clone().requires_grad_()
        result = layer(given)
        (result * direction).sum().backward()
        assert given.grad is not None
        gradients = [weight.grad for weight in layer.parameters()]
        found.append([result, given.grad, *gradients, layer.eval()(values)])
    for theirs, ours in zip(*found, strict=True):
        assert ours.dtype == theirs.dtype
        torch.testing.assert_close(ours, theirs, **close)
    one, other = (layer.state_dict() for layer in layers)
    assert list(one) == list(other)
    for key in one:
        torch.testing.assert_close(other[key], one[key], **close)


def test_batch_norm_of_one_value_per_channel_is_refused(group_of_one: None) -> None:
    layer = GlobalBatchNorm2d.like(nn.BatchNorm2d(2))
    with pytest.raises(ValueError, match="more than one value per channel"):
        layer(torch.ones(1, 2, 1, 1))


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(2, momentum=None),
        nn.BatchNorm2d(2, affine=False),
        nn.BatchNorm2d(2, track_running_stats=False),
    ],
)
def test_batch_norm_without_running_moments_is_refused(layer: nn.BatchNorm2d) -> None:
    with pytest.raises(ValueError, match="only with weights, running moments"):
        with_global_batch_norm(nn.Sequential(layer), CPU)


def test_other_kinds_of_batch_norm_are_refused() -> None:
    """Left as they are, they would take the moments of one rank without a word."""
    with pytest.raises(ValueError, match=r"^BatchNorm1d\(2, .*: on CPUs only BatchNorm2d can be"):
        with_global_batch_norm(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), CPU)
