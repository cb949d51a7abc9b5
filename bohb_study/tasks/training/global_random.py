"""The global random generators, Python's, numpy's and PyTorch's, as one whose state can be saved.

Trainings may draw from them. Where several trainings take turns in one process, or one goes on in
another process, each needs them as it left them. Those of PyTorch are left out until something has
imported it: that takes seconds, and not every training needs it.
"""

import pickle
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


def seed_all(seed: int) -> None:
    """Seed all of them.

    Args:
        seed: in [0, 2**32).
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    if torch := _torch():
        if torch.cuda.is_available():
            torch.manual_seed(seed)  # those of GPUs as well
        else:  # the same at a hundredth of its cost, which is nearly half of a step's
            torch.default_generator.manual_seed(seed)


def take() -> bytes:
    """Where they stand; equal bytes where nothing was drawn in between."""
    torch, cpu, gpus = _torch(), None, []
    if torch:
        cpu = torch.get_rng_state().numpy()
        # a GPU that nothing has used yet is left alone: asking for its generator would start it
        started = torch.cuda.is_initialized()
        gpus = [gpu.numpy() for gpu in torch.cuda.get_rng_state_all()] if started else []
    return pickle.dumps(
        (random.getstate(), np.random.get_state(), cpu, gpus)  # noqa: NPY002
    )


def put(state: bytes) -> None:
    """Let them stand where ``take`` found them."""
    python, numpy, cpu, gpus = pickle.loads(state)
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002
    torch = _torch()
    if torch and cpu is not None:
        torch.set_rng_state(torch.from_numpy(cpu))
    if torch and gpus:
        torch.cuda.set_rng_state_all([torch.from_numpy(gpu) for gpu in gpus])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed them for the block, and let them stand where they stood before it."""
    before = take()
    seed_all(seed)
    try:
        yield
    finally:
        put(before)


def _torch() -> Any:
    """PyTorch, if anything has imported it."""
    return sys.modules.get("torch")
