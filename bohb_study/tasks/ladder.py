"""The fidelities of a task: what each rung costs, and how a trial climbs them."""

from dataclasses import dataclass, replace

from bohb_study.errors import UsageError


@dataclass(frozen=True)
class Ladder:
    """The fidelities of a task; the top rung is one full evaluation."""

    unit: str
    """What the budget counts, in the singular: "epoch"."""
    costs: tuple[int, ...]
    """Units that rung i costs from scratch, increasing; need not be powers of eta."""
    eta: int
    """Halving rate: rung i stands at scheduler time ``eta**i``, all that Ray ever sees."""
    curve: bool
    """True: reports at every unit; then ``costs[i] == eta**i``."""
    resumable: bool
    """True: going on pays the difference; False: each rung is paid whole."""

    def __post_init__(self) -> None:
        """Raise ValueError for a ladder that contradicts itself."""
        if self.eta < 2:
            raise ValueError(f"eta must be at least 2, not {self.eta}")
        if not self.costs or self.costs[0] < 1 or list(self.costs) != sorted(set(self.costs)):
            raise ValueError(f"costs must be positive and increasing, not {self.costs}")
        if self.curve and not self.resumable:
            raise ValueError("a task with a curve is always resumable")
        if self.curve and self.costs != tuple(self.eta**i for i in range(len(self.costs))):
            raise ValueError(f"a curve's costs must be powers of eta {self.eta}, not {self.costs}")

    @property
    def top(self) -> int:
        """Units of one full evaluation."""
        return self.costs[-1]

    @property
    def max_time(self) -> int:
        """Scheduler time of the top rung (Ray's ``max_t``)."""
        return int(self.eta ** (len(self.costs) - 1))

    @property
    def times(self) -> tuple[int, ...]:
        """Scheduler time of each rung."""
        return tuple(self.eta**i for i in range(len(self.costs)))

    def time(self, level: int) -> int:
        """Scheduler time (``rung_time``) at ``level``: epoch on a curve, ``eta**i`` at rung i."""
        return level if self.curve else int(self.eta ** self.costs.index(level))

    def rung(self, level: int) -> int | None:
        """Index of the rung that stands at ``level``; None between rungs."""
        return self.costs.index(level) if level in self.costs else None

    def next_level(self, level: int, first_rung: int = 0) -> int:
        """Where a trial at ``level`` (0: not started) goes next.

        On a curve the next unit; otherwise ``first_rung`` to begin with, then rung by rung.
        """
        if self.curve:
            return level + 1
        return self.costs[first_rung] if level == 0 else self.costs[self.costs.index(level) + 1]

    def step_units(self, level: int, target: int) -> int:
        """Units charged for going from ``level`` to ``target``."""
        return target - level if self.resumable else target

    def with_eta(self, eta: int) -> "Ladder":
        """The same top and unit, climbed with another halving rate.

        A curve takes ``eta**i`` up to the same top. Otherwise ``eta`` must be a power m of the
        ladder's own eta, and every m-th rung counted from the top is kept.

        Raises:
            UsageError: the levels do not fit this eta.
        """
        if eta == self.eta:
            return self
        if self.curve:
            costs = powers(eta, self.top) if eta >= 2 else ()
            if not costs or costs[-1] != self.top:
                raise UsageError(
                    f"{eta}: does not fit {self.top} {self.unit}s; allowed: "
                    f"{', '.join(str(e) for e in _roots(self.top))}",
                    parameter="eta",
                )
            return replace(self, costs=costs, eta=eta)
        steps = len(self.costs) - 1
        fits = {self.eta**m: m for m in range(1, steps + 1) if steps % m == 0}
        if eta not in fits:
            raise UsageError(
                f"{eta}: does not fit the rungs {self.costs}; allowed: "
                f"{', '.join(str(e) for e in fits) or self.eta}",
                parameter="eta",
            )
        return replace(self, costs=self.costs[:: fits[eta]], eta=eta)


def powers(base: int, top: int) -> tuple[int, ...]:
    """1, ``base``, ``base**2``, ... up to the first that is at least ``top``; ``base`` above 1."""
    found = [1]
    while found[-1] < top:
        found.append(base * found[-1])
    return tuple(found)


def _roots(top: int) -> list[int]:
    """All e >= 2 with e**k == top for some k >= 1."""
    return [e for e in range(2, top + 1) if is_power(top, e)]


def is_power(value: int, base: int) -> bool:
    """Whether ``base`` to some power is ``value``, for a base of at least 2."""
    while value and value % base == 0:
        value //= base
    return value == 1
