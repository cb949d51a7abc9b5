"""The Forrester function in several fidelities: one dimension, for pictures of a model.

With fidelity z in [0, 1], for x in [0, 1]:

    f(x, 1) = (6 x - 2)^2 sin(12 x - 4)
    f(x, z) = A f(x, 1) + B (x - 0.5) + C,  A = 1 - 0.5 (1 - z),  B = 10 (1 - z),  C = -5 (1 - z).

At z = 1 the minimum is -6.020740 at x = 0.757249; at z = 0 it lies at 0.0924, so the lowest
fidelity misleads. No noise.

Source: Forrester, Sobester, Keane, "Multi-fidelity optimization via surrogate modelling" (Proc. R.
Soc. A 463, 2007), has z = 1 and z = 0 (A = 0.5, B = 10, C = -5; the sign of C differs
between reprints). Between the two A, B and C are interpolated here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bohb_study.seeding import Config
from bohb_study.tasks.computed import ComputedTask

if TYPE_CHECKING:
    from ConfigSpace.hyperparameters import Hyperparameter


def forrester(x: float, z: float = 1.0) -> float:
    """The value at ``x`` in [0, 1] and fidelity ``z`` in [0, 1]."""
    high = (6 * x - 2) ** 2 * math.sin(12 * x - 4)
    low = 1 - z
    return (1 - 0.5 * low) * high + 10 * low * (x - 0.5) - 5 * low


@dataclass(frozen=True)
class Forrester(ComputedTask):
    """Forrester function, scaled and tilted at low fidelity, without noise.

    Levels 1, 3, 9, 27, 81 stand for z = 0, 1/4, 1/2, 3/4, 1.
    """

    name: str = field(default="forrester-mf", kw_only=True)

    val_metric = "Forrester function"
    unit = "cost unit"
    levels = (1, 3, 9, 27, 81)
    optimum = -6.0207401
    """The minimum, -6.02074006, rounded down."""

    @property
    def hyperparameters(self) -> Sequence["Hyperparameter[Any, Any]"]:
        """The one coordinate, x in [0, 1]."""
        from ConfigSpace import UniformFloatHyperparameter

        return [UniformFloatHyperparameter("x", 0.0, 1.0)]

    def loss(self, config: Config, level: int, seed: int) -> float:
        """The value at the level's z, whatever the seed."""
        z = self.levels.index(level) / (len(self.levels) - 1)
        return forrester(float(config["x"]), z)

    def true_loss(self, config: Config) -> float:
        """Forrester's function itself, at full fidelity and without noise."""
        return forrester(float(config["x"]))
