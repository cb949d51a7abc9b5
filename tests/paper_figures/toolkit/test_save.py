import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from bohb_study.store.sealed import sealed_json
from paper_figures import draw_study
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.anytime import figure
from paper_figures.toolkit.save import render


@pytest.fixture(scope="module")
def study(
    make_frame: Callable[..., pd.DataFrame], make_study: Callable[..., FigureStudy]
) -> FigureStudy:
    return make_study(make_frame(["random", "bohb"], 2, budget=4))


def files(study: FigureStudy) -> dict[str, bytes]:
    drawn, caption = figure(study)
    return render(drawn, "anytime", caption, study.provenance)


def test_drawn_twice_the_bytes_are_the_same_whatever_the_users_settings(
    study: FigureStudy,
) -> None:
    once = files(study)
    assert set(once) == {"pdf", "png", "svg"}
    mine = {"font.size": 30, "savefig.bbox": "tight", "pdf.fonttype": 3, "axes.grid": False}
    with mpl.rc_context(mine):
        assert files(study) == once


def test_last_bits_of_the_layout_change_no_name_in_an_svg(study: FigureStudy) -> None:
    drawn, caption = figure(study)
    names = []
    for nudge in (0.0, 2e-16):
        drawn.draw_without_rendering()
        drawn.set_layout_engine("none")
        for axes in drawn.axes:
            axes.set_position(axes.get_position().translated(nudge, nudge))
        svg = render(drawn, "anytime", caption, study.provenance, ["svg"])["svg"]
        names.append(re.findall(rb"clip\d+|\bp[0-9a-f]{10}\b", svg))
    assert names[0] == names[1]
    assert names[0][0] == b"clip0"
    assert not any(name.startswith(b"p") for name in names[0])


def test_every_file_says_where_it_comes_from(stored: Path) -> None:
    pdf, png, svg = draw_study(stored)
    assert pdf == stored / "figures" / "anytime.pdf"
    source = "study compare-1a2b3c4d, commit abc1234 abc1234-dirty, 648 rows"
    assert source.encode() in pdf.read_bytes()
    assert b"CreationDate" not in pdf.read_bytes()
    with Image.open(png) as image:
        assert image.info["Source"] == source
        assert source in image.info["Description"]
        assert image.size == (1650, pytest.approx(742, abs=2))  # 5.5 in at 300 dpi: nothing cut
    text = "".join(ElementTree.parse(svg).getroot().itertext())
    for part in source.split(", "):
        assert part in text
    assert "Matplotlib v" not in svg.read_text()


def test_the_number_of_workers_comes_from_the_stored_study(stored: Path) -> None:
    described = stored / "study.json"
    study = json.loads(described.read_text())
    study["config"]["workers"] = 4
    described.write_bytes(sealed_json(study))
    _, png, _ = draw_study(stored)
    with Image.open(png) as image:
        assert "against virtual seconds, 4 workers, on digits" in image.info["Description"]


def test_fonts_are_embedded_as_type_42_and_come_with_matplotlib(study: FigureStudy) -> None:
    pdf = files(study)["pdf"]
    assert b"/Type3" not in pdf
    assert b"DejaVuSans" in pdf
    assert b"/FontFile2" in pdf


def test_text_is_drawn_as_it_is_written_and_powers_as_powers(study: FigureStudy) -> None:
    """A label with two dollars is no formula, and need not be one."""
    drawn = Figure()
    axes = drawn.add_subplot()
    axes.plot([1, 1000], [1, 1], label=r"$\frac$ costs $")
    axes.legend()
    axes.set_xscale("log")
    axes.set_title(r"$\bad{$")
    assert render(drawn, "name", "caption", study.provenance, ["svg"])["svg"]
    powers = [text for text in axes.get_xticklabels() if "10^" in text.get_text()]
    assert powers
    assert all(text.get_parse_math() for text in powers)
    assert not axes.title.get_parse_math()
