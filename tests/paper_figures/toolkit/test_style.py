import itertools

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from bohb_study.errors import UsageError
from bohb_study.methods import METHODS
from paper_figures.toolkit import style

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
MAIN = ("grid", "random", "asha", "hyperband", "bohb")
LATER = ("asha-bohb", "median", "random-2x", "tpe-univariate")


def linear(color: str) -> np.ndarray:
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def test_every_method_of_the_registry_has_a_line_named_like_it() -> None:
    assert set(METHODS) <= set(style.METHODS)
    in_words = {
        "random-2x": "random, 2x budget",
        "median": "median rule",
        "tpe-univariate": "tpe (univariate)",
    }
    for name, look in style.METHODS.items():
        assert look.label.lower() == in_words.get(name, name)


def test_methods_are_told_apart_without_colour() -> None:
    looks = list(style.METHODS.values())
    for attribute in ("color", "dashes", "marker", "label"):
        assert len({getattr(look, attribute) for look in looks}) == len(looks)


@pytest.mark.parametrize("kind", BLINDNESS)
def test_main_methods_are_told_apart_by_the_colour_blind(kind: str) -> None:
    seen = {m: np.array(BLINDNESS[kind]) @ linear(style.line(m).color) for m in MAIN}
    for one, other in itertools.combinations(MAIN, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 0.12, (one, other)


@pytest.mark.parametrize("kind", BLINDNESS)
def test_colours_that_came_later_are_their_own_to_the_colour_blind(kind: str) -> None:
    seen = {m: np.array(BLINDNESS[kind]) @ linear(style.line(m).color) for m in style.METHODS}
    for one, other in itertools.product(LATER, seen):
        assert one == other or np.linalg.norm(seen[one] - seen[other]) > 0.09, (one, other)


def test_the_yardstick_is_the_faintest() -> None:
    own = style.line("random-2x")
    others = [look for name, look in style.METHODS.items() if name != "random-2x"]
    assert own.width < min(look.width for look in others)
    assert own.zorder < min(look.zorder for look in others)
    assert len(set(to_rgb(own.color))) == 1  # a grey


def test_bohb_is_the_strongest() -> None:
    bohb = style.line("bohb")
    for name, look in style.METHODS.items():
        assert name == "bohb" or (look.width < bohb.width and look.zorder < bohb.zorder)
    assert bohb.dashes == "solid"


def test_an_unknown_method_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"'mine' has no line.*add one entry"):
        style.in_order({"bohb", "mine"})
    assert style.in_order({"random", "bohb"}) == ["bohb", "random"]


def test_pages_are_as_wide_as_the_text_and_change_nothing_by_themselves() -> None:
    before = dict(mpl.rcParams)
    assert style.page(1, 2)["figure.figsize"][0] == 5.5
    assert style.page(1, 1, "icml")["figure.figsize"][0] == 3.25
    assert style.page(1, 2)["pdf.fonttype"] == 42
    assert style.page(1, 2)["figure.constrained_layout.use"]
    assert dict(mpl.rcParams) == before
