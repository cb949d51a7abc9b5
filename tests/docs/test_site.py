"""The site is built strictly and needs nothing from elsewhere; what it names is there."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from repository import ROOT
from site_pages import PAGES, name_of

README_LINES = 180
FOLDERS = ("bohb_study", "docs", "examples", "experiments", "paper_figures", "tests")
ELSEWHERE = re.compile(r"(?:https?:)?//(?!www\.w3\.org/)[\w.-]+")
"""An address; those of w3.org name formats in SVG and are not fetched."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return folder


class _Fetched(HTMLParser):
    """What a browser loads to show a page: not what a link leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        names = ["src", "srcset", "data", "poster"] + (["href"] if tag == "link" else [])
        self.found += [value for name in names if (value := given.get(name))]


def test_a_browser_asks_no_other_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        parser = _Fetched()
        parser.feed(page.read_text())
        assert parser.found, page
        assert not [one for one in parser.found if ELSEWHERE.match(one)], page
    for style in site.rglob("*.css"):
        loaded = re.findall(r"(?:url\(|@import )[\"']?([^\"');]+)", style.read_text())
        assert not [one for one in loaded if ELSEWHERE.match(one)], style


def test_every_figure_of_a_page_is_on_the_site(site: Path) -> None:
    shown = 0
    for page in site.rglob("*.html"):
        for source in re.findall(r'<img[^>]* src="([^"]+)"', page.read_text()):
            assert (page.parent / source).exists(), (page, source)
            shown += 1
    assert shown >= 11


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text()
    words = re.findall(rf"`((?:{chr(124).join(FOLDERS)})/[\w./-]+)`", text)
    missing = [word for word in words if "NAME" not in word and not (ROOT / word).exists()]
    assert not missing
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text)
    assert not [link for link in links if not (page.parent / link).exists()]


def test_every_page_is_in_the_navigation() -> None:
    given = (ROOT / "mkdocs.yml").read_text()
    pages = [
        page.relative_to(ROOT / "docs").as_posix()
        for page in PAGES
        if ROOT / "docs" in page.parents
    ]
    assert not [page for page in pages if f" {page}\n" not in given]


def test_the_readme_is_short_and_its_findings_are_among_the_results() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= README_LINES
    findings = " ".join(text.partition("## Five findings")[2].partition("\n## ")[0].split())
    intervals = re.findall(r"(-?[\d.]+) (\[-?[\d.]+, -?[\d.]+\])", findings)
    assert len(intervals) >= 8
    results = (ROOT / "docs" / "results.md").read_text()
    assert not [" ".join(one) for one in intervals if " ".join(one) not in results]
