"""Samplers of Optuna as searchers of Ray Tune."""
