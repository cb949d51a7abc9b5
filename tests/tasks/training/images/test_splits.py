"""Parts are stratified, apart from each other, and drawn by the study's seed alone."""

import math
from typing import Any

import numpy as np
import pytest

from bohb_study.errors import UsageError
from bohb_study.seeding import split_seed
from bohb_study.tasks import make_task
from bohb_study.tasks.training.images import splits
from bohb_study.tasks.training.images.formats import Part
from bohb_study.tasks.training.images.splits import Split, moments, split

RNG = np.random.default_rng(0)
TRAIN = RNG.permutation(np.repeat(np.arange(10), range(80, 180, 10)))  # classes of unequal size
TEST = RNG.permutation(np.repeat(np.arange(10), range(20, 40, 2)))


def assert_stratified(labels: np.ndarray, chosen: np.ndarray, among: np.ndarray) -> None:
    """To one image: the chosen have the classes of those that they were drawn from."""
    expected = np.bincount(labels[among], minlength=10) * len(chosen) / len(among)
    np.testing.assert_allclose(np.bincount(labels[chosen], minlength=10), expected, rtol=0, atol=1)


@pytest.mark.parametrize("subset", [0, 100, 101, 250, 290, 1000, 1240, 1250])
def test_sizes_and_strata(subset: int) -> None:
    drawn = split(TRAIN, TEST, subset, seed=5)
    used = subset or 1250
    sizes = [used - math.ceil(0.2 * used), math.ceil(0.2 * used), min(290, used)]
    assert [len(part) for part in drawn] == sizes
    both = np.concatenate([drawn.train, drawn.val])
    for labels, chosen, among in (
        (TRAIN, both, np.arange(1250)),
        (TRAIN, drawn.train, both),
        (TRAIN, drawn.val, both),
        (TEST, drawn.test, np.arange(290)),
    ):
        assert_stratified(labels, chosen, among)
        assert len(set(chosen)) == len(chosen)
    assert not set(drawn.train) & set(drawn.val)
    if used == 1250:
        assert sorted(both) == list(range(1250))
    if used >= 290:
        assert drawn.test.tolist() == list(range(290))


def same(one: Split, other: Split) -> list[bool]:
    return [np.array_equal(a, b) for a, b in zip(one, other, strict=True)]


@pytest.mark.parametrize("subset", [0, 200])
def test_drawn_by_the_seed_alone(subset: int) -> None:
    first = split(TRAIN, TEST, subset, seed=1)
    np.random.seed(99)  # noqa: NPY002 (the global state is what must not matter)
    assert same(first, split(TRAIN, TEST, subset, seed=1)) == [True] * 3
    # all test images are tested whatever the seed
    assert same(first, split(TRAIN, TEST, subset, seed=2)) == [False, False, not subset]


@pytest.mark.parametrize("subset", [0, 200])
def test_whole_trains_on_all_and_validates_on_what_it_tests_on(subset: int) -> None:
    drawn = split(TRAIN, TEST, subset, seed=1, whole=True)
    assert drawn.train.tolist() == list(range(1250))
    assert drawn.val is drawn.test
    assert same(drawn, split(TRAIN, TEST, subset, seed=1))[2]


@pytest.mark.parametrize("channels", [1, 3])
def test_moments_are_those_of_the_images_asked_for(
    channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splits, "BLOCK", 7)  # not a divisor of the number
    images = RNG.integers(0, 256, (50, channels, 6, 5)).astype(np.uint8)
    part, chosen = Part(images, np.zeros(50, np.int64)), RNG.permutation(50)[:30]
    mean, std = moments(part, chosen)
    values = images[chosen].astype(np.float64)
    assert (mean.shape, std.shape, mean.dtype, std.dtype) == ((channels,),) * 2 + (np.float32,) * 2
    np.testing.assert_allclose(mean, values.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(std, values.std(axis=(0, 2, 3)), rtol=1e-6)


def test_moments_know_nothing_of_other_images() -> None:
    images = RNG.integers(0, 256, (50, 3, 6, 5)).astype(np.uint8)
    labels, chosen = np.zeros(50, np.int64), np.arange(30)
    before = moments(Part(images, labels), chosen)
    changed = images.copy()
    changed[30:] = 255
    for a, b in zip(before, moments(Part(changed, labels), chosen), strict=True):
        np.testing.assert_array_equal(a, b)
    changed[29] = 0
    assert not np.array_equal(before[0], moments(Part(changed, labels), chosen)[0])


def test_images_of_one_colour_can_be_divided_by_their_deviation() -> None:
    black = Part(np.zeros((4, 1, 2, 2), np.uint8), np.zeros(4, np.int64))
    mean, std = moments(black, np.arange(4))
    assert mean.tolist() == [0]
    assert std[0] > 0


# What the task says of it


@pytest.mark.parametrize("subset", [0, 100, 137, 390])
@pytest.mark.parametrize("name", ["mnist", "cifar10-resnet"])
def test_the_model_of_time_counts_the_images_of_the_parts(
    name: str, subset: int, image_data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from bohb_study.tasks.training.images.sources import SOURCES

    task: Any = make_task(name, {"subset": str(subset), "data": str(image_data)})
    monkeypatch.setitem(SOURCES, task.source, replace(SOURCES[task.source], size=(400, 100)))
    for asked in (task, task.on_all_data()):
        parts = asked.start(drawn_config(task), 0)._parts
        assert asked.counts() == (len(parts.train), len(parts.val) + len(parts.test))


def drawn_config(task: Any) -> Any:
    return dict(task.space(0).sample_configuration())


def test_parts_belong_to_task_and_study_seed(image_data: Any) -> None:
    task: Any = make_task("mnist", {"data": str(image_data), "subset": "200"})
    parts = task.start(drawn_config(task), 3)._parts
    labels = parts.train.labels.numpy()
    expected = split(labels, parts.test.labels.numpy(), 200, split_seed("mnist", 3))
    for part, chosen in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(part.chosen.numpy(), chosen)


@pytest.mark.parametrize("subset", [-1, 1, 99])
def test_too_few_images_are_refused(subset: int) -> None:
    with pytest.raises(UsageError) as refused:
        make_task("mnist", {"subset": str(subset)})
    assert str(refused.value) == (
        f"task_options mnist.subset={subset}: must be at least 100 images, or 0 for all"
    )


@pytest.mark.parametrize(
    ("subset", "why"),
    [
        (401, "there are 400 images"),
        (391, "leaves fewer of 400 images than there are classes; allowed: up to 390, or 400"),
        (399, "leaves fewer of 400 images than there are classes; allowed: up to 390, or 400"),
        (295, "leaves fewer of 300 images than there are classes; allowed: up to 290, or 300"),
    ],
)
def test_more_images_than_can_be_drawn_are_refused(
    subset: int, why: str, tmp_path: Any, image_files: Any
) -> None:
    image_files.write("mnist", tmp_path, sizes=(400, 300))
    task = make_task("mnist", {"subset": str(subset), "data": str(tmp_path)})
    with pytest.raises(UsageError) as refused:
        task.prepare()
    assert str(refused.value) == f"task_options mnist.subset={subset}: {why}"


@pytest.mark.parametrize("subset", [100, 290, 300, 390, 400])
def test_what_is_not_refused_can_be_drawn(subset: int, tmp_path: Any, image_files: Any) -> None:
    train, test = image_files.write("mnist", tmp_path, sizes=(400, 300))
    make_task("mnist", {"subset": str(subset), "data": str(tmp_path)}).prepare()
    drawn = split(train.labels, test.labels, subset, 0)
    assert len(drawn.train) + len(drawn.val) == subset
