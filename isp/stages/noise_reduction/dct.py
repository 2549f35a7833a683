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
from isp.stages.noise_reduction.windows import SIDE, Windows, shrunk

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

STEPS = {"dct": 2, "dct_fast": 4}
"""Rows from window to window by method [plane px]: at 4 half the work, and 0.05 to 0.1 dB less on photographs."""
_THRESHOLD = 1.8
"""t at strength 1 [sigma]: of 1.5 to 2.1 the least error on photographs, on average over ISO 400 to 6400."""
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
    return STEPS[str(structure["method"])] * period(structure)


def prepare(values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
    """What `define` reads: noise terms and corrections of the sites; 1 / t^2 of light and of colour differences."""
    noise = site_noise(context)
    width = _THRESHOLD * float(values["strength"]) * np.array([1.0, float(values["chroma"])])
    return {"stable": terms(*noise), "correction": corrections(*noise), "inverse": 1 / (width**2 + 1e-6)}


def mixing(structure: Mapping[str, str | int], camera: bool) -> list[tuple[NDArray[Any], int]]:
    """Orthonormal (n, n) matrices from the planes of the sites to those the windows see, to be applied in turn.

    Each acts on sets of n planes whose numbers lie as far apart as the second value says.
    """
    if camera:
        return [(_RGB, 1)]
    if structure["sites"] == 1:
        return []
    k = np.arange(int(structure.get("block", 1)))
    inside = np.cos(np.outer(k, 2 * k + 1) * np.pi / (2 * k.size))
    inside /= np.linalg.norm(inside, axis=1, keepdims=True)
    return [(np.kron(inside, inside), 4), (_BAYER, 1)] if k.size > 1 else [(_BAYER, 1)]


def _mixed(graph: Graph, name: str, planes: Image, matrix: NDArray[Any], apart: int) -> Image:
    """Each set of planes times a matrix."""
    import halide as hl

    from isp.engine.graph import tree_sum

    x, y, c = graph.x, graph.y, graph.c
    n = len(matrix)
    # a buffer with memory of its own: Halide does not hold on to an array
    factors = hl.Buffer(np.ascontiguousarray(matrix, np.float32)).copy()
    row = c // apart % n

    def member(j: int) -> Expr:
        """Number of the j-th plane of the set, with bounds that the compiler sees."""
        return j if n == planes.channels else hl.clamp(c + (j - row) * apart, 0, planes.channels - 1)

    terms = [hl.f32(factors[j, row]) * planes[x, y, member(j)] for j in range(n)]
    return graph.bundle(name, [tree_sum(terms)], planes.channels)[0]


def define(graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
    """The filter as Halide expressions."""
    import halide as hl

    from isp.engine.graph import tree_sum

    x, y, c = graph.x, graph.y, graph.c
    side, block = period(structure), int(structure.get("block", 1))
    camera = image.channels == 3
    count = 3 if camera else side * side
    mixes = mixing(structure, camera)
    # plane number 4 q + site, q counting the places in a block; the three colours' noise is that of R, Gr and B
    site, q = (hl.select(c == 2, 3, c), 0) if camera else (c % 4, c // 4)

    def place(inner: Expr, half: Expr) -> Expr:
        return 0 if side == 1 else inner + block * half

    if camera:
        value = image[x, y, c]
    else:
        value = image[side * x + place(q % block, site % 2), side * y + place(q // block, site // 2)]
    own = [arrays["stable"][row, site] for row in range(4)]
    planes, = graph.bundle("stable", [stable(value, own)], count)
    for number, (matrix, apart) in enumerate(mixes):
        planes = _mixed(graph, f"mixed{number}", planes, matrix, apart)
    light, difference = arrays["inverse"][0], arrays["inverse"][1]
    step = STEPS[str(structure["method"])]
    windows = Windows(planes, count, lambda c: hl.select(c % 4 == 0, light, difference), lambda c: c < 3, step)
    calm, left = (_sums if graph.differentiated else shrunk)(graph, windows)
    for number, (matrix, apart) in reversed(list(enumerate(mixes))):
        calm = _mixed(graph, f"unmixed{number}", calm, matrix.T, apart)
    # what noise is left is biased by as much less
    averaged = hl.f32(1) - tree_sum([left[x, y, i] for i in range(count)]) * hl.f32(1 / count)
    result, = graph.bundle("linear", [linear(calm[x, y, c], own, arrays["correction"], site, averaged)], count)
    if camera:
        return graph.rgb("calm", lambda c: result[x, y, c])
    if count == 1:
        return graph.plane("calm", result[x, y, 0])
    at = [result[x // side, y // side, number] for number in range(count)]
    of_block = [graph.by_site(*at[4 * i : 4 * i + 4]) for i in range(count // 4)]
    return graph.plane("calm", graph.choose(y % block * block + x % block, of_block), by_site=True)


def _sums(graph: Graph, given: Windows) -> tuple[Image, Image]:
    from isp.stages.noise_reduction import windows_sums

    return windows_sums.shrunk(graph, given)
