from bohb_study.progress import CellProgress
from bohb_study.progress.lines import LineProgress


def test_lines_tell_of_ended_cells_and_never_move_the_cursor(clock, cells, pipe):
    progress = LineProgress(pipe, clock)
    progress.start(cells, stored={"digits/grid/0"})
    progress.update(CellProgress("digits/bohb/0", 40, 100, 0.25))
    progress.finish("digits/bohb/0", True, 61, 0.125)
    progress.finish("digits/hpbandster-hyperband/0", False, 5, None)
    progress.message("[brackets] stay")
    assert pipe.written.splitlines() == [
        "study of 3 cells, 1 of them done before",
        "digits/bohb/0 done in 1:01, best 0.125 (2/3 cells)",
        "digits/hpbandster-hyperband/0 FAILED in 0:05, best none (3/3 cells)",
        "[brackets] stay",
    ]


def test_a_heartbeat_breaks_a_long_silence_once(clock, cells, pipe):
    progress = LineProgress(pipe, clock)
    progress.start(cells)
    for clock.now in range(1, 46):
        progress.update(CellProgress("digits/grid/0", clock.now, 100, 0.25))
        progress.update(CellProgress("digits/bohb/0", clock.now, 100, None))
    assert pipe.written.splitlines()[1:] == [
        "0/3 cells, 2:53 left; digits/grid/0 30/100 best 0.25; digits/bohb/0 29/100 best -"
    ]
