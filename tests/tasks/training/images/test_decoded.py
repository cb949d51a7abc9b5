"""A data set is decoded once per node, kept whole or not at all, and known by what is in it."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bohb_study.tasks.training.images import decoded
from bohb_study.tasks.training.images.decoded import Decoded, load
from bohb_study.tasks.training.images.formats import Part
from bohb_study.tasks.training.images.sources import SOURCES
from fresh_python import printed
from repository import ROOT

NAMES = ("mnist", "fashion-mnist", "cifar10")
SMALL = (30, 20)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The first file of each part that is read, in order."""
    names: list[str] = []
    for name, source in SOURCES.items():

        def read(files: list[Path], source: Any = source) -> Part:
            names.append(files[0].name.removesuffix(".gz"))
            part: Part = source.read(files)
            return part

        monkeypatch.setitem(SOURCES, name, replace(source, read=read))
    return names


def load_anew(name: str, data: Path) -> Decoded:
    """As another process would."""
    load.cache_clear()
    return load(name, str(data))


def kept(cache: Path) -> list[Path]:
    """All that is in the folder of decoded data sets."""
    return sorted((cache / "decoded").iterdir()) if (cache / "decoded").exists() else []


def assert_same(got: Decoded, written: Any) -> None:
    for part, expected in zip((got.train, got.test), written, strict=True):
        np.testing.assert_array_equal(part.images, expected.images)
        np.testing.assert_array_equal(part.labels, expected.labels)
        assert (part.images.dtype, part.labels.dtype) == (np.uint8, np.int64)


@pytest.mark.parametrize("name", NAMES)
def test_decoded_once_and_mapped_from_then_on(
    name: str, tmp_path: Path, own_cache: Path, image_files: Any, reads: list[str]
) -> None:
    written = image_files.write(name, tmp_path / "data", sizes=SMALL)
    first = load_anew(name, tmp_path / "data")
    assert len(reads) == 2  # the training and the test part
    again = load_anew(name, tmp_path / "data")
    assert len(reads) == 2
    assert load(name, str(tmp_path / "data")) is again  # and within a process not even mapped
    for got in (first, again):
        assert_same(got, written)
        assert all(isinstance(array, np.memmap) for array in (*got.train, *got.test))
    assert first.sha256 == again.sha256
    (folder,) = kept(own_cache)
    assert {file.name for file in folder.iterdir()} == {
        "train_images.npy", "train_labels.npy", "test_images.npy", "test_labels.npy", "sha256.json"
    }  # fmt: skip


def test_what_one_process_does_to_its_arrays_the_others_do_not_see(
    tmp_path: Path, image_files: Any
) -> None:
    written = image_files.write("mnist", tmp_path, sizes=SMALL)
    load("mnist", str(tmp_path)).train.images[:] = 0
    assert_same(load_anew("mnist", tmp_path), written)


def test_another_process_decodes_nothing(tmp_path: Path, image_files: Any) -> None:
    image_files.write("cifar10", tmp_path, sizes=SMALL)
    ours = load("cifar10", str(tmp_path))
    code = (
        "from dataclasses import replace;"
        "from bohb_study.tasks.training.images.decoded import SOURCES, load;"
        "SOURCES['cifar10'] = replace(SOURCES['cifar10'], read=None);"
        f"print(load('cifar10', {str(tmp_path)!r}).sha256)"
    )
    assert printed(code).strip() == ours.sha256


def test_known_by_its_content_however_it_is_packed_and_wherever_it_is(
    tmp_path: Path, own_cache: Path, image_files: Any
) -> None:
    for folder, seed, suffix in (("a", 0, ".gz"), ("b", 0, ""), ("c", 0, ".gz"), ("d", 1, "")):
        image_files.write("mnist", tmp_path / folder, None, SMALL, seed, suffix)
    a, b, c, d = (load_anew("mnist", tmp_path / folder).sha256 for folder in "abcd")
    assert a == b == c
    assert a != d
    assert len(kept(own_cache)) == 3  # a and c are one
    assert len(a) == 64


def test_one_pixel_one_label_and_the_part_tell(tmp_path: Path, image_files: Any) -> None:
    """Every array counts, and so does its shape."""
    train, test = image_files.write("mnist", tmp_path, ".", (20, 20))
    hashes = [load_anew("mnist", tmp_path).sha256]

    def write(stem: str, kind: str, array: np.ndarray) -> None:
        image_files.write_idx(tmp_path / f"{stem}-{kind}-ubyte.gz", array)
        hashes.append(load_anew("mnist", tmp_path).sha256)

    for stem, part in (("train", train), ("t10k", test)):
        images, labels = part.images[:, 0].copy(), part.labels.copy()
        images[-1, -1, -1] ^= 1
        labels[0] = (labels[0] + 1) % 10
        write(stem, "images-idx3", images)
        write(stem, "labels-idx1", labels)
    image_files.write("mnist", tmp_path, ".", (20, 20))
    for stem, part in (("train", train), ("t10k", test)):
        flat = part.images.reshape(20, 56, 14)
        image_files.write_idx(tmp_path / f"{stem}-images-idx3-ubyte.gz", flat)
    hashes.append(load_anew("mnist", tmp_path).sha256)
    assert len(set(hashes)) == len(hashes) == 6


