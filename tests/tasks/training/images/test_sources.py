"""Image data are found where they are said to be, read as torchvision reads them, or refused."""

import gzip
import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
from torchvision import datasets

from bohb_study.errors import UsageError
from bohb_study.tasks.training.images.decoded import load
from bohb_study.tasks.training.images.formats import Part
from bohb_study.tasks.training.images.sources import SOURCES

NAMES = ("mnist", "fashion-mnist", "cifar10")
LAYOUTS = [
    ("mnist", "MNIST/raw"),
    ("mnist", "raw"),
    ("mnist", "."),
    ("fashion-mnist", "FashionMNIST/raw"),
    ("fashion-mnist", "raw"),
    ("fashion-mnist", "."),
    ("cifar10", "cifar-10-batches-py"),
    ("cifar10", "."),
]
SMALL = (30, 20)
INSTALLED = SOURCES["fashion-mnist"].installed
"""Where Debian's package puts it; looked up before any test hides it."""


def read(name: str, data: Path | str) -> tuple[Part, Part]:
    source = SOURCES[name]
    return source.decode(source.find(str(data)))


def assert_same(parts: tuple[Part, Part], written: Any) -> None:
    for part, expected in zip(parts, written, strict=True):
        assert part.images.dtype == np.uint8
        assert part.labels.dtype == np.int64
        np.testing.assert_array_equal(part.images, expected.images)
        np.testing.assert_array_equal(part.labels, expected.labels)


def refusal(call: Callable[[], Any]) -> str:
    """The one line with which something is refused."""
    with pytest.raises(UsageError) as refused:
        call()
    said = str(refused.value)
    assert "\n" not in said
    return said


# Where it is


@pytest.mark.parametrize("suffix", ["", ".gz"], ids=["plain", "compressed"])
@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_found_in_each_layout(
    name: str, layout: str, suffix: str, tmp_path: Path, image_files: Any
) -> None:
    written = image_files.write(name, tmp_path / "given", layout, SMALL, suffix=suffix)
    assert_same(read(name, tmp_path / "given"), written)
    files = SOURCES[name].find(str(tmp_path / "given"))
    assert {file.parent for file in files} == {tmp_path / "given" / layout}


def test_the_plain_file_comes_before_the_compressed_one(tmp_path: Path, image_files: Any) -> None:
    """torchvision leaves both; the plain one need not be unpacked."""
    for suffix in ("", ".gz"):
        image_files.write("mnist", tmp_path, sizes=SMALL, suffix=suffix)
    assert {file.suffix for file in SOURCES["mnist"].find(str(tmp_path))} == {""}


def test_a_folder_in_which_a_file_is_missing_is_passed_over(
    tmp_path: Path, image_files: Any
) -> None:
    image_files.write("mnist", tmp_path, sizes=SMALL, seed=1)
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz").unlink()
    written = image_files.write("mnist", tmp_path, "raw", SMALL, seed=2)
    assert_same(read("mnist", tmp_path), written)


def test_given_comes_before_downloaded_before_installed(
    tmp_path: Path, own_cache: Path, image_files: Any
) -> None:
    installed = SOURCES["fashion-mnist"].installed
    assert installed is not None
    for seed, root, layout in ((1, installed, "."), (2, own_cache / "datasets", None)):
        written = image_files.write("fashion-mnist", root, layout, SMALL, seed=seed)
        assert_same(read("fashion-mnist", ""), written)
    written = image_files.write("fashion-mnist", tmp_path / "given", None, SMALL, seed=3)
    assert_same(read("fashion-mnist", tmp_path / "given"), written)


def test_a_given_folder_is_the_only_one(tmp_path: Path, own_cache: Path, image_files: Any) -> None:
    """Whoever names a folder does not want other data in silence."""
    image_files.write("fashion-mnist", own_cache / "datasets", None, SMALL)
    said = refusal(lambda: read("fashion-mnist", tmp_path / "given"))
    assert said == (
        f"tasks fashion-mnist: no data in {tmp_path / 'given'}; get it by download=True, or say "
        "where it is by "
        'task_options=("fashion-mnist.data=PATH",)'
    )


def test_debians_folder() -> None:
    assert Path("/usr/share/datasets/fashion-mnist") == INSTALLED
    assert [name for name in NAMES if SOURCES[name].installed] == ["fashion-mnist"]


