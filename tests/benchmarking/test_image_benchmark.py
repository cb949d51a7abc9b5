"""Images per second: both ways hand out the same images, and what cannot be measured is refused."""

import json
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import torch

from bohb_study.benchmarking import image_loading
from bohb_study.benchmarking.image_loading import OURS, WORKS, Speed, measure
from bohb_study.cli import command_line

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The module of the subcommand."""
    return import_module("bohb_study.cli.bench_images")


def test_every_work_is_measured_in_every_way(
    script: ModuleType, image_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "images.json"
    words = ["--images", "64", "--batch-sizes", "2", "16", "--loader-workers", "0"]
    words += ["--repeats", "1", "--data", str(image_data), "--out", str(out)]
    assert command_line.run(script.main, words) == 0
    measured = json.loads(out.read_text())["measured"]
    ways = (OURS, "DataLoader, 0 workers")
    assert [(one["work"], one["batch_size"], one["way"]) for one in measured] == [
        (work, size, way) for work in WORKS for size in (2, 16) for way in ways
    ]
    for one in measured:
        assert one["images"] == 64
        assert one["images_per_second"] == pytest.approx(64 / one["seconds"])
    table = capsys.readouterr().out
    ours, plain = measured[:2]
    assert f"{ours['images_per_second']:,.0f}" in table
    assert f"{ours['images_per_second'] / plain['images_per_second']:.1f}" in table


def test_of_several_passes_the_fastest_counts(
    image_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = iter([3.0, 1.0, 2.0] * 100)
    monkeypatch.setattr(image_loading, "_pass", lambda *of: next(passes))
    found = list(measure(str(image_data), 64, (2,), (0,), 3))
    assert [speed.seconds for speed in found] == [1.0] * 6
    assert Speed("load", OURS, 2, 64, 0.5).images_per_second == 128


@pytest.mark.parametrize("what", ["labels", "images"])
def test_other_images_are_not_compared(
    what: str, image_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were one way to hand out something else, its speed would say nothing."""
    make = image_loading.Images

    def other(images: torch.Tensor, labels: torch.Tensor, *rest: torch.Tensor) -> object:
        return (
            make(images.flip(3), labels, *rest)
            if what == "images"
            else make(images, labels + 1, *rest)
        )

    monkeypatch.setattr(image_loading, "Images", other)
    with pytest.raises(ValueError, match=r"^image \d+ is not the same in both$"):
        next(measure(str(image_data), 64, (2,), (0,), 1))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--images 5", "--images 5: must be at least 64"),
        ("--batch-sizes 0", "--batch-sizes 0: must be at least 1"),
        ("--batch-sizes 2 2", "--batch-sizes 2 2: give at least one, and none twice"),
        ("--loader-workers -1", "--loader-workers -1: must be at least 0"),
        ("--repeats 0", "--repeats 0: must be at least 1"),
        ("--out .", "--out .: is a folder; name a file"),
        ("--data /nowhere", "--data /nowhere: no Fashion-MNIST there; name its folder, or on "),
        ("", "--data (not given): no Fashion-MNIST there; "),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    words: str, said: str, script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is measured."""
    assert command_line.run(script.main, words.split()) == 2
    stdout, stderr = capsys.readouterr()
    assert stdout == ""
    assert stderr.startswith(f"error: {said}")
    assert stderr.count("\n") == 1
