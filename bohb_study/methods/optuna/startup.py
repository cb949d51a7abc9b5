"""How many observations the models of Optuna's samplers need; imports no Optuna."""

STARTUP_TRIALS = 10
"""Results before which Optuna's samplers draw at random; their own default."""


def startup_trials(dimensions: int) -> int:
    """Observations that the samplers' models take: ``STARTUP_TRIALS``, however many dimensions."""
    return STARTUP_TRIALS
