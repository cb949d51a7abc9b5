"""GPUs are allocated by Ray alone: a trial sees its own, and none where it was given none."""

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
import os
import sys

import ray

from bohb_study import StudyConfig, load_results, run_study
from bohb_study.running.pools import connection
from bohb_study.running.options import RunOptions

if __name__ == "__main__":
    task, out = sys.argv[1:]
    os.environ.update(connection.ENVIRONMENT)  # as where it starts Ray itself
    # a GPU that Ray is told of; nothing here looks for it
    ray.init(
        address="local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False
    )
    for engine, gpus, workers in (("tune", 0.5, 2), ("tune", 0, 1), ("virtual", 0, 1)):
        config = StudyConfig(
            tasks=(task,), methods=("random",), budget=2, seeds=1, workers=workers, engine=engine
        )
        options = RunOptions(out=out, name=f"{engine}-{gpus}", gpus_per_trial=gpus)
        run = run_study(config, options)
        assert not run.failed, run.failed
        print(engine, gpus, sorted(set(load_results(run.path)["val_loss"])))
"""


def test_trials_see_the_gpus_that_they_were_given(tmp_path: Path) -> None:
    """With the GPU of the machine visible to a trial that was given none, it would train there."""
    (tmp_path / "seen.py").write_text(TASK)
    (tmp_path / "run.py").write_text(RUN)
    environment = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    run = subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), f"{tmp_path}/seen.py:Seen", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    # two share one; none given; engine virtual gives none
    assert run.stdout.splitlines()[-3:] == ["tune 0.5 [1.0]", "tune 0 [2.0]", "virtual 0 [2.0]"]
