"""The errors that a person at the terminal is meant to read: one line each, never a traceback."""


class UsageError(Exception):
    """Something that was asked for is not possible as asked; nothing was run (exit 2).

    The message names what was given, what is allowed and, where it helps, what to do. What is to
    be given is written as in Python, such as ``fresh=True``; the command line writes it as a flag.
    """

    def __init__(self, message: str, parameter: str = "") -> None:
        """Make an error that begins with the name of a parameter.

        Args:
            message: what follows the parameter: the value and a colon, or a colon at once where
                the value says nothing.
            parameter: what was asked for by its name in Python, such as ``budget``; empty where it
                is none that has a name.
        """
        super().__init__(message, parameter)  # both, so that a copy of another process has both
        self.message = message
        self.parameter = parameter

    def __str__(self) -> str:
        """One line for people: ``budget 0.5: must be at least 1``."""
        return after(self.parameter, self.message)


class StudyError(Exception):
    """A run, a file or a check failed while or after running (exit 1)."""


def after(name: str, message: str) -> str:
    """``message`` with the name of what it is about before it; a colon stands close to it."""
    if not name:
        return message
    return f"{name}{'' if message.startswith(': ') else ' '}{message}"
