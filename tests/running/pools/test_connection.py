"""What is refused because the cluster could never hold it."""

import pytest
import ray

from bohb_study.errors import UsageError
from bohb_study.running.pools.connection import check_resources

NODES = [
    {"Alive": True, "Resources": {"CPU": 4.0, "GPU": 1.0}},
    {"Alive": True, "Resources": {"CPU": 3.0}},
    {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}},
]


@pytest.mark.parametrize(
    ("cpus", "gpus", "actors", "processes"),
    [(1, 0, 7, 1), (1, 0, 1, 7), (0.3, 0, 1, 23), (1, 1, 1, 1), (2, 0, 1, 3), (1, 0, 2, 3)],
)
def test_what_these_nodes_hold(cpus: float, gpus: float, actors: int, processes: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ray, "nodes", lambda: NODES)
        check_resources(cpus, gpus, actors, processes)


@pytest.mark.parametrize(
    ("cpus", "gpus", "actors", "processes", "said"),
    [
        (5, 0, 1, 1, "cpus_per_trial 5: no node has more than 4 CPUs"),
        (1, 2, 1, 1, "gpus_per_trial 2: no node has more than 1 GPUs"),
        (
            *(1, 0, 1, 8),
            "data_parallel 8: must be at most 7, as many processes as there is room for with "
            "cpus_per_trial=1",
        ),
        # seven CPUs, but a process is on one node
        (
            *(2, 0, 1, 4),
            "data_parallel 4: must be at most 3, as many processes as there is room for with "
            "cpus_per_trial=2",
        ),
        (
            *(1, 1, 1, 2),
            "data_parallel 2: must be at most 1, as many processes as there is room for with "
            "cpus_per_trial=1 and gpus_per_trial=1",
        ),
        (
            *(1, 0, 8, 1),
            "actors 8: must be at most 7, as many trials as there is room for with "
            "cpus_per_trial=1",
        ),
        (
            *(1, 0, 4, 2),
            "actors 4: must be at most 3, as many trials as there is room for with "
            "data_parallel=2 and cpus_per_trial=1",
        ),
        (
            *(1, 0.5, 1, 2),
            "gpus_per_trial 0.5: nccl takes a whole GPU for each process of a trial "
            "(data_parallel=2)",
        ),
    ],
)
def test_what_they_do_not_hold_is_refused_in_one_line(
    cpus: float, gpus: float, actors: int, processes: int, said: str
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ray, "nodes", lambda: NODES)
        with pytest.raises(UsageError) as error:
            check_resources(cpus, gpus, actors, processes)
    assert str(error.value) == said
