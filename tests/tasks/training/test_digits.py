"""Training on digits: exact, resumable, finite whatever happens, and without side effects."""

import copy
import math
import pickle
import random
import sys
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, split_seed, trial_seed
from bohb_study.tasks import Report, make_task
from bohb_study.tasks.training.denormals import flushed_denormals
from bohb_study.tasks.training.digits import TRAIN_IMAGES, Digits
from bohb_study.tasks.training.digits_split import split_indices
from bohb_study.tasks.training.digits_training import load_data, network, windows

TASK = Digits()
CONFIG: Config = {"l1": 48, "l2": 24, "lr": 0.03, "batch_size": 64}
HUGE_LR: Config = {**CONFIG, "lr": 1e6}


def outcome(report: Report) -> dict[str, Any]:
    """All of a report that is not measured and does not depend on where the step began."""
    return {k: v for k, v in report._asdict().items() if k not in {"seconds", "units"}}


def tensors(state: Any) -> list[torch.Tensor]:
    """All tensors of a state, in its own order."""
    if isinstance(state, torch.Tensor):
        return [state]
    if isinstance(state, dict):
        return [tensor for value in state.values() for tensor in tensors(value)]
    return []


def equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Are two states equal, bit for bit?"""
    pairs = list(zip(tensors(one), tensors(other), strict=True))
    assert len(pairs) == 16  # eight parameters and as many momenta
    numbers = all(one[key] == other[key] for key in ("epoch", "diverged"))
    return numbers and all(torch.equal(a, b) for a, b in pairs)


# The data


def test_split_is_stratified_and_60_20_20() -> None:
    digits = load_digits().target
    parts = split_indices(digits, seed=5)
    assert [len(part) for part in parts] == [TRAIN_IMAGES, 360, 360] == [1077, 360, 360]
    assert sorted(np.concatenate(parts)) == list(range(1797))
    for part in parts:
        expected = np.bincount(digits) * len(part) / len(digits)
        np.testing.assert_allclose(np.bincount(digits[part]), expected, rtol=0, atol=1)


def test_split_is_drawn_by_the_study_seed_alone() -> None:
    zero, one = (TASK.start(CONFIG, seed)._data for seed in (0, 1))
    other_config = TASK.start({**CONFIG, "lr": 0.001, "batch_size": 256}, 0)._data
    assert all(torch.equal(a.images, b.images) for a, b in zip(zero, other_config, strict=True))
    assert not torch.equal(zero.test.images, one.test.images)
    load_data.cache_clear()
    drawn_again = load_data(split_seed("digits", 0))
    for part, again in zip(zero, drawn_again, strict=True):
        assert torch.equal(part.images, again.images)
        assert torch.equal(part.labels, again.labels)


def test_normalisation_knows_only_the_training_part() -> None:
    grey, digits = load_digits(return_X_y=True)
    data = load_data(3)
    train = grey[split_indices(digits, 3)[0]]
    for part, indices in zip(data, split_indices(digits, 3), strict=True):
        expected = (grey[indices] - train.mean()) / train.std()
        assert part.images.shape == (len(indices), 9, 16)
        images = expected.astype(np.float32).reshape(-1, 8, 8)
        for place, window in enumerate(part.images.numpy().transpose(1, 0, 2)):
            row, column = (2 * i for i in divmod(place, 3))
            cut = images[:, row : row + 4, column : column + 4]
            np.testing.assert_array_equal(window.reshape(-1, 4, 4), cut)
        np.testing.assert_array_equal(part.labels.numpy(), digits[indices])


def test_the_first_layer_is_a_convolution() -> None:
    """A product with windows is what torch's own convolution computes."""
    pixels = torch.randn(5, 1, 8, 8)
    layer = network(8, 8)[0]
    kernel = layer.weight.reshape(-1, 1, 4, 4)
    expected = torch.nn.functional.conv2d(pixels, kernel, layer.bias, stride=2)
    ours = layer(windows(pixels)).transpose(1, 2).reshape(5, -1, 3, 3)
    torch.testing.assert_close(ours, expected)


# Going on as if nothing had happened


@pytest.fixture(scope="module")
def straight() -> list[dict[str, Any]]:
    """Outcomes of nine epochs in one go."""
    evaluation = TASK.start(CONFIG, 0)
    return [outcome(evaluation.advance(epoch)) for epoch in range(1, 10)]


def test_fresh_evaluations_agree_to_the_last_bit(straight: list[dict[str, Any]]) -> None:
    evaluation = TASK.start(CONFIG, 0)
    assert [outcome(evaluation.advance(epoch)) for epoch in range(1, 10)] == straight
    assert len({report["val_loss"] for report in straight}) == 9


def test_evaluations_side_by_side_do_not_touch_each_other(straight: list[dict[str, Any]]) -> None:
    twins = TASK.start(CONFIG, 0), TASK.start(CONFIG, 0)
    for epoch in (1, 2, 3):
        assert [outcome(twin.advance(epoch)) for twin in twins] == [straight[epoch - 1]] * 2


