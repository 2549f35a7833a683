"""Noise reduction: a small edge-preserving filter whose strength follows the frame's noise model.

Values are compared where noise has unit variance everywhere (generalised Anscombe transform: M. Makitalo, A. Foi,
"Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian noise", IEEE TIP 22(1), 2013). With
variance S x + O and c = O + 3/8 S^2 it is 2/S sqrt(S x + c), whose constant does not matter here, going on as
x / sqrt(c) below black; S is held at a hundredth of c or more, where it makes no difference but for float32's digits.

Each value then becomes a mean over 5x5 sites of its colour, weighted by max(0, 1 - r^2/12 - (d / h)^2)^2 (a bisquare in
the difference d of transforms, as in robust statistics; no exponential): what differs by more than h does not count at
all, so edges stay. On camera RGB the three colours share one weight, from the mean of their squared differences.
The mean is taken of the linear values themselves, not of their transforms: like is only averaged with like, where
both are equally good, and no inverse is needed whose bias (S / 4, a quarter of a sigma next to black) would have to
be put back. Measured on flat fields, the mean moves by less than 1.2 % of a sigma.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.stage import Context, Plain, as_array
from isp.stages.noise import site_noise
from isp.stages.noise_reduction.stabilised import stable as to_stable
from isp.stages.noise_reduction.stabilised import terms

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

    Distance = Callable[[Image, int, int], Expr]

_CUT = 3 * np.sqrt(2)
"""Half-width h of the weight at strength 1 [sigma]: three standard deviations of a difference of two samples."""
_TINY = 1e-9


def reach(structure: Mapping[str, str | int]) -> int:
    """Pixels read to each side [px]."""
    return 2 * _stride(structure)


def _stride(structure: Mapping[str, str | int]) -> int:
    """From site to site of a colour [px]."""
    return 1 if structure["sites"] == 1 else 2 * int(structure.get("block", 1))


def prepare(values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
    """What `define` reads."""
    width = _CUT * as_array(values["strength"])
    return {"stable": terms(*site_noise(context)), "inverse": np.atleast_1d(1 / (width**2 + _TINY))}


def define(graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
    """The filter as Halide expressions."""
    import halide as hl

    from isp.engine.graph import tree_sum

    mosaic = image.channels == 1
    stable, distance = (_mosaic if mosaic else _camera)(graph, image, arrays)
    stride = _stride(structure) if mosaic else 1
    x, y = graph.x, graph.y
    # of three colours the mean of the squares counts
    inverse = arrays["inverse"][0] * hl.f32(1 / image.channels)
    # planes of their own, though never stored: in the derivative they keep each tap's share a short expression
    pairs = []
    for i, j in _TAPS:
        dx, dy = stride * i, stride * j
        away = graph.plane(f"away{i}{j}", distance(stable, dx, dy))[x, y]
        near = hl.f32(1 - (i * i + j * j) / 12) - away * inverse
        part = hl.max(near, hl.f32(0))
        pairs.append((graph.plane(f"weight{i}{j}", part * part), dx, dy))
    # the weight between two sites is the same seen from either
    both = [w[x, y] + w[x - dx, y - dy] for w, dx, dy in pairs]
    count = graph.plane("count", hl.f32(1) + tree_sum(both))

    def total(*channel: Expr) -> Expr:
        terms = [
            w[x, y] * image[(x + dx, y + dy, *channel)] + w[x - dx, y - dy] * image[(x - dx, y - dy, *channel)]
            for w, dx, dy in pairs
        ]
        return image[(x, y, *channel)] + tree_sum(terms)

    if image.channels == 1:
        weighted = graph.plane("weighted", total())
        return graph.plane("calm", weighted[x, y] / count[x, y])
    weighted = graph.rgb("weighted", total)
    return graph.rgb("calm", lambda c: weighted[x, y, c] / count[x, y], stored=True)


_TAPS = [(i, 0) for i in (1, 2)] + [(i, j) for j in (1, 2) for i in range(-2, 3)]
"""Half of the 5x5 neighbours; the other half lies opposite."""


def _mosaic(graph: Graph, image: Image, arrays: Arrays) -> tuple[Image, Distance]:
    """Unit-variance values, the squared distance to another site."""
    x, y = graph.x, graph.y
    terms = [graph.by_site(*(arrays["stable"][row, site] for site in range(4))) for row in range(4)]

    def distance(stable: Image, dx: int, dy: int) -> Expr:
        away = stable[x + dx, y + dy] - stable[x, y]
        return away * away

    return graph.plane("stable", to_stable(image[x, y], terms), stored=True, by_site=True), distance


def _camera(graph: Graph, image: Image, arrays: Arrays) -> tuple[Image, Distance]:
    """The same for camera RGB, whose green has the mean noise of both greens."""
    import halide as hl

    x, y = graph.x, graph.y
    rows = [arrays["stable"][row, site] for row in range(4) for site in range(4)]
    terms = [(rows[4 * i], (rows[4 * i + 1] + rows[4 * i + 2]) * hl.f32(0.5), rows[4 * i + 3]) for i in range(4)]

    def distance(stable: Image, dx: int, dy: int) -> Expr:
        r, g, b = (stable[x + dx, y + dy, c] - stable[x, y, c] for c in range(3))
        return (r * r + g * g) + b * b

    stable = graph.rgb("stable", lambda c: to_stable(image[x, y, c], [graph.choose(c, t) for t in terms]), stored=True)
    return stable, distance
