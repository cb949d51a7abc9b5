"""The errors that a person at the terminal is meant to read: one line each, never a traceback."""


class UsageError(Exception):
    """Something that was asked for is not possible as asked; nothing was run (exit 2).

    The message names what was given, what is allowed and, where it helps, what to do.
    """


class StudyError(Exception):
    """A run, a file or a check failed while or after running (exit 1)."""
