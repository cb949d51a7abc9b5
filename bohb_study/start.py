"""What a command calls before it imports anything that is slow."""

from bohb_study import interrupts, numerics, streams


def guard(*, computes: bool = True) -> None:
    """Take over this process's signals and output, and hold it to the baseline's kernels.

    See ``interrupts``, ``streams`` and ``numerics``. A user's program calls it where it is
    run as such, right after importing this module::

        from bohb_study import start

        if __name__ == "__main__":
            start.guard()

    Args:
        computes: whether numbers are computed; only then may the process have to be started anew.
    """
    interrupts.guard()
    streams.guard()
    if computes:
        numerics.hold()
