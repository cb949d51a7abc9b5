"""The network's gradient is that of its posterior, as PyTorch differentiates it."""

import math

import numpy as np
import torch
from torch import Tensor

from bohb_study.tasks.training.bayesian.network import LOG_VARIANCE, Network
from bohb_study.tasks.training.bayesian.sampling import Predictive

INPUTS, UNITS, EXAMPLES = 3, (5, 4), 7


def potential(network: Network, vector: Tensor, x: Tensor, y: Tensor, scale: float) -> Tensor:
    """The negative log posterior, but for a constant."""
    sizes = [INPUTS * 5, 5, 5 * 4, 4, 4, 1, 1]
    w1, b1, w2, b2, w3, b3, log_variance = vector.split(sizes)
    hidden = torch.tanh(x @ w1.reshape(INPUTS, 5) + b1)
    hidden = torch.tanh(hidden @ w2.reshape(5, 4) + b2)
    noise = torch.distributions.Normal(hidden @ w3 + b3, (log_variance / 2).exp())
    prior = sum(
        -torch.distributions.Normal(0, inputs**-0.5).log_prob(part).sum()
        for part, inputs in ((w1, INPUTS), (b1, 1), (w2, 5), (b2, 1), (w3, 4), (b3, 1))
    )
    prior = prior - torch.distributions.Normal(LOG_VARIANCE, 1).log_prob(log_variance).sum()
    return prior - scale * noise.log_prob(y).sum()


def test_the_gradient_is_that_of_the_negative_log_posterior() -> None:
    rng = np.random.default_rng(0)
    network = Network(INPUTS, UNITS)
    vector = network.drawn(rng) + rng.normal(0, 0.3, network.size).astype(np.float32)
    x = rng.normal(size=(EXAMPLES, INPUTS)).astype(np.float32)
    y = rng.normal(size=EXAMPLES).astype(np.float32)
    found = np.empty_like(vector)
    network.gradient(vector, network.parts(vector), x, y, 2.5, found)
    doubles = torch.from_numpy(vector).double().requires_grad_()
    args = torch.from_numpy(x).double(), torch.from_numpy(y).double()
    potential(network, doubles, *args, 2.5).backward()  # type: ignore[no-untyped-call]
    assert doubles.grad is not None
    np.testing.assert_allclose(found, doubles.grad.numpy(), rtol=2e-4, atol=2e-4)


def test_the_prior_of_the_function_does_not_depend_on_the_units() -> None:
    x = np.zeros((1, INPUTS), dtype=np.float32)
    spreads = []
    for units in ((16, 16), (64, 64)):
        network, rng = Network(INPUTS, units), np.random.default_rng(0)
        drawn = [network.drawn(rng) for _ in range(400)]
        spreads.append(np.std([network.predict(network.parts(one), x)[0] for one in drawn]))
    assert 0.85 < spreads[0] / spreads[1] < 1.18


def test_the_predictive_density_is_the_mean_over_the_samples() -> None:
    y = np.array([0.0, 1.0, 50.0], dtype=np.float32)
    samples = [(np.array([0.5, 1.0, 2.0]), 0.0), (np.array([-1.0, 0.0, 1.0]), -1.0)]
    predictive = Predictive(y)
    densities = []
    for predicted, log_variance in samples:
        predictive.add(predicted.astype(np.float32), log_variance)
        variance = math.exp(log_variance)
        densities.append(
            np.exp(-((y - predicted) ** 2) / 2 / variance) / math.sqrt(2 * math.pi * variance)
        )
    found = predictive.log_densities()
    np.testing.assert_allclose(found[:2], np.log(np.mean(densities, axis=0)[:2]), rtol=1e-6)
    assert found[2] < -1000  # where the density itself is zero in floating point
    assert math.isfinite(found[2])
    np.testing.assert_allclose(predictive.errors(), [-0.25, -0.5, -48.5])
