"""A folder that looks like the repository, with results of its own."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from repository import ROOT

OWN = {"results", ".git", ".venv"}
"""What the folder does not share with the repository."""


@pytest.fixture
def as_it_was() -> Iterator[None]:
    """Code that runs Ray Tune leaves a handler of SIGINT behind."""
    handler = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_it_was: None) -> Path:
    """The working directory: the repository's files, and results to which nobody else writes."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for path in ROOT.iterdir():
        if path.name not in OWN and not path.name.startswith("."):
            (folder / path.name).symlink_to(path)
    (folder / "results").mkdir()
    (folder / "results" / "paper").symlink_to(ROOT / "results" / "paper")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")
    return folder