@pytest.mark.parametrize("name", NAMES)
def test_missing_data_say_where_they_were_looked_for_and_how_to_get_them(
    name: str, tmp_path: Path, own_cache: Path
) -> None:
    said = refusal(lambda: read(name, ""))
    where, debian = str(own_cache / "datasets"), ""
    if name == "fashion-mnist":
        where += f" or {tmp_path / 'installed' / name}"
        debian = ", on Debian by apt install dataset-fashion-mnist"
    assert said == (
        f"tasks {name}: no data in {where}; get it by download=True{debian}, or say where it is by "
        f'task_options=("{name}.data=PATH",)'
    )


def test_without_a_cache_variable_it_is_below_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for value in ("", None):
        monkeypatch.delenv("XDG_CACHE_HOME") if value is None else monkeypatch.setenv(
            "XDG_CACHE_HOME", value
        )
        said = refusal(lambda: read("mnist", ""))
        assert f"no data in {tmp_path}/home/.cache/bohb-study/datasets;" in said


# What is in it


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_torchvision_reads_the_same(name: str, tmp_path: Path, image_files: Any) -> None:
    image_files.write(name, tmp_path, suffix="")
    ours = read(name, tmp_path)
    for part, train in zip(ours, (True, False), strict=True):
        theirs = getattr(datasets, SOURCES[name].torchvision)(str(tmp_path), train=train)
        np.testing.assert_array_equal(part.images[:, 0], theirs.data.numpy())
        np.testing.assert_array_equal(part.labels, theirs.targets.numpy())


def test_torchvision_reads_the_same_cifar10(tmp_path: Path, image_files: Any) -> None:
    image_files.write("cifar10", tmp_path)
    folder = tmp_path / "cifar-10-batches-py"
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))

    def sums(*names: str) -> list[tuple[str, str]]:
        md5 = [hashlib.md5((folder / name).read_bytes()).hexdigest() for name in names]
        return list(zip(names, md5, strict=True))

    lists = {
        "train_list": sums(*(f"data_batch_{number}" for number in range(1, 6))),
        "test_list": sums("test_batch"),
        "meta": {**datasets.CIFAR10.meta, "md5": sums("batches.meta")[0][1]},
    }
    small = type("Small", (datasets.CIFAR10,), lists)

    for part, train in zip(read("cifar10", tmp_path), (True, False), strict=True):
        theirs = small(str(tmp_path), train=train)
        np.testing.assert_array_equal(part.images.transpose(0, 2, 3, 1), theirs.data)
        assert part.labels.tolist() == theirs.targets


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_batches_that_were_pickled_anew(protocol: int, tmp_path: Path, image_files: Any) -> None:
    """By Python 3 and the numpy of today, which names its core differently."""
    written = image_files.write("cifar10", tmp_path, sizes=SMALL)
    path = tmp_path / "cifar-10-batches-py" / "test_batch"
    assert b"numpy.core.multiarray" in path.read_bytes()
    old = pickle.loads(path.read_bytes(), encoding="latin1")
    assert set(old) == {"batch_label", "labels", "data", "filenames"}
    anew = pickle.dumps(old, protocol=protocol)
    assert b"numpy._core" in anew
    path.write_bytes(anew)
    assert_same(read("cifar10", tmp_path), written)


