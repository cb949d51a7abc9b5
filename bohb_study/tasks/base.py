"""Report, evaluation and task: the objectives that methods optimise.

A task says what a configuration is, how far it can be evaluated and what it costs; it knows
nothing of searchers, schedulers or Ray.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from bohb_study.losses import LOSS_LIMIT
from bohb_study.seeding import Config
from bohb_study.tasks.ladder import Ladder

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Status = Literal["ok", "diverged", "failed"]


class Report(NamedTuple):
    """What came back from one step of an evaluation."""

    val_loss: float
    """Finite and below ``LOSS_LIMIT``, lower is better; NaN where ``status`` is not ok. The only
    number that methods see."""
    test_loss: float
    """NaN where it is not defined. It reaches no method, and is only ever reported of a
    configuration that was chosen on ``val_loss``."""
    seconds: float
    """Measured; decides nothing."""
    units: int
    """Units that this step really executed, counted where the work is done."""
    status: Status = "ok"
    """Whether there is a result, or the training has diverged or failed."""
    extra: Mapping[str, float] = {}
    """Further measurements; stored as ``extra.<name>``, they decide nothing."""
    message: str = ""
    """Why a training failed, in one line; kept beside the rows."""


def number(value: Any, what: str) -> float:
    """``value`` as a float: a number of Python's or numpy's, or a tensor of one element.

    Raises:
        ValueError: it is none; names ``what`` it should be.
    """
    if type(value) is float:
        return value
    try:
        if hasattr(value, "item"):
            value = value.item()  # a tensor warns where it has a gradient and is not asked for it
        return float("no text" if isinstance(value, str | bytes) else value)
    except Exception:  # what is no number may raise anything when it is asked to be one
        raise ValueError(f"{what} is no number but {type(value).__name__}") from None


def usable(report: Report) -> Report:
    """The report with losses as the rows have them.

    A report that is not ok has none. A test loss decides nothing, so one that is no number below
    ``LOSS_LIMIT`` is NaN.

    Raises:
        ValueError: it is ok, and its validation loss is no number below ``LOSS_LIMIT``.
    """
    val, test = report.val_loss, report.test_loss
    if report.status != "ok":
        if type(val) is type(test) is float and val != val and test != test:
            return report
        return report._replace(val_loss=float("nan"), test_loss=float("nan"))
    if type(val) is type(test) is float and abs(val) < LOSS_LIMIT and abs(test) < LOSS_LIMIT:
        return report  # nearly all are, and are not looked at further
    val = number(report.val_loss, "the loss")
    if not abs(val) < LOSS_LIMIT:
        raise ValueError(f"the loss is {val}: it must be finite, and below 2**1000 in size")
    test = defined(report.test_loss)
    if val is report.val_loss and test is report.test_loss:
        return report
    return report._replace(val_loss=val, test_loss=test)


def defined(value: Any) -> float:
    """``value`` as a float; NaN where it is no number below ``LOSS_LIMIT`` in size."""
    try:
        found = number(value, "it")
    except ValueError:
        return float("nan")
    return found if abs(found) < LOSS_LIMIT else float("nan")


class Evaluation(ABC):
    """One configuration being evaluated; it can be paused and resumed exactly."""

    @abstractmethod
    def advance(self, level: int) -> Report:
        """Go straight to ``level`` (above the current one) and report."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything that ``restore`` needs to go on as if nothing had happened; picklable."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a state of the same task, seed and configuration."""


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
        """The task in one line, for lists of tasks."""

    @property
    @abstractmethod
    def val_metric(self) -> str:
        """What ``val_loss`` measures, for axes and tables."""

    @property
    @abstractmethod
    def test_metric(self) -> str:
        """What ``test_loss`` measures, as tables name it."""

    @property
    def extra_names(self) -> tuple[str, ...]:
        """Keys of ``Report.extra``: further measurements, which decide nothing."""
        return ()

    @property
    def optimum(self) -> float | None:
        """Lowest possible noise-free loss, where known."""
        return None

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
        """Whether an evaluation can be paused and resumed; some methods need it."""
        return True

    @property
    def data_parallel(self) -> bool:
        """Whether one evaluation can be spread over the ranks of a ``torch.distributed`` group."""
        return False

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Every global batch that a configuration can ask for; empty where they are a range."""
        return ()

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
        """The ladder of fidelities in use, after options and eta."""
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

    def split_sha256(self, seed: int) -> str | None:
        """What the study's ``seed`` makes of the data: over the indices of all parts.

        None where nothing is split. All methods must see the same; the audit compares it.
        """
        return None

    @abstractmethod
    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin evaluating ``config`` under the STUDY's ``seed`` (which also draws the split).

        The training's own seed is ``seeding.trial_seed(name, seed, config)``.
        """

    def retrain(self, config: Config, seed: int, repeat: int) -> Evaluation:
        """Begin a training of ``config`` with a fresh training seed, on the split of ``seed``.

        A configuration that was chosen for its loss was chosen for its luck as well; retrained
        it shows what it is worth. ``seeding.retraining_seed`` gives the seed of each ``repeat``.

        Raises:
            NotImplementedError: nothing is trained here.
        """
        raise NotImplementedError(f"{self.name} cannot be retrained")

    def on_all_data(self) -> "Task | None":
        """The same training refit on all training data, if there is any.

        Its ``val_loss`` is measured on the test part and must choose nothing.
        """
        return None

    def true_loss(self, config: Config) -> float | None:
        """Noise-free loss at full fidelity, where there is one and it costs nothing; else None."""
        return None

    @abstractmethod
    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds from level ``start`` to ``end``: the only source of virtual time.

        ``start`` is 0 where nothing resumes.
        """

    def failure(
        self, units: int, seconds: float, status: Status = "failed", message: str = ""
    ) -> Report:
        """The report of a training without a result: it has no losses, whatever their scale.

        Methods that must be given a number are given ``methods.base.WORST``.
        """
        return Report(
            val_loss=float("nan"),
            test_loss=float("nan"),
            seconds=seconds,
            units=units,
            status=status,
            extra=dict.fromkeys(self.extra_names, float("nan")),
            message=message,
        )
