"""Method `dct`: shrinkage in sliding windows, on planes in which luminance and colour differences are apart.

A mosaic is taken apart by its period: the sites of one place in it make a plane. Made stable (`stabilised`), the
planes are mixed by an orthonormal matrix, which leaves their noise as it is and gathers what they have in common:

    light (R + Gr + Gb + B) / 2          tint (Gr + Gb - R - B) / 2
    red-blue (R - B) / sqrt(2)           greens (Gr - Gb) / sqrt(2)

The greens' difference has no mean of its own, so its means are shrunk as well: where they alone are left they would
draw a maze. On a CFA of k x k blocks the k^2 samples of each block go through a DCT first, and each of its
frequencies makes a Bayer mosaic of its own, treated alike. A monochrome mosaic is one plane; camera RGB, where noise
is already drawn out by the demosaicing, is three: light, red-blue, green-magenta.

Each plane goes through `windows`, is mixed back and made linear.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.stage import Context, Plain
from isp.stages.noise import site_noise
from isp.stages.noise_reduction.stabilised import corrections, linear, stable, terms
from isp.stages.noise_reduction.windows import SIDE, STEP, Windows, shrunk

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

_THRESHOLD = 1.9
"""t at strength 1 [sigma]: the best mean error on photographs at 2 to 8 % noise, of 1.7, 1.9 and 2.1."""
_BAYER = np.array([[1, 1, 1, 1], [-1, 1, 1, -1], [np.sqrt(2), 0, 0, -np.sqrt(2)], [0, np.sqrt(2), -np.sqrt(2), 0]]) / 2
"""(4, 4): light, tint, red-blue and greens from R, Gr, Gb, B; orthonormal."""
_RGB = np.array([[1, 1, 1], [1, 0, -1], [-1, 2, -1]]) / np.sqrt([[3], [2], [6]])
"""(3, 3): light, red-blue and green-magenta from R, G, B; orthonormal."""


def period(structure: Mapping[str, str | int]) -> int:
    """Period of the planes in a mosaic [px]."""
    return 1 if structure["sites"] == 1 else 2 * int(structure.get("block", 1))


def reach(structure: Mapping[str, str | int]) -> int:
    """Pixels read to each side [px]."""
    side = period(structure)
    return SIDE * side - 1


def lattice(structure: Mapping[str, str | int]) -> int:
    """Rows after which windows repeat [px]."""
    return STEP * period(structure)


def prepare(values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
    """What `define` reads: noise terms and corrections per site; mixing, 1 / t^2 and means per plane."""
    noise = site_noise(context)
    k = np.arange(context.cfa.block)
    inside = np.cos(np.outer(k, 2 * k + 1) * np.pi / (2 * k.size))
    inside /= np.linalg.norm(inside, axis=1, keepdims=True)
    mono = context.cfa.family == "mono"
    mix = np.eye(1) if mono else np.kron(np.kron(inside, inside), _BAYER)
    width = _THRESHOLD * float(values["strength"]) * np.array([1.0] + 3 * [float(values["chroma"])])
    inverse = 1 / (width**2 + 1e-6)
    # light first, then colour differences, in every one of the block's frequencies; only the first have means
    flat = np.zeros(len(mix))
    flat[:3] = 1
    return {
        "stable": terms(*noise), "correction": corrections(*noise), "mix": mix, "mix_rgb": _RGB,
        "inverse": np.tile(inverse, -(-len(mix) // 4)), "means": flat,
    }


def define(graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
    """The filter as Halide expressions."""
    import halide as hl

    from isp.engine.graph import tree_sum

    x, y, c = graph.x, graph.y, graph.c
    side, block = period(structure), int(structure.get("block", 1))
    camera = image.channels == 3
    count = 3 if camera else side * side
    # plane number 4 q + site, q counting the places in a block; the three colours' noise is that of R, Gr and B
    site = hl.select(c == 2, 3, c) if camera else c % 4
    mix = arrays["mix_rgb" if camera else "mix"]

    def place(step: int, inner: Expr, half: Expr) -> Expr:
        return inner + block * half if step > 1 else 0

    q = c // 4
    if camera:
        value = image[x, y, c]
    else:
        value = image[side * x + place(side, q % block, site % 2), side * y + place(side, q // block, site // 2)]
    own = [arrays["stable"][row, site] for row in range(4)]
    sites, = graph.bundle("stable", [stable(value, own)], count)
    mixed, = graph.bundle("planes", [tree_sum([mix[c, i] * sites[x, y, i] for i in range(count)])], count)
    given = Windows(mixed, count, arrays["inverse"], arrays["means"])
    calm, left = (_sums(graph, given) if graph.differentiated else shrunk(graph, given))
    found = tree_sum([mix[i, c] * calm[x, y, i] for i in range(count)])
    # what noise is left is biased by as much less
    averaged = hl.f32(1) - tree_sum([left[x, y, i] for i in range(count)]) * hl.f32(1 / count)
    result, = graph.bundle("linear", [linear(found, own, arrays["correction"], site, averaged)], count)
    if camera:
        return graph.rgb("calm", lambda c: result[x, y, c])
    if count == 1:
        return graph.plane("calm", result[x, y, 0])
    inner = 4 * (y % block * block + x % block)
    return graph.plane("calm", result[x // side, y // side, inner + 2 * (y // block % 2) + x // block % 2])


def _sums(graph: Graph, given: Windows) -> tuple[Image, Image]:
    from isp.stages.noise_reduction import windows_sums

    return windows_sums.shrunk(graph, given)
