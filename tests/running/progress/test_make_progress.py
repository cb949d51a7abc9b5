import pytest

from bohb_study.running.progress import CellProgress, make_progress
from bohb_study.running.progress.bars import BarProgress
from bohb_study.running.progress.lines import LineProgress


def test_an_interrupt_leaves_the_study_bar_and_gives_the_cursor_back(cells, terminal):
    def interrupted() -> None:
        with make_progress(terminal) as progress:
            assert isinstance(progress, BarProgress)
            progress.start(cells)
            progress.update(CellProgress("digits/grid/0", 50, 100, 0.5))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (study,) = terminal.lines()[-1:]
    assert "0/3 cells" in study
    shown, hidden = "\x1b[?25h", "\x1b[?25l"
    assert terminal.written.rfind(shown) > terminal.written.rfind(hidden)


def test_what_is_no_terminal_gets_lines(pipe):
    with make_progress(pipe) as progress:
        assert isinstance(progress, LineProgress)


def test_nothing_goes_to_stdout(capsys, cells):
    with make_progress() as progress:
        progress.start(cells)
        progress.finish("digits/grid/0", True, 3, 0.5)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "digits/grid/0 done" in captured.err
