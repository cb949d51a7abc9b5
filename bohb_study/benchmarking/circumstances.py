"""Under which circumstances something was measured, for the record of a benchmark."""

import os
from datetime import UTC, datetime
from typing import Any

from bohb_study.checkout import cpu_model, git_state
from bohb_study.identity import versions


def circumstances() -> dict[str, Any]:
    """When, on which processor, with which packages and by which commit, as JSON values.

    ``load`` is the mean number of processes that ran or waited for a CPU in the last minute.
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        "versions": versions(),
        "code": git_state(),
    }
