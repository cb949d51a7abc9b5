"""The figures of a study: one module a figure, a pure function from data to figure and caption."""

from paper_figures.draw import draw_study

__all__ = ["draw_study"]
