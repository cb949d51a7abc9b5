"""One boosting of trees that can be paused; apart from the task, for scikit-learn takes seconds."""

import math
import pickle
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from bohb_study.arrays import Floats, Ints
from bohb_study.seeding import Config
from bohb_study.tasks.base import Evaluation, Report
from bohb_study.tasks.training.features.parts import Part
from bohb_study.tasks.training.one_thread import one_thread

if TYPE_CHECKING:
    from bohb_study.tasks.training.features.boosting import Boosting


class BoostingEvaluation(Evaluation):
    """Trees so far, to which scikit-learn's ``warm_start`` adds.

    Its fit draws two seeds when it begins, which it keeps; bins the same rows in the same way each
    time; and adds up what the trees predict in the order in which they were grown. So going on is
    bit by bit what not pausing is. A report is diverged where its own loss says so: trees are not
    looked at between rungs, so it cannot depend on where a training was paused.
    """

    def __init__(self, task: "Boosting", config: Config, seed: int, training_seed: int) -> None:
        """An ensemble without trees.

        Args:
            task: its name names the parts.
            config: hyperparameters.
            seed: the study's; draws the parts.
            training_seed: draws which features each split looks at.
        """
        self._task = task
        self._parts = task.parts(seed)
        self._done = 0
        self._model = HistGradientBoostingClassifier(
            learning_rate=float(config["learning_rate"]),
            max_leaf_nodes=int(config["max_leaf_nodes"]),
            min_samples_leaf=int(config["min_samples_leaf"]),
            l2_regularization=float(config["l2"]),
            max_features=float(config["max_features"]),
            early_stopping=False,
            warm_start=True,
            random_state=training_seed,
        )

    def advance(self, level: int) -> Report:
        """Grow trees up to iteration ``level`` and report.

        Raises:
            ValueError: ``level`` is not above the current iteration.
        """
        if level <= self._done:
            raise ValueError(f"at iteration {self._done} already, cannot advance to {level}")
        units = level - self._done
        began = time.perf_counter()
        train, val, test = self._parts
        with one_thread():
            self._model.set_params(max_iter=level)
            self._model.fit(train.features, train.labels)
            self._done = level
            val_loss, val_error = self._evaluate(val)
            _, test_error = self._evaluate(test)
        seconds = time.perf_counter() - began
        if not val_loss < self._task.diverged_from:
            message = f"validation loss {val_loss:g}" if math.isfinite(val_loss) else ""
            return self._task.failure(units, seconds, "diverged", message)
        return Report(val_loss, test_error, seconds, units, extra={"val_error": val_error})

    def _evaluate(self, part: Part) -> tuple[float, float]:
        """Mean cross-entropy and share of errors on one part of the data."""
        scores = self._model.decision_function(part.features)
        classes = self._model.classes_
        if len(classes) == 2:  # scikit-learn gives one score for both
            scores = np.column_stack((np.zeros(len(scores)), scores))
        likely = log_likelihoods(scores, classes, part.labels, len(self._parts.train.labels))
        wrong = classes[scores.argmax(axis=1)] != part.labels
        return -float(likely.mean()), float(wrong.mean())

    def state(self) -> dict[str, Any]:
        """The trees and the seeds that are drawn from, pickled."""
        return {"iterations": self._done, "model": pickle.dumps(self._model)}

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a state of the same task, seed and configuration."""
        self._done = int(state["iterations"])
        self._model = pickle.loads(state["model"])


def log_likelihoods(
    scores: Floats, classes: NDArray[np.integer[Any]], labels: Ints, trained: int
) -> Floats:
    """Logarithm of the probability that was given to the class of each row.

    A small subset of ``shuttle`` may lack a class, and trees cannot tell of what they have not
    seen: it is given the probability that half a row of it would have, for all configurations.

    Args:
        scores: unnormalised logarithms of probabilities, shape (n, k).
        classes: that ``trained`` rows have, ascending, shape (k,).
        labels: shape (n,).
        trained: rows that were trained on.

    Returns:
        Shape (n,).
    """
    shifted = scores - scores.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    place = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
    found: Floats = np.where(
        classes[place] == labels, logs[np.arange(len(labels)), place], math.log(0.5 / trained)
    )
    return found
