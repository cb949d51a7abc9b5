"""The page in headless Chromium, from a file: what is drawn, said and loaded.

Needs Debian's packages chromium and chromium-driver; without them it fails.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from paper_figures.report import write_report
from paper_figures.report.theme import DARK_CARD, contrast

HEIGHT = 900
LEAST_FONT = 12
"""Pixels."""
NARROW, WIDE = 400, 1600
SEEN = """
  const seen = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.closest("script, style, noscript, .unseen, .skip")) continue;
    if (!e.getClientRects().length) continue;
    let back = "rgba(0, 0, 0, 0)";
    for (let at = e; at && back === "rgba(0, 0, 0, 0)"; at = at.parentElement)
      back = getComputedStyle(at).backgroundColor;
    const look = getComputedStyle(e), color = e instanceof SVGElement ? look.fill : look.color;
    seen.push([e.textContent.trim().slice(0, 40), parseFloat(look.fontSize), color, back]);
  }
  return seen;
"""
"""Every element with text that is seen: text, font size, colour, background."""


class Page:
    """The page in the browser."""

    def __init__(self, driver: webdriver.Chrome, path: Path) -> None:
        self.driver = driver
        self.path = path

    def open(self, width: int = WIDE, scheme: str = "light") -> None:
        """From its file, anew."""
        size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.scheme(scheme)
        self.driver.get(self.path.as_uri())
        area = "return Boolean(document.querySelector('.nsewdrag'))"
        WebDriverWait(self.driver, 10).until(lambda _: self.js(area))

    def scheme(self, name: str) -> None:
        """Light or dark, as the system would say."""
        media = {"features": [{"name": "prefers-color-scheme", "value": name}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def js(self, script: str) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script)

    def traces(self) -> dict[str, Any]:
        """What plotly draws, by what it stands for."""
        drawn = self.js(
            "return document.getElementById('plot').data.map("
            "(t) => [t.meta, {x: t.x, y: t.y, line: t.line, color: t.line.color}])"
        )
        return dict(drawn)

    def layout(self) -> dict[str, Any]:
        """Titles, types and ranges of the axes."""
        return dict(
            self.js(
                "const {xaxis: x, yaxis: y} = document.getElementById('plot').layout;"
                "return {x: x.title.text, y: y.title.text, range: x.range, type: y.type}"
            )
        )

    def choose(self, control: str, value: str) -> None:
        """An option of a select, by its value."""
        Select(self.driver.find_element(By.ID, control)).select_by_value(value)

    def click(self, selector: str) -> None:
        """As a person does."""
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def point(self, across: float, down: float) -> None:
        """The mouse on the plot's area, at a share of its width and height."""
        left, top, width, height = self.js(
            "const area = document.querySelector('.nsewdrag');"
            "area.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const r = area.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]"
        )
        place = {"x": left + across * width, "y": top + down * height}
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", **place})

    def tip(self) -> str:
        """What the tooltip says; empty where it is not there."""
        return self.driver.find_element(By.ID, "tip").text


