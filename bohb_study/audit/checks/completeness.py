"""Is every cell there, and has every method a result?"""

from collections.abc import Iterator

import numpy as np

from bohb_study.audit.evidence import Checked, Evidence, Finding, name

CHECK = "complete"


def check_complete(study: Evidence) -> Checked:
    """All cells that were asked for are done, and no method of a task has fewer seeds.

    Fewer seeds that were asked for so are known, and reported. A method on a task has a result
    where at least one of all its trainings did not diverge or fail.
    """
    checked = Checked(places=len(study.asked))
    there = set(study.cells) & set(study.records)
    checked.findings += [
        Finding(CHECK, name(key), "asked for, but not done")
        for key in study.asked
        if key not in there
    ]
    seeds: dict[tuple[str, str], int] = {}
    for task, method, _ in study.asked:
        seeds[task, method] = seeds.get((task, method), 0) + 1
    for (task, method), n in seeds.items():
        most = max(count for (other, _), count in seeds.items() if other == task)
        if n < most:
            what = f"{n} seed{'s' if n > 1 else ''}, where others have {most}"
            checked.findings.append(
                Finding(CHECK, f"{task}/{method}", what, known="no more were asked for")
            )
    checked.findings += _without_result(study)
    return checked


def _without_result(study: Evidence) -> Iterator[Finding]:
    """The methods of a task of whose trainings none ended with a result."""
    trial, code = study.column("trial"), study.code
    order = np.lexsort((trial, code))  # stable: the rows of a trial stay in order of arrival
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (np.diff(trial[order]) != 0) | (np.diff(code[order]) != 0)
    ends = order[last]
    ok = (study.column("status") == "ok")[ends]
    all_of = np.bincount(code[ends], minlength=len(study.cells))
    ok_of = np.bincount(code[ends], weights=ok, minlength=len(study.cells))
    for pair in study.pairs():
        mine = [i for i, key in enumerate(study.cells) if key[:2] == pair]
        if ok_of[mine].any():
            continue
        records = [study.records[key] for i in mine if (key := study.cells[i]) in study.records]
        reasons = [why for record in records for why in record.failures.values()]
        first = f"; the first: {reasons[0]}" if reasons else ""
        what = f"none of its {all_of[mine].sum()} trainings has a result{first}"
        yield Finding(CHECK, "/".join(pair), what)
