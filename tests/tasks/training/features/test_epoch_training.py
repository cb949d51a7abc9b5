"""Networks and regressions on tables: gradients, optimisers, divergence, and no side effects."""

import copy
import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks import Report, Task, make_task
from bohb_study.tasks.training.denormals import flushed_denormals
from bohb_study.tasks.training.features.epoch_training import EpochEvaluation
from bohb_study.tasks.training.features.networks import Network, cross_entropies
from bohb_study.tasks.training.features.optimisers import SGD, Adam

MLP: Config = {
    "batch_size": 32,
    "dropout": 0.1,
    "lr": 3e-3,
    "decay": -0.05,
    "layers": 2,
    "units": 32,
}
LOGREG: Config = {"batch_size": 32, "lr": 0.05, "l2": 1e-4, "momentum": 0.5}
CASES = (("mlp-digits", MLP), ("logreg-digits", LOGREG))


def begun(name: str, config: Config) -> EpochEvaluation:
    evaluation = make_task(name, {"subset": "400"}).start(config, 0)
    assert isinstance(evaluation, EpochEvaluation)
    return evaluation


def as_torch(network: Network) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [
        (torch.tensor(weights, requires_grad=True), torch.tensor(biases, requires_grad=True))
        for weights, biases in network._layers
    ]


def torch_loss(
    layers: list[tuple[torch.Tensor, torch.Tensor]], features: Any, labels: Any
) -> torch.Tensor:
    values = torch.tensor(features)
    for weights, biases in layers[:-1]:
        values = (values @ weights + biases).relu()
    return torch.nn.functional.cross_entropy(
        values @ layers[-1][0] + layers[-1][1], torch.tensor(labels)
    )


