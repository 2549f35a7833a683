"""Loops along rays through a lattice of cells, out from under what hides them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.lens_look.table_loops import variables

DEEPER = 2
"""Cells by which a ray goes on to light that is sure."""
LANES = 8
"""Groups of rays that are followed together; their number is a multiple."""


def packed(near: NDArray[np.int16], far: NDArray[np.int16], edge: NDArray[np.bool_]) -> NDArray[np.int32]:
    """What `come_out` knows of cells: their nearest and farthest layer, and whether an edge is near."""
    return ((2 * far.astype(np.int32) + edge) << 16) | (near.astype(np.int32) & 0xFFFF)


def come_out() -> tuple[Any, list[Any]]:
    """Cells where rays come out, cells where from there their light is taken, and steps to the former; else -1.

    cells, as they are `packed`, and sure: of cells in lines; start: a cell for each group of rays; path (step, ray):
    from there, DEEPER steps more than are looked through; layers: of a jump. The output has dimensions (group, ray, 3).
    """
    import halide as hl

    n, k, c = variables("n k c")
    cells, sure = hl.ImageParam(hl.Int(32), 1, "cells"), hl.ImageParam(hl.UInt(8), 1, "sure")
    start, path = hl.ImageParam(hl.Int(32), 1, "start"), hl.ImageParam(hl.Int(32), 2, "path")
    layers = hl.ImageParam(hl.Int(32), 1, "layers")
    jump, size = layers[0], cells.dim(0).extent()

    def cell(step: Any) -> Any:
        along = path[hl.unsafe_promise_clamped(step, 0, path.dim(0).extent() - 1), k]
        return hl.unsafe_promise_clamped(start[n] + along, 0, size - 1)

    def of(plane: Any, at: Any) -> Any:
        return plane[hl.unsafe_promise_clamped(at, 0, size - 1)]

    def near(at: Any) -> Any:
        return hl.i32(hl.cast(hl.Int(16), of(cells, at)))

    def far(at: Any) -> Any:
        return of(cells, at) >> 17

    r = hl.RDom([(1, path.dim(0).extent() - 1 - DEEPER)], "r")
    walk, output = hl.Func("walk"), hl.Func("output")
    first = near(cell(0))
    # where and after how many steps it comes out, 1 if it has ended, and what lay before that: its layer and step
    walk[n, k] = (hl.i32(-1), hl.i32(-1), hl.i32(0), first, hl.i32(0))
    at, steps, ended, own, last = (walk[n, k][j] for j in range(5))
    there = far(cell(r))
    out = (ended == 0) & (there >= first + jump)
    # a slope leads as far without a jump; under something nearer it may go on by a layer with each cell
    hit = out & (there - own >= jump + r - 1 - last) & ((of(cells, cell(r)) & 0x10000) != 0)
    on = near(cell(r)) > first - jump
    walk[n, k] = (
        hl.select(hit, cell(r), at), hl.select(hit, r.x, steps), hl.select(out, 1, ended),
        hl.select(on, near(cell(r)), own), hl.select(on, r.x, last),
    )
    at, steps = walk[n, k][0], walk[n, k][1]
    source = at
    for more in range(1, DEEPER + 1):
        here, on = hl.max(source, 0), cell(hl.max(steps, 0) + more)
        doubtful = (at >= 0) & (of(sure, here) == 0)
        source = hl.select(doubtful & (hl.abs(far(on) - far(here)) < hl.u32(jump)), on, source)
    output[n, k, c] = hl.mux(c, [at, source, steps])
    output.bound(c, 0, 3).reorder(c, n, k).unroll(c).vectorize(n, LANES, hl.TailStrategy.RoundUp).parallel(k)
    walk.compute_at(output, n).vectorize(n, LANES)
    walk.update().reorder(n, r.x).vectorize(n, LANES)
    return output, [cells, sure, start, path, layers]
