"""What a command calls before it imports anything that is slow."""

from bohb_study import interrupts, numerics, streams


def guard() -> None:
    """Take over this process's signals and output, and hold it to the baseline's kernels.

    See ``interrupts``, ``streams`` and ``numerics``.

    A script calls it where it is run as such, right after importing this module::

        from bohb_study import start

        if __name__ == "__main__":
            start.guard()
    """
    interrupts.guard()
    streams.guard()
    numerics.hold()
