"""The table of accuracies of the package ``lcdb`` 0.1.0 (MIT), an optional extra.

480 MB once installed. The package's code, which wants an OpenML client, is never imported.
"""

import csv
import mmap
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bohb_study.errors import UsageError

LEARNERS = (
    "SVC_linear", "SVC_poly", "SVC_rbf", "SVC_sigmoid", "LinearDiscriminantAnalysis",
    "QuadraticDiscriminantAnalysis", "ExtraTreesClassifier", "GradientBoostingClassifier",
    "RandomForestClassifier", "LogisticRegression", "PassiveAggressiveClassifier", "Perceptron",
    "RidgeClassifier", "SGDClassifier", "BernoulliNB", "MultinomialNB", "KNeighborsClassifier",
    "MLPClassifier", "DecisionTreeClassifier", "ExtraTreeClassifier",
)  # fmt: skip
"""The classifiers, each with the defaults of scikit-learn."""
COLUMNS = [
    "openmlid", "learner", "size_train", "size_test", "outer_seed", "inner_seed", "traintime",
    "score_train", "score_valid", "score_test",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Curves:
    """All curves of one data set; shape (learners, rungs, pairs of seeds), NaN where missing."""

    val_error: NDArray[np.float64]
    test_error: NDArray[np.float64]
    seconds: NDArray[np.float64]
    """Of the training."""


def accuracies() -> Path:
    """The package's table of accuracies.

    Raises:
        UsageError: the package is not installed.
    """
    spec = find_spec("lcdb")  # finds it without running it
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            "lcdb-*: needs the package lcdb: pip install 'bohb-study[lcdb]'", parameter="tasks"
        )
    return Path(spec.submodule_search_locations[0]) / "database-accuracy.csv"


@cache
def load_curves(openml_id: int, levels: tuple[int, ...]) -> Curves:
    """The curves of one data set at ``levels`` (training examples), read once per process.

    Raises:
        UsageError: the package is not installed.
    """
    measured: dict[tuple[int, int, tuple[int, int]], tuple[float, float, float]] = {}
    for row in csv.DictReader(_lines(openml_id), COLUMNS):
        if (size := int(row["size_train"])) in levels:
            learner = LEARNERS.index(row["learner"].rpartition(".")[2])
            pair = int(row["outer_seed"]), int(row["inner_seed"])
            scores = float(row["score_valid"]), float(row["score_test"]), float(row["traintime"])
            measured[learner, levels.index(size), pair] = scores
    pairs = sorted({pair for _, _, pair in measured})
    values = np.full((3, len(LEARNERS), len(levels), len(pairs)), np.nan)
    for (learner, rung, pair), scores in measured.items():
        values[:, learner, rung, pairs.index(pair)] = scores
    return Curves(val_error=1 - values[0], test_error=1 - values[1], seconds=values[2])


def _lines(openml_id: int) -> list[str]:
    """The lines of one data set, which stand together; the file is 150 MB, so it is not parsed."""
    with (
        accuracies().open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text,
    ):
        start = f"\n{openml_id},".encode()
        first, last = text.find(start), text.rfind(start)
        lines = text[first + 1 : text.find(b"\n", last + 1)].decode().splitlines()
    if others := [line for line in lines if not line.startswith(f"{openml_id},")]:
        raise ValueError(f"lines of {openml_id} do not stand together: {others[0]}")
    return lines