def test_straight_to_a_level_gives_what_step_by_step_gives(straight: list[dict[str, Any]]) -> None:
    report = TASK.start(CONFIG, 0).advance(9)
    assert outcome(report) == straight[8]
    assert report.units == 9


def test_paused_and_pickled_training_goes_on_exactly(straight: list[dict[str, Any]]) -> None:
    first = TASK.start(CONFIG, 0)
    first.advance(3)
    pickled = pickle.dumps(first.state())
    first.advance(4)
    second = TASK.start(CONFIG, 0)
    second.restore(pickle.loads(pickled))
    assert [outcome(second.advance(epoch)) for epoch in range(4, 10)] == straight[3:]
    unbroken = TASK.start(CONFIG, 0)
    unbroken.advance(9)
    assert equal(second.state(), unbroken.state())


def test_an_older_state_can_be_resumed(straight: list[dict[str, Any]]) -> None:
    evaluation = TASK.start(CONFIG, 0)
    evaluation.advance(2)
    state = evaluation.state()
    evaluation.advance(5)
    evaluation.restore(state)
    assert outcome(evaluation.advance(3)) == straight[2]


def test_stored_state_is_left_be_by_those_who_gave_and_took_it() -> None:
    giver = TASK.start(CONFIG, 0)
    giver.advance(2)
    state = giver.state()
    before = copy.deepcopy(state)
    giver.advance(3)
    assert equal(state, before)
    taker = TASK.start(CONFIG, 0)
    taker.restore(state)
    taker.advance(3)
    assert equal(state, before)
    assert not equal(taker.state(), before)


@pytest.mark.parametrize(
    ("config", "seed"), [(CONFIG, 1), ({**CONFIG, "lr": 0.030000000000000002}, 0)]
)
def test_weights_and_order_belong_to_configuration_and_seed(config: Config, seed: int) -> None:
    assert trial_seed("digits", seed, config) != trial_seed("digits", 0, CONFIG)
    ours, theirs = TASK.start(CONFIG, 0), TASK.start(config, seed)
    assert not torch.equal(tensors(ours.state())[0], tensors(theirs.state())[0])


def test_every_epoch_has_its_own_order_of_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[list[int]] = []
    randperm = torch.randperm

    def spy(n: int, *, generator: torch.Generator) -> torch.Tensor:
        order = randperm(n, generator=generator)
        orders.append(order.tolist())
        return order

    monkeypatch.setattr(torch, "randperm", spy)
    TASK.start(CONFIG, 0).advance(3)
    assert len({tuple(order) for order in orders}) == 3
    assert all(sorted(order) == list(range(TRAIN_IMAGES)) for order in orders)


# What a report says


def test_report_agrees_with_the_network_that_it_is_about() -> None:
    evaluation = TASK.start(CONFIG, 0)
    report = evaluation.advance(3)
    data, model = evaluation._data, evaluation._model
    with torch.no_grad():
        val, test = (model(part.images).log_softmax(dim=1) for part in (data.val, data.test))
    likelihoods = val[torch.arange(360), data.val.labels]
    assert report.val_loss == pytest.approx(-likelihoods.mean().item(), rel=1e-5)
    wrong = [
        int((logits.argmax(dim=1) != part.labels).sum())
        for logits, part in ((val, data.val), (test, data.test))
    ]
    assert [report.extra["val_error"], report.test_loss] == [count / 360 for count in wrong]
    assert list(report.extra) == list(TASK.extra_names)
    assert report.status == "ok"
    assert report.units == 3
    assert report.seconds > 0


def test_it_learns() -> None:
    report = TASK.start(CONFIG, 0).advance(27)
    assert report.val_loss < 0.3
    assert report.test_loss < 0.1


def test_levels_only_go_up() -> None:
    evaluation = TASK.start(CONFIG, 0)
    evaluation.advance(2)
    for level in (0, 1, 2):
        with pytest.raises(ValueError, match=f"at epoch 2 already, cannot advance to {level}"):
            evaluation.advance(level)
    assert evaluation.advance(3).units == 1


# Divergence


def assert_diverged(report: Report, units: int) -> None:
    assert report.status == "diverged"
    assert math.isnan(report.val_loss)
    assert math.isnan(report.test_loss)
    assert list(report.extra) == ["val_error"]
    assert math.isnan(report.extra["val_error"])
    assert report.units == units


def test_what_has_diverged_is_worse_than_guessing() -> None:
    assert 10 * math.log(10) < TASK.diverged_from < math.inf


def test_training_that_blows_up_is_finite_pays_its_epochs_and_stays_diverged() -> None:
    evaluation = TASK.start(HUGE_LR, 0)
    assert_diverged(evaluation.advance(1), units=1)
    assert_diverged(evaluation.advance(3), units=2)
    resumed = TASK.start(HUGE_LR, 0)
    resumed.restore(pickle.loads(pickle.dumps(evaluation.state())))
    assert_diverged(resumed.advance(4), units=1)


