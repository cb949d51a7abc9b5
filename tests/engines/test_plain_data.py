"""States as plain data: bit for bit what they were, and nothing of a file is executed."""

import json
import math
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bohb_study.engines.plain_data import NotPlainError, decoded, encoded
from bohb_study.tasks import make_task

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
)
VALUES = st.recursive(
    LEAVES,
    lambda one: (
        st.lists(one, max_size=3)
        | st.tuples(one, one)
        | st.dictionaries(st.text(max_size=3) | st.integers() | st.tuples(st.integers()), one)
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    """Equal, of the same types, and every bit of a number."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(
            same(x, y) for x, y in zip(a.values(), b.values(), strict=True)
        )
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, torch.Tensor):
        kinds = a.dtype == b.dtype and a.shape == b.shape
        return kinds and encoded(a) == encoded(b)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, float):
        return math.copysign(1, a) == math.copysign(1, b) and (a == b or (a != a and b != b))
    return bool(a == b)


@given(VALUES)
def test_values_come_back(value: Any) -> None:
    assert same(decoded(encoded(value)), value)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        -0.0,
        np.array([[1.5, -0.0], [np.nan, np.inf]]),
        np.zeros((0, 3), dtype=np.int8),
        np.array(7, dtype=np.uint64),
        np.arange(6, dtype=">i4").reshape(2, 3)[:, ::2],
        torch.arange(6).reshape(2, 3).T,
        torch.tensor([1.5, float("nan")], dtype=torch.bfloat16),
        torch.tensor(True),
        torch.linspace(-1, 1, 3, dtype=torch.float16),
        torch.Generator().manual_seed(3).get_state(),
        torch.zeros(0, 4),
    ],
)
def test_arrays_and_tensors_come_back(value: Any) -> None:
    again = decoded(encoded({"one": [value]}))["one"][0]
    assert same(again, value)
    if isinstance(value, np.ndarray | torch.Tensor) and value.ndim and len(value):
        again[0] = 0  # it shares nothing, and can be changed


def test_the_state_of_a_training_comes_back() -> None:
    """Of ``digits``: weights, momentum and the optimiser's groups."""
    task = make_task("digits")
    config = dict(task.space(0).get_default_configuration())
    evaluation = task.start(config, 0)
    evaluation.advance(1)
    state = {"failed": "", "state": evaluation.state()}
    again = decoded(encoded(state))
    assert same(again, state)
    other = task.start(config, 0)
    other.restore(again["state"])
    assert other.advance(3).val_loss == evaluation.advance(3).val_loss


ODD: tuple[Any, ...] = (
    b"a pickle, perhaps",
    {1, 2},
    object(),
    len,
    np.array(["text"]),
    np.array([object()]),
    np.float64(1.0),
    torch.zeros(2, requires_grad=True),
    torch.zeros(2).to_sparse(),
    torch.nn.Parameter(torch.zeros(2)),
    type("Odd", (dict,), {})(),
    type("Odder", (float,), {})(1.0),
)


@pytest.mark.parametrize("number", range(len(ODD)))
def test_what_is_no_plain_data_is_not_written(number: int) -> None:
    with pytest.raises(NotPlainError):
        encoded([ODD[number]])


def test_too_deep() -> None:
    value: Any = []
    for _ in range(100):
        value = [value]
    with pytest.raises(NotPlainError):
        encoded(value)


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_nothing_is_executed(tmp_path: Path) -> None:
    found = tmp_path / "executed"
    bomb = pickle.dumps(Bomb(found))
    pickle.loads(bomb)
    assert found.exists()
    found.unlink()
    with pytest.raises(ValueError, match="plain data"):
        decoded(bomb)
    for tree in (["tensor", "load"], ["tensor", "nn"], ["eval", "1"], ["", {"a": 1}], ["object"]):
        data = json.dumps([tree, [["<f4", [1]]]]).encode() + b"\n" + b"\0" * 4
        with pytest.raises(ValueError, match="plain data"):
            decoded(data)
    assert not found.exists()


@pytest.mark.parametrize(
    "head",
    [
        "[]",
        "[[],[]]",
        '[["array"],[["<f8",[1e9]]]]',
        '[["array"],[["<f8",[1000000000000000000000]]]]',
        '[["array"],[["<f8",[-1]]]]',
        '[["array"],[["O",[1]]]]',
        '[["array"],[["V8",[1]]]]',
        '[["array"],[["<f8",[4294967296,4294967296,0]]]]',
        '[["array"],[]]',
        '[["dict",["",1]],[]]',
        '[["dict",["list"],["",1]],[]]',
        '[["float","x"],[]]',
        "[" * 100_000,
        '[["list",' * 5000 + "]",
    ],
)
def test_what_nobody_wrote_is_refused(head: str) -> None:
    with pytest.raises(ValueError, match=r"plain data|too deep"):
        decoded(head.encode() + b"\n" + b"\0" * 64)


@given(st.binary(max_size=64), st.integers(0, 10**9))
def test_damaged_states_are_refused_or_read(more: bytes, position: int) -> None:
    """Whatever the file holds: a value, or a ValueError."""
    data = bytearray(encoded({"weights": np.arange(4.0), "epoch": 3, "of": [1.5, ("a", None)]}))
    at = position % len(data)
    data[at : at + len(more)] = more
    with suppress(ValueError):
        decoded(bytes(data))
