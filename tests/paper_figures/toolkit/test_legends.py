"""What a legend says, and whose spread is drawn."""

from collections.abc import Callable, Sequence

import pandas as pd
import pytest

from bohb_study.analysis import MethodCurves
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.anytime_data import panels
from paper_figures.toolkit import legends, style
from paper_figures.toolkit.curve_panel import MOST_BANDS, banded

MANY = ("asha", "bohb", "grid", "hyperband", "random", "tpe")


def test_of_many_methods_only_the_emphasised_have_bands() -> None:
    assert len(MANY) == MOST_BANDS + 1
    assert banded(MANY[1:]) == set(MANY[1:])
    assert banded(MANY) == {"bohb", "random"}
    assert banded([method for method in MANY if method != "bohb"] + ["gp"]) == {"random"}
    none = ("asha", "grid", "hyperband", "tpe", "gp", "median")
    assert banded(none) == set(none)  # a figure without any band would hide all spread
    assert banded(2 * MANY[1:]) == set(MANY[1:])  # each method counts once


@pytest.mark.parametrize("methods", [MANY, MANY[1:3]])
def test_the_legend_names_the_bands_where_not_all_have_one(
    methods: Sequence[str],
    make_frame: Callable[..., pd.DataFrame],
    make_study: Callable[..., FigureStudy],
) -> None:
    ((panel, _),) = panels(make_study(make_frame(methods, 2, budget=2)))
    curves: list[MethodCurves] = panel.data.curves
    said = legends.spread_in_words(curves)
    named = " (BOHB, Random)" if methods is MANY else ""
    assert f"of 2 seeds; band: {curves[0].over_seeds.kind}{named}; thin: every run" in said
    assert legends.name_of("bohb", curves) == style.line("bohb").label
