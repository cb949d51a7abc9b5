"""A Ray of a head without CPUs and two nodes, until stdin is closed; says its address and raylets.

Each line that is read has it add a node.
"""

import json
import sys

from ray.cluster_utils import Cluster

QUICK = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 3,
    "health_check_timeout_ms": 1000,
}
cluster = Cluster(
    initialize_head=True,
    head_node_args={"num_cpus": 0, "include_dashboard": False, "_system_config": QUICK},
)


def add() -> None:
    """Add a node, and say which raylets there are."""
    cluster.add_node(num_cpus=1)
    raylets = [
        process.process.pid
        for node in cluster.worker_nodes
        for process in node.all_processes["raylet"]
        if process.process.poll() is None
    ]
    print(json.dumps({"address": cluster.address, "raylets": raylets}), flush=True)


add()
add()
for _ in sys.stdin:
    add()
cluster.shutdown()
