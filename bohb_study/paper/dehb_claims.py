"""DEHB's published figures beside the methods here: the same protocol, evaluations counted.

Its tables give the incumbent's observed value after so many evaluations of any fidelity, the
incumbent being the lowest loss so far (rule ``any``), the mean over 5 seeds.
"""

from math import isnan

import numpy as np

from bohb_study.analysis.incumbents.at_moment import incumbent_at, values_of
from bohb_study.numbers import number, with_error
from bohb_study.paper.claims import Claim, ClaimsReport
from bohb_study.store import LoadedStudy
from bohb_study.summaries.table import Table, code, columns, row

SOURCE = "DEHB v0.1.2, its published tables (Awad et al. 2021)"
AT = (60, 120, 180, 240, 300)
PUBLISHED = {
    "counting-ones-100": (-0.5756, -0.5850, -0.5981, -0.6158, -0.6165),
    "mfh3": (-2.861, -3.506, -3.722, -3.741, -3.741),
    "mfh6": (-1.494, -1.869, -2.175, -2.314, -2.314),
}
"""Task -> value after 60, 120, ... evaluations; of counting ones divided by 100."""
SCALE = {"counting-ones-100": 100.0}


def dehb_report(*studies: LoadedStudy) -> ClaimsReport:
    """DEHB's published values and those found here after equally many evaluations."""
    rows, numbers, claims = [], dict[str, dict[str, list[list[float]]]](), list[Claim]()
    for task, published in PUBLISHED.items():
        mine: dict[str, list[list[float]]] = {}
        printed = [number(value) for value in published]
        rows.append(row([code(task), "DEHB, published", *printed]))
        for study in studies:
            tops = study.study.tops
            budget = study.study.config.budget
            frame = study.frame[study.frame["task"] == task]
            found = incumbent_at(frame, "any", tops, AT, budget, "reports")
            for method in study.study.methods:
                values = [
                    np.asarray(values_of(found, task, method, at), dtype=np.float64)
                    / SCALE.get(task, 1.0)
                    for at in AT
                ]
                mine[method] = [
                    [float(v.mean()), float(v.std(ddof=1) / np.sqrt(len(v)))] for v in values
                ]
                cells = (with_error(mean, 2 * error) for mean, error in mine[method])
                rows.append(row([code(task), code(method), *cells]))
        numbers[task] = mine
        claims.append(_claim(task, published[-1], mine))
    methods = {method for mine in numbers.values() for method in mine}
    notes = (
        *(
            f"{s.study.title}: {s.study.seeds} seeds, budget "
            f"{s.study.config.budget:g} full evaluations, one worker"
            for s in studies
        ),
        "after 60 to 300 evaluations of any fidelity; random and TPE, which evaluate at full "
        "fidelity only, have spent far more; the incumbent is the lowest observed loss at any "
        "fidelity, so it may be noise",
        "here: mean over the seeds +- 2 standard errors; the published means are of 5 seeds, and "
        "their uncertainty is not known",
        "the tasks differ in one respect: the published ladder of MFHartmann has other fidelities "
        "(here 1, 4, 11, 33, 100)",
        f"{len(methods)} methods; DEHB itself is not run here",
    )
    table = Table(
        "Observed value of the incumbent after so many evaluations of any fidelity",
        (*columns("task", "method"), *columns(*map(str, AT), align="right")),
        tuple(rows),
    )
    return ClaimsReport("dehb", tuple(claims), (table,), notes, {"at": list(AT), "values": numbers})


def _claim(task: str, published: float, mine: dict[str, list[list[float]]]) -> Claim:
    last = {method: values[-1] for method, values in mine.items()}
    behind = [m for m, (mean, error) in last.items() if published < mean - 2 * error]
    ahead = [m for m, (mean, error) in last.items() if published > mean + 2 * error]
    unknown = [m for m, (mean, _) in last.items() if isnan(mean)]
    level = [m for m in last if m not in {*behind, *ahead, *unknown}]
    named = {
        "DEHB lower than": behind,
        "higher than": ahead,
        "within 2 standard errors of": level,
        "no value in some seed of": unknown,
    }
    ours = "; ".join(f"{words} {', '.join(names)}" for words, names in named.items() if names)
    return Claim(
        f"{task}: DEHB's value after 300 evaluations",
        SOURCE,
        number(published),
        ours,
        "comparison only",
    )
