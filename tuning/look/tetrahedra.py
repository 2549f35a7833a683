"""Tetrahedral interpolation as weights: which four points of a table a colour reads, and how much of each.

The same as the stage `look_lut` (J. M. Kasson, W. Plouffe, S. I. Nin, SPIE 1909 (1993) 127), so that a table fitted
here is the one that the stage reads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.values import Float64


def corners(rgb: Float64, size: int) -> tuple[NDArray[np.intp], Float64]:
    """Indices (N, 4) into the points of a table and their weights (N, 4), which add up to 1.

    Parameters
    ----------
    rgb : (N, 3) float
        Colours; held to 0..1.
    size : int
        Points a side. Point (b, g, r) has the index (b size + g) size + r, as in `isp.io.cube.Cube`.
    """
    at = np.clip(rgb, 0.0, 1.0) * (size - 1)
    low = np.minimum(at.astype(np.intp), size - 2)
    part = at - low
    order = np.argsort(-part, axis=1, kind="stable")
    sorted_ = np.take_along_axis(part, order, 1)
    bounds = np.concatenate([np.ones((len(at), 1)), sorted_, np.zeros((len(at), 1))], 1)
    stride = np.array([1, size, size * size])
    first = (low @ stride)[:, None]
    return np.concatenate([first, first + np.cumsum(stride[order], 1)], 1), bounds[:, :-1] - bounds[:, 1:]


def looked_up(table: NDArray[Any], rgb: Float64) -> Float64:
    """Colours (..., 3) read from a table (n, n, n, 3) at [blue, green, red]."""
    index, weight = corners(rgb.reshape(-1, 3), len(table))
    flat = np.asarray(table, np.float64).reshape(-1, 3)
    found = sum(flat[index[:, k]] * weight[:, k, None] for k in range(4))
    return np.asarray(found).reshape(rgb.shape)


def identity_table(size: int) -> Float64:
    """(size, size, size, 3) at [blue, green, red]: the table that changes nothing."""
    g = np.linspace(0.0, 1.0, size)
    blue, green, red = np.meshgrid(g, g, g, indexing="ij")
    return np.stack([red, green, blue], -1)
