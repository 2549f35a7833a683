"""Loops that make tables of spots, and look through cells of a picture."""

from __future__ import annotations

from typing import Any

LANES = 32
"""Columns of a table that are softened together."""


def variables(names: str) -> list[Any]:
    """Halide variables of these names, separated by spaces."""
    import halide as hl

    return [hl.Var(n) for n in names.split()]


def _pixel(layer: Any, place: Any, box: Any, cell: tuple[Any, Any], within: tuple[Any, Any]) -> list[Any]:
    """The pixel of `layer` at a place (column, row) from the corner of a cell, no farther than the layer's edges."""
    import halide as hl

    steps = zip(cell, within, strict=True)
    return [
        hl.clamp(v * box.dim(k).extent() + q - place[k], 0, layer.dim(k).extent() - 1) for k, (v, q) in enumerate(steps)
    ]


def cells() -> tuple[Any, list[Any]]:
    """Least and greatest layer in cells of the size of box, and the greatest difference of pixels side by side: in the
    cell, to the one on its right, and to the one below; place: (column, row) of the first pixel in its cell.
    """
    import halide as hl

    x, y, c, u = variables("x y c u")
    layer = hl.ImageParam(hl.Int(16), 2, "layer")
    place, box = hl.ImageParam(hl.Int(32), 1, "place"), hl.ImageParam(hl.Float(32), 2, "box")
    width, height = box.dim(0).extent(), box.dim(1).extent()
    image, none = hl.BoundaryConditions.repeat_edge(layer), hl.i16(0)

    def step(one: Any, other: Any) -> Any:
        return hl.cast(hl.Int(16), hl.abs(one - other))

    # of the pixels of a column in a row of cells: least, greatest, steps to the right, down, and down to the next row
    column, rows = hl.Func("column"), hl.RDom([(0, height)], "rows")
    column[u, y] = (hl.i16(32767), hl.i16(-32768), none, none, none)
    row = y * height + rows - place[1]
    own = image[u, row]
    right, down, last = step(image[u + 1, row], own), step(image[u, row + 1], own), rows.x == height - 1
    news = [own, own, right, hl.select(last, none, down), hl.select(last, down, none)]
    column[u, y] = tuple(
        (hl.min if k == 0 else hl.max)(column[u, y][k], new) for k, new in enumerate(news)
    )
    ends, r = hl.Func("ends"), hl.RDom([(0, width)], "r")
    ends[x, y] = (hl.i16(32767), hl.i16(-32768), none, none, none)
    least, greatest, right, down, below = (column[x * width + r - place[0], y][k] for k in range(5))
    last, found = r.x == width - 1, [ends[x, y][k] for k in range(5)]
    ends[x, y] = (
        hl.min(found[0], least), hl.max(found[1], greatest),
        hl.max(found[2], hl.max(down, hl.select(last, none, right))),
        hl.max(found[3], hl.select(last, right, none)), hl.max(found[4], below),
    )
    output = hl.Func("output")
    output[x, y, c] = hl.mux(c, [ends[x, y][k] for k in range(5)])
    output.bound(c, 0, 5).reorder(c, x, y).unroll(c).parallel(y)
    ends.compute_at(output, x)
    column.compute_at(output, y).vectorize(u, 16)
    column.update().reorder(u, rows.x).vectorize(u, 16)
    return output, [layer, place, box]


