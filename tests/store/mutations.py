"""Damages a stored study in every way that files can be damaged, and tells what each one does.

As a script: ``python tests/store/mutations.py 2000`` tries as many on a run folder, as many on a
packed study and as many on journals with saved states, and prints a table; exit 1 where something
changed what is loaded without a word, ended in a traceback or took long. Words after the number
name some of the forms: ``run``, ``packed``, ``journals``; a second number is the seed.
"""

import bohb_study  # noqa: F401 (before numpy: it says by which kernels that computes)

# isort: split
import hashlib
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from bohb_study.audit.study_audit import audit_folder, audit_study
from bohb_study.cli.listings import summary_table
from bohb_study.engines import journal as journal_module
from bohb_study.engines import journal_blocks, saved_states, virtual
from bohb_study.engines.base import CellJob, run_cell
from bohb_study.engines.journal import Journal
from bohb_study.engines.journal_place import JournalPlace
from bohb_study.engines.saved_states import SavedStates
from bohb_study.errors import StudyError, UsageError
from bohb_study.identity import code_parts
from bohb_study.running.heartbeats import heartbeats
from bohb_study.running.options import RunOptions
from bohb_study.running.progress.lines import LineProgress
from bohb_study.running.provenance import provenance
from bohb_study.running.status import lines_of, status_of
from bohb_study.store import (
    LoadedStudy,
    Origin,
    cell_state,
    load_study,
    pack,
    write_cell,
    write_study,
)
from bohb_study.store.checksums import SUMS_FILE, TABLE_FILE, seal_folder, write_packed
from bohb_study.store.code_file import read_code, write_code
from bohb_study.store.sealed import SELF, sealed_json
from bohb_study.store.sidecars.audit_json import read_audit
from bohb_study.store.sidecars.derived_frames import read_derived, write_derived
from bohb_study.store.sidecars.finals_json import Final, Training, read_finals, write_finals
from bohb_study.store.sidecars.heartbeat_json import read_heartbeat
from bohb_study.store.sidecars.references_json import read_references, write_references
from bohb_study.study import Cell, StudyConfig
from bohb_study.tasks import make_task

SECONDS = 5
"""After which reading is said to hang."""
REFUSED, AGAIN, ABSENT, HARMLESS, AS_WRITTEN = (
    "refused in one line",
    "that cell is run again",
    "not there: nothing is shown of it",
    "harmless: the same is loaded",
    "hashes made anew: read as it says",
)
UP_TO_THERE = "used up to the damage"
UNDETECTED, TRACEBACK, HANG = "UNDETECTED", "TRACEBACK", "HANG"
BAD = (UNDETECTED, TRACEBACK, HANG)


Damage = Callable[[Path, random.Random, "Made"], None]


@dataclass(frozen=True)
class Made:
    """A stored study, and another with other cells."""

    folder: Path
    other: Path
    origin: Origin | None
    """Of a folder in which cells can be run again; None for a packed study."""


@dataclass(frozen=True)
class Tried:
    """A mutation and what it did."""

    kind: str
    file: str
    outcome: str
    said: str


# What is damaged


def run_folder(home: Path, budget: float) -> tuple[Path, StudyConfig]:
    """A finished study as the runner leaves it, with everything that can be beside it."""
    config = StudyConfig(("counting-ones-8",), ("random", "bohb"), budget=budget, seeds=2)
    folder, tasks = home / f"run-{budget:g}", config.resolve().tasks
    folder.mkdir()
    write_study(folder, "compare", config, tasks, provenance(RunOptions()))
    for cell in config.cells():
        result = run_cell(CellJob(cell, tasks[cell.task], config.budget))
        record = {
            "study": config.id,
            "identity": config.identity(),
            "config": config.to_json(),
            "engine": "virtual",
            "ledger": asdict(result.account),
            "space": result.space,
            "split": result.split,
            "seconds": result.seconds,
            "versions": {"ray": "2.60.0"},
            "code": "0" * 64,
            "git": {"commit": "c0ffee", "dirty": False},
            "failures": {},
        }
        write_cell(folder, cell, result.frame, record)
    write_code(folder, code_parts())
    write_finals(folder, config.id, [_final(cell) for cell in config.cells()])
    with heartbeats(folder, config.id, LineProgress(Console(file=io.StringIO()))) as progress:
        progress.start({"counting-ones-8/bohb/0": 9})
    audit_folder(load_study(folder))
    return folder, config


