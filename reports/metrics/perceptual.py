"""FLIP: what one sees when two pictures take turns on the screen."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.errors import UsageError
from isp.values import Float32, Float64
from reports.estimate import Estimate
from reports.light import values
from reports.metrics.tiles import Tiles, checked

PIXELS_PER_DEGREE = 67.0
"""FLIP's default: a 4K screen 0.7 m wide, seen from 0.7 m (Andersson et al. 2020)."""
SIDE, HALO = 256, 32
"""Squares that are looked at in a large picture, and the surroundings that the filters need [px]."""


def flip_map(
    picture: ArrayLike, reference: ArrayLike, *, pixels_per_degree: float = PIXELS_PER_DEGREE
) -> Float32:
    """LDR-FLIP of every pixel (H, W), 0..1; see `flip`. Takes two seconds for a megapixel."""
    import flip_evaluator

    if not (math.isfinite(pixels_per_degree) and pixels_per_degree > 0):
        raise UsageError(f"pixels_per_degree {pixels_per_degree} must be above 0")
    one, two = (np.clip(_color(a), 0, 1).astype(np.float32) for a in checked(picture, reference))
    found, _, _ = flip_evaluator.evaluate(
        two, one, "LDR", applyMagma=False, computeMeanError=False, parameters={"ppd": float(pixels_per_degree)}
    )
    return np.asarray(found[..., 0], np.float32)


def flip(
    picture: ArrayLike,
    reference: ArrayLike,
    *,
    pixels_per_degree: float = PIXELS_PER_DEGREE,
    limit: int = 1_000_000,
    seed: int = 0,
) -> Estimate:
    """LDR-FLIP, the difference one sees when flipping between two pictures (Andersson et al. 2020); 0 is identical.

    Computed by flip-evaluator, mean over pixels.

    Parameters
    ----------
    picture, reference : (H, W) or (H, W, 3)
        sRGB-encoded values 0..1, or integer codes.
    pixels_per_degree : float
        Of visual angle; finer pixels hide more. 67 is a 4K screen 0.7 m wide at 0.7 m.
    limit : int
        Most pixels that are looked at: of larger pictures, squares of 256 px spread evenly, where both are taken from
        the same places. `flip_map` has no limit.
    seed : int
        Of the resampling.

    Raises
    ------
    UsageError, NumericError
        Pictures of different size, values that are not finite, or a number that is not above 0.
    """
    one, two = checked(picture, reference)
    height, width = one.shape[:2]
    if height * width <= max(limit, SIDE**2):
        return Tiles.of(flip_map(one, two, pixels_per_degree=pixels_per_degree)).estimate(seed=seed)
    parts = []
    for top, left in _spread(height, width, max(1, limit // SIDE**2)):
        y0, x0 = max(top - HALO, 0), max(left - HALO, 0)
        part = np.s_[y0 : top + SIDE + HALO, x0 : left + SIDE + HALO]
        found = flip_map(one[part], two[part], pixels_per_degree=pixels_per_degree)
        parts.append(Tiles.of(found[top - y0 :, left - x0 :][:SIDE, :SIDE]))
    return Tiles.join(parts).estimate(seed=seed)


def _spread(height: int, width: int, count: int) -> list[tuple[int, int]]:
    """Top left corners of about `count` squares (never more) spread evenly over a picture."""
    most = max(1, height // SIDE), max(1, width // SIDE)
    rows = min(most[0], max(1, int(math.sqrt(count * height / width))))
    columns = min(most[1], max(1, count // rows))
    ys, xs = ((np.arange(n) + 0.5) / n * size - SIDE / 2 for n, size in ((rows, height), (columns, width)))
    return [(max(0, int(y)), max(0, int(x))) for y in ys for x in xs]


def _color(pixels: NDArray[np.generic]) -> Float64:
    given = values(pixels)
    return given if given.ndim == 3 else np.repeat(given[..., None], 3, 2)
