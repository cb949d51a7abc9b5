"""Is every loss a number?"""

import numpy as np

from bohb_study.analysis.checks.base import Checked, Evidence, Finding

CHECK = "finite"


def check_finite(study: Evidence) -> Checked:
    """No NaN and no infinity: NaN survives halving, promoted over finite, better trials."""
    checked = Checked(places=len(study.cells))
    for which in ("val_loss", "test_loss"):
        checked.findings += _not_finite(study, which)
    return checked


def _not_finite(study: Evidence, which: str) -> list[Finding]:
    values = study.column(which)
    return study.found(CHECK, ~np.isfinite(values), lambda i: f"{which} is {values[i]}")
