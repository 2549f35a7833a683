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
    u, plane = c % 8, c // 8
    row, = graph.bundle("rows", [graph.choose(u, dct8.forward([planes[x + i, y, plane] for i in range(8)]))], 8 * count, fan=8)
    column = dct8.forward([row[x, STEP * y + i, c] for i in range(8)])
    energy = [v * v for v in column]
    first = u == 0
    zero, one, half = (hl.f32(k) for k in (0, 1, 0.5))
    energy[0] = hl.select(first, zero, energy[0])
    gains = []
    for v in range(8):
        near = [energy[i] for i in (v - 1, v + 1) if 0 <= i < 8]
        share = hl.f32(1 / (1 + 0.5 * len(near)))
        if v == 1:
            share = hl.select(first, hl.f32(1 / 1.5), share)
        mean = (energy[v] + tree_sum(near) * half) * (inverse * share)
        gains.append(one - one / (one + mean * mean))
    gains[0] = hl.select(first, one, gains[0])
    samples = dct8.transpose([g * v for g, v in zip(gains, column)])
    parts = graph.bundle("kept", [*samples, tree_sum([g * g for g in gains])], 8 * count)
    weight, = graph.bundle("weight", [hl.f32(1) / tree_sum([parts[8][x, y, 8 * c + u] for u in range(8)])], count)
    def sums(i):
        return weight[x + i, y, c] + weight[x + i, y - 1, c]
    norm, = graph.bundle("norm", [hl.f32(1) / (hl.f32(64) * tree_sum([sums(-i) for i in range(8)]))], count)
    group = y // STEP
    def joined(u):
        new = graph.choose(y % STEP, [parts[i][x, group, 8 * c + u] for i in range(STEP)])
        old = graph.choose(y % STEP, [parts[i + STEP][x, group - 1, 8 * c + u] for i in range(STEP)])
        return new * weight[x, group, c] + old * weight[x, group - 1, c]
    back = graph.bundle("back", dct8.transpose([joined(u) for u in range(8)]), count, rows=STEP)
    result, = graph.bundle("calm", [tree_sum([back[i][x - i, y, c] for i in range(8)]) * norm[x, group, c]], count, rows=STEP)
    graph.roll([row, parts[0], weight, norm, back[0]], result)
    return result
