"""What a trial of engine ``tune`` holds: a placement group whose name says of which cell it is."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ray.tune import PlacementGroupFactory
from ray.util.placement_group import PlacementGroup, placement_group


class NamedBundles(PlacementGroupFactory):
    """Ray's own factory; each group that it makes gets a name that begins with ``prefix``."""

    def __init__(
        self,
        bundles: Sequence[Mapping[str, float]],
        strategy: str = "PACK",
        *,
        prefix: str = "",
        bundle_label_selector: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """Groups of ``bundles``.

        Args:
            bundles: resources by Ray's names; the first, the trial's own actor's, may be empty.
            strategy: how they are placed: PACK, STRICT_PACK, SPREAD or STRICT_SPREAD.
            prefix: what the names of the groups begin with; they have none if empty.
            bundle_label_selector: for each bundle that is not empty, on which nodes it may be; any
                if empty.
        """
        chosen: dict[str, Any] = {}
        if bundle_label_selector:
            chosen["bundle_label_selector"] = [dict(one) for one in bundle_label_selector]
        super().__init__([dict(bundle) for bundle in bundles], strategy, **chosen)
        self._chosen = chosen
        self._prefix = prefix

    def to_placement_group(self) -> PlacementGroup:
        """Make a group; Ray calls it once for each trial that is to start."""
        name = f"{self._prefix}-{uuid.uuid4().hex}" if self._prefix else ""
        return placement_group(self.bundles, self.strategy, name=name, **self._chosen)
