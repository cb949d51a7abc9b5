"""Wrappers that record what searchers suggest and schedulers decide."""
