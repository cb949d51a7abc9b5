"""What is measured, and what came of it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from bohb_study.numerics import Mode

TASK = "synthetic-curves"
"""On it an evaluation costs microseconds, so nearly all that is measured is the engine's."""

Runner = Literal["virtual", "tune", "syne-tune"]


@dataclass(frozen=True)
class Case:
    """One cell with study seed 0, and what runs it."""

    runner: Runner
    method: str
    workers: int
    budget: float
    """Full evaluations."""
    task: str = TASK
    numerics: Mode = "portable"
    """By which kernels it is computed."""

    def __str__(self) -> str:
        """The case in one line."""
        workers = f"{self.workers} worker{'' if self.workers == 1 else 's'}"
        full = f"{self.budget:g} full evaluation{'' if self.budget == 1 else 's'}"
        task = "" if self.task == TASK else f" on {self.task}"
        native = ", native numerics" if self.numerics == "native" else ""
        return f"{self.runner} {self.method}{task}, {workers}, {full}{native}"


@dataclass(frozen=True)
class Cost:
    """What one run of a case took."""

    trials: int
    """Trials that reported."""
    reports: int
    cpu_seconds: float
    """User and system time of the process, imports and a small first run excluded."""
    wall_seconds: float
    imported_mb: float
    """Resident memory before the run, in 10^6 bytes."""
    peak_mb: float
    """The most resident memory ever, in 10^6 bytes."""
    seconds: dict[str, float]
    """Wall time by what it was spent on, as in ``CellResult.seconds``; grows where others run."""

    @property
    def reports_per_second(self) -> float:
        """Reports per second of CPU time."""
        return self.reports / self.cpu_seconds

    @property
    def trials_per_second(self) -> float:
        """Trials per second of CPU time."""
        return self.trials / self.cpu_seconds

    @property
    def microseconds(self) -> float:
        """Microseconds of CPU time per report."""
        return 1e6 * self.cpu_seconds / self.reports


@dataclass(frozen=True)
class Measured:
    """A case and its runs, at least one."""

    case: Case
    runs: tuple[Cost, ...]

    @property
    def least(self) -> Cost:
        """The run that took least CPU time: what else runs on the machine only ever adds to it."""
        return min(self.runs, key=lambda run: run.cpu_seconds)

    def to_json(self) -> dict[str, Any]:
        """The case, its cheapest run with its rates, and the CPU seconds of all runs."""
        least = self.least
        return {
            **asdict(self.case),
            **asdict(least),
            "reports_per_cpu_second": least.reports_per_second,
            "trials_per_cpu_second": least.trials_per_second,
            "cpu_microseconds_per_report": least.microseconds,
            "cpu_seconds_of_all_runs": [run.cpu_seconds for run in self.runs],
        }
