"""PPO on CartPole, as in the BOHB paper (section 5.5): seven hyperparameters, trials as fidelity."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, retraining_seed, trial_seed
from bohb_study.tasks.base import Evaluation, Task
from bohb_study.tasks.ladder import Ladder, powers

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


@dataclass(frozen=True)
class PPO(Task):
    """Episodes until a policy holds the pole upright, over several trainings."""

    name: str = field(default="ppo-cartpole", kw_only=True)
    trials: int = 9
    """Trainings of one full evaluation; a power of 3."""
    episodes: int = 3000
    """After which a training ends that has not converged."""
    steps: int = 600_000
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
        """Modelled seconds of trials ``start`` to ``end``."""
        return (end - start) * 2.0
