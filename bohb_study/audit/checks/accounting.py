"""Did every cell spend its budget and nothing else, by its account and by its rows?"""

from collections.abc import Iterator

import numpy as np

from bohb_study.arrays import Bools
from bohb_study.audit.evidence import Checked, Evidence, Finding, name
from bohb_study.budget import units_allowed
from bohb_study.schema import CellKey

CHECK = "ledger"


def check_ledger(study: Evidence) -> Checked:
    """The two equations of the stored account, and the same counted again from the rows."""
    checked = Checked(places=len(study.cells))
    units, total = study.column("units"), study.column("units_total")
    sums = np.cumsum(units)
    begin = study.starts[:-1]
    in_cell = sums - np.repeat(sums[begin] - units[begin], np.diff(study.starts))
    for i, key in enumerate(study.cells):
        spent = int(in_cell[study.starts[i + 1] - 1])
        for what in _violations(study, key, spent):
            checked.findings.append(Finding(CHECK, name(key), what))
    checked.findings += study.found(
        CHECK,
        total != in_cell,
        lambda i: f"units_total {total[i]}, but its units sum to {in_cell[i]}",
    )
    level, before = study.column("level"), study.before
    step = np.where(study.of_rows(lambda task: task.resumable), level - before, level)
    checked.findings += study.found(
        CHECK,
        units != step,
        lambda i: f"{units[i]} units for level {before[i]} to {level[i]}, which costs {step[i]}",
    )
    checked.findings += study.found(
        CHECK, _off_ladder(study), lambda i: f"level {level[i]} is not on the ladder"
    )
    return checked


def _violations(study: Evidence, key: CellKey, spent: int) -> Iterator[str]:
    """What is wrong with a cell's account."""
    record = study.records.get(key)
    account = record.ledger if record else None
    if account is None:
        yield "its account was not recorded"
        return
    yield from account.violations()
    factor = study.methods[key[1]].budget_factor
    allowed = units_allowed(study.budget * factor, study.tasks[key[0]].top)
    if account.allowed != allowed:
        yield f"allowed {account.allowed} units, but its budget is {allowed}"
    if account.charged != spent:
        yield f"charged {account.charged} units, but its rows sum to {spent}"


def _off_ladder(study: Evidence) -> Bools:
    off = np.zeros(len(study.code), dtype=bool)
    level = study.column("level")
    task_of = np.array([task for task, _, _ in study.cells])[study.code]
    for task, facts in study.tasks.items():
        mine = task_of == task
        on = level <= facts.top if facts.curve else np.isin(level, facts.costs)
        off |= mine & ~on
    return off
