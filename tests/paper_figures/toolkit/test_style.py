import itertools
from dataclasses import replace

import matplotlib as mpl
import matplotlib.figure
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from bohb_study.methods import ABLATIONS, METHODS, get_method
from paper_figures.toolkit import derived_looks, style
from paper_figures.toolkit.derived_looks import COLORS, DASHES, MARKERS, derived_look

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
LATER = ("asha-promotion", "asha-bohb", "median", "random-2x", "tpe-univariate")


def linear(color: str) -> np.ndarray:
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def test_looks_are_declared_of_methods_that_are_there_and_named_like_them() -> None:
    assert set(style.METHODS) <= set(METHODS)
    assert set(style.ABLATIONS) <= set(ABLATIONS)
    in_words = {
        "random-2x": "random, 2x budget",
        "median": "median rule",
        "asha-promotion": "asha (promotion)",
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


def test_the_baseline_with_twice_the_budget_is_the_faintest() -> None:
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


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "_derived", {})


def test_a_look_follows_from_the_name_and_nothing_else() -> None:
    assert style.in_order({"mine", "bohb", "yours", "asha"}) == ["bohb", "asha", "mine", "yours"]
    mine = style.line("mine")
    style._derived.clear()
    assert style.line("mine") == mine == derived_look("mine")
    assert mine.label == "mine"
    style.introduce({"mine": "My method", "bohb": "not this"})
    assert style.line("mine") == replace(mine, label="My method")
    assert style.line("bohb").label == "BOHB"
    style.in_order({"mine"})
    assert style.line("mine").label == "My method"


def test_a_label_that_another_method_has_is_followed_by_the_name() -> None:
    for _ in range(2):
        style.introduce({"a": "Same", "b": "Same", "c": "BOHB"})
        found = [style.line(name).label for name in ("bohb", "a", "b", "c")]
        assert found == ["BOHB", "Same", "Same (b)", "BOHB (c)"]


def test_derived_looks_differ_from_each_other_and_from_declared_ones() -> None:
    names = [f"mine-{number}" for number in range(30)]
    style.introduce(dict.fromkeys(names, ""))
    looks = [style.line(name) for name in names]
    assert len({(look.color, look.dashes, look.marker) for look in looks}) == len(looks)
    assert {look.color for look in looks} == set(COLORS)
    few = [style.line(name) for name in sorted(names)[: len(COLORS)]]
    for attribute in ("color", "dashes", "marker"):
        assert len({getattr(look, attribute) for look in few}) == len(few)
    for attribute, derived in (("color", COLORS), ("dashes", DASHES), ("marker", MARKERS)):
        declared = {getattr(look, attribute) for look in style.METHODS.values()}
        assert not declared & set(derived)
        assert len(set(derived)) == len(derived) == 8


@pytest.mark.parametrize("kind", BLINDNESS)
def test_derived_colours_are_their_own_to_the_colour_blind(kind: str) -> None:
    declared = [look.color for look in style.METHODS.values()]
    seen = {color: np.array(BLINDNESS[kind]) @ linear(color) for color in (*declared, *COLORS)}
    for one, other in itertools.product(COLORS, seen):
        assert one == other or np.linalg.norm(seen[one] - seen[other]) > 0.09, (one, other)


def test_matplotlib_draws_every_derived_look(monkeypatch: pytest.MonkeyPatch) -> None:
    axes = mpl.figure.Figure().subplots()
    for place in range(len(COLORS)):
        look = derived_looks._look("x", place, 0)
        (drawn,) = axes.plot([0, 1], [0, 1], **style.strokes(look))
        assert drawn.get_color() == look.color
        assert drawn.get_marker() == look.marker


def test_legends_have_short_labels_of_the_ablations() -> None:
    for name, look in style.ABLATIONS.items():
        label = get_method(name).label
        assert label.startswith("BOHB")
        assert len(look.label) <= len(label)
    assert style.in_order({"random", "bohb"}) == ["bohb", "random"]


def test_pages_are_as_wide_as_the_text_and_change_nothing_by_themselves() -> None:
    before = dict(mpl.rcParams)
    assert style.page(1, 2)["figure.figsize"][0] == 5.5
    assert style.page(1, 1, "icml")["figure.figsize"][0] == 3.25
    assert style.page(1, 2)["pdf.fonttype"] == 42
    assert style.page(1, 2)["figure.constrained_layout.use"]
    assert dict(mpl.rcParams) == before
