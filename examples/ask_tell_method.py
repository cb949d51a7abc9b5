"""An optimiser with ask and tell: regularised evolution over rounds of successive halving.

python experiments/compare.py --methods bohb examples/ask_tell_method.py:HalvingEvolution
"""

import random

from ConfigSpace.util import get_random_neighbor


class HalvingEvolution:
    """Rounds of nine configurations; the best third of a round goes on at the next level."""

    label = "Halving evolution"

    def __init__(self, space, seed, levels):
        """Search ``space``, a ConfigurationSpace; full fidelity is the last of the ``levels``."""
        self.space, self.levels, self.random = space, levels, random.Random(seed)
        self.parents = []  # the 20 newest results at the top, as (loss, configuration)
        self.queue, self.results, self.waiting = [], [], 0

    def ask(self):
        """The next (configuration, level); None while the round's results are awaited."""
        if not self.queue and not self.waiting:
            self.queue = [(self.child(), self.levels[0]) for _ in range(9)]
        if not self.queue:
            return None
        self.waiting += 1
        return self.queue.pop(0)

    def tell(self, configuration, level, loss, cost):
        """Count a result; the last one of a round decides which configurations go on."""
        self.waiting -= 1
        self.results.append((loss, configuration))
        if level == self.levels[-1]:
            self.parents = [*self.parents, (loss, configuration)][-20:]
        if not self.queue and not self.waiting:
            places = max(1, len(self.results) // 3)
            best = sorted(self.results, key=lambda result: result[0])[:places]
            self.results = []
            if level != self.levels[-1]:
                higher = self.levels[self.levels.index(level) + 1]
                self.queue = [(configuration, higher) for _, configuration in best]

    def child(self):
        """A neighbour of the best of three parents; at random while there are fewer."""
        if len(self.parents) < 3:
            return self.space.sample_configuration()
        parent = min(self.random.sample(self.parents, 3), key=lambda result: result[0])[1]
        return get_random_neighbor(parent, seed=self.random.randrange(2**31))
