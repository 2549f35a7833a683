"""A change of colour that follows exposure, as a table that the stage `look_lut` reads exposure-independently.

Such a change maps light s to F(s) with F(k s) = k F(s). Over the logarithm of light that is a shift, the same in all
channels: G(x + t) = G(x) + t. A regular grid read by tetrahedra, each of which holds a grey diagonal of its cell, keeps
that property for every t, not only for steps of the grid. So the table is written over the curve of ACEScct
(`transfer: log`), which is a logarithm from 0.0078 of white on; darker colours are only as exact as the grid is fine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from isp.errors import UsageError
from isp.io.cube import LARGEST_3D, Cube
from isp.values import Float64

SLOPE, OFFSET, CUT, PLUS, OVER = 10.5402377416545, 0.0729055341958355, 0.0078125, 9.72, 17.52
"""ACEScct (Academy S-2016-001, 5.2): slope and offset of the straight part, where it ends, and the logarithm's."""


def scene_table(change: Callable[[Float64], Float64], size: int, title: str) -> dict[str, Any]:
    """Parameters of `look_lut` for a change of linear Rec.2020.

    Parameters
    ----------
    change : callable
        From (..., 3) to (..., 3) linear Rec.2020, growing as its input does.
    size : int
        Points a side, 2..129.
    title : of the table
    """
    if not 2 <= size <= LARGEST_3D:
        raise UsageError(f"size={size} must be in 2..{LARGEST_3D}")
    light = decoded(np.linspace(0.0, 1.0, size))
    blue, green, red = np.meshgrid(light, light, light, indexing="ij")
    table = encoded(change(np.stack([red, green, blue], axis=-1)))
    return {
        "file": Cube(table=table.astype(np.float32), title=title), "strength": 1.0, "space": "rec2020",
        "transfer": "log",
    }  # fmt: skip


def encoded(light: Float64) -> Float64:
    """ACEScct of linear light."""
    curve = (np.log2(np.maximum(light, CUT)) + PLUS) / OVER
    return np.where(light <= CUT, light * SLOPE + OFFSET, curve)


def decoded(code: Float64) -> Float64:
    """Linear light of ACEScct."""
    return np.where(code <= CUT * SLOPE + OFFSET, (code - OFFSET) / SLOPE, 2.0 ** (code * OVER - PLUS))
