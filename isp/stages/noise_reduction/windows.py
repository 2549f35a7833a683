"""Shrinkage in sliding windows: overlapping 8x8 blocks lose the frequencies that noise explains, and are averaged.

L. Yaroslavsky, "Local adaptive image restoration and enhancement with the use of DFT and DCT in a running window",
SPIE 2825 (1996); G. Yu, G. Sapiro, "DCT image denoising: a simple and effective image denoising algorithm", Image
Processing On Line 1 (2011). In planes whose noise has unit variance, a window at every column and every `step` rows is
taken to C[u, v] by an orthonormal DCT (u counts frequencies along a row, v along a column), each multiplied by

    g = 1 - 1 / (1 + (E / t^2)^2)     E = sum of k[i] k[j] C[u + i, v + j]^2,  k = (1/4, 1/2, 1/4)

(mirrored at the ends) and taken back. An energy averaged over neighbours tells a feature, which spreads over them, from
a lucky draw, which does not (T. Cai, B. Silverman, "Incorporating information on neighbouring coefficients into wavelet
estimation", Sankhya B 63 (2001)): on flat ground it leaves half the noise that C^2 alone would at the same t. The
square of E / t^2 is between soft and hard, and smooth. In planes that have a mean of their own C[0, 0] is kept, and
counts as 0 in E.

A value is the mean over the windows it lies in, weighted by 1 / sum(g^2), the inverse of the noise each one kept
(K. Dabov et al., "Image denoising by sparse 3-D transform-domain collaborative filtering", IEEE TIP 16 (2007)).

Windows lie at fixed rows of the frame, so a crop equals the whole where it begins at a multiple of `step` rows of the
planes. Numbers are kept as long as a row of windows needs them, so a core works in its cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isp.stages.noise_reduction import dct8

if TYPE_CHECKING:
    from isp.engine.graph import Expr, Graph, Image

SIDE = 8
LEAST = 0.02
"""Added to the noise kept at each of the eight frequencies u [variance]: where nothing is kept, a mean is still one."""


@dataclass(frozen=True)
class Windows:
    """What the shrinkage works on.

    Parameters
    ----------
    planes : Image of `count` planes, noise of unit variance
    inverse : 1 / t^2 of plane number c
    means : whether the mean of plane number c is kept
    step : rows from window to window [plane px]; divides `SIDE`
    """

    planes: Image
    count: int
    inverse: Callable[[Expr], Expr]
    means: Callable[[Expr], Expr]
    step: int


def shrunk(graph: Graph, given: Windows) -> tuple[Image, Image]:
    """The planes without their noise, and the share of its variance that the windows kept (0..1)."""
    import halide as hl

    from isp.engine.graph import tree_sum

    x, y, c, step = graph.x, graph.y, graph.c, given.step
    one = hl.f32(1)
    # one loop serves all frequencies u of a plane: number 8 c + u
    u, plane = c % SIDE, c // SIDE
    taken = dct8.forward([given.planes[x + i, y, plane] for i in range(SIDE)])
    rows, = graph.bundle("rows", [graph.choose(u, taken)], SIDE * given.count, fan=SIDE)
    taken = dct8.forward([rows[x, step * y + i, c] for i in range(SIDE)])
    spectrum = graph.bundle("spectrum", taken, SIDE * given.count)
    mean = given.means(plane)

    def energies(number: Expr) -> list[Expr]:
        """C[number, v]^2, the mean's as 0."""
        at = (x, y, SIDE * plane + hl.clamp(number, 0, SIDE - 1))
        first, *others = (s[at] * s[at] for s in spectrum)
        return [hl.select(mean & (number == 0), hl.f32(0), first), *others]

    own, below, above = energies(u), energies(hl.select(u == 0, 1, u - 1)), energies(hl.select(u == 7, 6, u + 1))
    beside = [a + (b + d) * hl.f32(0.5) for a, b, d in zip(own, below, above, strict=True)]
    inverse = given.inverse(plane) * hl.f32(1 / 4 / dct8.SCALE**2)
    gains = []
    for v in range(SIDE):
        near = beside[1 if v == 0 else v - 1] + beside[SIDE - 2 if v == SIDE - 1 else v + 1]
        ratio = (beside[v] + near * hl.f32(0.5)) * inverse
        # beyond, the gain is 1 but for float32's last bit
        ratio = graph.within(ratio, hl.f32(0), hl.f32(4096))
        # in this form an energy too large for its square gives 1
        gains.append(one - one / (one + ratio * ratio))
    gains[0] = hl.select(mean & (u == 0), one, gains[0])
    samples = dct8.transpose([g * s[x, y, c] for g, s in zip(gains, spectrum, strict=True)])
    left = hl.f32(LEAST) + tree_sum([g * g for g in gains])
    *kept, noise = graph.bundle("kept", [*samples, left], SIDE * given.count)
    weight, = graph.bundle("weight", [one / tree_sum([noise[x, y, SIDE * c + i] for i in range(SIDE)])], given.count)
    over = tree_sum([weight[x - i, y - k, c] for i in range(SIDE) for k in range(SIDE // step)])
    norm, = graph.bundle("norm", [one / over], given.count)

    group = y // step

    def joined(u: int) -> Expr:
        """Frequency u of the rows, from the windows below one another that hold this row."""
        parts = []
        for k in range(SIDE // step):
            part = graph.choose(y % step, [kept[i + k * step][x, group - k, SIDE * c + u] for i in range(step)])
            parts.append(part * weight[x, group - k, c])
        return tree_sum(parts)

    back = graph.bundle("back", dct8.transpose([joined(i) for i in range(SIDE)]), given.count, rows=step)
    total = tree_sum([back[i][x - i, y, c] for i in range(SIDE)])
    scale = norm[x, group, c]
    # no window holds more energy than its pixels
    most = given.planes[x, y, c] * hl.f32(SIDE)
    calm, share = graph.bundle(
        "calm",
        [graph.within(total * (scale * hl.f32(1 / dct8.SCALE**2)), most, most), scale * hl.f32(1 / step)],
        given.count, rows=step,
    )
    graph.roll([rows, spectrum[0], noise, weight, norm, back[0]], calm)
    return calm, share

