"""A function as in Ray Tune's tutorials, which runs as it is, by engine tune.

python experiments/compare.py --tasks examples/ray_function.py:task --budget 3 --seeds 1
"""

import json
import tempfile
from pathlib import Path

from ConfigSpace import Float
from ray import tune

from bohb_study import FunctionTask


def train(config):
    """Gradient descent on a parabola."""
    weight, begin = 1.0, 0
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            weight, begin = json.loads(Path(folder, "state.json").read_text())
    for epoch in range(begin, 9):
        weight -= config["lr"] * 2 * weight
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "state.json").write_text(json.dumps([weight, epoch + 1]))
            checkpoint = tune.Checkpoint.from_directory(folder)
            tune.report({"loss": weight**2}, checkpoint=checkpoint)


task = FunctionTask(train, [Float("lr", (1e-3, 1), log=True)], max_epochs=9, name="parabola")
