"""The audit: the evidence that a study leaves, nine checks of it, and a verdict."""
