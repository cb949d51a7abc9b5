"""Training on a GPU: mixed precision over a pause, and a group of one rank over nccl.

Where there is no GPU they are reported as not run; float16 with its scaler is then looked at on the
CPU alone.
"""

import pickle
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn

from bohb_study.tasks import make_task
from bohb_study.tasks.training.images import image_training
from bohb_study.tasks.training.images.hardware import Hardware, hardware

LENET = {"l1": 32, "l2": 16, "lr": 0.01, "batch_size": 16}
RESNET = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "batch_size": 48}
GPU = pytest.param("cuda", marks=pytest.mark.gpu)


def started(name: str, data: Path, **options: str) -> Any:
    resnet = {"epochs": "9", "depth": "8", "width": "4"} if name == "cifar10-resnet" else {}
    subset = "100" if resnet else "300"
    task = make_task(name, {"data": str(data), "subset": subset, **resnet, **options})
    return task.start(RESNET if resnet else LENET, 0)


def flat(state: dict[str, Any]) -> torch.Tensor:
    return torch.cat([weight.flatten().double() for weight in state["model"].values()])


@pytest.fixture(params=["cpu", GPU])
def float16(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    given = Hardware(torch.device(request.param), torch.float16)
    monkeypatch.setattr(image_training, "hardware", lambda: given)
    return str(request.param)


@pytest.mark.parametrize("name", ["fashion-mnist", "cifar10-resnet"])
def test_a_pause_keeps_the_scaler_of_float16(name: str, float16: str, image_data: Path) -> None:
    """Scale and how long it has held, with weights, momenta and dropout, bit for bit."""
    options = {"dropout": "0.2"} if name == "fashion-mnist" else {}
    straight, paused = (started(name, image_data, **options) for _ in range(2))
    assert straight._scaler.is_enabled()
    for one in (straight, paused):
        one._scaler.set_growth_interval(3)  # several times in these epochs
    fresh = straight.state()["scaler"]
    first = straight.advance(1)
    assert paused.advance(1)._replace(seconds=0) == first._replace(seconds=0)
    state = pickle.loads(pickle.dumps(paused.state()))
    assert state["scaler"] != fresh
    assert all(weight.device.type == "cpu" for weight in state["model"].values())
    resumed = started(name, image_data, **options)
    resumed.restore(state)
    reports = [one.advance(3)._replace(seconds=0) for one in (straight, resumed)]
    assert reports[0].status == "ok"
    assert reports[0] == reports[1]
    ends = [one.state() for one in (straight, resumed)]
    assert ends[0]["scaler"] == ends[1]["scaler"] != state["scaler"]
    assert torch.equal(flat(ends[0]), flat(ends[1]))


@pytest.fixture
def nccl() -> Iterator[None]:
    """As a rank with a GPU joins a group."""
    store = dist.HashStore()  # type: ignore[attr-defined]
    dist.init_process_group(
        "cpu:gloo,cuda:nccl", store=store, rank=0, world_size=1, timeout=timedelta(seconds=60)
    )
    yield
    dist.destroy_process_group()


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["fashion-mnist", "cifar10-resnet"])
def test_one_rank_over_nccl_trains_as_none_and_resumes_exactly(
    name: str, image_data: Path, nccl: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    hardware.cache_clear()
    grouped = started(name, image_data)
    assert grouped._hardware.device.type == "cuda"
    assert isinstance(grouped._parallel, nn.parallel.DistributedDataParallel)
    synchronised = [m for m in grouped._model.modules() if isinstance(m, nn.SyncBatchNorm)]
    assert bool(synchronised) == (name == "cifar10-resnet")
    with monkeypatch.context() as patched:
        patched.setattr(dist, "is_initialized", lambda: False)
        alone = started(name, image_data)
        expected = alone.advance(1)
    first = grouped.advance(1)
    assert first.val_loss == pytest.approx(expected.val_loss, abs=0.05)
    state = grouped.state()
    resumed = started(name, image_data)
    resumed.restore(state)
    reports = [one.advance(3)._replace(seconds=0) for one in (grouped, resumed)]
    assert reports[0] == reports[1]
    by_itself = started(name, image_data)
    by_itself.restore(state)
    assert torch.equal(flat(by_itself.state()), flat(state))
