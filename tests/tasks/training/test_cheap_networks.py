"""Networks that train in a second: exact, resumable, finite whatever happens, charged alike."""

import math
import pickle
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, plain
from bohb_study.tasks import Evaluation, Report, Task, make_task
from bohb_study.tasks.training.series_data import HORIZON, LONGEST, monthly, split_origins

GRU: Config = {
    "lr": 0.01, "units": 8, "window": 6, "batch_size": 32, "dropout": 0.2, "weight_decay": 0.01,
}  # fmt: skip
AUTOENCODER: Config = {
    "lr": 0.01, "units": 24, "batch_size": 32, "noise": 0.2, "weight_decay": 0.01,
}  # fmt: skip
CONFIGS: dict[str, Config] = {
    "series-co2": GRU,
    "series-elnino": GRU,
    "autoencoder-fashion-mnist": AUTOENCODER,
    "fashion-mnist-1000": {"l1": 16, "l2": 8, "lr": 0.01, "batch_size": 16},
}
"""A configuration of each task from which it learns. The rest of this file needs no more of it."""
ON_IMAGES = [name for name in CONFIGS if "mnist" in name]


class Case(NamedTuple):
    """A task with few epochs and, if it has any, few images."""

    task: Task
    config: Config
    levels: tuple[int, ...]

    def start(self, seed: int = 0, **changes: Any) -> Any:
        return self.task.start({**self.config, **changes}, seed)


def case_of(name: str, image_data: Path) -> Case:
    images = {"data": str(image_data), "subset": "200"} if name in ON_IMAGES else {}
    task = make_task(name, {"epochs": "9", **images})
    return Case(task, CONFIGS[name], task.ladder.costs)


@pytest.fixture(params=CONFIGS)
def case(request: pytest.FixtureRequest, image_data: Path) -> Case:
    return case_of(request.param, image_data)


_STRAIGHT: dict[str, list[dict[str, Any]]] = {}


@pytest.fixture
def straight(case: Case) -> list[dict[str, Any]]:
    """Outcomes of all rungs in one go; run once for all tests that look at them."""
    if case.task.name not in _STRAIGHT:
        _STRAIGHT[case.task.name] = climbed(case.start(), case)
    return _STRAIGHT[case.task.name]


def climbed(evaluation: Evaluation, case: Case) -> list[dict[str, Any]]:
    return [outcome(evaluation.advance(level)) for level in case.levels]


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


def same_tensors(one: Any, other: Any) -> bool:
    return all(torch.equal(a, b) for a, b in zip(tensors(one), tensors(other), strict=True))


# Going on as if nothing had happened


def test_the_same_rows_twice_and_they_learn(case: Case, straight: list[dict[str, Any]]) -> None:
    assert climbed(case.start(), case) == straight
    losses = [report["val_loss"] for report in straight]
    assert losses[-1] < losses[0]
    assert all(report["status"] == "ok" for report in straight)


def test_paused_at_every_rung_it_goes_on_exactly(
    case: Case, straight: list[dict[str, Any]]
) -> None:
    evaluation, found = case.start(), []
    for level in case.levels:
        found.append(outcome(evaluation.advance(level)))
        pickled = pickle.dumps(evaluation.state())
        evaluation = case.start()
        evaluation.restore(pickle.loads(pickled))
    assert found == straight
    unbroken = case.start()
    report = unbroken.advance(case.levels[-1])
    assert outcome(report) == straight[-1]
    assert report.units == case.levels[-1]
    assert same_tensors(unbroken.state(), evaluation.state())


def test_a_state_is_left_be(case: Case) -> None:
    giver = case.start()
    giver.advance(1)
    state = giver.state()
    before = pickle.dumps(state)
    giver.advance(2)
    taker = case.start()
    taker.restore(state)
    taker.advance(2)
    assert same_tensors(state, pickle.loads(before))
    assert same_tensors(giver.state(), taker.state())


def test_levels_only_go_up(case: Case) -> None:
    evaluation = case.start()
    evaluation.advance(1)
    with pytest.raises(ValueError, match="at epoch 1 already, cannot advance to 1"):
        evaluation.advance(1)


# Streams


def test_another_configuration_or_seed_or_repeat_draws_other_weights(case: Case) -> None:
    config = {**case.config, "lr": case.config["lr"] * (1 + 1e-9)}
    first = [
        tensors(evaluation.state()["model"])[0]
        for evaluation in (
            case.start(),
            case.task.start(config, 0),
            case.start(seed=1),
            case.task.retrain(case.config, 0, 0),
            case.task.retrain(case.config, 0, 1),
        )
    ]
    for i, one in enumerate(first):
        assert not any(torch.equal(one, other) for other in first[:i])


