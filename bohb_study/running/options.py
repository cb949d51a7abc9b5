"""How and where a study is run."""

from dataclasses import dataclass
from pathlib import Path

from bohb_study.errors import UsageError

MOST_JOBS = 1024
"""Cells at a time: each is a process of some 300 MB, and no machine has more CPUs for them. On a
cluster all CPUs are kept busy where no number is given."""


@dataclass(frozen=True)
class RunOptions:
    """How and where a study is run; none of it changes a row.

    But for the limits of trials: one that exceeds a limit has failed.
    """

    out: Path = Path("results")
    """Folder of all studies."""
    name: str = "compare"
    """First part of the study's folder name."""
    fresh: bool = False
    """Start over in a new folder; nothing is deleted."""
    jobs: int | None = None
    """Cells that run at the same time; by default as many as the CPUs and GPUs of the machine, or
    of the cluster, have room for."""
    address: str | None = None
    """A running Ray cluster, as host:port or auto; by default engine tune starts Ray on this
    machine."""
    download: bool = False
    """Fetch data sets that are not on this machine."""
    cpus_per_trial: float = 1
    """CPUs that each trial takes."""
    gpus_per_trial: float = 0
    """GPUs, or a share of one, that each trial takes."""
    actors: int | None = None
    """Ray actors that train a cell's trials at the same time, at most one a worker (engine virtual;
    rows do not depend on it); 0: each cell trains in its own process. By default as many as there
    are CPUs for, after each cell has one; where that is one, a cell trains in its own process."""

    trial_timeout: float | None = None
    """Seconds that a step of a trial may take, from one report to the next; one that takes longer
    has failed, and the cell goes on."""
    trial_memory: float | None = None
    """GB of memory that the process in which a trial trains may have, with what it imports; a trial
    that takes more has failed, and the cell goes on."""

    def __post_init__(self) -> None:
        """Raise UsageError, naming the parameter, for a value that cannot be."""
        if not str(self.out):
            raise UsageError("'': empty; name a folder, or leave it out", parameter="out")
        object.__setattr__(self, "out", Path(self.out))  # people write text
        if self.jobs is not None and self.jobs < 1:
            raise UsageError(f"{self.jobs}: must be at least 1", parameter="jobs")
        if self.jobs is not None and self.jobs > MOST_JOBS:
            raise UsageError(f"{self.jobs}: must be at most {MOST_JOBS:,}", parameter="jobs")
        if self.actors is not None and self.actors < 0:
            raise UsageError(f"{self.actors}: must be 0 or more", parameter="actors")
        for parameter, value, least in (
            ("cpus_per_trial", self.cpus_per_trial, "above 0"),
            ("gpus_per_trial", self.gpus_per_trial, "0 or above"),
            ("trial_timeout", self.trial_timeout, "above 0"),
            ("trial_memory", self.trial_memory, "above 0"),
        ):
            if value is None:
                continue
            if not (0 < value < 1e6 or (value == 0 and least == "0 or above")):
                raise UsageError(f"{value:g}: must be a number, {least}", parameter)
