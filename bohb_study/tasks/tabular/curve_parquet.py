"""A table of curves as one parquet file.

A row is one configuration under one seed of the task at one rung. What the numbers are of (ladder,
search space, metrics) stands in the file's own metadata, so the hash of the file is the hash of all
that decides what comes of it. What is read is checked: tables are passed on.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bohb_study.arrays import Ints
from bohb_study.losses import LOSS_LIMIT
from bohb_study.plain_parquet import (
    MALFORMED,
    ORIGIN,
    opened_parquet,
    plain_table,
    table_bytes,
    unreadable,
)
from bohb_study.seeding import Config, config_id, plain
from bohb_study.tasks.fingerprints import column_kind, own_value, stored_value
from bohb_study.tasks.tabular.curve_table import STATUSES, About, Curves, CurveTable

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

FORMAT = 1
"""Of the file; a reader refuses what a newer version wrote."""
MOST_CONFIGURATIONS = 100_000
MOST_ROWS = 5_000_000
HP = "hp."
"""Before the name of a hyperparameter, in the name of its column."""
MEASURED = dict.fromkeys(("val_loss", "test_loss", "seconds", "modelled"), pa.float64())
_COLUMNS = {
    **dict.fromkeys(("configuration", "seed", "level"), pa.int64()),
    **MEASURED,
    "status": pa.string(),
}
"""All columns but the hyperparameters'."""
_ARROW = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "str": pa.string()}
"""Kind of a hyperparameter's column, as ``column_kind`` says it."""


def curve_table_bytes(about: About, configs: Sequence[Config], curves: Curves) -> bytes:
    """A table as a parquet file; the same table, the same bytes.

    Args:
        about: what it is of.
        configs: in plain Python types, none twice.
        curves: what they gave.
    """
    places = _places(curves.val_loss.shape, about.costs)
    columns = {name: pa.array(values, _COLUMNS[name]) for name, values in places.items()}
    for name, kind in MEASURED.items():
        columns[name] = pa.array(getattr(curves, name).ravel(), kind)
    columns["status"] = pa.array([STATUSES[i] for i in curves.status.ravel()], pa.string())
    for name, one in about.search_space.items():
        column, as_json = column_kind(one)
        values = [stored_value(c[name], as_json) if name in c else None for c in configs]
        columns[HP + name] = pa.array(values, _ARROW[column]).take(columns["configuration"])
    origin = {"table": FORMAT, "about": asdict(about)}
    return table_bytes(pa.table(columns), origin)


