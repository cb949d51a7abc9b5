"""How much of the differences between configurations one, two, three hyperparameters explain.

Functional analysis of variance on a random forest (Hutter, Hoos and Leyton-Brown, "An efficient
approach for assessing hyperparameter importance", ICML 2014). A tree is constant on boxes, so what
it predicts for some hyperparameters, averaged over all others, has a variance that can be computed
exactly: with v_l the value of leaf l, w_lj the probability that hyperparameter j lies within the
leaf's bounds and o_lmj that it lies within those of both leaves l and m, the variance of the
marginal prediction over a set U is

    V_U = sum over l, m of v_l v_m (prod of o_lmj over j in U) (prod of w_lj w_mj over j not in U),

with v centred. Its share of the variance over all hyperparameters is the part that U explains, all
interactions within U included; shares are means over trees. Hyperparameters are independent here,
each distributed as in random draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from bohb_study.arrays import Floats, Ints

TREES = 64
LEAST_IN_LEAF = 2
"""Configurations in a leaf: with one, trees fit noise."""
MOST = 0.9
"""Share that counts as nearly all."""
FOLDS = 5
"""Of the cross-validation that says how well the forest predicts."""
LEAST = 20
"""Configurations from which a forest is grown."""
INACTIVE = -1.0
"""What stands for a hyperparameter whose condition does not hold."""


@dataclass(frozen=True)
class VarianceShares:
    """What hyperparameters explain of the variance of the forest's predictions."""

    single: tuple[float, ...]
    """Share of each alone, shape (d,)."""
    pair: tuple[int, int]
    """Places of the two that explain most together."""
    pair_share: float
    """What they explain, with their interaction; of a single hyperparameter its own."""
    order: tuple[int, ...]
    """Places in the order in which each adds most, until ``MOST`` is explained."""
    fit: float
    """R2 of the forest in cross-validation: 1 is perfect, 0 or less no better than the mean. What
    it does not predict no share speaks of."""


def positions(losses: Floats) -> Floats:
    """Where each loss stands among all, from 0 (lowest) to 1; infinite ones last, ties at the mean.

    Losses of random configurations have tails that hold nearly all of their variance; what counts
    for a search is their order.
    """
    n = len(losses)
    found: Floats = (rankdata(losses) - 1) / max(1, n - 1)
    return found


def variance_shares(
    points: Floats, values: Floats, marginal: Floats, categories: Sequence[int], seed: int
) -> VarianceShares | None:
    """Grow a forest and decompose its variance.

    Args:
        points: shape (n, d): numbers, indices of choices, NaN where a condition does not hold.
        values: of each configuration, shape (n,), finite.
        marginal: draws that say how each hyperparameter is distributed, shape (m, d).
        categories: choices of each hyperparameter, 0 of a number; shape (d,).
        seed: of the forest.

    Returns:
        The shares; None for fewer than ``LEAST`` configurations, or where nothing differs.
    """
    n, d = points.shape
    if n < LEAST or np.ptp(values) == 0:
        return None
    from sklearn.ensemble import RandomForestRegressor  # takes a second to import
    from sklearn.model_selection import KFold, cross_val_predict

    columns, owner = _columns(points, categories)
    forest = RandomForestRegressor(
        n_estimators=TREES, min_samples_leaf=LEAST_IN_LEAF, random_state=seed
    )
    folds = KFold(min(FOLDS, n), shuffle=True, random_state=seed)
    left_out = cross_val_predict(forest, columns, values, cv=folds)
    fit = 1 - float(np.sum((values - left_out) ** 2) / np.sum((values - values.mean()) ** 2))
    forest.fit(columns, values)
    spread, _ = _columns(marginal, categories)
    trees = [_Tree(one.tree_, spread, owner, d) for one in forest.estimators_]
    trees = [tree for tree in trees if tree.total > 0]
    if not trees:
        return None
    singles = np.mean([tree.singles() / tree.total for tree in trees], axis=0)
    pairs = np.mean([tree.pairs() / tree.total for tree in trees], axis=0)
    of_two = np.where(np.tri(d, dtype=bool), -1.0, pairs) if d > 1 else pairs
    first, second = np.unravel_index(int(np.argmax(of_two)), pairs.shape)
    return VarianceShares(
        tuple(map(float, singles)),
        (int(first), int(second)),
        float(of_two.max()),
        _order(trees, d),
        fit,
    )


def _columns(points: Floats, categories: Sequence[int]) -> tuple[Floats, Ints]:
    """What trees split on, and whose each column is: a column a number, one a value of a choice."""
    columns, owner = [], []
    for j, count in enumerate(categories):
        given = np.where(np.isnan(points[:, j]), INACTIVE, points[:, j])
        own = [given == value for value in range(count)] if count else [given]
        columns += own
        owner += [j] * len(own)
    # trees compare in single precision
    return np.stack(columns, axis=1).astype(np.float32), np.array(owner)


