"""What decides rows is in the hash; what does not is not."""

import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from bohb_study import provenance


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package that may be changed; what decides rows is read from there."""
    copy = tmp_path / "repository" / "bohb_study"
    shutil.copytree(provenance.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    provenance._source.cache_clear()
    return copy


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def test_versions_are_those_that_are_installed() -> None:
    versions = provenance.versions()
    assert versions["python"] == platform.python_version()
    for package in ("ray", "hpbandster", "ConfigSpace", "numpy", "pandas", "pyarrow"):
        assert versions[package] == version(package)


def test_a_package_that_is_not_installed_is_left_out() -> None:
    assert provenance._installed(("numpy", "no-such-package")) == {"numpy": version("numpy")}


def test_what_is_handed_out_can_be_changed_without_harm() -> None:
    provenance.versions().clear()
    provenance.code_parts().clear()
    provenance.git_state().clear()
    assert provenance.versions()
    assert provenance.code_parts()
    assert set(provenance.git_state()) == {"commit", "dirty"}


def test_the_code_of_a_copy_has_the_same_hash(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = provenance.code_hash()
    monkeypatch.setattr(provenance, "PACKAGE", Path(provenance.__file__).parent)
    assert provenance.code_hash() == copied
    assert len(copied) == 64


def test_parts_are_named_by_relative_path(package: Path) -> None:
    parts = provenance.code_parts()
    assert {"seeding.py", "budget.py", "tasks/base.py", "methods/__init__.py", "ray"} <= set(parts)
    assert not {"pandas", "pyarrow", "store/cells.py", "columns.py"} & set(parts)


@pytest.mark.parametrize(
    "file", ["seeding.py", "budget.py", "tasks/base.py", "methods/__init__.py", "engines/new.py"]
)
def test_code_that_decides_rows_changes_the_hash(package: Path, file: str) -> None:
    old, parts = provenance.code_hash(), provenance.code_parts()
    with (package / file).open("a") as source:
        source.write("# changed\n")
    assert provenance.code_hash() == old, "a process runs the code that it started with"
    provenance._source.cache_clear()
    assert provenance.code_hash() != old
    expected = "added" if file == "engines/new.py" else "changed"
    assert provenance.differences(parts, provenance.code_parts()) == [f"{file}: {expected}"]


@pytest.mark.parametrize("file", ["store/cells.py", "columns.py", "tasks/notes.txt"])
def test_other_files_do_not_change_the_hash(package: Path, file: str) -> None:
    old = provenance.code_hash()
    with (package / file).open("a") as source:
        source.write("# changed\n")
    provenance._source.cache_clear()
    assert provenance.code_hash() == old


@pytest.mark.parametrize(("name", "decides"), [("ray", True), ("pandas", False)])
def test_the_version_of_a_package_counts_where_it_decides(
    monkeypatch: pytest.MonkeyPatch, name: str, decides: bool
) -> None:
    old = provenance.code_hash()
    monkeypatch.setattr(provenance, "_version", lambda p: "0.0" if p == name else version(p))
    assert provenance.versions()[name] == "0.0"
    assert (provenance.code_hash() != old) == decides


def test_differences_show_versions() -> None:
    old = {"ray": "2.60.0", "torch": "2.14.1", "numpy": "2.4"}
    new = {"ray": "2.61.0", "scipy": "1.17", "numpy": "2.4"}
    assert provenance.differences(old, new) == [
        "ray: 2.60.0 -> 2.61.0",
        "scipy: added",
        "torch: removed",
    ]
    assert provenance.differences(old, dict(old)) == []


def test_git_state_of_a_checkout(package: Path) -> None:
    def state() -> dict[str, str | bool | None]:
        provenance._git_state.cache_clear()
        return provenance.git_state(package)

    unknown = {"commit": None, "dirty": None}
    assert state() == unknown, "no repository"
    repository = package.parent
    git(repository, "init")
    assert state() == unknown, "no commit"
    git(repository, "commit", "--allow-empty", "-m", "empty")
    assert state() == unknown, "not tracked: installed inside some other project"
    git(repository, "add", ".")
    git(repository, "commit", "-m", "all")
    clean = state()
    assert len(str(clean["commit"])) == 40
    assert clean["dirty"] is False
    (repository / "new.py").write_text("")
    assert state() == {**clean, "dirty": True}


def test_git_state_is_not_led_astray_by_a_hook(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(package.parent, "init")
    git(package.parent, "add", ".")
    git(package.parent, "commit", "-m", "all")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    provenance._git_state.cache_clear()
    assert provenance.git_state(package)["commit"] is not None


def test_git_state_without_git(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    provenance._git_state.cache_clear()
    assert provenance.git_state(package) == {"commit": None, "dirty": None}
