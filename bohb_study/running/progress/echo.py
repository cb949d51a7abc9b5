"""Keys that are pressed while bars are drawn: they must not be written into them."""

import os
import termios
from collections.abc import Callable
from contextlib import suppress

_LOCAL = 3
"""Where a terminal's attributes hold the flags of echoing."""


def hide_control_keys(descriptor: int) -> Callable[[], None]:
    """Have the terminal at ``descriptor`` not show ``^C`` where Ctrl-C is pressed.

    The two characters would stand behind the last bar, and may begin a new line there, so that the
    next drawing is a line too low. Does nothing where that is no terminal, or another program's
    turn: the system stops a process in the background that changes its terminal.

    Returns:
        Gives the terminal back as it was.
    """
    if not _in_foreground(descriptor):
        return lambda: None
    before = termios.tcgetattr(descriptor)
    hidden = [*before]
    hidden[_LOCAL] &= ~termios.ECHOCTL
    termios.tcsetattr(descriptor, termios.TCSADRAIN, hidden)

    def restore() -> None:
        if _in_foreground(descriptor):
            with suppress(termios.error):  # it may be gone
                termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    return restore


def _in_foreground(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False
