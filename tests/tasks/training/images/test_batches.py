"""Whole-tensor batches hold what a plain loop over single images would have made."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import v2

from bohb_study.tasks.training.images import batches
from bohb_study.tasks.training.images.batches import (
    PADDING,
    Images,
    crop_and_flip,
    draw_crops_and_flips,
    load_parts,
)
from bohb_study.tasks.training.images.decoded import load
from bohb_study.tasks.training.images.splits import moments, split

CPU = torch.device("cpu")
LAYOUTS = [torch.channels_last, torch.contiguous_format]


def parts_of(name: str, data: Any, seed: int = 3, **options: Any) -> batches.Parts:
    return load_parts(name, str(data), 0, seed, CPU, **options)


def one_by_one(part: Images, order: Tensor) -> tuple[Tensor, Tensor]:
    """Images as torchvision's ``ToTensor`` and ``Normalize`` give them, with their labels."""
    as_float = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    normalise = v2.Normalize(part.mean.flatten() / 255, part.std.flatten() / 255)
    images, labels = [], []
    for place in order.tolist():
        index = part.chosen[place]
        pixels = part.images[index].permute(1, 2, 0).numpy()
        images.append(normalise(as_float(pixels)))
        labels.append(part.labels[index])
    return torch.stack(images), torch.stack(labels)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_batches_are_what_torchvision_makes_one_by_one(
    name: str, layout: torch.memory_format, image_data: Any
) -> None:
    for part in parts_of(name, image_data):
        order = torch.randperm(len(part), generator=torch.Generator().manual_seed(1))
        images, labels = one_by_one(part, order)
        got = list(part.batches(16, order, layout=layout))
        assert [len(batch) for batch, _ in got] == [
            min(16, len(part) - begin) for begin in range(0, len(part), 16)
        ]
        assert len(got[-1][0]) < 16 or len(part) % 16 == 0
        torch.testing.assert_close(torch.cat([batch for batch, _ in got]), images)
        torch.testing.assert_close(torch.cat([of for _, of in got]), labels, rtol=0, atol=0)
        for batch, _ in got:
            assert batch.dtype == torch.float32
            assert batch.is_contiguous(memory_format=layout)


def test_without_an_order_they_are_as_they_are(image_data: Any) -> None:
    part = parts_of("mnist", image_data).val
    plain = torch.cat([labels for _, labels in part.batches(16)])
    assert plain.tolist() == part.labels[part.chosen].tolist()
    ordered = torch.cat([labels for _, labels in part.batches(16, torch.arange(len(part)))])
    assert torch.equal(plain, ordered)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("block", [1, 48, 50, 10_000])
def test_images_that_are_prepared_together_change_nothing(
    block: int, layout: torch.memory_format, image_data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = parts_of("cifar10", image_data).train
    order = torch.randperm(len(part), generator=torch.Generator().manual_seed(1))
    expected = list(part.batches(16, order))
    monkeypatch.setattr(batches, "BLOCK", block)
    got = list(part.batches(16, order, layout=layout))
    assert len(got) == len(expected) == 20
    for (images, labels), (others, other_labels) in zip(got, expected, strict=True):
        assert torch.equal(images, others)
        assert torch.equal(labels, other_labels)


def test_normalised_by_the_training_part_alone(image_data: Any) -> None:
    parts = parts_of("cifar10", image_data)
    data = load("cifar10", str(image_data))
    drawn = split(data.train.labels, data.test.labels, 0, 3)
    mean, std = moments(data.train, drawn.train)
    for part, chosen in zip(parts, drawn, strict=True):
        np.testing.assert_array_equal(part.chosen.numpy(), chosen)
        np.testing.assert_array_equal(part.mean.flatten().numpy(), mean)
        np.testing.assert_array_equal(part.std.flatten().numpy(), std)
    everything = torch.cat([images for images, _ in parts.train.batches(100)])
    torch.testing.assert_close(everything.mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(everything.std((0, 2, 3)), torch.ones(3), rtol=0, atol=1e-5)


def test_validation_images_are_training_images_but_for_whole(image_data: Any) -> None:
    parts, whole = parts_of("mnist", image_data), parts_of("mnist", image_data, whole=True)
    assert parts.val.images is parts.train.images
    assert parts.val.images is not parts.test.images
    assert whole.val.images is whole.test.images
    assert [len(part) for part in whole] == [400, 100, 100]


def test_parts_are_made_once_and_share_one_copy_of_the_images(image_data: Any) -> None:
    parts = parts_of("mnist", image_data)
    assert parts_of("mnist", image_data) is parts
    other = parts_of("mnist", image_data, seed=4)
    assert not torch.equal(other.train.chosen, parts.train.chosen)
    assert other.train.images.data_ptr() == parts.train.images.data_ptr()
    mapped = load("mnist", str(image_data)).train.images
    assert parts.train.images.data_ptr() == mapped.ctypes.data


# Random crop and flip


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_crop_and_flip(pixels: Tensor, draws: torch.Generator) -> Tensor:
    return crop_and_flip(pixels, *draw_crops_and_flips(len(pixels), draws))


@pytest.mark.parametrize("shape", [(50, 3, 32, 32), (50, 1, 28, 28), (7, 2, 5, 9), (1, 1, 1, 1)])
def test_random_crop_and_flip_as_one_by_one(shape: tuple[int, ...]) -> None:
    pixels = torch.randint(256, shape, generator=generator(1)).to(torch.uint8)
    got = random_crop_and_flip(pixels, generator())
    draws = generator()
    n, _, height, width = shape
    down, right = torch.randint(2 * PADDING + 1, (2, n), generator=draws).tolist()
    flip = torch.randint(2, (n,), generator=draws).tolist()
    assert (got.shape, got.dtype) == (pixels.shape, torch.uint8)
    for i in range(n):
        image = F.pad(pixels[i], (PADDING,) * 4)
        image = image[:, down[i] : down[i] + height, right[i] : right[i] + width]
        assert torch.equal(got[i], image.flip(2) if flip[i] else image)
    if n == 50:
        assert set(down) == set(right) == set(range(9))
        assert set(flip) == {0, 1}


def test_what_is_drawn_belongs_to_the_generator() -> None:
    pixels = torch.randint(256, (20, 3, 8, 8), generator=generator(1)).to(torch.uint8)
    before, state = pixels.clone(), torch.get_rng_state()
    one = generator()
    first, second = random_crop_and_flip(pixels, one), random_crop_and_flip(pixels, one)
    assert not torch.equal(first, second)
    assert torch.equal(first, random_crop_and_flip(pixels, generator()))
    assert not torch.equal(first, random_crop_and_flip(pixels, generator(2)))
    assert torch.equal(pixels, before)
    assert torch.equal(torch.get_rng_state(), state)


def test_augmented_batches_are_cropped_first_and_normalised_after(image_data: Any) -> None:
    """What comes in at an edge is black, not the mean."""
    part = parts_of("cifar10", image_data).train
    order = torch.arange(len(part))
    ((images, labels),) = part.batches(len(part), order, generator())
    cropped = random_crop_and_flip(part.images[part.chosen], generator())
    torch.testing.assert_close(images, (cropped.float() - part.mean) / part.std)
    assert torch.equal(labels, part.labels[part.chosen])
    assert torch.equal(load_parts("cifar10", str(image_data), 0, 3, CPU).train.images, part.images)
