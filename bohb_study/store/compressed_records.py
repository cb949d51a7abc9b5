"""The records of many cells as one file: what they share is written once."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bohb_study.store import shapes
from bohb_study.store.sealed import seal

Record = Mapping[str, Any]

SHARED = "shared"
"""Key -> its different values; a cell then has the number of its own."""

_COUNT = shapes.whole(0)
_LEAST = 8
"""Letters from which a text is worth sharing; of other values, those that hold several."""


def records_json(head: Mapping[str, Any], records: Sequence[Record]) -> bytes:
    """``head``, what is shared, and a line a cell, as JSON with its own hash.

    Args:
        head: further keys of the file.
        records: one a cell, of JSON values.
    """
    texts = {key: [json.dumps(record.get(key)) for record in records] for key in _keys(records)}
    values = {
        key: list(dict.fromkeys(own))
        for key, own in texts.items()
        if 2 * len(set(own)) <= len(own) and any(map(_long, (r.get(key) for r in records)))
    }
    number = {key: {text: i for i, text in enumerate(own)} for key, own in values.items()}
    lines = [
        json.dumps(
            {
                key: number[key][json.dumps(value)] if key in number else value
                for key, value in record.items()
            },
            allow_nan=False,
        )
        for record in records
    ]
    shared = {key: [json.loads(text) for text in own] for key, own in values.items()}
    beginning = json.dumps({**head, SHARED: shared}, indent=1, allow_nan=False)
    text = beginning.removesuffix("\n}") + ',\n "cells": [\n' + ",\n".join(lines) + "\n ]\n}\n"
    return seal(text.encode())


def records_of(packed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The records in what ``records_json`` wrote, or an older form without anything shared.

    Raises:
        ValueError: it is not such a file; what a record says is not looked at.
    """
    _PACKED(packed, "")
    shared = packed.get(SHARED, {})
    return [
        {key: _value(shared[key], value, key) if key in shared else value for key, value in own}
        for own in (record.items() for record in packed["cells"])
    ]


_PACKED = shapes.fields(
    {"cells": shapes.array(shapes.table(shapes.anything))},
    {SHARED: shapes.table(shapes.array(shapes.anything))},
)


def _value(shared: Sequence[Any], number: Any, key: str) -> Any:
    _COUNT(number, key)
    if number >= len(shared):
        raise ValueError(f"{key}: there is no shared value {number}")
    return shared[number]


def _keys(records: Sequence[Record]) -> list[str]:
    """The keys that every record has; others are few, and stay where they are."""
    return [key for key in records[0] if all(key in record for record in records)]


def _long(value: Any) -> bool:
    return len(value) >= _LEAST if isinstance(value, str) else isinstance(value, dict | list)
