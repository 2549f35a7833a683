"""Grain: the noise of silver grains, with the variance and the spectrum that a film of stated granularity has.

Film is described as its makers do. `granularity` G is the rms granularity of data sheets: 1000 times the standard
deviation of density at density 1, seen through a circle of 48 um (ANSI/NAPM IT2.40-1991, ISO 10505:2009; Kodak's
sheets state 8 for T-MAX 100 and 17 for TRI-X 400). By Selwyn's law (E. W. H. Selwyn, "A theory of graininess", The
Photographic Journal 75 (1935) 571) the variance falls as the area seen grows, so the noise power at low frequencies is
(G / 1000)^2 pi 24^2 um^2. A pixel sees (`format` / shorter side)^2, so a picture gets the grain that the same film,
scanned at its size, would show, and the reduced picture of the grain is the grain of the reduced picture.

How it depends on tone follows from the Boolean model of grains (A. Newson, J. Delon, B. Galerne, "A stochastic film
grain model for resolution-independent rendering", Computer Graphics Forum 36 (2017) 684): discs of radius r, laid at
random until they cover the share u, have the covariance

    C(t) = (1 - u)^2 (exp(L g(t)) - 1),   L = -log(1 - u),   g(t) the overlap of two discs at the distance t / disc area

whose integral over t is the noise power at low frequencies: about u(1 - u) times an area that shrinks as u grows. u is
the lightness p = sqrt(Y), Y the luminance in linear Rec.2020; there is no grain in black, nor in white. C itself is
rendered by its Gaussian of equal width: two discs overlap as two Gaussians of sigma = radius / 2 do, to second order.

    y = x max(1 + 2 s(p) n / p, 0)

n is white noise (a normal deviate of Philox, whose counter is the pixel's place in the picture) behind a Gaussian that
makes up for the pixel's own aperture, scaled to unit variance; s(p) the standard deviation of lightness in a pixel. So
light keeps its mean (where it is not held at 0, in the deepest shadows), and hue and saturation stay.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.color.spaces import WORKING, luma
from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array
from isp.values import Float64, frozen

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

APERTURE = math.pi * 24.0**2
"""Area that granularity is measured through [um^2]."""
REFERENCE = 0.1
"""Light at which it is measured: density 1."""
_TAPS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
"""Half-lengths of the Gaussian there are programs for [px]."""
_CUT = 3.0
"""Standard deviations to each side that it reaches."""
_ENTRIES = 256
_FLOOR = 1e-4
"""Light below which the relative grain grows no more."""
_STREAM = 0x6772
"""Last word of the counter: keeps this stage's draws apart from those of others under the same seed."""


class Grain(Stage):
    """Film grain in luminance."""

    name = "grain"
    takes = ("display",)
    parameters = (
        Param("granularity", 10.0, "Rms granularity as on film data sheets: 8 fine, 17 coarse; 0 is off", lower=0,
              upper=100, tune="gradient"),
        Param("radius", 4.0, "Radius of a grain (or clump of grains) on the film", unit="um", lower=0.1, upper=50,
              tune="search"),
        Param("format", 24.0, "Shorter side of the picture on the film: 24 is 35 mm film", unit="mm", lower=3,
              upper=300, tune="search"),
        Param("seed", 1, "Of the grain", lower=0, upper=2**32 - 1, integer=True),
    )

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        wanted = _CUT * math.hypot(float(grain_sigma(values, context.shape)), math.sqrt(1 / 12))
        return {"taps": next((n for n in _TAPS if n >= wanted), _TAPS[-1])}

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return bool(values["granularity"] == 0)

    def warn(self, values: Mapping[str, Plain], context: Context) -> list[str]:
        sigma = float(grain_sigma(values, context.shape))
        if sigma <= _largest() or values["granularity"] == 0:
            return []
        most = float(values["radius"]) * _largest() / sigma
        return [f"grain.radius {values['radius']:g} um is too coarse for this picture and drawn as {most:.3g} um"]

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        taps = int(self.structure(values, context)["taps"])
        sigma = min(float(grain_sigma(values, context.shape)), _largest())
        power = lightness_power(as_array(values["granularity"])) / pixel_side(values, context.shape) ** 2
        seed = int(values["seed"])
        return {
            "luma": luma(WORKING),
            "place": np.array([*context.phase, seed & 0xFFFF, seed >> 16], np.float64),
            "size": np.sqrt(power * aperture_share(sigma) ** 2),
            "weights": kernel(sigma, taps),
        }

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        from isp.engine.graph import tree_sum
        from isp.engine.random import normal, philox

        x, y, taps = graph.x, graph.y, int(structure["taps"])
        place, w, size, luma = (arrays[name] for name in ("place", "weights", "size", "luma"))

        def word(value: Any) -> Any:
            return hl.cast(hl.UInt(32), hl.i32(value))

        zero = word(0)
        counter = (word(graph.column) - word(place[0]), word(graph.row) - word(place[1]), zero, word(_STREAM))
        key = (word(place[2]) + word(place[3]) * word(0x10000), zero)
        white = graph.plane("white", normal(philox(counter, key)[0]), stored=True)

        def line(at: Any) -> Any:
            return tree_sum([at(0) * w[0]] + [(at(-i) + at(i)) * w[i] for i in range(1, taps + 1)])

        down = graph.plane("down", line(lambda i: white[x, y + i]), stored=True)
        noise = graph.plane("noise", line(lambda i: down[x + i, y]))
        bright = luma[0] * image[x, y, 0] + luma[1] * image[x, y, 1] + luma[2] * image[x, y, 2]
        p = hl.sqrt(hl.clamp(bright, hl.f32(_FLOOR), hl.f32(1)))
        at = p * hl.f32(_ENTRIES)
        low = hl.clamp(hl.i32(at), 0, _ENTRIES - 1)
        sigma = size[low] + (size[low + 1] - size[low]) * (at - hl.f32(low))
        factor = graph.plane("factor", hl.max(hl.f32(1) + hl.f32(2) * sigma * noise[x, y] / p, hl.f32(0)), stored=True)
        return graph.rgb("grainy", lambda c: image[x, y, c] * factor[x, y])


