"""Candidates around the good observations of BOHB's model, with HpBandSter's draws."""

from typing import Any

import numpy as np
import scipy.stats as sps
from numpy.typing import NDArray

from bohb_study.arrays import Floats


def draw_candidates(
    rng: np.random.RandomState,
    good: Any,
    choices: NDArray[np.int_],
    count: int,
    min_bandwidth: float,
    bandwidth_factor: float,
) -> Floats:
    """Points near good observations.

    The numbers are drawn one by one in HpBandSter's order, since how many there are depends on
    their values; what is costly, the truncated normals, is computed for all candidates at once.

    Args:
        rng: what is drawn from.
        good: the density of the good observations: ``data`` of shape (n, d), ``bw`` of shape (d,).
        choices: of each hyperparameter, 0 for a continuous or integer one, shape (d,).
        count: how many candidates.
        min_bandwidth: least bandwidth.
        bandwidth_factor: widens the continuous bandwidths.

    Returns:
        Shape (count, d): values in the unit cube or category indices.
    """
    data: list[list[float]] = good.data.tolist()
    widths = np.maximum(good.bw, min_bandwidth)
    columns = list(zip((1 - widths).tolist(), choices.tolist(), strict=True))
    uniform, integer = rng.random_sample, rng.randint
    rows: list[int] = []
    drawn: list[float] = []
    for _ in range(count):
        row = integer(0, len(data))
        rows.append(row)
        for (stay, levels), value in zip(columns, data[row], strict=True):
            if levels == 0:
                drawn.append(uniform())
            else:
                drawn.append(value if uniform() < stay else integer(levels))
    points = np.array(drawn, dtype=float).reshape(count, len(columns))
    real = choices == 0
    if real.any():
        points[:, real] = truncated_normals(
            points[:, real], good.data[rows][:, real], bandwidth_factor * widths[real]
        )
    return points


def truncated_normals(uniforms: Floats, means: Floats, widths: Floats) -> Floats:
    """What ``scipy.stats.truncnorm.rvs`` makes of uniform variates, on the unit interval.

    Args:
        uniforms: in (0, 1), shape (m, k). (At exactly 0, one draw in 2**53, scipy's two ways
            need not agree.)
        means: of the normal distributions before truncation, in [0, 1], shape (m, k).
        widths: their standard deviations, positive, shape (k,).

    Returns:
        ``rvs(-mean/width, (1-mean)/width, loc=mean, scale=width)``, bit for bit, shape (m, k).
    """
    low, high = -means / widths, (1 - means) / widths
    values: Floats = sps.truncnorm.ppf(uniforms, low, high, loc=means, scale=widths)
    return values
