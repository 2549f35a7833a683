"""The compiled loops of the lens look: splitting a picture into a layer, turning spots into kernels, gathering light
through them, and laying one layer behind another.
"""

from __future__ import annotations

import hashlib
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.engine.programs import obtain
from isp.engine.runtime import Program, buffer_of

Array = NDArray[Any]


def run(name: str, *arrays: Array) -> None:
    """Run one of `_BUILDERS` on its arrays, the output last."""
    _program(name)(*(buffer_of(a) for a in arrays))


@cache
def _program(name: str) -> Program:
    source = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    build, arguments = _BUILDERS[name]
    return obtain(f"lens look {name} {source}", arguments, f"lens look {name}", build)


def _vars(names: str) -> list[Any]:
    import halide as hl

    return [hl.Var(n) for n in names.split()]


def _split_layer(two_sheets: bool) -> tuple[Any, list[Any]]:
    """Light (3), coverage and continuation of a layer, in pixels of its level.

    light, layer, reach (and alpha, hidden layer and light) of the region; box (factor, factor) of weights; place: (first column,
    row of the output in the region, layer); tone: (optical centre x, y in the region, fields per squared distance, gain of highlights,
    threshold, 1 / ramp); illumination by field squared.
    """
    import halide as hl

    x, y, c = _vars("x y c")
    light = hl.ImageParam(hl.Float(32), 3, "light")
    alpha = hl.ImageParam(hl.UInt(8), 2, "alpha")
    layer, reach, hidden = (hl.ImageParam(hl.Int(16), 2, n) for n in ("layer", "reach", "hidden"))
    behind = hl.ImageParam(hl.Float(32), 3, "behind")
    place = hl.ImageParam(hl.Int(32), 1, "place")
    tone = hl.ImageParam(hl.Float(32), 1, "tone")
    falloff = hl.ImageParam(hl.Float(32), 1, "falloff")
    box = hl.ImageParam(hl.Float(32), 2, "box")
    factor, number = box.dim(0).extent(), place[2]
    r = hl.RDom([(0, factor), (0, factor)], "r")
    # whole blocks may stick out of the region, where nothing is asked for
    px, py = (
        hl.clamp((v + place[k]) * factor + q, 0, light.dim(k).extent() - 1) for k, (v, q) in enumerate(((x, r.x), (y, r.y)))
    )

    def bright(source: Any) -> list[Any]:
        rgb = [source[px, py, k] for k in range(3)]
        top = hl.max(rgb[0], hl.max(rgb[1], rgb[2]))
        t = hl.clamp((top - tone[4]) * tone[5], hl.f32(0), hl.f32(1))
        gain = hl.f32(1) + tone[3] * t * t * (hl.f32(3) - hl.f32(2) * t)
        return [v * gain for v in rgb]

    dx, dy = hl.f32(px) - tone[0], hl.f32(py) - tone[1]
    at = (dx * dx + dy * dy) * tone[2]
    last = falloff.dim(0).extent() - 1
    low = hl.clamp(hl.i32(at), 0, last - 1)
    part = hl.clamp(at - hl.f32(low), hl.f32(0), hl.f32(1))
    lit = falloff[low] + (falloff[low + 1] - falloff[low]) * part
    one, zero = hl.f32(1), hl.f32(0)
    i16 = hl.i16(number)
    full = hl.f32(alpha[px, py]) * hl.f32(1 / 255) if two_sheets else one
    own = hl.select(layer[px, py] == i16, full, zero)
    cover = own
    rgb = [own * lit * v for v in bright(light)]
    same = hl.select((layer[px, py] < i16) & (i16 <= reach[px, py]), full, zero)
    inputs = [light, layer, reach, box, place, tone, falloff]
    if two_sheets:
        far = hl.select(hidden[px, py] == i16, one, zero)
        rgb = [a + far * lit * b for a, b in zip(rgb, bright(behind), strict=True)]
        cover = cover + far
        inputs = [light, alpha, layer, reach, hidden, behind, box, place, tone, falloff]
    parts = [*rgb, cover, same]
    output = hl.Func("output")
    sums = []
    for k, value in enumerate(parts):
        one_sum = hl.Func(f"sum{k}")
        one_sum[x, y] = zero
        one_sum[x, y] += value * box[r.x, r.y]
        sums.append(one_sum)
    output[x, y, c] = hl.mux(c, [s[x, y] for s in sums])
    output.bound(c, 0, 5).reorder(c, x, y).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    for one_sum in sums:
        one_sum.compute_at(output, x).vectorize(x, 8)
        one_sum.update().reorder(x, r.x, r.y).vectorize(x, 8)
    return output, inputs


