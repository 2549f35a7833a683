"""Loops over layers: made, gathered through kernels, laid one behind another, shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from isp.engine.keys1981 import cubic_weights
from isp.lens_look.table_loops import variables


def split_layer(two_sheets: bool) -> tuple[Any, list[Any]]:
    """Light (3), coverage and continuation of a layer, in pixels of its level.

    light, layer, reach (and alpha, hidden layer and light) of the region; box (factor, factor) of weights; place:
    (first column, row of the output in the region, layer); tone: (optical centre x, y in the region, fields per squared
    distance, gain of highlights, threshold, 1 / ramp); illumination by field squared.
    """
    import halide as hl

    x, y, c = variables("x y c")
    light = hl.ImageParam(hl.Float(32), 3, "light")
    alpha = hl.ImageParam(hl.UInt(8), 2, "alpha")
    layer, reach, hidden = (hl.ImageParam(hl.Int(16), 2, n) for n in ("layer", "reach", "hidden"))
    behind = hl.ImageParam(hl.Float(32), 3, "behind")
    place = hl.ImageParam(hl.Int(32), 1, "place")
    tone = hl.ImageParam(hl.Float(32), 1, "tone")
    falloff = hl.ImageParam(hl.Float(32), 1, "falloff")
    box = hl.ImageParam(hl.Float(32), 2, "box")
    factor, number = box.dim(0).extent(), place[2]
    u, v = variables("u v")
    # what is asked for lies in the region
    px, py = (
        hl.unsafe_promise_clamped(w + place[k] * factor, 0, light.dim(k).extent() - 1) for k, w in enumerate((u, v))
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
    full = hl.select(hidden[px, py] > -16384, hl.f32(alpha[px, py]) * hl.f32(1 / 255), one) if two_sheets else one
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
    full, sums, output = hl.Func("full"), hl.Func("sums"), hl.Func("output")
    full[u, v, c] = hl.mux(c, parts)
    r = hl.RDom([(0, factor), (0, factor)], "r")
    sums[x, y, c] = zero
    sums[x, y, c] += full[x * factor + r.x, y * factor + r.y, c] * box[r.x, r.y]
    output[x, y, c] = sums[x, y, c]
    output.bound(c, 0, 5).reorder(c, x, y).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    sums.compute_at(output, x).vectorize(x, 8).unroll(c)
    sums.update().reorder(c, x, r.x, r.y).vectorize(x, 8).unroll(c)
    full.compute_at(output, y).bound(c, 0, 5).reorder(c, u, v).unroll(c).vectorize(u, 8, hl.TailStrategy.GuardWithIf)
    return output, inputs


def make_kernels(turning: bool) -> tuple[Any, list[Any]]:
    """Kernels of blocks from the spots of one part of the pupil.

    table (x, y, colour, field, turn); half: half the side of each field's table; place: (x, y of the first block's
    centre from the axis, step of blocks, pixel size, middle tap x, y, fields per pixel, turns per radian).
    """
    import halide as hl

    x, y, bx, by, c = variables("x y bx by c")
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


def gather(lanes: int, alone: bool) -> tuple[Any, list[Any]]:
    """A layer through the kernel of each block: light (3), the coverages of red, green and blue, and continuation; of
    a layer that is `alone` its light.

    source (x, y, 5); kernels (x, y, block x, block y, 4) of an even number of rows; spans (2, pair of rows, block x,
    block y): first column with light, and one after the last; the output has dimensions (x, y in the block, block x,
    block y, 7 or 3).
    """
    import halide as hl

    xi, yi, bx, by, c, xo, yo = variables("xi yi bx by c xo yo")
    source = hl.ImageParam(hl.Float(32), 3, "source")
    kernels = hl.ImageParam(hl.Float(32), 5, "kernels")
    spans, side = hl.ImageParam(hl.Int(32), 4, "spans"), hl.ImageParam(hl.Int(32), 1, "side")
    # two rows at a time share what they read
    r = hl.RDom([(0, kernels.dim(0).extent()), (0, 2), (0, kernels.dim(1).extent() // 2)], "r")
    r.where(r.x >= spans[0, r.z, bx, by])
    r.where(r.x < spans[1, r.z, bx, by])
    row = r.z * 2 + r.y
    gathered, output = hl.Func("gathered"), hl.Func("output")
    colour = hl.min(c, 2) if alone else hl.select(c < 6, c % 3, 3)
    plane = hl.min(c, 2) if alone else hl.select(c < 3, hl.min(c, 2), hl.select(c < 6, 3, 4))
    gathered[xi, yi, bx, by, c] = hl.f32(0)
    gathered[xi, yi, bx, by, c] += (
        source[bx * side[0] + xi + r.x, by * side[0] + yi + row, plane] * kernels[r.x, row, bx, by, colour]
    )
    output[xi, yi, bx, by, c] = gathered[xi, yi, bx, by, c]
    output.split(xi, xo, xi, lanes, hl.TailStrategy.RoundUp).split(yi, yo, yi, 64 // lanes, hl.TailStrategy.RoundUp)
    output.reorder(xi, yi, xo, yo, bx, by, c).vectorize(xi, 8).unroll(xi).unroll(yi).never_partition_all()
    gathered.compute_at(output, xo).vectorize(xi, 8).unroll(xi).unroll(yi).never_partition_all()
    gathered.update().reorder(xi, yi, r.y, r.x, r.z).vectorize(xi, 8).unroll(xi).unroll(yi).unroll(r.y)
    return output, [source, kernels, spans, side]


SEEN = 13
"""Planes of what is seen of a stack of layers: light (3), coverage (3), what they leave of each colour (3), the light
of the farthest (3) and its coverage."""


def compose(shared: bool) -> tuple[Any, list[Any]]:
    """The `SEEN` planes of layers one behind another.

    packed: planes of all layers; layers (7, layer): where the first of seven planes begins, steps of planes and rows,
    column and row of the first pixel, where the shares begin and the step of their planes; weights (layer); squares
    (3, square): column and row of the first pixel, 1 if things hide each other; there (layer, square): 1 if a layer is;
    seen (x, y, SEEN, square): what lies in front.
    """
    import halide as hl

    x, y, c, s = variables("x y c s")
    packed, seen = hl.ImageParam(hl.Float(32), 1, "packed"), hl.ImageParam(hl.Float(32), 4, "seen")
    layers, weights = hl.ImageParam(hl.Int(32), 2, "layers"), hl.ImageParam(hl.Float(32), 1, "weights")
    squares, there = hl.ImageParam(hl.Int(32), 2, "squares"), hl.ImageParam(hl.UInt(8), 2, "there")
    r = hl.RDom([(0, layers.dim(1).extent())], "r")
    r.where(there[r.x, s] > 0)
    one, least = hl.f32(1), hl.f32(1e-4)
    inside = (y + squares[1, s] - layers[4, r.x]) * layers[2, r.x] + x + squares[0, s] - layers[3, r.x]

    def value(plane: int, start: int, step: int) -> Any:
        at = layers[start, r.x] + plane * layers[step, r.x] + inside
        return packed[hl.unsafe_promise_clamped(at, 0, packed.dim(0).extent() - 1)]

    state = hl.Func("state")
    # what is left comes after what it is needed for: elements of a tuple are updated one after another
    state[x, y, s] = tuple(seen[x, y, k, s] for k in range(SEEN))
    planes = [value(k, 0, 1) for k in range(7)]
    shares = [hl.max(value(k, 5, 6), least) if shared else one for k in range(4)]
    held = [state[x, y, s][k] for k in range(SEEN)]
    ordered, weight = squares[2, s] > 0, weights[r.x]
    same = planes[6] / shares[3]
    opaque = [planes[3 + k] / shares[k] for k in range(3)]
    gain = [
        hl.select(ordered, held[6 + k] / hl.max(hl.max(one - same, opaque[k]), least), one) for k in range(3)
    ]
    light = [held[k] + gain[k] * weight * planes[k] for k in range(3)]
    cover = [held[3 + k] + gain[k] * weight * planes[3 + k] for k in range(3)]
    left = [hl.select(ordered, hl.max(held[6 + k] - gain[k] * opaque[k], hl.f32(0)), one) for k in range(3)]
    # the colour of the farthest that covers a good part a: 1 - (1 - a)^4 of it
    most = one - hl.clamp(hl.min(opaque[0], hl.min(opaque[1], opaque[2])), hl.f32(0), one)
    others = most * most * most * most
    colour = [planes[k] / hl.max(planes[3 + k], least * least) for k in range(3)]
    far = [(one - others) * colour[k] + others * held[9 + k] for k in range(3)]
    state[x, y, s] = (*light, *cover, *left, *far, one - others * (one - held[12]))
    output = hl.Func("output")
    output[x, y, c, s] = hl.mux(c, [state[x, y, s][k] for k in range(SEEN)])
    output.bound(c, 0, SEEN).reorder(x, c, y, s).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    state.compute_at(output, y).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    state.update().reorder(x, r.x).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    return output, [packed, layers, weights, squares, there, seen]


def lay() -> tuple[Any, list[Any]]:
    """What is seen (x, y, SEEN, square) with `behind` it what layers in larger pixels leave, straight between them.

    place: pixels of `behind` per pixel, and the place of the first pixel in it.
    """
    import halide as hl

    x, y, c, s, u = variables("x y c s u")
    seen, behind = hl.ImageParam(hl.Float(32), 4, "seen"), hl.ImageParam(hl.Float(32), 4, "behind")
    place = hl.ImageParam(hl.Float(32), 1, "place")

    def spot(v: Any, axis: int) -> tuple[Any, Any]:
        at = hl.f32(v) * place[0] + place[1]
        low = hl.clamp(hl.i32(at), 0, behind.dim(axis).extent() - 2)
        return low, at - hl.f32(low)

    (ix, fx), (iy, fy) = spot(x, 0), spot(y, 1)
    line, smooth, output = hl.Func("line"), hl.Func("smooth"), hl.Func("output")
    line[u, y, c, s] = behind[u, iy, c, s] + (behind[u, iy + 1, c, s] - behind[u, iy, c, s]) * fy
    smooth[x, y, c, s] = line[ix, y, c, s] + (line[ix + 1, y, c, s] - line[ix, y, c, s]) * fx
    near, far = ([source[x, y, k, s] for k in range(SEEN)] for source in (seen, smooth))
    left, others = near[6:9], hl.f32(1) - far[12]
    found = [near[k] + left[k % 3] * far[k] for k in range(6)] + [left[k] * far[6 + k] for k in range(3)]
    output[x, y, c, s] = hl.mux(c, found + [far[k] + others * near[k] for k in range(9, SEEN)])
    output.bound(c, 0, SEEN).reorder(x, c, y, s).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    line.compute_at(output, y).bound(c, 0, SEEN).vectorize(u, 8, hl.TailStrategy.GuardWithIf)
    return output, [seen, behind, place]


def close() -> tuple[Any, list[Any]]:
    """Light (3) and coverage (3) of what is seen (x, y, SEEN, square), and `before` (x, y, 6, square); what is left is
    taken to be like the farthest.

    shares (square): of the pupil, 0 where nothing hides anything.
    """
    import halide as hl

    x, y, c, s = variables("x y c s")
    seen, before = hl.ImageParam(hl.Float(32), 4, "seen"), hl.ImageParam(hl.Float(32), 4, "before")
    shares = hl.ImageParam(hl.Float(32), 1, "shares")
    left = [seen[x, y, 6 + k, s] * shares[s] for k in range(3)]
    full = hl.f32(1) / hl.max(seen[x, y, 12, s], hl.f32(1e-8))
    more = [left[k] * seen[x, y, 9 + k, s] * full for k in range(3)] + left
    output = hl.Func("output")
    output[x, y, c, s] = hl.mux(c, [before[x, y, k, s] + seen[x, y, k, s] + more[k] for k in range(6)])
    output.bound(c, 0, 6).reorder(x, c, y, s).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    return output, [seen, before, shares]


def show(coarse: bool) -> tuple[Any, list[Any]]:
    """Light per coverage (channel, x, y) of what is seen (x, y, 6); if `coarse` in pixels of factor[0],
    from one before the first on.
    """
    import halide as hl

    x, y, c = variables("x y c")
    seen, factor = hl.ImageParam(hl.Float(32), 3, "seen"), hl.ImageParam(hl.Float(32), 1, "factor")
    color, output = hl.Func("color"), hl.Func("output")
    color[x, y, c] = seen[x, y, c] / hl.max(seen[x, y, c + 3], hl.f32(1e-6))

    def weights(v: Any, axis: int) -> tuple[Any, list[Any]]:
        # a quadratic B-spline: straight lines between samples would show as steps along the edges of bright discs
        at = (hl.f32(v) + hl.f32(0.5)) * factor[0] + hl.f32(0.5)
        nearest = hl.clamp(hl.i32(at + hl.f32(0.5)), 1, seen.dim(axis).extent() - 2)
        t = at - hl.f32(nearest)
        before, after = hl.f32(0.5) - t, hl.f32(0.5) + t
        return nearest - 1, [before * before * hl.f32(0.5), hl.f32(0.75) - t * t, after * after * hl.f32(0.5)]

    if coarse:
        (ix, wx), (iy, wy) = weights(x, 0), weights(y, 1)
        rows = [sum((color[ix + k, iy + row, c] * w for k, w in enumerate(wx)), hl.f32(0)) for row in range(3)]
        output[c, x, y] = sum((row * w for row, w in zip(rows, wy, strict=True)), hl.f32(0))
        color.compute_root().vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    else:
        output[c, x, y] = color[x, y, c] + hl.f32(0) * factor[0]
    output.bound(c, 0, 3).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    return output, [seen, factor]


def bend() -> tuple[Any, list[Any]]:
    """Light (channel, x, y) fetched from elsewhere: `factor` by the squared distance from the axis; place: (axis x, y,
    places of the table per squared pixel).
    """
    import halide as hl

    x, y, c = variables("x y c")
    light, factor = hl.ImageParam(hl.Float(32), 3, "light"), hl.ImageParam(hl.Float(32), 1, "factor")
    place = hl.ImageParam(hl.Float(32), 1, "place")
    away = [hl.f32(v) - place[axis] for axis, v in enumerate((x, y))]
    at = (away[0] * away[0] + away[1] * away[1]) * place[2]
    low = hl.clamp(hl.i32(at), 0, factor.dim(0).extent() - 2)
    scale = factor[low] + (factor[low + 1] - factor[low]) * (at - hl.f32(low))

    def taps(axis: int) -> list[tuple[Any, Any]]:
        """Indices and weights of four pixels."""
        last = light.dim(axis + 1).extent() - 1
        shift = away[axis] * (scale - hl.f32(1))
        first = hl.floor(shift)
        weights = cubic_weights(shift - first)
        places = [(x, y)[axis] + hl.i32(first) + k - 1 for k in range(4)]
        # mirrored at the edges
        inside = [hl.clamp(last - hl.abs(last - hl.abs(v)), 0, last) for v in places]
        return list(zip(inside, weights, strict=True))

    across, down = taps(0), taps(1)
    found = []
    for k in range(3):
        rows = [[light[k, column, row] for column, _ in across] for row, _ in down]
        lines = [sum((v * w for v, (_, w) in zip(row, across, strict=True)), hl.f32(0)) for row in rows]
        total = sum((line * w for line, (_, w) in zip(lines, down, strict=True)), hl.f32(0))
        ends = [rows[0][0], rows[0][0]]
        for value in [v for row in rows for v in row][1:]:
            ends = [hl.min(ends[0], value), hl.max(ends[1], value)]
        found.append(hl.clamp(total, *ends))
    output = hl.Func("output")
    output[c, x, y] = hl.mux(c, found)
    output.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    output.parallel(y, 16, hl.TailStrategy.GuardWithIf)
    return output, [light, factor, place]
