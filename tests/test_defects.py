"""The most common defects of published comparison code, planted here one by one and caught.

Each has a check that holds for the product, and must fail once the defect is planted in it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from bohb_study.analysis import anytime, incumbent, main_rule, summary
from bohb_study.analysis.comparisons.endpoint import task_tests
from bohb_study.analysis.comparisons.mean_ranks import rank_curves
from bohb_study.analysis.comparisons.speed_ups import speedups
from bohb_study.analysis.diagnostics.rung_correlation import spearman_interval
from bohb_study.analysis.frame_cells import cells_of
from bohb_study.analysis.incumbents.alignment import align
from bohb_study.analysis.incumbents.at_moment import incumbent_at
from bohb_study.analysis.incumbents.step_functions import StepFunction
from bohb_study.analysis.incumbents.traces import IncumbentTrace, trace
from bohb_study.analysis.statistics.aggregate import aggregate, estimate
from bohb_study.analysis.statistics.bootstrap import resampled_counts
from bohb_study.analysis.statistics.improvement import improvement
from bohb_study.budget import Account
from bohb_study.errors import StudyError
from bohb_study.running.options import RunOptions
from bohb_study.running.runner import run_study
from bohb_study.store import StoredStudy, load_study
from bohb_study.store.cells import NotDoneError
from bohb_study.study import StudyConfig
from in_process import in_process
from paper_figures.figure_study import FigureStudy, FigureTask, Provenance
from paper_figures.figures import anytime as anytime_figure
from paper_figures.figures import ranks as ranks_figure

TOP = 9
Patch = pytest.MonkeyPatch
Check = Callable[[Path], None]
Plant = Callable[[Patch], None]


def analysis(name: str) -> ModuleType:
    """The module: as attributes of their package some are the functions of the same name."""
    return import_module(f"bohb_study.analysis.{name}")


def cell(
    losses: Sequence[float],
    method: str = "random",
    seed: int = 0,
    task: str = "toy",
    levels: Sequence[int] | None = None,
) -> pd.DataFrame:
    """One cell of successful reports; full evaluations where no levels are given."""
    n = len(losses)
    level = np.asarray(levels or [TOP] * n, dtype=np.int64)
    return pd.DataFrame(
        {
            "task": pd.array([task] * n, dtype="str"),
            "method": pd.array([method] * n, dtype="str"),
            "seed": seed,
            "seq": np.arange(n),
            "trial": np.arange(n),
            "config_id": pd.array([f"c{i}" for i in range(n)], dtype="str"),
            "level": level,
            "units_total": level.cumsum(),
            "val_loss": np.asarray(losses, dtype=np.float64),
            "test_loss": np.asarray(losses, dtype=np.float64),
            "true_loss": np.nan,
            "status": pd.array(["ok"] * n, dtype="str"),
            "train_seconds": 1.0,
            "search_seconds": 0.5,
            "virtual_seconds": np.nan,
        }
    )


def two_methods(seeds: int, task: str = "toy", reports: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    return pd.concat(
        cell(rng.random(reports).tolist(), method, seed, task)
        for method in ("bohb", "random")
        for seed in range(seeds)
    )


def ranked(frame: pd.DataFrame, seed: int = 0) -> Any:
    names = frame["task"].unique()
    return rank_curves(frame, dict.fromkeys(names, TOP), dict.fromkeys(names, 6.0), seed)


def no_look_ahead(_: Path) -> None:
    """At 2 full evaluations the report of the third is still to come."""
    one = cell([0.9, 0.9, 0.1])
    other = cell([0.5, 0.5, 0.5], levels=[TOP, TOP + 4, TOP], seed=1).assign(level=TOP)
    aligned = align({i: trace(c, "full", TOP).steps() for i, c in enumerate((one, other))})
    assert aligned[0].loc[22 / 9] == 0.9
    at = incumbent_at(one, "full", {"toy": TOP}, [1, 2.5, 3], 3)["value"].tolist()
    assert at == [0.9, 0.9, 0.1]


def plant_look_ahead(patch: Patch) -> None:
    def at(own: StepFunction, grid: np.ndarray) -> np.ndarray:
        x, y = own.x, own.y
        following = np.minimum(np.searchsorted(x, grid, side="left"), len(x) - 1)
        return np.where((grid >= x[0]) & (grid <= x[-1]), y[following], np.nan)

    patch.setattr(StepFunction, "at", at)


def no_straight_lines(_: Path) -> None:
    """Neither in the data nor as drawn; bands are steps as well."""
    frame = two_methods(2)
    held = align({0: trace(cell([0.9, 0.1]), "full", TOP).steps()})
    between = align(
        {
            0: trace(cell([0.9, 0.1]), "full", TOP).steps(),
            1: trace(cell([0.5] * 3, levels=[TOP, 4, 5]), "any", TOP).steps(),
        }
    )
    assert between[0].loc[13 / 9] == held[0].iloc[0]
    task = FigureTask("toy", "epoch", TOP, "loss", budget=6.0)
    study = FigureStudy(frame, (task,), Provenance("x-1", "abc", len(frame)))
    for module in (anytime_figure, ranks_figure):
        drawn, _caption = module.figure(study)
        curves = [
            line
            for axes in drawn.axes
            for line in axes.lines
            if str(line.get_label()).startswith(("_centre/", "_run/"))
        ]
        assert curves
        assert {line.get_drawstyle() for line in curves} == {"steps-post"}
        for axes in drawn.axes:
            for band in axes.collections:
                for path in band.get_paths():
                    corners = np.diff(path.vertices[:-1], axis=0)
                    assert np.all((corners == 0).any(axis=1))  # across or up, never aslant


def plant_straight_lines_in_the_data(patch: Patch) -> None:
    patch.setattr(StepFunction, "at", lambda own, grid: np.interp(grid, own.x, own.y))


def plant_straight_lines_in_the_drawing(patch: Patch) -> None:
    plot = Axes.plot
    patch.setattr(Axes, "plot", lambda *a, drawstyle="", **more: plot(*a, **more))


def plant_straight_bands(patch: Patch) -> None:
    fill = Axes.fill_between
    patch.setattr(Axes, "fill_between", lambda *a, step="", **more: fill(*a, **more))


def minimum_before_average(_: Path) -> None:
    """Two seeds end at 0.2 and 0.4; the lowest average of reports is 0.45."""
    frame = pd.concat([cell([0.8, 0.9, 0.2]), cell([0.6, 0.4, 0.7], seed=1)])
    (curves,) = anytime(frame, "full", {"toy": TOP}).curves
    np.testing.assert_allclose(curves.over_seeds.centre, [0.7, 0.6, 0.3])


def plant_cummin_after_averaging(patch: Patch) -> None:
    traces = analysis("incumbents.traces").traces

    def reports(frame: pd.DataFrame, tops: Any, rule: Any) -> Iterator[tuple[Any, IncumbentTrace]]:
        for key, found in traces(frame, tops, "any"):
            yield key, replace(found, value=found.reports["val_loss"].to_numpy())

    def then_cummin(aligned: pd.DataFrame, seed: int) -> Any:
        mean = aligned.mean(axis=1).cummin()
        return aggregate(pd.DataFrame(dict.fromkeys(aligned, mean)), seed)

    patch.setattr(analysis("incumbents.anytime_curves"), "traces", reports)
    patch.setattr(analysis("incumbents.anytime_curves"), "aggregate", then_cummin)


def final_means_full_fidelity(_: Path) -> None:
    """0.01 after one unit is no result of a full training."""
    frame = cell([0.01, 0.3, 0.02, 0.5], levels=[1, TOP, 1, TOP])
    ledger = {("toy", "random", 0): Account(20, 20, 20, 0, 9, "budget")}
    assert summary(frame, ledger, {"toy": TOP})["val_loss"].tolist() == [0.3]
    assert main_rule(frame) == "full"
    assert incumbent_at(frame, "full", {"toy": TOP}, [2], 3)["value"].tolist() == [0.3]


def plant_mixed_fidelities(patch: Patch) -> None:
    chosen = analysis("incumbents.traces").chosen
    patch.setattr(
        analysis("incumbents.traces"), "chosen", lambda rows, rule, top: chosen(rows, "any", top)
    )


def lower_is_better_whatever_its_name(_: Path) -> None:
    """Losses are minimised; a task's or a metric's name decides nothing."""
    for task in ("toy", "accuracy-max", "reward", "score"):
        frame = cell([0.5, 0.9, 0.1], task=task)
        found = incumbent(frame, "full", TOP)["value"].tolist()
        assert found == [0.5, 0.5, 0.1]
        both = pd.concat([frame, cell([0.4, 0.4, 0.05], "bohb", task=task)])
        assert ranked(both.assign(method=both["method"])).final.loc[task].tolist() == [1, 2]


def plant_a_direction_guessed_from_names(patch: Patch) -> None:
    chosen = analysis("incumbents.traces").chosen

    def guessed(rows: pd.DataFrame, rule: Any, top: int) -> Any:
        sign = -1 if "acc" in rows["task"].iloc[0] else 1
        return chosen(rows.assign(val_loss=sign * rows["val_loss"]), rule, top)

    patch.setattr(analysis("incumbents.traces"), "chosen", guessed)


def resampling_is_seeded(_: Path) -> None:
    """The same seed gives the same intervals, in every function that resamples."""
    frame, longer = two_methods(10), two_methods(10, reports=30)
    losses = np.random.default_rng(0).normal(size=12)

    def intervals() -> list[Any]:
        resampled_counts.cache_clear()  # or a second call would be given the first's draws
        whole = estimate(losses, 7)
        ranks = ranked(frame, 7)
        pair = improvement([losses], [losses + 0.3], 7)
        times = speedups(longer, {"toy": TOP}, {"toy": 30.0}, 7)
        ends = spearman_interval(losses, losses[::-1], 7)
        return [whole, pair, ranks.low.tolist(), times[["low", "high"]].to_numpy().tolist(), ends]

    before = np.random.get_state()[1].tolist()  # noqa: NPY002 (the point of the check)
    first = intervals()
    for _ in range(5):  # ranks have few values: two draws of one function may well agree
        assert intervals() == first
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def plant_an_unseeded_bootstrap(patch: Patch) -> None:
    fresh = np.random.default_rng
    patch.setattr(np.random, "default_rng", lambda *_: fresh())


def plant_a_global_bootstrap(patch: Patch) -> None:
    patch.setattr(np.random, "default_rng", _global_generator)


def _global_generator(*_: Any) -> Any:
    return np.random.Generator(np.random.get_bit_generator())


def no_seed_is_cut(_: Path) -> None:
    """Unequal seeds stop the analysis; if that is allowed, each stays and gaps are told."""
    frame = two_methods(4)
    frame = frame[(frame["method"] == "bohb") | (frame["seed"] < 2)]
    for analyse in (
        lambda: anytime(frame, "full", {"toy": TOP}),
        lambda: ranked(frame),
        lambda: task_tests(frame, TOP, 6, 0),
        lambda: summary(frame, {}, {"toy": TOP}),
    ):
        try:
            analyse()
        except StudyError as found:
            assert "missing cells: toy/random/2, toy/random/3" in str(found)  # noqa: PT017
        else:
            raise AssertionError("went on with unequal seeds")
    allowed = anytime(frame, "full", {"toy": TOP}, allow_missing=True)
    assert [curves.over_seeds.n for curves in allowed.curves] == [4, 2]
    assert allowed.missing == ("toy/random/2", "toy/random/3")


def plant_seeds_cut_to_the_smallest_count(patch: Patch) -> None:
    def cut(frame: pd.DataFrame) -> Iterator[Any]:
        least = frame.groupby("method")["seed"].nunique().min()
        return cells_of(frame[frame["seed"] < least])

    patch.setattr(analysis("incumbents.traces"), "cells_of", cut)
    for module in (
        "incumbents.anytime_curves",
        "comparisons.final_results",
        "comparisons.endpoint",
        "comparisons.mean_ranks",
    ):
        patch.setattr(analysis(module), "require_complete", lambda *_: ())


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stored study of two cells, one of which was damaged since."""
    config = StudyConfig(tasks=("forrester-mf",), methods=("random",), budget=2, seeds=2)
    with in_process():
        folder = run_study(config, RunOptions(out=tmp_path_factory.mktemp("results"))).path
    rows = sorted(folder.rglob("*.parquet"))
    assert len(rows) == 2
    rows[1].write_bytes(rows[1].read_bytes()[:-1] + b"x")
    return folder


