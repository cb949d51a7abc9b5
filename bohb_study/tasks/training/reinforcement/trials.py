"""The trials of a configuration: trainings with seeds of their own, and their mean."""

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from bohb_study.seeding import Config, derive
from bohb_study.tasks.base import Evaluation, Report
from bohb_study.tasks.training.denormals import flushed_denormals
from bohb_study.tasks.training.reinforcement.agent import Agent, Settings
from bohb_study.tasks.training.reinforcement.cartpole import (
    FEATURES,
    SIDE_BY_SIDE,
    Episodes,
    Rollout,
    make_environments,
)

if TYPE_CHECKING:
    from bohb_study.tasks.training.reinforcement.ppo import PPO

ROLLOUT = 16
"""Steps of all environments between two times of learning."""


class Trial(NamedTuple):
    """How one training ended."""

    episodes: int
    """Until it converged; the most that there are where it did not."""
    converged: bool
    steps: int
    """Played in all environments together."""
    finite: bool = True
    """Whether its weights were to the end."""


def train(settings: Settings, seed: int, most_episodes: int, most_steps: int) -> Trial:
    """Train until it has converged, or there have been enough episodes or steps.

    A training that is stopped for its steps counts as one that never converges.
    """
    agent = Agent(settings, np.random.default_rng(derive(seed, "agent")))
    environments = make_environments()
    now, _ = environments.reset(seed=derive(seed, "environments"))
    episodes = Episodes(most_episodes)
    shape = (ROLLOUT, SIDE_BY_SIDE)
    resets = np.zeros(SIDE_BY_SIDE, dtype=bool)
    steps = 0
    while steps < most_steps:
        seen = np.empty((ROLLOUT + 1, SIDE_BY_SIDE, FEATURES), dtype=np.float32)
        rollout = Rollout(seen, *(np.empty(shape, dtype=bool) for _ in range(4)))
        for step, thresholds in enumerate(agent.thresholds(*shape)):
            seen[step] = now
            action = agent.act(now, thresholds)
            now, _, terminated, truncated, _ = environments.step(action.astype(np.int64))
            rollout.actions[step], rollout.terminated[step] = action, terminated
            np.logical_not(resets, out=rollout.played[step])
            resets = terminated | truncated
            rollout.ended[step] = resets
            episodes.follow(rollout.played[step], resets)
            if episodes.over:
                count = episodes.count if episodes.converged else most_episodes
                return Trial(
                    count, episodes.converged, steps + int(rollout.played[: step + 1].sum())
                )
        seen[ROLLOUT] = now
        steps += int(rollout.played.sum())
        agent.learn(rollout)
        if not agent.finite():
            return Trial(most_episodes, False, steps, finite=False)
    return Trial(most_episodes, False, steps)


class PPOEvaluation(Evaluation):
    """One configuration's trials so far.

    It has diverged once the weights of a trial are no longer finite, and remains so.
    """

    def __init__(self, task: "PPO", config: Config, training_seed: int) -> None:
        """Nothing is played yet.

        Args:
            task: says how many episodes and steps there are at most.
            config: hyperparameters.
            training_seed: each trial's seed is derived from it and the trial's number.
        """
        torch.set_num_threads(1)  # sums depend on how they are divided among threads
        torch.use_deterministic_algorithms(True)
        self._task = task
        self._seed = training_seed
        self._settings = Settings(
            (int(config["l1"]), int(config["l2"])),
            int(config["batch_size"]),
            *(float(config[name]) for name in ("lr", "discount", "clipping", "entropy")),
        )
        self._trials: list[Trial] = []

    def advance(self, level: int) -> Report:
        """Train up to trial ``level`` and report the mean of all so far.

        Raises:
            ValueError: ``level`` is not above the current trial.
        """
        done = len(self._trials)
        if level <= done:
            raise ValueError(f"at trial {done} already, cannot advance to {level}")
        began = time.perf_counter()
        with flushed_denormals():
            for number in range(done + 1, level + 1):
                seed = derive(self._seed, "trial", number)
                task = self._task
                self._trials.append(train(self._settings, seed, task.episodes, task.steps))
        seconds = time.perf_counter() - began
        if not all(trial.finite for trial in self._trials):
            return self._task.failure(level - done, seconds, "diverged")
        loss = float(np.mean([trial.episodes for trial in self._trials]))
        extra = {
            "converged": float(np.mean([trial.converged for trial in self._trials])),
            "steps": float(np.mean([trial.steps for trial in self._trials])),
        }
        return Report(loss, loss, seconds, level - done, extra=extra)

    def state(self) -> dict[str, Any]:
        """How each trial so far has ended."""
        return {"trials": [tuple(trial) for trial in self._trials]}

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a state of the same task, seed and configuration."""
        self._trials = [Trial(*trial) for trial in state["trials"]]
