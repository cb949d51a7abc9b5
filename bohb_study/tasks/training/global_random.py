"""The global random generators, Python's, numpy's and PyTorch's, as one whose state can be saved.

Training functions draw from them. Where several trainings take turns in one process, or one goes
on in another process, each needs them as it left them.
"""

import pickle
import random

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Seed all of them.

    Args:
        seed: in [0, 2**32).
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)  # those of GPUs as well


def take() -> bytes:
    """Where they stand; equal bytes where nothing was drawn in between."""
    # a GPU that nothing has used yet is left alone: asking for its generator would start it
    started = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    gpus = torch.cuda.get_rng_state_all() if started else []
    state = (
        random.getstate(),
        np.random.get_state(),  # noqa: NPY002
        torch.get_rng_state().numpy(),
        [gpu.numpy() for gpu in gpus],
    )
    return pickle.dumps(state)


def put(state: bytes) -> None:
    """Let them stand where ``take`` found them."""
    python, numpy, cpu, gpus = pickle.loads(state)
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002
    torch.set_rng_state(torch.from_numpy(cpu))
    if gpus:
        torch.cuda.set_rng_state_all([torch.from_numpy(gpu) for gpu in gpus])
