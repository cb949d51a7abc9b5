"""The terminal shows no ``^C`` while bars are drawn, and is given back as it was."""

import os
import pty
import termios
from pathlib import Path

from bohb_study.running.progress.echo import hide_control_keys
from fresh_python import printed

SCRIPT = """
import os, sys, termios
os.setsid()
terminal = os.open(sys.argv[1], os.O_RDWR)  # the first one that a session opens is its own
from bohb_study.running.progress.echo import hide_control_keys

def shown():
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHOCTL)

before = termios.tcgetattr(terminal)
restore = hide_control_keys(terminal)
print(shown())
restore()
print(termios.tcgetattr(terminal) == before)
"""


def test_hidden_and_given_back() -> None:
    ours, theirs = pty.openpty()
    said = printed(SCRIPT, os.ttyname(theirs))
    os.close(ours)
    os.close(theirs)
    assert said == "False\nTrue\n"


def test_what_is_no_terminal_of_ours_is_left_alone(tmp_path: Path) -> None:
    """A file, nothing at all, and a terminal that belongs to others."""
    with (tmp_path / "file").open("w") as file:
        hide_control_keys(file.fileno())()
    hide_control_keys(-1)()
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    restore = hide_control_keys(theirs)
    assert termios.tcgetattr(theirs) == before
    restore()
    os.close(ours)
    os.close(theirs)
