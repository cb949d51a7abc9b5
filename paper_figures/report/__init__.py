"""A study as one page to look at: it needs nothing but a browser, and no network."""

from paper_figures.report.page import write_report

__all__ = ["write_report"]
