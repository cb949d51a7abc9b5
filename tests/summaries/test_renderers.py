"""One table on the terminal, in markdown, in LaTeX and in HTML."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bohb_study.summaries.html import to_html
from bohb_study.summaries.latex import to_latex
from bohb_study.summaries.markdown import from_markdown, to_markdown
from bohb_study.summaries.table import Cell, Column, Table, bold, code, columns, row, rows

TABLE = Table(
    "Losses & more",
    (Column("task"), Column("loss", "right", "nats")),
    rows([(code("a_b"), bold("0.1 [0.0, 0.2]")), ("c|d", "-")]),
    ("95 % of <10.", "Another."),
)


def printed(table: Table, width: int = 80) -> str:
    text = io.StringIO()
    Console(file=text, width=width, markup=False).print(table)
    return text.getvalue()


def test_markdown() -> None:
    assert to_markdown(TABLE).splitlines() == [
        "**Losses & more**",
        "",
        "| task | loss [nats] |",
        "| --- | ---: |",
        "| `a_b` | **0.1 [0.0, 0.2]** |",
        r"| c\|d | - |",
        "",
        "95 % of <10.",
        "",
        "Another.",
    ]


def test_latex() -> None:
    latex = to_latex(TABLE, "tab:losses")
    for part in (
        r"\caption{Losses \& more}",
        r"\label{tab:losses}",
        r"\begin{tabular}{lr}",
        "\\toprule\ntask & loss [nats] \\\\\n\\midrule\n",
        r"\texttt{a\_b} & \textbf{0.1 [0.0, 0.2]} \\",
        r"c\textbar{}d & - \\" + "\n\\bottomrule",
        r"95 \% of \textless{}10.\par",
    ):
        assert part in latex
    assert latex.startswith("% \\usepackage{booktabs}\n\\begin{table}[t]\n")
    assert latex.endswith("\\end{table}\n")


def test_html_escapes_and_marks() -> None:
    html = to_html(
        Table("A & b", TABLE.columns, rows([(Cell("fails", "bad"), bold("<0.1")), ("x", "1")]))
    )
    for part in (
        '<caption class="unseen">A &amp; b</caption>',
        '<th scope="col" class="number">loss [nats]</th>',
        '<th scope="row"><span class="badge bad">fails</span></th>',
        '<td class="number"><b>&lt;0.1</b></td>',
    ):
        assert part in html


def test_the_terminal_shows_what_looks_like_markup_and_the_notes_below() -> None:
    table = Table("[red]", columns("a"), rows([["[bold]x[/]"]]), ("[note]",))
    lines = [line.strip() for line in printed(table).splitlines()]
    assert lines[0] == "[red]"
    assert "[bold]x[/]" in lines
    assert lines[-1] == "[note]"


def test_the_terminal_aligns_numbers_to_the_right_and_frames_on_request() -> None:
    lines = printed(Table("", TABLE.columns, rows([("x", "7")]))).splitlines()
    assert any(line.rstrip().endswith("          7") for line in lines)
    framed = Table("", columns("a", "b"), rows([("x\ny", "7")]), framed=True)
    assert "│ x │ 7 │" in printed(framed)
    assert "│" not in printed(TABLE)


def test_numbers_in_latex_have_a_minus_and_a_power() -> None:
    cells = row(("digits-44136fa3", "-0.17 [-1e-05, 2.5e+08]", "1.9e-06", "hpobench-mlp", "-"))
    latex = to_latex(Table("", columns(*"abcde"), (cells,)), "")
    assert (
        r"digits-44136fa3 & $-$0.17 [$-$1$\times 10^{-5}$, 2.5$\times 10^{8}$] "
        r"& 1.9$\times 10^{-6}$ & hpobench-mlp & - \\"
    ) in latex


@pytest.mark.parametrize("grouped", [True, False])
def test_a_long_table_breaks_pages_under_its_heading(grouped: bool) -> None:
    found = [("task a" if i == 0 or not grouped else "", "m_1", f"{i}.5") for i in range(30)]
    found += [("task b" if i == 0 or not grouped else "", "m_2", f"{i}.5") for i in range(30)]
    headings = (*columns("task", "method"), *columns("loss", align="right"))
    table = Table("Losses", headings, rows(found), ("100 %.",))
    lines = to_latex(table, "tab:losses").splitlines()
    head = ["method & loss" if grouped else "task & method & loss"]
    assert lines.count(rf"{head[0]} \\") == 2  # on the first page, and on all others
    assert lines.index(r"\endfirsthead") < lines.index(r"\endhead") < lines.index(r"\endlastfoot")
    assert lines[:2] == [r"% \usepackage{booktabs, longtable}", r"\begingroup"]
    assert lines[-2:] == [r"100 \%.\par", r"\endgroup"]
    assert (r"\begin{longtable}{lr}" if grouped else r"\begin{longtable}{llr}") in lines
    body = lines[lines.index(r"\endlastfoot") + 1 : lines.index(r"\end{longtable}")]
    if grouped:
        assert len(body) == 60 + 2 + 1
        assert body[0] == r"\multicolumn{2}{l}{\textit{task a}} \\*"
        assert body[31:33] == [r"\addlinespace", r"\multicolumn{2}{l}{\textit{task b}} \\*"]
        assert body[1] == r"m\_1 & 0.5 \\"
    else:
        assert body[0] == r"task a & m\_1 & 0.5 \\"
        assert len(body) == 60


def test_a_row_has_a_cell_for_each_heading() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 headings: x"):
        Table("", columns("a", "b"), rows([["x"]]))


def test_rows_of_one_first_cell_become_a_table_of_their_own() -> None:
    table = Table("", columns("task", "method"), rows([("a", "m"), ("a", "n"), ("b", "m")]), ("x",))
    (first, one), (second, other) = table.by_first_column()
    assert (first.text, one.texts(), one.headings) == ("a", [("m",), ("n",)], ("method",))
    assert (second.text, other.texts()) == ("b", [("m",)])


WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters=" |%<-"))
TEXT = WORDS.map(str.strip).filter(lambda text: "\\" not in text)
CELLS = st.builds(Cell, TEXT.filter(bool), st.sampled_from(["plain", "bold", "code"]))


@given(
    cells=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=4),
    notes=st.lists(st.from_regex(r"[A-Z][a-z ]*[a-z]\.", fullmatch=True), max_size=3),
)
def test_what_is_written_in_markdown_can_be_read(
    cells: list[tuple[Cell, Cell]], notes: list[str]
) -> None:
    headings = (Column("a|b"), Column("loss", "right"))
    table = Table("Title", headings, tuple(cells), tuple(notes))
    assert from_markdown(to_markdown(table)) == table


def test_notes_may_be_a_list_and_a_text_without_a_table_is_refused() -> None:
    found = from_markdown("a\n\n| h |\n| --- |\n| x |\n\n* one\n* two\n")
    assert (found.title, found.texts(), found.notes) == ("a", [("x",)], ("one", "two"))
    with pytest.raises(ValueError, match="no table"):
        from_markdown("words")
