"""How the actors of a cell spend its time, integrated as things change."""

from time import perf_counter

from bohb_study.engines.base import ParallelTraining


class ActorTime:
    """Counts actor seconds: with work, and without, by the reason.

    What changes is said before the change counts, so each span belongs to the state that it was in.
    """

    def __init__(self, actors: int) -> None:
        """Begin now, with ``actors`` that have not started."""
        self._actors = actors
        self._began = self._since = perf_counter()
        self._wall = self._waiting = self._idle = 0.0
        self._free = 0
        self._held = 0
        self.busy = 0.0
        """Seconds that actors have said to have worked."""

    def free(self, change: int) -> None:
        """As many more actors than before have started and have nothing to do."""
        self._tick()
        self._free += change

    def held(self, change: int) -> None:
        """As many more reports than before are held back until they are due."""
        self._tick()
        self._held += change

    def stop(self) -> None:
        """No time is counted from here on."""
        self._tick()
        self._wall = perf_counter() - self._began
        self._free = 0

    def _tick(self) -> None:
        now = perf_counter()
        span = self._free * (now - self._since)
        if self._held:
            self._waiting += span
        else:
            self._idle += span
        self._since = now

    def spent(self, repeated: int, unused: int, deaths: int) -> ParallelTraining:
        """What was counted until ``stop``, with units and deaths that others have counted."""
        return ParallelTraining(
            self._actors,
            self._wall,
            self.busy,
            self._waiting,
            self._idle,
            repeated,
            unused,
            deaths,
        )
