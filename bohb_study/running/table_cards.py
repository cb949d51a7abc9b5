"""The card of a table of curves: how it was made, in JSON beside it, and what it shows."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bohb_study.analysis.diagnostics.rung_correlation import spearman
from bohb_study.arrays import Floats
from bohb_study.checkout import git_state
from bohb_study.errors import UsageError
from bohb_study.files import read_file
from bohb_study.identity import versions
from bohb_study.running.partial_tables import Place
from bohb_study.running.provenance import machine
from bohb_study.tasks import Report
from bohb_study.tasks.tabular.curve_table import STATUSES, CurveTable
from bohb_study.tasks.tabular.surrogate_forest import cross_validated
from bohb_study.tasks.tabular.table_files import read_card, vouched_table

_NAMED = 5
"""Reasons of failed evaluations that a card names."""


@dataclass(frozen=True)
class Made:
    """A table that is there, and its card."""

    path: Path
    table: CurveTable
    card: Mapping[str, Any]


def card_of(
    head: Mapping[str, Any],
    table: CurveTable,
    reports: Mapping[Place, tuple[Report, ...]],
    licence: str,
) -> dict[str, Any]:
    """What the card says, as JSON values.

    Args:
        head: what was asked for: task and options, design, seeds, data, code, numerics.
        table: what came of it.
        reports: all evaluations, for why some failed.
        licence: under which the table may be passed on.
    """
    curves = table.curves
    why = Counter(one.message for own in reports.values() for one in own[:1] if one.message)
    statuses = np.bincount(curves.status.ravel(), minlength=len(STATUSES))
    costs = [str(cost) for cost in table.about.costs]
    return {
        "what": f"table of curves: {table.about.summary}",
        **head,
        "rows": int(curves.status.size),
        "statuses": dict(zip(STATUSES, statuses.tolist(), strict=True)),
        "failures": dict(why.most_common(_NAMED)),
        "seconds": float(curves.seconds.sum()),
        "rank_correlation": dict(zip(costs, map(rounded, with_top(table)), strict=True)),
        "noise": rounded(between_seeds(table)),
        "surrogate": dict(zip(costs, map(rounded, cross_validated(table)), strict=True)),
        "licence": licence,
        "versions": versions(),
        "git": git_state(),
        "machine": machine(),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "sha256": table.sha256,
    }


def with_top(table: CurveTable) -> Floats:
    """Spearman's correlation of each rung with the top, the mean over seeds; shape (rungs,).

    What has no loss ranks behind all that has one. NaN where all losses of a rung are equal.
    """
    losses = _ranked(table)
    return np.asarray(spearman(losses, losses[:, :, -1:], axis=0).mean(axis=0))


def between_seeds(table: CurveTable) -> float:
    """Spearman's correlation of the top under one seed with the top under the next; NaN with one.

    The mean over pairs of neighbouring seeds: how much of the ranking noise leaves.
    """
    tops = _ranked(table)[:, :, -1]
    if tops.shape[1] < 2:
        return float("nan")
    return float(spearman(tops[:, :-1], tops[:, 1:], axis=0).mean())


def _ranked(table: CurveTable) -> Floats:
    losses = table.curves.val_loss
    return np.where(np.isnan(losses), np.inf, losses)


def rounded(value: float) -> float | None:
    """A correlation as a card has it; None where there is none."""
    return round(float(value), 4) if np.isfinite(value) else None


def same_table(path: Path, head: Mapping[str, Any]) -> bool:
    """Whether the table that ``head`` says is at ``path`` already; False where none is.

    Raises:
        UsageError: another table is there, or a damaged one.
    """
    card_path = path.with_suffix(".json")
    if not path.exists() and not card_path.exists():
        return False
    card = read_card(path, str(path))
    here = json.loads(json.dumps(head))
    if other := [key for key in here if card.get(key) != here[key]]:
        raise UsageError(
            f"{path.parent}: holds another table {path.name} (its {other[0]} differs); name "
            "another folder, or remove it",
            "out",
        )
    vouched_table(path, str(path))
    return True


def shown_facts(path: Path) -> Made:
    """A table that is there, with its card."""
    given = str(path)
    return Made(path, vouched_table(path, given), read_card(path, given))


def size_mb(path: Path) -> float:
    """Megabytes of a table."""
    return len(read_file(path)) / 1e6
