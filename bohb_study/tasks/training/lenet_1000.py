"""The LeNet of ``fashion-mnist`` on 1,000 of its images: cheap enough for many seeds."""

from dataclasses import dataclass
from typing import Literal

from bohb_study.tasks.training.lenet import LeNet


@dataclass(frozen=True)
class LeNet1000(LeNet):
    """Train the tutorial's LeNet on 800 images of Fashion-MNIST, validated on 200.

    Space, network, fidelities and losses are those of the task ``fashion-mnist``. Other 1,000
    images, and 1,000 for testing, are drawn by each study's seed.
    """

    subset: int = 1000
    """Images for training and validation, a fifth of them for validation; 0 for all 60,000. At most
    as many of the test images are drawn."""

    summary = "LeNet of the PyTorch tutorial on 1,000 images of Fashion-MNIST: l1, l2, lr, batch"

    @property
    def source(self) -> Literal["fashion-mnist"]:
        """Whatever the task is called."""
        return "fashion-mnist"

    def on_all_data(self) -> None:  # type: ignore[override]
        """None: all of the images are the task ``fashion-mnist``."""
        return
