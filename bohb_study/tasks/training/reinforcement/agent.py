"""Proximal policy optimisation for CartPole: networks, acting, and learning from a rollout.

Schulman et al., "Proximal Policy Optimization Algorithms", arXiv 1707.06347: the clipped surrogate
of equation (7) with an entropy bonus, advantages by generalised advantage estimation (equation 11).
"""

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from bohb_study.tasks.training.reinforcement.cartpole import FEATURES, MOST_STEPS, Rollout

GRADIENT_STEPS = 20
"""Batches that are learnt from each rollout, of transitions drawn with replacement."""
TRACE_DECAY = 0.95
"""Lambda of the generalised advantage estimation."""
LAST_LAYER = 0.01
"""Scale of the policy's last weights at the start, so that both actions are about as likely."""


class Settings(NamedTuple):
    """The hyperparameters."""

    units: tuple[int, int]
    """Of the two tanh layers, of policy and value network alike."""
    batch_size: int
    learning_rate: float
    discount: float
    clipping: float
    """How far the ratio of new to old probability counts away from 1."""
    entropy: float
    """Weight of the entropy bonus."""


class Agent:
    """A policy and a value network of the same shape, computed as one batched product.

    The policy's only output is the log odds of a push to the right. The value network's is the
    share of the largest discounted return, so that it needs not grow to reach it.
    """

    def __init__(self, settings: Settings, rng: np.random.Generator) -> None:
        """Draw the initial weights.

        Args:
            settings: the hyperparameters.
            rng: draws weights, actions and batches.
        """
        self._settings = settings
        self._rng = rng
        sizes = (FEATURES, *settings.units, 1)
        self.parameters: list[Tensor] = []
        for inputs, outputs in zip(sizes, sizes[1:], strict=False):
            drawn = rng.standard_normal((2, inputs, outputs), dtype=np.float32) / np.sqrt(inputs)
            if outputs == 1:
                drawn[0] *= LAST_LAYER
            self.parameters += [
                torch.from_numpy(drawn.astype(np.float32)),
                torch.zeros(2, 1, outputs),
            ]
        # Views of the policy's part, which the optimizer changes in place.
        self._policy = [parameter.numpy()[0] for parameter in self.parameters]
        for parameter in self.parameters:
            parameter.requires_grad_()
        self._optimizer = torch.optim.Adam(self.parameters, lr=settings.learning_rate, fused=True)
        powers = settings.discount ** np.arange(MOST_STEPS, dtype=np.float64)
        self._largest_return = float(powers.sum())

    def act(
        self, observations: NDArray[np.float32], thresholds: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Whether to push to the right.

        Args:
            observations: shape (e, 4).
            thresholds: of the log odds, from ``thresholds``; shape (e, 1).
        """
        w1, b1, w2, b2, w3, b3 = self._policy
        hidden = np.tanh(observations @ w1 + b1)
        hidden = np.tanh(hidden @ w2 + b2)
        found: NDArray[np.bool_] = (hidden @ w3 + b3 > thresholds)[:, 0]
        return found

    def thresholds(self, steps: int, environments: int) -> NDArray[np.float32]:
        """What the log odds must exceed for a push to the right, drawn for a rollout."""
        uniform = self._rng.random((steps, environments, 1))
        with np.errstate(divide="ignore"):
            return (np.log(uniform) - np.log1p(-uniform)).astype(np.float32)

    def outputs(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Log odds and values, both of shape (n,), at observations of shape (n, 4)."""
        w1, b1, w2, b2, w3, b3 = self.parameters
        hidden = torch.tanh(torch.baddbmm(b1, observations.expand(2, -1, -1), w1))
        hidden = torch.tanh(torch.baddbmm(b2, hidden, w2))
        log_odds, values = torch.baddbmm(b3, hidden, w3)[:, :, 0]
        return log_odds, values

    def learn(self, rollout: Rollout) -> None:
        """Improve policy and values by one rollout."""
        steps, environments = rollout.actions.shape
        observations = torch.from_numpy(rollout.observations.reshape(-1, FEATURES))
        with torch.no_grad():
            log_odds, values = self.outputs(observations)
        found = values.numpy().astype(np.float64).reshape(steps + 1, environments)
        advantages = self.advantages(rollout, found * self._largest_return)
        targets = advantages / self._largest_return + found[:-1]
        played = np.flatnonzero(rollout.played)
        mean, spread = advantages.ravel()[played].mean(), advantages.ravel()[played].std()
        signs = torch.from_numpy(np.where(rollout.actions, 1, -1).astype(np.float32).ravel())
        columns = torch.stack(
            (
                signs,
                F.logsigmoid(signs * log_odds[: len(signs)]),
                _tensor((advantages - mean) / (spread + 1e-8)),
                _tensor(targets),
            )
        )
        drawn = self._rng.choice(played, size=(GRADIENT_STEPS, self._settings.batch_size))
        for batch in torch.from_numpy(drawn):
            self._optimizer.zero_grad()
            loss = self._loss(observations[batch], *columns[:, batch])
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()

    def advantages(
        self, rollout: Rollout, values: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Generalised advantage estimates, shape (t, e); meaningless where nothing was played.

        Args:
            rollout: of t steps of e environments.
            values: of its observations, shape (t + 1, e).
        """
        discount = self._settings.discount
        surprise = 1 + discount * values[1:] * ~rollout.terminated - values[:-1]
        keep = discount * TRACE_DECAY * ~rollout.ended
        found = np.empty_like(surprise)
        following: Any = 0.0
        for step in reversed(range(len(surprise))):
            following = surprise[step] + keep[step] * following
            found[step] = following
        return found

    def _loss(
        self, observations: Tensor, signs: Tensor, before: Tensor, advantages: Tensor, targets: Tensor
    ) -> Tensor:
        """The clipped surrogate, the entropy bonus and the values' squared error, in one."""
        log_odds, values = self.outputs(observations)
        ratio = torch.exp(F.logsigmoid(signs * log_odds) - before)
        clipped = ratio.clamp(1 - self._settings.clipping, 1 + self._settings.clipping)
        gain = torch.minimum(ratio * advantages, clipped * advantages).mean()
        entropy = (F.softplus(log_odds) - log_odds * torch.sigmoid(log_odds)).mean()
        return F.mse_loss(values, targets) - gain - self._settings.entropy * entropy

    def finite(self) -> bool:
        """Whether all weights still are."""
        return all(bool(torch.isfinite(parameter).all()) for parameter in self.parameters)


def _tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32).ravel())
