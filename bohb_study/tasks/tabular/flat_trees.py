"""A fitted forest of scikit-learn as flat arrays, which predict one point in tens of microseconds.

scikit-learn's own takes some 20 ms for a single point; methods ask for one at a time.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from bohb_study.arrays import Floats, Ints

TREES = 100


@dataclass(frozen=True, eq=False)
class Trees:
    """A fitted forest as flat arrays; node 0 .. of all trees one behind the other."""

    roots: Ints
    """Shape (trees,)."""
    feature: Ints
    """Which coordinate a node compares, shape (nodes,); -1 at a leaf."""
    threshold: Floats
    """Up to which it goes left, shape (nodes,)."""
    left: Ints
    right: Ints
    values: Floats
    """What a leaf predicts, shape (nodes, outputs)."""

    @classmethod
    def fitted(cls, x: Floats, y: Floats, seed: int) -> "Trees":
        """A forest on ``x``, shape (n, features), for ``y``, shape (n, outputs)."""
        forest = ExtraTreesRegressor(TREES, random_state=seed)
        forest.fit(x, y if y.shape[1] > 1 else y[:, 0])
        trees = [one.tree_ for one in forest.estimators_]
        sizes = [tree.node_count for tree in trees]
        offsets = np.cumsum([0, *sizes[:-1]])

        def below(children: str) -> Ints:
            parts = zip(trees, offsets, strict=True)
            return np.concatenate([getattr(tree, children) + offset for tree, offset in parts])

        feature = np.concatenate([tree.feature for tree in trees]).astype(np.int64)
        return cls(
            roots=offsets.astype(np.int64),
            feature=np.where(feature < 0, -1, feature),
            threshold=np.concatenate([tree.threshold for tree in trees]),
            left=below("children_left"),
            right=below("children_right"),
            values=np.concatenate([tree.value[:, :, 0] for tree in trees]),
        )

    def predict(self, x: Floats) -> Floats:
        """The mean over the trees at ``x``, shape (features,): shape (outputs,).

        Added one tree after the other, so that the last bit depends on no library's kernels.
        """
        nodes = self.roots
        while True:
            feature = self.feature[nodes]
            inner = feature >= 0
            if not inner.any():
                break
            left = x[feature] <= self.threshold[nodes]
            nodes = np.where(inner, np.where(left, self.left[nodes], self.right[nodes]), nodes)
        leaves = self.values[nodes]
        found: Floats = np.add.accumulate(leaves, axis=0)[-1] / len(leaves)
        return found
