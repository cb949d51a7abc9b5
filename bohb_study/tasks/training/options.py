"""Checks of options that several trainings have."""

from bohb_study.errors import UsageError


def check_dropout(task: str, rate: float) -> None:
    """Raise UsageError for a rate of dropout outside [0, 1)."""
    if not 0 <= rate < 1:
        raise UsageError(
            f"{task}.dropout={rate:g}: must be a number from 0 to below 1",
            parameter="task_options",
        )
