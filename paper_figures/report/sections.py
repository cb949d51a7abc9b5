"""The parts of the page that say what a study is, what it found, and whether its audit passes."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import Any

from bohb_study.audit.verdict import CHECKS
from bohb_study.numbers import number
from bohb_study.store import LoadedStudy
from bohb_study.summaries.html import cell_html, to_html
from bohb_study.summaries.table import Cell, Column, Emphasis, Table, code, columns, row
from paper_figures.draw import figures_of
from paper_figures.figure_study import FigureStudy
from paper_figures.report.markup import items, text
from paper_figures.toolkit import style
from paper_figures.toolkit.save import render

COMMIT_LETTERS = 10
"""Of a commit's name that are shown; the whole stands in the captions."""


def headline(loaded: LoadedStudy, study: FigureStudy, audit: Mapping[str, Any] | None) -> str:
    """Verdict, and the facts that say what was run."""
    seeds = sorted({len(own) for own in _seeds(study).values()})
    commits = [
        f'<code title="{escape(commit)}">{escape(_short_commit(commit))}</code>'
        for commit in study.provenance.commit.split()
    ]
    engines = {record.engine for record in loaded.cells.values()}
    facts = {
        "budget": f"{study.tasks[0].budget:g} full evaluations",
        "seeds": " or ".join(map(str, seeds)),
        "methods": str(len(study.methods)),
        "tasks": str(len(study.tasks)),
        "workers": str(study.workers),
        **({"engine": text(" and ".join(sorted(engines)))} if engines else {}),
        "cells": f"{len(loaded.cells):,}",
        "reports": f"{_reports(study, audit):,}",
        "commit": " ".join(commits),
    }
    shown = "".join(f"<div><dt>{name}</dt><dd>{fact}</dd></div>\n" for name, fact in facts.items())
    return f'{_verdict(audit)}<dl class="facts">\n{shown}</dl>\n' + items(
        [f"not there: {text(problem)}" for problem in study.problems], "warnings"
    )


def sentence(study: FigureStudy) -> str:
    """What was compared on what."""
    labels = [style.line(method).label for method in style.in_order(set(study.methods))]
    tasks = [task.name for task in study.tasks]
    return text(f"{_listed(labels)} on {_listed([f'`{task}`' for task in tasks])}.")


def tasks_table(loaded: LoadedStudy, study: FigureStudy) -> str:
    """What each task of the study is."""
    rows = []
    for task in study.tasks:
        optimum = "unknown" if task.optimum is None else number(task.optimum, zeros=False)
        plural = "" if task.top == 1 else "s"
        what = loaded.study.tasks[task.name].summary
        metrics = dict.fromkeys([str(task.score), str(task.test_score)])
        full = f"{task.top:,} {task.unit}{plural}"
        rows.append(row([code(task.name), what, full, " and ".join(metrics), optimum]))
    headings = columns("task", "description", "one full evaluation", "losses: validation and test")
    return to_html(Table("The tasks", (*headings, Column("optimum", "right")), tuple(rows)))


def summary_section(found: Table) -> str:
    """The table at the end of the study, and what its numbers are; of many tasks one table each."""
    notes = items(map(text, found.notes))
    if found.headings[0] != "task":
        return to_html(replace(found, title="Summary")) + notes
    folds = [
        f"<details{'' if number else ' open'}><summary>{cell_html(task)}</summary>\n"
        + to_html(replace(own, title=f"Summary of {task.text}"))
        + "</details>\n"
        for number, (task, own) in enumerate(found.by_first_column())
    ]
    return "".join(folds) + notes


def utilisation_section(found: Table | None) -> str:
    """How the actors that trained spent their time; nothing where there were none."""
    if found is None:
        return ""
    return "<h3>Actors</h3>\n" + to_html(found) + items(map(text, found.notes))


def audit_section(audit: Mapping[str, Any] | None) -> str:
    """Every check with its result, then the findings."""
    if audit is None:
        return "<p>No audit is stored with this study.</p>\n"
    rows, found = [], []
    for name, check in audit["checks"].items():
        word, kind = _STATES[str(check["state"])]
        meaning = (CHECKS[name].__doc__ or "").splitlines()[0] if name in CHECKS else ""
        rows.append(row([name, Cell(word, kind), meaning, check["places"]]))
        for finding in check["findings"]:
            known = f" (known: {finding['known']})" if finding["known"] else ""
            found.append(text(f"{name}: {finding['where']}: {finding['what']}{known}"))
        found += [text(f"{name}: {note}") for note in check["notes"]]
    headings = (*columns("check", "result", "requirement"), Column("applied to", "right"))
    shown = to_html(Table("The checks of the audit", headings, tuple(rows)))
    if found:
        shown += (
            f"<details{'' if audit['holds'] else ' open'}><summary>Findings and notes "
            f"({len(found)})</summary>\n{items(found)}</details>\n"
        )
    return shown


def figures_section(study: FigureStudy) -> str:
    """The study's figures.

    Each is an image of its own, not part of the page: names inside the SVGs cannot clash.
    """
    shown = []
    for name, figure, caption in figures_of(study):
        svg = render(figure, name, caption, study.provenance, ["svg"])["svg"]
        shown.append(
            f'<figure id="figure-{escape(name)}">\n'
            f'<div class="scroll paper" role="region" tabindex="0" aria-label="Figure '
            f'{escape(name)}">\n<img alt="Figure {escape(name)}; its caption says what it shows." '
            f'src="data:image/svg+xml;base64,{b64encode(svg).decode()}">\n</div>\n'
            f"<figcaption><b>{escape(name)}.</b> {text(caption)}</figcaption>\n</figure>\n"
        )
    return "".join(shown)


_STATES: dict[str, tuple[str, Emphasis]] = {
    "holds": ("passes", "good"),
    "violated": ("fails", "bad"),
    "known": ("known departure", "fair"),
    "not applicable": ("not applicable", "idle"),
}
"""State of a check as it is stored -> in words, and its colour."""


def _verdict(audit: Mapping[str, Any] | None) -> str:
    if audit is None:
        return '<p><a class="badge idle" href="#audit">no audit is stored</a></p>\n'
    states = [check["state"] for check in audit["checks"].values()]
    applied = len(states) - states.count("not applicable")
    kind, word = ("good", "passes") if audit["holds"] else ("bad", "fails")
    known = f", {states.count('known')} with known departures" if "known" in states else ""
    return (
        f'<p><a class="badge {kind}" href="#audit">audit {word}</a> '
        f"{applied} checks of {audit['cells']:,} cells{known}</p>\n"
    )


def _reports(study: FigureStudy, audit: Mapping[str, Any] | None) -> int:
    """All that the study had; a packed one may hold fewer."""
    return int(audit["rows"]) if audit else len(study.frame)


def _seeds(study: FigureStudy) -> dict[Any, set[int]]:
    cells = study.frame.groupby(["task", "method"])["seed"]
    return {key: set(seeds) for key, seeds in cells}


def _short_commit(commit: str) -> str:
    name, dash, dirty = commit.partition("-")
    return name[:COMMIT_LETTERS] + dash + dirty


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
