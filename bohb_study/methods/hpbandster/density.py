"""The two densities of BOHB's model, evaluated at all candidates at once."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


class LazyModel(Mapping[str, Any]):
    """HpBandSter's ``{"good": kde, "bad": kde}``, fitted when first looked at."""

    def __init__(self, fit: Callable[[], dict[str, Any]]) -> None:
        """Set up the model.

        Args:
            fit: gives the two densities; called once at most.
        """
        self._fit = fit

    @cached_property
    def _fitted(self) -> dict[str, Any]:
        return self._fit()

    def __getitem__(self, key: str) -> Any:
        return self._fitted[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fitted)

    def __len__(self) -> int:
        return len(self._fitted)


def densities(kde: Any, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """``kde.pdf`` of statsmodels, bit for bit, which goes through the points one by one.

    The same floating-point operations in the same order, on arrays of all points and observations.
    Source: statsmodels 0.15, nonparametric/_kernel_base.py (gpke) and kernels.py (gaussian,
    aitchison_aitken).

    Args:
        kde: a ``KDEMultivariate`` of continuous (c) and unordered (u) variables; its ``data`` has
            shape (n, d).
        points: shape (m, d).

    Returns:
        Shape (m,); inf or NaN where an unordered variable has a single level in ``data``.
    """
    product = np.ones((len(points), kde.nobs))
    kernel = np.empty_like(product)
    bandwidths = np.asarray(kde.bw)
    # a variable of one level divides by zero, which the caller sees in the result
    with np.errstate(all="ignore"):
        for kind, h, data, x in zip(
            kde.var_type, bandwidths, kde.data.T, points.T[..., np.newaxis], strict=True
        ):
            if kind == "c":
                np.subtract(data, x, out=kernel)
                np.square(kernel, out=kernel)
                # h is a scalar, as there: the power of an array need not give the same bits
                np.divide(kernel, -(h**2 * 2.0), out=kernel)
                np.exp(kernel, out=kernel)
                np.multiply(kernel, 1.0 / np.sqrt(2 * np.pi), out=kernel)
            else:
                kernel[...] = h / (np.unique(data).size - 1)
                kernel[data == x] = 1 - h
            # variable after variable, as the product along a row of statsmodels' array
            np.multiply(product, kernel, out=product)
        product /= np.prod(bandwidths[[kind == "c" for kind in kde.var_type]])
        # along the contiguous axis, where numpy sums pairwise as it does for one point
        sums: NDArray[np.float64] = product.sum(axis=1) / kde.nobs
    return sums
