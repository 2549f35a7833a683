from __future__ import annotations

from math import pi, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isp.engine.graph import Expr, Graph, Image


def shrunk(graph, planes, count, inverse):
    import halide as hl

    from isp.engine.graph import Image

    x, y, c = graph.x, graph.y, graph.c
    u, v, i, j = (hl.Var(n) for n in "uvij")
    r = hl.RDom([hl.Range(0, 8)], "r")
    box = hl.RDom([hl.Range(0, 8), hl.Range(0, 8)], "box")
    zero, one = hl.f32(0), hl.f32(1)

    def func(name, place, value):
        f = hl.Func(f"{graph.stage}_{name}")
        f[place] = value
        return f

    def summed(name, place, term):
        f = func(name, place, zero)
        f[place] += term
        return f

    basis = func("basis", (u, i), hl.select((u < 0) | (u > 7), zero, hl.select(u == 0, hl.f32(sqrt(1 / 8)), hl.f32(0.5))
                 * hl.cos(hl.f32((2 * i + 1) * u) * hl.f32(pi / 16))))
    rows = summed("rows", (x, y, c, u), basis[u, r.x] * planes[x + r.x, y, c])
    coef = summed("coef", (x, y, c, u, v), basis[v, r.x] * rows[x, y + r.x, c, u])
    at = (x, y, c, u, v)
    energy = func("energy", at, hl.select((u == 0) & (v == 0), zero, coef[at] * coef[at]))
    near = energy[x, y, c, u, v - 1] + energy[x, y, c, u, v + 1]
    number = hl.select((v == 0) | (v == 7) | ((u == 0) & (v == 1)), 1, 2)
    mean = func("mean", at, (energy[at] + hl.f32(0.5) * near) / (one + hl.f32(0.5) * hl.f32(number)) * (inverse * hl.f32(64)))
    gain = func("gain", at, hl.select((u == 0) & (v == 0), one, one - one / (one + mean[at] * mean[at])))
    kept = func("kept", at, gain[at] * coef[at])
    total = summed("total", (x, y, c), gain[x, y, c, box.x, box.y] * gain[x, y, c, box.x, box.y])
    weight = func("weight", (x, y, c), one / total[x, y, c])
    column = summed("column", (x, y, c, u, j), basis[r.x, j] * kept[x, y, c, u, r.x])
    back = summed("back", (x, y, c, i, j), basis[r.x, i] * column[x, y, c, r.x, j])
    seen = (x - box.x, y - box.y, c)
    there = hl.select((y - box.y) % 4 == 0, weight[seen], zero)
    num = summed("num", (x, y, c), there * back[(*seen, box.x, box.y)])
    den = summed("den", (x, y, c), there)
    return Image(func("calm", (x, y, c), num[x, y, c] / den[x, y, c]), count)
