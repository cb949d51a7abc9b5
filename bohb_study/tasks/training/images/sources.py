"""Where the files of the image data sets are, and how to get them.

The files are those that torchvision downloads; they are read here without torch, which takes
seconds to import, and with a reason for each way in which a file can be damaged.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from bohb_study.errors import UsageError
from bohb_study.tasks.training.images.formats import Part, damaged, read_cifar, read_mnist

VALIDATION = 0.2
"""Share of a data set's training images that validate; as in the PyTorch tutorial on Ray Tune."""


@dataclass(frozen=True)
class Source:
    """One data set: how to find it, how to read it, and how to get it."""

    name: str
    """Of the task that trains on it."""
    torchvision: str
    """Its class in ``torchvision.datasets``, which can download it."""
    folders: tuple[str, ...]
    """Where the files may be below a folder that is given."""
    train_files: tuple[str, ...]
    test_files: tuple[str, ...]
    size: tuple[int, int]
    """Images for training and for testing; for models of time, nothing is read by it."""
    side: int
    """Height and width of an image; as ``size``."""
    read: Callable[[list[Path]], Part]
    """Reads the training or the test files."""
    installed: Path | None = None
    """Where a package of the distribution puts it."""
    how: str = ""
    """Another way to get it than by ``download``."""

    def find(self, data: str, task: str = "") -> list[Path]:
        """The files of the data set, training files first.

        Args:
            data: folder that is given for it; "" to look where it may be.
            task: that asks for it; by default the one of the same name.

        Raises:
            UsageError: they are not there; says where they were looked for and how to get them.
        """
        roots = [Path(data)] if data else [download_folder(), *filter(None, [self.installed])]
        for folder in (root / below for root in roots for below in self.folders):
            found = [_existing(folder / name) for name in (*self.train_files, *self.test_files)]
            files = [path for path in found if path]
            if len(files) == len(found):
                return files
        other = f", {self.how}" if self.how and not data else ""
        task = task or self.name
        raise UsageError(
            f"{task}: no data in {' or '.join(map(str, roots))}; get it by "
            f"download=True{other}, or say where it is by "
            f'task_options=("{task}.data=PATH",)',
            parameter="tasks",
        )

    def decode(self, files: list[Path]) -> tuple[Part, Part]:
        """Training and test images from what ``find`` gave.

        Raises:
            UsageError: a file cannot be read or is damaged; names it.
        """
        count = len(self.train_files)
        parts = self.read(files[:count]), self.read(files[count:])
        if parts[0].images.shape[1:] != parts[1].images.shape[1:]:
            raise damaged(files[count], "its images have another shape than the training images")
        return parts

    def download(self, data: str) -> None:
        """Let torchvision download it to where ``find`` looks.

        Raises:
            UsageError: nobody answers, what came is damaged, or the folder cannot be written.
        """
        from torchvision import datasets  # imports torch

        folder = Path(data) if data else download_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            getattr(datasets, self.torchvision)(str(folder), download=True)
        except (OSError, HTTPException, RuntimeError) as error:
            text = " ".join(str(error).split())[:300]
            other = f"; {self.how}" if self.how else ""
            raise UsageError(
                f": {self.name} into {folder}: {type(error).__name__}: {text}{other}",
                parameter="download",
            ) from None


def cache_folder() -> Path:
    """Where this package keeps what can be had again."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "bohb-study"


def download_folder() -> Path:
    """Where ``download`` puts data sets."""
    return cache_folder() / "datasets"


def _existing(path: Path) -> Path | None:
    """``path``, plain or compressed; None where it is neither."""
    # not by ``is_file``, which raises where a folder must not be looked into
    return next((p for p in (path, Path(f"{path}.gz")) if os.path.isfile(p)), None)


def _mnist_files(part: str) -> tuple[str, str]:
    return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"


def _mnist_like(name: str, torchvision: str, package: str = "") -> Source:
    return Source(
        name,
        torchvision,
        (f"{torchvision}/raw", "raw", "."),
        _mnist_files("train"),
        _mnist_files("t10k"),
        (60_000, 10_000),
        28,
        read_mnist,
        Path("/usr/share/datasets") / name if package else None,
        f"on Debian by apt install {package}" if package else "",
    )


def _by_name(sources: Iterable[Source]) -> dict[str, Source]:
    return {source.name: source for source in sources}


SOURCES = _by_name(
    [
        _mnist_like("mnist", "MNIST"),
        _mnist_like("fashion-mnist", "FashionMNIST", package="dataset-fashion-mnist"),
        Source(
            "cifar10",
            "CIFAR10",
            ("cifar-10-batches-py", "."),
            tuple(f"data_batch_{number}" for number in range(1, 6)),
            ("test_batch",),
            (50_000, 10_000),
            32,
            read_cifar,
        ),
    ]
)
"""The data sets by the name of their task."""
