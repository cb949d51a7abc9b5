"""What every engine is asked and what it gives back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

from bohb_study.budget import Account, units_allowed
from bohb_study.engines.journal_place import JournalPlace
from bohb_study.engines.placement import Placement
from bohb_study.engines.trial_limits import TrialLimits
from bohb_study.errors import StudyError
from bohb_study.methods import get_method
from bohb_study.methods.base import Method, Pair, Problem
from bohb_study.numerics import Mode, check, record
from bohb_study.study import Cell
from bohb_study.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

EngineName = Literal["tune", "virtual"]

OnProgress = Callable[[int, float | None], None]
"""Called with the units reported so far and the best validation loss so far (None: none yet)."""

Result = TypeVar("Result", covariant=True)


class OwnMethod(Protocol):
    """A user's file that holds a method, with its text; picklable."""

    @property
    def method(self) -> Method:
        """The method, from the file's text."""


class Job(Protocol[Result]):
    """What a process of ``local`` can run; picklable."""

    @property
    def cell(self) -> Cell:
        """What it runs, or what cell that belongs to; no two jobs have an equal one."""

    @property
    def numerics(self) -> Mode:
        """By which kernels it is computed."""

    @property
    def journal(self) -> JournalPlace | None:
        """Where it records how far it is, so that it can go on in another process."""

    def run(self, progress: OnProgress | None = None) -> Result:
        """Run it in this process."""


@dataclass(frozen=True)
class CellJob:
    """One cell with all that running it takes; picklable."""

    cell: Cell
    task: Task
    budget: float
    workers: int = 1
    engine: EngineName = "virtual"
    cpus_per_trial: float = 1
    gpus_per_trial: float = 0
    storage: str | None = None
    """Folder for the states of paused trials, reachable from all nodes; None: a temporary one."""
    numerics: Mode = "portable"
    """By which kernels it is computed."""
    own_method: OwnMethod | None = None
    """The user's file that its method is of; None for a registered method."""
    data_parallel: int = 1
    """Processes that train each trial together; the CPUs and GPUs of a trial are each one's."""
    actors: int = 0
    """Ray actors that train for engine virtual; 0: it trains in the process that runs the cell."""
    placement: Placement = field(default_factory=Placement)
    """Where its parts may run on a cluster."""
    journal: JournalPlace | None = None
    """Where its reports are recorded, to go on from if its process ends; None: nowhere."""
    limits: TrialLimits = field(default_factory=TrialLimits)
    """What a step of a trial may take."""

    @property
    def method(self) -> Method:
        """The cell's method.

        Raises:
            UsageError: the user's file cannot be imported, or there is no such method.
        """
        return self.own_method.method if self.own_method else get_method(self.cell.method)

    @property
    def allowed(self) -> int:
        """Units that the cell may spend: the study's budget, or a baseline's multiple of it."""
        return self._factor * units_allowed(self.budget, self.task.ladder.top)

    @property
    def problem(self) -> Problem:
        """What the cell's method is built for."""
        full_evaluations = int(self._factor * self.budget)
        cell = self.cell
        return Problem(self.task, cell.method, cell.seed, full_evaluations, self.method.stream)

    @property
    def _factor(self) -> int:
        return self.method.budget_factor

    @property
    def processes_at_once(self) -> int:
        """Processes that train at the same time, each with CPUs and GPUs of its own."""
        trials = self.workers if self.engine == "tune" else max(1, self.actors)
        return trials * self.data_parallel

    def pair(self) -> Pair:
        """The method's searcher and scheduler for this cell.

        Raises:
            UsageError: the method does not fit the task's ladder or space.
        """
        return self.method.build(self.problem)

    def run(self, progress: OnProgress | None = None) -> "CellResult":
        """Run it in this process, as ``run_cell`` does."""
        return run_cell(self, progress)


