"""Training functions through a real Ray Tune: those that call tune.report, and generators."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bohb_study.engines import tune, virtual
from bohb_study.engines.base import CellJob, CellResult
from bohb_study.engines.journal_place import JournalPlace
from bohb_study.errors import StudyError
from bohb_study.running.reproduction import compare_frames
from bohb_study.seeding import trial_seed
from bohb_study.study import Cell
from bohb_study.tasks import make_task
from bohb_study.tasks.training.global_random import seed_all
from repository import ROOT

pytestmark = [pytest.mark.ray, pytest.mark.long, pytest.mark.usefixtures("runtime")]

EXAMPLES = ROOT / "examples"

TEXT = """
import random
import sys
import tempfile

import numpy as np
import torch
from ConfigSpace import Categorical, Float
from ray import tune

from bohb_study import FunctionTask

SPACE = [Float("lr", (0.0, 1.0))]
KINDS = Categorical("kind", ["draws", "raises", "nan", "ends", "exits", "misses"])


def nothing(config):
    for epoch in range(9):
        tune.report({"loss": config["lr"] / (epoch + 1)})


def ignored(config):
    for epoch in range(9):
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = tune.Checkpoint.from_directory(folder)
            tune.report({"loss": config["lr"] / (epoch + 1)}, checkpoint=checkpoint)


def fails(config):
    for epoch in range(20):
        value = random.random() + np.random.random() + torch.rand(1).item()
        if epoch == 1 and config["kind"] == "raises":
            raise LookupError("no such layer\\nat all")
        if epoch == 1 and config["kind"] == "nan":
            value = float("nan")
        if epoch == 1 and config["kind"] == "ends":
            return
        if epoch == 1 and config["kind"] == "exits":
            sys.exit("no GPU")
        name = "accuracy" if epoch == 1 and config["kind"] == "misses" else "loss"
        tune.report({name: value, "epoch": epoch})


nothing = FunctionTask(nothing, SPACE, 9, name="nothing")
ignored = FunctionTask(ignored, SPACE, 9, name="ignored")
fails = FunctionTask(fails, SPACE + [KINDS], 3, name="fails")
"""

WHY = {
    "raises": "LookupError: no such layer",
    "nan": "ValueError: the loss is nan: it must be finite, and below 2**1000 in size",
    "ends": "ValueError: the function ended after 1 of 3 epochs",
    "exits": "ValueError: the function was left by SystemExit: no GPU after 1 of 3 epochs",
    "misses": "ValueError: the function reported no 'loss' but accuracy, epoch; metric= names "
    "another key",
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("functions") / "functions.py"
    path.write_text(TEXT)
    return path


def job(given: str, method: str, budget: float) -> CellJob:
    task = make_task(given)
    return CellJob(Cell(task.name, method, 0), task, budget, engine="tune")


def accounting_passes(result: CellResult) -> bool:
    account = result.account
    return account.violations() == [] and account.unspent == 0


def test_a_function_with_checkpoints_goes_on_exactly(tmp_path: Path) -> None:
    """The example: weight and epoch after each pause are those of an unbroken descent.

    Also where the cell was killed, and goes on by its journal: paused again where it was paused.
    """
    place = JournalPlace(tmp_path / "0.journal", tmp_path, {})
    own = replace(job(f"{EXAMPLES}/ray_function.py:task", "bohb", 4), journal=place)
    result = tune.run_cell(own)
    records = place.path.read_bytes().splitlines(keepends=True)
    place.path.write_bytes(b"".join(records[:60]))
    again = tune.run_cell(own)
    assert compare_frames(result.frame, again.frame) is None
    assert again.resumed is not None
    assert again.resumed.reports == 29
    assert again.resumed.repeated > 0
    assert accounting_passes(result)
    frame = result.frame
    assert (frame["status"] == "ok").all()
    expected = (1 - 2 * frame["hp.lr"]) ** (2 * frame["level"])
    assert np.allclose(frame["val_loss"], expected, rtol=1e-9, atol=0)
    paused = frame[(frame["decision"] == "pause")]["trial"]
    assert frame[frame["trial"].isin(paused)].groupby("trial")["level"].max().max() == 9


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nothing", "nothing reported epoch 1 without a checkpoint, and is to go on from there: "),
        (
            "ignored",
            "ignored did not look into tune.get_checkpoint() after a pause at epoch 1, so ",
        ),
    ],
)
def test_starting_over_silently_fails_the_cell(name: str, why: str, file: Path) -> None:
    with pytest.raises(StudyError) as failed:
        tune.run_cell(job(f"{file}:{name}", "hyperband", 4))
    assert str(failed.value).startswith(f"1 trials ended in Ray; first: {why}")
    assert "\n" not in str(failed.value)


def test_a_function_that_fails_is_a_row(file: Path) -> None:
    """Never an exception into Ray, never NaN, never an early end; and the generators are seeded."""
    result = tune.run_cell(job(f"{file}:fails", "random", 24))
    assert accounting_passes(result)
    frame = result.frame
    failed = (frame["hp.kind"] != "draws") & (frame["level"] > 1)
    assert ((frame["status"] == "failed") == failed).all()
    assert frame.loc[failed, ["val_loss", "test_loss"]].isna().all(axis=None)
    assert set(frame["hp.kind"]) == {*WHY, "draws"}
    kinds = frame.drop_duplicates("trial").set_index("trial")["hp.kind"]
    assert result.failures == {t: WHY[kind] for t, kind in kinds.items() if kind != "draws"}
    for _, row in frame[frame["level"] == 1].iterrows():
        config: dict[str, Any] = {"lr": row["hp.lr"], "kind": row["hp.kind"]}
        seed_all(trial_seed("fails", 0, config))
        drawn = random.random() + np.random.random() + torch.rand(1).item()  # noqa: NPY002
        assert row["val_loss"] == drawn


def test_a_generator_gives_the_same_rows_by_both_engines() -> None:
    """The example, which draws from the global generators and is paused by BOHB."""
    cell = job(f"{EXAMPLES}/train_function.py:task", "bohb", 3)
    real, ours = tune.run_cell(cell), virtual.run_cell(cell)
    assert compare_frames(real.frame, ours.frame) is None
    assert accounting_passes(real)
    assert accounting_passes(ours)
    assert (ours.frame["status"] == "ok").all()
    assert (ours.frame["decision"] == "pause").any()