def test_a_changed_file_is_decoded_anew(tmp_path: Path, image_files: Any, reads: list[str]) -> None:
    """The same path, size and time do not make it the same data."""
    image_files.write("mnist", tmp_path, sizes=SMALL, suffix="")
    first = load_anew("mnist", tmp_path)
    written = image_files.write("mnist", tmp_path, sizes=SMALL, seed=1, suffix="")
    assert_same(load_anew("mnist", tmp_path), written)
    assert len(reads) == 4
    assert load_anew("mnist", tmp_path).sha256 != first.sha256


def test_a_copy_that_a_crash_cut_short_is_made_anew(
    tmp_path: Path, own_cache: Path, image_files: Any, reads: list[str]
) -> None:
    """A folder that is there whole may still hold less than was written, after a loss of power."""
    written = image_files.write("mnist", tmp_path / "data", sizes=SMALL)
    load_anew("mnist", tmp_path / "data")
    (folder,) = kept(own_cache)
    for name in ("train_images.npy", "sha256.json"):
        os.truncate(folder / name, 20)
        assert_same(load_anew("mnist", tmp_path / "data"), written)
    assert len(reads) == 6
    assert_same(load_anew("mnist", tmp_path / "data"), written)
    assert len(reads) == 6


def test_two_processes_at_once_leave_one_whole_folder(
    tmp_path: Path, own_cache: Path, image_files: Any
) -> None:
    """Each waits in its decoding until the other is there, so both have something to keep."""
    data = tmp_path / "data"
    written = image_files.write("mnist", data, sizes=SMALL)
    code = """
import sys, time
from dataclasses import replace
from pathlib import Path
from bohb_study.tasks.training.images import decoded
from bohb_study.tasks.training.images.sources import SOURCES
source, here = SOURCES["mnist"], Path(sys.argv[2])
def read(files):
    (here / sys.argv[3]).touch()
    end = time.monotonic() + 60
    while len(list(here.iterdir())) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    return source.read(files)
SOURCES["mnist"] = replace(source, read=read)
got = decoded.load("mnist", sys.argv[1])
print(got.sha256, type(got.train.images).__name__)
"""
    here = tmp_path / "here"
    here.mkdir()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(data), str(here), name],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    said = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    ours = load("mnist", str(data))
    assert said == [[ours.sha256, "memmap"]] * 2
    assert_same(ours, written)
    assert len(kept(own_cache)) == 1


def test_whoever_comes_second_takes_what_is_there(
    tmp_path: Path, own_cache: Path, image_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_files.write("mnist", tmp_path, sizes=SMALL)
    decode = decoded._decode

    def overtaken(source: Any, files: Any) -> Decoded:
        got = decode(source, files)
        decoded._keep(got, own_cache / "decoded" / decoded._digest(files))
        return got

    monkeypatch.setattr(decoded, "_decode", overtaken)
    assert isinstance(load("mnist", str(tmp_path)).train.images, np.memmap)
    assert len(kept(own_cache)) == 1


@pytest.mark.filterwarnings("error")
def test_where_nothing_can_be_kept_it_works_in_memory(
    tmp_path: Path, image_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And torch takes the arrays without a word."""
    import torch

    written = image_files.write("mnist", tmp_path, sizes=SMALL)
    kept_sha256 = load("mnist", str(tmp_path)).sha256
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    got = load_anew("mnist", tmp_path)
    assert_same(got, written)
    assert got.sha256 == kept_sha256
    for array in (*got.train, *got.test):
        assert not isinstance(array, np.memmap)
        torch.from_numpy(array)


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()]
)
def test_nothing_half_written_is_left(
    error: BaseException,
    tmp_path: Path,
    own_cache: Path,
    image_files: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = image_files.write("mnist", tmp_path, sizes=SMALL)
    save, calls = np.save, []

    def fail(path: Path, array: np.ndarray) -> None:
        calls.append(path)
        if len(calls) == 3:
            raise error
        save(path, array)

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", fail)
        if isinstance(error, OSError):  # this process has its own copy
            assert_same(load("mnist", str(tmp_path)), written)
        else:
            with pytest.raises(type(error)):
                load("mnist", str(tmp_path))
    assert kept(own_cache) == []
    assert_same(load_anew("mnist", tmp_path), written)
    assert len(kept(own_cache)) == 1


def test_reading_data_takes_no_torch() -> None:
    """Seconds for a command line that only looks at them."""
    code = (
        "import sys, bohb_study.tasks.training.images.decoded, bohb_study.tasks.training.lenet;"
        "print([name for name in ('torch', 'sklearn') if name in sys.modules])"
    )
    assert printed(code).strip() == "[]"