def _final(cell: Cell) -> Final:
    training = Training(cell.task, cell.method, cell.seed, "retrained", 0)
    return Final(training, {"x": 0.5}, 0.25, 0.5, "ok", 1.0, {"pid": 1.0}, run={"host": "here"})


def packed_folder(home: Path, budget: float) -> Path:
    """The study of ``run_folder``, packed as experiments/paper.py packs one."""
    folder, target = home / f"run-{budget:g}", home / f"packed-{budget:g}"
    loaded = load_study(folder)
    pack(folder, target)
    study_id = loaded.study.id
    reference = {"best": 0.0, "median": 1.0, "source": "made up", "count": 3}
    write_references(target, study_id, {"counting-ones-8": reference})
    picks = pd.DataFrame({"task": ["counting-ones-8"], "share": [0.5]})
    write_derived(target, study_id, {"whole": loaded.frame, "suggestions": picks})
    write_packed(target, {TABLE_FILE: b"| task |\n| --- |\n", "claims.json": b'{"claims": []}\n'})
    return target


def made(home: Path) -> tuple[Made, Made]:
    """A run folder and a packed study."""
    (folder, config), (other, _) = run_folder(home, 3), run_folder(home, 4)
    packs = packed_folder(home, 3), packed_folder(home, 4)
    return Made(folder, other, Origin.of(config)), Made(*packs, None)


# What is read


def read_all(folder: Path) -> tuple[dict[str, Any], LoadedStudy]:
    """All that programs read of a stored study, part by part."""
    loaded = load_study(folder, allow_missing=True)
    study_id = loaded.study.id
    told: dict[str, Any] = {
        "study": loaded.study,
        "thinned": loaded.is_compact,
        "problems": loaded.problems,
        "finals": read_finals(folder, study_id),
        "audit": read_audit(folder, study_id),
        "references": read_references(folder, study_id),
        "code": read_code(folder),
        "heartbeat": read_heartbeat(folder, study_id),
    }
    assert all(line.isprintable() for line in lines_of(status_of(folder)))
    told |= {name: _text(frame) for name, frame in read_derived(folder, study_id).items()}
    if (folder / TABLE_FILE).exists():
        told["table"] = (folder / TABLE_FILE).read_text()
    for key, record in loaded.cells.items():
        told[str(Cell(*key))] = (record, _text(loaded.rows(key)))
    return told, loaded


def _text(frame: pd.DataFrame) -> str:
    return frame.to_csv() + str(frame.dtypes.to_dict())


def attempted(read: Callable[[], Any]) -> tuple[Any, tuple[str, str]]:
    """What is read; and where nothing is, what became of it and what was said."""
    try:
        with _limited():
            return read(), ("", "")
    except (StudyError, UsageError) as error:
        said = str(error)
        return None, (REFUSED if "\n" not in said and said.isprintable() else TRACEBACK, said)
    except TimeoutError:
        return None, (HANG, "")
    except Exception as error:  # the very thing that must not be
        if "--debug" in sys.argv:
            raise
        return None, (TRACEBACK, f"{type(error).__name__}: {error}")


def outcome(of: Made, before: dict[str, Any], *, anew: bool) -> tuple[str, str]:
    """What became of what is read, and what was said."""

    def read() -> dict[str, Any]:
        now, loaded = read_all(of.folder)
        if anew:  # what is of the right form must not break those who use it either
            audit_study(loaded)
            summary_table(loaded)
        return now

    now, told = attempted(read)
    if now is None:
        return told
    if now == before:
        return HARMLESS, ""
    if of.origin and now["problems"]:
        gone = {name for name in before if name not in now}
        same = all(now[name] == before[name] for name in before if name not in {*gone, "problems"})
        again = {
            name for name in gone if cell_state(of.folder, _cell(name), of.origin)[0] != "done"
        }
        if same and gone == again and len(gone) == len(now["problems"]):
            return AGAIN, "; ".join(now["problems"])
    if of.origin and _less(now, before):
        return ABSENT, ""
    return (AS_WRITTEN if anew else UNDETECTED), "; ".join(now["problems"])


