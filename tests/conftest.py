"""Small image data sets in the real formats, a cache of its own for a test that reads them, and a
small paper: packed studies that were really run.
"""

import bohb_study  # noqa: F401 (before numpy: it says by which kernels that computes)

# isort: split
import gc
import gzip
import os
import pickle
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pytest

# Some hundred processes import this package: where no bytecode is kept, each compiles all of it.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# What is imported while tests are collected stays: see ``pytest_collection_finish``.
gc.disable()

pytest_plugins = ["feature_tables", "in_process", "toy_cells"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests first, so that no process is left with one of them at the end.

    Those that need a GPU are reported as not run where there is none.
    """
    if on_gpus := [item for item in items if item.get_closest_marker("gpu")]:
        import torch

        if not torch.cuda.is_available():
            for item in on_gpus:
                item.add_marker(pytest.mark.skip(reason="PyTorch finds no GPU here"))
    long = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish() -> None:
    """What is imported by now stays: no collection of garbage has to look at it again.

    statsmodels collects at each correction for multiple tests, which took 0.15 s each.
    """
    gc.enable()
    gc.collect()
    gc.freeze()


class Drawn(NamedTuple):
    """What was written: uint8 of shape (n, channels, side, side) and int64 labels."""

    images: np.ndarray
    labels: np.ndarray


class _Python2Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Pickles as Python 2 did: text is bytes, and numpy's core is ``numpy.core``."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def _save_text(self, value: str | bytes) -> None:
        data = value if isinstance(value, bytes) else value.encode("latin1")
        self.write(pickle.BINSTRING + len(data).to_bytes(4, "little") + data)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = _save_text

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module = obj.__module__.replace("numpy._core", "numpy.core")
        self.write(pickle.GLOBAL + f"{module}\n{name or obj.__qualname__}\n".encode())
        self.memoize(obj)


class ImageFiles:
    """Writes data sets as they are published, but of few images."""

    KINDS: ClassVar[dict[str, tuple[int, int]]] = {
        "mnist": (1, 28),
        "fashion-mnist": (1, 28),
        "cifar10": (3, 32),
    }
    """Channels and side by the name of the data set."""
    LAYOUTS: ClassVar[dict[str, tuple[str, ...]]] = {
        "mnist": ("MNIST/raw", "raw", "."),
        "fashion-mnist": ("FashionMNIST/raw", "raw", "."),
        "cifar10": ("cifar-10-batches-py", "."),
    }
    """Folders below the one that is given; torchvision's first."""

    @classmethod
    def draw(cls, name: str, n: int, seed: int) -> Drawn:
        """As many images of each class, in random order; stripes tell the class, under noise."""
        channels, side = cls.KINDS[name]
        rng = np.random.default_rng(seed)
        labels = rng.permutation(np.arange(n) % 10)
        rows = np.arange(side)
        waves = np.array([np.sin(np.pi * rows * (label % 5 + 1) / 8) for label in range(10)])
        bright = np.where(np.arange(10) < 5, 80, 170)[labels, None, None, None]
        stripes = 60 * waves[labels, None, :, None]
        noise = rng.normal(0, 12, (n, channels, side, side))
        pixels = bright + stripes + noise + 10 * np.arange(channels)[:, None, None]
        return Drawn(pixels.clip(0, 255).astype(np.uint8), labels)

    @staticmethod
    def write_idx(path: Path, array: np.ndarray) -> None:
        """An array of bytes as IDX; compressed where the name ends in .gz."""
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        data = header + array.astype(np.uint8).tobytes()
        path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)

    @staticmethod
    def write_batch(path: Path, part: Drawn) -> None:
        """A batch of CIFAR-10, byte for byte as Python 2 would have pickled it."""
        batch = {
            "batch_label": "a small batch",
            "labels": part.labels.tolist(),
            "data": part.images.reshape(len(part.labels), -1),
            "filenames": [f"{number}.png" for number in range(len(part.labels))],
        }
        with path.open("wb") as file:
            _Python2Pickler(file, protocol=2).dump(batch)

    @classmethod
    def write(
        cls,
        name: str,
        root: Path,
        layout: str | None = None,
        sizes: tuple[int, int] = (400, 100),
        seed: int = 0,
        suffix: str = ".gz",
    ) -> tuple[Drawn, Drawn]:
        """A data set below ``root``; returns its training and its test part."""
        train, test = (cls.draw(name, n, 2 * seed + i) for i, n in enumerate(sizes))
        folder = root / (layout or cls.LAYOUTS[name][0])
        folder.mkdir(parents=True, exist_ok=True)
        if name == "cifar10":
            for number in range(5):
                part = Drawn(*(np.array_split(array, 5)[number] for array in train))
                cls.write_batch(folder / f"data_batch_{number + 1}", part)
            cls.write_batch(folder / "test_batch", test)
            return train, test
        for stem, part in (("train", train), ("t10k", test)):
            cls.write_idx(folder / f"{stem}-images-idx3-ubyte{suffix}", part.images[:, 0])
            cls.write_idx(folder / f"{stem}-labels-idx1-ubyte{suffix}", part.labels)
        return train, test


