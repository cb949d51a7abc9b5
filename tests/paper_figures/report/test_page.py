"""The page without a browser: its data, its text, and that it is the same each time."""

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb_study.analysis import RULES, anytime, incumbent
from bohb_study.errors import StudyError, UsageError
from bohb_study.summaries.html import to_html
from bohb_study.summaries.stored_table import summary_of
from bohb_study.summaries.table import Table, columns, rows
from paper_figures.draw import open_study
from paper_figures.figure_study import FigureStudy
from paper_figures.report import write_report
from paper_figures.report.markup import embedded_json, filled, text
from paper_figures.report.plot_data import plot_data
from paper_figures.report.theme import DARK_CARD, LEAST_CONTRAST, contrast, dashes, on_dark
from paper_figures.toolkit import style

TOP = 27
Json = dict[str, Any]


@pytest.fixture(scope="module")
def study(report_study: Path) -> FigureStudy:
    return open_study(report_study, allow_missing=False)[1]


@pytest.fixture(scope="module")
def data(study: FigureStudy) -> Json:
    return plot_data(study)


@pytest.fixture(scope="module")
def page(report_study: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("page") / "own name.html"
    assert write_report(report_study, out) == out
    return out.read_text()


def own_part(page: str) -> str:
    """The page without plotly, which names addresses that it loads nothing from."""
    start = page.index("/**\n* plotly.js")
    return page[:start] + page[page.index("</script>", start) :]


# --- data of the plot -----------------------------------------------------------------------------


def test_tasks_say_what_can_be_shown(data: Json) -> None:
    digits, mfh3 = data["tasks"]
    assert digits["rules"] == ["full", "highest", "paper", "any"]
    assert mfh3["rules"] == list(RULES)
    assert (digits["rule"], mfh3["rule"]) == ("full", "validated")
    assert digits["axes"] == mfh3["axes"] == ["full_evals", "virtual_seconds"]
    assert digits["hyperparameters"] == ["lr", "l1", "activation"]
    assert mfh3["hyperparameters"] == ["lr", "l1"]
    assert (digits["regret"], mfh3["regret"]) == (False, True)
    assert list(data["methods"]) == ["bohb", "asha", "random"]


@pytest.mark.parametrize("axis", ["full_evals", "virtual_seconds"])
def test_curves_are_those_of_the_analysis(study: FigureStudy, data: Json, axis: Any) -> None:
    for task in data["tasks"]:
        own = study.frame[study.frame["task"] == task["name"]]
        for rule in task["rules"]:
            shift = -1.5 if rule == "validated" else 0.0
            for curves in anytime(own, rule, {task["name"]: TOP}, axis=axis).curves:
                shown = task["methods"][curves.method]["curves"][rule][axis]
                over = curves.over_seeds
                assert shown["x"][0] == pytest.approx(over.x[0], rel=1e-5)
                assert shown["x"][-1] == pytest.approx(over.x[-1], rel=1e-5)
                # between corners the value holds; six digits move a corner by less than this
                at = np.searchsorted(np.array(shown["x"]) * (1 - 1e-5), over.x, side="right") - 1
                for part in ("centre", "low", "high"):
                    read = np.array(shown[part])[at]
                    np.testing.assert_allclose(read, getattr(over, part) - shift, rtol=2e-5)


def test_intervals_are_those_of_the_analysis(
    make_frame: Callable[..., pd.DataFrame], make_study: Callable[..., FigureStudy]
) -> None:
    frame = make_frame(["bohb"], 10, budget=3)
    (task,) = plot_data(make_study(frame, bootstrap_seed=7))["tasks"]
    own = task["methods"]["bohb"]
    assert (own["n"], own["kind"], own["label"]) == (10, "95 % interval", "interquartile mean")
    over = anytime(frame, "highest", {"digits": TOP}, 7).curves[0].over_seeds
    shown = own["curves"]["highest"]["full_evals"]
    assert shown["low"][-1] == pytest.approx(over.low[-1], rel=1e-5)
    assert shown["high"][-1] == pytest.approx(over.high[-1], rel=1e-5)


def test_a_run_names_the_incumbent_after_every_report(study: FigureStudy, data: Json) -> None:
    cells = dict(iter(study.frame.groupby(["task", "method", "seed"])))
    for task in data["tasks"]:
        method, own = "asha", task["methods"]["asha"]
        for run in own["runs"]:
            cell = cells[task["name"], method, run["seed"]]
            by_id = cell.drop_duplicates("config_id").set_index("config_id")
            assert run["end"]["full_evals"] == cell["full_evals"].max()
            for rule in task["rules"]:
                first = incumbent(cell, rule, TOP).dropna(subset="config_id").drop_duplicates("seq")
                found = run["rules"][rule]
                values = run["true" if rule == "validated" else "loss"]
                shift = -1.5 if rule == "validated" else 0.0
                shown = [values[i] for i in found]
                np.testing.assert_allclose(shown, first["value"] - shift, rtol=2e-5)
                shown = [run["at"]["full_evals"][i] for i in found]
                np.testing.assert_allclose(shown, first["full_evals"], rtol=1e-5)
                assert [run["level"][i] for i in found] == first["level"].tolist()
                for i, name in zip(found, first["config_id"], strict=True):
                    config = own["configs"][run["config"][i]]
                    lr, l1 = by_id.loc[name, ["hp.lr", "hp.l1"]]
                    assert config[0] == pytest.approx(lr, rel=1e-5)
                    assert config[1] == (None if pd.isna(l1) else l1)


def test_a_larger_budget_is_divided_by_what_it_spent(
    make_frame: Callable[..., pd.DataFrame], make_study: Callable[..., FigureStudy]
) -> None:
    frame = pd.concat(
        [make_frame(["random"], 1, budget=2), make_frame(["random-2x"], 1, budget=4)],
        ignore_index=True,
    )
    (task,) = plot_data(make_study(frame, larger_budgets={"random-2x": 2}))["tasks"]
    ends = {name: own["runs"][0]["end"] for name, own in task["methods"].items()}
    assert ends["random"]["full_evals"] == ends["random-2x"]["full_evals"] == 2
    assert task["methods"]["random-2x"]["factor"] == 2


def test_seconds_are_offered_only_where_they_are_known(
    make_frame: Callable[..., pd.DataFrame], make_study: Callable[..., FigureStudy]
) -> None:
    frame = make_frame(["random"], 1, budget=2)
    (task,) = plot_data(make_study(frame, workers=4))["tasks"]
    assert task["axis"] == "virtual_seconds"
    (task,) = plot_data(make_study(frame.assign(virtual_seconds=np.nan), workers=4))["tasks"]
    assert (task["axes"], task["axis"]) == (["full_evals"], "full_evals")


def test_unequal_seeds_stop_it_unless_allowed_and_are_named(
    make_frame: Callable[..., pd.DataFrame], make_study: Callable[..., FigureStudy]
) -> None:
    frame = pd.concat([make_frame(["random"], 2, budget=2), make_frame(["bohb"], 1, budget=2)])
    with pytest.raises(StudyError, match="digits/bohb/1"):
        plot_data(make_study(frame))
    assert plot_data(make_study(frame, allow_missing=True))["missing"] == ["digits/bohb/1"]


def test_a_cell_without_a_finished_training_has_no_incumbent_under_full(
    make_frame: Callable[..., pd.DataFrame], make_study: Callable[..., FigureStudy]
) -> None:
    frame = make_frame(["random"], 1, budget=1).query("level < 27")
    (task,) = plot_data(make_study(frame))["tasks"]
    own = task["methods"]["random"]
    assert own["runs"][0]["rules"]["full"] == []
    assert own["curves"]["full"]["full_evals"]["x"] == []
    assert own["runs"][0]["rules"]["any"]


def test_data_are_small(data: Json) -> None:
    """Corners of steps alone, and six digits."""
    for task in data["tasks"]:
        for own in task["methods"].values():
            for curve in (curve for rule in own["curves"].values() for curve in rule.values()):
                rows = list(zip(curve["low"], curve["centre"], curve["high"], strict=True))[:-1]
                assert all(one != other for one, other in pairwise(rows))
    written = re.findall(r"\d+\.\d+", json.dumps(data["tasks"]))
    assert max(len(number.replace(".", "").lstrip("0")) for number in written) <= 6


# --- looks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [*style.METHODS, *style.ABLATIONS])
def test_lines_are_seen_on_a_dark_page(method: str) -> None:
    look = style.line(method)
    assert contrast(on_dark(look.color), DARK_CARD) >= LEAST_CONTRAST
    lengths = dashes(look)
    assert lengths == "solid" or len(lengths.split(",")) % 2 == 0


def test_lines_differ_on_a_dark_page() -> None:
    assert len({on_dark(look.color) for look in style.METHODS.values()}) == len(style.METHODS)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.01)


