"""What a study.json must look like."""

from collections.abc import Mapping
from typing import Any

from bohb_study.store import shapes
from bohb_study.store.method_facts import METHOD_FILE
from bohb_study.study import identity_id

MOST_CELLS = 1_000_000
"""Cells that a study may ask for."""
PLAIN_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}"
"""Pattern of a study's name: the first part of its folder's name."""
_BOUNDS: dict[str, shapes.Shape] = {"lower": shapes.number, "upper": shapes.number}
_RANGE: dict[str, dict[str, shapes.Shape]] = {
    "int": _BOUNDS,
    "float": _BOUNDS,
    "categorical": {"choices": shapes.array(shapes.anything, least=1)},
}
"""Kind of a hyperparameter -> what says which values it has."""


def _described(value: Any, where: str) -> None:
    """A hyperparameter, as ``describe_space`` gives it."""
    shapes.fields({"kind": shapes.one_of(_RANGE), "conditional": shapes.flag})(value, where)
    shapes.fields(_RANGE[value["kind"]])(value, where)


_TASK = shapes.fields(
    {
        "unit": shapes.line,
        "top": shapes.whole(1),
        "optimum": shapes.nullable(shapes.number),
        "val_metric": shapes.line,
        "test_metric": shapes.line,
    },
    {
        "costs": shapes.array(shapes.whole(1), least=1),
        "eta": shapes.whole(2),
        "curve": shapes.flag,
        "resumable": shapes.flag,
        "summary": shapes.text,
        "data": shapes.nullable(shapes.line),
        "only_engine": shapes.nullable(shapes.one_of(("tune", "virtual"))),
        "space": shapes.table(_described, shapes.line),
    },
)
_CONFIG = shapes.fields(
    {"budget": shapes.number, "workers": shapes.whole(1)},
    {
        "task": shapes.array(shapes.line, least=1),
        "methods": shapes.array(shapes.line, least=1),
        "seeds": shapes.whole(1),
        "engine": shapes.line,
        "eta": shapes.nullable(shapes.whole(2)),
        "task_option": shapes.array(shapes.line),
    },
)
_RUN = shapes.fields(
    {
        "began": shapes.line,
        "command": shapes.line,
        "python": shapes.line,
        "packages": shapes.table(shapes.line, shapes.line),
        "git": shapes.fields(
            {}, {"commit": shapes.nullable(shapes.line), "dirty": shapes.nullable(shapes.flag)}
        ),
        "diff": shapes.nullable(
            shapes.fields(
                {
                    "sha256": shapes.sha256,
                    "bytes": shapes.whole(1),
                    "zlib": shapes.nullable(shapes.line),
                }
            )
        ),
        "machine": shapes.table(shapes.anything),
        "options": shapes.table(shapes.anything),
        "environment": shapes.table(shapes.line, shapes.line),
    }
)
MOST_RUNS = 20
"""Runs that a study.json speaks of: the first one, and the last ones."""
_STUDY = shapes.fields(
    {
        "name": shapes.matching(PLAIN_NAME, "a plain file name"),
        "id": shapes.matching("[0-9a-f]{8}", "eight hexadecimal digits"),
        "config": _CONFIG,
        "tasks": shapes.table(_TASK, shapes.name),
        "methods": shapes.array(shapes.name, least=1),
        "seeds": shapes.whole(1),
        "asked": shapes.table(shapes.table(shapes.whole(0), shapes.name), shapes.name),
    },
    {
        "identity": shapes.table(shapes.anything),
        "runs": shapes.array(_RUN),
        "task_files": shapes.table(
            shapes.fields({"task": shapes.line, "sha256": shapes.sha256}), shapes.name
        ),
        "method_files": shapes.table(METHOD_FILE, shapes.name),
    },
)


def check_study(study: Mapping[str, Any]) -> None:
    """Raise ValueError, which names the key, for what cannot be a study.json."""
    _STUDY(study, "")
    asked, tasks = study["asked"], study["tasks"]
    identity = study.get("identity")
    if identity is not None and identity_id(identity) != study["id"]:
        raise ValueError(f"its identity is not that of study {study['id']}")
    for name in [*asked, *study.get("task_files", {})]:
        if name not in tasks:
            raise ValueError(f"{name} is asked for, and not among its tasks")
    for name in study.get("method_files", {}):
        if name not in study["methods"]:
            raise ValueError(f"{name} has a file, and is not among its methods")
    for methods in asked.values():
        if unknown := [name for name in methods if name not in study["methods"]]:
            raise ValueError(f"{unknown[0]} is asked for, and not among its methods")
    for name, task in tasks.items():
        costs = task.get("costs", [task["top"]])
        if costs != sorted(set(costs)) or costs[-1] != task["top"]:
            raise ValueError(f"tasks.{name}: its costs do not rise to its top, {task['top']}")
    cells = sum(seeds for methods in asked.values() for seeds in methods.values())
    if cells > MOST_CELLS:
        raise ValueError(f"asks for {cells:,} cells; no more than {MOST_CELLS:,} are read")
