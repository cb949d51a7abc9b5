"""How large a loss may be; in a module of its own, for tasks import no pandas."""

LOSS_LIMIT = 2.0**1000
"""A loss must stay below it, sign aside (1.07e301), so that sums and means of losses are finite."""