# --- text -----------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(), st.text() | st.integers()))
def test_embedded_json_stays_in_its_element_and_says_the_same(value: dict[str, str | int]) -> None:
    told = embedded_json(value)
    assert "<" not in told
    assert json.loads(told) == value


def test_json_without_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        embedded_json([float("nan")])


@given(st.text())
def test_text_is_escaped(value: str) -> None:
    assert not re.search(r"<(?!/?code>)", text(value))


def test_text_between_backticks_is_code() -> None:
    assert text("`a<b` and ` c") == "`a&lt;b` and ` c"
    assert text("`a<b` and c") == "<code>a&lt;b</code> and c"


def test_parts_are_put_in_once() -> None:
    assert filled("{{a}}-{{b}}", {"a": "{{b}}", "b": "x"}) == "{{b}}-x"
    with pytest.raises(KeyError):
        filled("{{c}}", {})


def test_a_table_has_headings_and_a_name() -> None:
    found = rows([["x", "0.1 [0.0, 0.2]", "words"]])
    headings = (*columns("a"), *columns("b", align="right"), *columns("c"))
    made = to_html(Table("What & why", headings, found))
    assert '<caption class="unseen">What &amp; why</caption>' in made
    assert '<th scope="row">x</th><td class="number">0.1 [0.0, 0.2]</td>' in made
    assert "<td>words</td>" in made


