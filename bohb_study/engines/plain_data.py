"""States of trainings as files from which nothing is ever executed.

Pickled states could run any code of whoever wrote the file. These hold numbers, text, lists, tuples
and dictionaries as JSON, tensors and arrays as raw numbers; whatever else a state holds cannot be
written, and its training is repeated instead. Bytes are among that: they may be a pickle.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

MOST_BYTES = 2 * 2**30
MOST_LEVELS = 32
"""Of what is within one another."""
_ARRAYS = frozenset("biufc")
"""Kinds of numpy's types that are numbers."""
_VIEWS = {"bfloat16": "int16"}
"""Types of tensors that numpy has not, and as what their bits are stored."""


class NotPlainError(Exception):
    """Something that is not plain data."""


def encoded(value: Any) -> bytes:
    """``value`` as bytes: a line of JSON, then raw numbers.

    Raises:
        NotPlainError: it holds what is no plain data.
    """
    arrays: list[np.ndarray[Any, Any]] = []
    tree = _tree(value, arrays, MOST_LEVELS)
    shapes = [[array.dtype.str, list(array.shape)] for array in arrays]
    head = json.dumps([tree, shapes], separators=(",", ":")).encode()
    return b"\n".join([head, b"".join(array.tobytes() for array in arrays)])


def decoded(data: bytes) -> Any:
    """What ``encoded`` was given: equal, bit for bit, and of the same types.

    Raises:
        ValueError: it is not such data.
    """
    head, _, raw = data.partition(b"\n")
    try:
        tree, shapes = json.loads(head)
        arrays, begin = [], 0
        for name, shape in shapes:
            kind = np.dtype(str(name))
            if kind.kind not in _ARRAYS:
                raise ValueError("not numbers")
            sizes = [int(size) for size in shape]
            count = 1
            for size in sizes:
                count *= size
            end = begin + count * kind.itemsize
            if min(sizes, default=0) < 0 or end > len(raw):
                raise ValueError("larger than the file")
            array = np.frombuffer(raw[begin:end], dtype=kind).reshape(sizes).copy()
            arrays.append(array)
            begin = end
        return _value(tree, iter(arrays))
    except (ValueError, TypeError, KeyError, IndexError, StopIteration, OverflowError) as error:
        raise ValueError(f"is no plain data: {error}") from None
    except RecursionError:
        raise ValueError("is nested too deep") from None


def _tree(value: Any, arrays: list[np.ndarray[Any, Any]], levels: int) -> Any:
    """``value`` as [kind, ...]; arrays go into ``arrays``."""
    if not levels:
        raise NotPlainError("nested too deep")
    if value is None or type(value) in (bool, int, str):
        return ["", value]
    if type(value) is float:
        return ["float", value.hex()]
    if type(value) in (list, tuple):
        return [type(value).__name__, *(_tree(one, arrays, levels - 1) for one in value)]
    if type(value) is dict:
        pairs = [_tree(one, arrays, levels - 1) for pair in value.items() for one in pair]
        return ["dict", *pairs]
    if isinstance(value, np.ndarray) and value.dtype.kind in _ARRAYS:
        arrays.append(value)
        return ["array"]
    torch = sys.modules.get("torch")  # who holds a tensor has imported it
    if torch is not None and type(value) is torch.Tensor and value.device.type == "cpu":
        name = str(value.dtype).removeprefix("torch.")
        plain = value.detach()
        if value.layout is not torch.strided or value.is_quantized or value.requires_grad:
            raise NotPlainError(f"a tensor of layout {value.layout}")
        if name in _VIEWS:
            plain = plain.contiguous().view(getattr(torch, _VIEWS[name]))
        try:
            array = plain.numpy()
        except (TypeError, RuntimeError) as error:
            raise NotPlainError(str(error)) from None
        arrays.append(array)
        return ["tensor", name]
    raise NotPlainError(type(value).__name__)


def _value(tree: Any, arrays: Iterator[np.ndarray[Any, Any]]) -> Any:
    kind, *parts = tree
    if kind == "":
        (value,) = parts
        if value is not None and not isinstance(value, bool | int | str):
            raise ValueError("not plain")
        return value
    if kind == "float":
        return float.fromhex(parts[0])
    if kind in ("list", "tuple"):
        values = [_value(one, arrays) for one in parts]
        return values if kind == "list" else tuple(values)
    if kind == "dict":
        values = [_value(one, arrays) for one in parts]
        return dict(zip(values[::2], values[1::2], strict=True))
    if kind == "array":
        return next(arrays)
    if kind == "tensor":
        import torch

        name = str(parts[0])
        tensor = torch.from_numpy(next(arrays))
        dtype = getattr(torch, name)
        if not isinstance(dtype, torch.dtype):
            raise ValueError(f"no type of tensors: {name[:20]}")
        return tensor.view(dtype) if name in _VIEWS else tensor.to(dtype)
    raise ValueError(f"no kind of data: {str(kind)[:20]}")
