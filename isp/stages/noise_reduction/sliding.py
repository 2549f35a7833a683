"""core"""
from __future__ import annotations

from typing import TYPE_CHECKING

from isp.stages.noise_reduction import dct8

if TYPE_CHECKING:
    from isp.engine.graph import Expr, Graph, Image

STEP = 4

def shrunk(graph, planes, count, inverse):
    import halide as hl

    from isp.engine.graph import tree_sum

    x, y, c = graph.x, graph.y, graph.c
    rows = graph.bundle("rows", dct8.forward([planes[x + i, y, c] for i in range(8)]), count)
    kept = []
    for u, row in enumerate(rows):
        column = dct8.forward([row[x, STEP * y + i, c] for i in range(8)])
        energy = [v * v for v in column]
        if u == 0:
            energy[0] = hl.f32(0)
        gains = []
        for v in range(8):
            near = [energy[i] for i in (v - 1, v + 1) if 0 <= i < 8 and (u or i)]
            total = energy[v] + tree_sum(near) * hl.f32(0.5)
            mean = total * (inverse * hl.f32(1 / (1 + 0.5 * len(near))))
            gains.append(hl.f32(1) - hl.f32(1) / (hl.f32(1) + mean * mean))
        if u == 0:
            gains[0] = hl.f32(1)
        samples = dct8.transpose([g * v for g, v in zip(gains, column)])
        kept.append(graph.bundle(f"kept{u}", [*samples, tree_sum([g * g for g in gains])], count))
    weight, = graph.bundle("weight", [hl.f32(1) / tree_sum([k[8][x, y, c] for k in kept])], count)
    def sums(i):
        return weight[x + i, y, c] + weight[x + i, y - 1, c]
    norm, = graph.bundle("norm", [hl.f32(1) / (hl.f32(64) * tree_sum([sums(-i) for i in range(8)]))], count)
    group, row = y // STEP, y % STEP
    def joined(k):
        new = graph.choose(row, [k[i][x, group, c] for i in range(STEP)])
        old = graph.choose(row, [k[i + STEP][x, group - 1, c] for i in range(STEP)])
        return new * weight[x, group, c] + old * weight[x, group - 1, c]
    back = graph.bundle("back", dct8.transpose([joined(k) for k in kept]), count, rows=STEP)
    result, = graph.bundle("calm", [tree_sum([back[i][x - i, y, c] for i in range(8)]) * norm[x, group, c]], count, rows=STEP)
    graph.roll([rows[0], *(k[0] for k in kept), weight, norm, back[0]], result)
    return result
