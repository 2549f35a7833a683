"""A coarse mesh of numbers per Bayer site, read with bilinear interpolation at every pixel.

Written separably to be cheap: the rows of the mesh are interpolated once per pixel row into a small stored plane,
[2 * mesh column + column parity], and each pixel then reads two neighbours of it. The position of a pixel is that of
its centre relative to the frame (DNG 1.7, GainMap opcode), constant beyond the mesh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.stage import Context
from isp.values import GainMesh

if TYPE_CHECKING:
    from isp.engine.graph import Array, Expr, Graph


def mesh_arrays(gains: NDArray[Any], mesh: GainMesh, context: Context) -> dict[str, NDArray[Any]]:
    """What `mesh_value` reads.

    Parameters
    ----------
    gains : (rows, columns, 4) float
        Values at the points of `mesh` for R, Gr, Gb, B (its own gains, or something made of them).
    mesh : GainMesh
        Says where the points lie.
    context : Context
        Gives the frame's size and phase.

    Returns
    -------
    dict
        `mesh` (rows, 2, 2 * columns): values by mesh row, row parity and interleaved column parity;
        `place` (2, 3): scale, offset and last index, vertically and horizontally.
    """
    rows, columns = gains.shape[:2]
    table = gains.reshape(rows, columns, 2, 2).transpose(0, 2, 1, 3).reshape(rows, 2, 2 * columns)
    place = []
    for size, phase, origin, spacing, count in zip(
        context.shape, reversed(context.cfa.phase), mesh.origin, mesh.spacing, (rows, columns), strict=True
    ):
        scale = 1.0 / (size * spacing)
        place.append([scale, (0.5 - phase) * scale - origin / spacing, count - 1])
    return {"mesh": table, "place": np.array(place)}


def mesh_value(graph: Graph, name: str, mesh: Array, place: Array) -> Expr:
    """The mesh's value at a pixel, for the colour of its site, as an expression (coordinates `graph.x`, `graph.y`)."""
    import halide as hl

    def corner(position: Expr, axis: int) -> tuple[Expr, Expr, Expr]:
        last = place[axis, 2]
        at = hl.clamp(hl.f32(position) * place[axis, 0] + place[axis, 1], hl.f32(0), last)
        low = hl.clamp(hl.floor(at), hl.f32(0), hl.max(last - hl.f32(1), hl.f32(0)))
        return hl.i32(low), hl.i32(hl.min(low + hl.f32(1), last)), at - low

    top, bottom, down = corner(graph.row, 0)
    first = hl.clamp(graph.x, 0, 2 * hl.i32(place[1, 2]) + 1)
    parity = graph.row % 2
    upper, lower = mesh[top, parity, first], mesh[bottom, parity, first]
    line = graph.plane(f"{name}_row", upper + (lower - upper) * down, stored=True)
    left, right, along = corner(graph.column, 1)
    odd = graph.column % 2
    near, far = line[2 * left + odd, graph.y], line[2 * right + odd, graph.y]
    return near + (far - near) * along


def sample(mesh: GainMesh, position: tuple[float, float]) -> NDArray[np.float64]:
    """(4,) gains at a relative (vertical, horizontal) position, on the host."""
    gains = mesh.gains.astype(np.float64)
    for place, origin, spacing in zip(position, mesh.origin, mesh.spacing, strict=True):
        at = float(np.clip((place - origin) / spacing, 0, len(gains) - 1))
        low = min(int(at), max(len(gains) - 2, 0))
        high = min(low + 1, len(gains) - 1)
        gains = gains[low] + (gains[high] - gains[low]) * (at - low)
    return gains
