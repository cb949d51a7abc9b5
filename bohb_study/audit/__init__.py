"""The audit: the evidence that a study leaves, twelve checks of it, and a verdict."""
