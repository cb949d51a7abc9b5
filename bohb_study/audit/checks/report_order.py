"""Do the rows of a cell make one story, from the first report to the last?"""

import numpy as np

from bohb_study.audit.evidence import Checked, Evidence

CHECK = "order"


def check_order(study: Evidence) -> Checked:
    """Reports are numbered, trials only rise, the last row ends the cell, and axes fit units."""
    checked = Checked(places=len(study.cells))
    lengths = np.diff(study.starts)
    place = np.arange(len(study.code)) - np.repeat(study.starts[:-1], lengths)
    seq = study.column("seq")
    checked.findings += study.found(
        CHECK, seq != place, lambda i: f"seq {seq[i]} where {place[i]} was due"
    )
    level, before = study.column("level"), study.before
    checked.findings += study.found(
        CHECK, level <= before, lambda i: f"a trial went from level {before[i]} to {level[i]}"
    )
    decision = study.column("decision")
    last = np.zeros(len(study.code), dtype=bool)
    last[study.starts[1:] - 1] = True
    checked.findings += study.found(
        CHECK, last & (decision != "end"), lambda i: f"the last decision is {decision[i]}, not end"
    )
    full, total = study.column("full_evals"), study.column("units_total")
    due = total / study.of_rows(lambda task: task.top)
    checked.findings += study.found(
        CHECK, full != due, lambda i: f"full_evals {full[i]:g} at {total[i]} units, not {due[i]:g}"
    )
    return checked
