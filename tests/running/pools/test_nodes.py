"""How many cells nodes hold, and in what they may differ; no Ray is started."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bohb_study.running.pools.node_facts import (
    PROBE,
    Facts,
    Origin,
    Question,
    difference,
    facts,
    facts_here,
)
from bohb_study.running.pools.nodes import Node, Nodes
from bohb_study.tasks import make_task


@pytest.mark.parametrize(
    ("resources", "cpus", "gpus", "trials"),
    [
        ({"CPU": 8.0}, 1, 0, 8),
        ({"CPU": 8.0}, 3, 0, 2),
        ({"CPU": 1.0}, 0.1, 0, 10),
        ({"CPU": 8.0}, 9, 0, 0),
        ({"CPU": 8.0}, 1, 1, 0),
        ({"CPU": 8.0, "GPU": 2.0}, 1, 1, 2),
        ({"CPU": 8.0, "GPU": 1.0}, 1, 0.25, 4),
        ({"CPU": 2.0, "GPU": 1.0}, 1, 0.25, 2),
        ({}, 1, 0, 0),
    ],
)
def test_trials_that_a_node_holds(
    resources: dict[str, float], cpus: float, gpus: float, trials: int
) -> None:
    assert Node("a", "host", resources).trials(cpus, gpus) == trials


@pytest.mark.parametrize(
    ("cpus", "gpus", "workers", "cells"),
    [
        # CPUs of two nodes do not add up to one trial
        (2, 0, 1, 2),
        (3, 0, 1, 2),
        (1, 0, 1, 6),
        (1, 0, 4, 1),
        (1, 0, 3, 2),
        # of GPUs only one node has any
        (1, 0.5, 1, 2),
        # at least one, which then has its trials one after the other
        (1, 0, 16, 1),
    ],
)
def test_cells_at_once(
    cpus: float, gpus: float, workers: int, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = {"a": Node("a", "one", {"CPU": 3.0}), "b": Node("b", "two", {"CPU": 3.0, "GPU": 1.0})}
    monkeypatch.setattr("bohb_study.running.pools.nodes.living_nodes", lambda: living)
    nodes = Nodes(cpus, gpus)
    assert nodes.refresh() == []
    assert nodes.at_once(workers) == cells
    assert nodes.ids == ()  # nobody has compared them, so cells are not confined to them


HERE = Facts(
    "3.11", {"engines/virtual.py": "1", "numpy": "2.4.6"}, {"mode": "portable"}, {"t": "x"}
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"python": "3.12"}, "Python is 3.12 there and 3.11 here; install this project with"),
        ({"parts": {"engines/virtual.py": "1"}}, "numpy is missing there and 2.4.6 here; install"),
        (
            {"parts": {"engines/virtual.py": "2", "numpy": "2.4.6", "tasks/more.py": "1"}},
            "other code than here in engines/virtual.py and 1 more; install this project",
        ),
        (
            {"numerics": {"mode": "native"}},
            "its numeric libraries or kernels differ (numerics, mode: ",
        ),
        ({"missing": "tasks t: no data in /nowhere"}, "tasks t: no data in /nowhere"),
        ({"data": {"t": "y"}}, "the data of t are not those that are here"),
        # what differs first is said first
        ({"python": "3.12", "missing": "no data"}, "Python is 3.12"),
        # of a folder the caller decides
        ({"folder": "No such file or directory"}, None),
    ],
)
def test_in_what_a_node_differs(change: dict[str, object], said: str | None) -> None:
    found = difference(HERE, replace(HERE, **change))  # type: ignore[arg-type]
    assert (found is None) == (said is None)
    if said and found:
        assert found.startswith(said)
        assert "\n" not in found


def question(folder: Path | None = None, token: str = "") -> Question:
    origin = Origin("counting-ones-8", "bohb", "virtual")
    task = make_task("counting-ones-8")
    return Question((origin,), (task,), "portable", folder=folder and str(folder), token=token)


def test_this_machine_does_not_differ_from_itself(tmp_path: Path) -> None:
    """As a node answers, and as it is compared: of all that decides rows nothing is left out."""
    (tmp_path / PROBE).write_text("secret")
    asked = question(tmp_path, "secret")
    there = facts(asked)
    assert difference(facts_here(asked), there) is None
    assert there.folder == there.missing == ""
    assert {"numpy", "hpbandster", "ray", "engines/virtual.py"} <= there.parts.keys()
    assert {"numpy", "openblas", "libm"} <= there.numerics.keys()
    assert os.listdir(tmp_path) == [PROBE]


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    assert facts(question(tmp_path, "secret")).folder == "No such file or directory"
    (tmp_path / PROBE).write_text("of another machine")
    assert facts(question(tmp_path, "secret")).folder == "another folder of that name is there"
