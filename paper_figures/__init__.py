"""The figures of a study: one module a figure, a pure function from data to figure and caption.

``draw_study`` is imported when it is first used: matplotlib is slow to import, and a command that
is interrupted meanwhile has to handle that first.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paper_figures.draw import draw_study

__all__ = ["draw_study"]


def __getattr__(name: str) -> Any:
    """Import the public name on first use (PEP 562)."""
    if name != "draw_study":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from paper_figures.draw import draw_study

    globals()[name] = draw_study  # the next use does not come here
    return draw_study
