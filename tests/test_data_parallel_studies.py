"""What a study of trials over several processes may ask for, and what names it."""

from typing import Any

import pytest

from bohb_study import StudyConfig
from bohb_study.errors import UsageError
from bohb_study.tasks import TASKS, make_task
from repository import ROOT

EXAMPLE = f"{ROOT}/examples/data_parallel_function.py:task"


def config(**fields: Any) -> StudyConfig:
    return StudyConfig(**{"tasks": ("digits",), "methods": ("random",), "budget": 2, **fields})


def test_processes_are_part_of_the_identity_where_there_are_several() -> None:
    assert config(data_parallel=1).id == config().id
    assert "data_parallel" not in config().identity()
    assert config(data_parallel=2).identity()["data_parallel"] == 2
    assert len({config(data_parallel=n).id for n in (1, 2, 4)}) == 3
    assert StudyConfig.from_json(config(data_parallel=2).to_json()) == config(data_parallel=2)


@pytest.mark.parametrize(
    ("task", "processes"),
    [("digits", 32), ("fashion-mnist", 2), ("cifar10-resnet", 3), (EXAMPLE, 7)],
)
def test_what_can_be_split(task: str, processes: int) -> None:
    """A range of batch sizes, and a function's own, are split as evenly as they can be."""
    config(tasks=(task,), data_parallel=processes)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"data_parallel": 0}, "data_parallel 0: must be a whole number, at least 1"),
        ({"data_parallel": 1.5}, "data_parallel 1.5: must be a whole number, at least 1"),
        ({"data_parallel": 64}, "data_parallel 64: must divide the batch sizes of digits: 32, 64"),
        (
            {"data_parallel": 4, "tasks": ("mnist",)},
            "data_parallel 4: must divide the batch sizes of mnist: 2, 4, 8, 16",
        ),
        (
            {"data_parallel": 2, "tasks": (f"{ROOT}/examples/train_function.py:task",)},
            "data_parallel 2: tumours cannot be trained by several processes; allowed: 1",
        ),
    ],
)
def test_what_cannot_is_refused_in_one_line(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as error:
        config(**fields)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_batch_sizes_are_those_of_the_space() -> None:
    for name in TASKS:
        task = make_task(name)
        if not task.data_parallel:
            assert task.batch_sizes == ()
            continue
        choices = getattr(task.space(0)["batch_size"], "choices", ())
        assert tuple(int(choice) for choice in choices) == task.batch_sizes
    able = {name for name in TASKS if make_task(name).data_parallel}
    lenet = {"fashion-mnist", "fashion-mnist-1000", "mnist", "cifar10"}
    assert able == {"digits", *lenet, "cifar10-resnet"}
