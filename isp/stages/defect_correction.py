"""Defect correction: hot and dead pixels, single or in pairs, found in the frame itself and replaced.

A pixel is a suspect when it lies above the second largest (below the second smallest) of its 8 nearest sites of the
same colour by more than noise and texture explain; taking the second lets a pair of defects of one colour be found.
What a lens can image is never one pixel alone: a suspect is kept if two or more of the 8 pixels around it, of any
colour, stand out from their own surroundings the same way, as on an edge, a line or a star. The replacement is the
mean of the two opposite neighbours of its colour that differ least, so that edges continue through it.

The test is the rank-conditioned one common in sensors' on-chip correction (after A. Tanbakuchi et al., "Adaptive pixel
defect correction", Proc. SPIE 5017, 2003), with the noise model in place of a fixed threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array
from isp.stages.noise import sigma, site_noise

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

_FAR = ((2, 0), (0, 2), (2, 2), (2, -2))
"""Half of the 8 nearest same-colour sites of red and blue [px]; the other half lies opposite."""
_NEAR = ((2, 0), (0, 2), (1, 1), (1, -1))
"""The same for green."""
_COMPANION = 0.2
"""Share of a suspect's excess from which a neighbour counts as part of the same feature: light of any colour that
makes one site stand out reaches the others through their filters' overlap."""


class DefectCorrection(Stage):
    """Replace hot and dead pixels found by comparison with their neighbours."""

    name = "defect_correction"
    takes = ("mosaic",)
    parameters = (
        Param(
            "threshold", 5.0, "Excess over the neighbours beyond which a lone pixel is replaced", unit="sigma",
            lower=0, upper=1000, tune="search",
        ),
        Param(
            "floor", 0.005, "Smallest excess that counts as a defect (white is 1); alone in charge where noise is tiny",
            lower=0, upper=1, tune="search",
        ),
        Param(
            "texture", 2.0, "Excess that counts as detail, per spread of the neighbours beyond their noise",
            lower=0, upper=100, tune="search",
        ),
    )

    def reach(self, structure: Mapping[str, str | int]) -> int:
        return 3

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        limits = [values[name] for name in ("threshold", "floor", "texture")]
        return {"noise": site_noise(context), "limits": np.hstack([as_array(v) for v in limits])}

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        x, y = graph.x, graph.y
        here = image[x, y]

        def of_site(far: Expr, near: Expr) -> Expr:
            return graph.by_site(far, near, near, far)

        def at(dx: int, dy: int) -> Expr:
            return image[x + dx, y + dy]

        pairs = [
            (of_site(at(*f), at(*n)), of_site(at(-f[0], -f[1]), at(-n[0], -n[1])))
            for f, n in zip(_FAR, _NEAR, strict=True)
        ]
        ring = [v for pair in pairs for v in pair]
        total = (ring[0] + ring[1] + (ring[2] + ring[3])) + (ring[4] + ring[5] + (ring[6] + ring[7]))
        relief = graph.plane("relief", here - total * hl.f32(0.125), stored=True, by_site=True)

        high, low = _second_largest(hl, pairs), -_second_largest(hl, [(-a, -b) for a, b in pairs])
        excess = hl.max(here - high, low - here)
        sign = hl.select(here > high, hl.f32(1), hl.f32(-1))
        around = [(i, j) for j in (-1, 0, 1) for i in (-1, 0, 1) if (i, j) != (0, 0)]
        company = hl.f32(0)
        for i, j in around:
            company += hl.select(relief[x + i, y + j] * sign > excess * hl.f32(_COMPANION), hl.f32(1), hl.f32(0))
        noise, limits = arrays["noise"], arrays["limits"]
        shot, read = (graph.by_site(*(noise[row, site] for site in range(4))) for row in (0, 1))
        noise_here = sigma(shot, read, hl.select(here > high, high, low))
        # the second largest and smallest of 8 noisy samples lie about 2 sigma apart
        spread = hl.max(high - low - noise_here * 2.0, hl.f32(0))
        allowed = limits[0] * noise_here + limits[1] + limits[2] * spread
        lone = (excess > allowed) & (company < hl.f32(1.5))
        return graph.plane("repaired", hl.select(lone, _calmest(hl, pairs), here), by_site=True)


def _second_largest(hl: Any, pairs: Sequence[tuple[Expr, Expr]]) -> Expr:
    """The second largest of the values in pairs, by merging the two largest of each half."""
    best = [(hl.max(a, b), hl.min(a, b)) for a, b in pairs]
    while len(best) > 1:
        best = [
            (hl.max(a, c), hl.max(hl.min(a, c), hl.max(b, d)))
            for (a, b), (c, d) in zip(best[::2], best[1::2], strict=True)
        ]
    return best[0][1]


def _calmest(hl: Any, pairs: Sequence[tuple[Expr, Expr]]) -> Expr:
    """Mean of the pair that differs least (the first of equals)."""
    result, least = (pairs[0][0] + pairs[0][1]) * hl.f32(0.5), hl.abs(pairs[0][0] - pairs[0][1])
    for a, b in pairs[1:]:
        spread = hl.abs(a - b)
        result = hl.select(spread < least, (a + b) * hl.f32(0.5), result)
        least = hl.min(least, spread)
    return result