def test_finite_cross_entropy_far_from_any_result_is_diverged() -> None:
    evaluation = TASK.start({**CONFIG, "lr": 1e-4}, 0)
    state = evaluation.state()
    state["model"]["7.bias"][0] = 1e4  # sure of digit 0: finite, and wrong nine times in ten
    evaluation.restore(state)
    assert_diverged(evaluation.advance(1), units=1)
    loss, _ = evaluation._evaluate(evaluation._data.val)
    assert TASK.diverged_from < loss < math.inf


def test_what_has_diverged_once_remains_so_although_it_recovers() -> None:
    evaluation = TASK.start(CONFIG, 0)
    evaluation.advance(3)
    evaluation.restore({**evaluation.state(), "diverged": True})
    assert_diverged(evaluation.advance(4), units=1)
    assert evaluation._evaluate(evaluation._data.val)[0] < 2.3


def test_divergence_between_two_reports_is_not_overlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluation = TASK.start(CONFIG, 0)
    train_epoch = evaluation._train_epoch

    def infinite_in_epoch_2() -> float:
        loss = train_epoch()
        return math.inf if evaluation._now.epoch == 2 else loss

    monkeypatch.setattr(evaluation, "_train_epoch", infinite_in_epoch_2)
    assert_diverged(evaluation.advance(3), units=3)


# Without side effects


def test_global_random_states_are_left_alone() -> None:
    def states() -> tuple[Any, ...]:
        return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()  # noqa: NPY002

    load_data.cache_clear()
    torch.rand(1)  # away from where an evaluation may have left it
    before = states()
    evaluation = TASK.start(CONFIG, 0)
    evaluation.advance(1)
    TASK.start(CONFIG, 0).restore(evaluation.state())
    TASK.space(0).sample_configuration(3)
    assert states() == before


def test_global_random_states_do_not_matter(straight: list[dict[str, Any]]) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(12345)
        evaluation = TASK.start(CONFIG, 0)
        torch.manual_seed(54321)
        assert outcome(evaluation.advance(1)) == straight[0]


def test_denormals_are_flushed_only_while_training() -> None:
    def half_the_smallest_normal() -> float:
        return sys.float_info.min / 2

    TASK.start(CONFIG, 0).advance(1)
    assert half_the_smallest_normal() > 0
    with flushed_denormals():
        assert half_the_smallest_normal() == 0
        with flushed_denormals():
            assert half_the_smallest_normal() == 0
        assert half_the_smallest_normal() == 0
    assert half_the_smallest_normal() > 0


def test_training_takes_one_thread_and_deterministic_algorithms() -> None:
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(False)
    TASK.start(CONFIG, 0)
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()


# Options and the model of time


@pytest.mark.parametrize(
    ("epochs", "costs"), [(1, (1,)), (3, (1, 3)), (27, (1, 3, 9, 27)), (81, (1, 3, 9, 27, 81))]
)
def test_ladder_climbs_in_powers_of_three(epochs: int, costs: tuple[int, ...]) -> None:
    ladder = make_task("digits", {"epochs": str(epochs)}).ladder
    assert (ladder.unit, ladder.costs, ladder.eta) == ("epoch", costs, 3)
    assert ladder.curve
    assert ladder.resumable


@pytest.mark.parametrize("epochs", [0, -3, 2, 10, 26, 28])
def test_other_numbers_of_epochs_are_refused_in_one_line(epochs: int) -> None:
    with pytest.raises(
        UsageError, match=rf"^task_options digits\.epochs={epochs}: must be a power of 3 [^\n]*$"
    ):
        make_task("digits", {"epochs": str(epochs)})


def test_duration_follows_its_formula() -> None:
    # 34 updates, 72 x 64 + 64 x 32 + 32 x 10 = 6976 weights
    config: Config = {"l1": 64, "l2": 32, "lr": 0.1, "batch_size": 32}
    assert TASK.duration(config, 0, 1) == pytest.approx(0.0025 + 34 * 0.00062 + 1.4 * 6976e-7)


@pytest.mark.parametrize("batch_size", [32, 64, 128, 256])
def test_duration_is_positive_and_additive(batch_size: int) -> None:
    config: Config = {**CONFIG, "batch_size": batch_size}
    parts = TASK.duration(config, 0, 3) + TASK.duration(config, 3, 9)
    assert 0 < TASK.duration(config, 0, 9) == pytest.approx(parts)


def test_duration_grows_with_updates_and_weights() -> None:
    assert TASK.duration({**CONFIG, "batch_size": 32}, 0, 1) > TASK.duration(CONFIG, 0, 1)
    assert TASK.duration({**CONFIG, "l1": 256}, 0, 1) > TASK.duration(CONFIG, 0, 1)
    assert TASK.duration({**CONFIG, "lr": 1e-4}, 0, 1) == TASK.duration(CONFIG, 0, 1)


def test_duration_counts_the_weights_of_the_network() -> None:
    """The model of time names its numbers of weights without importing torch."""
    weights = sum(w.numel() for w in list(network(5, 7).parameters())[2:] if w.dim() == 2)
    small, large = ({**CONFIG, "l1": 5, "l2": l2} for l2 in (0, 7))
    without = TASK.duration(small, 0, 1) - 1.4e-7 * 72 * 5
    assert TASK.duration(large, 0, 1) - without == pytest.approx(1.4e-7 * weights)
