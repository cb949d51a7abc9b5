"""Batch norm over the global batch of all ranks, on CPUs as well.

``torch.nn.SyncBatchNorm`` refuses tensors of the CPU, so there a layer of our own does what it does
(moments of all ranks combined as by Chan, Golub and LeVeque, 1979; one exchange forward, one
backward); on GPUs it is torch's.
"""

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

PLACES = (0, 2, 3)
"""Dimensions that a channel's moments are taken over."""


def with_global_batch_norm(model: nn.Module, device: torch.device) -> nn.Module:
    """``model`` with every BatchNorm2d replaced; parameters, buffers and their keys stay.

    Args:
        model: before DistributedDataParallel has it.
        device: on which it is to be.

    Raises:
        ValueError: on a CPU it has batch norm of another kind, or without running moments.
    """
    if device.type != "cpu":
        convert = nn.SyncBatchNorm.convert_sync_batchnorm
        converted: nn.Module = convert(model)  # type: ignore[no-untyped-call]
        return converted
    for name, child in model.named_children():
        setattr(model, name, with_global_batch_norm(child, device))
    if type(model) is nn.BatchNorm2d:
        return GlobalBatchNorm2d.like(model)
    if isinstance(model, nn.modules.batchnorm._BatchNorm):
        raise ValueError(f"{model}: on CPUs only BatchNorm2d can be taken over all ranks")
    return model


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d that takes its moments over the shares of all ranks, empty ones included."""

    @classmethod
    def like(cls, layer: nn.BatchNorm2d) -> "GlobalBatchNorm2d":
        """With the parameters and buffers of ``layer``.

        Raises:
            ValueError: ``layer`` has no running moments, or a momentum that is an average.
        """
        if not layer.track_running_stats or layer.momentum is None or not layer.affine:
            raise ValueError(f"{layer}: only with weights, running moments and a fixed momentum")
        made = cls(layer.num_features, layer.eps, layer.momentum)
        made.weight, made.bias = layer.weight, layer.bias
        made.running_mean, made.running_var = layer.running_mean, layer.running_var
        made.num_batches_tracked = layer.num_batches_tracked
        made.train(layer.training)
        return made

    def forward(self, values: Tensor) -> Tensor:
        """Shape (n, channels, height, width) on the CPU, n of this rank's share, to the same.

        Raises:
            ValueError: the global batch has one value per channel.
        """
        if not self.training:
            return super().forward(values)
        with torch.no_grad():
            mean, variance, count = _moments(values)
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            assert self.momentum is not None
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        result: Tensor = _Normalise.apply(
            values, self.weight, self.bias, mean, variance, count, self.eps
        )
        return result


def _moments(values: Tensor) -> tuple[Tensor, Tensor, float]:
    """Mean and biased variance per channel over the shares of all ranks.

    Args:
        values: this rank's share, shape (n, channels, height, width).

    Returns:
        Both of shape (channels,), in at least float32, and how many values each is of.
    """
    kind = torch.promote_types(values.dtype, torch.float32)
    n, channels, height, width = values.shape
    count = n * height * width
    if count:
        variance, mean = torch.var_mean(values.to(kind), PLACES, correction=0)
    else:
        variance = mean = torch.zeros(channels, dtype=kind)
    # in float64, in which counts are exact
    own = torch.cat([mean, variance, mean.new_tensor([0])]).double()
    own[-1] = count
    every = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(every, own)
    means, variances, counts = torch.split(torch.stack(every), [channels, channels, 1], dim=1)
    total = counts.sum().item()
    if total <= 1:
        raise ValueError("batch norm needs more than one value per channel in a global batch")
    shares = counts / total
    mean = (shares * means).sum(dim=0)
    variance = (shares * (variances + (means - mean).square())).sum(dim=0)
    return mean.to(kind), variance.to(kind), total


class _Normalise(torch.autograd.Function):
    """Normalise by moments that depend on the values of every rank.

    The gradient is that of batch norm (Ioffe and Szegedy, arXiv 1502.03167, section 3), with the
    two sums in it taken over all ranks. Those of weight and bias are this rank's part.
    """

    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        count: float,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(values, weight, mean, variance)
        ctx.count, ctx.eps = count, eps
        return F.batch_norm(values, mean, variance, weight, bias, eps=eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        values, weight, mean, variance = ctx.saved_tensors
        if len(values):
            # as if the moments were constants; for values, weight and bias in one pass
            direct, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
                gradient, values, weight, mean, variance, None, None, False, ctx.eps, [True] * 3
            )
        else:  # of which torch's kernel dies
            direct, of_weight, of_bias = gradient, torch.zeros_like(mean), torch.zeros_like(mean)
        totals = torch.stack([of_bias, of_weight])
        dist.all_reduce(totals)
        inverse = (variance + ctx.eps).rsqrt()
        scale = weight * inverse / ctx.count
        by_value = scale * inverse * totals[1]
        constant = scale * totals[0] - by_value * mean
        shape = (1, -1, 1, 1)
        kind = values.dtype
        of_values = direct - constant.view(shape).to(kind) - values * by_value.view(shape).to(kind)
        return of_values, of_weight, of_bias, None, None, None, None
