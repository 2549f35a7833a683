"""Defect correction: hot and dead pixels, known or found in the frame itself, and phase-detect pixels, are replaced.

A pixel is a suspect when it lies above the second largest (below the second smallest) of its 8 nearest sites of the
same colour by more than noise and texture explain; taking the second lets a pair of defects of one colour be found.
Texture is the root mean square, beyond noise, of how much the other pixels of the 5 x 5 around it differ from the mean
of their own neighbours (relief). What a lens can image is never one pixel alone: a suspect is kept if two or more of
the 8 pixels around it, of any colour, stand out the same way, as on an edge, a line or a star. The replacement lies
between the two opposite neighbours of its colour that differ least, so that edges continue through it.

The test is the rank-conditioned one common in sensors' on-chip correction (after A. Tanbakuchi et al., "Adaptive pixel
defect correction", Proc. SPIE 5017, 2003), with the noise model in place of a fixed threshold. `isp.stages.neighbours`
says which the neighbours are on each CFA, `isp.stages.defect_map` what happens to pixels known beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array
from isp.stages.defect_map import known_repaired, map_words, phase_pattern, place_arrays
from isp.stages.neighbours import Pair, pairs, ring_reach
from isp.stages.noise import sigma, site_noise

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

_COMPANION = 0.1
"""Share of a suspect's excess, on top of `_UNSURE` sigma, from which a neighbour counts as part of the same feature:
light of any colour that makes one site stand out reaches the others through their filters' overlap."""
_UNSURE = 2.0
_OWN = {1: 1.125, 2: 1.35}
"""How often a lone defect's squared relief stands in the sum over 5 x 5: once itself, and 8 times as a share of its
neighbours' means (1/8 each on a Bayer or mono mosaic; up to 0.21 at the borders of blocks, 0.35 in all)."""

_PAIR = 1.75
"""How much calmer the rest must be for a pair than for one defect alone: nature makes pairs more easily."""


class DefectCorrection(Stage):
    """Replace hot, dead and phase-detect pixels: those known, and those found by comparison with their neighbours."""

    name = "defect_correction"
    takes = ("mosaic",)
    cfas = ("bayer", "ryyb", "quad", "nona", "hexadeca", "mono")
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
            "texture", 6.0, "Excess that counts as detail, per rms texture of the surroundings beyond their noise",
            lower=0, upper=100, tune="search",
        ),
        Param(
            "map", (),
            "Known defects: pairs x, y from the frame's first pixel; [] for none (as a mask: isp run --defects)",
            unit="px", lower=0, upper=65535, integer=True, shapes=((0,), (None, 2)), files=(".npy",),
        ),
        Param(
            "phase_detect", (), "Phase-detect pixels: x, y in their period and response relative to their neighbours, "
            "which is divided out; 0 replaces them",
            lower=0, upper=256, shapes=((0,), (None, 3)),
        ),
        Param(
            "phase_period", (16.0, 16.0), "After how many pixels across and down their pattern repeats", unit="px",
            lower=1, upper=256, integer=True, shapes=((2,),),
        ),
    )

    def check(self, values: Mapping[str, Any]) -> None:
        sites = values.get("phase_detect", ())
        period = values.get("phase_period", self.parameter("phase_period").default)
        if not isinstance(sites, tuple) or not isinstance(period, tuple):
            return
        for x, y, response in sites:
            if x != int(x) or y != int(y) or x >= period[0] or y >= period[1]:
                raise ValueError(
                    f"phase_detect: site ({x:g}, {y:g}, {response:g}) is not in its period; allowed: whole x "
                    f"0..{period[0] - 1:g}, y 0..{period[1] - 1:g}"
                )

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        mapped = len(values["map"]) > 0 or "defects" in context.companions.planes
        return {
            "map": int(mapped), "phase": int(len(values["phase_detect"]) > 0),
            "mono": int(context.cfa.family == "mono"),
        }

    def reach(self, structure: Mapping[str, str | int]) -> int:
        ring = ring_reach(int(structure.get("block", 1)), bool(structure["mono"]))
        return 2 + ring * (2 if structure["map"] or structure["phase"] else 1)

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        limits = np.hstack([as_array(values[name]) for name in ("threshold", "floor", "texture")])
        arrays: dict[str, NDArray[Any]] = {"noise": site_noise(context), "limits": limits}
        given = self.structure(values, context)
        if given["map"]:
            arrays["map"] = map_words(values["map"], context.companions.planes.get("defects"), context.shape)
        if given["phase"]:
            arrays["phase"] = phase_pattern(values["phase_detect"], values["phase_period"])
            arrays["period"] = as_array(values["phase_period"])
        return arrays | (place_arrays(context) if given["map"] or given["phase"] else {})

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        from isp.engine.graph import tree_sum

        x, y, mono = graph.x, graph.y, bool(structure["mono"])
        if structure["map"] or structure["phase"]:
            image = known_repaired(graph, image, arrays, structure, mono=mono)
        here, ring = image[x, y], pairs(graph, image, mono=mono)
        mean = tree_sum([pair.middle for pair in ring]) * hl.f32(0.25)
        relief = graph.plane("relief", here - mean, stored=True, by_site=not mono)
        values = [v for pair in ring for v in (pair.ahead, pair.behind)]
        high, low = _two_largest(hl, values)[1], -_two_largest(hl, [-v for v in values])[1]
        excess = hl.max(here - high, low - here)
        sign = hl.select(here > high, hl.f32(1), hl.f32(-1))
        noise, limits = arrays["noise"], arrays["limits"]
        shot, read = (graph.by_site(*(noise[row, site] for site in range(4))) for row in (0, 1))
        noise_here = sigma(shot, read, hl.select(here > high, high, low))
        detail = _texture(graph, relief, noise_here, own_plane=graph.block == 1 and not mono)
        allowed = limits[0] * noise_here + limits[1] + limits[2] * detail

        visible = excess * hl.f32(_COMPANION) + noise_here * hl.f32(_UNSURE)
        nearby = [(i, j) for j in (-1, 0, 1) for i in (-1, 0, 1) if (i, j) != (0, 0)]
        company = tree_sum([hl.select(relief[x + i, y + j] * sign > visible, hl.f32(1), hl.f32(0)) for i, j in nearby])
        lone = (excess > allowed) & (company < hl.f32(1.5))
        return graph.plane("repaired", hl.select(lone, _calmest(hl, ring), here), by_site=not mono)


