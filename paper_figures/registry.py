"""What can be drawn: every figure in ``figures`` and every table in ``tables``, found by scanning.

A new figure is one module in ``figures`` with a ``FIGURE``, a new table one in ``tables`` with a
``TABLE``; both can then be named on the command line. A line in ``gallery_plan.PLAN`` puts it into
the paper.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from bohb_study.former_names import renamed
from bohb_study.summaries.table import Table

if TYPE_CHECKING:  # naming figures costs no import of matplotlib or pandas
    from matplotlib.figure import Figure

    from paper_figures.figure_study import FigureStudy

Drawn: TypeAlias = "tuple[Figure, str]"
"""A figure and its caption."""
Spec = TypeVar("Spec")


@dataclass(frozen=True)
class FigureSpec:
    """A figure of one study, or of several that are joined."""

    name: str
    """On the command line, and of its files."""
    draw: "Callable[[FigureStudy], Drawn]"
    after_run: "Callable[[FigureStudy], bool] | None" = None
    """Whether it is drawn after every run of this study; None where it is only drawn on request."""


@dataclass(frozen=True)
class SeriesSpec:
    """A figure of several studies of the same tasks."""

    name: str
    draw: "Callable[[Sequence[FigureStudy]], Drawn]"


@dataclass(frozen=True)
class TableSpec:
    """A table of one study, or of several that are joined."""

    name: str
    make: "Callable[[FigureStudy], Table]"


RENAMED = {
    "curves": "learning-curves",
    "layout": "grid-random",
    "model": "suggestions",
    "stock": "bohb-variants",
    "time": "time-spent",
}
"""Former names of figures; they are understood until the next release."""


def figures() -> dict[str, FigureSpec]:
    """Every figure of one study by its name, sorted."""
    return _by_name(spec for spec in _found("figures") if isinstance(spec, FigureSpec))


def series() -> dict[str, SeriesSpec]:
    """Every figure of a series of studies by its name, sorted."""
    return _by_name(spec for spec in _found("figures") if isinstance(spec, SeriesSpec))


def tables() -> dict[str, TableSpec]:
    """Every table by its name, sorted."""
    return _by_name(spec for spec in _found("tables") if isinstance(spec, TableSpec))


def current_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names with former ones replaced; a line on stderr says so."""
    found = []
    for name in names:
        if name in RENAMED:
            print(f"figure {renamed(name, RENAMED[name])}", file=sys.stderr)
        found.append(RENAMED.get(name, name))
    return tuple(found)


@cache
def _found(package: str) -> tuple[FigureSpec | SeriesSpec | TableSpec, ...]:
    return tuple(_specs(import_module(f"paper_figures.{package}")))


def _specs(package: ModuleType) -> Iterator[FigureSpec | SeriesSpec | TableSpec]:
    for module in iter_modules(package.__path__, f"{package.__name__}."):
        if module.name.endswith("_data"):
            continue
        loaded = import_module(module.name)
        for constant in ("FIGURE", "TABLE"):
            if hasattr(loaded, constant):
                yield getattr(loaded, constant)


def _by_name(specs: Iterable[Spec]) -> dict[str, Spec]:
    found: dict[str, Spec] = {}
    for spec in sorted(specs, key=lambda spec: str(getattr(spec, "name", ""))):
        name = str(getattr(spec, "name", ""))
        if name in found:
            raise ValueError(f"{name}: two figures or tables have this name")
        found[name] = spec
    return found
