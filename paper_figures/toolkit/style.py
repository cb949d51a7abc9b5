"""How figures look: settings as data, and the one map from methods to lines.

Functions return dicts of matplotlib settings and change none. Colours are told apart by
colour-blind readers, line styles and markers without any colour.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import matplotlib
import seaborn as sns
from tueplots import axes, figsizes, fontsizes

from bohb_study.errors import UsageError
from paper_figures.toolkit.derived_looks import derived_look
from paper_figures.toolkit.line import Line

Settings = dict[str, Any]
"""Of matplotlib, by name."""

_BLUE, _ORANGE, _GREEN, _VERMILION, _PINK, _BROWN, _, _, _, _SKY = sns.color_palette(
    "colorblind"
).as_hex()
# More of Paul Tol's muted scheme, dark enough beside the ten.
_INDIGO, _WINE = "#332288", "#882255"
# Far from all of these under either kind of colour blindness; a light grey for the baseline.
_VIOLET, _PURPLE, _BLACK, _LIGHT_GREY = "#5533ff", "#6f4a8e", "#000000", "#a0a0a0"
_NAVY = "#001ca6"

_LONG_DOT_DOT = (0, (9, 1.2, 1, 1.2, 1, 1.2))  # not dots: Random has them


METHODS: dict[str, Line] = {
    "bohb": Line("BOHB", _VERMILION, "solid", "o", width=1.9, zorder=4.0),
    "hyperband": Line("Hyperband", _BLUE, (0, (5, 1.5)), "s"),
    "asha": Line("ASHA", _GREEN, (0, (5, 1.2, 1, 1.2)), "^"),
    "asha-promotion": Line(
        "ASHA (promotion)", _NAVY, (0, (1, 1, 1, 1, 1, 3.5)), (2, 1, 90), size=5.4
    ),
    "asha-bohb": Line("ASHA-BOHB", _VIOLET, (0, (12, 1.5)), "*", size=5.6),
    "median": Line("Median rule", _BLACK, (0, (4, 3)), "d", size=4.2),
    "random": Line("Random", "#4d4d4d", (0, (1, 1.2)), "D"),
    "random-2x": Line("Random, 2x budget", _LIGHT_GREY, (0, (1, 1.8)), ".", width=0.7, zorder=2.5),
    "grid": Line("Grid", _PINK, (0, (2.5, 1.5)), "v"),
    "bohb-stock": Line("BOHB-stock", _BROWN, (0, (8, 1.5)), "P"),
    "hpbandster-bohb": Line("HpBandSter-BOHB", _ORANGE, (0, (5, 1, 1, 1, 1, 1)), "X"),
    "hpbandster-hyperband": Line("HpBandSter-Hyperband", _SKY, (0, (8, 1.5, 2, 1.5)), "p"),
    "tpe": Line("TPE", _INDIGO, (0, (3, 1, 1, 1, 1, 1, 1, 1)), "<"),
    "tpe-univariate": Line("TPE (univariate)", _PURPLE, (0, (2, 1, 2, 3)), "h"),
    "gp": Line("GP", _WINE, _LONG_DOT_DOT, ">"),
}
"""Methods with a look of their own, in the order of the legend."""


ABLATIONS: dict[str, Line] = {
    "bohb-no-final-report-fix": Line(
        "BOHB, no final-report fix", _INDIGO, (0, (3, 1, 1, 1, 1, 1, 1, 1)), "<"
    ),
    "bohb-no-halving-fix": Line("BOHB, no halving fix", _GREEN, (0, (5, 1.2, 1, 1.2)), "^"),
    "bohb-random-0": Line("BOHB, no random draws", _PINK, (0, (2.5, 1.5)), "v"),
    "bohb-random-10": Line("BOHB, 1/10 random", _SKY, (0, (8, 1.5, 2, 1.5)), "p"),
    "bohb-random-67": Line("BOHB, 2/3 random", _WINE, _LONG_DOT_DOT, ">"),
}
"""BOHB with one thing changed. They share looks with methods that are drawn elsewhere."""
_DECLARED = {**METHODS, **ABLATIONS}


_derived: dict[str, Line] = {}
"""Looks of methods that are not declared here, of this process."""


def introduce(labels: Mapping[str, str]) -> None:
    """Derive a look for each method that has none here, before any of them is drawn.

    What a look is follows from the method's name; where two of a figure would be alike, the one
    whose name comes later takes the next one that is free. A label that another method
    has already is followed by the method's name.

    Args:
        labels: method -> what legends call it; empty for its name.
    """
    for method in sorted(set(labels) - set(_DECLARED)):
        look = _derived.get(method) or derived_look(method, [*_derived.values()])
        label = labels[method] or look.label
        if label in (one.label for name, one in (_DECLARED | _derived).items() if name != method):
            label = f"{label} ({method})"
        _derived[method] = replace(look, label=label)


def line(method: str) -> Line:
    """How ``method`` is drawn: as declared here, else by a look that follows from its name."""
    if method in _DECLARED:
        return _DECLARED[method]
    if method not in _derived:
        introduce({method: ""})
    return _derived[method]


def in_order(methods: Iterable[str]) -> list[str]:
    """The methods in the order of the legend: those declared here, then others by name."""
    asked = set(methods)
    others = sorted(asked - set(_DECLARED))
    introduce(dict.fromkeys(others, ""))
    return [*(method for method in _DECLARED if method in asked), *others]


def strokes(look: Line) -> dict[str, Any]:
    """A method's line as keyword arguments of ``plot`` and ``Line2D``."""
    return {
        "color": look.color,
        "linestyle": look.dashes,
        "linewidth": look.width,
        "marker": look.marker,
        "markersize": look.size,
        "markeredgecolor": "white",
        "markeredgewidth": 0.4,
    }


