"""The compiled part of the dead leaves: disks laid front to back over the photosites of each cell."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.engine.programs import obtain
from isp.engine.runtime import Program, buffer_of
from sensors.scenes.scene import Float32, Float64

CELL = 16
"""Side of a cell [photosites]. Values do not depend on it."""


def paint_cells(
    x: Float64,
    y: Float64,
    place: Float64,
    values: Float32,
    ground: Float32,
    first: NDArray[np.int32],
    count: NDArray[np.int32],
    order: NDArray[np.int32],
) -> Float32:
    """Planes of a tile under disks.

    Parameters
    ----------
    x, y : float64 positions [photosites], of shapes (1, w) and (h, 1), or both (h, w)
    place : (N, 3) float64 x, y and radius of the disks [photosites]
    values : (N, C) float32
    ground : (C,) float32, what shows between the disks
    first, count : (rows, columns) int32, each cell's part of `order`
    order : int32, disks from the front to the back

    Returns
    -------
    Float32
        (C, h, w)
    """
    rows, columns = count.shape
    channels = len(ground)
    height, width = y.shape[0], x.shape[1]
    warped = x.shape[0] == height and y.shape[1] == width and height * width > 1
    shape = (rows * CELL, columns * CELL)
    at: list[NDArray[Any]]
    place = np.concatenate([place, np.zeros((1, 3))])
    values = np.ascontiguousarray(np.concatenate([values, np.zeros((1, channels), np.float32)]))
    if warped:
        ends = ((0, shape[0] - height), (0, shape[1] - width))
        at = [np.pad(p, ends, "edge").reshape(rows, CELL, columns, CELL) for p in (x, y)]
    else:
        at = [
            np.pad(x[0], (0, shape[1] - width), "edge").reshape(columns, CELL),
            np.pad(y[:, 0], (0, shape[0] - height), "edge").reshape(rows, CELL),
        ]
    result = np.empty((channels, *shape), np.float32)
    out = result.reshape(channels, rows, CELL, columns, CELL)
    arrays: tuple[NDArray[Any], ...] = (*at, np.ascontiguousarray(place), values, ground, first, count, order, out)
    _program(channels, warped)(*(buffer_of(a) for a in arrays))
    return np.ascontiguousarray(result[:, :height, :width])


@cache
def _program(channels: int, warped: bool) -> Program:
    source = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    return obtain(f"leaves {channels} {warped} {source}", 9, "dead leaves", lambda: _build(channels, warped))


def _build(channels: int, warped: bool) -> tuple[Any, list[Any]]:
    import halide as hl

    axes = 4 if warped else 2
    across = hl.ImageParam(hl.Float(64), axes, "x")
    down = hl.ImageParam(hl.Float(64), axes, "y")
    place = hl.ImageParam(hl.Float(64), 2, "place")
    values = hl.ImageParam(hl.Float(32), 2, "values")
    ground = hl.ImageParam(hl.Float(32), 1, "ground")
    first = hl.ImageParam(hl.Int(32), 2, "first")
    count = hl.ImageParam(hl.Int(32), 2, "count")
    order = hl.ImageParam(hl.Int(32), 1, "order")
    i, column, j, row, c = (hl.Var(name) for name in ("i", "column", "j", "row", "c"))
    here = (i, column, j, row)
    at_x = across[here] if warped else across[i, column]
    at_y = down[here] if warped else down[j, row]

    # (value gathered so far for each channel, share of the photosite still in sight); the share is stored last
    sight = hl.Func("sight")
    sight[here] = tuple(hl.f32(1 if n == channels else 0) for n in range(channels + 1))
    r = hl.RDom([(0, order.dim(0).extent())], "r")
    r.where(r.x < hl.likely(count[column, row]))
    entry = hl.clamp(first[column, row] + r.x, 0, order.dim(0).extent() - 1)
    disk = hl.clamp(order[entry], 0, place.dim(1).extent() - 1)
    dx = hl.f32(at_x - place[0, disk])
    dy = hl.f32(at_y - place[1, disk])
    away = hl.max(hl.sqrt(dx * dx + dy * dy), hl.f32(1e-9))
    # the area of a unit square on one side of a line, as in sensors.scenes.coverage.half_plane
    a, b = hl.abs(dx) / away, hl.abs(dy) / away
    major, minor = hl.max(a, b), hl.max(hl.min(a, b), hl.f32(1e-6))
    distance = hl.f32(place[2, disk]) - away
    far = hl.abs(distance)
    tail = hl.max(hl.f32(0.5) * (major + minor) - far, hl.f32(0))
    corner = hl.f32(0.5) - tail * tail / (hl.f32(2) * major * minor)
    half = hl.select(far <= hl.f32(0.5) * (major - minor), far / major, corner)
    share = hl.select(distance > 0, hl.f32(0.5) + half, hl.f32(0.5) - half)
    hidden = sight[here][channels] * share
    sight[here] = (
        *(sight[here][n] + hidden * values[n, disk] for n in range(channels)),
        sight[here][channels] - hidden,
    )
    output = hl.Func("output")
    planes = [sight[here][n] + sight[here][channels] * ground[n] for n in range(channels)]
    output[i, column, j, row, c] = hl.mux(c, planes)

    output.bound(c, 0, channels).bound(i, 0, CELL).bound(j, 0, CELL)
    output.reorder(c, i, j, column, row).unroll(c).vectorize(i, 8).parallel(row)
    sight.compute_at(output, column).store_in(hl.MemoryType.Stack).vectorize(i, 8)
    sight.update(0).reorder(i, j, r.x, column, row).vectorize(i, 8)
    return output, [across, down, place, values, ground, first, count, order]
