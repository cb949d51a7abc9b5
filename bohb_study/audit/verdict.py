"""Proof that each run did what its paper says: twelve checks of a whole study.

They read what is stored and nothing else, so a packed study can be audited years later, without
its task, its data or Ray.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bohb_study.audit.checks.accounting import check_ledger
from bohb_study.audit.checks.completeness import check_complete
from bohb_study.audit.checks.equal_spend import check_spend
from bohb_study.audit.checks.finite_losses import check_finite
from bohb_study.audit.checks.incumbent_rules import check_incumbents
from bohb_study.audit.checks.model_use import check_model
from bohb_study.audit.checks.planned_rungs import check_brackets
from bohb_study.audit.checks.promoted_trials import check_promotions
from bohb_study.audit.checks.report_order import check_order
from bohb_study.audit.checks.same_problem import check_same_problem
from bohb_study.audit.checks.told_losses import check_told
from bohb_study.audit.checks.value_ranges import check_range
from bohb_study.audit.evidence import Checked, Evidence, Finding

CHECKS: dict[str, Callable[[Evidence], Checked]] = {
    "ledger": check_ledger,
    "same-problem": check_same_problem,
    "spend": check_spend,
    "told": check_told,
    "rungs": check_brackets,
    "promotions": check_promotions,
    "range": check_range,
    "model": check_model,
    "finite": check_finite,
    "incumbents": check_incumbents,
    "complete": check_complete,
    "order": check_order,
}
"""In the order in which they are reported."""

SHOWN = 20
"""At most so many findings are printed; audit.json has all."""


@dataclass(frozen=True)
class Audit:
    """The results of all checks of a study."""

    cells: int
    rows: int
    checks: Mapping[str, Checked]

    @property
    def passes(self) -> bool:
        """Whether nothing was found but what is known."""
        return all(checked.state != "violated" for checked in self.checks.values())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All violations, those that nothing explains first."""
        found = [finding for checked in self.checks.values() for finding in checked.findings]
        return tuple(sorted(found, key=lambda finding: finding.known is not None))

    @property
    def verdict(self) -> str:
        """The verdict in one line."""
        states = {name: checked.state for name, checked in self.checks.items()}
        bad = [name for name, state in states.items() if state == "violated"]
        idle = [name for name, state in states.items() if state == "not applicable"]
        cells = f"{self.cells} cell{'' if self.cells == 1 else 's'}"
        count = f"{len(states) - len(idle)} checks, {cells}"
        without = f"; not applicable: {', '.join(idle)}" if idle else ""
        if bad:
            return f"audit: fails: {', '.join(bad)} ({count}{without})"
        return f"audit: passes ({count}{without})"

    def lines(self) -> list[str]:
        """The verdict, and the violations, a line each."""
        found = self.findings
        more = len(found) - SHOWN
        return [
            self.verdict,
            *map(str, found[:SHOWN]),
            *([f"and {more} more in audit.json"] if more > 0 else []),
        ]

    def to_json(self) -> dict[str, Any]:
        """JSON values, as audit.json stores them."""
        return {
            "holds": self.passes,
            "cells": self.cells,
            "rows": self.rows,
            "checks": {name: _to_json(checked) for name, checked in self.checks.items()},
        }


def audit(study: Evidence) -> Audit:
    """All checks of a study."""
    return Audit(
        len(study.cells), len(study.frame), {name: check(study) for name, check in CHECKS.items()}
    )


def _to_json(checked: Checked) -> dict[str, Any]:
    return {
        "state": checked.state,
        "places": checked.places,
        "findings": [
            {"where": finding.where, "what": finding.what, "known": finding.known}
            for finding in checked.findings
        ],
        "notes": checked.notes,
        "table": checked.table,
    }
