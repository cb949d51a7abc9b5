"""Centres, intervals and tests, on arrays and nothing else."""