def _make_kernels(turning: bool) -> tuple[Any, list[Any]]:
    """Kernels of blocks from the spots of one part of the pupil.

    table (x, y, colour, field, turn); half: half the side of each field's table; place: (x, y of the first block's
    centre from the axis, step of blocks, pixel size, middle tap x, y, fields per pixel, turns per radian).
    """
    import halide as hl

    x, y, bx, by, c = _vars("x y bx by c")
    table = hl.ImageParam(hl.Float(32), 5, "table")
    half = hl.ImageParam(hl.Float(32), 1, "half")
    place = hl.ImageParam(hl.Float(32), 1, "place")
    n = table.dim(0).extent()
    fields, turns = table.dim(3).extent(), table.dim(4).extent()
    ux, uy = ((hl.f32(v) - place[5 + k]) * place[4] for k, v in enumerate((x, y)))
    # where the light comes from that this tap brings
    qx, qy = place[0] + hl.f32(bx) * place[2] + ux, place[1] + hl.f32(by) * place[3] + uy
    r = hl.sqrt(qx * qx + qy * qy)
    inverse = hl.select(r > hl.f32(1e-3), hl.f32(1) / hl.max(r, hl.f32(1e-3)), hl.f32(0))
    ex, ey = hl.select(r > hl.f32(1e-3), qx * inverse, hl.f32(1)), qy * inverse
    along, across = -(ux * ex + uy * ey), -(uy * ex - ux * ey)
    at = hl.clamp(r * place[7], hl.f32(0), hl.f32(fields - 1))
    low = hl.clamp(hl.i32(at), 0, fields - 2)
    mix = at - hl.f32(low)

    def sample(field: Any, turn: Any) -> Any:
        scale = hl.f32(n) / (hl.f32(2) * half[field])
        tx, ty = (v * scale + hl.f32(n) * hl.f32(0.5) - hl.f32(0.5) for v in (along, across))
        # the rim of a table is dark
        tx, ty = (hl.clamp(v, hl.f32(0), hl.f32(n) - hl.f32(1.001)) for v in (tx, ty))
        ix, iy = hl.i32(tx), hl.i32(ty)
        fx, fy = tx - hl.f32(ix), ty - hl.f32(iy)

        def line(row: Any) -> Any:
            left = table[ix, row, c, field, turn]
            return left + (table[ix + 1, row, c, field, turn] - left) * fx

        top = line(iy)
        return top + (line(iy + 1) - top) * fy

    def turned(turn: Any) -> Any:
        inner = sample(low, turn)
        return inner + (sample(low + 1, turn) - inner) * mix

    if turning:
        angle = (hl.atan2(qy, qx) + hl.f32(2 * np.pi)) * place[8]
        first = hl.i32(angle)
        value = turned(first % turns)
        value = value + (turned((first + 1) % turns) - value) * (angle - hl.f32(first))
    else:
        value = turned(0)
    output = hl.Func("output")
    output[x, y, bx, by, c] = value
    output.bound(c, 0, 4).reorder(c, x, y, bx, by).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    return output, [table, half, place]


def _gather(lanes: int, ordered: bool) -> tuple[Any, list[Any]]:
    """A layer through the kernel of each block: red, green, blue and coverage; if `ordered` the coverages of red,
    green and blue, and continuation.

    source (x, y, 5); kernels (x, y, block x, block y, 4); the output has dimensions (x, y in the block, block x,
    block y, 4 or 7).
    """
    import halide as hl

    xi, yi, bx, by, c, xo, yo = _vars("xi yi bx by c xo yo")
    source = hl.ImageParam(hl.Float(32), 3, "source")
    kernels = hl.ImageParam(hl.Float(32), 5, "kernels")
    side = hl.ImageParam(hl.Int(32), 1, "side")
    r = hl.RDom([(0, kernels.dim(0).extent()), (0, kernels.dim(1).extent())], "r")
    gathered, output = hl.Func("gathered"), hl.Func("output")
    colour = hl.select(c < 6, c % 3, 3) if ordered else hl.min(c, 3)
    plane = hl.select(c < 3, hl.min(c, 2), hl.select(c < 6, 3, 4)) if ordered else hl.min(c, 3)
    gathered[xi, yi, bx, by, c] = hl.f32(0)
    gathered[xi, yi, bx, by, c] += (
        source[bx * side[0] + xi + r.x, by * side[0] + yi + r.y, plane] * kernels[r.x, r.y, bx, by, colour]
    )
    output[xi, yi, bx, by, c] = gathered[xi, yi, bx, by, c]
    output.split(xi, xo, xi, lanes, hl.TailStrategy.RoundUp).split(yi, yo, yi, 4, hl.TailStrategy.RoundUp)
    output.reorder(xi, yi, xo, yo, bx, by, c).vectorize(xi, 8).unroll(xi).unroll(yi).never_partition_all()
    gathered.compute_at(output, xo).vectorize(xi, 8).unroll(xi).unroll(yi).never_partition_all()
    gathered.update().reorder(xi, yi, r.x, r.y).vectorize(xi, 8).unroll(xi).unroll(yi)
    return output, [source, kernels, side]


