"""The journal of a cell: what is read is what was written, up to where the file is damaged."""

import errno
import json
import math
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bohb_study.engines import journal as journal_module
from bohb_study.engines.journal import Entry, Journal, Step, check_head, read_head
from bohb_study.engines.journal_place import JournalPlace
from bohb_study.errors import StudyError
from bohb_study.tasks import Report

NAN = float("nan")
REPORTS = (
    Report(0.1 + 0.2, -0.0, 1.5, 3, "ok", {"memory": math.pi}),
    Report(5e-324, NAN, 0.0, 6, "ok", {"memory": NAN}),
    Report(NAN, NAN, 2.0, 9, "failed", {"memory": math.inf}, "ValueError: <b>ä</b> \u2028 \x1b[1m"),
    Report(NAN, NAN, 2.0, 9, "diverged", {}),
)
STEPS = tuple(Step(str(i % 2), f"c{i % 2}", 3 + i, 3) for i in range(len(REPORTS)))


@pytest.fixture
def place(tmp_path: Path) -> JournalPlace:
    return JournalPlace(tmp_path / "journals" / "t" / "m" / "0.journal", tmp_path, {"code": "x"})


def written(place: JournalPlace, reports: int = len(REPORTS)) -> bytes:
    """The file of a journal with so many reports, the last of which is limited."""
    journal = Journal(place)
    assert not journal.replays
    for number in range(reports):
        journal.add_step(STEPS[number])
        last = number == len(REPORTS) - 1
        journal.add_report(STEPS[number], REPORTS[number], limited=last)
    journal.close()
    return place.path.read_bytes() if place.path.exists() else b""


def read(place: JournalPlace) -> list[Entry]:
    journal = Journal(place)
    found = []
    while journal.replays:
        found.append(journal.next())
    assert journal.given == len(found)
    journal.close()
    return found


EXPECTED = [
    repr(Entry(*step, report, report is REPORTS[-1]))
    for step, report in zip(STEPS, REPORTS, strict=True)
]


def test_reports_come_back_as_they_were(place: JournalPlace) -> None:
    """Bit for bit: the sign of zero, the smallest number, NaN, and any message."""
    written(place)
    assert [repr(entry) for entry in read(place)] == EXPECTED


def test_nothing_is_lost_but_what_is_cut_off(place: JournalPlace) -> None:
    """Cut at every byte: the reports before it are read, and others can be added behind them."""
    data = written(place)
    whole = len(EXPECTED)
    counts = set()
    for size in range(0, len(data), 7):
        place.path.write_bytes(data[:size])
        found = [repr(entry) for entry in read(place)]
        assert found == EXPECTED[: len(found)]
        counts.add(len(found))
        before = len(found)
        journal = Journal(place)
        while journal.replays:
            journal.next()
        journal.add_report(STEPS[0], REPORTS[0])
        journal.close()
        assert [repr(entry) for entry in read(place)] == [*EXPECTED[:before], EXPECTED[0]]
    assert counts == {*range(whole)}


def test_a_flipped_bit_ends_what_is_read(place: JournalPlace) -> None:
    """Whatever follows it: the hashes are a chain."""
    data = written(place)
    for position in range(0, len(data), 5):
        damaged = bytearray(data)
        damaged[position] ^= 1 << (position % 8)
        place.path.write_bytes(damaged)
        found = [repr(entry) for entry in read(place)]
        assert found == EXPECTED[: len(found)]
        assert len(found) < len(EXPECTED)


def test_it_knows_how_often_it_was_begun_and_in_which_step_it_ended(place: JournalPlace) -> None:
    written(place, 1)
    journal = Journal(place)
    assert (journal.next().report, journal.resumed, journal.step) == (REPORTS[0], 1, None)
    journal.add_step(STEPS[1])
    journal.add_death("was killed by SIGSEGV")
    journal.close()
    journal = Journal(place)
    journal.next()
    assert (journal.resumed, journal.step, journal.deaths) == (
        2,
        STEPS[1],
        ["was killed by SIGSEGV"],
    )
    journal.add_step(STEPS[1])  # begun once more
    journal.close()
    journal = Journal(place)
    journal.next()
    assert (journal.step, len(journal.deaths)) == (STEPS[1], 1)
    journal.close()


def test_one_that_does_not_fit_is_refused_in_a_line_and_kept(place: JournalPlace) -> None:
    data = written(place)
    for head, said in (
        ({"code": "y"}, "begun with code x, here y; delete the file"),
        ({"code": {"numpy": "2.1"}}, "code x, here {'numpy': '2.1'}; delete"),
        ({"code": "x", "workers": 3}, "workers none, here 3"),
    ):
        other = JournalPlace(place.path, place.within, head)
        for refuses in (Journal, check_head):
            with pytest.raises(StudyError) as caught:
                refuses(other)  # type: ignore[operator]
            assert said in str(caught.value)
            assert "\n" not in str(caught.value)
    assert place.path.read_bytes() == data
    assert read_head(place) == {"format": 1, "code": "x"}
    inner = JournalPlace(place.path, place.within, {"code": {"numpy": "2.1", "scipy": "1"}})
    shutil.rmtree(place.path.parent)
    written(inner)
    other = JournalPlace(place.path, place.within, {"code": {"numpy": "2.2", "scipy": "1"}})
    with pytest.raises(StudyError, match=r"begun with numpy 2\.1, here 2\.2"):
        check_head(other)


