"""Ray's ASHA, which stops trials, against that of the paper, which promotes them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bohb_study.analysis import BOOTSTRAP_SEED, Estimate, estimate, main_rule
from bohb_study.analysis.comparisons.endpoint import holm, paired_p
from bohb_study.analysis.incumbents.at_moment import incumbent_at, paired_gain, values_of
from bohb_study.analysis.statistics.power import ALPHA
from bohb_study.arrays import Floats
from bohb_study.paper.claims import Claim, ClaimsReport, Verdict, together, written
from bohb_study.store import LoadedStudy
from bohb_study.summaries.table import Cell, Given, Table, bold, code, columns, rows

PROMOTION, STOPPING = "asha-promotion", "asha"
SHARES = (0.1, 0.3, 1.0)
"""Of the budget, at which the two are compared."""


def asha_report(study: LoadedStudy) -> ClaimsReport:
    """Both variants on every task of ``study``, seed by seed; one Holm family."""
    budget = study.study.config.budget
    moments = [share * budget for share in SHARES]
    read = {task: _read(study, task, moments, budget) for task in study.study.tasks}
    places = [(task, at) for task in read for at in moments]
    corrected = holm([_p(read[task], task, at) for task, at in places])
    adjusted = dict(zip(places, corrected, strict=True))
    found: list[Sequence[Given]] = []
    numbers: dict[str, dict[str, Any]] = {}
    verdicts: dict[str, Verdict] = {}
    early: list[str] = []
    for task, at in places:
        one = read[task]
        gain, wins = paired_gain(one, task, PROMOTION, STOPPING, at, BOOTSTRAP_SEED)
        both = [_over_seeds(one, task, method, at) for method in (STOPPING, PROMOTION)]
        differ = _differ(one, task, at)
        p = adjusted[task, at]
        text = f"{written(gain)}; p {p:.2g}"
        cell = bold(text) if p <= ALPHA else Cell(text)
        name = code(task) if at == moments[0] else Cell("")
        found.append((name, f"{at:g}", *(own.in_words() for own in both), cell, differ))
        numbers.setdefault(task, {})[f"{at:g}"] = {
            "stopping": both[0].centre, "promotion": both[1].centre,
            "gain": gain.centre, "low": gain.low, "high": gain.high, "wins": wins, "holm": p,
        }  # fmt: skip
        if at == moments[0]:
            side: Verdict = "yes" if wins > 0.5 else "no"
            verdicts[task] = side if p <= ALPHA else "not decided"
            early.append(f"{task}: {text}")
    claim = Claim(
        "ASHA that promotes is ahead early of one that stops",
        "Li et al. 2020, section 3.2",
        "the first trials at a rung go on whatever their loss, where trials are stopped",
        f"{PROMOTION} over {STOPPING} at {moments[0]:g}: {'; '.join(early)}",
        together(verdicts),
    )
    table = Table(
        "The two variants of ASHA after so many full evaluations",
        (
            *columns("task", "at"),
            *columns(STOPPING, PROMOTION, "gain of promotion", "seeds that differ", align="right"),
        ),
        rows(found),
    )
    notes = (
        f"{study.study.title}: {study.study.seeds} seeds, {budget:g} full evaluations a cell, one "
        "worker, the same draws for both",
        "regret, or loss where the optimum is not known, of the incumbent under the task's main "
        "rule: interquartile mean [95 %]; gains paired by seed; p of Wilcoxon's signed-rank test "
        f"after Holm's correction over the {len(places)} comparisons; bold: at most {ALPHA}",
    )
    return ClaimsReport("asha", (claim,), (table,), notes, {"gains": numbers})


def _read(study: LoadedStudy, task: str, moments: Sequence[float], budget: float) -> pd.DataFrame:
    facts = study.study.tasks[task]
    frame = study.frame[
        (study.frame["task"] == task) & study.frame["method"].isin([STOPPING, PROMOTION])
    ]
    rule = main_rule(frame)
    found = incumbent_at(frame, rule, {task: facts.top}, moments, budget)
    zero = facts.optimum if rule == "validated" and facts.optimum is not None else 0.0
    return found.assign(value=found["value"] - zero)


def _both(read: pd.DataFrame, task: str, at: float) -> list["pd.Series[float]"]:
    return [values_of(read, task, m, at).fillna(np.inf) for m in (PROMOTION, STOPPING)]


def _p(read: pd.DataFrame, task: str, at: float) -> float:
    return paired_p(*_both(read, task, at))


def _differ(read: pd.DataFrame, task: str, at: float) -> str:
    """How many seeds differ, and in how many of them promotion is lower."""
    mine, others = _both(read, task, at)
    return f"{int((mine != others).sum())}, lower in {int((mine < others).sum())}"


def _over_seeds(read: pd.DataFrame, task: str, method: str, at: float) -> Estimate:
    values: Floats = np.array(values_of(read, task, method, at), dtype=np.float64)
    return estimate(values, BOOTSTRAP_SEED)