def pixel_side(values: Mapping[str, Plain], shape: tuple[int, int]) -> Float64:
    """Side of a pixel of a picture (H, W) on the film [um]."""
    return np.asarray(1000.0 * as_array(values["format"]) / min(shape))


def grain_sigma(values: Mapping[str, Plain], shape: tuple[int, int]) -> Float64:
    """Standard deviation of the Gaussian that stands for a grain [px]."""
    return np.asarray(0.5 * as_array(values["radius"]) / pixel_side(values, shape))


def lightness_power(granularity: Float64) -> Float64:
    """(257,) noise power of lightness p at low frequencies [um^2], p = 0..1 in equal steps."""
    # Y = 10^-D, so p = Y^(1/2) has the standard deviation p ln(10) / 2 that of D
    at_reference = REFERENCE * (math.log(10) / 2 * granularity / 1000) ** 2 * APERTURE
    return np.asarray(at_reference * _relative())


@cache
def _relative() -> Float64:
    power = np.array([boolean_power(u) for u in np.arange(_ENTRIES + 1) / _ENTRIES])
    return frozen(power / boolean_power(math.sqrt(REFERENCE)))


def boolean_power(u: float) -> float:
    """Integral of the Boolean model's covariance over the plane, discs of radius 1 covering the share `u`."""
    if not 0 < u < 1:
        return 0.0
    nodes, weights = np.polynomial.legendre.leggauss(64)
    t = 1.0 + nodes
    h = t / 2
    overlap = 2 / np.pi * (np.arccos(h) - h * np.sqrt(1 - h * h))
    dense = -math.log1p(-u)
    covariance = np.exp(-dense * (2 - overlap)) - np.exp(-2 * dense)
    return float(np.sum(weights * 2 * np.pi * t * covariance))


def aperture_share(sigma: float) -> float:
    """Variance of pixels that are means over their own box, as a share of noise power per px^2, along one axis.

    `sigma` [px] is the grain's. It is the integral of a triangle (box by box) times a Gaussian of variance 2 sigma^2.
    """
    v = 2 * max(sigma, 1e-3) ** 2
    return math.erf(1 / math.sqrt(2 * v)) - math.sqrt(2 * v / math.pi) * -math.expm1(-1 / (2 * v))


def kernel(sigma: float, taps: int) -> Float64:
    """(taps + 1,) half of a symmetric Gaussian: unit variance from unit white noise, and its power at frequency 0.

    That is 1 / `aperture_share` of it; the width found by bisection.
    """
    steps = np.arange(taps + 1)

    def bell(width: float) -> Float64:
        w = np.exp(-0.5 * (steps / width) ** 2)
        return np.asarray(w / math.sqrt(w[0] ** 2 + 2 * np.sum(w[1:] ** 2)))

    wanted = 1 / aperture_share(sigma)
    low, high = 0.05, 2.0 * taps
    for _ in range(50):
        width = (low + high) / 2
        w = bell(width)
        low, high = (width, high) if (w[0] + 2 * w[1:].sum()) ** 2 < wanted else (low, width)
    return bell((low + high) / 2)


def _largest() -> float:
    """Largest sigma the longest Gaussian holds [px]."""
    return _TAPS[-1] / _CUT
