"""Hashes and descriptions that tell whether two cells had the same space and split."""

import json
from pathlib import Path

import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    Integer,
    OrdinalHyperparameter,
)
from sklearn.datasets import load_digits

from bohb_study.seeding import split_seed
from bohb_study.tasks import make_task
from bohb_study.tasks.fingerprints import describe_space, indices_sha256, space_sha256
from bohb_study.tasks.training.digits_split import split_indices


def space(seed: int = 0, upper: float = 1.0) -> ConfigurationSpace:
    made = ConfigurationSpace(seed=seed)
    optimizer = Categorical("optimizer", ["sgd", "adam"])
    momentum = Float("momentum", (0.1, upper))
    made.add(optimizer, momentum, Integer("units", (4, 256), log=True), Constant("depth", 3))
    made.add(OrdinalHyperparameter("size", [1, 10]))
    made.add(EqualsCondition(momentum, optimizer, "sgd"))
    return made


def test_the_hash_of_a_space_knows_no_seed() -> None:
    assert space_sha256(space(0)) == space_sha256(space(1))
    used = space(2)
    used.sample_configuration(5)
    assert space_sha256(used) == space_sha256(space())
    assert space_sha256(space(upper=0.9)) != space_sha256(space())


def test_a_space_is_described_as_json() -> None:
    described = describe_space(space())
    assert json.loads(json.dumps(described)) == described
    kinds = {name: one["kind"] for name, one in described.items()}
    assert kinds == {
        "optimizer": "categorical",
        "momentum": "float",
        "units": "int",
        "depth": "categorical",
        "size": "categorical",
    }
    assert described["units"] == {"kind": "int", "lower": 4, "upper": 256, "conditional": False}
    assert described["depth"]["choices"] == [3]
    assert described["size"]["choices"] == [1, 10]
    assert [name for name, one in described.items() if one["conditional"]] == ["momentum"]


def test_the_hash_of_a_split_is_that_of_its_parts() -> None:
    parts = [np.array([1, 2]), np.array([3])]
    assert indices_sha256(parts) == indices_sha256([np.array(p, dtype=np.int32) for p in parts])
    for other in ([[1], [2, 3]], [[1, 2, 3]], [[2, 1], [3]], [[1, 2], [4]]):
        assert indices_sha256([np.array(part) for part in other]) != indices_sha256(parts)


def test_digits_tell_the_split_that_is_trained_on() -> None:
    task, labels = make_task("digits"), load_digits(return_X_y=True)[1]
    parts = split_indices(labels, split_seed("digits", 3))
    assert task.split_sha256(3) == indices_sha256(parts)
    assert task.split_sha256(4) != task.split_sha256(3)


@pytest.mark.usefixtures("own_cache")
def test_images_tell_the_split_that_is_trained_on(image_data: Path) -> None:
    from torch import device

    from bohb_study.tasks.training.images.batches import load_parts

    options = {"data": str(image_data), "subset": "200", "epochs": "3"}
    task = make_task("mnist", options)
    seed = split_seed("mnist", 1)
    parts = load_parts("mnist", str(image_data), 200, seed, device("cpu"))
    assert task.split_sha256(1) == indices_sha256([part.chosen.numpy() for part in parts])
    hashes = {task.split_sha256(0), task.split_sha256(1)}
    hashes.add(make_task("mnist", {**options, "subset": "300"}).split_sha256(1))
    whole = task.on_all_data()
    assert whole is not None
    assert whole.split_sha256(1) not in hashes
    assert len(hashes) == 3


def test_what_is_computed_is_not_split() -> None:
    assert make_task("mfh3").split_sha256(0) is None
