"""From distances to layers: how blurred each pixel will be."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import InputError
from isp.lens_look.layers import Int16, Layers
from isp.values import Float32

EDGE = 1.1
"""Neighbouring distances that differ by more than this ratio belong to different things."""
ROWS = 256
"""Rows that are worked on at a time."""


def vergence(plane: NDArray[Any], shape: tuple[int, int], calibration: tuple[float, ...] = ()) -> Float32:
    """1 / distance [1/m] of a depth map or a disparity image, at its own size.

    Parameters
    ----------
    plane : (h, w)
        Distance [m], > 0; with `calibration` a disparity.
    shape : (H, W) of the picture, of which the map shows the same
    calibration : (scale, offset)
        1 / distance = scale * disparity + offset [1/m]; empty for distances. What comes out below 0 is at infinity.

    Raises
    ------
    InputError
        A distance is not > 0, a disparity is not finite, or the map has another shape than the picture.
    """
    (h, w), (height, width) = plane.shape, shape
    if abs(w * height - h * width) > max(h, w, height, width) + 0.01 * w * height:
        raise InputError(
            f"the depth plane, {w}x{h}, has another shape than the picture, {width}x{height}; it must show the same"
        )
    if calibration:
        away = plane.astype(np.float32) * np.float32(calibration[0]) + np.float32(calibration[1])
        lost = int(np.count_nonzero(~np.isfinite(away)))
        if lost:
            raise InputError(f"{lost} of {plane.size} disparities of the depth plane are not finite")
        return np.asarray(np.maximum(away, 0), np.float32)
    bad = int(np.count_nonzero(~(plane > 0)))
    if bad:
        raise InputError(f"{bad} of {plane.size} distances of the depth plane are not > 0 m")
    return np.asarray(1 / plane.astype(np.float32), np.float32)


def numbered(
    away: Float32, focus: float, numbers: Layers, shape: tuple[int, int], largest: float, pool: Executor
) -> Int16:
    """Layer of each pixel.

    Parameters
    ----------
    away : (h, w) float32, 1 / distance [1/m], of any size
    focus : [m]
    numbers : Layers
    shape : (H, W) of the picture
    largest : blur diameter beyond which things are not blurred more [px]
    """
    result = np.empty(shape, np.int16)

    def part(top: int) -> None:
        rows = np.arange(top, min(top + ROWS, shape[0]))
        near = away[rows] if away.shape == shape else _between(away, rows, shape)
        blur = np.float32(numbers.infinity) * (1 - np.float32(focus) * near)
        result[rows] = numbers.of(np.clip(blur, -largest, largest))

    for _ in pool.map(part, range(0, shape[0], ROWS)):
        pass
    return result


def _between(away: Float32, rows: NDArray[Any], shape: tuple[int, int]) -> Float32:
    """Between four samples of about the same distance a bilinear mean, at steps the nearest one."""
    (h, w), (height, width) = away.shape, shape
    v, u = ((index + 0.5) * n / size - 0.5 for index, n, size in ((rows, h, height), (np.arange(width), w, width)))
    v, u = np.clip(v, 0, h - 1)[:, None], np.clip(u, 0, w - 1)[None, :]
    top, left = v.astype(np.intp), u.astype(np.intp)
    bottom, right = np.minimum(top + 1, h - 1), np.minimum(left + 1, w - 1)
    fy, fx = (v - top).astype(np.float32), (u - left).astype(np.float32)
    a, b, c, d = away[top, left], away[top, right], away[bottom, left], away[bottom, right]
    low, high = np.minimum(np.minimum(a, b), np.minimum(c, d)), np.maximum(np.maximum(a, b), np.maximum(c, d))
    upper, lower = a + fx * (b - a), c + fx * (d - c)
    nearest = np.where(fy < 0.5, np.where(fx < 0.5, a, b), np.where(fx < 0.5, c, d))
    return np.asarray(np.where(high <= EDGE * low, upper + fy * (lower - upper), nearest), np.float32)
