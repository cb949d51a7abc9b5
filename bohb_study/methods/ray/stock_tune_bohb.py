"""Ray's TuneBOHB as shipped, which also says whether its model made the last suggestion."""

from typing import Any

from hpbandster.optimizers.config_generators.bohb import BOHB
from ray.tune.search.bohb import TuneBOHB


class StockBOHB(BOHB):
    """HpBandSter's generator as shipped; keeps the flag that TuneBOHB drops."""

    suggested_by_model = False

    def get_config(self, budget: float | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The configuration that HpBandSter's generator suggests."""
        config, info = super().get_config(budget)
        self.suggested_by_model = bool(info.get("model_based_pick", False))
        return config, info


class StockTuneBOHB(TuneBOHB):
    """TuneBOHB as shipped, which says whether its last suggestion was the model's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As TuneBOHB, which must be given its space."""
        super().__init__(*args, **kwargs)
        self.bohber = StockBOHB(self._space, **(self._bohb_config or {}))

    @property
    def suggested_by_model(self) -> bool:
        """Whether the last suggestion was the model's."""
        return bool(self.bohber.suggested_by_model)
