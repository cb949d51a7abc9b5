"""Words that tables, captions and notes share."""

OUTSIDE_BUDGET = "outside the budget"
"""Of what is computed after a run and charged to no method."""


def larger_budget(factor: int) -> str:
    """What a method with a multiple of the budget is."""
    return f"baseline with {'twice' if factor == 2 else f'{factor} times'} the budget"
