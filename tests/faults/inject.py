"""Injects faults into running studies at random moments, and shows that nothing is lost.

    python tests/faults/inject.py --faults 200

Each study is hit several times, its command being given again each time; then it is let run to its
end and compared, cell by cell, with one that nothing happened to. Prints a table; exit 1 where a
cell or row was lost or differs, something hung, or something was left behind.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from faults import (
    Fault,
    by_signal,
    clock,
    full_disk,
    kill_child,
    lost_block,
    no_tools,
    read_only,
    two_drivers,
)
from runs import HERE, Place, ended

IN_A_STUDY = 4
"""Faults that one study is hit by."""
NEEDS: dict[str, tuple[str, ...]] = {
    "full disk": ("mount", "root"),
    "folder made read-only": ("chattr", "root"),
    "clock set back": ("gcc",),
    "system time jumps": ("gcc",),
}
"""What must be there for a fault."""
PLAN: tuple[tuple[str, str, Fault, int], ...] = (
    ("SIGKILL of the driver", "processes", by_signal(signal.SIGKILL), 30),
    ("SIGKILL of the driver", "actors", by_signal(signal.SIGKILL), 8),
    ("SIGKILL of the driver", "tune", by_signal(signal.SIGKILL), 8),
    ("SIGTERM of the driver", "processes", by_signal(signal.SIGTERM), 14),
    ("SIGTERM of the driver", "tune", by_signal(signal.SIGTERM), 4),
    ("SIGINT", "processes", by_signal(signal.SIGINT), 14),
    ("SIGINT", "actors", by_signal(signal.SIGINT), 4),
    ("SIGINT", "tune", by_signal(signal.SIGINT), 4),
    ("SIGINT twice", "processes", by_signal(signal.SIGINT, signal.SIGINT), 14),
    ("SIGINT twice", "tune", by_signal(signal.SIGINT, signal.SIGINT), 4),
    ("SIGINT while Python imports", "processes", by_signal(signal.SIGINT, first=0.9), 20),
    ("SIGHUP", "processes", by_signal(signal.SIGHUP), 12),
    ("SIGKILL of a cell's process", "processes", kill_child(b"pools.worker"), 16),
    ("SIGKILL of a Ray worker", "actors", kill_child(b"ray::Training"), 6),
    ("SIGKILL of a Ray worker", "tune", kill_child(b"ray::"), 6),
    ("full disk", "processes", full_disk, 10),
    ("folder made read-only", "processes", read_only, 10),
    ("clock set back", "processes", clock(-7200.0, 0.0), 6),
    ("system time jumps", "processes", clock(1e6, -1e6, 3e8, 0.0), 6),
    ("two drivers on one study", "processes", two_drivers, 8),
    ("last block of a file lost", "processes", lost_block, 24),
)
"""Kind, how cells are run, the fault, and its share of all faults."""
NODES = ("SIGKILL of a node", 5)
NO_TOKEN = {"RAY_AUTH_MODE": "disabled"}
"""The cluster of several nodes asks for none, whatever token this machine has."""


@dataclass
class Row:
    """What came of one kind of fault."""

    times: int = 0
    cells_lost: int = 0
    rows_lost: int = 0
    unequal: int = 0
    processes: int = 0
    files: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def bad(self) -> bool:
        """Whether anything was not as it must be."""
        counts = (self.cells_lost, self.rows_lost, self.unequal, self.processes, self.files)
        return any(counts) or bool(self.wrong)


class Injection:
    """All faults of a run, and what came of them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.dice = folder, random.Random(seed)
        self.rows: dict[str, Row] = defaultdict(Row)
        self.resumed: dict[str, int] = defaultdict(int)
        """Of the cells that went on in their middle: how many, and with how many reports."""
        self._known: dict[str, tuple[dict[str, Any], float]] = {}
        self._places = 0

    def place(self, kind: str, *more: str) -> Place:
        """A new output folder."""
        self._places += 1
        home = self.folder / str(self._places)
        (home / "out").mkdir(parents=True)
        (home / "tmp").mkdir()
        return Place(kind, home / "out", home / "tmp", f"{self.folder.name}-{self._places}", more)

    def known(self, kind: str) -> tuple[dict[str, Any], float]:
        """The cells of a study that nothing happened to, and how long it took."""
        if kind not in self._known:
            place = self.place(kind)
            began = time.monotonic()
            code, said = ended(place.start(), 300)
            assert code == 0, said
            self._known[kind] = (place.cells(), time.monotonic() - began)
        return self._known[kind]

    def hit(self, place: Place, faults: list[tuple[str, Fault]]) -> None:
        """Inject faults into one study, one after the other, then finish it and compare it."""
        cells, seconds = self.known(place.kind)
        hit = []
        for name, fault in faults:
            row = self.rows[name]
            try:
                if not fault(place, self.dice, seconds):
                    continue
            except AssertionError as error:
                row.wrong.append(str(error).replace("\n", " ")[:200])
                print(f"{place.mark} {name}: {row.wrong[-1]}", flush=True)
            hit.append(name)
            row.times += 1
        code, said = ended(place.start(), 300)
        left, files, found = place.left_processes(), place.left_files(), place.cells()
        for name in set(hit):
            row = self.rows[name]
            if code != 0:
                row.wrong.append(f"exit {code}: {said.strip().splitlines()[-1:]}")
                print(f"{place.mark} {name}: {row.wrong[-1]}", flush=True)
            row.processes += left
            row.files += len(files)
            if files:
                row.wrong.append(f"left behind: {sorted(files)[:3]}")
            for cell, record in cells.items():
                here = found.get(cell, {})
                row.cells_lost += here.get("status") != "done"
                row.rows_lost += max(0, record["rows"] - here.get("rows", 0))
                row.unequal += here.get("rows_hash") != record["rows_hash"]
        for record in found.values():
            if resumed := record.get("resumed"):
                self.resumed["cells"] += 1
                self.resumed["reports"] += resumed["reports"]
                self.resumed["repeated"] += resumed["repeated"]
        names = ", ".join(hit) or "nothing (all came too late)"
        bad = any(self.rows[name].bad for name in hit)
        print(f"{place.mark} {place.kind}: {names}{'  BAD' if bad else ''}", flush=True)
        if not bad:
            shutil.rmtree(place.out.parent, ignore_errors=True)

    def hit_nodes(self, times: int) -> None:
        """Kill a node of a Ray of three, while cells run there."""
        while self.rows[NODES[0]].times < times:
            with _cluster() as (cluster, said):
                place = self.place("cluster", "--address", said["address"])
                place.environment.update(NO_TOKEN)
                self.hit(place, [(NODES[0], _kill_node(cluster, said["raylets"]))])