@pytest.mark.skipif(not (INSTALLED and INSTALLED.exists()), reason="needs dataset-fashion-mnist")
def test_debians_package_is_fashion_mnist() -> None:
    """Counts, and the mean and standard deviation (0.2860, 0.3530) that everybody normalises by."""
    train, test = read("fashion-mnist", str(INSTALLED))
    for part, n in ((train, 60_000), (test, 10_000)):
        assert part.images.shape == (n, 1, 28, 28)
        assert np.bincount(part.labels).tolist() == [n // 10] * 10
    counts = np.bincount(train.images.ravel(), minlength=256) / train.images.size
    mean = counts @ np.arange(256)
    std = np.sqrt(counts @ np.arange(256) ** 2 - mean**2)
    assert (round(mean, 2), round(std, 2)) == (72.94, 90.02)
    assert (round(mean / 255, 4), round(std / 255, 4)) == (0.2860, 0.3530)
    assert (len(train.labels), len(test.labels)) == SOURCES["fashion-mnist"].size
    assert train.images.shape[2] == SOURCES["fashion-mnist"].side


# What is damaged

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def overwrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    packed = path.suffix == ".gz"
    data = path.read_bytes()
    data = change(gzip.decompress(data) if packed else data)
    path.write_bytes(gzip.compress(data) if packed else data)


def cut_gzip(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_gzip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def no_gzip(path: Path) -> None:
    path.write_bytes(b"<html>404</html>")


IDX_DAMAGE: dict[str, tuple[str, Any, str]] = {
    "cut gzip": (IMAGES, cut_gzip, "Compressed file ended before the end-of-stream marker"),
    "flipped gzip": (IMAGES, flip_gzip, ""),
    "no gzip": (LABELS, no_gzip, "Not a gzipped file"),
    "empty": (IMAGES, lambda path: path.write_bytes(b""), "no IDX file of bytes in 3 dimensions"),
    "magic": (
        IMAGES,
        lambda path: overwrite(path, lambda data: b"\1" + data[1:]),
        "no IDX file of bytes in 3 dimensions",
    ),
    "floats": (
        LABELS,
        lambda path: overwrite(path, lambda data: data[:2] + b"\x0d" + data[3:]),
        "no IDX file of bytes in 1 dimensions",
    ),
    "short header": (
        IMAGES,
        lambda path: overwrite(path, lambda data: data[:15]),
        "no IDX file of bytes in 3 dimensions",
    ),
    "cut": (
        IMAGES,
        lambda path: overwrite(path, lambda data: data[:-1]),
        "holds 23519 values, its header says 30 x 28 x 28",
    ),
    "too long": (
        LABELS,
        lambda path: overwrite(path, lambda data: data + b"\0"),
        "holds 31 values, its header says 30",
    ),
    "label 10": (
        LABELS,
        lambda path: overwrite(path, lambda data: data[:-1] + b"\x0a"),
        "labels from 0 to 10, not 0 to 9",
    ),
    "29 labels": (
        LABELS,
        lambda path: overwrite(path, lambda data: data[:7] + b"\x1d" + data[8:-1]),
        "29 labels for 30 images",
    ),
}


@pytest.mark.parametrize("damage", IDX_DAMAGE)
def test_a_damaged_idx_file_is_one_line(damage: str, tmp_path: Path, image_files: Any) -> None:
    image_files.write("mnist", tmp_path, ".", SMALL)
    stem, change, why = IDX_DAMAGE[damage]
    path = tmp_path / f"{stem}.gz"
    change(path)
    said = refusal(lambda: read("mnist", tmp_path))
    assert said.startswith(f"{path}: damaged: {why}")
    assert said.endswith("; remove it and get the data set again")


def test_no_images_at_all(tmp_path: Path, image_files: Any) -> None:
    image_files.write("mnist", tmp_path, ".", (0, 20))
    assert "damaged: 0 labels for 0 images" in refusal(lambda: read("mnist", tmp_path))


def test_test_images_of_another_shape(tmp_path: Path, image_files: Any) -> None:
    image_files.write("mnist", tmp_path, ".", SMALL)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    image_files.write_idx(path, np.zeros((20, 32, 32)))
    said = refusal(lambda: read("mnist", tmp_path))
    assert said.startswith(f"{path}: damaged: its images have another shape than the training im")


class Malicious:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def batch(labels: list[int], rows: int = 20, columns: int = 3072) -> bytes:
    return pickle.dumps({"data": np.zeros((rows, columns), np.uint8), "labels": labels})


CIFAR_DAMAGE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "EOFError"),
    "cut": (batch([0] * 20)[:-5000], "UnpicklingError: pickle data was truncated"),
    "no pickle": (b"<html>404</html>", "UnpicklingError: "),
    "no dictionary": (pickle.dumps([1, 2]), "TypeError: "),
    "no labels": (pickle.dumps({"data": np.zeros((1, 3072), np.uint8)}), "KeyError: 'labels'"),
    "fewer pixels": (batch([0] * 20, columns=3071), "ValueError: cannot reshape"),
    "label 10": (batch([*range(10), 10, *range(9)]), "labels from 0 to 10, not 0 to 9"),
    "label -1": (batch([-1, *range(19)]), "labels from -1 to 18, not 0 to 9"),
    "fewer labels": (batch([0] * 19), "19 labels for 20 images"),
    "no images": (batch([], rows=0), "0 labels for 0 images"),
    "text for labels": (
        pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": ["a"]}),
        "ValueError: ",
    ),
    "a name of two lines": (b"\x80\x04\x8c\x03a\nb\x8c\x01c\x93.", "UnpicklingError: "),
}
"""What a batch holds instead -> what is said of it."""


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch"])
@pytest.mark.parametrize("damage", CIFAR_DAMAGE)
def test_a_damaged_batch_is_one_line(
    damage: str, name: str, tmp_path: Path, image_files: Any
) -> None:
    image_files.write("cifar10", tmp_path, sizes=SMALL)
    path = tmp_path / "cifar-10-batches-py" / name
    data, why = CIFAR_DAMAGE[damage]
    path.write_bytes(data)
    assert refusal(lambda: read("cifar10", tmp_path)).startswith(f"{path}: damaged: {why}")


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_no_code_in_a_batch_is_run(protocol: int, tmp_path: Path, image_files: Any) -> None:
    image_files.write("cifar10", tmp_path, sizes=SMALL)
    path = tmp_path / "cifar-10-batches-py" / "data_batch_1"
    path.write_bytes(pickle.dumps(Malicious(tmp_path / "made"), protocol=protocol))
    said = refusal(lambda: read("cifar10", tmp_path))
    assert said.startswith(f"{path}: damaged: UnpicklingError: ")
    assert "mkdir has no place in images" in said
    assert not (tmp_path / "made").exists()
    pickle.loads(path.read_bytes())
    assert (tmp_path / "made").exists()  # a plain reader would have run it


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_read_is_one_line(
    name: str, tmp_path: Path, image_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For root every file can be read, so here the system refuses."""
    image_files.write(name, tmp_path, sizes=SMALL, suffix="")
    paths = SOURCES[name].find(str(tmp_path))
    real = Path.open

    def refuse(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path == paths[1]:
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    for call in (lambda: SOURCES[name].decode(paths), lambda: load(name, str(tmp_path))):
        assert refusal(call) == f"{paths[1]}: cannot be read: Permission denied"


def test_a_folder_that_must_not_be_looked_into_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.stat

    def refuse(path: Any, *args: Any, **kwargs: Any) -> Any:
        if "MNIST" in str(path):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "stat", refuse)
    for data in (str(tmp_path), "x" * 300):
        assert refusal(lambda data=data: read("mnist", data)).startswith("tasks mnist: no data in")


# Getting it


class Torchvision:
    """Stands for a class of ``torchvision.datasets``; no network."""

    def __init__(self, does: Callable[[Path], Any]) -> None:
        self.does = does
        self.asked: list[tuple[Path, bool]] = []

    def __call__(self, root: str, download: bool) -> None:
        self.asked.append((Path(root), download))
        self.does(Path(root))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("given", [True, False])
def test_downloaded_to_where_it_is_looked_for(
    name: str,
    given: bool,
    tmp_path: Path,
    own_cache: Path,
    image_files: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stub = Torchvision(lambda root: image_files.write(name, root, sizes=SMALL))
    monkeypatch.setattr(datasets, SOURCES[name].torchvision, stub)
    data = str(tmp_path / "not" / "there") if given else ""
    SOURCES[name].download(data)
    folder = Path(data) if given else own_cache / "datasets"
    assert stub.asked == [(folder, True)]
    assert [len(part.labels) for part in read(name, data)] == list(SMALL)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (URLError("no\nanswer"), "URLError: <urlopen error no answer>"),
        (RuntimeError("File not found or corrupted."), "RuntimeError: File not found or corr"),
        (PermissionError(13, "Permission denied", "/x"), "PermissionError: [Errno 13] Permission"),
    ],
)
def test_a_download_that_fails_is_one_line(
    error: Exception, said: str, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(root: Path) -> None:
        raise error

    for name in NAMES:
        monkeypatch.setattr(datasets, SOURCES[name].torchvision, Torchvision(fail))
        line = refusal(lambda name=name: SOURCES[name].download(""))
        assert line.startswith(f"download: {name} into {own_cache / 'datasets'}: {said}")
        debian = line.endswith("; on Debian by apt install dataset-fashion-mnist")
        assert debian == (name == "fashion-mnist")


def test_a_download_to_where_no_folder_can_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = refusal(lambda: SOURCES["mnist"].download(str(tmp_path / "file" / "below")))
    assert line.startswith(f"download: mnist into {tmp_path}/file/below: NotADirectoryError: ")


def test_torchvision_has_the_classes() -> None:
    """And its layouts are among those that are looked through."""
    for name in NAMES:
        source = SOURCES[name]
        cls = getattr(datasets, source.torchvision)
        if name == "cifar10":
            assert source.folders[0] == cls.base_folder
            assert source.train_files == tuple(file for file, _ in cls.train_list)
            assert source.test_files == tuple(file for file, _ in cls.test_list)
        else:
            raw = cls.raw_folder.fget(replace_root(cls))
            assert raw == f"root/{source.folders[0]}"
            resources = [file.removesuffix(".gz") for file, _ in cls.resources]
            assert resources == [*source.train_files, *source.test_files]


def replace_root(cls: Any) -> Any:
    data = object.__new__(cls)
    data.root = "root"
    return data