def _texture(graph: Graph, relief: Image, noise: Expr, *, own_plane: bool) -> Expr:
    """Rms relief around a pixel beyond noise, without the pixel's own; for one defect, or one of a pair.

    The larger one of that of all colours and, with `own_plane`, of the sites 2 px away, mostly of the pixel's own.
    """
    import halide as hl

    from isp.engine.graph import tree_sum

    x, y = graph.x, graph.y
    own = hl.f32(_OWN[min(graph.block, 2)])
    square = relief[x, y] * relief[x, y]
    alone, paired = [], []
    for name, steps in (("all", range(-2, 3)), ("own", range(-2, 3, 2)))[: 2 if own_plane else 1]:
        column = [relief[x, y + j] * relief[x, y + j] for j in steps]
        parts = {"energy": tree_sum(column)} | dict(zip(("first", "second"), _two_largest(hl, column), strict=True))
        energy, first, second = (graph.plane(f"{part}_{name}", expr, stored=True) for part, expr in parts.items())
        total = tree_sum([energy[x + i, y] for i in steps])
        largest, next_one = _merged(hl, [(first[x + i, y], second[x + i, y]) for i in steps])
        partner = hl.select(square < largest, largest, next_one)
        rest = total - own * square
        share = 1 / (len(steps) ** 2 - 1)
        alone.append(rest * hl.f32(share))
        # of the pixel's own colour, neighbours that both defects share hold some of both
        paired.append((rest - own * partner) * hl.f32(share * (_PAIR**2 if name == "all" else 1)))
    # the relief of pure noise has a variance of 1 + 1/8 times its own
    expected = hl.f32(1.125) * noise * noise

    def rms(variances: Sequence[Expr]) -> Expr:
        return hl.sqrt(hl.max(hl.max(variances[0], variances[-1]) - expected, hl.f32(0)))

    return hl.min(rms(alone), rms(paired))


def _two_largest(hl: Any, values: Sequence[Expr]) -> tuple[Expr, Expr]:
    """The largest and the second largest of several values."""
    couples = [(hl.max(a, b), hl.min(a, b)) for a, b in zip(values[::2], values[1::2], strict=False)]
    if len(values) % 2:
        couples.append((values[-1], hl.f32(-3e38)))
    return _merged(hl, couples)


def _merged(hl: Any, couples: Sequence[tuple[Expr, Expr]]) -> tuple[Expr, Expr]:
    """The two largest of all, from the two largest of each part."""
    best = list(couples)
    while len(best) > 1:
        merged = [
            (hl.max(a, c), hl.max(hl.min(a, c), hl.max(b, d)))
            for (a, b), (c, d) in zip(best[::2], best[1::2], strict=False)
        ]
        best = merged + best[2 * len(merged) :]
    return best[0]


def _calmest(hl: Any, ring: Sequence[Pair]) -> Expr:
    """The interpolation of the pair that differs least (the first of equals)."""
    result, least = ring[0].middle, hl.abs(ring[0].ahead - ring[0].behind)
    for pair in ring[1:]:
        spread = hl.abs(pair.ahead - pair.behind)
        result = hl.select(spread < least, pair.middle, result)
        least = hl.min(least, spread)
    return result
