"""Every code block of the README and of the site is run, or checked as far as it can be."""

from pathlib import Path

import pytest

from page_blocks import SYBIL
from site_pages import PAGES, name_of

REAL_RAY = {"docs/tutorial/ray-tune.md", "docs/how-to/own-tuner.md"}
"""Pages whose code starts Ray."""


def _parameters(*, with_ray: bool) -> list[object]:
    pages = [page for page in PAGES if (name_of(page) in REAL_RAY) == with_ray]
    return [pytest.param(page, id=name_of(page)) for page in pages]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", _parameters(with_ray=False))
def test_code_of_a_page_runs(page: Path, checkout: Path, cells_run_here: None) -> None:
    """Cells run in this process: each of its own would import PyTorch again."""
    for example in SYBIL.parse(page).examples():
        example.evaluate()


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", _parameters(with_ray=True))
def test_code_of_a_page_that_needs_ray_runs(page: Path, runtime: None, checkout: Path) -> None:
    """The runtime comes first: Ray keeps a token in the home folder, and a page has another."""
    for example in SYBIL.parse(page).examples():
        example.evaluate()
