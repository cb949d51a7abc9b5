"""Files are replaced inside the folder that they are meant for, and nowhere else."""

import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bohb_study.errors import StudyError
from bohb_study.files import make_folder, read_file, replace_files
from bohb_study.store import locked


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder outside the study's, with a file that is not to be touched."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    return folder


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    folder.mkdir()
    return folder


def untouched(folder: Path) -> bool:
    names = [path.name for path in folder.iterdir()]
    return names == ["mine"] and (folder / "mine").read_text() == "mine"


@pytest.mark.parametrize("below", ["cells/curvy/random/0.json", "cells/0.json"])
def test_a_folder_that_is_a_link_is_refused(study: Path, elsewhere: Path, below: str) -> None:
    (study / "cells").symlink_to(elsewhere)
    with pytest.raises(StudyError, match="cells is a link, and nothing is written through") as hit:
        replace_files({study / below: b"x"}, within=study)
    assert "\n" not in str(hit.value)
    assert untouched(elsewhere)


def test_a_link_further_below_is_refused_too(study: Path, elsewhere: Path) -> None:
    (study / "cells" / "curvy").mkdir(parents=True)
    (study / "cells" / "curvy" / "random").symlink_to(elsewhere)
    with pytest.raises(StudyError, match="random is a link"):
        replace_files({study / "cells/curvy/random/0.json": b"x"}, within=study)
    assert untouched(elsewhere)


@pytest.mark.parametrize("to", ["mine", "new", "nowhere/new"])
def test_a_link_in_the_place_of_a_file_is_replaced(study: Path, elsewhere: Path, to: str) -> None:
    path = study / "study.json"
    path.symlink_to(elsewhere / to)
    replace_files({path: b"x"}, within=study)
    assert not path.is_symlink()
    assert path.read_bytes() == b"x"
    assert untouched(elsewhere)


def test_a_hard_link_in_the_place_of_a_file_is_replaced(study: Path, elsewhere: Path) -> None:
    os.link(elsewhere / "mine", study / "report.html")
    replace_files({study / "report.html": b"x"}, within=study)
    assert untouched(elsewhere)


@pytest.mark.parametrize("name", [".report.html.tmp", ".audit.json.tmp"])
def test_links_under_the_names_of_temporary_files_are_left_alone(
    study: Path, elsewhere: Path, name: str
) -> None:
    (study / name).symlink_to(elsewhere / "mine")
    replace_files({study / name[1:-4]: b"x"}, within=study)
    assert (study / name).is_symlink()
    assert untouched(elsewhere)


def test_temporary_names_are_not_to_be_guessed(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, names = os.replace, set()

    def replaced(source: str, target: str, **folders: int) -> None:
        names.add(source)
        real(source, target, **folders)

    monkeypatch.setattr("os.replace", replaced)
    for _ in range(3):
        replace_files({study / "audit.json": b"x"}, within=study)
    assert len(names) == 3
    assert [path.name for path in study.iterdir()] == ["audit.json"]


def test_what_a_killed_process_left_is_removed_after_a_while(study: Path) -> None:
    old, new, other = (
        study / name
        for name in (".a.json.0123abcd.tmp", ".a.json.0123abce.tmp", ".b.json.0123abcd.tmp")
    )
    for path in (old, new, other):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    replace_files({study / "a.json": b"x"}, within=study)
    assert (old.exists(), new.exists(), other.exists()) == (False, True, True)


def test_the_folder_that_is_given_may_be_a_link(study: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.symlink_to(study)
    replace_files({given / "figures" / "a.png": b"x"}, within=given)
    with locked(given):
        assert (study / "figures" / "a.png").read_bytes() == b"x"


def test_nothing_is_written_above(study: Path) -> None:
    for path in (study / ".." / "x", study.parent / "x", study / "a" / ".." / ".." / "x"):
        with pytest.raises(StudyError, match="is outside"):
            replace_files({path: b"x"}, within=study)
    assert [path.name for path in study.parent.iterdir()] == ["study"]


def test_a_scratch_folder_that_is_a_link_is_refused(study: Path, elsewhere: Path) -> None:
    (study / ".scratch").symlink_to(elsewhere)
    with pytest.raises(StudyError, match=r"\.scratch is a link"):
        make_folder(study / ".scratch", study)


LOCKS: dict[str, Callable[[Path, Path], object]] = {
    "a link": lambda lock, mine: lock.symlink_to(mine),
    "a link to nothing": lambda lock, mine: lock.symlink_to(mine.with_name("new")),
    "a hard link": lambda lock, mine: os.link(mine, lock),
    "a fifo": lambda lock, mine: os.mkfifo(lock),
    "a folder": lambda lock, mine: lock.mkdir(),
}


@pytest.mark.parametrize("made", LOCKS.values(), ids=LOCKS)
def test_a_lock_that_is_no_file_of_its_own_is_refused(
    study: Path, elsewhere: Path, made: Callable[[Path, Path], object]
) -> None:
    made(study / ".lock", elsewhere / "mine")
    with pytest.raises(StudyError, match=rf"^cannot lock {study}/\.lock: ") as hit, locked(study):
        pass
    assert "\n" not in str(hit.value)
    assert untouched(elsewhere)


def test_what_is_no_file_is_never_waited_for(study: Path) -> None:
    os.mkfifo(study / "fifo")
    (study / "device").symlink_to("/dev/zero")
    (study / "loop").symlink_to(study / "loop")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(study / "socket"))
        for name in ("fifo", "device", "socket", "loop", "."):
            with pytest.raises(ValueError, match="cannot be read"):
                read_file(study / name)


def test_a_file_that_is_too_large_is_not_read(study: Path) -> None:
    path = study / "large"
    path.write_bytes(b"x" * 11)
    assert read_file(path, 11) == b"x" * 11
    with pytest.raises(ValueError, match="larger than"):
        read_file(path, 10)
    os.truncate(path, 10**13)
    with pytest.raises(ValueError, match=re.escape("larger than 2,147 MB")):
        read_file(path)


def test_a_link_to_a_file_can_be_read(study: Path) -> None:
    """Whoever keeps large files elsewhere, as git-annex does, can."""
    (study / "there").write_bytes(b"x")
    (study / "here").symlink_to(study / "there")
    assert read_file(study / "here") == b"x"
