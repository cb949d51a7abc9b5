"""The networks, for images of any size from 16 x 16."""

import torch.nn.functional as F
from torch import Tensor, nn

from bohb_study.tasks.training.data_parallel import dropout
from bohb_study.tasks.training.images.formats import CLASSES


def lenet(channels: int, side: int, l1: int, l2: int, rate: float = 0.0) -> nn.Sequential:
    """LeNet of the PyTorch tutorial on Ray Tune, with hidden layers of widths l1 and l2.

    Maps images of shape (n, channels, side, side) to logits of shape (n, 10). The tutorial takes
    the maximum after the rectifier; before it gives the same and costs less. ``rate`` is that of
    the dropout behind each hidden layer, which the tutorial has not.
    """
    pixels = ((side - 4) // 2 - 4) // 2
    return nn.Sequential(
        nn.Conv2d(channels, 6, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(6, 16, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * pixels**2, l1),
        nn.ReLU(),
        *dropout(rate),
        nn.Linear(l1, l2),
        nn.ReLU(),
        *dropout(rate),
        nn.Linear(l2, CLASSES),
    )


class Block(nn.Module):
    """Two 3x3 convolutions and a way around them."""

    def __init__(self, before: int, after: int) -> None:
        """Halve the sides where the number of channels changes."""
        super().__init__()
        stride = 1 if before == after else 2
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.around = nn.Sequential()
        if stride == 2:
            # Every other pixel, then a convolution of stride 1: the gradient of oneDNN's 1x1
            # convolution of stride 2 is written past its end where a pixel has few channels.
            self.around = nn.Sequential(
                nn.AvgPool2d(1, stride),
                nn.Conv2d(before, after, 1, bias=False),
                nn.BatchNorm2d(after),
            )

    def forward(self, images: Tensor) -> Tensor:
        """Shape (n, before, h, w) to (n, after, h, w) or half as high and wide."""
        return F.relu(self.body(images) + self.around(images))


def resnet(channels: int, depth: int, width: int) -> nn.Sequential:
    """ResNet for small images (He et al., arXiv 1512.03385, section 4.2).

    Maps images of shape (n, channels, side, side) to logits of shape (n, 10). Shortcuts that change
    the number of channels are 1x1 convolutions (option B there).

    Args:
        channels: of the images.
        depth: layers with weights, 6 k + 2: 8, 14, 20, ...
        width: channels of the first third; doubled twice.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    before = width
    for after in (width, 2 * width, 4 * width):
        for _ in range((depth - 2) // 6):
            layers.append(Block(before, after))
            before = after
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, CLASSES)]
    return nn.Sequential(*layers)
