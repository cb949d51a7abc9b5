"""The record of a cell: what its JSON says beside the rows, checked once and typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from bohb_study.budget import Account
from bohb_study.errors import StudyError
from bohb_study.schema import CELL, CellKey, Kind, present_method
from bohb_study.store import shapes
from bohb_study.study import Cell

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
    "parallel": shapes.table(shapes.number),
    "numerics": shapes.table(shapes.line),
    "node": shapes.table(shapes.line),
    "told": shapes.fields(dict.fromkeys(("losses", "otherwise"), _COUNT)),
    "resumed": shapes.fields(dict.fromkeys(("times", "reports", "repeated"), _COUNT)),
    "limits": shapes.fields(
        {
            **dict.fromkeys(("trial_timeout", "trial_memory"), shapes.nullable(shapes.number)),
            "trials": shapes.whole(1),
        }
    ),
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


@dataclass(frozen=True)
class Commit:
    """State of the checkout that ran a cell; None where that is not known."""

    commit: str | None = None
    dirty: bool | None = None

    def __str__(self) -> str:
        """The commit, marked where it was dirty; ``unknown`` without one."""
        return (self.commit or "unknown") + ("-dirty" if self.dirty else "")


@dataclass(frozen=True)
class CellRecord:
    """The record of a cell that is done; what was not recorded is None or empty."""

    cell: Cell
    """Which, by the name that its method has now."""
    schema: int
    """Version under which its rows were stored."""
    rows: int
    sha256: str
    """Of the parquet of the run, which a pack has no more."""
    rows_hash: str
    """Of all rows but what was measured, under ``schema``."""
    hyperparameters: Mapping[str, Kind]
    extra: tuple[str, ...]
    study: str | None = None
    engine: Literal["tune", "virtual"] = "tune"
    """What ran it; before there was another engine it was not recorded."""
    gpus_per_trial: float = 0
    versions: Mapping[str, str] | None = None
    code: str | None = None
    """``identity.code_hash`` of what decided its rows."""
    git: Commit = Commit()
    ledger: Account | None = None
    space: str | None = None
    """sha256 of the search space."""
    split: str | None = None
    """sha256 of the data split; None, too, where nothing is split (see ``recorded``)."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Measured: ``wall, training, searching, scheduling, engine``."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """Why trainings failed, by trial."""
    parallel: Mapping[str, float] = field(default_factory=dict)
    """How the cell's actors spent its time: the fields of ``engines.base.ParallelTraining``."""
    resumed: Mapping[str, int] = field(default_factory=dict)
    """How the cell went on that had been killed: the fields of ``engines.base.Resumed``."""
    told: Mapping[str, int] = field(default_factory=dict)
    """What its method was told: the fields of ``engines.base.Told``."""
    limits: Mapping[str, float | None] = field(default_factory=dict)
    """Of its trials, where some exceeded them, and how many ``trials`` did; those that ended their
    process count among them."""
    numerics: Mapping[str, str] = field(default_factory=dict)
    """``numerics.record`` of the process that ran it."""
    json: Mapping[str, Any] = field(default_factory=dict)
    """All of it, as it is stored."""
    where: str = field(default="", compare=False)
    """The file, and which of its records where it holds several."""
    advice: str = field(default="", compare=False)
    """What to do where it lacks something that is needed."""

    @property
    def key(self) -> CellKey:
        """Task, method and seed, as frames are grouped."""
        return self.cell.task, self.cell.method, self.cell.seed

    def recorded(self, key: str) -> bool:
        """Whether the record says something of ``key``, be it null."""
        return key in self.json

    @property
    def account(self) -> Account:
        """The ledger.

        Raises:
            StudyError: it was not recorded.
        """
        if self.ledger is None:
            raise self._lacks("ledger")
        return self.ledger

    @property
    def packages(self) -> Mapping[str, str]:
        """Versions of the packages that ran it, Python aside.

        Raises:
            StudyError: they were not recorded.
        """
        if self.versions is None:
            raise self._lacks("versions")
        return {name: text for name, text in self.versions.items() if name != "python"}

    def measured(self, name: str) -> float:
        """Seconds of one kind.

        Raises:
            StudyError: they were not measured.
        """
        if name not in self.seconds:
            raise self._lacks(f"seconds.{name}" if self.seconds else "seconds")
        return self.seconds[name]

    def _lacks(self, key: str) -> StudyError:
        return StudyError(f"{self.where}: does not say {key}; {self.advice}")


def check_record(record: Mapping[str, Any], where: str = "") -> None:
    """Raise ValueError, which names the key, for what cannot be the record of a cell."""
    status = record.get("status")
    if not isinstance(status, str) or status not in _RECORD:
        raise ValueError(f"{where}{': ' if where else ''}says neither done nor failed")
    _RECORD[status](record, where)


def cell_record_of(record: Mapping[str, Any], where: str, advice: str) -> CellRecord:
    """The typed form of the record of a done cell that ``check_record`` has passed.

    Args:
        record: what the file says.
        where: the file.
        advice: what to do where it lacks something that is needed.
    """
    task, method, seed = (record[name] for name in CELL)
    method = present_method(method, record["schema"])
    ledger, git = record.get("ledger"), record.get("git", {})
    known = ("study", "engine", "gpus_per_trial", "versions", "code", "space", "split")
    tables = ("seconds", "failures", "numerics", "parallel", "told", "resumed", "limits")
    return CellRecord(
        Cell(task, method, seed),
        record["schema"],
        record["rows"],
        record["sha256"],
        record["rows_hash"],
        record["hyperparameters"],
        tuple(record["extra"]),
        git=Commit(git.get("commit"), git.get("dirty")),
        ledger=Account(**{key: ledger[key] for key in _LEDGER}) if ledger else None,
        json={**record, "method": method},
        where=where,
        advice=advice,
        **{key: record[key] for key in (*known, *tables) if key in record},
    )
