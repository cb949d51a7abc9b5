"""GPUs are given out by Ray alone: a trial sees its own, and none where it was given none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.long]

TASK = """
import os
from ConfigSpace import Float
from bohb_study.tasks import ComputedTask

class Seen(ComputedTask):
    hyperparameters = [Float("x", (0, 1))]
    levels = (1, 3)

    def loss(self, config, level, seed):
        return {"0": 1.0, "": 2.0}.get(os.environ.get("CUDA_VISIBLE_DEVICES", "unset"), 3.0)
"""

RUN = """
import sys
import ray
from bohb_study import StudyConfig, load_results, run_study
from bohb_study.execution import RunOptions

if __name__ == "__main__":
    engine, gpus, workers, task, out = sys.argv[1:]
    if float(gpus):  # one that Ray is told of; nothing here looks for it
        ray.init(address="local", num_cpus=2, num_gpus=1, include_dashboard=False)
    config = StudyConfig(
        task=(task,), methods=("random",), budget=4, seeds=1, workers=int(workers), engine=engine
    )
    run = run_study(config, RunOptions(out=out, gpus_per_trial=float(gpus), cpus_per_trial=0.5))
    assert not run.failed, run.failed
    print(sorted(set(load_results(run.path)["val_loss"])))
"""


@pytest.mark.parametrize(
    ("engine", "gpus", "workers", "seen"),
    [("tune", 0.25, 4, "[1.0]"), ("tune", 0, 1, "[2.0]"), ("virtual", 0, 1, "[2.0]")],
    ids=["four share one", "tune, none given", "virtual"],
)
def test_trials_see_the_gpus_that_they_were_given(
    engine: str, gpus: float, workers: int, seen: str, tmp_path: Path
) -> None:
    """With the GPU of the machine visible to a trial that was given none, it would train there."""
    (tmp_path / "seen.py").write_text(TASK)
    (tmp_path / "run.py").write_text(RUN)
    arguments = [engine, str(gpus), str(workers), f"{tmp_path}/seen.py:Seen", str(tmp_path / "out")]
    environment = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    run = subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.strip().splitlines()[-1] == seen
