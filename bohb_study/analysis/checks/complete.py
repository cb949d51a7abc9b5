"""Is every cell there?"""

from bohb_study.analysis.checks.base import Checked, Evidence, Finding, name

CHECK = "complete"


def check_complete(study: Evidence) -> Checked:
    """All cells that were asked for are done, and no method of a task has fewer seeds.

    Fewer seeds that were asked for so are known, and reported.
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
    return checked
