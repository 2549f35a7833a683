"""Chroma noise reduction: coloured specks and blotches go, luma stays as it is, and colours do not cross edges.

Balanced camera RGB is taken apart into luma and chroma,

    Y = (R + 2 G + B) / 4,   C = (R - Y, B - Y),   so that   G - Y = -(C1 + C2) / 2,

and only C changes: Y of the output is Y of the input but for rounding. On cells of 2x2 pixels (a Bayer colour has no
finer chroma) means of 3x3 cells `step` cells apart are taken again and again, an a-trous transform (H. Dammertz et al.,
"Edge-avoiding a-trous wavelet transform for fast global illumination filtering", High Performance Graphics 2010). The
steps are 1 and 3, then from the largest down: 27 and 9. Powers of three, so that together they are one mean over
3^scales cells a side in which each cell counts once; the largest first, so that little is computed around a tile.

Neighbours count by the bisquare max(0, 1 - d^2)^2 of their distance d in V, whose noise is the same at every level of
light (the generalised Anscombe transform of `noise_reduction`, in units that are alike for all colours):

    V = sqrt(x + c / S) below which it goes on straight,   c = O + 3/8 S^2,   variance of V = S / 4   (noise S x + O)
    18 strength^2 d^2 = (V_r - V_g)^2 / var + (V_b - V_g)^2 / var + luma^2 (V_r + 2 V_g + V_b)^2 / var   (differences)

18 is the square of three standard deviations of a difference of two; `var` is what `_LEFT` says is left of one pixel's
variance. The first two steps compare what the step before gave; the wide ones what step 3 gave, whose noise is so
small that they tell faint colours apart.

Each pixel then takes the chroma of the four cells around it (bilinear), each as far as the pixel's own V is like the
cell's, and keeps its own chroma as far as none is. So a line or a dot narrower than a cell keeps its colour. Chroma
follows the pixel's luma, C' = C (1 + 2/3 (Y - Y0) / Y0) with Y0 the luma that was averaged with C: that is what leaves
CIELAB's a* = 500 (f(X) - f(Y)), f a cube root, as it was while Y varies. Ratios (1 instead of 2/3) or differences (0)
turn the noise of luma into noise of colour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array
from isp.stages.noise import site_noise
from isp.stages.noise_reduction.stabilised import terms

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

_CUT = 18.0
_LEFT = (0.39, 0.12, 0.025)
"""Variance, against one pixel's, of a cell (2x2 pixels of red behind a bilinear demosaic: 0.39; green: 0.30), and
behind steps 1 and 3 (measured on flat fields, where half of the neighbours' weight is lost)."""
_CORNER = 0.75
"""Weight of a direct neighbour at step 1, squared for a diagonal one: the others take each cell alike."""
_PIXEL = 0.8
"""Variance of a demosaiced pixel's V, against one raw pixel's, as it is compared with cells."""
_OWN = 0.06
"""Weight of a pixel's own chroma against cells like it, whose variance is about a twentieth."""
_FOLLOW = 2 / 3
_TINY = 1e-9


class ChromaNoiseReduction(Stage):
    """Average chroma with its like, up to blotches of many pixels, as far as the noise explains the differences."""

    name = "chroma_noise_reduction"
    takes = ("camera",)
    parameters = (
        Param(
            "strength", 1.0, "Width of what is averaged: 1 joins colours that noise explains (3 sigma); 0 is off",
            lower=0, upper=10, tune="gradient",
        ),
        Param(
            "luma", 0.4, "How much differences of luma part colours, against those of chroma; 0: not at all",
            lower=0, upper=4, tune="gradient",
        ),
        Param(
            "scales", 4, "Size of the coarsest blotches, 2 3^scales px: 6, 18, 54, 162, 486; 4 suits 12 MP, 5 200 MP",
            lower=1, upper=5, integer=True, structural=True, tune="search",
        ),
    )

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        return {"scales": int(values["scales"])}

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return bool(values["strength"] == 0)

    def reach(self, structure: Mapping[str, str | int]) -> int:
        return int(3 ** int(structure["scales"]) + 1)

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        shot, constant = terms(*(np.array([v[0], (v[1] + v[2]) / 2, v[3]]) for v in site_noise(context)))[:2]
        offset = constant / shot
        r, g, b = shot / 4
        variance = np.array([(r + 4 * g + b) / 16, r + g, b + g])
        wanted = np.array([as_array(values["luma"]) ** 2, 1.0, 1.0])
        scale = np.sqrt(wanted / (variance * (_CUT * as_array(values["strength"]) ** 2 + _TINY)))
        dark = np.array([1.0, 4.0, 1.0]) @ constant / 16
        return {"stable": np.array([offset, 0.5 / np.sqrt(offset), scale]), "dark": np.atleast_1d(dark)}

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        x, y = graph.x, graph.y
        r, g, b = _at(image, x, y)
        luma = graph.plane("luma", (r + b) * hl.f32(0.25) + g * hl.f32(0.5))[x, y]
        pixels = graph.stack("opponent", [luma, r - luma, b - luma])
        calm = graph.rgb("cells", lambda c: hl.f32(0.25) * (
            (pixels[2 * x, 2 * y, c] + pixels[2 * x + 1, 2 * y, c])
            + (pixels[2 * x, 2 * y + 1, c] + pixels[2 * x + 1, 2 * y + 1, c])
        ), stored=True)
        steps = [3**k for k in range(int(structure["scales"]))]
        guide = calm
        for number, step in enumerate([*steps[:2], *reversed(steps[2:])]):
            if number < len(_LEFT):
                guide = _stable(graph, f"guide{number}", calm, arrays, stored=True)
            left = _LEFT[min(number, len(_LEFT) - 1)]
            calm = _averaged(graph, f"step{step}", calm, guide, step, left, _CORNER if step == 1 else 1.0)
        stable = _stable(graph, "stable", pixels, arrays)
        quad = [[_pixel(graph, arrays, pixels, stable, guide, calm, i, j) for i in (0, 1)] for j in (0, 1)]
        moved = [
            [graph.stack(f"moved{j}{c}", [p[x, y, c + 1] for p in row], stored=True, woven=True) for c in range(2)]
            for j, row in enumerate(quad)
        ]
        lines = [[graph.unwoven(part, y // 2) for part in row] for row in moved]
        red, blue = (hl.select(y % 2 == 0, lines[0][c], lines[1][c]) for c in range(2))
        return graph.rgb("calm", [r + red, g - (red + blue) * hl.f32(0.5), b + blue])


def _at(image: Image, x: Expr, y: Expr) -> list[Expr]:
    return [image[x, y, c] for c in range(3)]


def _stable(graph: Graph, name: str, opponent: Image, arrays: Arrays, stored: bool = False) -> Image:
    """V's luma and chroma, in units in which two of one pixel's noise are within 1 of each other."""
    import halide as hl

    x, y, terms, zero = graph.x, graph.y, arrays["stable"], hl.f32(0)
    luma, c1, c2 = _at(opponent, x, y)
    level = graph.stack(f"{name}_level", [luma + c1, luma - (c1 + c2) * hl.f32(0.5), luma + c2])

    def rooted(c: Expr) -> Expr:
        offset, slope = (graph.choose(c, [terms[k, i] for i in range(3)]) for k in (0, 1))
        return hl.sqrt(hl.max(level[x, y, c], zero) + offset) + hl.min(level[x, y, c], zero) * slope

    root = graph.rgb(f"{name}_root", rooted)
    r, g, b = _at(root, x, y)
    parts = [((r + b) * hl.f32(0.25) + g * hl.f32(0.5)) * terms[2, 0], (r - g) * terms[2, 1], (b - g) * terms[2, 2]]
    return graph.stack(name, parts, stored=stored)


def _weight(graph: Graph, name: str, square: Callable[[Expr], Expr], left: float, share: float) -> Image:
    """The bisquare of three squared differences by channel, times `share`."""
    import halide as hl

    # a plane of its own, though never stored: in the derivative it keeps every channel's part in one expression
    r, g, b = _at(graph.rgb(f"{name}_squares", square), graph.x, graph.y)
    apart = graph.within((r + g) + b, hl.f32(0), hl.f32(2 * left))  # from `left` on the weight is 0
    like = hl.max(hl.f32(1) - apart * hl.f32(1 / left), hl.f32(0))
    return graph.plane(name, like * like * hl.f32(share))


def _averaged(graph: Graph, name: str, values: Image, guide: Image, step: int, left: float, side: float) -> Image:
    """Each cell with its eight neighbours `step` cells away."""
    import halide as hl

    from isp.engine.graph import tree_sum

    x, y = graph.x, graph.y
    taps = []
    # the weight between two cells is the same seen from either
    for i, j in ((1, 0), (-1, 1), (0, 1), (1, 1)):
        dx, dy = i * step, j * step

        def square(c: Expr, dx: int = dx, dy: int = dy) -> Expr:
            away = guide[x + dx, y + dy, c] - guide[x, y, c]
            return away * away

        weight = _weight(graph, f"{name}_{i}{j}", square, left, side ** (abs(i) + abs(j)))
        taps += [(weight[x, y], dx, dy), (weight[x - dx, y - dy], -dx, -dy)]
    part = graph.plane(f"{name}_part", hl.f32(1) / (hl.f32(1) + tree_sum([w for w, _, _ in taps])))

    def total(c: Expr) -> Expr:
        return values[x, y, c] + tree_sum([w * values[x + dx, y + dy, c] for w, dx, dy in taps])

    total_ = graph.rgb(f"{name}_total", total)

    def mean(c: Expr) -> Expr:
        return graph.within(total_[x, y, c] * part[x, y], values[x, y, c], values[x, y, c])

    return graph.rgb(name, mean, stored=True)


def _pixel(
    graph: Graph, arrays: Arrays, pixels: Image, stable: Image, guide: Image, calm: Image, i: int, j: int
) -> Image:
    """What C of one of the four pixels of a cell changes by, as channels 1 and 2."""
    import halide as hl

    x, y, one = graph.x, graph.y, hl.f32(1)
    at = 2 * x + i, 2 * y + j
    taps = []
    for dx, dy in ((a * (2 * i - 1), b * (2 * j - 1)) for b in (0, 1) for a in (0, 1)):
        share = (0.25 if dx else 0.75) * (0.25 if dy else 0.75)

        def square(c: Expr, dx: int = dx, dy: int = dy) -> Expr:
            away = guide[x + dx, y + dy, c] - stable[(*at, c)]
            return away * away

        taps.append((_weight(graph, f"near{i}{j}{dx}{dy}", square, _PIXEL, share)[x, y], dx, dy))
    (a, b), (c, d) = (taps[k][0] for k in (0, 1)), (taps[k][0] for k in (2, 3))
    part = graph.plane(f"part{i}{j}", one / (hl.f32(_OWN) + ((a + b) + (c + d))))

    def total(c: Expr) -> Expr:
        terms = [w * calm[x + dx, y + dy, c] for w, dx, dy in taps]
        return pixels[(*at, c)] * hl.f32(_OWN) + ((terms[0] + terms[1]) + (terms[2] + terms[3]))

    mean = graph.rgb(f"mean{i}{j}", total)
    own = pixels[(*at, 0)]
    luma = graph.plane(f"luma{i}{j}", graph.within(mean[x, y, 0] * part[x, y], own, own))[x, y]
    rise = (pixels[(*at, 0)] - luma) * luma / (luma * luma + arrays["dark"][0])
    follow = graph.plane(f"follow{i}{j}", hl.clamp(one + hl.f32(_FOLLOW) * rise, hl.f32(0), hl.f32(2)) * part[x, y])
    return graph.rgb(f"pixel{i}{j}", lambda c: mean[x, y, c] * follow[x, y] - pixels[(*at, c)])