def load_errors_are_told(damaged: Path) -> None:
    """A damaged cell stops the loading; where that is allowed, it is named."""
    try:
        load_study(damaged)
    except StudyError as found:
        assert "1 of 2 cells cannot be used" in str(found)  # noqa: PT017
    else:
        raise AssertionError("loaded half a study")
    loaded = load_study(damaged, allow_missing=True)
    assert len(loaded.problems) == 1
    assert loaded.frame["seed"].unique().tolist() == [0]


def plant_swallowed_errors(patch: Patch) -> None:
    from bohb_study.store import loading

    asked, verified = StoredStudy.cells, loading.verified

    def usable(study: StoredStudy) -> list[Any]:
        found = []
        for one in asked(study):
            try:
                verified(study.path.parent, one)
            except NotDoneError:
                continue
            found.append(one)
        return found

    patch.setattr(StoredStudy, "cells", usable)


DEFECTS: list[tuple[Check, Plant]] = [
    (no_look_ahead, plant_look_ahead),
    (no_straight_lines, plant_straight_lines_in_the_data),
    (no_straight_lines, plant_straight_lines_in_the_drawing),
    (no_straight_lines, plant_straight_bands),
    (minimum_before_average, plant_cummin_after_averaging),
    (final_means_full_fidelity, plant_mixed_fidelities),
    (lower_is_better_whatever_its_name, plant_a_direction_guessed_from_names),
    (resampling_is_seeded, plant_an_unseeded_bootstrap),
    (resampling_is_seeded, plant_a_global_bootstrap),
    (no_seed_is_cut, plant_seeds_cut_to_the_smallest_count),
    (load_errors_are_told, plant_swallowed_errors),
]
CHECKS = list(dict.fromkeys(check for check, _ in DEFECTS))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_product_does_not_have_it(check: Check, damaged: Path) -> None:
    check(damaged)


@pytest.mark.parametrize(
    ("check", "plant"), DEFECTS, ids=[plant.__name__.removeprefix("plant_") for _, plant in DEFECTS]
)
def test_planted_it_is_caught(
    check: Check, plant: Plant, damaged: Path, monkeypatch: Patch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check(damaged)
