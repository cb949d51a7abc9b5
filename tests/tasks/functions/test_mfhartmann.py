"""MFHartmann against values of the original, and against what its noise must be."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from bohb_study.seeding import Config, plain
from bohb_study.tasks import TASKS, make_task
from bohb_study.tasks.functions.mfhartmann import (
    BIAS_AND_NOISE,
    FIDELITIES,
    MFHartmann,
    mfhartmann,
)

NAMES = [name for name in TASKS if name.startswith("mfh")]
GOLDEN: list[dict[str, Any]] = json.loads(Path(__file__).with_name("mfhartmann.json").read_text())
MINIMA = {
    3: (0.114614, 0.555649, 0.852547),
    6: (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573),
}
"""As published."""


def task_of(bench: str) -> MFHartmann:
    task = make_task(bench.replace("_", "-"))
    assert isinstance(task, MFHartmann)
    return task


def point(x: tuple[float, ...]) -> Config:
    return {f"x{i + 1}": value for i, value in enumerate(x)}


def test_every_golden_bench_is_a_task() -> None:
    assert {row["bench"].replace("_", "-") for row in GOLDEN} == set(NAMES)
    assert len(GOLDEN) == 90


@pytest.mark.parametrize("bench", sorted({row["bench"] for row in GOLDEN}))
def test_values_of_the_original(bench: str) -> None:
    """Seed 1 of the original; a coefficient, the noise's sign or its seed would show here."""
    task = task_of(bench)
    rows = [row for row in GOLDEN if row["bench"] == bench]
    assert len(rows) == 9
    for row in rows:
        bias, noise = task.bias_and_noise
        value = mfhartmann(row["x"], row["z"], row["seed"], bias, noise)
        assert value == pytest.approx(row["value"], rel=0, abs=1e-12)
        level = next(level for level, z in FIDELITIES.items() if z == row["z"])
        config = point(tuple(row["x"]))
        assert task.start(config, row["seed"] - 1).advance(level).val_loss == value


@pytest.mark.parametrize("name", NAMES)
def test_levels_are_units_of_cost_that_stand_for_the_originals_fidelities(name: str) -> None:
    task = task_of(name)
    assert task.ladder.costs == (1, 3, 9, 27, 81)
    assert FIDELITIES == {1: 1, 3: 4, 9: 11, 27: 33, 81: 100}
    assert not task.ladder.resumable
    assert sorted(task.space(0)) == [f"x{i + 1}" for i in range(int(name[3]))]
    assert task.duration({}, 0, 27) == 27


@pytest.mark.parametrize("dimensions", [3, 6])
def test_optimum_is_the_minimum_rounded_down(dimensions: int) -> None:
    task = task_of(f"mfh{dimensions}")
    optimum = task.optimum
    starts = np.random.default_rng(0).random((6, dimensions))
    best = min(
        (
            minimize(
                lambda x: task.true_loss(point(tuple(x))),
                start,
                bounds=[(0, 1)] * dimensions,
                method="L-BFGS-B",
                options={"ftol": 1e-15, "gtol": 1e-9},
            )
            for start in [np.array(MINIMA[dimensions]), *starts]
        ),
        key=lambda result: float(result.fun),
    )
    assert optimum <= best.fun < optimum + 5e-6
    np.testing.assert_allclose(best.x, MINIMA[dimensions], atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_full_fidelity_is_the_function_itself_for_every_seed_and_kind(name: str) -> None:
    task = task_of(name)
    plain_task = task_of(name[:4])
    for draw in task.space(1).sample_configuration(5):
        config = plain(draw)
        truth = plain_task.true_loss(config)
        assert task.true_loss(config) == truth
        assert {task.start(config, seed).advance(81).val_loss for seed in range(3)} == {truth}


@given(
    x=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    z=st.sampled_from((1, 4, 11, 33, 100)),
    seed=st.integers(1, 1000),
    kind=st.sampled_from(sorted(BIAS_AND_NOISE)),
)
def test_noise_only_pushes_up(x: list[float], z: int, seed: int, kind: str) -> None:
    bias, noise = BIAS_AND_NOISE[kind]
    assert mfhartmann(x, z, seed, bias, noise) >= mfhartmann(x, z, seed, bias, noise=0.0)


def test_noise_is_half_normal_and_shrinks_with_fidelity() -> None:
    """Mean sqrt(2 / pi) and variance 1 - 2 / pi of the scale that the formula names."""
    x = (0.2, 0.4, 0.8)
    for z in (1, 4, 33):
        scale = 5.0 * (1 - math.log(z) / math.log(100))
        free = mfhartmann(x, z, 1, bias=4.0, noise=0.0)
        noise = [mfhartmann(x, z, seed, 4.0, 5.0) - free for seed in range(1, 4001)]
        unit = np.array(noise) / scale
        half_normal = math.sqrt((1 - 2 / math.pi) / 4000)
        assert abs(unit.mean() - math.sqrt(2 / math.pi)) < 4 * half_normal
        assert unit.var() == pytest.approx(1 - 2 / math.pi, rel=0.15)


def test_bias_flattens_the_minimum() -> None:
    depths = [mfhartmann(MINIMA[3], 1, 1, bias, 0.0) for bias, _ in BIAS_AND_NOISE.values()]
    assert depths == sorted(depths)
    assert depths[0] > -3.86


@given(order=st.permutations((1, 3, 9, 27, 81)), seed=st.integers(0, 1000))
def test_a_row_is_a_function_of_configuration_level_and_seed(order: list[int], seed: int) -> None:
    task = task_of("mfh6-bad")
    config = point((0.3,) * 6)
    evaluation = task.start(config, seed)
    shuffled = {level: evaluation.advance(level).val_loss for level in order}
    assert shuffled == {level: task.loss(config, level, seed) for level in order}


def test_study_seed_0_draws_differently_for_each_x_and_z() -> None:
    """The original's seed 0 multiplies the hash away; the task's seed is the study's plus 1."""
    task = task_of("mfh3-terrible")
    unbiased = [
        task.loss(config, level, 0) - mfhartmann(list(config.values()), z, 1, 4.0, 0.0)
        for config in (point((0.1, 0.2, 0.3)), point((0.3, 0.2, 0.1)))
        for level, z in ((1, 1), (3, 4))
    ]
    scales = [1.0, 1 - math.log(4) / math.log(100)] * 2
    assert (
        len({round(noise / scale, 9) for noise, scale in zip(unbiased, scales, strict=True)}) == 4
    )


def test_seeds_draw_differently() -> None:
    task = task_of("mfh3")
    assert len({task.loss(point((0.1, 0.2, 0.3)), 1, seed) for seed in range(20)}) == 20
