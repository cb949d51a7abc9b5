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


_States = tuple[Any, Any, Any, Any]
"""Of Python's generator, numpy's, and PyTorch's on the CPU and on each GPU."""


def take() -> bytes:
    """Where they stand; equal bytes where nothing was drawn in between."""
    return pickle.dumps(_read())


def put(state: bytes) -> None:
    """Let them stand where ``take`` found them."""
    _write(pickle.loads(state))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed them for the block, and let them stand where they stood before it."""
    before = _read()
    seed_all(seed)
    try:
        yield
    finally:
        _write(before)


def _read() -> _States:
    torch, cpu, gpus = _torch(), None, []
    if torch:
        cpu = torch.get_rng_state().numpy()
        # a GPU that nothing has used yet is left alone: asking for its generator would start it
        started = torch.cuda.is_initialized()
        gpus = [gpu.numpy() for gpu in torch.cuda.get_rng_state_all()] if started else []
    return random.getstate(), np.random.get_state(), cpu, gpus  # noqa: NPY002


def _write(states: _States) -> None:
    python, numpy, cpu, gpus = states
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002
    torch = _torch()
    if torch and cpu is not None:
        torch.set_rng_state(torch.from_numpy(cpu))
    if torch and gpus:
        torch.cuda.set_rng_state_all([torch.from_numpy(gpu) for gpu in gpus])


def _torch() -> Any:
    """PyTorch, if anything has imported it."""
    return sys.modules.get("torch")
