"""A network in one piece, split and pipelined: measured in turn, on the same numbers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bohb_study.benchmarking import passes, split_training
from bohb_study.benchmarking.passes import in_rounds, made_up, ratios, span
from bohb_study.benchmarking.split_training import (
    IN_TURN,
    PIPELINED,
    TWO_AT_ONCE,
    UNSPLIT,
    measure,
)
from bohb_study.cli import bench_split, command_line

SMALL = ["--width", "2", "--batch-size", "8", "--seconds", "0", "--repeats", "2"]


@pytest.fixture
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from bohb_study.tasks.training.images.hardware import Hardware

    given = Hardware(torch.device("cpu"))
    monkeypatch.setattr(split_training, "hardware", lambda: given)


@pytest.mark.usefixtures("on_the_cpu")
def test_every_way_is_measured_with_as_many_micro_batches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "split.json"
    words = [*SMALL, "--micro-batches", "1", "4", "--out", str(out)]
    assert command_line.run(bench_split.main, words) == 0
    record = json.loads(out.read_text())
    assert record["numerics"]["mode"] == "portable"
    measured = record["measured"]
    ways = [UNSPLIT, IN_TURN, PIPELINED, TWO_AT_ONCE]
    assert [(one["micro_batches"], one["way"]) for one in measured] == [
        (count, way) for count in (1, 4) for way in ways
    ]
    table = capsys.readouterr().out
    for one in measured:
        base = measured[0 if one["micro_batches"] == 1 else len(ways)]
        assert one["where"] == "CPU"
        assert one["images"] == (16 if one["way"] == TWO_AT_ONCE else 8)
        rates = [[each["images"] / s for s in each["seconds"]] for each in (one, base)]
        assert one["ratios"] == pytest.approx(ratios(*rates))
        assert f"{one['images_per_second']:,.1f}" in table
        assert span(one["ratios"]) in table
    assert torch.get_num_threads() == 1


@pytest.mark.usefixtures("on_the_cpu")
@pytest.mark.parametrize("what", ["another number of micro-batches", "half of the images"])
def test_what_computes_something_else_is_not_compared(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Tensor] = split_training.Pipeline.backward

    def other(self: object, images: Tensor, labels: Tensor, count: int, scale: object) -> Tensor:
        if "images" in what:
            return real(self, images[:4], labels[:4], 2, scale)
        return real(self, images, labels, 1, scale)

    monkeypatch.setattr(split_training.Pipeline, "backward", other)
    with pytest.raises(ValueError, match=r"^split, in turn: a loss of [\d.]+, not [\d.]+$"):
        next(measure(2, 2, 8, (4,), 0, 1))


def test_passes_take_turns_and_are_of_a_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is short is done often; what is long once, and its first time counts."""
    clock = [0.0]
    done: list[tuple[str, int]] = []

    def work(name: str, seconds: float) -> Callable[[int], None]:
        def run(times: int) -> None:
            done.append((name, times))
            clock[0] += seconds * times

        return run

    monkeypatch.setattr(passes, "perf_counter", lambda: clock[0])
    found = in_rounds({"short": work("short", 0.25), "long": work("long", 3.0)}, 2.0, 3)
    assert found["short"] == (pytest.approx([2.0] * 3), 8)
    assert found["long"] == (pytest.approx([3.0] * 3), 1)
    assert done == [("short", 1), ("long", 1), ("short", 8), *[("short", 8), ("long", 1)] * 2]


def test_ratios_are_those_of_rounds() -> None:
    """A machine that gets slower while it measures slows down both."""
    assert ratios([4.0, 2.0, 1.0], [2.0, 1.0, 0.5]) == (2, 2, 2)
    assert span(ratios([1.0, 5.0, 3.0], [1.0, 1.0, 1.0])) == "3.00 (1.00 to 5.00)"


def test_made_up_images_are_those_of_cifar_10() -> None:
    images, labels = made_up(300)
    assert (images.dtype, images.shape, labels.shape) == (torch.uint8, (300, 3, 32, 32), (300,))
    assert sorted(set(labels.tolist())) == list(range(10))
    assert torch.equal(images, made_up(300)[0])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--width 0", "--width 0: must be at least 1"),
        ("--boundary 4", "--boundary 4: must be at most 3"),
        ("--batch-size 0", "--batch-size 0: must be at least 1"),
        ("--micro-batches 33", "--micro-batches 33: must be at most 32"),
        ("--micro-batches 4 4", "--micro-batches 4 4: give at least one, and none twice"),
        ("--seconds -1", "--seconds -1: must be at least 0"),
        ("--seconds nan", "--seconds nan: must be at least 0"),
        ("--repeats 0", "--repeats 0: must be at least 1, at most 1,000"),
        ("--out .", "--out .: is a folder; name a file"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is measured."""
    assert command_line.run(bench_split.main, words.split()) == 2
    assert capsys.readouterr() == ("", f"error: {said}\n")
