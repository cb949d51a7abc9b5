"""States come back as they were, from memory or from disk, and leave nothing behind."""

import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bohb_study.engines.paused_states import States
from bohb_study.scratch import OWNER


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made, empty to begin with."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def size(state: Any) -> int:
    return len(pickle.dumps(state, protocol=pickle.HIGHEST_PROTOCOL))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name != OWNER)


def test_the_limit_is_in_bytes_and_what_is_above_goes_to_disk(disk: Path) -> None:
    """Exactly the limit still fits; one byte more does not, and frees count again."""
    state = bytes(100)
    states = States(limit=2 * size(state))
    states.put("a", state)
    states.put("b", state)
    assert files(disk) == []
    states.put("c", state)
    assert files(disk) == ["c"]
    assert states.take("a") == state
    states.put("d", bytes(101))
    states.put("e", state)
    assert files(disk) == ["c", "d"]
    assert [states.take(key) for key in "bcde"] == [state, state, bytes(101), state]
    assert files(disk) == []


@pytest.mark.parametrize("limit", [0, 10**9], ids=["disk", "memory"])
def test_what_comes_back_is_equal_and_shares_nothing(limit: int, disk: Path) -> None:
    """A task may hand out its own arrays and go on changing them."""
    states = States(limit)
    weights = np.arange(3.0)
    state = {"weights": weights, "level": 3, "nan": float("nan"), "deep": [{"a": (1, 2)}]}
    states.put("0", state)
    weights += 1
    state["deep"][0]["a"] = ()  # type: ignore[index]
    back = states.take("0")
    assert back["weights"].tolist() == [0.0, 1.0, 2.0]
    assert back["deep"] == [{"a": (1, 2)}]
    assert np.isnan(back["nan"])
    assert back["level"] == 3


@pytest.mark.parametrize("limit", [0, 10**9], ids=["disk", "memory"])
def test_taking_and_dropping_free_the_key(limit: int, disk: Path) -> None:
    states = States(limit)
    states.put("0", "first")
    assert states.take("0") == "first"
    with pytest.raises(KeyError):
        states.take("0")
    states.put("0", "second")
    states.drop("0")
    states.drop("0")
    states.drop("never there")
    assert files(disk) == []
    states.put("0", "third")
    assert states.take("0") == "third"


def test_dropping_makes_room_in_memory(disk: Path) -> None:
    """A thousand states, one after the other, in room for one."""
    states = States(limit=size(bytes(50)))
    for number in range(1000):
        states.put(str(number), bytes(50))
        states.drop(str(number)) if number % 2 else states.take(str(number))
    assert not any(disk.iterdir())


def test_closing_leaves_no_folder_behind(disk: Path) -> None:
    states = States(limit=0)
    states.put("0", "state")
    assert any(disk.iterdir())
    states.close()
    assert not any(disk.iterdir())
    with pytest.raises(KeyError):
        states.take("0")


def test_nothing_on_disk_is_no_folder(disk: Path) -> None:
    states = States()
    states.put("0", "state")
    assert not any(disk.iterdir())
    states.close()