def table_of(data: bytes) -> CurveTable:
    """The table that ``curve_table_bytes`` wrote, checked.

    Raises:
        ValueError: it is none; why, in words that follow the file's name.
    """
    file = opened_parquet(data)
    if file.metadata.num_rows > MOST_ROWS:
        raise ValueError(f"has more than {MOST_ROWS:,} rows, the most that are read")
    origin = _json((file.schema_arrow.metadata or {}).get(ORIGIN, b"{}"))
    if not isinstance(origin, dict) or "table" not in origin:
        raise ValueError("is no table of curves, such as tabulate writes")
    if origin["table"] != FORMAT:
        raise ValueError("was written by a newer version")
    about = checked_about(origin.get("about"))
    try:
        table = plain_table(data)
    except (pa.ArrowException, *MALFORMED) as why:
        raise ValueError(f"is damaged: {unreadable(why)}") from None
    columns = {name: _column(table, name, kind) for name, kind in _COLUMNS.items()}
    n, seeds = (int(columns[name].max(initial=-1)) + 1 for name in ("configuration", "seed"))
    shape = (n, seeds, len(about.costs))
    if not 0 < n <= MOST_CONFIGURATIONS or table.num_rows != math.prod(shape):
        raise ValueError(f"is damaged: it has {table.num_rows} rows of {n} configurations")
    for name, expected in _places(shape, about.costs).items():
        if not np.array_equal(columns[name], expected):
            raise ValueError(f"is damaged: its rows are not in order by {name}")
    if not set(columns["status"]) <= set(STATUSES):
        raise ValueError("is damaged: it has a status that there is not")
    curves = Curves(
        **{name: columns[name].reshape(shape) for name in MEASURED},
        status=np.array([STATUSES.index(one) for one in columns["status"]]).reshape(shape),
    )
    _check(curves)
    first = table.take(np.arange(n) * (table.num_rows // n))
    configs = _configs(about.search_space, first)
    return CurveTable(hashlib.sha256(data).hexdigest(), about, configs, curves)


def _places(shape: tuple[int, ...], costs: Sequence[int]) -> dict[str, Ints]:
    """The columns that say what a row is of, of a table of this shape."""
    n, seeds, rungs = shape
    return {
        "configuration": np.repeat(np.arange(n), seeds * rungs),
        "seed": np.tile(np.repeat(np.arange(seeds), rungs), n),
        "level": np.tile(np.array(costs), n * seeds),
    }


def _column(table: pa.Table, name: str, kind: pa.DataType) -> NDArray[Any]:
    """A column without gaps; raises ValueError where it is not there, or of another type."""
    if name not in table.column_names or table.column(name).type != kind:
        raise ValueError(f"is damaged: column {name} is not of {kind}")
    if table.column(name).null_count:
        raise ValueError(f"is damaged: column {name} has gaps")
    found: NDArray[Any] = table.column(name).to_numpy()
    return found


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("is damaged: what it says of itself is no JSON") from None


_TEXTS = ("task", "summary", "val_metric", "test_metric", "unit")
_KINDS: dict[str, type] = {
    **dict.fromkeys(_TEXTS, str),
    "costs": list,
    "eta": int,
    "resumable": bool,
    "computed": bool,
    "grid_order": list,
    "space": dict,
}
"""The fields of ``About`` as JSON has them."""


def checked_about(found: Any) -> About:
    """What a table says that it is of.

    Args:
        found: as ``asdict`` of an ``About`` comes back from JSON.

    Raises:
        ValueError: it cannot be.
    """
    if not isinstance(found, dict) or set(found) != set(_KINDS):
        raise ValueError("is damaged: it does not say what it is a table of")
    for key, kind in _KINDS.items():
        if type(found[key]) is not kind:
            raise ValueError(f"is damaged: its {key} is no {kind.__name__}")
    for key in _TEXTS:
        if not found[key].isprintable() or len(found[key]) > 1000:
            raise ValueError(f"is damaged: its {key} is no line of text")
    for key, kind in (("costs", int), ("grid_order", str)):
        if any(type(one) is not kind for one in found[key]):
            raise ValueError(f"is damaged: its {key} are not each of {kind.__name__}")
    about = About(
        **{**found, "costs": tuple(found["costs"]), "grid_order": tuple(found["grid_order"])}
    )
    try:
        _ = about.ladder
        space = about.search_space
    except ValueError as why:
        raise ValueError(f"is damaged: {why}") from None
    if sorted(about.grid_order) != sorted(space):
        raise ValueError("is damaged: its order of hyperparameters is not that of its space")
    return about


def _check(curves: Curves) -> None:
    """Raise ValueError for numbers that no evaluation can have given."""
    ok = curves.status == 0
    if not (np.abs(curves.val_loss[ok]) < LOSS_LIMIT).all():
        raise ValueError("is damaged: a loss is no finite number")
    if not np.isnan(curves.val_loss[~ok]).all() or not np.isnan(curves.test_loss[~ok]).all():
        raise ValueError("is damaged: a failed evaluation has a loss")
    test = curves.test_loss[ok]
    if not (np.isnan(test) | (np.abs(test) < LOSS_LIMIT)).all():
        raise ValueError("is damaged: a test loss is no finite number")
    if not ((curves.seconds >= 0) & (curves.seconds < 1e9)).all():
        raise ValueError("is damaged: its seconds are no seconds")
    if not ((curves.modelled >= 0) & (curves.modelled < 1e9)).all():
        raise ValueError("is damaged: its modelled seconds are no seconds")


def _configs(space: "ConfigurationSpace", rows: pa.Table) -> tuple[Config, ...]:
    """The configurations, a row each; raises ValueError where one is none of ``space``."""
    from ConfigSpace import Configuration

    found: list[Config] = [{} for _ in range(rows.num_rows)]
    for name, one in space.items():
        kind, as_json = column_kind(one)
        column = HP + name
        if column not in rows.column_names or rows.column(column).type != _ARROW[kind]:
            raise ValueError(f"is damaged: column {column} is not of {_ARROW[kind]}")
        try:
            for config, value in zip(found, rows.column(column).to_pylist(), strict=True):
                if value is not None:  # of one that is inactive
                    config[name] = own_value(value, {"json": as_json})
        except (ValueError, TypeError, RecursionError):
            raise ValueError(f"is damaged: column {column} holds what is no value") from None
    for config in found:
        try:
            Configuration(space, values=config)
        except Exception as why:  # of ConfigSpace's own kinds, which have no common one
            said = " ".join(str(why).split())[:100]
            raise ValueError(f"is damaged: a configuration is none of its space: {said}") from None
    if len({config_id(config) for config in found}) < len(found):
        raise ValueError("is damaged: it has a configuration twice")
    return tuple(plain(config) for config in found)