def test_every_epoch_has_an_order_of_its_own(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[tuple[int, ...]] = []
    randperm = torch.randperm

    def spy(n: int, *, generator: torch.Generator) -> torch.Tensor:
        order = randperm(n, generator=generator)
        orders.append(tuple(order.tolist()))
        return order

    monkeypatch.setattr(torch, "randperm", spy)
    case.start().advance(3)
    assert len(set(orders)) == 3


def test_global_random_states_are_left_alone_and_do_not_matter(
    case: Case, straight: list[dict[str, Any]]
) -> None:
    def states() -> tuple[Any, ...]:
        return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()  # noqa: NPY002

    with torch.random.fork_rng():
        torch.manual_seed(99)
        before = states()
        assert outcome(case.start().advance(1)) == straight[0]
        assert states() == before


def test_one_thread_and_deterministic_algorithms(case: Case) -> None:
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(False)
    case.start()
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()


# Divergence


def test_what_blows_up_pays_its_epochs_and_stays_diverged(case: Case) -> None:
    evaluation = case.start(lr=1e12)
    for level, units in ((1, 1), (3, 2)):
        report = evaluation.advance(level)
        assert (report.status, report.units) == ("diverged", units)
        assert math.isnan(report.val_loss)
        assert math.isnan(report.test_loss)
    resumed = case.start(lr=1e12)
    resumed.restore(pickle.loads(pickle.dumps(evaluation.state())))
    assert resumed.advance(4).status == "diverged"


def test_what_has_diverged_once_remains_so(case: Case) -> None:
    evaluation = case.start()
    evaluation.restore({**evaluation.state(), "diverged": True})
    assert evaluation.advance(1).status == "diverged"


# Options, parts, time


def test_options_that_cannot_be_are_refused_in_one_line(case: Case) -> None:
    with pytest.raises(
        UsageError, match=rf"{case.task.name}\.epochs=10: must be a power of 3"
    ) as e:
        make_task(case.task.name, {"epochs": "10"})
    assert "\n" not in str(e.value)
    for fixed in ("whole", "objective"):
        with pytest.raises(UsageError, match=rf"{fixed}: no such option"):
            make_task(case.task.name, {fixed: "error"})


def test_time_is_positive_and_grows_with_level_and_updates(case: Case) -> None:
    task, top = case.task, case.levels[-1]
    seconds = [task.duration(case.config, 0, level) for level in case.levels]
    assert 0 < seconds[0] < seconds[1] < seconds[2]
    assert task.duration(case.config, 3, 9) == pytest.approx(seconds[2] - seconds[1])
    half = {**case.config, "batch_size": case.config["batch_size"] // 2}
    assert task.duration(half, 0, top) > seconds[-1]
    for config in (plain(task.space(0).sample_configuration()) for _ in range(20)):
        assert 0 < task.duration(config, 0, 1) < 60


@pytest.mark.parametrize("name", ON_IMAGES)
def test_a_thousand_images_by_default_drawn_by_the_study(name: str, image_data: Path) -> None:
    task: Any = make_task(name, {"data": str(image_data)})
    assert (task.subset, task.source) == (1000, "fashion-mnist")
    assert task.counts() == (800, 1200)
    assert task.on_all_data() is None
    small = replace(task, subset=200)
    assert small.split_sha256(0) == small.split_sha256(0) != small.split_sha256(1)
    assert small.split_sha256(0) != make_task(
        "fashion-mnist", {"data": str(image_data), "subset": "200"}
    ).split_sha256(0)
    with pytest.raises(UsageError, match=r"subset=1000: there are 400 images"):
        task.prepare()
    assert small.data_sha256 == make_task("fashion-mnist", {"data": str(image_data)}).data_sha256


def test_lenet_on_1000_images_is_the_lenet_of_fashion_mnist(image_data: Path) -> None:
    """From the same seeds the same rows."""
    options = {"data": str(image_data), "subset": "200"}
    small, full = (make_task(n, options) for n in ("fashion-mnist-1000", "fashion-mnist"))
    assert small.space(0) == full.space(0)
    config = CONFIGS["fashion-mnist-1000"]
    as_full = replace(small, name="fashion-mnist").start(config, 0).advance(1)
    assert outcome(as_full) == outcome(full.start(config, 0).advance(1))


# The autoencoder


@pytest.fixture
def autoencoding(image_data: Path) -> Iterator[Any]:
    return case_of("autoencoder-fashion-mnist", image_data).start()


def test_error_is_that_of_the_pixels_in_standard_deviations(autoencoding: Any) -> None:
    report = autoencoding.advance(1)
    for part, loss in zip(
        autoencoding._parts[1:], (report.val_loss, report.test_loss), strict=True
    ):
        (images, _), *rest = part.batches(500)
        assert not rest
        with torch.no_grad():
            made = autoencoding._model(images)
        assert loss == pytest.approx(((made - images.flatten(1)) ** 2).mean().item(), rel=1e-5)
    (images, _), *_ = autoencoding._parts.train.batches(500)
    assert images.square().mean().item() == pytest.approx(1, rel=1e-4)  # what 0 everywhere gets


def test_noise_is_seen_in_training_alone(
    autoencoding: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fifth of the pixels at 0, and the whole image as the target."""
    seen: list[tuple[bool, float]] = []

    def spy(module: Any, given: Any, made: Any) -> None:
        seen.append((module.training, (given[0] == 0).float().mean().item()))

    def target(made: Any, wanted: Any) -> Any:
        wanted_zeros.append((wanted == 0).float().mean().item())
        return (made - wanted).square().mean()

    wanted_zeros: list[float] = []
    monkeypatch.setattr(torch.nn.functional, "mse_loss", target)
    autoencoding._model.register_forward_hook(spy)
    autoencoding.advance(1)
    assert len(wanted_zeros) == 5
    assert max(wanted_zeros) < 0.01
    assert {training for training, _ in seen} == {True, False}
    for training, zeros in seen:
        assert zeros == pytest.approx(0.2, abs=0.03) if training else zeros < 0.01


def test_masks_are_drawn_anew_in_each_epoch_and_by_the_trial(image_data: Path) -> None:
    case = case_of("autoencoder-fashion-mnist", image_data)
    masks = []
    for evaluation in (case.start(), case.start(), case.start(seed=1)):
        drawn = []
        for epoch in (1, 2):
            evaluation._masks.manual_seed(0)
            evaluation.advance(epoch)
            drawn.append(torch.rand(5, generator=evaluation._masks).tolist())
        masks.append(drawn)
    assert masks[0] == masks[1]
    assert masks[0] != masks[2]
    assert masks[0][0] != masks[0][1]


# The series


@pytest.mark.parametrize(
    ("name", "months", "first", "last"),
    [("co2", 526, 316.1, 371.02), ("elnino", 732, 23.11, 22.07)],
)
def test_series_are_those_of_statsmodels(name: str, months: int, first: float, last: float) -> None:
    series = monthly(name)
    assert series.shape == (months,)
    assert np.isfinite(series).all()
    assert (series[0], series[-1]) == pytest.approx((first, last), abs=0.05)


def test_months_of_co2_are_the_means_of_their_weeks() -> None:
    from statsmodels.datasets import co2

    means = co2.load_pandas().data["co2"].resample("MS").mean().ffill()
    np.testing.assert_allclose(monthly("co2"), means.to_numpy(), rtol=1e-12)


@pytest.mark.parametrize("months", [526, 732])
def test_parts_follow_each_other_and_forecast_nothing_twice(months: int) -> None:
    parts = split_origins(months)
    futures = [{t + k for t in part.tolist() for k in range(1, HORIZON + 1)} for part in parts]
    assert max(futures[0]) < min(futures[1]) <= max(futures[1]) < min(futures[2])
    assert (min(futures[0]), max(futures[2])) == (LONGEST, months - 1)
    assert min(futures[1]) == int(0.6 * months) == max(futures[0]) + 1
    whole = split_origins(months, whole=True)
    assert whole.train.tolist() == list(range(LONGEST - 1, parts.val[-1] + 1))
    assert whole.val.tolist() == whole.test.tolist() == parts.test.tolist()


@pytest.mark.parametrize("name", ["series-co2", "series-elnino"])
def test_nothing_of_the_later_parts_reaches_training(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another future the weights are the same, and the losses are not."""
    task = make_task(name)
    true = monthly(task.series)  # type: ignore[attr-defined]
    end = int(0.6 * len(true))
    changed = true.copy()
    changed[end:] += np.linspace(0, 50, len(true) - end)
    found = []
    for series in (true, changed):
        monkeypatch.setattr(
            "bohb_study.tasks.training.series_training.monthly", lambda _, s=series: s
        )
        evaluation = task.start(GRU, 0)
        found.append((evaluation.advance(1), evaluation.state()))
    assert same_tensors(found[0][1], found[1][1])
    assert found[0][0].val_loss != found[1][0].val_loss


def test_windows_and_futures_are_differences_from_the_last_month() -> None:
    from bohb_study.tasks.training.series_training import part

    series = np.arange(100.0) ** 2
    windows, futures = part(series, np.array([50, 60]), 3)
    assert windows.shape == (2, 3, 1)
    assert windows[0, :, 0].tolist() == [48.0**2 - 2500, 49.0**2 - 2500, 0]
    assert futures[1].tolist() == [(60.0 + k) ** 2 - 3600 for k in range(1, HORIZON + 1)]


def test_every_window_has_the_same_examples_and_the_models_months_are_right() -> None:
    from bohb_study.tasks.training.series import SERIES

    for name, (series, months, _) in SERIES.items():
        assert len(monthly(series)) == months
        lengths = {
            tuple(len(p.windows) for p in (e._train, e._val, e._test))
            for e in (make_task(name).start({**GRU, "window": w}, 0) for w in (3, LONGEST))
        }
        assert lengths == {tuple(map(len, split_origins(months)))}


def test_refit_trains_on_all_before_the_test_part() -> None:
    task = make_task("series-co2", {"epochs": "3"})
    whole = task.on_all_data()
    assert whole is not None
    assert whole.split_sha256(0) != task.split_sha256(0) == task.split_sha256(1)
    evaluation: Any = whole.start(GRU, 0)
    report = evaluation.advance(1)
    assert report.val_loss == report.test_loss
    assert len(evaluation._train.windows) == len(split_origins(526, whole=True).train)
    assert whole.duration(GRU, 0, 1) > task.duration(GRU, 0, 1)
