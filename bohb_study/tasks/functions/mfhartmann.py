"""MFHartmann: the Hartmann functions in 3 and 6 dimensions, biased and noisy at low fidelity.

With fidelity z in 1..100, u = ln z / ln 100 and alpha' = (1, 1.2, 3, 3.2) - bias (1 - u):

    value = -sum_i alpha'_i exp(-sum_j A_ij (x_j - P_ij)^2) + |e| noise (1 - u),  e ~ N(0, 1).

The bias flattens the function, the noise only pushes up; at z = 100 there is neither. The noise is
drawn from ``default_rng(abs(seed * z * hash(tuple(x))))``: a function of x, z and seed. Python
randomises the hashes of texts, never those of numbers.

Source: the MFHartmann benchmarks of mf-prior-bench (``mfpbench/synthetic/hartmann``), introduced
with Mallik et al., "PriorBand" (NeurIPS 2023).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb_study.seeding import Config
from bohb_study.tasks.computed import ComputedTask

if TYPE_CHECKING:
    from ConfigSpace.hyperparameters import Hyperparameter

ALPHA = (1.0, 1.2, 3.0, 3.2)
A = {
    3: ((3, 10, 30), (0.1, 10, 35), (3, 10, 30), (0.1, 10, 35)),
    6: (
        (10, 3, 17, 3.5, 1.7, 8),
        (0.05, 10, 17, 0.1, 8, 14),
        (3, 3.5, 1.7, 10, 17, 8),
        (17, 8, 0.05, 10, 0.1, 14),
    ),
}
"""Dimensions -> inverse squared widths of the four bumps."""
P = {
    3: ((3689, 1170, 2673), (4699, 4387, 7470), (1091, 8732, 5547), (381, 5743, 8828)),
    6: (
        (1312, 1696, 5569, 124, 8283, 5886),
        (2329, 4135, 8307, 3736, 1004, 9991),
        (2348, 1451, 3522, 2883, 3047, 6650),
        (4047, 8828, 8732, 5743, 1091, 381),
    ),
}
"""Dimensions -> centres of the four bumps, times 10,000."""
OPTIMUM = {3: -3.86278, 6: -3.32237}
"""As published: the minimum rounded down, so no value at z = 100 is below it."""
BIAS_AND_NOISE = {
    "": (0.5, 0.1),
    "good": (2.5, 2.0),
    "moderate": (3.0, 3.0),
    "bad": (3.5, 4.0),
    "terrible": (4.0, 5.0),
}
"""By how well low fidelities agree with the highest."""
FIDELITIES = {1: 1, 3: 4, 9: 11, 27: 33, 81: 100}
"""Units of cost -> z: the original halves 100 by three and cuts off, a ladder wants powers."""


def mfhartmann(x: Sequence[float], z: int, seed: int, bias: float, noise: float) -> float:
    """The value at ``x`` and fidelity ``z``.

    Args:
        x: 3 or 6 coordinates in [0, 1]; their number chooses the function.
        z: fidelity in 1..100.
        seed: of the noise; 0 would draw the same noise for every x and z.
        bias: how much the bumps shrink at z = 1.
        noise: scale of the noise at z = 1.
    """
    missing = 1 - math.log(z) / math.log(100)
    value = 0.0
    for alpha, widths, centres in zip(ALPHA, A[len(x)], P[len(x)], strict=True):
        distance = sum(
            width * (coordinate - 1e-4 * centre) ** 2
            for coordinate, width, centre in zip(x, widths, centres, strict=True)
        )
        value -= (alpha - bias * missing) * math.exp(-distance)
    if missing == 0:
        return value
    rng = np.random.default_rng(abs(seed * z * hash(tuple(x))))
    return value + abs(rng.standard_normal()) * noise * missing


@dataclass(frozen=True)
class MFHartmann(ComputedTask):
    """Hartmann function with bias and noise at low fidelity; ``mfh3``, ``mfh6``, ``mfh3-good``, ...

    Levels 1, 3, 9, 27, 81 stand for z = 1, 4, 11, 33, 100. Nothing resumes. The noise's seed is the
    study's plus 1.
    """

    name: str = field(default="mfh3", kw_only=True)

    val_metric = "Hartmann function"
    unit = "cost unit"
    levels = tuple(FIDELITIES)

    @property
    def dimensions(self) -> int:
        """The number of floats: 3 or 6."""
        return int(self.name.partition("-")[0].removeprefix("mfh"))

    @property
    def bias_and_noise(self) -> tuple[float, float]:
        """As the name's ending says."""
        return BIAS_AND_NOISE[self.name.partition("-")[2]]

    @property
    def summary(self) -> str:
        """With dimensions, bias and noise."""
        bias, noise = self.bias_and_noise
        return f"Hartmann function in {self.dimensions} dimensions, bias {bias}, noise {noise}"

    @property
    def optimum(self) -> float:
        """The published minimum of the Hartmann function."""
        return OPTIMUM[self.dimensions]

    @property
    def hyperparameters(self) -> Sequence["Hyperparameter[Any, Any]"]:
        """Coordinates x1, x2, ... in [0, 1]."""
        from ConfigSpace import UniformFloatHyperparameter

        return [UniformFloatHyperparameter(f"x{i + 1}", 0.0, 1.0) for i in range(self.dimensions)]

    def loss(self, config: Config, level: int, seed: int) -> float:
        """The value at the level's z."""
        bias, noise = self.bias_and_noise
        return mfhartmann(self._point(config), FIDELITIES[level], seed + 1, bias, noise)

    def true_loss(self, config: Config) -> float:
        """The Hartmann function itself, at full fidelity and without noise."""
        return mfhartmann(self._point(config), 100, 1, bias=0.0, noise=0.0)

    def _point(self, config: Config) -> list[float]:
        return [float(config[f"x{i + 1}"]) for i in range(self.dimensions)]
