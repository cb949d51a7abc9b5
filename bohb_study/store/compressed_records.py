"""The record of a cell, and the records of many as one file: what they share is written once."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from bohb_study.schema import Kind
from bohb_study.store import shapes
from bohb_study.store.sealed import seal

Record = Mapping[str, Any]

SHARED = "shared"
"""Key -> its different values; a cell then has the number of its own."""

_WHOLE, _COUNT = shapes.whole(), shapes.whole(0)
_HEAD = {
    "schema": shapes.whole(1),
    "task": shapes.name,
    "method": shapes.name,
    "seed": _COUNT,
    "status": shapes.one_of(("done", "failed")),
}
_LEDGER = {
    "allowed": shapes.whole(1),
    **dict.fromkeys(("charged", "executed", "unspent"), _WHOLE),
    "refused": shapes.nullable(shapes.whole(1)),
    "ended": shapes.one_of(("budget", "space")),
}
_FURTHER = {
    "study": shapes.matching("[0-9a-f]{8}", "eight hexadecimal digits"),
    "identity": shapes.nullable(shapes.table(shapes.anything)),
    "config": shapes.table(shapes.anything),
    "workers": shapes.whole(1),
    "engine": shapes.one_of(("tune", "virtual")),
    "gpus_per_trial": shapes.number,
    "versions": shapes.table(shapes.line),
    "code": shapes.sha256,
    "git": shapes.fields(
        {}, {"commit": shapes.nullable(shapes.line), "dirty": shapes.nullable(shapes.flag)}
    ),
    "ledger": shapes.fields(_LEDGER),
    "space": shapes.nullable(shapes.line),
    "split": shapes.nullable(shapes.line),
    "seconds": shapes.table(shapes.number),
    "failures": shapes.table(shapes.text),
}
_DONE = {
    "rows": shapes.whole(1),
    "sha256": shapes.sha256,
    "rows_hash": shapes.sha256,
    "hyperparameters": shapes.table(shapes.one_of(get_args(Kind)), shapes.line),
    "extra": shapes.array(shapes.line),
}
_RECORD = {
    "done": shapes.fields({**_HEAD, **_DONE}, _FURTHER),
    "failed": shapes.fields({**_HEAD, "error": shapes.text}),
}

_LEAST = 8
"""Letters from which a text is worth sharing; of other values, those that hold several."""


def check_record(record: Mapping[str, Any], where: str = "") -> None:
    """Raise ValueError, which names the key, for what cannot be the record of a cell."""
    status = record.get("status")
    if not isinstance(status, str) or status not in _RECORD:
        raise ValueError(f"{where}{': ' if where else ''}says neither done nor failed")
    _RECORD[status](record, where)


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
