"""ResNet-50 for small images, cut into two stages; apart, since torchvision is slow to import."""

from collections import OrderedDict

from torch import nn
from torchvision.models.resnet import Bottleneck

from bohb_study.tasks.training.images.formats import CLASSES

BLOCKS = (3, 4, 6, 3)
"""Bottleneck blocks of the four layers."""


def resnet50_stages(channels: int, width: int, boundary: int) -> nn.Sequential:
    """A ResNet-50 of torchvision's bottleneck blocks, as two stages in a row.

    Maps images of shape (n, channels, side, side) to logits of shape (n, 10). For small images the
    stem is a 3x3 convolution of stride 1 and nothing is pooled after it, as is usual on CIFAR:
    torchvision's own stem would leave 8x8 of 32x32 pixels before the first block. Shortcuts that
    halve the sides take every other pixel and then a convolution of stride 1, for the reason given
    in ``networks.Block``; this computes the same. Initial weights are drawn as torchvision does, in
    the order of the layers, so they do not depend on the boundary.

    Args:
        channels: of the images.
        width: of the stem and of the first layer's bottlenecks, 64 in the paper; doubled thrice.
        boundary: layers of the four that belong to the first stage, 1 to 3.

    Returns:
        Two modules, ``first`` (stem and layers) and ``second`` (layers, pooling and classifier);
        one after another they are the whole network.
    """
    stem = nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )
    parts: list[tuple[str, nn.Module]] = [("stem", stem)]
    before = width
    for number, blocks in enumerate(BLOCKS):
        inside = width * 2**number
        layer = _layer(before, inside, blocks, stride=2 if number else 1)
        parts.append((f"layer{number + 1}", layer))
        before = inside * Bottleneck.expansion
    parts += [
        ("pool", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten()),
        ("classifier", nn.Linear(before, CLASSES)),
    ]
    first, second = (
        nn.Sequential(OrderedDict(p)) for p in (parts[: boundary + 1], parts[boundary + 1 :])
    )
    network = nn.Sequential(OrderedDict(first=first, second=second))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def _layer(before: int, inside: int, blocks: int, stride: int) -> nn.Sequential:
    """Blocks with ``inside`` channels in their middle; the first one takes ``before``."""
    after = inside * Bottleneck.expansion
    shortcut = nn.Sequential(
        nn.AvgPool2d(1, stride), nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after)
    )
    first = Bottleneck(before, inside, stride, shortcut)
    return nn.Sequential(first, *(Bottleneck(after, inside) for _ in range(blocks - 1)))
