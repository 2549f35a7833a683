"""A coarse mesh of numbers per Bayer site, read with bilinear interpolation at every pixel.

Written separably to be cheap: the rows of the mesh are interpolated once per pixel row into a small stored plane,
[2 * mesh column + column parity], and each pixel then reads two neighbours of it. The position of a pixel is that of
its centre relative to the frame (DNG 1.7, GainMap opcode), constant beyond the mesh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.stage import Context
from isp.values import GainMesh

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph


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
        `down` (rows, 2) and `across` (columns, 2): in every line the scale and offset from pixels to mesh points
        (their lengths tell the program how large the mesh is).
    """
    rows, columns = gains.shape[:2]
    table = gains.reshape(rows, columns, 2, 2).transpose(0, 2, 1, 3).reshape(rows, 2, 2 * columns)
    places = []
    for size, phase, origin, spacing, count in zip(
        context.shape, reversed(context.phase), mesh.origin, mesh.spacing, (rows, columns), strict=True
    ):
        scale = 1.0 / (size * spacing)
        places.append(np.tile([scale, (0.5 - phase) * scale - origin / spacing], (count, 1)))
    return {"mesh": table, "down": places[0], "across": places[1]}


def mesh_value(graph: Graph, arrays: Arrays, name: str = "mesh") -> Expr:
    """The mesh's value at a pixel, for the colour of its site, as an expression (coordinates `graph.x`, `graph.y`)."""
    import halide as hl

    def corner(position: Expr, axis: str) -> tuple[Expr, Expr, Expr]:
        last = arrays.length(axis) - 1
        at = hl.f32(position) * arrays[axis][0, 0] + arrays[axis][0, 1]
        at = hl.clamp(at, hl.f32(0), hl.f32(last))
        low = hl.clamp(hl.i32(hl.floor(at)), 0, hl.max(last - 1, 0))
        return low, hl.min(low + 1, last), at - hl.f32(low)

    mesh = arrays[name]
    top, bottom, down = corner(graph.row, "down")
    first = hl.clamp(graph.x, 0, 2 * arrays.length("across") - 1)
    parity = graph.row // graph.block % 2
    upper, lower = mesh[top, parity, first], mesh[bottom, parity, first]
    line = graph.plane(f"{name}_row", upper + (lower - upper) * down, stored=True)
    left, right, along = corner(graph.column, "across")
    odd = graph.column // graph.block % 2
    near, far = line[2 * left + odd, graph.y], line[2 * right + odd, graph.y]
    return near + (far - near) * along


def sampled(mesh: GainMesh, down: ArrayLike, across: ArrayLike) -> NDArray[np.float64]:
    """(len(down), len(across), 4) gains at relative vertical and horizontal positions, on the host."""
    gains = mesh.gains.astype(np.float64)
    for axis, (places, origin, spacing) in enumerate(zip((down, across), mesh.origin, mesh.spacing, strict=True)):
        last = gains.shape[axis] - 1
        at = np.clip((np.asarray(places, np.float64) - origin) / spacing, 0, last)
        low = np.minimum(at.astype(np.intp), max(last - 1, 0))
        near, far = (np.take(gains, index, axis) for index in (low, np.minimum(low + 1, last)))
        gains = near + (far - near) * np.expand_dims(at - low, tuple(i for i in range(3) if i != axis))
    return gains
