"""SVMs trained on a kernel matrix; apart from the task, for scikit-learn is slow to import."""

import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.svm import SVC

from bohb_study.seeding import Config
from bohb_study.tasks.base import Evaluation, Report
from bohb_study.tasks.training.features.svm_kernel import nested_order
from bohb_study.tasks.training.one_thread import one_thread

if TYPE_CHECKING:
    from bohb_study.tasks.training.features.svm import SVM

STEPS = 20_000
"""Of the solver, at most, for each pair of classes: with a huge C it may go on for millions. By
steps and not by time, so that where it ends is the same everywhere."""
CACHE = 200
"""MB for the solver's kernel rows: more than all that any pair of classes has."""


class SVMEvaluation(Evaluation):
    """Has no state: each rung is trained from scratch.

    scikit-learn's SVC with the RBF kernel, but for where the kernel comes from: distances are
    computed once for all configurations, and a fit is given the matrix (``precomputed``). A tenth
    of the time, and no library's rounding in a distance.
    """

    def __init__(self, task: "SVM", config: Config, seed: int, order_seed: int) -> None:
        """Draw the order in which rungs take training rows.

        Args:
            task: its name names the parts.
            config: hyperparameters.
            seed: the study's; draws the parts.
            order_seed: draws the order.
        """
        self._task = task
        self._c, self._gamma = float(config["C"]), float(config["gamma"])
        self._data = task.distances(seed)
        self._order = nested_order(self._data.train_labels, order_seed)

    def advance(self, level: int) -> Report:
        """Train on the first ``level`` rows of the order, and report."""
        began = time.perf_counter()
        data = self._data
        rows = np.sort(self._order[:level])  # the order of rows is no part of the subset
        # Nothing is drawn, but with no state of its own it takes a seed from numpy's global one.
        model = SVC(
            C=self._c, kernel="precomputed", max_iter=STEPS, cache_size=CACHE, random_state=0
        )
        try:
            with one_thread(), warnings.catch_warnings():
                # Reported as ``capped``; and on the lowest rung, more classes than half the rows.
                warnings.simplefilter("ignore", UserWarning)
                model.fit(
                    data.kernel(data.train[np.ix_(rows, rows)], self._gamma),
                    data.train_labels[rows],
                )
                found = model.predict(data.kernel(data.others[:, rows], self._gamma))
        except ValueError as error:  # coefficients that are not finite
            message = " ".join(str(error).split())
            return self._task.failure(level, time.perf_counter() - began, "failed", message)
        wrong = found != np.concatenate((data.val_labels, data.test_labels))
        val, test = np.split(wrong, [len(data.val_labels)])
        extra = {
            "support_vectors": float(model.n_support_.sum()) / level,
            "capped": float((model.n_iter_ >= STEPS).mean()),
        }
        seconds = time.perf_counter() - began
        return Report(float(val.mean()), float(test.mean()), seconds, level, extra=extra)

    def state(self) -> dict[str, Any]:
        """Nothing has to be kept: an evaluation depends on its arguments alone."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """There is nothing to resume from."""
