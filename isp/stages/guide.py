"""The picture in small: the statistics thumbnail as later stages see it, and a mesh of numbers made from it.

What a stage finds out about neighbourhoods far larger than a stencil's reach, it finds on this thumbnail in its
`prepare`, and hands to its definition as a mesh of one cell per thumbnail pixel, read with bilinear interpolation
between the cells' centres and constant beyond them.

The thumbnail lies over the mosaic as it was before white balance, so a stage that bends the picture must come after
those that are guided.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import InputError, ProfileError
from isp.stage import Context
from isp.stages import ccm, find_stage, white_balance
from isp.values import Float64

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph


def scene(context: Context, largest: int) -> tuple[Float64, int]:
    """The scene in small, and the side of its pixels.

    White balance, colour matrix and exposure are those resolved so far. Where sites saturate, the colour they lost is
    taken to be white: all channels get the largest one's value, by the share of saturated sites.

    Parameters
    ----------
    context : Context
    largest : int
        Longest side [thumbnail px].

    Returns
    -------
    (h, w, 3) linear values in the domain at this point; side of a pixel [px of the frame]

    Raises
    ------
    InputError
        There are no statistics.
    ProfileError
        `distortion` has moved the picture away from its thumbnail.
    """
    bent = context.resolved.get("distortion")
    if bent is not None and not find_stage("distortion").identity(bent, context):
        raise ProfileError("distortion moves the picture away from its statistics; put local_tone and glare before it")
    if context.statistics is None:
        raise InputError("a small copy of the picture needs the statistics pass, which did not run")
    small = np.stack([context.statistics.thumbnail, context.statistics.saturated]).astype(np.float64)
    factor = -(-max(small.shape[1:3]) // largest)
    small = shrunk(small, factor)
    rgb, lost = small[0], small[1].max(axis=2, keepdims=True)
    if "white_balance" in context.resolved:
        rgb = rgb * white_balance.gains(context.resolved["white_balance"], context)
    rgb = rgb + (rgb.max(axis=2, keepdims=True) - rgb) * lost
    if "ccm" in context.resolved:
        rgb = rgb @ ccm.to_working(context.resolved["ccm"]).T
    if "exposure" in context.resolved:
        rgb = rgb * 2.0 ** float(context.resolved["exposure"]["ev"])
    return rgb, context.statistics.block * factor


def shrunk(pictures: Float64, factor: int) -> Float64:
    """(..., h, w, c) as means over boxes of `factor` x `factor`, the last ones filled up with their edge."""
    if factor == 1:
        return pictures
    pad = [(0, 0)] * pictures.ndim
    for axis in (-3, -2):
        pad[axis] = (0, -pictures.shape[axis] % factor)
    full = np.pad(pictures, pad, mode="edge")
    *lead, h, w, c = full.shape
    boxes = full.reshape(*lead, h // factor, factor, w // factor, factor, c)
    return np.asarray(boxes.mean(axis=(-4, -2)))


def mesh_arrays(cells: NDArray[Any], side: int, context: Context) -> dict[str, NDArray[Any]]:
    """What `mesh_value` reads.

    Parameters
    ----------
    cells : (h, w, c) float
    side : side of a cell [px of the frame]
    context : Context
        Says where in the frame the cells start: where the thumbnail does.

    Returns
    -------
    dict
        `mesh` (h, w * c); `down` (h, 2) and `across` (w, 2): in every line scale and offset from coordinates to cells.
    """
    h, w, c = cells.shape
    first = (0, 0) if context.statistics is None else context.statistics.start
    starts = [p + s for p, s in zip(context.phase, first, strict=True)]
    across, down = (
        np.tile([1.0 / side, (0.5 - s) / side - 0.5], (count, 1)) for s, count in zip(starts, (w, h), strict=True)
    )
    return {"mesh": cells.reshape(h, w * c), "down": down, "across": across}


def mesh_value(graph: Graph, arrays: Arrays, channels: int) -> list[Expr]:
    """The mesh's `channels` values at a pixel, as expressions (coordinates `graph.x`, `graph.y`)."""
    left, right, along = mesh_line(graph, arrays, channels)
    return [left(c) + (right(c) - left(c)) * along for c in range(channels)]


def mesh_line(
    graph: Graph, arrays: Arrays, channels: int
) -> tuple[Callable[[Expr], Expr], Callable[[Expr], Expr], Expr]:
    """The mesh in the row of a pixel: value by channel in the cells left and right of it, and its place between them.

    The rows are interpolated first, once for each cell and pixel row.
    """
    import halide as hl

    def corner(position: Expr, axis: str) -> tuple[Expr, Expr, Expr]:
        last = arrays.length(axis) - 1
        at = hl.f32(position) * arrays[axis][0, 0] + arrays[axis][0, 1]
        at = hl.clamp(at, hl.f32(0), hl.f32(last))
        low = hl.clamp(hl.i32(hl.floor(at)), 0, hl.max(last - 1, 0))
        return low, hl.min(low + 1, last), at - hl.f32(low)

    mesh = arrays["mesh"]
    top, bottom, down = corner(graph.row, "down")
    first = hl.clamp(graph.x, 0, channels * arrays.length("across") - 1)
    upper, lower = mesh[top, first], mesh[bottom, first]
    line = graph.plane("mesh_row", upper + (lower - upper) * down, stored=True)
    left, right, along = corner(graph.column, "across")
    return (
        lambda c: line[channels * left + c, graph.y],
        lambda c: line[channels * right + c, graph.y],
        along,
    )
