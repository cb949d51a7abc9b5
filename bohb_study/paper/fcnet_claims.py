"""FCNet: random search and TPE after 80 evaluations, against published and exact values."""

from collections.abc import Iterator, Sequence
from math import isnan

import numpy as np
import numpy.typing as npt

from bohb_study.analysis.incumbents.at_moment import incumbent_at, values_of
from bohb_study.numbers import fixed, number, with_error
from bohb_study.paper.claims import Claim, ClaimsReport
from bohb_study.store import LoadedStudy
from bohb_study.summaries.table import Given, Table, code, columns, rows

EXACT = {
    "fcnet-parkinsons": (80, 0.015581),
    "fcnet-protein": (80, 0.254873),
    "fcnet-naval": (100, 1.464e-4),
    "fcnet-slice": (100, 4.617e-4),
}
"""Task -> evaluations, expected best of so many random draws (exact, from the tables)."""
PUBLISHED = {
    ("fcnet-parkinsons", "random"): (0.015558, 0.015099),
    ("fcnet-protein", "random"): (0.255230, 0.251476),
    ("fcnet-parkinsons", "tpe-univariate"): (0.009882, 0.010139),
    ("fcnet-protein", "tpe-univariate"): (0.236102, 0.233030),
}
"""(Task, method) -> what two publications found after 80 evaluations, or thereabouts."""
LIMIT = 3.0
"""Standard errors beyond which a value is not the same."""


def fcnet_report(study: LoadedStudy) -> ClaimsReport:
    """Random and TPE on the four tables."""
    tops = study.study.tops
    readings = incumbent_at(study.frame, "full", tops, (80, 100), study.study.config.budget)
    values = {
        (task, method, at): np.asarray(values_of(readings, task, method, at), dtype=np.float64)
        for task in study.study.tasks
        for method in study.study.methods
        for at in (80, 100)
    }
    means = {key: (float(v.mean()), _error(v)) for key, v in values.items()}
    found: list[Sequence[Given]] = [
        (code(task), code(method), *(_written(*means[task, method, at]) for at in (80, 100)))
        for task in study.study.tasks
        for method in study.study.methods
    ]
    table = Table(
        "Lowest validation error seen, mean +- standard error over the seeds",
        (*columns("table", "method"), *columns("after 80", "after 100", align="right")),
        rows(found),
    )
    notes = (
        f"{study.study.title}: {study.study.seeds} seeds, "
        f"{study.study.config.budget:g} evaluations, one worker; an evaluation is one of the "
        "table's four trainings of the configuration, drawn by the study's seed",
        "verdict: yes within three standard errors; of a published value only the mean is known, "
        "so the standard error is the one found here; the published uncertainty is not included",
    )
    numbers = {f"{t}/{m}/{at}": list(spread) for (t, m, at), spread in means.items()}
    return ClaimsReport("fcnet", tuple(_claims(means)), (table,), notes, numbers)


def _claims(means: dict[tuple[str, str, int], tuple[float, float]]) -> Iterator[Claim]:
    for task, (at, exact) in EXACT.items():
        mean, error = means[task, "random", at]
        yield Claim(
            f"{task}: expected best of {at} random draws",
            "exact, from the table",
            number(exact),
            f"{_written(mean, error)} ({fixed((mean - exact) / error, 1, sign=True)} s.e.)",
            _verdict((mean - exact) / error),
        )
    for (task, method), published in PUBLISHED.items():
        mean, error = means[task, method, 80]
        off = [(mean - value) / error for value in published]
        same = list(map(_verdict, off))
        yield Claim(
            f"{task}: {method} after 80 evaluations",
            "two publications on the same tables",
            " and ".join(f"{value:.6f}" for value in published),
            f"{_written(mean, error)} ({' and '.join(fixed(o, 1, sign=True) for o in off)} s.e.)",
            same[0] if same[0] == same[1] else " and ".join(same),
        )


def _verdict(off: float) -> str:
    """By so many standard errors; nothing is decided where some seed has no value."""
    return "not decided" if isnan(off) else "yes" if abs(off) <= LIMIT else "no"


def _error(values: npt.NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _written(mean: float, error: float) -> str:
    return with_error(mean, error)
