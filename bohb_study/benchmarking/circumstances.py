"""Under which circumstances something was measured, for the record of a benchmark."""

from datetime import UTC, datetime
from typing import Any

from bohb_study.checkout import cpu_model, git_state
from bohb_study.identity import versions


def circumstances() -> dict[str, Any]:
    """When, on which processor, with which packages and by which commit, as JSON values."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "versions": versions(),
        "code": git_state(),
    }
