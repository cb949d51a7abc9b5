"""Figures of single trials, rungs and time: what they draw, checked as data."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from bohb_study.analysis import estimate, incumbent
from bohb_study.analysis.diagnostics.rung_correlation import correlation_frame, rung_correlations
from bohb_study.analysis.diagnostics.suggestions import suggestions, suggestions_summary
from bohb_study.errors import StudyError
from paper_figures.figure_study import FigureStudy
from paper_figures.figures import (
    learning_curves,
    learning_curves_data,
    model_suggestions,
    model_suggestions_data,
    rungs,
    rungs_data,
    time_spent,
    time_spent_data,
)

METHODS = ["random", "asha", "bohb"]
TOP = 27
PLAN = ((1, 27), (3, 9), (9, 3), (27, 1))


def counts() -> pd.DataFrame:
    """BOHB as planned, the stock one not; of either a bracket that was cut off."""
    rows: list[list[Any]] = []
    for method, last in (("bohb", 1), ("bohb-stock", 48)):
        for level, planned in PLAN:
            done = last if level == TOP else planned
            rows.append(["digits", method, 0, level, planned, done, True, 3])
            rows.append(["digits", method, 4, level, planned, 0, False, 3])
    rows.append(["digits", "bohb", 1, 27, 4, 4, True, 3])
    names = ["task", "method", "bracket", "level", "planned", "executed", "complete", "cells"]
    return pd.DataFrame(rows, columns=names)


def seconds() -> pd.DataFrame:
    rows = [
        ["digits", method, seed, 10.0 + seed, 6.0, 3.0 + seed, 0.5, 0.5]
        for method in [*METHODS, "random-2x"]
        for seed in range(2)
    ]
    names = ["task", "method", "seed", "wall", "training", "searching", "scheduling", "engine"]
    return pd.DataFrame(rows, columns=names)


@pytest.fixture(scope="module")
def study(
    make_frame: Callable[..., pd.DataFrame], make_study: Callable[..., FigureStudy]
) -> FigureStudy:
    frame = make_frame(METHODS, 3, budget=12)
    chosen = (frame["trial"] % 3 > 0).where(frame["method"] == "bohb")
    frame["model_based"] = chosen.astype("boolean")
    last = frame.groupby(["method", "seed"])["seq"].transform("max") == frame["seq"]
    short = (frame["decision"] == "end") & (frame["level"] < TOP) & ~last
    frame.loc[short, "decision"] = "stop"
    frame.loc[frame["level"].isin([1, 3, 9]) & (frame["method"] != "random"), "rung"] = 0
    return make_study(
        frame,
        derived={
            "whole": frame,
            "correlations": rung_correlations(frame, {"digits": [1, 3, 9, 27]}),
            "suggestions": suggestions_summary(suggestions(frame), {"digits": TOP}, 50),
            "brackets": counts(),
            "seconds": seconds(),
        },
        larger_budgets={"random-2x": 2},
    )


def lines(axes: Axes, name: str) -> list[tuple[list[float], list[float]]]:
    found = [line for line in axes.get_lines() if str(line.get_label()).startswith(name)]
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in found]  # type: ignore[arg-type]


def fits(figure: Figure, *texts: Any) -> None:
    """No text leaves the page, and none covers another."""
    figure.draw_without_rendering()
    axes = [one.title for one in figure.axes if one.get_title()]
    boxes = [legend.get_window_extent() for legend in figure.legends]
    # of an annotation the text alone, without its arrow
    boxes += [Text.get_window_extent(text) for text in [*axes, *texts]]
    page = figure.bbox.padded(0.5)
    for i, box in enumerate(boxes):
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_curves_show_each_trial_of_the_first_seed(study: FigureStudy) -> None:
    shown = learning_curves_data.panels(study)
    assert [panel.method for panel in shown] == ["bohb", "asha", "random"]
    for panel in shown:
        own = study.derived_frame("whole")[
            (study.derived_frame("whole")["method"] == panel.method)
            & (study.derived_frame("whole")["seed"] == 0)
        ]
        assert [trial.trial for trial in panel.trials] == sorted(own["trial"].unique())
        best = incumbent(own, "full", TOP)["trial"].iloc[-1]
        assert panel.incumbent == best
        assert panel.finished == (own["level"] == TOP).sum()
        for trial in panel.trials:
            rows = own[own["trial"] == trial.trial]
            assert trial.losses.tolist() == rows["val_loss"].tolist()
            assert trial.finished == (rows["level"].max() == TOP)
    assert shown[0].rungs == (1, 3, 9, 27)
    fewer = learning_curves_data.panels(replace(study, larger_budgets={"random": 2}))
    assert [panel.method for panel in fewer] == ["bohb", "asha"]


def test_curves_are_drawn_as_far_as_they_went(study: FigureStudy) -> None:
    figure, caption = learning_curves.figure(study)
    (panel, *_), (axes, *_) = learning_curves_data.panels(study), figure.axes
    drawn = {tuple(x) for x, _ in lines(axes, "_trial/") + lines(axes, "_incumbent/")}
    assert drawn == {tuple(trial.levels) for trial in panel.trials}
    assert len(lines(axes, "_trial/")) == len(panel.trials) - 1
    (best,) = [t for t in panel.trials if t.trial == panel.incumbent]
    assert lines(axes, "_incumbent/") == [(best.levels.tolist(), best.losses.tolist())]
    assert f"{panel.finished} finished" in axes.texts[0].get_text()
    assert "rule full" in caption
    assert caption.endswith(f"Source: {study.provenance}.")
    fits(figure)


def test_diverged_reports_are_not_drawn(study: FigureStudy) -> None:
    whole = study.derived_frame("whole").copy()
    whole.loc[whole["level"] == 5, ["status", "val_loss"]] = ["diverged", 1e6]
    shown = learning_curves_data.panels(study.with_derived(whole=whole))
    assert max(panel.losses.max() for panel in shown) < 1e3


def test_curves_need_a_task_with_curves(study: FigureStudy) -> None:
    with pytest.raises(StudyError, match="cannot be drawn"):
        learning_curves_data.panels(study.with_derived(whole=pd.DataFrame()))
    rungs_only = study.derived_frame("whole")[
        study.derived_frame("whole")["level"].isin([1, 3, 9, 27])
    ]
    with pytest.raises(StudyError, match="no task with learning curves"):
        learning_curves_data.panels(study.with_derived(whole=rungs_only))


def test_rungs_as_planned_and_not(study: FigureStudy) -> None:
    ((bohb, stock),) = rungs_data.bracket_panels(study)
    assert (bohb.method, bohb.verdict, bohb.complete) == ("bohb", "as planned", 6)
    assert (stock.method, stock.verdict, stock.complete) == ("bohb-stock", "not as planned", 3)
    assert [len(kind) for kind in bohb.brackets] == [4, 1]
    assert [(rung.planned, rung.middle) for rung in stock.brackets[0]] == [
        (27, 27), (9, 9), (3, 3), (1, 48)
    ]  # fmt: skip
    cut_off = study.derived_frame("brackets").loc[lambda own: ~own["complete"]]
    ((one, _),) = rungs_data.bracket_panels(study.with_derived(brackets=cut_off.assign(bracket=0)))
    assert one.verdict == "none complete"


def test_unselected_and_selected_correlations_are_apart(study: FigureStudy) -> None:
    (panel,) = rungs_data.correlation_panels(study)
    assert panel.source == "random search"
    assert [line.method for line in panel.lines][:1] == [None]
    own = study.derived_frame("correlations")
    random = own[(own["method"] == "random") & (own["lower"] == 9) & (own["upper"] == TOP)]
    assert not random["selected"].any()
    assert panel.lines[0].rungs[2].spearman == estimate(random["spearman"].to_numpy(), 0)
    assert panel.lines[0].rungs[2].share == 9 / TOP
    assert {line.method for line in panel.lines[1:]} == {"asha", "bohb"}


def test_a_sample_off_the_ledger_stands_in_with_its_interval(study: FigureStudy) -> None:
    rows = study.derived_frame("correlations")[
        study.derived_frame("correlations")["method"] != "random"
    ]
    off = correlation_frame(
        [["digits", "random", 0, 9, TOP, 200, 200, False, 0.5, 0.3, 0.4, 0.6, True]]
    )
    both = pd.concat([rows, off], ignore_index=True)
    (panel,) = rungs_data.correlation_panels(study.with_derived(correlations=both))
    assert panel.source == "outside the budget"
    (rung,) = panel.lines[0].rungs
    found = (rung.spearman.low, rung.spearman.centre, rung.spearman.high)
    assert found == pytest.approx((0.4, 0.5, 0.6))
    (none,) = rungs_data.correlation_panels(study.with_derived(correlations=rows))
    assert none.source == "none"
    assert None not in [line.method for line in none.lines]


def test_a_cell_without_a_correlation_is_not_left_out(study: FigureStudy) -> None:
    rows = study.derived_frame("correlations").copy()
    rows.loc[(rows["method"] == "asha") & (rows["seed"] == 1), "spearman"] = np.nan
    gone = rows[(rows["method"] != "bohb") | (rows["seed"] != 1) | (rows["lower"] == 1)]
    (panel,) = rungs_data.correlation_panels(study.with_derived(correlations=gone))
    (bohb,) = [line for line in panel.lines if line.method == "bohb"]
    assert [np.isfinite(rung.spearman.centre) for rung in bohb.rungs] == [True, False, False]
    assert "asha" not in [line.method for line in panel.lines]


def test_the_figure_of_rungs(study: FigureStudy) -> None:
    figure, caption = rungs.figure(study)
    bohb, stock, below = figure.axes
    assert lines(stock, "_planned/") == [([1, 3, 9, 27], [27, 9, 3, 1])]
    assert lines(stock, "_executed/") == [([1, 3, 9, 27], [27, 9, 3, 48])]
    assert len(lines(bohb, "_planned/")) == 2
    assert len(lines(below, "_unselected")[0][0]) == 3
    assert "Not as planned on at least one task: BOHB-stock." in caption
    assert "selected" in caption
    fits(figure, *below.texts, *figure.subfigs[0].legends[0].get_texts())
    only, _ = rungs.figure(study.with_derived(brackets=pd.DataFrame()))
    assert len(only.axes) == 1
    with pytest.raises(StudyError, match="neither complete brackets nor correlations"):
        rungs.figure(study.with_derived(brackets=pd.DataFrame(), correlations=pd.DataFrame()))


def test_suggestions_of_either_kind(study: FigureStudy) -> None:
    (panel,) = model_suggestions_data.panels(study)
    assert panel.method == "bohb"
    assert panel.selected  # no noise-free loss is known
    own = study.derived_frame("whole")[
        (study.derived_frame("whole")["method"] == "bohb")
        & (study.derived_frame("whole")["seed"] == 0)
    ]
    top = own[own["level"] == TOP]
    assert sorted(panel.dots["loss"]) == sorted(top["val_loss"])
    summary = study.derived_frame("suggestions")[
        study.derived_frame("suggestions")["model_based"]
        & (study.derived_frame("suggestions")["part"] == 1)
    ]
    assert len(summary) == panel.seeds == 3
    assert panel.model[0].loss == estimate(summary["median"].to_numpy(), 0)
    assert (panel.model[0].start, panel.model[0].end) == (0, 50 / 3)
    fewer = study.derived_frame("suggestions").drop(summary.index[0])
    (gap,) = model_suggestions_data.panels(study.with_derived(suggestions=fewer))
    assert [part.start for part in gap.model if part.start == 0] == []


def test_noise_free_losses_are_shown_as_regret_of_all_suggestions(study: FigureStudy) -> None:
    whole = study.derived_frame("whole")
    whole = whole.assign(true_loss=whole["val_loss"] + 1)
    task = replace(study.tasks[0], optimum=0.5)
    summary = suggestions_summary(suggestions(whole), {"digits": TOP}, 50)
    known = replace(study, tasks=(task,)).with_derived(whole=whole, suggestions=summary)
    (panel,) = model_suggestions_data.panels(known)
    assert (panel.quantity, panel.reference, panel.selected) == ("regret", 0.5, False)
    assert len(panel.dots) == suggestions(whole)["seed"].eq(0).sum()


def test_the_figure_of_the_model(study: FigureStudy) -> None:
    figure, caption = model_suggestions.figure(study)
    (panel,), (axes,) = model_suggestions_data.panels(study), figure.axes
    dots = {name: lines(axes, f"_dots/{name}")[0][1] for name in ("random", "model")}
    by_model = panel.dots["model_based"]
    assert dots["model"] == panel.dots.loc[by_model, "loss"].tolist()
    assert dots["random"] == panel.dots.loc[~by_model, "loss"].tolist()
    assert [y[0] for _, y in lines(axes, "_part/model")] == [p.loss.centre for p in panel.model]
    assert "only suggestions that reached full fidelity" in caption
    fits(figure)
    with pytest.raises(StudyError, match="no suggestions"):
        model_suggestions.figure(study.with_derived(suggestions=pd.DataFrame()))


def test_time_is_split_without_larger_budgets(study: FigureStudy) -> None:
    (panel,) = time_spent_data.panels(study)
    assert [one.method for one in panel.methods] == ["bohb", "asha", "random"]
    first = panel.methods[0]
    assert (first.cells, first.wall, first.searching) == (2, 10.5, 3.5)
    assert sum(first.share(part) for part in time_spent_data.PARTS) == pytest.approx(1)
    figure, caption = time_spent.figure(study)
    shares, dots = figure.axes
    widths = [bar.get_width() for bar in shares.patches]
    assert sum(widths) == pytest.approx(300)
    assert lines(dots, "_seconds/searching")[0] == ([3.5] * 3, [0, 1, 2])
    assert dots.get_xscale() == "log"
    assert "mean" in caption
    fits(figure, *shares.get_yticklabels())
    with pytest.raises(StudyError, match="seconds of no cell"):
        time_spent.figure(study.with_derived(seconds=pd.DataFrame()))


def test_each_venue_has_its_width(study: FigureStudy) -> None:
    widths = {
        venue: time_spent.figure(replace(study, venue=venue))[0].get_figwidth()
        for venue in ("neurips", "icml", "slides")
    }
    assert len(set(widths.values())) == 3