@dataclass(frozen=True)
class ParallelTraining:
    """How a cell's actors spent its time, and what they trained beyond what was charged."""

    actors: int
    """That trained at the same time."""
    wall: float
    """Measured seconds from before they were started until they were ended."""
    busy: float
    """Actor seconds of training, saving and restoring; as all that follow, summed over actors."""
    waiting: float
    """Actor seconds without work while a report was held back until it was due."""
    idle: float
    """Actor seconds without work while none was held back: the method had nothing to train."""
    repeated: int = 0
    """Units trained again since an actor had died, not counted in the budget."""
    unused: int = 0
    """Units trained ahead for trials that were never run, not counted in the budget."""
    deaths: int = 0
    """Actors that died and were replaced."""

    def share(self, seconds: float) -> float:
        """What part of all actor seconds ``seconds`` are."""
        return seconds / (self.actors * self.wall) if self.wall else 0.0


@dataclass(frozen=True)
class Resumed:
    """How a cell went on that had been killed."""

    times: int
    """How often it was begun before."""
    reports: int
    """Taken from its journal instead of being trained."""
    repeated: int
    """Units trained again to go on from there, not counted in the budget."""


@dataclass(frozen=True)
class Told:
    """What a method was told of the reports of a cell."""

    losses: int
    """Losses that its searcher and its scheduler were given."""
    otherwise: int
    """Those of them that are not the validation loss of the trial's row: none, by right."""


@dataclass(frozen=True)
class CellResult:
    """The rows of a cell, and what was measured while it ran."""

    frame: "pd.DataFrame"
    account: Account
    failures: dict[int, str]
    """Why trainings failed, by trial; their rows say that they did."""
    seconds: dict[str, float]
    """Measured: ``wall``, ``training`` (summed over trials), ``searching`` and ``scheduling`` (the
    method's own classes), ``engine``: the remainder."""
    space: str
    """sha256 of the search space, made where the cell ran."""
    split: str | None
    """sha256 of the data split, made there too; None where nothing is split."""
    told: Told | None = None
    """What its method was told."""
    numerics: dict[str, str] = field(default_factory=dict)
    """``numerics.record`` of the process that ran it."""
    parallel: ParallelTraining | None = None
    """How its actors spent the time; None where it was trained in one process."""
    resumed: Resumed | None = None
    """How it went on where it had been killed; None where it ran in one go."""
    limited: int = 0
    """Trials of which a step was ended from outside: it took too long, say."""
    journal_error: str = ""
    """Why its journal could not be written to its end."""
    node: dict[str, str] = field(default_factory=dict)
    """Where Ray ran it: ``host``, and the ``id`` of the node; empty where Ray did not."""


@dataclass(frozen=True)
class Running:
    """How far a running cell is."""

    cell: Cell
    done: int
    """Units reported."""
    best: float | None
    """Lowest validation loss so far; None before the first report."""


@dataclass(frozen=True)
class Finished(Generic[Result]):
    """A job that has ended, well or not."""

    cell: Cell
    result: Result | None
    error: str | None
    """One line where it failed."""


@dataclass(frozen=True)
class Notice:
    """A line for the person at the terminal about where cells run."""

    text: str


def run_cell(job: CellJob, progress: OnProgress | None = None) -> CellResult:
    """Run a cell in this process by the engine that it names; imports that engine alone.

    Raises:
        StudyError: this process does not compute by the kernels that the job asks for, or the
            engine raises it.
    """
    engine = import_module(f"bohb_study.engines.{job.engine}")  # and with it numpy
    check(job.numerics)
    result: CellResult = engine.run_cell(job, progress)
    try:
        check(job.numerics)  # again: torch may have been loaded by then
    except StudyError as error:
        raise StudyError(
            f"{error}; or its own code has changed environment variables or loaded libraries"
        ) from None
    return replace(result, numerics=record(job.numerics))


def one_line(error: BaseException, most: int = 300) -> str:
    """The error as one line, for a record: its type and ``most`` characters of what it says."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:most]}"


@contextmanager
def no_exit(cell: Cell) -> Iterator[None]:
    """Make of a ``sys.exit`` and the like in a task's own code, outside a training, a StudyError.

    It would end the process, and with it what else runs there.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise StudyError(f"{cell}: the task's own code was left by {one_line(error)}") from error
