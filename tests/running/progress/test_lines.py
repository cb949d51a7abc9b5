from bohb_study.running.progress import CellProgress
from bohb_study.running.progress.lines import LineProgress
from bohb_study.scores import Score


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


def test_a_score_has_its_own_sign_and_name_and_small_losses_their_digits(clock, cells, pipe):
    scores = {"acc": Score.of("-accuracy"), "digits": Score.of("validation cross-entropy")}
    progress = LineProgress(pipe, clock, scores=scores)
    progress.start({"acc/bohb/0": 9, "digits/bohb/0": 9})
    for clock.now in (1, 40):
        progress.update(CellProgress("acc/bohb/0", 3, 9, -0.9375))
    progress.finish("acc/bohb/0", True, 41, -0.95)
    progress.finish("digits/bohb/0", True, 41, 2.479e-5)
    said = pipe.written.splitlines()
    assert said[1].endswith("acc/bohb/0 3/9 best accuracy 0.9375")
    assert said[2] == "acc/bohb/0 done in 0:41, best accuracy 0.95 (1/2 cells)"
    assert said[3] == "digits/bohb/0 done in 0:41, best 2.479e-05 (2/2 cells)"
