"""Every code block of the README and of the site is run, or checked as far as it can be."""

from pathlib import Path

import pytest

from page_blocks import SYBIL
from site_pages import PAGES, name_of

REAL_RAY = {"docs/tutorial/ray-tune.md", "docs/how-to/own-tuner.md"}
"""Pages whose code starts Ray."""


def _parameters() -> list[object]:
    marks = (pytest.mark.ray, pytest.mark.long)
    return [
        pytest.param(page, id=name_of(page), marks=marks if name_of(page) in REAL_RAY else ())
        for page in PAGES
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", _parameters())
def test_code_of_a_page_runs(page: Path, checkout: Path, request: pytest.FixtureRequest) -> None:
    if name_of(page) in REAL_RAY:
        request.getfixturevalue("runtime")
    document = SYBIL.parse(page)
    for example in document.examples():
        example.evaluate()