def _less(now: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether all that is read is what was read before, but for a file that is not there."""
    return all(
        now[name] == told or now[name] in (None, [], {}) for name, told in before.items()
    ) and set(now) == set(before)


def _cell(name: str) -> Cell:
    task, method, seed = name.split("/")
    return Cell(task, method, int(seed))


@contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


# The damages: each gets the file, and all there is to choose from


def flip_a_bit(path: Path, rng: random.Random, of: Made) -> None:
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def delete_bytes(path: Path, rng: random.Random, of: Made) -> None:
    data = path.read_bytes()
    at = rng.randrange(len(data))
    path.write_bytes(data[:at] + data[at + rng.choice((1, 1, 7, 100)) :])


def insert_a_byte(path: Path, rng: random.Random, of: Made) -> None:
    data = path.read_bytes()
    at = rng.randrange(len(data) + 1)
    path.write_bytes(data[:at] + rng.randbytes(1) + data[at:])


def change_a_digit(path: Path, rng: random.Random, of: Made) -> None:
    data = bytearray(path.read_bytes())
    digits = [i for i, byte in enumerate(data) if 48 <= byte < 58]
    at = rng.choice(digits or [0])
    data[at] = 48 + (data[at] - 48 + rng.randrange(1, 10)) % 10
    path.write_bytes(data)


def truncate(path: Path, rng: random.Random, of: Made) -> None:
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])


def blank_a_block(path: Path, rng: random.Random, of: Made) -> None:
    data = bytearray(path.read_bytes())
    at = rng.randrange(len(data))
    data[at : at + 64] = bytes(len(data[at : at + 64]))
    path.write_bytes(data)


def rename_a_key(path: Path, rng: random.Random, of: Made) -> None:
    """In the text; the hash stays as it was."""
    key = rng.choice([key for _, key in _places(json.loads(path.read_bytes()))])
    path.write_text(path.read_text().replace(f'"{key}":', f'"{key[:-1]}u":', 1))


def rename_a_key_and_hash(path: Path, rng: random.Random, of: Made) -> None:
    data = json.loads(path.read_bytes())
    holder, key = rng.choice(_places(data))
    holder[key[:-1] + "u"] = holder.pop(key)
    _hashed(path, data)


def drop_a_key_and_hash(path: Path, rng: random.Random, of: Made) -> None:
    data = json.loads(path.read_bytes())
    holder, key = rng.choice(_places(data))
    del holder[key]
    _hashed(path, data)


AWKWARD: tuple[Any, ...] = (
    None, True, -1, 0, 2**62, 1e308, "", "x", "../../x", "a\nb", "<b>", "\0", "$(id)", [], {}, [[]],
    {"a": 1}, [1, "x"],
)  # fmt: skip


def change_a_value_and_hash(path: Path, rng: random.Random, of: Made) -> None:
    data = json.loads(path.read_bytes())
    holder, key = rng.choice(_places(data))
    holder[key] = rng.choice(AWKWARD)
    _hashed(path, data)


def _places(value: Any) -> list[tuple[dict[str, Any], str]]:
    """Every object in a JSON value with each of its keys."""
    if isinstance(value, list):
        return [place for one in value for place in _places(one)]
    if not isinstance(value, dict):
        return []
    own = [(value, key) for key in value if key != SELF]
    return own + [place for one in value.values() for place in _places(one)]


def _hashed(path: Path, data: dict[str, Any]) -> None:
    sealed = SELF in data
    path.write_bytes(sealed_json(data) if sealed else json.dumps(data).encode())
    if (path.parent / SUMS_FILE).exists():
        (path.parent / SUMS_FILE).unlink()
        seal_folder(path.parent)


def swap_within(path: Path, rng: random.Random, of: Made) -> None:
    """Another file of the same kind in its place, and it in the place of that."""
    others = [p for p in files(of.folder) if p != path]
    twin = rng.choice([p for p in others if p.suffix == path.suffix] or others)
    one, two = path.read_bytes(), twin.read_bytes()
    path.write_bytes(two)
    twin.write_bytes(one)


def swap_cells(path: Path, rng: random.Random, of: Made) -> None:
    """The rows and the record of a cell in the place of another."""
    cells = sorted({p.with_suffix("") for p in files(of.folder) if "cells" in p.parts})
    if len(cells) < 2:
        swap_within(path, rng, of)
        return
    one, two = rng.sample(cells, 2)
    for end in (".json", ".parquet"):
        shutil.copy(one.with_suffix(end), two.with_suffix(end))


def from_another_study(path: Path, rng: random.Random, of: Made) -> None:
    shutil.copy(of.other / path.relative_to(of.folder), path)


def pair_from_another_study(path: Path, rng: random.Random, of: Made) -> None:
    for one in {path, path.with_suffix(".json"), path.with_suffix(".parquet")}:
        if one.exists():
            shutil.copy(of.other / one.relative_to(of.folder), one)


def become(make: Callable[[Path], object]) -> Callable[[Path, random.Random, Made], None]:
    """Something else is in the file's place."""

    def replace(path: Path, rng: random.Random, of: Made) -> None:
        path.unlink()
        make(path)

    return replace


# Rows that are not as they were written, although all hashes say so: what reads parquet is reached


def _damaged_rows(change: Callable[[bytes, random.Random], bytes]) -> Damage:
    """The file's bytes are changed, and every hash of them is made anew."""

    def damage(path: Path, rng: random.Random, of: Made) -> None:
        path.write_bytes(change(path.read_bytes(), rng))
        record = path.with_suffix(".json")
        if record.exists() and "cells" in path.parts:
            data = json.loads(record.read_bytes())
            data["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
            _hashed(record, data)
        elif (path.parent / SUMS_FILE).exists():
            (path.parent / SUMS_FILE).unlink()
            seal_folder(path.parent)

    return damage


def _flip(data: bytes, rng: random.Random) -> bytes:
    """Anywhere, or in the metadata at the end, which say what is where."""
    changed = bytearray(data)
    size = int.from_bytes(data[-8:-4], "little")
    begin = max(0, len(data) - 8 - size) if rng.random() < 0.6 else 0
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[rng.randrange(begin, len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut_inside(data: bytes, rng: random.Random) -> bytes:
    """Some bytes are missing, and the end is where it was."""
    at = rng.randrange(4, max(5, len(data) - 8))
    return data[:at] + data[at + rng.choice((1, 4, 64)) :]


def _other_table(data: bytes, rng: random.Random) -> bytes:
    """Another table, with the metadata of the first."""
    table = pq.read_table(pa.BufferReader(data))
    number = rng.randrange(table.num_columns)
    name = table.column_names[number]
    rows = table.num_rows
    values = rng.choice(OTHER_COLUMNS)(rows)
    kind = rng.choice(("replaced", "added", "dropped", "renamed", "twice", "rows", "empty", "many"))
    if kind == "replaced":
        table = table.set_column(number, name, values)
    elif kind == "added":
        table = table.append_column(rng.choice(("x", "", "../x", "<b>", "a\nb", "hp.\0")), values)
    elif kind == "dropped":
        table = table.drop_columns([name])
    elif kind == "renamed":
        names = list(table.column_names)
        names[number] = rng.choice(("", "x", names[0], "a" * 100_000))
        table = table.rename_columns(names)
    elif kind == "twice":
        table = pa.concat_tables([table, table])
    elif kind == "rows":
        table = table.take(pa.array([rng.randrange(rows) for _ in range(rows)]))
    elif kind == "empty":
        table = table.slice(0, 0)
    else:
        table = pa.concat_tables([table] * 2000)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression=rng.choice(("zstd", "snappy", "gzip", "none")))
    changed: bytes = sink.getvalue().to_pybytes()
    return changed


def _bomb(data: bytes, rng: random.Random) -> bytes:
    """Some MB that unpack to many GB."""
    rows = 20_000_000
    table = pq.read_table(pa.BufferReader(data)).slice(0, 1)
    wide = pa.array(["x" * 1000]).dictionary_encode()
    codes = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), wide.dictionary)
    bomb = pa.table(dict.fromkeys(table.column_names[:2], codes), metadata=None)
    sink = pa.BufferOutputStream()
    pq.write_table(bomb.replace_schema_metadata(table.schema.metadata), sink)
    changed: bytes = sink.getvalue().to_pybytes()
    return changed


OTHER_COLUMNS: tuple[Callable[[int], Any], ...] = (
    lambda n: pa.nulls(n),
    lambda n: pa.array([[[1], [2]]] * n),
    lambda n: pa.array([{"a": {"b": i}} for i in range(n)]),
    lambda n: pa.array([2**63 - 1] * n),
    lambda n: pa.array([float("nan")] * n),
    lambda n: pa.array([float("inf")] * n),
    lambda n: pa.array([-1] * n),
    lambda n: pa.array([b"\x80\x04."] * n),
    lambda n: pa.array(["<script>alert(1)</script>\x1b[2J"] * n),
    lambda n: pa.array([-(2**62)] * n, pa.timestamp("ns", "Nowhere/Nothing")),
    lambda n: pa.array([None, *["x"] * (n - 1)]),
    lambda n: pa.array([2**31 - 1] * n, pa.date32()),
    lambda n: pa.array([True] * n),
)


DEEP = b'{"a": ' * 10_000 + b"1" + b"}" * 10_000
DAMAGES: dict[str, Damage] = {
    "a bit flipped": flip_a_bit,
    "bytes deleted": delete_bytes,
    "a byte inserted": insert_a_byte,
    "a digit changed": change_a_digit,
    "truncated": truncate,
    "64 bytes zeroed": blank_a_block,
    "a key renamed": rename_a_key,
    "a key renamed, hashes anew": rename_a_key_and_hash,
    "a key dropped, hashes anew": drop_a_key_and_hash,
    "a value changed, hashes anew": change_a_value_and_hash,
    "two files swapped": swap_within,
    "a cell copied over another": swap_cells,
    "from another study": from_another_study,
    "rows and record from another study": pair_from_another_study,
    "removed": become(lambda path: None),
    "empty": become(lambda path: path.write_bytes(b"")),
    "rows: bits flipped, hashes anew": _damaged_rows(_flip),
    "rows: bytes missing, hashes anew": _damaged_rows(_cut_inside),
    "rows: another table, hashes anew": _damaged_rows(_other_table),
    "rows: a bomb, hashes anew": _damaged_rows(_bomb),
    "a fifo": become(lambda path: os.mkfifo(path)),
    "a folder": become(lambda path: path.mkdir()),
    "a link to a device": become(lambda path: path.symlink_to("/dev/zero")),
    "a link to itself": become(lambda path: path.symlink_to(path)),
    "a link to another file": become(lambda path: path.symlink_to("/etc/hostname")),
    "nested 10,000 levels": become(lambda path: path.write_bytes(DEEP)),
    "a sparse file of 1 TB": become(lambda path: (path.touch(), os.truncate(path, 10**12))),
    "not UTF-8": become(lambda path: path.write_bytes(b'{"a": "\xff"}')),
}
ROWS_ALONE = {kind for kind in DAMAGES if kind.startswith("rows: ")}
JSON_ALONE = {
    "a key renamed",
    *(kind for kind in DAMAGES if kind.endswith("hashes anew") and kind not in ROWS_ALONE),
}


def files(folder: Path) -> list[Path]:
    """All files of a stored study but its lock."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ".lock")


def mutate(of: Made, count: int, seed: int) -> Iterator[Tried]:
    """Damage the study ``count`` times, each time one that is whole, and tell what each does."""
    rng = random.Random(seed)
    before, _ = read_all(of.folder)
    whole = {path: path.read_bytes() for path in files(of.folder)}
    kinds = list(DAMAGES)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        jsons = [path for path in whole if path.suffix == ".json"]
        rows = [path for path in whole if path.suffix == ".parquet"]
        path = rng.choice(
            jsons if kind in JSON_ALONE else rows if kind in ROWS_ALONE else list(whole)
        )
        try:
            DAMAGES[kind](path, rng, of)
            yield Tried(
                kind,
                path.relative_to(of.folder).as_posix(),
                *outcome(of, before, anew=kind.endswith("hashes anew")),
            )
        finally:
            _restore(of.folder, whole)


def _restore(folder: Path, whole: dict[Path, bytes]) -> None:
    for path in [*folder.rglob("*")]:
        if path.is_symlink() or not (path.is_dir() or path in whole):
            path.unlink()
    for path, data in whole.items():
        if path.is_dir():
            path.rmdir()
        same = path.is_file() and path.stat().st_size == len(data)
        if not same or path.read_bytes() != data:
            path.unlink(missing_ok=True)
            path.write_bytes(data)


# Journals, and the states beside them


def journals(home: Path) -> Made:
    """Journals of two cells as a run that was killed leaves them: by report, and by blocks."""
    folder, task = home / "journals", make_task("synthetic-curves")
    folder.mkdir()
    with (
        patched(saved_states, LEAST_SECONDS=0.0, TIMES=0.0),
        patched(journal_blocks, BLOCK_SECONDS=0.0),
        patched(virtual, TELL_SECONDS=0.0),
    ):
        for seed, by_step in enumerate((True, False)):
            place = _place(folder, seed, by_step=by_step)
            run_cell(CellJob(Cell(task.name, "hyperband", seed), task, 3, journal=place))
    assert any(path.suffix == ".state" for path in files(folder))
    return Made(folder, folder, None)


def _place(folder: Path, seed: int, *, by_step: bool = True) -> JournalPlace:
    head = {"code": "x", "cell": f"synthetic-curves/hyperband/{seed}"}
    return JournalPlace(folder / f"{seed}.journal", folder, head, by_step)


@contextmanager
def patched(module: ModuleType, **values: float) -> Iterator[None]:
    """A module with other values for as long as that lasts."""
    before = {name: getattr(module, name) for name in values}
    vars(module).update(values)
    try:
        yield
    finally:
        vars(module).update(before)


def read_journals(folder: Path) -> list[list[str]]:
    """All reports of each journal, and then the states that it names, as text."""
    found = []
    for seed in (0, 1):
        journal = Journal(_place(folder, seed))
        try:
            entries = []
            while journal.replays:
                entries.append(repr(journal.next()))
            states = SavedStates(journal)
            entries += [f"state {trial}: {states.load(trial)!r}" for trial in journal.states]
        finally:
            journal.close()
        found.append(entries)
    return found


def journal_outcome(of: Made, before: list[list[str]], *, anew: bool) -> tuple[str, str]:
    """What became of what is read of journals."""
    now, told = attempted(lambda: read_journals(of.folder))
    if now is None:
        return told
    if now == before:
        return HARMLESS, ""
    known = [set(entries) for entries in before]
    for entries, own, whole in zip(now, known, before, strict=True):
        reports = [entry for entry in entries if not entry.startswith("state ")]
        states = [entry for entry in entries if entry.startswith("state ")]
        other = [one for one in states if one not in own and not one.endswith(": None")]
        if reports != whole[: len(reports)] or (other and len(reports) == len(whole)):
            return (AS_WRITTEN if anew else UNDETECTED), ""
    return UP_TO_THERE, ""


def change_a_record(path: Path, rng: random.Random, of: Made) -> None:
    """A value, a key or the length of one record, and all hashes from there on."""
    data, chain, out, number = path.read_bytes(), b"", b"", 0
    count = data.count(b"\n")
    which = rng.randrange(count)
    at = 0
    while at < len(data):
        end = data.find(b"\n", at)
        if end < 0:
            break
        text = data[at:end].partition(b" ")[2]
        try:
            record = json.loads(text)
        except ValueError:
            break
        size = record[2] if isinstance(record, list) and record[0] == "block" else 0
        columns = data[end + 1 : end + 1 + size]
        if number == which:
            text = _other_record(record, rng)
            if rng.random() < 0.3 and columns:
                columns = _flip(columns + bytes(8), rng)[: rng.choice((size, size, 0, 8))]
        chain = journal_module._hashed(chain, text, columns).encode()
        out += chain[: journal_module._HASH] + b" " + text + b"\n" + columns
        at, number = end + 1 + size, number + 1
    path.write_bytes(out)


def _other_record(record: Any, rng: random.Random) -> bytes:
    odd = (None, -1, 0, 10**30, 1e308, "../../x", "", [], {}, [[]], True, float("nan"), "9" * 5000)
    value = rng.choice(odd)
    holder, places = record, list(range(len(record))) if isinstance(record, list) else [*record]
    while places:
        key = rng.choice(places)
        inside = holder[key]
        if isinstance(inside, list | dict) and inside and rng.random() < 0.7:
            holder = inside
            places = list(range(len(inside))) if isinstance(inside, list) else [*inside]
            continue
        holder[key] = value
        break
    return json.dumps(record, separators=(",", ":")).encode()


JOURNAL_DAMAGES: dict[str, Damage] = {
    kind: damage
    for kind, damage in DAMAGES.items()
    if kind not in JSON_ALONE | ROWS_ALONE
    and kind not in ("a cell copied over another", "rows and record from another study")
    and kind != "from another study"
} | {"a record changed, hashes anew": change_a_record}


def mutate_journals(of: Made, count: int, seed: int) -> Iterator[Tried]:
    """As ``mutate``, for journals and states."""
    rng = random.Random(seed)
    before = read_journals(of.folder)
    whole = {path: path.read_bytes() for path in files(of.folder)}
    kinds = list(JOURNAL_DAMAGES)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        anew = kind.endswith("hashes anew")
        own = [path for path in whole if path.suffix == ".journal"]
        path = rng.choice(own if anew or rng.random() < 0.7 else list(whole))
        try:
            JOURNAL_DAMAGES[kind](path, rng, of)
            told = journal_outcome(of, before, anew=anew)
            yield Tried(kind, path.relative_to(of.folder).as_posix(), *told)
        finally:
            _restore(of.folder, whole)


FORMS: dict[str, Callable[[Made, int, int], Iterator[Tried]]] = {
    "run": mutate,
    "packed": mutate,
    "journals": mutate_journals,
}
"""What can be damaged: a run folder, a packed study, journals; and how."""


def main(count: int, seed: int = 1, forms: Sequence[str] = ()) -> int:
    """Try ``count`` damages of each form, or of some; print what they did; the exit code."""
    with tempfile.TemporaryDirectory(prefix="mutations-") as home:
        bad: list[Tried] = []
        run, packed = made(Path(home))
        studies = {"run": run, "packed": packed, "journals": journals(Path(home))}
        for name in forms or FORMS:
            of = studies[name]
            tried = list(FORMS[name](of, count, seed))
            found = Counter((one.kind, one.outcome) for one in tried)
            print(f"{name}: {len(tried)} mutations of {len(files(of.folder))} files")
            for kind in dict.fromkeys(one.kind for one in tried):
                told = ", ".join(
                    f"{n} {what}" for (own, what), n in sorted(found.items()) if own == kind
                )
                print(f"  {kind}: {told}")
            total = Counter(one.outcome for one in tried)
            print("  in all: " + ", ".join(f"{n} {what}" for what, n in sorted(total.items())))
            sys.stdout.flush()
            bad += [one for one in tried if one.outcome in BAD]
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"most memory: {most:.1f} GB")
        for one in bad:
            print(f"{one.outcome}: {one.kind} of {one.file}: {one.said[:300]}")
    return 1 if bad else 0


if __name__ == "__main__":
    words = sys.argv[1:]
    numbers = [int(word) for word in words if word.isdigit()]
    sys.exit(main(*(numbers or [500]), forms=[word for word in words if word in FORMS]))
