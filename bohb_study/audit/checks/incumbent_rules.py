"""Were incumbents chosen without the test part?"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bohb_study.analysis.frame_cells import narrow
from bohb_study.analysis.incumbents.rules import RULES, chosen
from bohb_study.audit.evidence import Checked, Evidence, Finding, name

CHECK = "incumbents"


def check_incumbents(study: Evidence) -> Checked:
    """Under each rule the same reports are chosen where test losses are gone, or reversed.

    The two together: a rule that prefers either end of the test losses chooses otherwise.
    """
    checked = Checked(places=len(study.cells))
    frame = narrow(study.frame)
    for i, key in enumerate(study.cells):
        rows = frame.iloc[study.starts[i] : study.starts[i + 1]]
        top = study.tasks[key[0]].top
        if int(rows["level"].max()) > top:
            continue  # no rule can be applied; the ledger says what is wrong
        for what in _peeks(rows, top):
            checked.findings.append(Finding(CHECK, name(key), what))
    return checked


def _peeks(rows: pd.DataFrame, top: int) -> Iterator[str]:
    blind = rows.assign(test_loss=np.nan)
    turned = rows.assign(test_loss=-rows["test_loss"].to_numpy())
    for rule in RULES:
        expected = chosen(rows, rule, top)
        for other, how in ((blind, "without"), (turned, "with reversed")):
            differ = np.flatnonzero(chosen(other, rule, top) != expected)
            if len(differ):
                yield f"rule {rule} chooses otherwise {how} test losses, from row {differ[0]} on"
                break
