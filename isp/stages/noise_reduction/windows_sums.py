"""The shrinkage of `windows` written as sums, for the derivative.

Reverse-mode derivatives of flow graphs grow with every path through them; those of sums of products are sums of
products. So where the engine differentiates, the transforms are products with the DCT's matrix, a window lies at every
row, and those between the steps count nothing. The contract tests hold both forms to the same numbers.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import TYPE_CHECKING, Any

from isp.stages.noise_reduction.windows import LEAST, SIDE, Windows

if TYPE_CHECKING:
    from isp.engine.graph import Expr, Graph, Image


def shrunk(graph: Graph, given: Windows) -> tuple[Image, Image]:
    """As `windows.shrunk`."""
    import halide as hl

    from isp.engine.graph import Image

    x, y, c = graph.x, graph.y, graph.c
    u, v, i, j = (hl.Var(name) for name in "uvij")
    at = (x, y, c, u, v)
    line = hl.RDom([hl.Range(0, SIDE)], "line")
    square = hl.RDom([hl.Range(0, SIDE), hl.Range(0, SIDE)], "square")
    zero, one = hl.f32(0), hl.f32(1)

    def func(name: str, place: tuple[Expr, ...], value: Expr) -> Any:
        result = hl.Func(f"{graph.stage}_{name}")
        result[place] = value
        return result

    def summed(name: str, place: tuple[Expr, ...], term: Expr) -> Any:
        result = func(name, place, zero)
        result[place] += term
        return result

    wave = hl.cos(hl.f32((2 * i + 1) * u) * hl.f32(pi / 16))
    basis = func("basis", (u, i), wave * hl.select(u == 0, hl.f32(sqrt(1 / 8)), hl.f32(0.5)))
    rows = summed("rows", (x, y, c, u), basis[u, line.x] * given.planes[x + line.x, y, c])
    column = summed("column", at, basis[v, line.x] * rows[x, y + line.x, c, u])
    mean = (u == 0) & (v == 0) & given.means(c)
    energy = func("energy", at, hl.select(mean, zero, column[at] * column[at]))
    at_end = (u == 0) | (u == SIDE - 1)
    beside = hl.select(hl.abs(u - i) == 1, hl.select(at_end, hl.f32(0.5), hl.f32(0.25)), zero)
    kernel = func("kernel", (u, i), hl.select(u == i, hl.f32(0.5), beside))
    across = summed("across", at, kernel[u, line.x] * energy[x, y, c, line.x, v])
    near = summed("near", at, kernel[v, line.x] * across[x, y, c, u, line.x])
    ratio = func("ratio", at, near[at] * given.inverse(c))
    gain = func("gain", at, hl.select(mean, one, one - one / (one + ratio[at] * ratio[at])))
    kept = func("kept", at, gain[at] * column[at])
    each = gain[x, y, c, square.x, square.y]
    noise = summed("noise", (x, y, c), each * each)
    weight = func("weight", (x, y, c), one / (noise[x, y, c] + hl.f32(SIDE * LEAST)))
    samples = summed("samples", (x, y, c, u, j), basis[line.x, j] * kept[x, y, c, u, line.x])
    back = summed("back", (x, y, c, i, j), basis[line.x, i] * samples[x, y, c, line.x, j])
    window = (x - square.x, y - square.y, c)
    counted = hl.select((y - square.y) % given.step == 0, weight[window], zero)
    total = summed("total", (x, y, c), counted * back[(*window, square.x, square.y)])
    over = summed("over", (x, y, c), counted)
    calm = func("calm", (x, y, c), total[x, y, c] / over[x, y, c])
    left = func("left", (x, y, c), hl.f32(1 / given.step) / over[x, y, c])
    return Image(calm, given.count), Image(left, given.count)
