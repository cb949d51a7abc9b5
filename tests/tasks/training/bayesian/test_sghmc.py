"""The sampler recovers what it is known to sample from."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bohb_study.tasks.training.bayesian.sghmc import SGHMC

MEAN = np.array([1.0, -2.0])
COVARIANCE = np.array([[1.0, 0.72], [0.72, 0.81]])
"""Correlation 0.8."""
CHAINS = 2000
BURN_IN, STEPS, EVERY = 700, 2800, 50


def sampled(step_length: float, decay: float, noise: float) -> NDArray[np.float64]:
    """Samples of many chains side by side, which know nothing of each other; shape (n, 2).

    Args:
        step_length: of the sampler.
        decay: its momentum decay.
        noise: standard deviation of what is added to the gradient.
    """
    rng = np.random.default_rng(0)
    position = np.zeros(2 * CHAINS, dtype=np.float32)
    chain = SGHMC(position, step_length, decay, np.random.default_rng(1))
    precision = np.linalg.inv(COVARIANCE)
    kept = []
    for step in range(BURN_IN + STEPS):
        gradient = ((position.reshape(-1, 2) - MEAN) @ precision).ravel()
        gradient += noise * rng.standard_normal(len(gradient), dtype=np.float32)
        chain.step(gradient.astype(np.float32), adapt=step < BURN_IN)
        if step > BURN_IN + 500 and step % EVERY == 0:
            kept.append(position.reshape(-1, 2).astype(np.float64))
    return np.concatenate(kept)


@pytest.mark.parametrize(("step_length", "decay"), [(0.05, 0.05), (0.1, 0.2)])
def test_a_correlated_gaussian_is_recovered_from_noisy_gradients(
    step_length: float, decay: float
) -> None:
    """The noise is most of the gradient, as it is on batches: there the correction is exact."""
    found = sampled(step_length, decay, noise=10.0)
    np.testing.assert_allclose(found.mean(axis=0), MEAN, rtol=0, atol=0.03)
    np.testing.assert_allclose(np.cov(found.T), COVARIANCE, rtol=0.05)


def test_a_correlated_gaussian_is_recovered_from_exact_gradients() -> None:
    """Of the variance is missing what was taken off for a noise that is not there: 1 %."""
    found = sampled(step_length=0.05, decay=0.2, noise=0.0)
    np.testing.assert_allclose(found.mean(axis=0), MEAN, rtol=0, atol=0.03)
    np.testing.assert_allclose(np.cov(found.T), COVARIANCE, rtol=0.05)


def test_the_scale_is_that_of_each_components_gradient() -> None:
    """By one scale for all, what is taken off for the noise would be wrong by ten in half."""
    rng = np.random.default_rng(2)
    units = np.repeat([1.0, 10.0], 2000)
    chain = SGHMC(np.zeros(4000), 0.05, 0.1, np.random.default_rng(3))
    for step in range(1500):
        gradient = units * (units * chain.position + 3 * rng.standard_normal(4000))
        chain.step(gradient, adapt=step < 500)
    spreads = (units * chain.position).reshape(2, 2000).std(axis=1)
    np.testing.assert_allclose(spreads, 1, rtol=0.05)


def test_the_means_follow_the_papers_equations() -> None:
    """But for the rate, 1 / (t + 1)."""
    chain = SGHMC(np.zeros(1), 1e-3, 0.1, np.random.default_rng(0))
    time = mean = square = 1.0
    for gradient in (3.0, -2.0, 4.0, 0.5):
        chain.step(np.array([gradient]), adapt=True)
        rate = 1 / (time + 1)
        time += 1 - time * mean**2 / square
        mean += rate * (gradient - mean)
        square += rate * (gradient**2 - square)
    found = (chain._time[0], chain._mean[0], chain._square[0])
    np.testing.assert_allclose(found, (time, mean, square))
    assert time > 2


def test_the_scale_stands_still_when_it_no_longer_adapts() -> None:
    chain = SGHMC(np.zeros(4), 0.05, 0.1, np.random.default_rng(0))
    chain.step(np.full(4, 3.0), adapt=True)
    square = chain._square.copy()
    assert (square != 1).all()
    chain.step(np.full(4, 30.0), adapt=False)
    np.testing.assert_array_equal(chain._square, square)


def test_without_decay_it_follows_the_gradient_alone() -> None:
    """The variance of the noise would be negative."""
    one, other = (SGHMC(np.zeros(3), 0.1, 0.0, np.random.default_rng(seed)) for seed in (0, 1))
    for chain in (one, other):
        chain.step(np.array([1.0, 2.0, 0.0]), adapt=False)
    np.testing.assert_array_equal(one.position, other.position)
    np.testing.assert_allclose(one.position, [-0.01, -0.02, 0.0])
