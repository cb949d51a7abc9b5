"""ScAn-Bench: measured trainings of OpenCLIP and of language models, looked up.

Which of them stands for a suggestion, and what follows from that, is in ``measured_space``.
"""

import os
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks.base import Evaluation, Report, Task
from bohb_study.tasks.ladder import Ladder
from bohb_study.tasks.spaces import make_space
from bohb_study.tasks.tabular import scan_curves
from bohb_study.tasks.tabular.measured_space import MeasuredSpace
from bohb_study.tasks.tabular.scan_curves import Source, Trainings

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace.hyperparameters import Hyperparameter


@dataclass(frozen=True)
class ScanTask(Task):
    """Trainings that were measured once, as a curve; a subclass says which.

    Each was run with a single seed, so the study's seed changes no loss. ``extra.row`` is the
    number of the configuration that was looked up, from 0, ``extra.<name>`` its own
    hyperparameters. A training that diverged has failed from the epoch on in which it did so; its
    further epochs are charged as they would have been.
    """

    data: str = field(default="", metadata={"path": True})
    """Folder that holds the folder scan_bench; default: the installed package, or the download."""

    computed = True

    def __post_init__(self) -> None:
        """A trial's own folder is not the one that the path was given in."""
        if self.data:
            object.__setattr__(self, "data", str(Path(os.path.expanduser(self.data)).absolute()))

    @property
    @abstractmethod
    def source(self) -> Source:
        """The file that is read."""

    @property
    @abstractmethod
    def hyperparameters(self) -> "Sequence[Hyperparameter[Any, Any]]":
        """The search space, most important first."""

    @property
    def trainings(self) -> Trainings:
        """All that was measured; read when first asked for.

        Raises:
            UsageError: the package is nowhere, or damaged.
        """
        return self.source.trainings(self.name, self.data)

    @property
    def extra_names(self) -> tuple[str, ...]:
        """The number and the hyperparameters of the configuration that was looked up."""
        return ("row", *self.grid_order)

    @property
    def data_sha256(self) -> str:
        """Over the file that is read.

        Raises:
            UsageError: the package is nowhere.
        """
        return scan_curves.file_sha256(self.source.path(self.name, self.data))

    def prepare(self, *, download: bool = False) -> None:
        """See that the package's file is there, and as expected; let pip get it if asked for.

        Raises:
            UsageError: it is not, or pip fails.
        """
        if download:
            try:
                self.source.path(self.name, self.data)
            except UsageError:
                scan_curves.download(self.data)
        _ = self.trainings

    def space(self, seed: int) -> "ConfigurationSpace":
        """The space from which the configurations were drawn, as far as it was measured."""
        return make_space(self.hyperparameters, seed)

    def row(self, config: Config) -> int:
        """Number of the measured configuration that stands for ``config``."""
        return _placed(self).row(config)

    @property
    def optimum(self) -> float:
        """The lowest validation loss at the top; reads the file."""
        return float(np.nanmin(self.trainings.val[:, self.ladder.top - 1]))

    def true_loss(self, config: Config) -> float | None:
        """The validation loss at the top; None where the training diverged."""
        loss = float(self.trainings.val[self.row(config), self.ladder.top - 1])
        return None if np.isnan(loss) else loss

    def start(self, config: Config, seed: int) -> Evaluation:
        """Look up the training that stands for ``config``; the seed does not matter."""
        return MeasuredEvaluation(self, self.row(config))

    def duration(self, config: Config, start: int, end: int) -> float:
        """The seconds of the training that is looked up, from level ``start`` to ``end``."""
        return float(self.trainings.seconds[self.row(config), start:end].sum())


@lru_cache(maxsize=4)
def _placed(task: ScanTask) -> MeasuredSpace:
    return MeasuredSpace(task.hyperparameters, task.grid_order, task.trainings.configs)


class MeasuredEvaluation(Evaluation):
    """Hands out what was measured."""

    def __init__(self, task: ScanTask, row: int) -> None:
        """The training of number ``row``, at level 0."""
        self._task, self._row, self._level = task, row, 0
        trainings = task.trainings
        self._losses = trainings.val[row], trainings.test[row]
        values = {name: float(value) for name, value in trainings.configs[row].items()}
        self._extra = {"row": float(row), **values}

    def advance(self, level: int) -> Report:
        """The losses at ``level``, or that the training had diverged.

        Raises:
            ValueError: ``level`` is not above the current one.
        """
        begin = perf_counter()
        units = level - self._level
        if units < 1:
            raise ValueError(f"at {self._level} already, cannot advance to {level}")
        self._level = level
        val, test = (float(losses[level - 1]) for losses in self._losses)
        seconds = perf_counter() - begin
        if np.isnan(val):
            failed = self._task.failure(units, seconds, "diverged")
            return failed._replace(extra=self._extra)
        return Report(val, test, seconds, units, extra=self._extra)

    def state(self) -> dict[str, Any]:
        """The level: all else follows from task and configuration."""
        return {"level": self._level}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state's level."""
        self._level = int(state["level"])


