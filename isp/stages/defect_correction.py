"""Defect correction: hot and dead pixels, known or found in the frame itself, and phase-detect pixels, are replaced.

A pixel is a suspect when it lies above the second largest (below the second smallest) of its 8 nearest sites of the
same colour by more than noise and texture explain; taking the second lets a pair of defects of one colour be found.
Texture is the root mean square, beyond noise, of how much the other pixels of the 5 x 5 around it differ from the mean
of their own neighbours (relief), and a third of the spread of the 8. What a lens can image is never one pixel alone: a
suspect is kept if two or more of the 8 pixels around it, of any colour, stand out the same way, as on an edge, a line
or a star. The replacement lies between the two opposite neighbours of its colour that differ least, so that edges
continue through it.

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
_NEAR_CLIP = 0.98
_HIDDEN = 0.5
"""Where a neighbour reaches the first share of the clip level, detail may hide above it: only a difference of the
second share is a defect for certain. Rims of lamps, cut by thin dark lines, differ from their clipped neighbours."""

_PAIR = 1.75
"""How much calmer the rest must be for two defects than for one alone: nature makes pairs more easily."""


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
            "texture", 3.5, "Excess that counts as detail, per texture of the surroundings beyond their noise",
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
        arrays: dict[str, NDArray[Any]] = {
            "noise": site_noise(context), "limits": limits, "clip": as_array(context.clip),
        }
        given = self.structure(values, context)
        if given["map"]:
            words = map_words(values["map"], context.companions.planes.get("defects"), context.shape)
            arrays |= {"map": words.ravel(), "words": np.array([words.shape[1]])}
        if given["phase"]:
            pattern = phase_pattern(values["phase_detect"], values["phase_period"])
            arrays |= {"phase": pattern.ravel(), "period": as_array(values["phase_period"])}
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
        column = [relief[x, y + j] * relief[x, y + j] for j in range(-2, 3)]
        energy = graph.plane("energy", tree_sum(column), stored=True)
        values = [v for pair in ring for v in (pair.ahead, pair.behind)]
        highest, high = _two_largest(hl, values)
        lowest, low = (-v for v in _two_largest(hl, [-v for v in values]))
        excess = hl.max(here - high, low - here)
        sign = hl.select(here > high, hl.f32(1), hl.f32(-1))
        noise, limits = arrays["noise"], arrays["limits"]
        clip = graph.site_color(*(arrays["clip"][c] for c in range(3)))
        shot, read = (graph.by_site(*(noise[row, site] for site in range(4))) for row in (0, 1))
        noise_here = sigma(shot, read, hl.select(here > high, high, low))
        nearby = [relief[x + i, y + j] for j in (-1, 0, 1) for i in (-1, 0, 1) if (i, j) != (0, 0)]
        beside = _largest(hl, [hl.abs(v) for v in nearby])
        partner = hl.max(beside, hl.select(here > high, highest - high, low - lowest))
        energies = tree_sum([energy[x + i, y] for i in range(-2, 3)])
        texture = _texture(hl, energies, relief[x, y], partner, noise_here, _OWN[min(graph.block, 2)])
        # 6 of 8 samples of noise alone lie within 2 sigma
        spread = hl.max(high - low - noise_here * hl.f32(2), hl.f32(0))
        hidden = hl.select(highest > clip * hl.f32(_NEAR_CLIP), clip * hl.f32(_HIDDEN), hl.f32(0))
        allowed = limits[0] * noise_here + limits[1] + limits[2] * (texture + spread * hl.f32(1 / 3)) + hidden

        visible = excess * hl.f32(_COMPANION) + noise_here * hl.f32(_UNSURE)
        company = tree_sum([hl.select(v * sign > visible, hl.f32(1), hl.f32(0)) for v in nearby])
        lone = (excess > allowed) & (company < hl.f32(1.5))
        return graph.plane("repaired", hl.select(lone, _calmest(hl, ring), here), by_site=not mono)


def _texture(hl: Any, energies: Expr, own: Expr, partner: Expr, noise: Expr, times: float) -> Expr:
    """Rms relief beyond noise, without the pixel's own, and for a pair without its partner's.

    `energies` is the sum of squared relief over 5 x 5; `times` says how often the square of a defect's stands in it.
    """
    # the relief of pure noise has a variance of 1 + 1/8 times its own
    expected = hl.f32(1.125) * noise * noise
    rest = energies - hl.f32(times) * own * own
    without = rest - hl.f32(times) * partner * partner
    return hl.sqrt(
        hl.max(hl.min(rest * hl.f32(1 / 24), without * hl.f32(_PAIR**2 / 24)) - expected, hl.f32(0))
    )


def _largest(hl: Any, values: Sequence[Expr]) -> Expr:
    """The largest of 2^n values."""
    while len(values) > 1:
        values = [hl.max(a, b) for a, b in zip(values[::2], values[1::2], strict=True)]
    return values[0]


def _two_largest(hl: Any, values: Sequence[Expr]) -> tuple[Expr, Expr]:
    """The largest and the second largest of 2^n values, by merging those of each half."""
    best = [(hl.max(a, b), hl.min(a, b)) for a, b in zip(values[::2], values[1::2], strict=True)]
    while len(best) > 1:
        best = [
            (hl.max(a, c), hl.max(hl.min(a, c), hl.max(b, d)))
            for (a, b), (c, d) in zip(best[::2], best[1::2], strict=True)
        ]
    return best[0]


def _calmest(hl: Any, ring: Sequence[Pair]) -> Expr:
    """The interpolation of the pair that differs least (the first of equals)."""
    result, least = ring[0].middle, hl.abs(ring[0].ahead - ring[0].behind)
    for pair in ring[1:]:
        spread = hl.abs(pair.ahead - pair.behind)
        result = hl.select(spread < least, pair.middle, result)
        least = hl.min(least, spread)
    return result