def test_it_leads_nowhere(place: JournalPlace, tmp_path: Path) -> None:
    """Links in the place of the file or of a folder are refused, pipes are not waited for."""
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    place.path.parent.mkdir(parents=True)
    place.path.symlink_to(outside / "file")
    with pytest.raises(StudyError, match="is a link"):
        Journal(place)
    place.path.unlink()
    os.mkfifo(place.path)
    with pytest.raises(StudyError, match="is no file of its own"):
        Journal(place)
    shutil.rmtree(tmp_path / "journals")
    (tmp_path / "journals").symlink_to(outside)
    for opens in (Journal, read_head):
        with pytest.raises(StudyError, match=r"is a link|cannot open"):
            opens(place)  # type: ignore[operator]
    assert (outside / "file").read_text() == "mine"
    assert [path.name for path in outside.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "text",
    [
        b"x" * 3_000_000,
        b"[" * 200_000 + b"]" * 200_000,
        b'["report"]',
        b'["report","0","c",1,1,0.5,[0.5,0.5,1.0,1,"ok",null,""],false]',
        b'["block",0,0,0.1,{"reports":1,"failures":3,"extra":[]}]',
        b'["report","0","c",1,1,0.5,[1,2,3,4,"odd",{},""],false]',
        b'["report","0","c",1,1,0.5,{"a":1},false]',
        b'["block",0,99999999999999,0.1,{}]',
        b'["block",0,8,0.1,{"reports":1000000000000,"extra":[]}]',
        b'["block",0,0,0.1,{"reports":-1,"extra":[]}]',
        b'["state","../../x",3]',
        b"17",
        b"null",
        b'{"a":1}',
        b"\xff\xfe",
    ],
)
def test_records_that_nobody_wrote_are_not_read(text: bytes, place: JournalPlace) -> None:
    """With a hash that holds."""
    written(place, 1)
    journal = Journal(place)
    journal.next()
    chain = journal_module._hashed(journal._chain, text, b"")
    journal.close()
    with place.path.open("ab") as file:
        file.write(chain[:16].encode() + b" " + text + b"\n" + b"\0" * 8)
    assert [repr(entry) for entry in read(place)] == EXPECTED[:1]


def test_a_full_disk_ends_the_journal_and_not_the_cell(
    place: JournalPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was half written is cut off, so that all that is left can be read."""
    journal = Journal(place)
    journal.add_report(STEPS[0], REPORTS[0])
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) > 40:
            return write(descriptor, bytes(data[:40]))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal_module.os, "write", full)
    journal.add_report(STEPS[1], REPORTS[1])
    monkeypatch.undo()
    assert journal.broken == "No space left on device"
    journal.add_report(STEPS[2], REPORTS[2])  # there would be space again
    journal.close()
    assert [repr(entry) for entry in read(place)] == EXPECTED[:1]


def test_one_process_has_it(place: JournalPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one waits for a while: the process of a run that was killed may be about to end."""
    first = Journal(place)
    monkeypatch.setattr(journal_module, "LOCK_SECONDS", 0.0)
    with pytest.raises(StudyError, match="being written by another process"):
        Journal(place)
    monkeypatch.setattr(journal_module, "LOCK_SECONDS", 30.0)
    timer = threading.Timer(0.3, first.close)
    timer.start()
    Journal(place).close()
    timer.join()


def test_it_is_flushed_within_the_second_and_at_rungs_at_once(
    place: JournalPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = threading.Event()
    fsync: Callable[[int], None] = os.fsync

    def seen(descriptor: int) -> None:
        fsync(descriptor)
        flushed.set()

    monkeypatch.setattr(journal_module.os, "fsync", seen)
    monkeypatch.setattr(journal_module, "SYNC_SECONDS", 600.0)
    journal = Journal(place)
    journal.add_report(STEPS[0], REPORTS[0])
    journal.sync()
    assert flushed.wait(10)
    monkeypatch.setattr(journal_module, "SYNC_SECONDS", 0.01)
    flushed.clear()
    journal.add_report(STEPS[1], REPORTS[1])
    journal.sync()  # the one before was asked to wait for ten minutes
    flushed.clear()
    journal.add_report(STEPS[2], REPORTS[2])
    assert flushed.wait(10)
    journal.close()


def test_heads_are_compared_as_they_are_stored(place: JournalPlace) -> None:
    """Tuples and lists are one in JSON."""
    head: dict[str, Any] = {"levels": (1, 3)}
    given = JournalPlace(place.path, place.within, head)
    written(given)
    check_head(given)
    assert json.loads(place.path.read_text().splitlines()[0].partition(" ")[2])["levels"] == [1, 3]
