"""The pre-pass: box means, saturation counts and maxima of the linear mosaic, in a fixed order.

Each box is summed by one thread in row order, so the numbers do not depend on threads or strips.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from isp.engine.programs import obtain
from isp.engine.runtime import Program, buffer_of
from isp.engine.strips import Source, Window
from isp.errors import ProfileError
from isp.stage import DOMAINS, Domain
from isp.values import LARGEST_VALUE, Statistics

LARGEST = (768, 1024)
"""Largest thumbnail (rows, columns)."""


def check_measurable(wanted_by: str, domain: Domain) -> None:
    """Refuse statistics for the stage `wanted_by` of anything but a linear mosaic.

    Raises
    ------
    ProfileError
    """
    if domain != "mosaic":
        raise ProfileError(
            f"stage {wanted_by!r} needs statistics, which are measured on a linear mosaic before white_balance; "
            f"put it behind black_level (here it follows {DOMAINS[domain]})"
        )


def measure(source: Source, clip: tuple[float, float, float]) -> Statistics:
    """Statistics of the mosaic rows of `source`.

    Parameters
    ----------
    source : the pipeline's rows before white balance, one channel
    clip : value at which R, G, B saturate; a site counts as saturated from 0.99 of it
    """
    height, width = source.grid.shape
    side = source.grid.block
    cell = 2 * side
    # boxes start at a red site, or a red block's first
    px, py = (-p % cell for p in source.grid.phase)
    rows, columns = height - py, width - px
    block = cell * max(-(-rows // (cell * LARGEST[0])), -(-columns // (cell * LARGEST[1])), 1)
    across, down = columns // block, rows // block
    program = _program(block, side)
    limits = np.array([0.99 * clip[0], 0.99 * clip[1], 0.99 * clip[2]], np.float32)
    step = max(256 // block, 1)
    window = Window(source, 0, 0, step * block)
    result = np.empty((9, down, across), np.float32)
    for first in range(0, down, step):
        count = min(step, down - first)
        start = py + first * block
        view = window.view(start, start + count * block)[:, px : px + across * block]
        part = np.empty((9, count, across), np.float32)
        program(buffer_of(view), buffer_of(limits), buffer_of(part))
        result[:, first : first + count] = part
    picture = np.ascontiguousarray(result.transpose(1, 2, 0))
    return Statistics(picture[..., :3], picture[..., 3:6], block, (px, py), picture[..., 6:], clip)


@cache
def _program(block: int, side: int) -> Program:
    return obtain(f"statistics {block} {side}", 3, "statistics", lambda: _build(block, side))


def _build(block: int, side: int) -> tuple[Any, list[Any]]:
    import halide as hl

    mosaic = hl.ImageParam(hl.Float(32), 2, "mosaic")
    limits = hl.ImageParam(hl.Float(32), 1, "limits")
    x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
    half = block // 2
    box = hl.RDom([(0, half), (0, half)], "box")
    sums = {}
    for site, (sx, sy) in {"r": (0, 0), "gr": (1, 0), "gb": (0, 1), "b": (1, 1)}.items():
        # the n-th site of a colour along an axis is the n % side-th of its block
        column = x * block + box.x // side * (2 * side) + box.x % side + sx * side
        row = y * block + box.y // side * (2 * side) + box.y % side + sy * side
        value = mosaic[column, row]
        limit = limits[{"r": 0, "gr": 1, "gb": 1, "b": 2}[site]]
        # sum, saturated sites and maximum in one pass over the box
        seen = hl.Func(f"seen_{site}")
        seen[x, y] = (hl.f32(0), hl.f32(0), hl.f32(-LARGEST_VALUE))
        total, over, most = (seen[x, y][part] for part in range(3))
        more = hl.select(value >= limit, hl.f32(1), hl.f32(0))
        seen[x, y] = (total + value, over + more, hl.max(most, value))
        sums[site] = seen
    one = hl.f32(1.0 / half**2)
    output = hl.Func("output")
    planes = []
    for part in (0, 1):
        r, gr, gb, b = (sums[s][x, y][part] for s in ("r", "gr", "gb", "b"))
        planes += [r * one, (gr + gb) * (one * hl.f32(0.5)), b * one]
    r, gr, gb, b = (sums[s][x, y][2] for s in ("r", "gr", "gb", "b"))
    planes += [r, hl.max(gr, gb), b]
    output[x, y, c] = hl.mux(c, planes)
    output.bound(c, 0, 9).reorder(c, x, y).unroll(c).parallel(y)
    for func in sums.values():
        func.compute_at(output, x)
    return output, [mosaic, limits]
