"""What is optimised: ladder, report, evaluation, task.

A task says what a configuration is, how far it can be evaluated and what it costs; it knows
nothing of searchers, schedulers or Ray.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from bohb_study.errors import UsageError
from bohb_study.seeding import Config

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Status = Literal["ok", "diverged", "failed"]


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
            costs = [1]
            while eta >= 2 and costs[-1] < self.top:
                costs.append(costs[-1] * eta)
            if costs[-1] != self.top or eta < 2:
                raise UsageError(
                    f"--eta {eta}: does not fit {self.top} {self.unit}s; allowed: "
                    f"{', '.join(str(e) for e in _roots(self.top))}"
                )
            return replace(self, costs=tuple(costs), eta=eta)
        steps = len(self.costs) - 1
        fits = {self.eta**m: m for m in range(1, steps + 1) if steps % m == 0}
        if eta not in fits:
            raise UsageError(
                f"--eta {eta}: does not fit the rungs {self.costs}; allowed: "
                f"{', '.join(str(e) for e in fits) or self.eta}"
            )
        return replace(self, costs=self.costs[:: fits[eta]], eta=eta)


def _roots(top: int) -> list[int]:
    """All e >= 2 with e**k == top for some k >= 1."""
    return [e for e in range(2, top + 1) if _is_power(top, e)]


def _is_power(value: int, base: int) -> bool:
    while value % base == 0:
        value //= base
    return value == 1


class Report(NamedTuple):
    """What came back from one step of an evaluation."""

    val_loss: float
    """Finite, lower is better; the only number that methods see."""
    test_loss: float
    """Finite; only ever reported of a configuration that was chosen on ``val_loss``."""
    seconds: float
    """Measured; decides nothing."""
    units: int
    """Units that this step really executed, counted where the work is done."""
    status: Status = "ok"
    """Whether the numbers are a result, or stand for a training that diverged or failed."""
    extra: Mapping[str, float] = {}
    """Further measurements; stored as ``extra.<name>``, they decide nothing."""
    message: str = ""
    """Why a training failed, in one line; kept beside the rows."""


class Evaluation(ABC):
    """One configuration being evaluated; can be put away and taken up again exactly."""

    @abstractmethod
    def advance(self, level: int) -> Report:
        """Go straight to ``level`` (above the current one) and report."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything that ``restore`` needs to go on as if nothing had happened; picklable."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state of the same task, seed and configuration."""


@dataclass(frozen=True)
class Task(ABC):
    """An objective with a search space, a ladder and a loss; its dataclass fields are its options.

    Small and picklable: data are loaded where and when an evaluation starts.
    """

    name: str = field(kw_only=True)
    """What the registry, the frames and the folders call it."""
    eta: int | None = field(default=None, kw_only=True)
    """Halving rate; None for the task's own."""

    # What follows may be a plain class attribute (as in digits.py), or a property where one class
    # serves several names.

    @property
    @abstractmethod
    def summary(self) -> str:
        """One line for ``--list``."""

    @property
    @abstractmethod
    def val_metric(self) -> str:
        """What ``val_loss`` measures, for axes and tables."""

    @property
    @abstractmethod
    def test_metric(self) -> str:
        """What ``test_loss`` measures."""

    @property
    def extra_names(self) -> tuple[str, ...]:
        """Keys of ``Report.extra``."""
        return ()

    @property
    def optimum(self) -> float | None:
        """Lowest possible noise-free loss, where known."""
        return None

    @property
    @abstractmethod
    def failure_loss(self) -> float:
        """Finite loss that stands for a diverged or failed training; worse than any real one."""

    @property
    @abstractmethod
    def failure_test_loss(self) -> float:
        """The same for ``test_loss``."""

    @property
    @abstractmethod
    def grid_order(self) -> tuple[str, ...]:
        """Hyperparameters, most important first: the order in which grid search refines."""

    @property
    def computed(self) -> bool:
        """Whether an evaluation costs next to nothing: computed or looked up, nothing trained."""
        return False

    @property
    def uses_gpu(self) -> bool:
        """Whether an evaluation runs on a GPU where its process may use one."""
        return False

    @property
    def data_sha256(self) -> str | None:
        """What decides rows beside the options: the data read from files, if any."""
        return None

    @property
    def can_pause(self) -> bool:
        """Whether an evaluation can be put away and taken up again; some methods need it."""
        return True

    @property
    def only_engine(self) -> Literal["tune"] | None:
        """The one engine that can run it; None where each can."""
        return None

    @property
    @abstractmethod
    def own_ladder(self) -> Ladder:
        """The ladder at the task's own eta."""

    @property
    def ladder(self) -> Ladder:
        """The ladder in use."""
        return self.own_ladder if self.eta is None else self.own_ladder.with_eta(self.eta)

    def prepare(self, *, download: bool = False) -> None:  # noqa: B027 (most need nothing)
        """See that all that an evaluation reads is on this machine.

        Args:
            download: fetch what is not.

        Raises:
            UsageError: something is missing or damaged.
        """

    @abstractmethod
    def space(self, seed: int) -> "ConfigurationSpace":
        """The ONE space that every method draws from; ``seed`` seeds its own random stream."""

    @abstractmethod
    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin evaluating ``config`` under the STUDY's ``seed`` (which also draws the split).

        The training's own seed is ``seeding.trial_seed(name, seed, config)``.
        """

    def retrain(self, config: Config, seed: int, repeat: int) -> Evaluation:
        """Begin a training of ``config`` with a fresh training seed, on the split of ``seed``.

        A configuration that was chosen for its loss was chosen for its luck as well; trained again
        it shows what it is worth. ``seeding.retraining_seed`` gives the seed of each ``repeat``.

        Raises:
            NotImplementedError: nothing is trained here.
        """
        raise NotImplementedError(f"{self.name} is not trained again")

    def on_all_data(self) -> "Task | None":
        """The same training without a validation part, on all data but the test part, if any.

        Its ``val_loss`` is measured on the test part and must choose nothing.
        """
        return None

    def true_loss(self, config: Config) -> float | None:
        """Noise-free loss at full fidelity, where it costs nothing; else None."""
        return None

    @abstractmethod
    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds from level ``start`` to ``end``: the only source of virtual time.

        ``start`` is 0 where nothing resumes.
        """

    def failure(
        self, units: int, seconds: float, status: Status = "failed", message: str = ""
    ) -> Report:
        """The report that stands for a training without a usable result."""
        return Report(
            val_loss=self.failure_loss,
            test_loss=self.failure_test_loss,
            seconds=seconds,
            units=units,
            status=status,
            extra=dict.fromkeys(self.extra_names, float("nan")),
            message=message,
        )