def test_a_packed_table_is_read_without_its_audit(report_study: Path) -> None:
    loaded, _ = open_study(report_study, allow_missing=False)
    found = summary_of(loaded)
    assert found.headings == ("task", "method", "validation loss")
    assert found.texts()[1] == ("mfh3", "bohb", "0.1 [0.0, 0.2]")
    assert [cell.emphasis for cell in found.rows[1]] == ["code", "code", "plain"]
    assert found.notes == ("mean over 3 seeds",)


# --- the page -------------------------------------------------------------------------------------


def test_the_page_says_what_was_run_and_found(page: str) -> None:
    told = own_part(page)
    for word in (
        "<h1>compare-1a2b3c4d</h1>",
        "BOHB, ASHA and Random on <code>digits</code> and <code>mfh3</code>.",
        "6 full evaluations",
        "2,916",
        "abc1234",
        "audit passes",
        "2 checks of 18 cells, 1 with known departures",
        "rungs: mfh3/asha: 81/27 of &lt;81&gt;/27 (known: it was cut off)",
        "rungs: no plan: random",
        "a network &amp; its l1, lr",
        "0.1 [0.0, 0.2]",
        "mean over 3 seeds",
        "Rule highest: best report at the highest fidelity so far; rises where",
    ):
        assert word in told
    assert "{{" not in told


def test_what_comes_from_a_study_cannot_end_the_data(page: str) -> None:
    assert "</script><b>" not in page
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    (own,) = {tuple(c[2:]) for c in json.loads(data)["tasks"][0]["methods"]["bohb"]["configs"]}
    assert own == ("</script><b>relu",)


def test_the_page_loads_nothing(page: str) -> None:
    own = own_part(page)
    own = re.sub(r"base64,[A-Za-z0-9+/=]+", "", own)
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", own)
    assert set(re.findall(r"""(?:src|href)=["']([^"'#]*)""", own)) <= {
        "data:,",
        "data:image/svg+xml;",
        "",
    }
    assert "default-src 'none'" in own
    assert "@import" not in own
    assert not re.search(r"url\(", own)


def test_every_figure_is_in_it_with_its_words(page: str) -> None:
    images = re.findall(r'<img alt="([^"]+)" src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert [alt.split(";")[0] for alt, _ in images] == ["Figure anytime"]
    assert page.count("<figcaption>") == len(images)


def test_the_same_study_gives_the_same_bytes(report_study: Path, page: str) -> None:
    path = write_report(report_study)
    try:
        assert path == report_study / "report.html"
        assert path.read_text() == page
    finally:
        path.unlink()


def test_a_missing_study_is_bad_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_report(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_is_one_line(report_study: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot write"):
        write_report(report_study, tmp_path)
    assert list(tmp_path.iterdir()) == []
