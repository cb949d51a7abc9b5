"""Searchers and schedulers for Ray Tune that several methods share."""
