"""Random search with twice the budget: a baseline, never one of the methods that are compared.

Li et al., Hyperband, JMLR 18, 2018, draw it as "random 2x": at the same place it has spent twice
as much.
"""

from dataclasses import replace

from bohb_study.methods import random

METHOD = replace(
    random.METHOD,
    name="random-2x",
    searcher="the draws of random, for 2 times the budget",
    source="Li et al., JMLR 2018 (random 2x)",
    budget_factor=2,
)
