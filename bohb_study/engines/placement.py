"""Where the parts of a cell may run on a cluster, and how what they hold is given back.

Ray keeps the placement groups that a task or an actor made until the whole job ends, with their
CPUs, also when that task or actor is no more. A cell is driven by a task, so its groups are named
after it: who started the task removes them when it is lost.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bohb_study.errors import StudyError

if TYPE_CHECKING:
    from ray.tune import PlacementGroupFactory

NODE_LABEL = "ray.io/node-id"
"""Label that Ray gives to every node."""


class LostPartError(StudyError):
    """A process that ran a part of a cell is gone: it crashed, or its node has died."""


@dataclass(frozen=True)
class Placement:
    """Where the parts of one attempt at a cell may run; picklable."""

    nodes: tuple[str, ...] = ()
    """Ids of the nodes that have been checked; any node if empty."""
    name: str = ""
    """What the names of its placement groups begin with; they have none if empty."""

    @property
    def label_selector(self) -> dict[str, str]:
        """What an actor, a task or a bundle is given to run on one of ``nodes``; may be empty."""
        return {NODE_LABEL: f"in({','.join(self.nodes)})"} if self.nodes else {}

    def bundles(
        self, bundles: Sequence[Mapping[str, float]], strategy: str = "PACK"
    ) -> "PlacementGroupFactory":
        """What each trial of engine tune holds.

        Args:
            bundles: resources by Ray's names (CPU, GPU); the first is the trial's own actor, and
                may be empty where others follow.
            strategy: Ray's: PACK, STRICT_PACK, SPREAD or STRICT_SPREAD.
        """
        from bohb_study.engines.trial_bundles import NamedBundles  # imports Ray

        held = [{key: value for key, value in bundle.items() if value} for bundle in bundles]
        chosen: dict[str, Any] = {}
        if selector := self.label_selector:
            chosen["bundle_label_selector"] = [selector for bundle in held if bundle]
        return NamedBundles(held, strategy, prefix=self.name, **chosen)


def beside_this_process() -> Any:
    """The scheduling strategy of an actor that must not be lost with another node than this one."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


def remove_groups(name: str) -> None:
    """Give back what the placement groups hold whose names begin with ``name``."""
    from ray.util import get_placement_group, placement_group_table, remove_placement_group

    for group in placement_group_table().values():
        if group["name"].startswith(f"{name}-") and group["state"] != "REMOVED":
            with contextlib.suppress(ValueError):  # it has been removed meanwhile
                remove_placement_group(get_placement_group(group["name"]))