def _lay_behind(coarse: bool, ordered: bool) -> tuple[Any, list[Any]]:
    """What is left to see (3, for red, green and blue), and light (3) and coverage (3) seen, one layer further back.

    state (x, y, 9); blurred (x, y, 4), if `ordered` (x, y, 11): light, coverage, continuation, and the shares (4) of
    light that their kernels stand for; if `coarse` in pixels of place[0], from one before the first on.
    """
    import halide as hl

    x, y, c = _vars("x y c")
    state = hl.ImageParam(hl.Float(32), 3, "state")
    blurred = hl.ImageParam(hl.Float(32), 3, "blurred")
    place = hl.ImageParam(hl.Int(32), 1, "place")
    factor, one, least = place[0], hl.f32(1), hl.f32(1e-4)

    def spot(v: Any) -> tuple[Any, Any]:
        # the blurred planes begin one pixel of their level before the tile
        at = (hl.f32(v) + hl.f32(0.5)) / hl.f32(factor) + hl.f32(0.5)
        low = hl.i32(at)
        return low, at - hl.f32(low)

    (ix, fx), (iy, fy) = spot(x), spot(y)
    across, smooth = hl.Func("across"), hl.Func("smooth")
    u = hl.Var("u")
    across[x, u, c] = blurred[ix, u, c] + (blurred[ix + 1, u, c] - blurred[ix, u, c]) * fx
    if coarse:
        smooth[x, y, c] = across[x, iy, c] + (across[x, iy + 1, c] - across[x, iy, c]) * fy
    else:
        smooth[x, y, c] = blurred[x, y, c]

    def seen(k: int) -> list[Any]:
        left, light = state[x, y, k], smooth[x, y, k]
        if not ordered:
            return [left, state[x, y, 3 + k] + light, state[x, y, 6 + k] + smooth[x, y, 3]]
        share = hl.max(smooth[x, y, 7 + k], least)
        cover, same = smooth[x, y, 3 + k], smooth[x, y, 6] / hl.max(smooth[x, y, 10], least)
        gain = left / hl.max(hl.max(one - same, cover / share), least)
        return [
            hl.max(left - gain * cover / share, hl.f32(0)), state[x, y, 3 + k] + gain * light,
            state[x, y, 6 + k] + gain * cover,
        ]

    found = [seen(k) for k in range(3)]
    output = hl.Func("output")
    output[x, y, c] = hl.mux(c, [triple[n] for n in range(3) for triple in found])
    output.bound(c, 0, 9).reorder(c, x, y).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    if coarse:
        across.compute_at(output, y).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    return output, [state, blurred, place]


def _cells() -> tuple[Any, list[Any]]:
    """Least and greatest layer in cells of the size of box; place: (column, row) of the first pixel in its cell."""
    import halide as hl

    x, y, c = _vars("x y c")
    layer = hl.ImageParam(hl.Int(16), 2, "layer")
    place, box = hl.ImageParam(hl.Int(32), 1, "place"), hl.ImageParam(hl.Float(32), 2, "box")
    r = hl.RDom([(0, box.dim(0).extent()), (0, box.dim(1).extent())], "r")
    at = [
        hl.clamp(v * box.dim(k).extent() + q - place[k], 0, layer.dim(k).extent() - 1)
        for k, (v, q) in enumerate(((x, r.x), (y, r.y)))
    ]
    ends = hl.Func("ends")
    ends[x, y] = (hl.i16(32767), hl.i16(-32768))
    ends[x, y] = (hl.min(ends[x, y][0], layer[at[0], at[1]]), hl.max(ends[x, y][1], layer[at[0], at[1]]))
    output = hl.Func("output")
    output[x, y, c] = hl.select(c == 0, ends[x, y][0], ends[x, y][1])
    output.bound(c, 0, 2).reorder(c, x, y).unroll(c).parallel(y)
    ends.compute_at(output, x)
    return output, [layer, place, box]


