"""Logarithms and square roots of tensors that are the same on every maker's processors.

PyTorch leaves both to MKL, whose double-precision kernels begin from the approximate reciprocal
(``rcpps``, ``rsqrtps``), an instruction that rounds otherwise on AMD's processors than on Intel's;
this is so in the branch ``COMPATIBLE`` too. numpy's square root is the processor's, which IEEE 754
defines to the last bit; its logarithm is the C library's under the baseline (see docs/numerics.md).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class _Log(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, given: Tensor) -> Tensor:
        ctx.save_for_backward(given)
        with np.errstate(divide="ignore", invalid="ignore"):
            return torch.from_numpy(np.asarray(np.log(given.numpy())))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (given,) = ctx.saved_tensors
        found: Tensor = gradients[0] / given
        return found


class _Sqrt(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, given: Tensor) -> Tensor:
        with np.errstate(invalid="ignore"):
            root = torch.from_numpy(np.asarray(np.sqrt(given.numpy())))
        ctx.save_for_backward(root)
        return root

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (root,) = ctx.saved_tensors
        found: Tensor = gradients[0] / (2 * root)
        return found


def _logsumexp(given: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """As PyTorch defines it; the largest is taken out, so that nothing overflows."""
    largest = given.detach().amax(dim, keepdim=True)
    largest = torch.where(largest.isfinite(), largest, torch.zeros_like(largest))
    total = (given - largest).exp().sum(dim, keepdim=True)
    found: Tensor = _Log.apply(total) + largest
    return found if keepdim else found.sum(dim)  # over what has one element


class SameFunctions(TorchFunctionMode):
    """Within it, ``log``, ``sqrt`` and ``logsumexp`` of tensors on the CPU, and their gradients."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call ``func``, or what stands for it here."""
        found = _INSTEAD.get(func, func)
        return found(*args, **(kwargs or {}))


_INSTEAD: dict[Any, Callable[..., Any]] = {
    torch.log: _Log.apply,
    Tensor.log: _Log.apply,
    Tensor.log_: lambda given: given.copy_(_Log.apply(given)),
    torch.sqrt: _Sqrt.apply,
    Tensor.sqrt: _Sqrt.apply,
    Tensor.sqrt_: lambda given: given.copy_(_Sqrt.apply(given)),
    torch.logsumexp: _logsumexp,
    torch.special.logsumexp: _logsumexp,
    Tensor.logsumexp: _logsumexp,
}
"""What Optuna's Gaussian process calls, and what is called instead."""