def _order(trees: "Sequence[_Tree]", d: int) -> tuple[int, ...]:
    """Forward selection until ``MOST`` of the variance is explained."""
    chosen: list[int] = []
    together = [np.ones((len(tree.values), len(tree.values))) for tree in trees]
    reached = 0.0
    while reached < MOST and len(chosen) < d:
        left = [j for j in range(d) if j not in chosen]
        found = [
            np.mean(
                [
                    tree.variance([*chosen, j], shared * tree.overlap(j)) / tree.total
                    for tree, shared in zip(trees, together, strict=True)
                ]
            )
            for j in left
        ]
        best = left[int(np.argmax(found))]
        reached = float(max(found))
        chosen.append(best)
        together = [m * tree.overlap(best) for tree, m in zip(trees, together, strict=True)]
    return tuple(chosen)


class _Tree:
    """The leaves of one tree: L of them, each a box."""

    def __init__(self, tree: Any, marginal: Floats, owner: Ints, d: int) -> None:
        """Find each leaf's bounds and how probable they are.

        Args:
            tree: scikit-learn's ``tree_``.
            marginal: columns of random draws, shape (m, columns).
            owner: which hyperparameter each column is of, shape (columns,).
            d: number of hyperparameters.
        """
        low, high, values = _boxes(tree, marginal.shape[1])
        within = [_within(low, high, marginal, np.flatnonzero(owner == j)) for j in range(d)]
        self._cells = [cells * np.sqrt(shares) for cells, shares in within]
        self._weights = np.stack([cells @ shares for cells, shares in within])
        probable = self._weights.prod(axis=0)
        # no draw lies in a leaf that no draw reaches
        kept = probable > 0
        self._cells = [cells[kept] for cells in self._cells]
        self._weights, probable = self._weights[:, kept], probable[kept]
        self.values = values[kept] - np.average(values[kept], weights=probable)
        self._probable = probable
        self.total = float(np.sum(probable * self.values**2))
        """Variance over all hyperparameters."""

    def overlap(self, j: int) -> Floats:
        """How probably hyperparameter j lies within the bounds of two leaves, shape (L, L)."""
        shared: Floats = self._cells[j] @ self._cells[j].T
        return shared

    def variance(self, places: Sequence[int], overlaps: Floats) -> float:
        """V_U of the hyperparameters at ``places``, given the product of their overlaps."""
        over_others = self.values * self._probable / self._weights[list(places)].prod(axis=0)
        return float(over_others @ overlaps @ over_others)

    def singles(self) -> Floats:
        """V of each hyperparameter alone, shape (d,)."""
        d = len(self._cells)
        return np.array([self.variance([j], self.overlap(j)) for j in range(d)])

    def pairs(self) -> Floats:
        """V of each two, shape (d, d); on the diagonal of one alone, below it 0."""
        d = len(self._cells)
        overlaps = [self.overlap(j) for j in range(d)]
        found = np.zeros((d, d))
        for i in range(d):
            found[i, i] = self.variance([i], overlaps[i])
            for j in range(i + 1, d):
                found[i, j] = self.variance([i, j], overlaps[i] * overlaps[j])
        return found


def _boxes(tree: Any, columns: int) -> tuple[Floats, Floats, Floats]:
    """Bounds of the leaves, each of shape (L, columns), and their values, shape (L,).

    A point is in a leaf where low < x <= high in every column.
    """
    low = np.full((tree.node_count, columns), -np.inf)
    high = np.full((tree.node_count, columns), np.inf)
    for node in range(tree.node_count):  # children come after their parents
        left, right = tree.children_left[node], tree.children_right[node]
        if left < 0:
            continue
        for child in (left, right):
            low[child], high[child] = low[node], high[node]
        column, threshold = tree.feature[node], tree.threshold[node]
        high[left, column] = min(high[left, column], threshold)
        low[right, column] = max(low[right, column], threshold)
    leaves = tree.children_left < 0
    return low[leaves], high[leaves], tree.value[leaves, 0, 0]


def _within(low: Floats, high: Floats, marginal: Floats, own: Ints) -> tuple[Floats, Floats]:
    """In which cells of one hyperparameter each leaf is, (L, k), and how probable these are, (k,).

    A cell is what no leaf divides: an interval of a number, a value of a choice.
    """
    distinct, counts = np.unique(marginal[:, own], axis=0, return_counts=True)
    if len(own) == 1:
        ends = np.unique(np.concatenate([low[:, own[0]], high[:, own[0]]]))
        cell = np.searchsorted(ends, distinct[:, 0])  # alike where they lie between the same ends
        _, first, place = np.unique(cell, return_index=True, return_inverse=True)
        counts = np.bincount(place, weights=counts)
        distinct = distinct[first]
    inside = (low[:, None, own] < distinct) & (distinct <= high[:, None, own])
    shares: Floats = np.asarray(counts / counts.sum(), dtype=np.float64)
    cells: Floats = np.asarray(inside.all(axis=2), dtype=np.float64)
    return cells, shares