def _cell_colour() -> tuple[Any, list[Any]]:
    """Sums of light (3) and count of the pixels of each cell in layers beyond `beyond`."""
    import halide as hl

    x, y, c = _vars("x y c")
    light = hl.ImageParam(hl.Float(32), 3, "light")
    layer, beyond = (hl.ImageParam(hl.Int(16), 2, n) for n in ("layer", "beyond"))
    place, box = hl.ImageParam(hl.Int(32), 1, "place"), hl.ImageParam(hl.Float(32), 2, "box")
    r = hl.RDom([(0, box.dim(0).extent()), (0, box.dim(1).extent())], "r")
    px, py = (
        hl.clamp(v * box.dim(k).extent() + q - place[k], 0, layer.dim(k).extent() - 1)
        for k, (v, q) in enumerate(((x, r.x), (y, r.y)))
    )
    own = hl.select(layer[px, py] > beyond[x, y], hl.f32(1), hl.f32(0))
    sums = hl.Func("sums")
    sums[x, y] = (hl.f32(0),) * 4
    sums[x, y] = (*(sums[x, y][k] + own * light[k, px, py] for k in range(3)), sums[x, y][3] + own)
    output = hl.Func("output")
    output[x, y, c] = hl.mux(c, [sums[x, y][k] for k in range(4)])
    output.bound(c, 0, 4).reorder(c, x, y).unroll(c).parallel(y)
    sums.compute_at(output, x)
    return output, [light, layer, beyond, place, box]


def _splat() -> tuple[Any, list[Any]]:
    """Light of divided cells of rays in the cells of tables, (x, y, colour, field).

    at (corner, cell, 2, wavelength, field): places of the corners of the cells of rays in the table; weights (division, cell,
    field); parts (corner, division); shape (n, n).
    """
    import halide as hl

    x, y, c, f = _vars("x y c f")
    at = hl.ImageParam(hl.Float(32), 5, "at")
    weights = hl.ImageParam(hl.Float(32), 3, "weights")
    parts, shape = hl.ImageParam(hl.Float(32), 2, "parts"), hl.ImageParam(hl.Float(32), 2, "shape")
    n = shape.dim(0).extent()
    r = hl.RDom([(0, parts.dim(1).extent()), (0, weights.dim(1).extent()), (0, 3)], "r")
    output = hl.Func("output")
    output[x, y, c, f] = hl.f32(0)

    def place(axis: int) -> Any:
        total = at[0, r.y, axis, c * 3 + r.z, f] * parts[0, r.x]
        for k in range(1, 4):
            total = total + at[k, r.y, axis, c * 3 + r.z, f] * parts[k, r.x]
        return hl.clamp(hl.i32(hl.floor(total)), 0, n - 1)

    output[place(0), place(1), c, f] += weights[r.x, r.y, f]
    return output, [at, weights, parts, shape]


def _soften() -> tuple[Any, list[Any]]:
    """Tables (x, y, colour, field) convolved with the kernel of their field (x, y, field), by whose reach they are
    larger than the result; the rim of that is left dark.
    """
    import halide as hl

    x, y, c, f = _vars("x y c f")
    light, cone = hl.ImageParam(hl.Float(32), 4, "light"), hl.ImageParam(hl.Float(32), 3, "cone")
    taps = cone.dim(0).extent()
    n = light.dim(0).extent() - taps + 1
    r = hl.RDom([(0, taps), (0, taps)], "r")
    total = hl.Func("total")
    total[x, y, c, f] = hl.f32(0)
    total[x, y, c, f] += light[x + r.x, y + r.y, c, f] * cone[r.x, r.y, f]
    output = hl.Func("output")
    inside = (x > 0) & (y > 0) & (x < n - 1) & (y < n - 1)
    output[x, y, c, f] = hl.select(inside, total[x, y, c, f], hl.f32(0))
    output.vectorize(x, 8, hl.TailStrategy.ShiftInwards)
    total.compute_at(output, x).vectorize(x, 8)
    total.update().reorder(x, r.x, r.y).vectorize(x, 8)
    return output, [light, cone]


_BUILDERS: dict[str, tuple[Any, int]] = {
    "cells": (_cells, 4),
    "cell colour": (_cell_colour, 6),
    "soften": (_soften, 3),
    "splat": (_splat, 5),
    "split": (lambda: _split_layer(False), 8),
    "split sheets": (lambda: _split_layer(True), 11),
    "kernels": (lambda: _make_kernels(False), 4),
    "kernels turning": (lambda: _make_kernels(True), 4),
    **{
        f"gather {lanes}{' ordered' * ordered}": (partial(_gather, lanes, ordered), 4)
        for lanes in (8, 16) for ordered in (False, True)
    },
    **{
        f"behind{' coarse' * coarse}{' ordered' * ordered}": (partial(_lay_behind, coarse, ordered), 4)
        for coarse in (False, True) for ordered in (False, True)
    },
}
