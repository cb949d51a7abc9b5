"""Grid search that is laid out for its budget: the fairest grid that can be had without looking.

Starts with one value per hyperparameter and gives one more to the hyperparameter that has the
fewest, most important first, while the product stays within the budget. When the grid is used up
before the budget is, the same rule goes one step further and only unvisited points are visited.
"""

from bohb_study.methods.base import Method, Pair, Problem


def _build(problem: Problem) -> Pair:
    from bohb_study.methods.ray.full_fidelity import full_fidelity
    from bohb_study.methods.ray.grid_search import grid_searcher

    return Pair(grid_searcher(problem), full_fidelity(problem))


METHOD = Method(
    name="grid",
    searcher="a grid laid out for the budget, shuffled",
    scheduler="none: every trial at full fidelity",
    uses_fidelity=False,
    source="own rule, see bohb_study/methods/ray/grid_search.py",
    build=_build,
)
