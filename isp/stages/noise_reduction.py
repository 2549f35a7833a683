"""Noise reduction: a small edge-preserving filter whose strength follows the frame's noise model.

Values are compared where noise has unit variance everywhere (generalised Anscombe transform: M. Makitalo, A. Foi,
"Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian noise", IEEE TIP 22(1), 2013). With
variance S x + O and c = O + 3/8 S^2 it is written here as f(x) = 2 x / (sqrt(S x + c) + sqrt(c)), which is the usual
2/S (sqrt(S x + c) - sqrt(c)) without its loss of digits, goes on as x / sqrt(c) below black, and is x / sqrt(O) where
there is no shot noise.

Each value then becomes a mean over 5x5 sites of its colour, weighted by max(0, 1 - r^2/12 - (d / h)^2)^2 (a bisquare in
the difference d of transforms, as in robust statistics; no exponential): what differs by more than h does not count at
all, so edges stay. On camera RGB the three colours share one weight, from the mean of their squared differences.
The mean is taken of the linear values themselves, not of their transforms: like is only averaged with like, where
both are equally good, and no inverse is needed whose bias (S / 4, a quarter of a sigma next to black) would have to
be put back. Measured on flat fields, the mean moves by less than 1.2 % of a sigma.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array
from isp.stages.noise import site_noise

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

_CUT = 3 * np.sqrt(2)
"""Half-width h of the weight at strength 1 [sigma]: three standard deviations of a difference of two samples."""
_TINY = 1e-9


class NoiseReduction(Stage):
    """Average each value with its like within 5x5 sites, as far as the noise explains their differences."""

    name = "noise_reduction"
    takes = ("mosaic", "camera")
    parameters = (
        Param(
            "strength", 1.0, "Width of what is averaged: 1 joins differences that noise explains (3 sigma); 0 is off",
            lower=0, upper=10, tune="gradient",
        ),
        Param(
            "method", "bisquare", "bisquare (one pass, 5x5 sites)", choices=("bisquare",), structural=True,
        ),
    )

    def reach(self, structure: Mapping[str, str | int]) -> int:
        return 4

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        shot, read = site_noise(context)
        width = _CUT * as_array(values["strength"])
        constant = read + 0.375 * shot**2
        return {
            "noise": np.array([shot, np.maximum(constant, _TINY)]),
            "inverse": np.atleast_1d(1 / (width**2 + _TINY)),
        }

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        return _filtered(graph, image, arrays) if image.channels == 1 else _filtered_rgb(graph, image, arrays)


_TAPS = [(i, j) for j in range(-2, 3) for i in range(-2, 3) if (i, j) != (0, 0)]


def _stable(value: Expr, shot: Expr, constant: Expr) -> Expr:
    import halide as hl

    return value * 2.0 / (hl.sqrt(shot * hl.max(value, hl.f32(0)) + constant) + hl.sqrt(constant))


def _weight(distance: Expr, i: int, j: int) -> Expr:
    import halide as hl

    part = hl.max(hl.f32(1 - (i * i + j * j) / 12) - distance, hl.f32(0))
    return part * part


def _filtered(graph: Graph, image: Image, arrays: Arrays) -> Image:
    import halide as hl

    x, y = graph.x, graph.y
    noise, inverse = arrays["noise"], arrays["inverse"][0]
    shot, constant = (graph.by_site(*(noise[row, site] for site in range(4))) for row in (0, 1))
    stable = graph.plane("stable", _stable(image[x, y], shot, constant), stored=True, by_site=True)
    count, total = hl.f32(1), image[x, y]
    for i, j in _TAPS:
        away = stable[x + 2 * i, y + 2 * j] - stable[x, y]
        weight = _weight(away * away * inverse, i, j)
        count += weight
        total += weight * image[x + 2 * i, y + 2 * j]
    return graph.plane("calm", total / count)


def _filtered_rgb(graph: Graph, image: Image, arrays: Arrays) -> Image:
    import halide as hl

    x, y = graph.x, graph.y
    noise, inverse = arrays["noise"], arrays["inverse"][0] * hl.f32(1 / 3)
    shot, constant = (
        (noise[row, 0], (noise[row, 1] + noise[row, 2]) * hl.f32(0.5), noise[row, 3]) for row in (0, 1)
    )
    stable = graph.rgb("stable", [_stable(image[x, y, c], shot[c], constant[c]) for c in range(3)], stored=True)
    count, total = hl.f32(1), [image[x, y, c] for c in range(3)]
    for i, j in _TAPS:
        away = [stable[x + i, y + j, c] - stable[x, y, c] for c in range(3)]
        distance = (away[0] * away[0] + away[1] * away[1]) + away[2] * away[2]
        weight = _weight(distance * inverse, i, j)
        count += weight
        total = [total[c] + weight * image[x + i, y + j, c] for c in range(3)]
    return graph.rgb("calm", [total[c] / count for c in range(3)], stored=True)
