from bohb_study.running.progress import CellProgress
from bohb_study.running.progress.bars import BarProgress
from bohb_study.scores import Score


def test_bars_show_the_study_and_the_running_cells_in_80_columns(clock, cells, terminal):
    progress = BarProgress(terminal, clock)
    progress.start(dict.fromkeys(cells, 36450))
    for clock.now in (1, 11):
        progress.update(CellProgress("digits/bohb/0", 1, 36450, None))
        progress.update(
            CellProgress("digits/hpbandster-hyperband/0", int(1000 * clock.now), 36450, 0.0123456)
        )
    clock.now = 12
    progress.update(CellProgress("digits/bohb/0", 100, 36450, 1.5))
    study, bohb, hyperband = terminal.lines()[-3:]
    progress.close()
    assert study.startswith("study ")
    assert "0/3 cells" in study
    assert study.rstrip().endswith("1:46 left")
    assert bohb.startswith("digits/bohb/0 ")
    assert " 100/36450 units" in bohb
    assert " best 1.5 " in bohb
    assert hyperband.startswith("digits/hpbandster-hyperband/0 ")
    assert "11000/36450 units best 0.01235" in hyperband
    assert max(len(line) for line in (study, bohb, hyperband)) <= 80
    assert "\u2026" not in study + bohb + hyperband  # nothing is cut short


def test_the_bar_of_an_ended_cell_gives_way_to_a_line(clock, cells, terminal):
    progress = BarProgress(terminal, clock)
    progress.start(cells)
    progress.update(CellProgress("digits/grid/0", 50, 100, 0.5))
    progress.finish("digits/grid/0", False, 3, 0.5)
    line, study = terminal.lines()[-2:]
    progress.close()
    assert "digits/grid/0 FAILED in 0:03, best 0.5" in terminal.written
    assert "units" not in line
    assert "1/3 cells 1 failed" in study


def test_a_bar_shows_a_score_with_its_own_sign_and_name(clock, cells, terminal):
    progress = BarProgress(terminal, clock, scores={"digits": Score.of("-accuracy")})
    progress.start(cells)
    for clock.now in (1, 2):
        progress.update(CellProgress("digits/grid/0", 50, 100, -0.9))
    bar = terminal.lines()[-1]
    progress.close()
    assert "50/100 units best accuracy 0.9" in bar