@pytest.fixture(scope="module")
def page(report_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.fail("no Chromium to test the page in: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    # root has no sandbox, and a container little shared memory
    for flag in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    path = write_report(report_study, tmp_path_factory.mktemp("page") / "report.html")
    # with its path given selenium looks for no driver of its own in the network
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    try:
        yield Page(driver, path)
    finally:
        driver.quit()


@pytest.fixture
def opened(page: Page) -> Page:
    page.open()
    return page


def test_it_loads_without_errors_or_requests(page: Page) -> None:
    page.driver.get_log("performance")
    page.driver.get_log("browser")
    page.open()
    page.point(0.5, 0.5)
    assert page.driver.get_log("browser") == []
    events = [
        json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")
    ]
    asked = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    addresses = {str(params["request"]["url"]) for params in asked}
    assert page.path.as_uri() in addresses
    assert all(a == page.path.as_uri() or a.startswith("data:") for a in addresses)
    drawn = page.js("return [...document.images].map((i) => i.complete && i.naturalWidth)")
    assert drawn
    assert all(drawn)


def test_nothing_of_plotly_uploads(opened: Page) -> None:
    script = "return [...document.querySelectorAll('.modebar-btn')].map((b) => b.dataset.title)"
    # plotly adds its buttons when all else is drawn
    titles = WebDriverWait(opened.driver, 10).until(lambda _: opened.js(script))
    assert len(titles) == 6
    assert not [title for title in titles if title is None or "loud" in title or "hare" in title]


def test_it_begins_with_the_main_rule_and_every_method(opened: Page) -> None:
    parts = {
        f"{p}/{m}" for p in ("low", "high", "centre", "runs") for m in ("bohb", "asha", "random")
    }
    assert set(opened.traces()) == parts  # three seeds: every run is shown
    assert {t["line"]["shape"] for t in opened.traces().values()} == {"hv"}
    assert opened.layout()["x"] == "full evaluations"
    assert opened.layout()["y"] == "validation cross-entropy"
    assert opened.layout()["range"] == pytest.approx([0, 0.778], abs=1e-3)  # 1 to 6


def test_pointing_shows_the_incumbents_configuration(opened: Page) -> None:
    assert opened.tip() == ""
    opened.point(0.9, 0.7)
    told = opened.tip()
    assert any(label in told.splitlines()[0] for label in ("BOHB", "ASHA", "Random"))
    for word in (
        "Incumbent of seed ",
        "validation cross-entropy 0.",
        "27 of 27 epochs",
        "found at ",
    ):
        assert word in told
    for name in ("lr", "l1", "activation"):
        assert name in told
    assert "</script><b>relu" in told  # as text
    opened.point(0.9, -0.5)
    assert opened.tip() == ""


def test_what_is_told_was_found_by_then(opened: Page) -> None:
    """Between corners the last value holds, never the next."""
    opened.click("#runs")  # aggregates alone
    opened.click("#none")
    opened.click(".chip input[value=random]")
    x, y = (opened.traces()["centre/random"][axis] for axis in ("x", "y"))
    step = next(i for i in range(1, len(x)) if y[i] != y[i - 1] and x[i - 1] >= 1)
    low, high = opened.layout()["range"]
    middle = (x[step - 1] + 3 * x[step]) / 4  # nearer to the next corner
    opened.point((opened.js(f"return Math.log10({middle})") - low) / (high - low), 0.5)
    assert f"mean of 3 seeds: {float(f'{y[step - 1]:.4g}'):g} [" in opened.tip()


def test_the_keyboard_tells_the_same(opened: Page) -> None:
    plot = opened.driver.find_element(By.ID, "plot")
    plot.send_keys(Keys.ARROW_RIGHT)
    first = opened.tip()
    assert "Incumbent of seed" in first
    plot.send_keys(Keys.ARROW_UP)
    assert opened.tip() not in ("", first)
    plot.send_keys(Keys.ESCAPE)
    assert opened.tip() == ""


def test_the_rule_changes_what_is_drawn(opened: Page) -> None:
    full = opened.traces()["centre/bohb"]
    opened.choose("rule", "any")
    lowest = opened.traces()["centre/bohb"]
    assert lowest["x"][0] < full["x"][0]
    assert lowest["y"][-1] <= full["y"][-1]
    assert "lowest loss at any fidelity" in opened.driver.find_element(By.ID, "legend").text


def test_the_axis_changes_what_is_drawn(opened: Page) -> None:
    units = opened.traces()["centre/bohb"]
    opened.choose("axis", "virtual_seconds")
    seconds = opened.traces()["centre/bohb"]
    assert seconds["y"] == units["y"]
    assert seconds["x"] == pytest.approx([0.27 * x for x in units["x"]], rel=1e-4)
    assert opened.layout()["x"] == "virtual seconds"


def test_methods_can_be_put_off_and_on(opened: Page) -> None:
    opened.click(".chip input[value=asha]")
    assert {name.split("/")[1] for name in opened.traces()} == {"bohb", "random"}
    opened.click("#none")
    assert opened.traces() == {}
    opened.click("#all")
    assert len(opened.traces()) == 12
    opened.click("#runs")
    assert not [name for name in opened.traces() if name.startswith("runs/")]


def test_another_task_has_its_own_rule_and_scale(opened: Page) -> None:
    before = opened.traces()["centre/bohb"]
    opened.choose("task", "mfh3")
    assert opened.layout()["y"] == "regret"
    assert opened.layout()["type"] == "log"
    assert opened.traces()["centre/bohb"]["y"] != before["y"]
    assert opened.driver.find_element(By.ID, "rule").get_attribute("value") == "validated"
    opened.point(0.9, 0.7)
    assert "noise-free regret" in opened.tip()
    assert "activation" not in opened.tip()


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable(page: Page, width: int, scheme: str) -> None:
    page.open(width, scheme)
    page.point(0.8, 0.6)
    assert page.tip()
    for details in page.driver.find_elements(By.CSS_SELECTOR, "details:not([open])"):
        page.driver.execute_script("arguments[0].open = true", details)
    assert page.js("return document.documentElement.scrollWidth") <= width
    places = page.js(
        "return ['#plot', '#plot .main-svg', '#tip', '#anytime', 'select', '#methods'].map((s) => {"
        "const r = document.querySelector(s).getBoundingClientRect(); return [s, r.left, r.right]})"
    )
    for name, left, right in places:
        assert 0 <= left < right <= width, name
    seen = page.js(SEEN)
    assert len(seen) > 60
    assert any(word == "full evaluations" for word, *_ in seen)  # plotly's own text is among them
    for word, size, color, back in seen:
        assert size >= LEAST_FONT, (word, size)
        assert contrast(rgb(color), rgb(back)) >= 4.5, (word, color, back)


def test_dark_and_light_follow_the_system(opened: Page) -> None:
    light = opened.traces()["centre/bohb"]["color"]
    opened.scheme("dark")
    WebDriverWait(opened.driver, 5).until(
        lambda _: opened.traces()["centre/bohb"]["color"] != light
    )
    page, card, paper = opened.js(
        "return ['body', '.card', '.paper'].map("
        "(s) => getComputedStyle(document.querySelector(s)).backgroundColor)"
    )
    assert contrast(rgb(page), "white") > 15
    assert rgb(card) == rgb(DARK_CARD)
    assert rgb(paper) == rgb("white")  # figures are drawn for paper
    for trace in opened.traces().values():
        if trace["line"]["width"] > 1:
            assert contrast(trace["color"], rgb(card)) >= 4.5
    opened.scheme("light")
    WebDriverWait(opened.driver, 5).until(
        lambda _: opened.traces()["centre/bohb"]["color"] == light
    )


def rgb(color: str) -> str:
    """A colour as CSS or matplotlib says it, as #rrggbb."""
    from matplotlib.colors import to_hex

    if not color.startswith("rgb"):
        return to_hex(color)
    parts = [float(part) for part in color[color.index("(") + 1 : -1].split(",")]
    return to_hex([part / 255 for part in parts[:3]])
