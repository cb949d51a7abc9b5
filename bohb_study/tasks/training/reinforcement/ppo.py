"""PPO on CartPole, as in the section of the BOHB paper on reinforcement learning.

Seven hyperparameters, trials as fidelity. What differs: 16 environments are played side by side, a
training is also stopped for its steps, and what the paper leaves to its agent is chosen here
(``agent``): two networks of the same shape, Adam, generalised advantages with lambda 0.95, and 10
batches of ``batch_size`` transitions for every 256 that are played.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, retraining_seed, trial_seed
from bohb_study.tasks.base import Evaluation, Task
from bohb_study.tasks.ladder import Ladder, powers

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

STEPS_AN_EPISODE = 24
"""Of a policy that has learnt next to nothing."""


@dataclass(frozen=True)
class PPO(Task):
    """Train a policy for CartPole by proximal policy optimisation, several times.

    ``val_loss`` is the mean over the trials of the number of episodes until 20 in a row have the
    full reward: CartPole-v1's episodes are ended after 200 steps here, as CartPole-v0's are, so
    that it is 200. They count in the order in which they end. A training that does not converge
    within ``episodes``, or within ``steps``, counts as ``episodes``: nearly all that are drawn at
    random do, as few values of discount, entropy and learning rate allow learning. Each trial has a
    seed of its own, derived from its number, and a paused evaluation goes on with the next one.

    In the paper's space few configurations converge: none of 25 random ones did, so that all had
    the same loss at every rung. It takes a discount near 1 and a learning rate about 1e-3.

    ``test_loss`` is the same number, for nothing is held out of an environment: what a chosen
    configuration is worth is seen when it is retrained, with other seeds.
    """

    name: str = field(default="ppo-cartpole", kw_only=True)
    trials: int = 9
    """Trainings of one full evaluation; a power of 3."""
    episodes: int = 3000
    """After which a training ends that has not converged."""
    steps: int = 200_000
    """Steps of the environments after which it ends as well, counted as if for its episodes."""

    summary = "proximal policy optimisation on gymnasium's CartPole-v1"
    val_metric = "episodes to convergence"
    test_metric = "episodes to convergence"
    extra_names = ("converged", "steps")
    grid_order = ("lr", "discount", "entropy", "clipping", "batch_size", "l1", "l2")

    def __post_init__(self) -> None:
        """Raise UsageError for options that cannot be."""
        if self.own_ladder.top != self.trials:
            raise UsageError(
                f"{self.name}.trials={self.trials}: must be a power of 3 (1, 3, 9, ...)",
                parameter="task_options",
            )
        for option in ("episodes", "steps"):
            if (value := getattr(self, option)) < 1:
                raise UsageError(
                    f"{self.name}.{option}={value}: must be at least 1", parameter="task_options"
                )

    @property
    def own_ladder(self) -> Ladder:
        """Trials 1, 3 and 9."""
        return Ladder("trial", powers(3, self.trials), eta=3, curve=True, resumable=True)

    def prepare(self, *, download: bool = False) -> None:
        """See that gymnasium is installed."""
        from bohb_study.tasks.training.reinforcement.cartpole import check_installed

        check_installed(self.name)

    def space(self, seed: int) -> "ConfigurationSpace":
        """Seven hyperparameters, over the paper's ranges."""
        from ConfigSpace import (
            ConfigurationSpace,
            UniformFloatHyperparameter,
            UniformIntegerHyperparameter,
        )

        space = ConfigurationSpace(seed=seed)
        space.add(
            UniformIntegerHyperparameter("l1", 2**3, 2**7, log=True),
            UniformIntegerHyperparameter("l2", 2**3, 2**7, log=True),
            UniformIntegerHyperparameter("batch_size", 2**3, 2**8, log=True),
            UniformFloatHyperparameter("lr", 1e-7, 1e-1, log=True),
            UniformFloatHyperparameter("discount", 0, 1),
            UniformFloatHyperparameter("clipping", 0, 1),
            UniformFloatHyperparameter("entropy", 0, 1),
        )
        return space

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin trainings of ``config`` under the study's ``seed``."""
        from bohb_study.tasks.training.reinforcement.trials import PPOEvaluation  # imports torch

        return PPOEvaluation(self, config, trial_seed(self.name, seed, config))

    def retrain(self, config: Config, seed: int, repeat: int) -> Evaluation:
        """Begin trainings with other weights, actions and environments."""
        from bohb_study.tasks.training.reinforcement.trials import PPOEvaluation  # imports torch

        return PPOEvaluation(self, config, retraining_seed(self.name, seed, config, repeat))

    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds of trials ``start`` to ``end``, in proportion to their number.

        A step of an environment, with its share of what is learnt, takes 22 us + 0.56 ns x batch
        size x (l1 + l2) + 24 ps x batch size x l1 x l2: to 14 % what was measured for 25 random
        configurations on one core of an AMD EPYC. A trial is taken to last 24 steps an episode, as
        those do that learn next to nothing, which most configurations are: nine in ten of the 25
        took from 0.85 to 1.4 times the modelled time. Those that learn are outside a factor of two:
        the best take a third of it, those that learn without ever converging three times as long.
        What is measured in a run decides nothing.
        """
        l1, l2, batch = (int(config[name]) for name in ("l1", "l2", "batch_size"))
        step = 2.2e-5 + 5.6e-10 * batch * (l1 + l2) + 2.4e-11 * batch * l1 * l2
        return (end - start) * step * min(STEPS_AN_EPISODE * self.episodes, self.steps)
