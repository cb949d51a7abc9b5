"""Was every bracket halved as its method declares?"""

from collections import Counter

from bohb_study.analysis.diagnostics.brackets import BracketCheck, check_rungs
from bohb_study.audit.evidence import Checked, Evidence, Finding, more

CHECK = "rungs"


def bracket_checks(study: Evidence, task: str, method: str) -> list[BracketCheck] | None:
    """Planned against executed rungs of a method on a task; None where it declares no plan."""
    plan = study.methods[method].plans.get(task)
    if plan is None:
        return None
    exhausted = [
        key
        for key, record in study.records.items()
        if record.ledger is not None and record.ledger.ended == "space"
    ]
    return check_rungs(study.rows(task, method), plan, study.workers, exhausted)


def check_brackets(study: Evidence) -> Checked:
    """Complete brackets equal the plan, cut-off ones never exceed it; the table counts both."""
    checked = Checked()
    without = []
    for task, method in study.pairs():
        brackets = bracket_checks(study, task, method)
        if brackets is None:
            without.append(method)
            continue
        checked.places += 1
        _tabulate(checked, task, method, brackets)
        wrong = [bracket for bracket in brackets if not bracket.passes]
        if wrong:
            first = wrong[0]
            what = f"seed {first.seed}, bracket {first.bracket}: {first}{more(len(wrong) - 1)}"
            known = study.methods[method].known_defect
            checked.findings.append(Finding(CHECK, f"{task}/{method}", what, known))
    if without:
        names = ", ".join(dict.fromkeys(without))
        checked.notes.append(f"not applicable: {names}: no plan is declared")
    return checked


def _tabulate(checked: Checked, task: str, method: str, brackets: list[BracketCheck]) -> None:
    """Promotions per complete bracket: how often which numbers of trials were judged."""
    executed: dict[tuple[tuple[int, int], ...], Counter[str]] = {}
    for bracket in brackets:
        counts = executed.setdefault(bracket.planned, Counter())
        if bracket.complete:
            counts["/".join(str(trials) for _, trials in bracket.executed)] += 1
    for planned, counts in executed.items():
        checked.table.append(
            {
                "task": task,
                "method": method,
                "levels": [level for level, _ in planned],
                "planned": "/".join(str(trials) for _, trials in planned),
                "complete": dict(counts),
            }
        )