@pytest.mark.parametrize("hidden", [(), (7,), (7, 5, 6)])
def test_gradients_are_those_of_autograd(hidden: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    network = Network((4, *hidden, 3), rng)
    network.parameters += 0.1 * rng.standard_normal(len(network.parameters), dtype=np.float32)
    features, labels = rng.standard_normal((9, 4), dtype=np.float32), rng.integers(3, size=9)
    layers = as_torch(network)
    expected = torch_loss(layers, features, labels)
    expected.backward()  # type: ignore[no-untyped-call]
    assert network.backward(features, labels, 0.0, rng) == pytest.approx(expected.item(), rel=1e-5)
    for (weights, biases), (w, b) in zip(layers, network._gradients, strict=True):
        assert weights.grad is not None
        assert biases.grad is not None
        np.testing.assert_allclose(w, weights.grad.numpy(), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(b, biases.grad.numpy(), rtol=1e-4, atol=1e-6)
    assert network.weights == sum(weights.numel() for weights, _ in layers)
    entropies = cross_entropies(network.logits(features), labels)
    assert entropies.mean() == pytest.approx(expected.item(), rel=1e-5)


def test_dropout_leaves_out_its_share_and_keeps_the_mean() -> None:
    """With one hidden layer of ones, the logits of a batch count which units were left out."""
    network = Network((1, 4000, 2), np.random.default_rng(0))
    network.parameters[:] = 0
    (weights, _), (last, _) = network._layers
    weights[:] = 1
    last[:, 0] = 1 / 4000
    features, labels = np.ones((50, 1), dtype=np.float32), np.ones(50, dtype=np.int64)
    loss = network.backward(features, labels, 0.3, np.random.default_rng(1))
    assert loss == pytest.approx(math.log1p(math.e), rel=0.01)  # the logit is 1 in the mean
    kept = network.backward(features[:1], labels[:1], 0.3, np.random.default_rng(2))
    assert kept != loss
    share = (network._gradients[1][0][:, 0] != 0).mean()
    assert share == pytest.approx(0.7, abs=0.04)


@pytest.mark.parametrize("steps", [1, 5])
def test_optimisers_step_as_torchs_do(steps: int) -> None:
    rng = np.random.default_rng(0)
    start = rng.standard_normal(6, dtype=np.float32)
    gradients = rng.standard_normal((steps, 6), dtype=np.float32)
    for ours, torchs in (
        (Adam(6), lambda p: torch.optim.Adam(p, lr=0.01)),
        (SGD(6, 0.7, 0.2, 6), lambda p: torch.optim.SGD(p, 0.01, momentum=0.7, weight_decay=0.2)),
    ):
        parameters, theirs = start.copy(), torch.tensor(start, requires_grad=True)
        optimiser = torchs([theirs])
        for gradient in gradients:
            ours.step(parameters, gradient.copy(), 0.01)
            theirs.grad = torch.tensor(gradient)
            optimiser.step()
        np.testing.assert_allclose(parameters, theirs.detach().numpy(), rtol=1e-5)


def test_biases_are_not_penalised() -> None:
    parameters = np.ones(4, dtype=np.float32)
    SGD(4, 0.0, 0.5, penalised=3).step(parameters, np.zeros(4, dtype=np.float32), 0.1)
    np.testing.assert_allclose(parameters, [0.95, 0.95, 0.95, 1.0])


@pytest.mark.parametrize(("name", "config"), CASES)
def test_it_learns(name: str, config: Config) -> None:
    report = make_task(name).start(config, 0).advance(27)
    assert report.val_loss < 0.3
    assert report.test_loss < 0.1
    assert report.extra["val_error"] < 0.1


def test_the_learning_rate_decays_by_epochs() -> None:
    evaluation = begun("mlp-digits", MLP)
    rates = [evaluation._recipe.rate(epoch) for epoch in (1, 2, 11)]
    assert rates == pytest.approx([3e-3, 3e-3 * math.exp(-0.05), 3e-3 * math.exp(-0.5)])


@pytest.mark.parametrize(("name", "config"), CASES)
def test_a_state_is_left_be_by_those_who_gave_and_took_it(name: str, config: Config) -> None:
    giver, taker = begun(name, config), begun(name, config)
    giver.advance(2)
    state = giver.state()
    before = copy.deepcopy(state)
    third = giver.advance(3)
    taker.restore(state)
    again = taker.advance(3)
    np.testing.assert_array_equal(state["parameters"], before["parameters"])
    assert (third.val_loss, third.test_loss) == (again.val_loss, again.test_loss)
    np.testing.assert_array_equal(taker.state()["parameters"], giver.state()["parameters"])
    assert not np.array_equal(taker.state()["parameters"], before["parameters"])


@pytest.mark.parametrize(("name", "config"), CASES)
def test_every_epoch_has_its_own_order_of_the_rows(
    name: str, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = begun(name, config)
    seen: list[list[int]] = [[]]
    backward = Network.backward

    def spy(network: Network, features: Any, labels: Any, *more: Any) -> float:
        seen[-1] += features.sum(axis=1).tolist()
        return backward(network, features, labels, *more)

    monkeypatch.setattr(Network, "backward", spy)
    for epoch in (1, 2):
        evaluation.advance(epoch)
        seen.append([])
    assert sorted(seen[0]) == sorted(seen[1])
    assert len(seen[0]) == 300
    assert seen[0] != seen[1]


def test_levels_only_go_up() -> None:
    evaluation = begun(*CASES[0])
    evaluation.advance(2)
    with pytest.raises(ValueError, match="at epoch 2 already, cannot advance to 2"):
        evaluation.advance(2)
    assert evaluation.advance(3).units == 1


# Divergence


def assert_diverged(report: Report, units: int) -> None:
    assert (report.status, report.units) == ("diverged", units)
    assert math.isnan(report.val_loss)
    assert math.isnan(report.test_loss)
    assert math.isnan(report.extra["val_error"])


@pytest.mark.parametrize(("name", "config"), CASES)
@pytest.mark.filterwarnings("error")
def test_a_huge_learning_rate_diverges_and_goes_on(name: str, config: Config) -> None:
    evaluation = begun(name, {**config, "lr": 1e30})
    assert_diverged(evaluation.advance(2), units=2)
    assert_diverged(evaluation.advance(3), units=1)


def test_what_has_diverged_once_remains_so_although_it_recovers() -> None:
    evaluation = begun(*CASES[0])
    evaluation.advance(3)
    evaluation.restore({**evaluation.state(), "diverged": True})
    assert_diverged(evaluation.advance(4), units=1)
    assert evaluation._evaluate(evaluation._parts.val)[0] < 2.3


def test_divergence_between_two_reports_is_not_overlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluation = begun(*CASES[1])
    train_epoch = evaluation._train_epoch

    def infinite_in_epoch_2() -> float:
        loss = train_epoch()
        return math.inf if evaluation._epoch == 2 else loss

    monkeypatch.setattr(evaluation, "_train_epoch", infinite_in_epoch_2)
    assert_diverged(evaluation.advance(3), units=3)


# Without side effects


@pytest.mark.parametrize(("name", "config"), CASES)
def test_global_states_are_left_alone_and_do_not_matter(name: str, config: Config) -> None:
    def states() -> tuple[Any, ...]:
        drawn = str(np.random.get_state())  # noqa: NPY002
        return torch.get_rng_state().tolist(), drawn, random.getstate(), np.geterr()

    before = states()
    first = begun(name, config).advance(2)
    assert states() == before
    assert not _flushes()
    np.random.seed(99)  # noqa: NPY002 (the global state is what must not matter)
    assert begun(name, config).advance(2).val_loss == first.val_loss


@pytest.mark.parametrize(("name", "config"), CASES)
def test_one_thread_multiplies(name: str, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    logits = Network.logits

    def spy(self: Network, features: Any) -> Any:
        seen.update(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")
        return logits(self, features)

    monkeypatch.setattr(Network, "logits", spy)
    with threadpool_limits(4):
        begun(name, config).advance(1)
    assert seen == {1}


def _flushes() -> bool:
    with flushed_denormals():
        pass
    return np.finfo(np.float32).tiny / np.float32(2) == 0


# Options and the model of time


@pytest.mark.parametrize("epochs", [0, -3, 2, 10, 28])
@pytest.mark.parametrize("name", ["mlp-letter", "logreg-dna"])
def test_other_numbers_of_epochs_are_refused_in_one_line(name: str, epochs: int) -> None:
    match = rf"^task_options {name}\.epochs={epochs}: must be a power of 3 [^\n]*$"
    with pytest.raises(UsageError, match=match):
        make_task(name, {"epochs": str(epochs)})


def weights_of(task: Task, config: Config) -> int:
    evaluation = task.start(config, 0)
    assert isinstance(evaluation, EpochEvaluation)
    return evaluation._network.weights


def test_time_follows_its_formula() -> None:
    mlp, logreg = make_task("mlp-digits"), make_task("logreg-digits")
    weights = weights_of(mlp, MLP)
    updates = math.ceil(1079 / 32)
    update = 33e-6 + 15e-6 * 2 + 2.1e-9 * weights
    row = 25e-9 * 10 + 4.5e-9 * 64 + 0.07e-9 * weights
    assert mlp.duration(MLP, 3, 4) == pytest.approx(updates * update + 1079 * row)
    weights = weights_of(logreg, LOGREG)
    row = 13e-9 * 10 + 1.8e-9 * 64 + 0.035e-9 * weights
    assert logreg.duration(LOGREG, 0, 2) == pytest.approx(2 * (updates * 31e-6 + 1079 * row))
