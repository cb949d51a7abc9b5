"""What each component of BOHB contributes: BOHB against variants of itself, paired by seed."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from bohb_study.analysis import BOOTSTRAP_SEED, main_rule
from bohb_study.analysis.comparisons.endpoint import holm, paired_p
from bohb_study.analysis.incumbents.at_moment import incumbent_at, paired_gain, values_of
from bohb_study.analysis.statistics.power import ALPHA
from bohb_study.errors import StudyError
from bohb_study.numbers import NONE, number
from bohb_study.paper.claims import ClaimsReport, written
from bohb_study.store import LoadedStudy
from bohb_study.summaries.table import Cell, Table, bold, code, columns, row

CHANGED = {
    "hyperband": "no model",
    "bohb-stock": "neither fix (as Ray ships it)",
    "bohb-no-final-report-fix": "without the final-report fix",
    "bohb-no-halving-fix": "without the halving fix",
    "hpbandster-bohb": "HpBandSter's brackets",
    "bohb-random-0": "random fraction 0",
    "bohb-random-10": "random fraction 0.1",
    "bohb-random-67": "random fraction 2/3",
}
"""Method -> what it has instead of what ``bohb`` has."""


def ablations_report(base: LoadedStudy, *others: LoadedStudy) -> ClaimsReport:
    """``bohb`` of ``base`` over its variants there, and over ``bohb`` as it is in ``others``.

    Args:
        base: the study with the variants.
        others: the same tasks and seeds with another ladder or halving rate.
    """
    found, labels = _end(base), dict(CHANGED)
    for other in others:
        mine = _end(other)
        name = f"bohb, {_setting(other)}"
        labels[name] = _setting(other)
        found = pd.concat([found, mine[mine["method"] == "bohb"].assign(method=name)])
    tasks = list(base.study.tasks)
    rows, numbers = [], dict[str, dict[str, Any]]()
    methods = [m for m in labels if m in set(found["method"])]
    compared = [
        (method, task)
        for method in methods
        for task in tasks
        if ((found["task"] == task) & (found["method"] == method)).any()
    ]
    p = dict(zip(compared, holm([_p(found, *one) for one in compared]), strict=True))
    for method in methods:
        cells: list[Cell] = []
        for task in tasks:
            if (method, task) not in p:
                cells.append(Cell(NONE))
                continue
            gain, wins = paired_gain(found, task, "bohb", method, 1.0, BOOTSTRAP_SEED)
            numbers.setdefault(method, {})[task] = {
                "gain": gain.centre, "low": gain.low, "high": gain.high, "share": wins,
                "holm": p[method, task],
            }  # fmt: skip
            text = f"{written(gain)}, {wins:.0%}"
            cells.append(bold(text) if p[method, task] <= ALPHA else Cell(text))
        rows.append(row([labels[method], code(method), *cells]))
    scale = [number(_median(found, task, "bohb")) for task in tasks]
    rows.append(row(["(median regret of bohb itself)", code("bohb"), *scale]))
    table = Table(
        "Gain of bohb over variants with one component changed",
        (*columns("changed", "method"), *columns(*tasks, align="right")),
        tuple(rows),
    )
    return ClaimsReport(
        "ablations", (), (table,), tuple(_notes(base, others, len(compared))), {"gains": numbers}
    )


def _notes(base: LoadedStudy, others: Iterable[LoadedStudy], tests: int) -> Iterable[str]:
    study = base.study
    yield (
        f"{study.title}: {study.seeds} seeds, {study.config.budget:g} "
        "full evaluations a cell, one worker"
        + "".join(f"; {o.study.title}: {_setting(o)}" for o in others)
    )
    yield (
        "how much lower bohb's noise-free regret (or loss) is at the end, paired by seed: "
        "interquartile mean and 95 % bootstrap interval; then the share of seeds in which bohb is "
        "lower (ties count one half)"
    )
    yield (
        f"bold: p at most {ALPHA} by Wilcoxon's signed-rank test, after Holm's correction over the "
        f"{tests} comparisons of the table"
    )


def _p(found: pd.DataFrame, method: str, task: str) -> float:
    """Of ``bohb`` against a variant, an undefined incumbent being worse than any other."""
    mine, others = (values_of(found, task, name, 1.0) for name in ("bohb", method))
    return paired_p(mine, others)


def _setting(study: LoadedStudy) -> str:
    """What a study changes for all its methods."""
    config = study.study.config
    options = {text.rpartition(".")[2] for text in config.task_options}
    parts = [f"eta {config.eta}"] if config.eta else []
    parts += [f"lowest rung {text.partition('=')[2]}" for text in sorted(options) if "rung" in text]
    if not parts:
        raise StudyError(f"{study.path}: changes neither eta nor the lowest rung")
    return ", ".join(parts)


def _end(study: LoadedStudy) -> pd.DataFrame:
    """Value of each cell's incumbent at the end, as regret where the optimum is known; at = 1."""
    parts = []
    budget = study.study.config.budget
    for name, task in study.study.tasks.items():
        frame = study.frame[study.frame["task"] == name]
        found = incumbent_at(frame, main_rule(frame), {name: task.top}, [budget], budget)
        optimum = 0.0 if task.optimum is None else task.optimum
        parts.append(found.assign(value=found["value"] - optimum, at=1.0))
    return pd.concat(parts, ignore_index=True)


def _median(found: pd.DataFrame, task: str, method: str) -> float:
    mine = found[(found["task"] == task) & (found["method"] == method)]
    return float(mine["value"].fillna(np.inf).median())
