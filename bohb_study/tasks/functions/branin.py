"""The Branin function in several fidelities: two dimensions, for pictures of a model.

With fidelity z in [0, 1], for x1 in [-5, 10] and x2 in [0, 15]:

    f(x, z) = (x2 - b x1^2 + c x1 - 6)^2 + 10 (1 - t) cos x1 + 10
    b = 5.1 / (4 pi^2) - 0.01 (1 - z),  c = 5 / pi - 0.1 (1 - z),  t = 1 / (8 pi) + 0.05 (1 - z).

At z = 1 it is Branin's, with minimum 10 / (8 pi) = 0.397887 at (-pi, 12.275), (pi, 2.275) and
(3 pi, 2.475). No noise.

Source: Kandasamy, Dasarathy, Schneider, Poczos, "Multi-fidelity Bayesian Optimisation with
Continuous Approximations" (ICML 2017), which has one fidelity for each of b, c and t; here they are
one. (Implementations disagree on t: the first author's Dragonfly has 0.005 for 0.05.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bohb_study.seeding import Config
from bohb_study.tasks.computed import ComputedTask

if TYPE_CHECKING:
    from ConfigSpace.hyperparameters import Hyperparameter

T = 1 / (8 * math.pi)


def branin(x1: float, x2: float, z: float = 1.0) -> float:
    """The value at (``x1``, ``x2``) and fidelity ``z`` in [0, 1]."""
    b = 5.1 / (4 * math.pi**2) - 0.01 * (1 - z)
    c = 5 / math.pi - 0.1 * (1 - z)
    t = T + 0.05 * (1 - z)
    return (x2 - b * x1**2 + c * x1 - 6) ** 2 + 10 * (1 - t) * math.cos(x1) + 10


@dataclass(frozen=True)
class Branin(ComputedTask):
    """Branin function whose coefficients are off at low fidelity, without noise.

    Levels 1, 3, 9, 27, 81 stand for z = 0, 1/4, 1/2, 3/4, 1.
    """

    name: str = field(default="branin-mf", kw_only=True)

    val_metric = "Branin function"
    unit = "cost unit"
    levels = (1, 3, 9, 27, 81)
    optimum = 10 - 10 * (1 - T)
    """10 / (8 pi), rounded as ``branin`` rounds it: no value is below."""

    @property
    def hyperparameters(self) -> Sequence["Hyperparameter[Any, Any]"]:
        """The two coordinates, x1 and x2."""
        from ConfigSpace import UniformFloatHyperparameter

        return [
            UniformFloatHyperparameter("x1", -5.0, 10.0),
            UniformFloatHyperparameter("x2", 0.0, 15.0),
        ]

    def loss(self, config: Config, level: int, seed: int) -> float:
        """The value at the level's z, whatever the seed."""
        z = self.levels.index(level) / (len(self.levels) - 1)
        return branin(float(config["x1"]), float(config["x2"]), z)

    def true_loss(self, config: Config) -> float:
        """Branin's function itself, at full fidelity and without noise."""
        return branin(float(config["x1"]), float(config["x2"]))
