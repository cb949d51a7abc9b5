"""PPO's parts: the gradient of its loss, advantages, acting, and how episodes are counted."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bohb_study.tasks.training.reinforcement.agent import TRACE_DECAY, Agent, Batch, Settings
from bohb_study.tasks.training.reinforcement.cartpole import (
    FEATURES,
    MOST_STEPS,
    SIDE_BY_SIDE,
    Episodes,
    Rollout,
    make_environments,
)

pytest.importorskip("gymnasium")
SETTINGS = Settings((8, 6), 16, 1e-3, discount=0.9, clipping=0.2, entropy=0.3)


def agent(settings: Settings = SETTINGS) -> Agent:
    """With weights large enough that the policy is sure of something."""
    made = Agent(settings, np.random.default_rng(0))
    generator = torch.Generator().manual_seed(1)
    for parameter in made.parameters:
        parameter += 0.5 * torch.randn(parameter.shape, generator=generator)
    return made


@pytest.mark.parametrize("clipping", [0.0, 0.2, 1.0])
def test_the_gradient_is_that_of_the_clipped_loss(clipping: float) -> None:
    made = agent(SETTINGS._replace(clipping=clipping))
    generator = torch.Generator().manual_seed(2)
    n = 200
    observations = torch.randn(n, FEATURES, generator=generator)
    draws = torch.randn(4, n, generator=generator)
    batch = Batch(draws[0].sign(), F.logsigmoid(draws[1]), draws[2], draws[3])
    made.backward(observations, batch)
    found = [parameter.grad for parameter in made.parameters]

    parameters = [parameter.clone().requires_grad_() for parameter in made.parameters]
    w1, b1, w2, b2, w3, b3 = parameters
    hidden = torch.tanh(torch.tanh(observations @ w1 + b1) @ w2 + b2)
    log_odds, values = (hidden @ w3 + b3)[:, :, 0]
    policy = torch.distributions.Bernoulli(logits=log_odds)
    ratio = torch.exp(policy.log_prob((batch.signs > 0).float()) - batch.before)
    clipped = ratio.clamp(1 - clipping, 1 + clipping)
    gain = torch.minimum(ratio * batch.advantages, clipped * batch.advantages).mean()
    loss = F.mse_loss(values, batch.targets) - gain - 0.3 * policy.entropy().mean()
    loss.backward()  # type: ignore[no-untyped-call]
    for ours, parameter in zip(found, parameters, strict=True):
        torch.testing.assert_close(ours, parameter.grad, rtol=1e-4, atol=1e-6)


def rollout(seed: int, steps: int = 12) -> Rollout:
    """Made up: ends and resets at random, of two environments."""
    rng = np.random.default_rng(seed)
    ended = rng.random((steps, 2)) < 0.3
    ended[1:] &= ~ended[:-1]  # a step that resets does not end
    played = np.ones_like(ended)
    played[1:] = ~ended[:-1]
    return Rollout(
        rng.normal(size=(steps + 1, 2, FEATURES)).astype(np.float32),
        rng.random((steps, 2)) < 0.5,
        ended & (rng.random((steps, 2)) < 0.5),
        ended,
        played,
    )


def test_advantages_are_weighted_sums_of_surprises_within_an_episode() -> None:
    made, seen = agent(), rollout(0)
    values = np.random.default_rng(1).normal(size=(13, 2))
    found = made.advantages(seen, values)
    for step, place in zip(*np.nonzero(seen.played), strict=True):
        expected, weight = 0.0, 1.0
        for later in range(step, 12):
            after = 0.0 if seen.terminated[later, place] else values[later + 1, place]
            expected += weight * (1 + 0.9 * after - values[later, place])
            weight *= 0.9 * TRACE_DECAY
            if seen.ended[later, place]:
                break
        assert found[step, place] == pytest.approx(expected)


def test_steps_that_only_reset_are_not_learnt_from() -> None:
    one, other = agent(), agent()
    seen = rollout(0)
    assert not seen.played.all()
    turned = seen._replace(actions=seen.actions ^ ~seen.played)
    one.learn(seen)
    other.learn(turned)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters, other.parameters, strict=True))
    third = agent()
    third.learn(seen._replace(actions=~seen.actions))
    assert not torch.equal(one.parameters[0], third.parameters[0])


def test_actions_are_as_likely_as_the_policy_says() -> None:
    made = agent()
    observations = np.random.default_rng(3).normal(size=(5, FEATURES)).astype(np.float32)
    log_odds = made.layers(torch.from_numpy(observations))[-1][0, :, 0]
    pushes = [made.act(observations, drawn) for drawn in made.thresholds(4000, 5)]
    np.testing.assert_allclose(np.mean(pushes, axis=0), log_odds.sigmoid().numpy(), atol=0.03)


def test_acting_follows_what_is_learnt() -> None:
    made = agent()
    before = made._policy[0].copy()
    made.learn(rollout(0))
    assert not np.array_equal(before, made._policy[0])
    np.testing.assert_array_equal(made._policy[0], made.parameters[0][0].numpy())


def test_the_environments_end_an_episode_after_200_steps() -> None:
    """A pole that is held up by hand: push towards where it falls."""
    environments = make_environments()
    now, _ = environments.reset(seed=0)
    assert now.shape == (SIDE_BY_SIDE, FEATURES)
    for step in range(1, MOST_STEPS + 1):
        push = now[:, 2] + 0.5 * now[:, 3] + 0.05 * now[:, 1] + 0.02 * now[:, 0] > 0
        now, reward, terminated, truncated, _ = environments.step(push.astype(np.int64))
        assert (reward == 1).all()
        assert not terminated.any()
        assert truncated.all() == (step == MOST_STEPS)


def test_twenty_full_episodes_in_a_row_converge() -> None:
    episodes = Episodes(most=3000)
    nobody, everybody = np.zeros(SIDE_BY_SIDE, dtype=bool), np.ones(SIDE_BY_SIDE, dtype=bool)
    first = nobody.copy()
    first[0] = True

    def play(steps: int, ended: np.ndarray) -> None:
        for _ in range(steps - 1):
            episodes.follow(everybody, nobody)
        episodes.follow(everybody, ended)
        episodes.follow(~ended, nobody)  # which resets

    play(MOST_STEPS, everybody)
    assert (episodes.count, episodes.streak) == (SIDE_BY_SIDE, SIDE_BY_SIDE)
    play(MOST_STEPS - 1, first)  # the others are still playing
    assert (episodes.count, episodes.streak) == (SIDE_BY_SIDE + 1, 0)
    episodes.lengths[:] = 0
    play(MOST_STEPS, everybody)
    assert not episodes.over
    play(MOST_STEPS, everybody)
    assert episodes.converged
    assert episodes.count == SIDE_BY_SIDE + 1 + 20  # those behind the twentieth do not count


def test_episodes_have_an_end() -> None:
    episodes = Episodes(most=20)
    ended = np.ones(SIDE_BY_SIDE, dtype=bool)
    for _ in range(2):
        episodes.follow(ended, ended)
    assert (episodes.count, episodes.over, episodes.converged) == (20, True, False)
