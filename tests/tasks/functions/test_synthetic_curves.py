"""Synthetic curves: formula, noise, crossing, divergence, and computed tasks in other processes."""

import json
import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from ConfigSpace import (
    CategoricalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from bohb_study.seeding import Config, plain
from bohb_study.tasks import make_task
from bohb_study.tasks.functions.synthetic_curves import BEST_LR, SyntheticCurves, curve, diverges_at
from fresh_python import printed

TASK = SyntheticCurves()
BEST: Config = {
    "lr": 10**-1.5,
    "optimizer": "momentum",
    "units": 256,
    "dropout": 0.4,
    "layers": 3,
    "batch_size": 64,
}
"""No penalty, and the best learning rate: g = 1."""


def losses(config: Config, seed: int = 0) -> list[tuple[float, float]]:
    """(val_loss, test_loss) after each epoch."""
    evaluation = TASK.start(config, seed)
    reports = [evaluation.advance(epoch) for epoch in range(1, 82)]
    assert {report.units for report in reports} == {1}
    return [(report.val_loss, report.test_loss) for report in reports]


# The formula


def test_a_curve_by_hand() -> None:
    # F = 0.1 + 0.1 + 0.05; after epoch t, 0.25 + 2.05 / (1 + t / 2)
    np.testing.assert_allclose(curve(BEST)[[0, 1, 80]], 0.25 + 2.05 / np.array([1.5, 2, 41.5]))
    # twice as fast: F = 0.35, 1 + t
    twice: Config = {**BEST, "lr": 2 * 10**-1.5}
    np.testing.assert_allclose(curve(twice)[[0, 80]], 0.35 + 1.95 / np.array([2, 82]))
    # four times the batch, twice the best learning rate: g = 0.5, F = 0.2, 1 + t / 4
    batch: Config = {**BEST, "batch_size": 256}
    np.testing.assert_allclose(curve(batch)[[0, 80]], 0.2 + 2.1 / np.array([1.25, 21.25]))


@pytest.mark.parametrize(
    ("change", "penalty"),
    [
        # of 16 units the best dropout is 0: 0.1 (4 / 4)^2
        ({"units": 16, "dropout": 0.0}, 0.1),
        ({"units": 1024, "dropout": 0.6}, 0.1 * 0.25),
        ({"dropout": 0.1}, 0.3 * 0.09),
        ({"layers": 1}, 0.02 * 4),
        ({"optimizer": "sgd", "lr": 10**-0.5}, -0.05),
        ({"optimizer": "adam", "lr": 10**-2.5}, 0.1),
    ],
)
def test_what_raises_the_floor(change: Config, penalty: float) -> None:
    slowness = {"sgd": 4, "momentum": 2, "adam": 1}[str(change.get("optimizer", "momentum"))]
    floor = 0.25 + penalty
    end = floor + (2.3 - floor) / (1 + 81 / slowness)
    assert curve({**BEST, **change})[-1] == pytest.approx(end, rel=1e-12)
    assert TASK.true_loss({**BEST, **change}) == curve({**BEST, **change})[-1]


def test_optimum_is_the_lowest_end_of_a_curve() -> None:
    """The penalties are zero at once, and the end rises with the floor: g alone is left."""

    def end(optimizer: str) -> Callable[[float], float]:
        return lambda log_lr: TASK.true_loss({**BEST, "optimizer": optimizer, "lr": 10**log_lr})

    ends = {
        name: minimize_scalar(
            end(name), bounds=(-4, 0), method="bounded", options={"xatol": 1e-10}
        ).fun
        for name in BEST_LR
    }
    assert TASK.optimum is not None
    assert TASK.optimum <= min(ends.values()) < TASK.optimum + 1e-6
    assert min(ends, key=lambda name: float(ends[name])) == "momentum"


def test_no_curve_ends_below_the_optimum_and_the_space_is_worth_searching() -> None:
    draws = [plain(config) for config in TASK.space(0).sample_configuration(2000)]
    ends = np.array([TASK.true_loss(config) for config in draws], dtype=float)  # None: diverges
    assert np.nanmin(ends) >= TASK.optimum
    assert 0.05 < np.mean(np.isnan(ends)) < 0.25
    assert np.mean(ends < TASK.optimum + 0.1) < 0.1


def test_slow_learners_overtake_fast_ones() -> None:
    """In lr and among optimizers, at one fidelity of the ladder or another."""
    fast, slow = curve({**BEST, "lr": 0.15}), curve(BEST)
    assert fast[0] < slow[0]
    assert fast[-1] > slow[-1]
    each = {name: curve({**BEST, "optimizer": name, "lr": lr}) for name, lr in BEST_LR.items()}
    first, last = (sorted(each, key=lambda name: float(each[name][t])) for t in (0, 80))
    assert first == ["adam", "momentum", "sgd"]
    assert last != first
    rungs = np.array([epoch - 1 for epoch in TASK.ladder.costs])
    draws = [plain(config) for config in TASK.space(1).sample_configuration(1000)]
    table = np.array([curve(config)[rungs] for config in draws if diverges_at(config) > 81])
    ranks = np.argsort(np.argsort(table, axis=0), axis=0)
    correlation = [np.corrcoef(ranks[:, i], ranks[:, -1])[0, 1] for i in range(4)]
    assert correlation == sorted(correlation)
    assert 0.7 < correlation[0] < 0.85 < correlation[3]
    best = ranks[:, -1] < len(ranks) / 3  # among these the first epoch says next to nothing
    assert abs(np.corrcoef(ranks[best, 0], ranks[best, -1])[0, 1]) < 0.3


def test_space_is_mixed() -> None:
    space = TASK.space(0)
    kinds = {name: (type(hp), getattr(hp, "log", False)) for name, hp in space.items()}
    assert kinds == {
        "lr": (UniformFloatHyperparameter, True),
        "optimizer": (CategoricalHyperparameter, False),
        "units": (UniformIntegerHyperparameter, True),
        "dropout": (UniformFloatHyperparameter, False),
        "layers": (UniformIntegerHyperparameter, False),
        "batch_size": (UniformIntegerHyperparameter, True),
    }


# Noise


def test_noise_has_the_declared_sizes() -> None:
    rows = np.array([losses(BEST, seed) for seed in range(400)])  # (seeds, epochs, 2)
    noise = rows / curve(BEST)[:, None] / (1, 1.05) - 1
    assert np.abs(noise.mean(axis=(0, 1))).max() < 4 * 0.02 / math.sqrt(400)
    common = noise.mean(axis=1)
    np.testing.assert_allclose(common.std(axis=0), 0.02, rtol=0.2)
    assert np.corrcoef(common.T)[0, 1] > 0.9
    within = (noise - common[:, None]).std(axis=(0, 1))
    np.testing.assert_allclose(within, (0.02, 0.04), rtol=0.05)
    apart = (noise - common[:, None]).reshape(-1, 2)
    assert abs(np.corrcoef(apart.T)[0, 1]) < 4 / math.sqrt(len(apart))


def test_seeds_and_configurations_draw_differently() -> None:
    curves = [losses(BEST, seed) for seed in range(3)]
    assert curves[0] == losses(BEST, 0)
    assert len({values[0] for values in curves}) == 3
    ratio = np.array(losses({**BEST, "batch_size": 65})) / np.array(curves[0])
    assert ratio.std() > 0.01


# Steps, pausing, divergence


@given(stop=st.integers(1, 80), seed=st.integers(0, 100))
def test_resuming_is_exact_in_steps_of_any_length(stop: int, seed: int) -> None:
    straight = losses(BEST, seed)
    evaluation = TASK.start(BEST, seed)
    assert evaluation.advance(stop).units == stop
    state = pickle.loads(pickle.dumps(evaluation.state()))
    assert state == {"epoch": stop}
    resumed = TASK.start(BEST, seed)
    resumed.restore(state)
    report = resumed.advance(81)
    assert (report.val_loss, report.test_loss) == straight[80]
    assert report.units == 81 - stop


def test_levels_only_go_up() -> None:
    evaluation = TASK.start(BEST, 0)
    evaluation.advance(3)
    for level in (0, 2, 3):
        with pytest.raises(ValueError, match=f"at epoch 3 already, cannot advance to {level}"):
            evaluation.advance(level)


@pytest.mark.parametrize(
    ("g", "first"), [(9.99, math.inf), (10.01, 27), (10**1.5, 14), (99.9, 1), (1e4, 1)]
)
def test_too_large_a_learning_rate_diverges_the_earlier_the_larger(g: float, first: float) -> None:
    config: Config = {**BEST, "lr": g * 10**-1.5}
    assert diverges_at(config) == first
    evaluation = TASK.start(config, 0)
    reports = [evaluation.advance(epoch) for epoch in range(1, 82)]
    statuses = [report.status for report in reports]
    healthy = 81 if first == math.inf else int(first) - 1
    assert statuses == ["ok"] * healthy + ["diverged"] * (81 - healthy)
    for report in reports[healthy:]:
        assert np.isnan([report.val_loss, report.test_loss]).all()
        assert report.units == 1
    assert all(0 < report.val_loss < 15 for report in reports[:healthy])
    assert (TASK.true_loss(config) is None) == (first != math.inf)


@given(seed=st.integers(0, 2**31))
def test_losses_are_positive_and_small(seed: int) -> None:
    config = plain(TASK.space(seed).sample_configuration())
    evaluation = TASK.start(config, seed)
    reports = [evaluation.advance(epoch) for epoch in (1, 9, 81)]
    ok = [report for report in reports if report.status == "ok"]
    assert all(0 < loss < 20 for r in ok for loss in (r.val_loss, r.test_loss))


def test_duration_follows_its_formula_and_the_configuration() -> None:
    assert TASK.duration(BEST, 0, 1) == 0.5 + 32 / 64 + 3 * 256 / 512
    assert TASK.duration(BEST, 3, 81) == 78 * TASK.duration(BEST, 0, 1)
    assert TASK.duration({**BEST, "batch_size": 16}, 0, 1) > TASK.duration(BEST, 0, 1)
    assert TASK.duration({**BEST, "lr": 1.0}, 0, 1) == TASK.duration(BEST, 0, 1)


# All tasks that are computed, in processes of their own

COMPUTED = ("synthetic-curves", "counting-ones-8", "mfh3-bad", "mfh6", "branin-mf", "forrester-mf")

ROWS = f"""
import json, sys
from bohb_study.seeding import plain
from bohb_study.tasks import make_task
rows = []
for name in {COMPUTED}:
    task = make_task(name)
    assert task.computed
    for config in map(plain, task.space(0).sample_configuration(5)):
        for level in task.ladder.costs:
            report = task.start(config, 7).advance(level)
            rows.append([name, level, report.val_loss, report.test_loss, task.true_loss(config)])
print(json.dumps(rows))
print([name for name in ("torch", "ray") if name in sys.modules])
"""


def run_rows(hash_seed: str) -> list[str]:
    return printed(ROWS, PYTHONHASHSEED=hash_seed).splitlines()


def test_rows_do_not_depend_on_process_or_hash_seed_and_need_neither_torch_nor_ray() -> None:
    """MFHartmann hashes a tuple of floats; Python randomises the hashes of texts alone."""
    first, other = run_rows("1"), run_rows("2")
    assert first == other
    rows = json.loads(first[0])
    assert len(rows) == 5 * 5 * len(COMPUTED)
    assert first[1] == "[]"
    here = [
        [name, level, report.val_loss, report.test_loss, task.true_loss(config)]
        for name in COMPUTED
        for task in [make_task(name)]
        for config in map(plain, task.space(0).sample_configuration(5))
        for level in task.ladder.costs
        for report in [task.start(config, 7).advance(level)]
    ]
    assert json.dumps(here) == json.dumps(rows)  # NaN is not equal to itself
