"""Did the model suggest when it could, and never before?"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from bohb_study.analysis.diagnostics.brackets import is_observation, model_share
from bohb_study.audit.evidence import Checked, Evidence, Finding
from bohb_study.tasks.fingerprints import varying

CHECK = "model"
ENOUGH = 30
"""Suggestions after which a model that made none does not exist: at HpBandSter's third of random
suggestions, one that does exist makes none of 30 with probability 5e-15."""


def check_model(study: Evidence) -> Checked:
    """None of a model's suggestions before it can exist, and some of them once it can.

    HpBandSter catches whatever its model raises and draws at random instead, in silence.
    """
    checked = Checked()
    without = []
    for task, method in study.pairs():
        facts = study.methods[method]
        needed = observations_needed(study, task, method)
        if needed is None:
            without.append(method)
            continue
        rows, top = study.rows(task, method), study.tasks[task].top
        checked.table += _per_fidelity(task, method, rows, top)
        known = _degenerate(study.tasks[task].space) or facts.known_defect
        for share in model_share(rows, needed, top):
            checked.places += 1
            where = f"{task}/{method}/{share.seed}"
            if share.too_early:
                what = (
                    f"{share.too_early} suggestions by the model before {needed} observations at "
                    "one fidelity, so before there can be one"
                )
                checked.findings.append(Finding(CHECK, where, what))
            if share.suggestions >= ENOUGH and not share.model_based:
                what = f"none of {share.suggestions} suggestions by the model once it could exist"
                checked.findings.append(Finding(CHECK, where, what, known))
    if without:
        names = ", ".join(dict.fromkeys(without))
        checked.notes.append(f"not applicable: {names}: no model")
    return checked


def observations_needed(study: Evidence, task: str, method: str) -> int | None:
    """Observations at one fidelity without which a method has no model; None: it never has one."""
    after = study.methods[method].model_after
    return None if after is None else after(_dimensions(study, task))


def _dimensions(study: Evidence, task: str) -> int:
    """Hyperparameters of a task that vary; where that was not recorded, all of them."""
    if space := study.tasks[task].space:
        return varying(space)
    return next(
        len(record.hyperparameters) for key, record in study.records.items() if key[0] == task
    )


def _degenerate(space: Mapping[str, Mapping[str, Any]] | None) -> str | None:
    """Why no density can be fitted in this space; None where one can, or nobody knows."""
    searched = [one for one in (space or {}).values() if len(one.get("choices", "..")) > 1]
    if len(searched) == 1 and searched[0]["kind"] == "categorical":
        return "the space is one categorical, in which the density model is degenerate"
    return None


def _per_fidelity(task: str, method: str, rows: pd.DataFrame, top: int) -> list[dict[str, Any]]:
    """Trials that were observed at each level, and how many of them the model suggested."""
    seen = rows[is_observation(rows, top)].drop_duplicates(["seed", "trial", "level"])
    suggested = seen["model_based"].fillna(False).astype(bool)
    levels = suggested.groupby(seen["level"])
    trials, by_model = levels.size(), levels.sum()
    return [
        {
            "task": task,
            "method": method,
            "level": level,
            "trials": int(trials[level]),
            "model_based": int(by_model[level]),
        }
        for level in trials.index.tolist()
    ]
