"""Training on a time series: network, and one training that can be paused.

Apart from the task because torch takes seconds to import, and only those who train need it.
"""

import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from bohb_study.seeding import Config, derive
from bohb_study.tasks.base import Evaluation, Report
from bohb_study.tasks.training.data_parallel import Dropouts, Ranks, dropout
from bohb_study.tasks.training.denormals import flushed_denormals
from bohb_study.tasks.training.series_data import HORIZON, monthly, split_origins, standardised
from bohb_study.tasks.training.training_state import TrainingState

if TYPE_CHECKING:
    from bohb_study.tasks.training.series import Series


class Part(NamedTuple):
    """What is known at each origin and what comes then, both as differences from the last value."""

    windows: Tensor
    """Float32, shape (n, window, 1)."""
    futures: Tensor
    """Float32, shape (n, HORIZON)."""


def part(series: NDArray[np.float64], origins: NDArray[np.int64], window: int) -> Part:
    """The windows of ``origins``, of ``window`` months each, and what follows them."""
    before = origins[:, np.newaxis] + np.arange(1 - window, 1)
    after = origins[:, np.newaxis] + np.arange(1, HORIZON + 1)
    last = series[origins][:, np.newaxis]
    windows, futures = (torch.from_numpy(series[i] - last).float() for i in (before, after))
    return Part(windows.unsqueeze(-1), futures)


class Network(nn.Module):
    """A GRU, of whose last output a linear layer makes the forecast."""

    def __init__(self, units: int, rate: float) -> None:
        """Initial weights are torch's own.

        Args:
            units: of the GRU.
            rate: of the dropout between the two layers.
        """
        super().__init__()
        self.gru = nn.GRU(1, units, batch_first=True)
        self.dropout = nn.Sequential(*dropout(rate))
        self.forecast = nn.Linear(units, HORIZON)

    def forward(self, windows: Tensor) -> Tensor:
        """Shape (n, window, 1) to (n, HORIZON)."""
        outputs, _ = self.gru(windows)
        made: Tensor = self.forecast(self.dropout(outputs[:, -1]))
        return made


class SeriesEvaluation(Evaluation):
    """One training of the network.

    It has diverged once the mean training loss of an epoch or the validation loss after it is not
    finite, or the latter reaches ``diverged_from``; it remains so, and goes on training all the
    same: its epochs are charged, so they are run.
    """

    def __init__(self, task: "Series", config: Config, training_seed: int) -> None:
        """Set up the initial weights.

        Args:
            task: which series.
            config: hyperparameters.
            training_seed: draws initial weights, data order and dropout.
        """
        torch.set_num_threads(1)  # sums depend on how they are divided among threads
        torch.use_deterministic_algorithms(True)
        self._task, self._seed = task, training_seed
        self._batch_size = int(config["batch_size"])
        series = monthly(task.series)
        origins = split_origins(len(series), whole=task.whole)
        scaled = standardised(series, origins.train)
        self._train, self._val, self._test = (
            part(scaled, of_part, int(config["window"])) for of_part in origins
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training_seed)
            self._model = Network(int(config["units"]), float(config["dropout"]))
        self._dropouts = Dropouts.of(self._model, Ranks())
        self._optimizer = torch.optim.AdamW(
            self._model.parameters(),
            lr=float(config["lr"]),
            weight_decay=float(config["weight_decay"]),
            fused=True,
        )
        self._now = TrainingState({"model": self._model, "optimizer": self._optimizer})

    def advance(self, level: int) -> Report:
        """Train up to epoch ``level`` and report.

        Raises:
            ValueError: ``level`` is not above the current epoch.
        """
        self._now.check(level)
        began = time.perf_counter()
        units = level - self._now.epoch
        with flushed_denormals():
            while self._now.epoch < level:
                train_loss = self._train_epoch()
                # after every epoch: whether a training has diverged must not depend on where it
                # was paused
                val_loss = self._evaluate(self._val)
                ok = math.isfinite(train_loss) and val_loss < self._task.diverged_from
                self._now.diverged = self._now.diverged or not ok
            test_loss = self._evaluate(self._test)
        seconds = time.perf_counter() - began
        if self._now.diverged:
            return self._task.failure(units, seconds, "diverged")
        return Report(val_loss, test_loss, seconds, units)

    def _train_epoch(self) -> float:
        """One pass over the training part in the order of this epoch; its mean batch loss."""
        self._now.epoch += 1
        # a function of the epoch, so no generator has to be stored with the state
        generator = torch.Generator().manual_seed(derive(self._seed, "epoch", self._now.epoch))
        order = torch.randperm(len(self._train.windows), generator=generator)
        self._model.train()
        self._dropouts.begin_epoch(derive(self._seed, "dropout", self._now.epoch))
        losses = []
        for rows in torch.split(order, self._batch_size):
            self._dropouts.begin_batch(len(rows))
            self._optimizer.zero_grad()
            made = self._model(self._train.windows[rows])
            loss = F.mse_loss(made, self._train.futures[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses).mean().item()

    @torch.inference_mode()
    def _evaluate(self, of_part: Part) -> float:
        """Mean squared error of the forecasts of one part."""
        self._model.eval()
        return F.mse_loss(self._model(of_part.windows), of_part.futures).item()

    def state(self) -> dict[str, Any]:
        """A copy of weights, moments, epoch and whether it has diverged."""
        return self._now.saved()

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a state of the same task, seed and configuration."""
        self._now.load(state)