@dataclass(frozen=True)
class ScanOpenCLIP(ScanTask):
    """Contrastive training of OpenCLIP, 455 configurations of 1,500: those planned for 8 epochs.

    Learning rate, width of the vision and of the text tower, warm-up (a fraction of the training),
    weight decay, samples over the whole training, and Adam's constants. The learning rate's
    schedule is laid out for the 8 to 10 epochs that were planned. 41 configurations diverged.
    Rank correlation of the losses after 1, 2 and 4 epochs with those after 8: 0.88, 0.93, 0.97.
    """

    summary = "OpenCLIP, 455 measured trainings of ScAn-Bench: optimiser, widths, samples"
    val_metric = "validation contrastive loss"
    test_metric = "test contrastive loss"
    grid_order = tuple(scan_curves.CLIP_COLUMNS)
    own_ladder = Ladder("epoch", (1, 2, 4, 8), eta=2, curve=True, resumable=True)
    source = scan_curves.CLIP

    @property
    def hyperparameters(self) -> "Sequence[Hyperparameter[Any, Any]]":
        """The package's own bounds; those of samples and widths are of what was measured."""
        from ConfigSpace import UniformFloatHyperparameter, UniformIntegerHyperparameter

        return [
            UniformFloatHyperparameter("lr", 1e-5, 5e-2, log=True),
            UniformIntegerHyperparameter("vision_width", 32, 512, log=True),
            UniformIntegerHyperparameter("text_width", 32, 512, log=True),
            UniformFloatHyperparameter("warmup_fraction", 0.0, 0.75),
            UniformFloatHyperparameter("weight_decay", 1e-6, 2e-1, log=True),
            UniformFloatHyperparameter("million_samples", 42.0, 120.0, log=True),
            UniformFloatHyperparameter("beta2", 0.95, 0.999),
            UniformFloatHyperparameter("beta1", 0.9, 0.99),
            UniformFloatHyperparameter("eps", 1e-8, 1e-6, log=True),
        ]


@dataclass(frozen=True)
class ScanLLM(ScanTask):
    """Decoder-only language models, 219 configurations of 1,194: all with a checkpoint at 6.4e9.

    A unit is a checkpoint, one every 1.6 billion tokens. Learning rate, width, layers, tokens over
    the whole training, cool-down (a fraction of the training), weight decay, Adam's constants and
    heads. Rank correlation of the losses at 1 and 2 checkpoints with those at 4: 0.91, 0.97.
    Seconds follow from the floating-point operations, at 4e14 a second: none were measured.
    """

    summary = "language model, 219 measured trainings of ScAn-Bench: optimiser, size, tokens"
    val_metric = "validation cross-entropy"
    test_metric = "test cross-entropy"
    grid_order = tuple(scan_curves.LLM_COLUMNS)
    own_ladder = Ladder("checkpoint", (1, 2, 4), eta=2, curve=True, resumable=True)
    source = scan_curves.LLM

    @property
    def hyperparameters(self) -> "Sequence[Hyperparameter[Any, Any]]":
        """The package's own bounds; those of sizes and tokens are of what was measured."""
        from ConfigSpace import UniformFloatHyperparameter, UniformIntegerHyperparameter

        return [
            UniformFloatHyperparameter("lr", 1e-5, 1e-2, log=True),
            UniformIntegerHyperparameter("d_model", 256, 1152, log=True),
            UniformIntegerHyperparameter("n_layers", 4, 24, log=True),
            UniformFloatHyperparameter("billion_tokens", 6.35, 16.0, log=True),
            UniformFloatHyperparameter("cooldown_fraction", 0.0, 0.3),
            UniformFloatHyperparameter("weight_decay", 1e-3, 0.2, log=True),
            UniformFloatHyperparameter("beta2", 0.9, 0.999),
            UniformFloatHyperparameter("beta1", 0.8, 0.99),
            UniformIntegerHyperparameter("n_heads", 4, 24, log=True),
        ]