def presence() -> tuple[Any, list[Any]]:
    """In which cells of the size of box layers are, (cell x, cell y, layer - first): 1, plus 2 where something is
    hidden there, plus 4 where both are blurred.

    layer, and hidden of the same size or a single pixel; limits: (first layer, least blurred layer, layer of nothing).
    """
    import halide as hl

    x, y, k = variables("x y k")
    layer, hidden = (hl.ImageParam(hl.Int(16), 2, n) for n in ("layer", "hidden"))
    limits, box = hl.ImageParam(hl.Int(32), 1, "limits"), hl.ImageParam(hl.UInt(8), 2, "box")
    side = box.dim(0).extent()
    r = hl.RDom([(0, side), (0, layer.dim(0).extent() // side), (0, layer.dim(1).extent())], "r")
    px, py = r.y * side + r.x, r.z
    own = hl.i32(layer[px, py])
    other = hl.i32(hidden[hl.min(px, hidden.dim(0).extent() - 1), hl.min(py, hidden.dim(1).extent() - 1)])
    hides = other > limits[2]
    meets = (hl.max(own, -own) >= limits[1]) & (hl.max(other, -other) >= limits[1])
    both = hl.select(hides, hl.select(meets, hl.u8(7), hl.u8(3)), hl.u8(0))
    output = hl.Func("output")
    output[x, y, k] = hl.u8(0)
    for number, kind in ((own, both | hl.u8(1)), (hl.select(hides, other, own), both)):
        at = hl.unsafe_promise_clamped(number - limits[0], 0, output.output_buffer().dim(2).extent() - 1)
        output[r.y, py // side, at] = output[r.y, py // side, at] | kind
    return output, [layer, hidden, limits, box]


def hidden_at() -> tuple[Any, list[Any]]:
    """The farthest layer of one surface with what shows at pixels, and the layer that is hidden there, (x, y, 2).

    layer of pixels; surface and reach of cells, hidden of finer ones; the row and the column of cells in which pixels
    lie, and those of finer ones; limits: (a jump, layer of nothing).
    """
    import halide as hl

    x, y, c = variables("x y c")
    layer, surface, reach, hidden = (hl.ImageParam(hl.Int(16), 2, n) for n in ("layer", "surface", "reach", "hidden"))
    names = ("row", "column", "fine_row", "fine_column")
    row, column, fine_row, fine_column = places = [hl.ImageParam(hl.Int(32), 1, n) for n in names]
    limits = hl.ImageParam(hl.Int(16), 1, "limits")

    def at(plane: Any, across: Any, down: Any) -> Any:
        spot = [hl.unsafe_promise_clamped(v, 0, plane.dim(k).extent() - 1) for k, v in enumerate((across[x], down[y]))]
        return plane[spot[0], spot[1]]

    own = layer[x, y] + limits[0] - hl.i16(1)
    last = hl.select(layer[x, y] <= at(surface, column, row), hl.max(own, at(reach, column, row)), own)
    behind = at(hidden, fine_column, fine_row)
    output = hl.Func("output")
    output[x, y, c] = hl.mux(c, [last, hl.select(behind > own, behind, limits[1])])
    output.bound(c, 0, 2).reorder(c, x, y).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    return output, [layer, surface, reach, hidden, *places, limits]


def behind_at() -> tuple[Any, list[Any]]:
    """Light of cells at pixels (x, y, colour), straight between the middles of cells: of each row, then of each column
    the first cell of two, and how far from it.
    """
    import halide as hl

    x, y, c, u = variables("x y c u")
    light = hl.ImageParam(hl.Float(32), 3, "light")
    row, down = hl.ImageParam(hl.Int(32), 1, "row"), hl.ImageParam(hl.Float(32), 1, "down")
    column, across = hl.ImageParam(hl.Int(32), 1, "column"), hl.ImageParam(hl.Float(32), 1, "across")

    def pair(axis: int, first: Any) -> tuple[Any, Any]:
        last = light.dim(axis).extent() - 1
        low = hl.clamp(first, 0, last)
        return low, hl.min(low + 1, last)

    (left, right), (top, bottom) = pair(0, column[x]), pair(1, row[y])
    line, output = hl.Func("line"), hl.Func("output")
    line[u, y, c] = light[u, top, c] + (light[u, bottom, c] - light[u, top, c]) * down[y]
    output[x, y, c] = line[left, y, c] + (line[right, y, c] - line[left, y, c]) * across[x]
    output.bound(c, 0, 3).reorder(x, c, y).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    line.compute_at(output, y).vectorize(u, 8, hl.TailStrategy.GuardWithIf)
    return output, [light, row, down, column, across]


def cell_colour() -> tuple[Any, list[Any]]:
    """Sums of light (3) and count of the pixels of each cell in layers beyond `beyond`."""
    import halide as hl

    x, y, c = variables("x y c")
    light = hl.ImageParam(hl.Float(32), 3, "light")
    layer, beyond = (hl.ImageParam(hl.Int(16), 2, n) for n in ("layer", "beyond"))
    place, box = hl.ImageParam(hl.Int(32), 1, "place"), hl.ImageParam(hl.Float(32), 2, "box")
    r = hl.RDom([(0, box.dim(0).extent()), (0, box.dim(1).extent())], "r")
    px, py = _pixel(layer, place, box, (x, y), (r.x, r.y))
    own = hl.select(layer[px, py] > beyond[x, y], hl.f32(1), hl.f32(0))
    sums = hl.Func("sums")
    sums[x, y] = (hl.f32(0),) * 4
    sums[x, y] = (*(sums[x, y][k] + own * light[k, px, py] for k in range(3)), sums[x, y][3] + own)
    output = hl.Func("output")
    output[x, y, c] = hl.mux(c, [sums[x, y][k] for k in range(4)])
    output.bound(c, 0, 4).reorder(c, x, y).unroll(c).parallel(y)
    sums.compute_at(output, x)
    return output, [light, layer, beyond, place, box]


def splat() -> tuple[Any, list[Any]]:
    """Light of divided cells of rays in the cells of tables, (x, y, colour, field).

    at (ray, 2, wavelength, field): places of rays in the table; corners (corner, cell, field): the rays around a cell;
    weights (division, cell, field); parts (corner, division); shape (n, n).
    """
    import halide as hl

    x, y, c, f, d, cell, k = variables("x y c f d cell k")
    at, corners = hl.ImageParam(hl.Float(32), 4, "at"), hl.ImageParam(hl.Int(32), 3, "corners")
    weights = hl.ImageParam(hl.Float(32), 3, "weights")
    parts, shape = hl.ImageParam(hl.Float(32), 2, "parts"), hl.ImageParam(hl.Float(32), 2, "shape")
    n = shape.dim(0).extent()
    r = hl.RDom([(0, parts.dim(1).extent()), (0, weights.dim(1).extent()), (0, 3)], "r")
    share, spot, output = hl.Func("share"), hl.Func("spot"), hl.Func("output")
    share[d, x] = parts[x, d]

    def place(axis: int) -> Any:
        rays = [hl.unsafe_promise_clamped(corners[i, cell, f], 0, at.dim(0).extent() - 1) for i in range(4)]
        total = at[rays[0], axis, c * 3 + k, f] * share[d, 0]
        for i in range(1, 4):
            total = total + at[rays[i], axis, c * 3 + k, f] * share[d, i]
        return hl.clamp(hl.i32(hl.floor(total)), 0, n - 1)

    spot[d, c, cell, k, f] = (place(0), place(1))
    output[x, y, c, f] = hl.f32(0)
    found = spot[r.x, c, r.y, r.z, f]
    lit = [hl.unsafe_promise_clamped(found[axis], 0, n - 1) for axis in (0, 1)]
    output[lit[0], lit[1], c, f] += weights[r.x, r.y, f]
    share.compute_root()
    output.bound(c, 0, 3)
    # colours side by side: their sums do not wait for each other
    output.update().reorder(c, r.x, r.y, r.z, f).unroll(c)
    spot.compute_at(output, r.y).vectorize(d, 8)
    return output, [at, corners, weights, parts, shape]


def soften() -> tuple[Any, list[Any]]:
    """Tables (x, y, colour, field) convolved with the kernel of their field (x, y, field), by whose reach they are
    larger than the result, whose rim is left dark. Columns of both are as many more as make those of the result a
    multiple of `LANES`.

    box (4, field): first and last column, first and last row with light in the tables of a field; widths (row, field):
    half the width of a row of its kernel. What lies outside of these is 0, and adding it is left out.
    """
    import halide as hl

    x, y, c, f, k, xo = variables("x y c f k xo")
    light, cone = hl.ImageParam(hl.Float(32), 4, "light"), hl.ImageParam(hl.Float(32), 3, "cone")
    box, widths = hl.ImageParam(hl.Int(32), 2, "box"), hl.ImageParam(hl.Int(32), 2, "widths")
    taps, lanes = cone.dim(0).extent(), LANES
    n = light.dim(1).extent() - taps + 1
    r = hl.RDom([(0, taps), (0, taps)], "r")
    r.where((r.y >= box[2, f] - y) & (r.y <= box[3, f] - y))
    r.where((r.x >= taps // 2 - widths[r.y, f]) & (r.x <= taps // 2 + widths[r.y, f]))
    r.where((r.x >= box[0, f] - xo * lanes - lanes + 1) & (r.x <= box[1, f] - xo * lanes))
    total = hl.Func("total")
    total[k, xo, y, c, f] = hl.f32(0)
    total[k, xo, y, c, f] += light[xo * lanes + k + r.x, y + r.y, c, f] * cone[r.x, r.y, f]
    output = hl.Func("output")
    inside = (x > 0) & (y > 0) & (x < n - 1) & (y < n - 1)
    output[x, y, c, f] = hl.select(inside, total[x % lanes, x // lanes, y, c, f], hl.f32(0))
    output.output_buffer().dim(0).set_min(0)
    output.bound(c, 0, 3).split(x, xo, x, lanes, hl.TailStrategy.RoundUp).reorder(x, c, xo, y, f).vectorize(x, 8)
    total.compute_at(output, xo).bound_extent(k, lanes).vectorize(k, 8).unroll(k).unroll(c)
    total.update().reorder(k, c, r.x, r.y).vectorize(k, 8).unroll(k).unroll(c)
    return output, [light, cone, box, widths]
