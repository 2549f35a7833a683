"""Even regions of a picture: candidates for the patches of a chart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isp.values import Float32, Float64

SMALLEST = 12
"""Pixels below which a region's shape means nothing."""
LARGEST = 1 / 24
"""Of the picture: a chart of 24 patches fits in."""
FULL = (0.8, 1.12)
"""Area by the area of the parallelogram of the same second moments: 1 for parallelograms, 1.05 for ellipses."""
LONGEST = 2.5
"""Ratio of a region's axes: a square seen aslant."""


@dataclass(frozen=True)
class Regions:
    """Compact even regions.

    Parameters
    ----------
    centers : (N, 2) float64
        Centroids (x, y) [px]; 0 is the outer edge of the first pixel.
    areas : (N,) float64 [px²]
    """

    centers: Float64
    areas: Float64


def contrast(light: Float32, blur: float = 1.0) -> Float32:
    """(h, w) gradient of light after a square root, which evens out photon noise [1/px].

    Parameters
    ----------
    light : (h, w, 3) linear RGB of any scale
        Each channel is divided by its 95th percentile, so a colour cast or a dark picture does not matter.
    blur : standard deviation of the Gaussian before [px]
    """
    from scipy.ndimage import gaussian_filter

    total = np.zeros(light.shape[:2], np.float32)
    for channel in range(3):
        values = np.maximum(light[..., channel], 0.0)
        top = float(np.quantile(values, 0.95))
        if top <= 0.0:
            continue
        smooth = gaussian_filter(np.sqrt(values / top), blur, mode="nearest", truncate=3.0)
        down, right = np.gradient(smooth)
        total += down**2 + right**2
    return np.sqrt(total)


def even_regions(gradient: Float32, threshold: float) -> Regions:
    """Connected regions where the gradient stays below a threshold, if they are compact and not too large."""
    from scipy.ndimage import label

    labels, count = label(gradient < threshold)
    flat = labels.ravel()
    areas = np.bincount(flat, minlength=count + 1)
    usable = (areas >= SMALLEST) & (areas <= LARGEST * flat.size)
    usable[0] = False
    # sums over the usable regions only: the background is most of the picture
    kept = np.flatnonzero(usable[flat])
    y, x = np.divmod(kept, gradient.shape[1])
    numbers = (np.cumsum(usable) - 1)[flat[kept]]
    areas = areas[usable].astype(np.float64)
    x_mean, y_mean = (_sums(numbers, v, len(areas)) / areas for v in (x, y))
    dx, dy = x - x_mean[numbers], y - y_mean[numbers]
    # 1/12 is the second moment of a pixel's own area
    xx, yy, xy = (_sums(numbers, v, len(areas)) / areas for v in (dx * dx, dy * dy, dx * dy))
    xx, yy = xx + 1 / 12, yy + 1 / 12
    determinant = xx * yy - xy * xy
    spread = np.sqrt(np.maximum((xx - yy) ** 2 / 4 + xy**2, 0.0))
    longest = ((xx + yy) / 2 + spread) / np.maximum((xx + yy) / 2 - spread, 1e-9)
    fullness = areas / (12 * np.sqrt(determinant))
    good = (fullness > FULL[0]) & (fullness < FULL[1]) & (longest < LONGEST**2)
    return Regions(np.stack([x_mean + 0.5, y_mean + 0.5], axis=1)[good], areas[good])


def _sums(numbers: NDArray[np.intp], values: NDArray[np.generic], count: int) -> Float64:
    return np.asarray(np.bincount(numbers, values, count), np.float64)
