"""A finished study where nothing, or nothing more, can be written."""

import errno
import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bohb_study import load_results
from bohb_study.audit import study_audit
from bohb_study.cli import command_line
from bohb_study.cli.compare import main as compare_main
from bohb_study.errors import StudyError
from bohb_study.files import replace_files
from bohb_study.running.options import RunOptions
from bohb_study.running.runner import run_study
from bohb_study.store import loading, locked
from bohb_study.store.locking import unwritable
from bohb_study.study import StudyConfig
from bohb_study.study import config as study_config
from in_process import in_process
from paper_figures.command import main as paper_figures

SMALL = ["--tasks", "counting-ones-8", "--methods", "random", "--budget", "2", "--seeds", "1"]

Main = Callable[[Sequence[str]], int]


@pytest.fixture(scope="module")
def compare() -> Main:
    return compare_main


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all studies, with one that was run and neither audited nor drawn."""
    out = tmp_path_factory.mktemp("finished")
    config = StudyConfig(tasks=("counting-ones-8",), methods=("random",), budget=2, seeds=1)
    with in_process():
        run_study(config, RunOptions(out=out, jobs=1))
    return out


@pytest.fixture
def study(once: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(once, tmp_path / "out")
    (folder,) = (tmp_path / "out").iterdir()
    return folder


@pytest.fixture
def read_only(study: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The study as a file system shows it that is mounted to be read, whoever asks."""
    opened, made = os.open, os.mkdir
    of_python = Path.open

    def refuse(path: object, writes: bool, dir_fd: int | None = None) -> None:
        folder = "" if dir_fd is None else os.readlink(f"/proc/self/fd/{dir_fd}")
        below = os.path.join(folder, str(path)).startswith(str(study))
        if writes and below:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    def open_(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        refuse(path, bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)), dir_fd)
        return opened(path, flags, mode, dir_fd=dir_fd)

    def mkdir(path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        refuse(path, True, dir_fd)
        made(path, mode, dir_fd=dir_fd)

    def open_path(self: Path, mode: str = "r", *words: object, **named: object) -> object:
        refuse(self, mode not in ("r", "rb"))
        return of_python(self, mode, *words, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "mkdir", mkdir)
    monkeypatch.setattr(Path, "open", open_path)
    return study


def test_a_study_that_can_only_be_read_is_shown(
    read_only: Path, compare: Main, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(read_only.rglob("*"))
    assert command_line.run(compare, [*SMALL, "--out", str(read_only.parent)]) == 0
    out, said = capsys.readouterr()
    assert "audit: passes" in out
    assert "counting-ones-8" in out
    assert said.startswith(f"{read_only} cannot be written: Read-only file system; audit, figures")
    assert said.count("\n") == 1
    assert len(load_results(read_only)) == 2
    assert sorted(read_only.rglob("*")) == before


def counted(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str
) -> list[tuple[object, ...]]:
    """The calls of a function of a module, as they come."""
    calls: list[tuple[object, ...]] = []
    real = getattr(module, name)

    def called(*args: Any, **named: Any) -> Any:
        calls.append(args)
        return real(*args, **named)

    monkeypatch.setattr(module, name, called)
    return calls


def test_a_command_loads_the_study_and_builds_its_evidence_once(
    compare: Main, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Table, audit, CSV, figures and page are of what was loaded once."""
    loads = counted(monkeypatch, loading, "_from_folder")
    evidence = counted(monkeypatch, study_audit, "evidence")
    assert command_line.run(compare, [*SMALL, "--csv", "--out", str(study.parent)]) == 0
    assert (study / "report.html").exists()
    assert (len(loads), len(evidence)) == (1, 1)


def test_a_run_makes_each_task_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = counted(monkeypatch, study_config, "make_task")
    names = ("counting-ones-8", "counting-ones-16")
    config = StudyConfig(tasks=names, methods=("random",), budget=2, seeds=2)
    with in_process():
        run = run_study(config, RunOptions(out=tmp_path, jobs=1))
    assert len(run.ran) == 4
    assert [call[0] for call in made] == [*names]


def test_what_is_missing_cannot_be_run_where_nothing_can_be_written(
    read_only: Path, compare: Main, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*SMALL[:-1], "3", "--out", str(read_only.parent)]
    assert command_line.run(compare, words) == 2
    said = capsys.readouterr().err
    reason = "cannot be written: Read-only file system; 2 of 3 cells are not done"
    assert said == f"error: --out {read_only.parent}: {read_only} {reason}\n"


def test_a_study_that_can_only_be_read_is_drawn_elsewhere(
    read_only: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = ["--study", str(read_only), "--figures", "anytime"]
    assert command_line.run(paper_figures, [*drawn, "--out", str(tmp_path / "drawn")]) == 0
    assert (tmp_path / "drawn" / "anytime.pdf").exists()
    capsys.readouterr()
    assert command_line.run(paper_figures, drawn) == 2
    assert capsys.readouterr().err.startswith(f"error: --out: cannot write {read_only}/figures/")


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.EROFS, "Read-only file system"),
        (errno.EACCES, "Permission denied"),
        (errno.EPERM, "Operation not permitted"),
        (errno.ENOSPC, None),
    ],
)
def test_whether_a_folder_is_only_to_be_read(
    number: int, why: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert unwritable(tmp_path) is None

    def refuse(**_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert unwritable(tmp_path) == why


def test_a_full_disk_keeps_nobody_from_the_lock(tmp_path: Path) -> None:
    """The lock is the kernel's; that its holder cannot be named is no reason to stop."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # not a byte can be written
    try:
        with locked(tmp_path):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_why_a_file_cannot_be_written_is_not_lost_in_cleaning_up(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(StudyError, match=r"nothing that existed was lost"):
        replace_files({tmp_path / "file": b"content"})


@pytest.mark.parametrize("what", ["audit.json", "anytime.pdf", "report.html"])
def test_a_full_disk_is_exit_1_after_the_table(
    what: str,
    study: Path,
    compare: Main,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever file it is that has no room: the table is printed, and what was written is named."""
    replaced = os.replace

    def replace(source: str, target: str, **folders: int) -> None:
        if str(target).endswith(what):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replaced(source, target, **folders)

    def write_bytes(self: Path, data: bytes) -> int:
        if self.name == what:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return written(self, data)

    written = Path.write_bytes
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    assert command_line.run(compare, [*SMALL, "--out", str(study.parent)]) == 1
    out, said = capsys.readouterr()
    assert "audit: passes" in out
    assert f"  {study / 'cells'}\n" in out
    (line,) = said.splitlines()
    assert line.startswith("error: ")
    assert what in line
    assert "disk full" in line or "No space left on device" in line
