"""A task of which one training in three fails, with a hyperparameter of every kind."""

from collections.abc import Iterator
from typing import Any

from ConfigSpace import Categorical, Float, Integer

from bohb_study import FunctionTask


def train(config: dict[str, Any], seed: int, state: Any = None) -> Iterator[dict[str, Any]]:
    """A curve that falls with the epoch; small rates fail."""
    if config["rate"] < 0.3:
        raise ValueError("the rate is too small")
    epoch = state or 0
    while True:
        epoch += 1
        loss = config["rate"] / epoch + config["layers"] / 100
        yield {"loss": loss, "test": loss + 0.5, "weights": config["layers"], "state": epoch}


task = FunctionTask(
    train,
    [Float("rate", (0.0, 1.0)), Integer("layers", (1, 4)), Categorical("kind", ["a", "b"])],
    max_epochs=3,
    name="partly-failing",
    test="test",
    extra_names=("weights",),
)
