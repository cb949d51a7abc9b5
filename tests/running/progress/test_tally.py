import pytest

from bohb_study.running.progress import CellProgress
from bohb_study.running.progress.tally import Tally, duration


def test_units_count_stored_running_and_ended_cells(clock, cells):
    tally = Tally(clock)
    tally.start(cells, stored={"digits/grid/0"})
    assert (tally.cells, tally.ended, tally.units, tally.done) == (3, 1, 400, 100)
    tally.update(CellProgress("digits/bohb/0", 40, 100, None))
    assert tally.done == 140
    tally.finish("digits/bohb/0", ok=True)  # what it left unspent is behind us too
    assert (tally.ended, tally.done, tally.failed) == (2, 200, 0)


def test_time_left_is_the_pace_of_this_run_not_of_what_was_stored(clock, cells):
    tally = Tally(clock)
    tally.start(cells, stored={"digits/grid/0"})
    assert tally.left() == ""
    clock.now = 10
    tally.update(CellProgress("digits/bohb/0", 50, 100, 0.5))
    assert tally.left() == "0:50 left"  # 250 units at 5 a second
    assert tally.left("digits/bohb/0") == ""  # it was first heard of only now
    clock.now = 20
    tally.update(CellProgress("digits/bohb/0", 75, 100, 0.5))
    assert tally.left("digits/bohb/0") == "0:10 left"  # 25 units at 2.5 a second


def test_no_time_is_left_at_the_end(clock):
    tally = Tally(clock)
    tally.start({"digits/bohb/0": 100}, stored=())
    clock.now = 10
    tally.finish("digits/bohb/0", ok=False)
    assert (tally.left(), tally.failed) == ("", 1)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3661, "1:01:01")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text