@contextmanager
def _cluster() -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    process = subprocess.Popen(
        [sys.executable, HERE / "cluster.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **NO_TOKEN},
    )
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline() for _ in range(2)]
        yield process, json.loads(lines[-1])
    finally:
        process.communicate()


def _kill_node(cluster: subprocess.Popen[str], raylets: list[int]) -> Fault:
    def inject(place: Place, dice: random.Random, seconds: float) -> bool:
        process = place.start()
        time.sleep(dice.uniform(0.4, 1.0) * seconds)
        if process.poll() is not None:
            ended(process)
            return False
        subprocess.run(["kill", "-9", str(dice.choice(raylets))], check=False)
        assert cluster.stdin is not None
        cluster.stdin.write("\n")
        cluster.stdin.flush()
        code, said = ended(process, 180)
        assert "Traceback" not in said, said
        assert code == 0, f"exit {code}: {said.strip().splitlines()[-1:]}"
        return "is gone" in said or "ended unexpectedly" in said

    return inject


@contextmanager
def _small_disk(place: Place) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "bohb-faults", place.out], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place.out], check=True)


def planned(faults: int, dice: random.Random) -> dict[str, list[tuple[str, Fault]]]:
    """What is to happen, by how cells are run, in random order."""
    total = sum(share for *_, share in PLAN) + NODES[1]
    missing = no_tools()
    found: dict[str, list[tuple[str, Fault]]] = defaultdict(list)
    for name, kind, fault, share in PLAN:
        if lacks := [need for need in NEEDS.get(name, ()) if need in missing]:
            print(f"not injected: {name}: needs {', '.join(lacks)}", flush=True)
            continue
        where = "disk" if name == "full disk" else kind
        found[where] += [(name, fault)] * -(-share * faults // total)
    for group in found.values():
        dice.shuffle(group)
    return found


def table(rows: dict[str, Row]) -> str:
    """The outcome in markdown."""
    lines = [
        "| fault | times | cells lost | rows lost | frames unequal | processes left | files left |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        counts = (row.times, row.cells_lost, row.rows_lost, row.unequal, row.processes, row.files)
        lines.append(f"| {name} | {' | '.join(map(str, counts))} |")
    lines.append(f"| all | {sum(row.times for row in rows.values())} | | | | | |")
    return "\n".join(lines)


def main() -> int:
    """Inject, print the table; 1 where anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--faults", type=int, default=200, help="how many, about")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="only kinds whose name holds this")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bf"))  # short: Ray's sockets have their place there
    injection = Injection(folder, given.seed)
    groups = planned(given.faults, injection.dice)
    for kind, group in groups.items():
        left = [one for one in group if given.only in one[0]]
        while left:
            now, left = left[:IN_A_STUDY], left[IN_A_STUDY:]
            before = {name: injection.rows[name].times for name, _ in now}
            with ExitStack() as stack:
                place = injection.place("processes" if kind == "disk" else kind)
                if kind == "disk":
                    stack.enter_context(_small_disk(place))
                injection.hit(place, now)
            for name in before:  # what came too late comes again
                wanted = sum(one == name for one, _ in now)
                missed = wanted - (injection.rows[name].times - before[name])
                left += [one for one in now if one[0] == name][:missed]
    if given.only in NODES[0]:
        share = -(-NODES[1] * given.faults // sum(share for *_, share in PLAN))
        injection.hit_nodes(share)
    print(table(injection.rows))
    print(
        f"{injection.resumed['cells']} cells went on in their middle, with "
        f"{injection.resumed['reports']} reports of their journals and "
        f"{injection.resumed['repeated']} units trained again"
    )
    for name, row in injection.rows.items():
        for line in row.wrong:
            print(f"{name}: {line}")
    bad = any(row.bad for row in injection.rows.values())
    if not bad:
        shutil.rmtree(folder, ignore_errors=True)
    return bad


if __name__ == "__main__":
    sys.exit(main())
