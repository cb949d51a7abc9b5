"""Proximal policy optimisation for CartPole: networks, acting, and learning from a rollout.

Schulman et al., "Proximal Policy Optimization Algorithms", arXiv 1707.06347: the clipped surrogate
of equation (7) with an entropy bonus, advantages by generalised estimation (equation 11). They are
used as they are, as in the paper: many programs standardise them, which weighs the bonus otherwise.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from bohb_study.tasks.training.reinforcement.cartpole import FEATURES, MOST_STEPS, Rollout

GRADIENT_STEPS = 10
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


class Batch(NamedTuple):
    """What was done at the observations of a batch, each of shape (n,)."""

    signs: Tensor
    """1 where the cart was pushed to the right, -1 where to the left."""
    before: Tensor
    """Logarithm of that action's probability when it was done."""
    advantages: Tensor
    """How much better it did than expected."""
    targets: Tensor
    """Of the values."""


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
        for inputs, outputs in pairwise(sizes):
            drawn = rng.standard_normal((2, inputs, outputs), dtype=np.float32) / np.sqrt(inputs)
            if outputs == 1:
                drawn[0] *= LAST_LAYER
            self.parameters += [
                torch.from_numpy(drawn.astype(np.float32)),
                torch.zeros(2, 1, outputs),
            ]
        # Views of the policy's part, which the optimizer changes in place.
        self._policy = [parameter.numpy()[0] for parameter in self.parameters]
        self._optimizer = torch.optim.Adam(self.parameters, lr=settings.learning_rate, fused=True)
        powers = settings.discount ** np.arange(MOST_STEPS, dtype=np.float64)
        self.largest_return = float(powers.sum())

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

    @torch.no_grad()
    def learn(self, rollout: Rollout) -> None:
        """Improve policy and values by one rollout."""
        steps, environments = rollout.actions.shape
        observations = torch.from_numpy(rollout.observations.reshape(-1, FEATURES))
        log_odds, values = self.layers(observations)[-1][:, :, 0]
        found = values.numpy().astype(np.float64).reshape(steps + 1, environments)
        advantages = self.advantages(rollout, found * self.largest_return)
        targets = advantages / self.largest_return + found[:-1]
        played = np.flatnonzero(rollout.played)
        signs = torch.from_numpy(np.where(rollout.actions, 1, -1).astype(np.float32).ravel())
        columns = torch.stack(
            (
                signs,
                F.logsigmoid(signs * log_odds[: len(signs)]),
                _tensor(advantages),
                _tensor(targets),
            )
        )
        drawn = self._rng.choice(played, size=(GRADIENT_STEPS, self._settings.batch_size))
        batches = torch.from_numpy(drawn)
        for seen, rows in zip(observations[batches], columns[:, batches].unbind(1), strict=True):
            self.backward(seen, Batch(*rows))
            self._optimizer.step()

    def layers(self, observations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Both networks' hidden layers and output, each of shape (2, n, units).

        Args:
            observations: shape (n, 4).
        """
        w1, b1, w2, b2, w3, b3 = self.parameters
        first = torch.baddbmm(b1, observations.expand(2, -1, -1), w1).tanh_()
        second = torch.baddbmm(b2, first, w2).tanh_()
        return first, second, torch.baddbmm(b3, second, w3)

    def backward(self, observations: Tensor, batch: "Batch") -> None:
        """Set the gradients of the parameters to those of the loss on a batch.

        The loss is the values' mean squared error, less the clipped surrogate, less the entropy
        bonus. It is differentiated by hand: automatic differentiation takes four times as long,
        for at these sizes nearly all of it is overhead.
        """
        _, _, w2, _, w3, _ = self.parameters
        first, second, output = self.layers(observations)
        log_odds, values = output[:, :, 0]
        signs, before, advantages, targets = batch
        odds = signs * log_odds
        ratio = (F.logsigmoid(odds) - before).exp_()
        clipping = self._settings.clipping
        pull = ratio * advantages
        pull *= pull <= ratio.clamp(1 - clipping, 1 + clipping) * advantages
        back = torch.empty_like(output)
        right = log_odds.sigmoid()
        bonus = log_odds * right * (1 - right) * self._settings.entropy
        torch.sub(bonus, pull * signs * odds.neg_().sigmoid_(), out=back[0, :, 0])
        torch.sub(values, targets, out=back[1, :, 0]).mul_(2)
        back /= len(signs)
        self._gradients(4, second, back)
        back = torch.bmm(back, w3.mT) * (1 - second.square_())
        self._gradients(2, first, back)
        back = torch.bmm(back, w2.mT) * (1 - first.square_())
        self._gradients(0, observations.expand(2, -1, -1), back)

    def _gradients(self, index: int, inputs: Tensor, back: Tensor) -> None:
        """Of the weights at ``index`` and the biases behind them, by that of their sum."""
        self.parameters[index].grad = torch.bmm(inputs.mT, back)
        self.parameters[index + 1].grad = back.sum(dim=1, keepdim=True)

    def advantages(self, rollout: Rollout, values: NDArray[np.float64]) -> NDArray[np.float64]:
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

    def finite(self) -> bool:
        """Whether all weights still are."""
        return all(bool(torch.isfinite(parameter).all()) for parameter in self.parameters)


def _tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32).ravel())