def _neurips(rows: int, columns: int, ratio: float) -> dict[str, Any]:
    sizes = figsizes.neurips2024(nrows=rows, ncols=columns, height_to_width_ratio=ratio)
    return {**fontsizes.neurips2024(), **sizes}


def _icml(rows: int, columns: int, ratio: float) -> dict[str, Any]:
    # two columns of text: one column of panels takes one of them (3.25 in), more take both
    width = figsizes.icml2024_full if columns > 1 else figsizes.icml2024_half
    return {
        **fontsizes.icml2024(),
        **width(nrows=rows, ncols=columns, height_to_width_ratio=ratio),
    }


def _jmlr(rows: int, columns: int, ratio: float) -> dict[str, Any]:
    sizes = figsizes.jmlr2001(nrows=rows, ncols=columns, height_to_width_ratio=ratio)
    return {**fontsizes.jmlr2001(), **sizes}


SLIDE = (12.8 / 2.54, 7.2 / 2.54)
"""Inches of what beamer leaves of a 16:9 slide below its title."""


def _slides(rows: int, columns: int, ratio: float) -> dict[str, Any]:
    width, height = SLIDE  # tueplots' own size takes neither rows nor columns
    size = (width, min(height, width / columns * ratio * rows))
    sizes = figsizes.beamer_169() | {"figure.figsize": size}
    return {**fontsizes.beamer(), **sizes}


TALLEST = 8.5
"""Inches of a page of panels; below it stands the caption."""


def tallest(venue: str) -> float:
    """Inches that a figure may be high."""
    return SLIDE[1] if venue == "slides" else TALLEST


VENUES: dict[str, Callable[[int, int, float], dict[str, Any]]] = {
    "neurips": _neurips,
    "icml": _icml,
    "jmlr": _jmlr,
    "slides": _slides,
}
"""Page -> settings of a figure as wide as its text; rows, columns, height / width of a panel."""


def page(rows: int, columns: int, venue: str = "neurips", ratio: float = 0.82) -> dict[str, Any]:
    """Settings of a figure as wide as the text of the venue's page.

    Args:
        rows: of panels.
        columns: of panels.
        venue: a key of ``VENUES``.
        ratio: height of a panel over its width.

    Raises:
        UsageError: there is no such venue.
    """
    if venue not in VENUES:
        raise UsageError(f"{venue}: no such page; allowed: {', '.join(VENUES)}", parameter="venue")
    return _look() | _smaller_labels(VENUES[venue](rows, columns, ratio))


def saving() -> dict[str, Any]:
    """Settings that matter when a figure is written: fonts as text, the same bytes every time."""
    return {
        "pdf.fonttype": 42,
        "ps.fonttype": 42,
        "svg.fonttype": "path",
        "svg.hashsalt": "bohb_study",
        "savefig.bbox": "standard",
        "text.usetex": False,
    }


def legend_size() -> float:
    """Points of the text in legends and of direct labels, under the settings in force."""
    size = matplotlib.rcParams["legend.fontsize"]
    return float(size) if isinstance(size, int | float) else float(matplotlib.rcParams["font.size"])


def _smaller_labels(sizes: dict[str, Any]) -> dict[str, Any]:
    """Axis labels between ticks and text: at the text's own size they crowd two panels."""
    between = (sizes["axes.labelsize"] + sizes["xtick.labelsize"]) / 2
    small = {"axes.labelsize": between, "axes.titlesize": between - 0.5}
    return sizes | small | {"legend.title_fontsize": sizes["legend.fontsize"]}


def _look() -> dict[str, Any]:
    """Theme, line widths and font, without sizes."""
    return {
        **sns.axes_style("ticks"),
        **axes.lines(),
        **axes.grid(grid_alpha=0.25),
        **saving(),
        "axes.grid": True,
        "axes.grid.which": "major",
        "axes.spines.right": False,
        "axes.spines.top": False,
        "font.family": ["sans-serif"],
        "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same on every machine
        "legend.frameon": False,
        "mathtext.fontset": "dejavusans",
    }
