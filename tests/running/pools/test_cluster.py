"""What is said of a cell that failed where Ray ran it, and of one that fits nowhere."""

import traceback

import pytest
import ray
from ray.tune.error import TuneError

from bohb_study.errors import StudyError, UsageError
from bohb_study.running.pools.cluster import check_resources, said


def test_an_error_that_ray_tune_made_a_traceback_of_is_what_was_raised() -> None:
    try:
        try:
            raise ValueError("inner")
        except ValueError as error:
            raise StudyError("method Mine: tell() raised ValueError: inner") from error
    except StudyError:
        wrapped = TuneError(traceback.format_exc())
    assert said(wrapped) == "StudyError: method Mine: tell() raised ValueError: inner"


def test_other_errors_are_their_type_and_first_line() -> None:
    assert said(TuneError("no trial\nfits")) == "TuneError: no trial"
    assert said(ValueError("Traceback (most recent call last):\nx: y")).startswith("ValueError: T")


NODES = [
    {"Alive": True, "Resources": {"CPU": 4.0, "GPU": 1.0}},
    {"Alive": True, "Resources": {"CPU": 3.0}},
    {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}},
]


@pytest.mark.parametrize(
    ("wanted", "refused"),
    [
        ((1, 0, 7), None),
        ((0.3, 0, 23), None),
        ((1, 1, 1), None),
        ((1, 0, 8), "data_parallel 8: there is room for 7 processes with cpus_per_trial=1"),
        # a process is on one node
        ((2, 0, 4), "data_parallel 4: there is room for 3 processes with cpus_per_trial=2"),
        (
            (1, 1, 2),
            "data_parallel 2: there is room for 1 processes with cpus_per_trial=1 and "
            "gpus_per_trial=1",
        ),
        ((5, 0, 1), "cpus_per_trial 5: no node has more than 4 CPUs"),
        ((1, 2, 1), "gpus_per_trial 2: no node has more than 1 GPUs"),
        (
            (1, 0.5, 2),
            "gpus_per_trial 0.5: nccl takes a GPU for each process; allowed with data_parallel: "
            "whole ones",
        ),
    ],
)
def test_what_no_cluster_of_these_nodes_could_hold(
    wanted: tuple[float, float, int], refused: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "nodes", lambda: NODES)
    if refused is None:
        check_resources(*wanted)
        return
    with pytest.raises(UsageError) as error:
        check_resources(*wanted)
    assert str(error.value) == refused
