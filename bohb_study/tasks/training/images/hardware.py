"""On what a training runs, and in which precision."""

import os
from dataclasses import dataclass
from functools import cache

import torch


@dataclass(frozen=True)
class Hardware:
    """A device and the precision in which networks run there."""

    device: torch.device
    mixed: torch.dtype | None = None
    """Type of the products under mixed precision; None: float32 throughout."""

    @property
    def scaled(self) -> bool:
        """Whether gradients must be scaled: those of float16 would vanish."""
        return self.mixed is torch.float16


@cache
def hardware() -> Hardware:
    """The first GPU that this process may use, in mixed precision, else the CPU.

    Engines hide GPUs from trials that were given none (``gpus_per_trial``), so a study gives the
    same rows wherever it runs.
    """
    # for deterministic products; must be set before CUDA is
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if not torch.cuda.is_available():
        return Hardware(torch.device("cpu"))
    mixed = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return Hardware(torch.device("cuda"), mixed)


def stage_devices(device: torch.device) -> tuple[torch.device, torch.device]:
    """Where the two stages of a split network run: on two GPUs, on one, or on the CPU.

    Args:
        device: ``hardware().device``.
    """
    if device.type == "cpu":
        return device, device
    last = torch.cuda.device_count() - 1
    return torch.device("cuda", 0), torch.device("cuda", min(1, last))
