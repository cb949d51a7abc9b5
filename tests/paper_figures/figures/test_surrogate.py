"""The model is rebuilt from rows as a live searcher had it, and drawn as its exact marginal."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from bohb_study.engines.base import CellJob
from bohb_study.engines.virtual import run_pair
from bohb_study.errors import StudyError
from bohb_study.methods import get_method
from bohb_study.methods.hpbandster.density import densities
from bohb_study.study import Cell
from bohb_study.tasks import make_task
from paper_figures.figure_study import FigureStudy, FigureTask, Provenance
from paper_figures.figures import surrogate_data
from paper_figures.figures.surrogate import figure
from paper_figures.figures.surrogate_data import moments


class Lived(NamedTuple):
    """A cell of ``bohb`` as it was run."""

    task: str
    rows: pd.DataFrame
    models: list[tuple[float, Any, Any] | None]
    """Level in scheduler time and densities that the searcher had after each observation."""


def live(task: str, budget: float) -> Lived:
    job = CellJob(Cell(task, "bohb", 0), make_task(task), budget)
    pair = get_method("bohb").build(job.problem)
    generator = pair.searcher.searcher.bohber  # type: ignore[attr-defined]
    models: list[tuple[float, Any, Any] | None] = []
    tell = generator.new_result

    def told(job: Any, update_model: bool = True) -> None:
        tell(job, update_model)
        held = generator.kde_models
        level = max(held, default=None)
        models.append(level and (level, held[level]["good"], held[level]["bad"]))

    generator.new_result = told
    return Lived(task, run_pair(job, pair).frame, models)


@pytest.fixture(scope="module", params=["mfh3", "counting-ones-8"])
def lived(request: pytest.FixtureRequest) -> Lived:
    return live(request.param, 12)


@pytest.fixture(scope="module")
def study() -> FigureStudy:
    rows = live("mfh3", 12).rows
    task = make_task("mfh3")
    facts = FigureTask("mfh3", "cost unit", task.ladder.top, "loss", task.optimum, budget=12.0)
    return FigureStudy(rows, (facts,), Provenance("x-1", "abc", len(rows))).with_derived(whole=rows)


def test_the_rebuilt_model_is_the_live_searchers_at_every_moment(lived: Lived) -> None:
    space, _ = surrogate_data.space_of(lived.task)
    told = surrogate_data.observed(lived.rows)
    assert len(told) == len(lived.models) > 100
    # in a frame of several tasks a column may have another type than in its own
    hps = [c for c in lived.rows if c.startswith("hp.")]
    wider = lived.rows.astype({c: "str" for c in hps if lived.rows[c].dtype == "Int64"})
    ladder = make_task(lived.task).ladder
    for i in range(0, len(told), 23):
        generator = surrogate_data.generator_at(wider, space, told["full_evals"].iloc[i])
        live_model = lived.models[i]
        if live_model is None:
            assert not generator.kde_models
            continue
        level = max(generator.kde_models)
        time, good, bad = live_model
        assert level == ladder.costs[ladder.times.index(int(time))]
        points = np.random.default_rng(i).integers(0, 2, size=(16, len(space))).astype(float)
        for rebuilt, own in zip(
            (generator.kde_models[level][key] for key in ("good", "bad")), (good, bad), strict=True
        ):
            np.testing.assert_array_equal(rebuilt.data, own.data)
            np.testing.assert_array_equal(rebuilt.bw, own.bw)
            np.testing.assert_array_equal(densities(rebuilt, points), densities(own, points))


def test_the_first_model_is_there_when_it_is_said_and_no_sooner(lived: Lived) -> None:
    space, _ = surrogate_data.space_of(lived.task)
    first = surrogate_data.first_model(lived.rows, space)
    told = surrogate_data.observed(lived.rows)
    (at,) = np.flatnonzero(told["full_evals"] == first)
    assert lived.models[at] is not None
    assert lived.models[at - 1] is None
    with pytest.raises(StudyError, match="never had observations enough"):
        surrogate_data.first_model(lived.rows.iloc[:3], space)


def test_reports_between_rungs_teach_the_model_nothing(lived: Lived) -> None:
    between = lived.rows.assign(rung=lived.rows["rung"].mask(lived.rows["seq"] % 3 == 0))
    seen = surrogate_data.observed(between.sample(frac=1, random_state=0))
    assert seen["seq"].tolist() == [n for n in lived.rows["seq"] if n % 3]


def test_in_two_dimensions_the_marginal_is_the_integral() -> None:
    space, _ = surrogate_data.space_of("branin-mf")
    rows = live("branin-mf", 6).rows
    generator = surrogate_data.generator_at(rows, space, 6)
    kde = generator.kde_models[max(generator.kde_models)]["bad"]
    other = np.linspace(-0.5, 1.5, 40_001)
    for index in (0, 1):
        x = kde.data[0, index] + 0.0007  # where the density is not nothing
        points = np.column_stack([np.full_like(other, x), other])[:, [index, 1 - index]]
        whole = np.trapezoid(densities(kde, points), other)
        (own,) = surrogate_data.marginal(kde, index, np.array([x]))
        assert own == pytest.approx(whole, rel=1e-6)
        assert own > 1


def test_moments_follow_each_other_and_the_figure_draws_them(study: FigureStudy) -> None:
    task, seed, name, shown = moments(study)
    assert (task.name, seed, name) == ("mfh3", 0, make_task("mfh3").grid_order[0])
    assert [one.full_evals for one in shown] == sorted(one.full_evals for one in shown)
    assert len(shown[0].good_at) + len(shown[0].bad_at) == 8
    assert shown[-1].level >= shown[0].level
    drawn, caption = figure(study)
    for i, one in enumerate(shown):
        upper, lower = drawn.axes[2 * i], drawn.axes[2 * i + 1]
        lines = {line.get_label(): np.asarray(line.get_ydata()) for line in upper.get_lines()}
        np.testing.assert_array_equal(lines["_l"], one.good)
        np.testing.assert_array_equal(lines["_g"], one.bad)
        ratio = next(line for line in lower.get_lines() if line.get_label() == "_ratio")
        np.testing.assert_array_equal(np.asarray(ratio.get_ydata()), one.good / one.bad)
        assert f"{len(one.good_at)} good, {len(one.bad_at)} bad" in upper.get_title()
        rugs = {
            c.get_label(): len(c.get_segments())
            for c in upper.collections
            if "_at" in str(c.get_label())
        }
        assert rugs == {"_l_at": len(one.good_at), "_g_at": len(one.bad_at)}
    assert caption.endswith(f"Source: {study.provenance}.")


def changed(study: FigureStudy, **columns: object) -> FigureStudy:
    """The study with other values in some columns of its whole rows."""
    return study.with_derived(whole=study.derived_frame("whole").assign(**columns))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda s: s.with_derived(whole=pd.DataFrame()),
            "no cell of bohb is stored with all its rows",
        ),
        (lambda s: changed(s, method="random"), "no cell of bohb"),
        (
            lambda s: changed(replace(s, tasks=(replace(s.tasks[0], name="gone"),)), task="gone"),
            "its space cannot be built here",
        ),
        (
            lambda s: changed(s, **{"hp.x0": 7.0, "hp.x1": 7.0}),
            "not of the task",
        ),
    ],
)
def test_what_is_lacking_is_said_in_one_line(
    study: FigureStudy, change: Callable[[FigureStudy], FigureStudy], why: str
) -> None:
    with pytest.raises(StudyError, match=why) as raised:
        moments(change(study))
    assert "\n" not in str(raised.value)


def test_no_such_hyperparameter(study: FigureStudy) -> None:
    with pytest.raises(StudyError, match="has no continuous hyperparameter momentum; there are x"):
        moments(study, "momentum")
