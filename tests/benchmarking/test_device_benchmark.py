"""Variants of training on this device: what works has numbers, what fails has a reason."""

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch

from bohb_study.benchmarking import device_training
from bohb_study.benchmarking.device_training import EAGER, VARIANTS, full_evaluation
from bohb_study.cli import bench_devices, command_line
from bohb_study.scratch import OWNER
from bohb_study.tasks import make_task
from bohb_study.tasks.training.images.hardware import Hardware

QUICK = ["--networks", "LeNet", "--seconds", "0", "--repeats", "2"]


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Hardware(torch.device("cpu"))
    monkeypatch.setattr(device_training, "hardware", lambda: given)


def measured(words: list[str], out: Path) -> list[dict[str, Any]]:
    assert command_line.run(bench_devices.main, [*QUICK, *words, "--out", str(out)]) == 0
    found: list[dict[str, Any]] = json.loads(out.read_text())["measured"]
    return found


def test_every_variant_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(["--no-compiled"], tmp_path / "devices.json")
    variants = [one.name for one in VARIANTS if not one.compiled]
    assert [(one["network"], one["variant"]) for one in found] == [("LeNet", v) for v in variants]
    table = capsys.readouterr().out
    task: Any = make_task("cifar10")
    for one in found:
        assert (one["failed"], one["device"], one["batch_size"]) == ("", "CPU", 16)
        assert len(one["train"]) == len(one["look"]) == 2
        assert f"{median(one['train']):,.0f}" in table
        rest = full_evaluation(task, median(one["train"]), median(one["look"]))
        assert one["full_evaluation"] == pytest.approx(one["first_seconds"] + rest)
    assert found[0]["ratios"] == [1, 1]


def test_what_fails_is_shown_and_does_not_end_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_compiler(network: Any) -> Callable[..., Any]:
        def fail(images: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no compiler\nand much more")

        return fail

    monkeypatch.setattr(torch, "compile", no_compiler)
    found = measured([], tmp_path / "devices.json")
    measured_here = [one for one in VARIANTS if not (one.compiled and one.mixed)]
    assert [one["variant"] for one in found] == [one.name for one in measured_here]
    failed = {one["variant"]: one["failed"] for one in found if one["failed"]}
    compiled = [one.name for one in measured_here if one.compiled]
    assert failed == dict.fromkeys(compiled, "RuntimeError: no compiler")
    assert all(one["ratios"] == [] for one in found if one["failed"])
    table = capsys.readouterr().out
    for name in compiled:
        assert f"LeNet, {name}: RuntimeError: no compiler" in table
    assert table.count("failed") == len(compiled)


def test_a_variant_changes_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layout, precision, and whether the network is compiled."""
    compiled: list[Any] = []

    def compile_(network: Any) -> Any:
        compiled.append(network)
        return network

    monkeypatch.setattr(torch, "compile", compile_)
    used = Hardware(torch.device("cpu"))
    images = device_training._images(used.device)
    name, config = device_training.NETWORKS["LeNet"]
    task: Any = make_task(name)
    for variant in VARIANTS:
        compiled.clear()
        training = device_training._Training(task.recipe(config), images, variant, used)
        assert bool(compiled) == variant.compiled
        batch, labels = next(training._to_train)
        assert batch.shape == (16, 3, 32, 32)
        assert labels.shape == (16,)
        for tensor in (batch, training._network[0].weight):  # type: ignore[index]
            last = tensor.is_contiguous(memory_format=torch.channels_last)
            assert last == variant.channels_last
        with training._precision():
            kind = training._network(batch).dtype
        assert kind == (torch.bfloat16 if variant.mixed else torch.float32)
        before = [weights.clone() for weights in training._network.parameters()]
        training.train(2)
        after = list(training._network.parameters())
        assert not any(torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_a_full_evaluation_is_all_epochs_and_all_reports() -> None:
    curve: Any = make_task("cifar10")  # a report at each of 9 epochs
    assert full_evaluation(curve, 1000, 2000) == pytest.approx(9 * 40 + 9 * 10)
    rungs: Any = make_task("cifar10-resnet")  # four rungs
    assert full_evaluation(rungs, 1000, 2000) == pytest.approx(600 * 40 + 4 * 10)


def test_what_is_compiled_is_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the first update would not say what it costs."""
    import os

    key = "TORCHINDUCTOR_CACHE_DIR"
    monkeypatch.setenv(key, "before")
    with device_training._own_compilations():
        folder = os.environ[key]
        assert folder != "before"
        assert os.listdir(folder) == [OWNER]
    assert os.environ[key] == "before"
    assert not os.path.exists(folder)


def test_eager_is_what_the_others_are_compared_with() -> None:
    assert VARIANTS[0] is EAGER
    assert len({one.name for one in VARIANTS}) == len(VARIANTS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--seconds -1", "--seconds -1: must be at least 0"),
        ("--repeats 0", "--repeats 0: must be at least 1, at most 1,000"),
        ("--out .", "--out .: is a folder; name a file"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is measured."""
    assert command_line.run(bench_devices.main, words.split()) == 2
    assert capsys.readouterr() == ("", f"error: {said}\n")