@pytest.fixture(scope="session")
def image_files() -> type[ImageFiles]:
    return ImageFiles


@pytest.fixture(scope="session")
def image_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all three data sets, 400 images for training and 100 for testing each."""
    root = tmp_path_factory.mktemp("data")
    for name in ImageFiles.KINDS:
        ImageFiles.write(name, root)
    return root


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The cache folder of this test alone, on a machine without packages of data."""
    from bohb_study.tasks.training.images import batches, decoded
    from bohb_study.tasks.training.images.sources import SOURCES

    def forget() -> None:
        batches.load_parts.cache_clear()
        decoded.load.cache_clear()

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, source in SOURCES.items():
        installed = source.installed and tmp_path / "installed" / name
        monkeypatch.setitem(SOURCES, name, replace(source, installed=installed))
    forget()
    yield tmp_path / "cache" / "bohb-study"
    forget()


@pytest.fixture(scope="session")
def small_paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of thinned packs as experiments/paper.py leaves them; to be copied, not changed.

    ``one`` (mfh3-good) and ``two`` (counting-ones-8) with one worker, ``four`` as ``one`` with
    four. The folders that they were packed from are in ``runs`` beside it.
    """
    home = tmp_path_factory.mktemp("small")
    for name, task, workers in (
        ("one", "mfh3-good", 1),
        ("two", "counting-ones-8", 1),
        ("four", "mfh3-good", 4),
    ):
        _pack_small(home, name, task, workers)
    return home / "paper"


def _pack_small(home: Path, name: str, task: str, workers: int) -> None:
    from bohb_study.analysis.incumbents.compact import compact
    from bohb_study.engines.base import CellJob, run_cell
    from bohb_study.store import load_study, pack, write_cell, write_study
    from bohb_study.store.sidecars.derived_frames import write_derived
    from bohb_study.study import StudyConfig
    from bohb_study.summaries.derivation import derived_from_rows
    from bohb_study.summaries.normalisation_references import references, store_references
    from bohb_study.summaries.random_correlations import rung_correlations_of

    methods = ("bohb", "hyperband", "random")
    config = StudyConfig(tasks=(task,), methods=methods, budget=5, seeds=2, workers=workers)
    run, target, tasks = home / "runs" / name, home / "paper" / name, config.resolve().tasks
    run.mkdir(parents=True)
    write_study(run, name, config, tasks)
    for cell in config.cells():  # in this process, which is fast
        result = run_cell(CellJob(cell, tasks[task], config.budget, workers))
        record: dict[str, Any] = {"ledger": asdict(result.account), "seconds": result.seconds}
        record |= {"git": {"commit": "abc1234", "dirty": False}, "study": config.id}
        write_cell(run, cell, result.frame, record)
    loaded = load_study(run)
    pack(run, target, compact(loaded.frame, {task: tasks[task].ladder.top}))
    store_references(target, config.id, references(tasks, loaded.frame))
    derived = derived_from_rows(loaded)
    both = [derived["correlations"], rung_correlations_of(tasks[task], 40)]
    derived |= {"whole": loaded.frame, "correlations": pd.concat(both, ignore_index=True)}
    write_derived(target, config.id, derived)
