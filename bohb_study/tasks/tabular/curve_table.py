"""A table of curves: what configurations of a task gave at every rung, as one parquet file.

A row is one configuration under one seed of the task at one rung. What the numbers are of (ladder,
search space, metrics) stands in the file's own metadata, so the hash of the file is the hash of all
that decides what comes of it. The card beside it is for people, and vouches for the file.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bohb_study.arrays import Floats, Ints
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
from bohb_study.tasks.base import Status, Task
from bohb_study.tasks.fingerprints import column_kind, own_value, stored_value
from bohb_study.tasks.ladder import Ladder
from bohb_study.tasks.space_json import space_from_json, space_to_json

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

FORMAT = 1
"""Of the file; a reader refuses what a newer version wrote."""
STATUSES: tuple[Status, ...] = ("ok", "diverged", "failed")
"""By the number that stands for each in ``Curves.status``."""
MOST_CONFIGURATIONS = 100_000
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


@dataclass(frozen=True)
class About:
    """What a table is of: all that decides what its numbers mean."""

    task: str
    """Name of the task that was evaluated."""
    summary: str
    val_metric: str
    test_metric: str
    unit: str
    """What levels count, in the singular."""
    costs: tuple[int, ...]
    """Units of each rung, the top last."""
    eta: int
    resumable: bool
    """Whether an evaluation that goes on pays the difference alone."""
    computed: bool
    """Whether the task is computed, so that its seconds are those of its model alone."""
    grid_order: tuple[str, ...]
    space: Mapping[str, Any]
    """Of ``space_to_json``."""

    @cached_property
    def ladder(self) -> Ladder:
        """The rungs; evaluations between them were not recorded."""
        return Ladder(self.unit, self.costs, self.eta, curve=False, resumable=self.resumable)

    @cached_property
    def search_space(self) -> "ConfigurationSpace":
        """The task's own; shared, so it is never drawn from."""
        return space_from_json(self.space)


@dataclass(frozen=True, eq=False)
class Curves:
    """What was measured; every array has the shape (configurations, seeds, rungs)."""

    val_loss: Floats
    """NaN where ``status`` is not ok."""
    test_loss: Floats
    """NaN where it is not defined."""
    seconds: Floats
    """Measured, of the step that ended at the rung."""
    modelled: Floats
    """Seconds of that step by the task's own model."""
    status: Ints
    """Places in ``STATUSES``."""


@dataclass(frozen=True, eq=False)
class CurveTable:
    """A table as it was read: configurations in the order of their design, and their curves."""

    sha256: str
    """Of the file."""
    about: About
    configs: tuple[Config, ...]
    curves: Curves

    @cached_property
    def durations(self) -> Floats:
        """Seconds of the step that ends at each rung, shape (configurations, rungs).

        Means over the seeds of what was measured; modelled where the task is computed, and where a
        training failed, for what it measured then is no training.
        """
        curves = self.curves
        failed = curves.status == STATUSES.index("failed")
        modelled = failed | (curves.seconds <= 0) | self.about.computed
        return _mean_over_seeds(np.where(modelled, curves.modelled, curves.seconds))

    @cached_property
    def mean_losses(self) -> Floats:
        """Validation losses over the seeds that have one, shape (configurations, rungs)."""
        return _mean_over_seeds(self.curves.val_loss)

    @cached_property
    def mean_test_losses(self) -> Floats:
        """The same of test losses."""
        return _mean_over_seeds(self.curves.test_loss)


def _mean_over_seeds(values: Floats) -> Floats:
    """Means along the second axis, of what is not NaN; NaN where all is.

    Added one seed after the other, so that the last bit depends on no library's kernels.
    """
    known = ~np.isnan(values)
    total, count = np.zeros(values.shape[::2]), known.sum(axis=1)
    for seed in range(values.shape[1]):
        total += np.where(known[:, seed], values[:, seed], 0.0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def about_task(task: Task) -> About:
    """What a table of ``task`` is of.

    Raises:
        TypeError: a value of its space cannot be written.
    """
    ladder = task.ladder
    return About(
        task.name,
        " ".join(task.summary.split()),
        task.val_metric,
        task.test_metric,
        ladder.unit,
        ladder.costs,
        ladder.eta,
        ladder.resumable,
        task.computed,
        tuple(task.grid_order),
        space_to_json(task.space(0)),
    )


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
    origin = _json((file.schema_arrow.metadata or {}).get(ORIGIN, b"{}"))
    if not isinstance(origin, dict) or "table" not in origin:
        raise ValueError("is no table of curves, such as tabulate writes")
    if origin["table"] != FORMAT:
        raise ValueError("was written by a newer version")
    about = _about(origin.get("about"))
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


def _about(found: Any) -> About:
    """What a table says that it is of, types and all; raises ValueError where it cannot be."""
    texts = ("task", "summary", "val_metric", "test_metric", "unit")
    kinds: dict[str, type] = {
        **dict.fromkeys(texts, str), "costs": list, "eta": int, "resumable": bool,
        "computed": bool, "grid_order": list, "space": dict,
    }  # fmt: skip
    if not isinstance(found, dict) or set(found) != set(kinds):
        raise ValueError("is damaged: it does not say what it is a table of")
    for key, kind in kinds.items():
        if type(found[key]) is not kind:
            raise ValueError(f"is damaged: its {key} is no {kind.__name__}")
    for key in texts:
        if not found[key].isprintable() or len(found[key]) > 1000:
            raise ValueError(f"is damaged: its {key} is no line of text")
    if any(type(cost) is not int for cost in found["costs"]):
        raise ValueError("is damaged: its costs are no whole numbers")
    about = About(
        **{**found, "costs": tuple(found["costs"]), "grid_order": tuple(found["grid_order"])}
    )
    _ = about.ladder  # raises ValueError where it contradicts itself
    if sorted(map(str, about.grid_order)) != sorted(about.search_space):
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
    if not ((curves.modelled > 0) & (curves.modelled < 1e9)).all():
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
        for config, value in zip(found, rows.column(column).to_pylist(), strict=True):
            if value is not None:  # of one that is inactive
                config[name] = own_value(value, {"json": as_json})
    for config in found:
        try:
            Configuration(space, values=config)
        except Exception as why:  # of ConfigSpace's own kinds, which have no common one
            said = " ".join(str(why).split())[:100]
            raise ValueError(f"is damaged: a configuration is none of its space: {said}") from None
    if len({config_id(config) for config in found}) < len(found):
        raise ValueError("is damaged: it has a configuration twice")
    return tuple(plain(config) for config in found)
