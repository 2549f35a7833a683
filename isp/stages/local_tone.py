"""Local tone: bright and dark regions come closer together, what lies inside them keeps its contrast.

Worked out on a small copy of the picture, in L = log2(Y / 0.18), Y the luminance held away from 0. A curve of bases,

    T(L) = L + strength (shadows h(-L / 2.5) - highlights h(L / 2.5)),   h(t) = t^2 / (1 + t^2) for t > 0, else 0

lifts what is darker than mid-grey by at most `shadows` and lowers what is brighter by at most `highlights`. A local
Laplacian filter (S. Paris, S. Hasinoff, J. Kautz, "Local Laplacian filters", ACM TOG 30 (2011) 68; in the fast form of
M. Aubry et al., ACM TOG 33 (2014) 167, with pyramids of remapped pictures on a fixed grid of bases g) applies it to
differences larger than `edge` and keeps smaller ones:

    remap(L; g) = T(g) + d,  d = L - g,  up to |d| = edge, and beyond it as steep as T

Unlike a blurred base, this draws no halo about edges: they are remapped as a whole, at every scale alike. The result
reaches the full picture through a bilateral grid (J. Chen, S. Paris, F. Durand, "Real-time edge-aware image processing
with the bilateral grid", ACM TOG 26 (2007) 103) over place and L, which holds the means of gain and L of the pixels
near in both; where there are none, T(L) - L and L themselves. Sliced at the pixel's own L,

    gain = gain(x, y, L) + strength (detail - 1) (L - mean(x, y, L))   [EV]

so edges stay as sharp as they are, and `detail` scales contrast inside regions down to the finest texture. One factor
for all channels: hue and saturation stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.color.spaces import WORKING, luma
from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array
from isp.stages.guide import mesh_arrays, mesh_line, scene
from isp.values import Float64

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

MID_GREY = 0.18
LARGEST = 256
"""Longest side of the small copy [px]."""
_FLOOR = MID_GREY / 256
"""Luminance about which L levels off towards black."""
_WIDTH = 2.5
"""Distance from mid-grey at which half of `shadows` or `highlights` is reached [EV]."""
_STEP = 0.75
"""Distance of the bases of the remapped pyramids, and of the grid's layers [EV]."""
_LOWEST = -8.25
_LAYERS = 20
"""The grid's layers begin here [EV] and reach to +6 EV."""
_CELL = 4
"""Side of the grid's cells [px of the small copy]."""
_DOUBT = 0.02
"""Weight, in pixels of the small copy, of what is assumed where the grid has seen none."""


class LocalTone(Stage):
    """Bring dark and bright regions closer together without halos, keeping local contrast."""

    name = "local_tone"
    takes = ("scene",)
    kind = "guided"
    parameters = (
        Param("strength", 1.0, "Share of everything this stage does; 0 changes nothing", lower=0, upper=1,
              tune="gradient"),
        Param("shadows", 1.0, "Most by which dark regions are lifted", unit="EV", lower=-2, upper=3, tune="gradient"),
        Param("highlights", 0.5, "Most by which bright regions are lowered", unit="EV", lower=-2, upper=3,
              tune="gradient"),
        Param("detail", 1.0, "Factor on contrast inside regions; 1 keeps it", lower=0.25, upper=2.5, tune="gradient"),
        Param("edge", 1.0, "Differences up to this are detail, larger ones are between regions", unit="EV", lower=0.3,
              upper=4, tune="search"),
    )

    def wants_statistics(self, values: Mapping[str, Any], context: Context) -> bool:
        return bool(values["strength"] != 0)

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        still = values["shadows"] == 0 and values["highlights"] == 0 and values["detail"] == 1
        return bool(values["strength"] == 0 or still)

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        if values["strength"] == 0:
            layers, side = np.zeros((1, 1, 2 * _LAYERS)), 1
        else:
            rgb, side = scene(context, LARGEST)
            light = stops(rgb @ luma(WORKING))
            layers = grid(light, filtered(light, values) - light, values)
            side *= _CELL
        detail = as_array(values["strength"]) * (as_array(values["detail"]) - 1.0)
        return {**mesh_arrays(layers, side, context), "luma": luma(WORKING), "detail": np.atleast_1d(detail)}

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        x, y, w = graph.x, graph.y, arrays["luma"]
        bright = hl.max(w[0] * image[x, y, 0] + w[1] * image[x, y, 1] + w[2] * image[x, y, 2], hl.f32(0))
        power = hl.log(bright * bright + hl.f32(_FLOOR**2)) * hl.f32(0.5 / np.log(2))
        light = graph.plane("stops", power - hl.f32(np.log2(MID_GREY)), stored=True)[x, y]
        place = hl.clamp((light - hl.f32(_LOWEST)) * hl.f32(1 / _STEP), hl.f32(0), hl.f32(_LAYERS - 1))
        low = hl.clamp(hl.i32(place), 0, _LAYERS - 2)
        part = place - hl.f32(low)
        *sides, along = mesh_line(graph, arrays, 2 * _LAYERS)

        def sliced(kind: int) -> Expr:
            ends = []
            for side in sides:
                under, over = side(2 * low + kind), side(2 * low + 2 + kind)
                ends.append(under + (over - under) * part)
            return ends[0] + (ends[1] - ends[0]) * along

        gain = sliced(0) + arrays["detail"][0] * (light - sliced(1))
        factor = graph.plane("factor", hl.exp(gain * hl.f32(np.log(2))), stored=True)[x, y]
        return graph.rgb("toned", lambda c: image[x, y, c] * factor)


def stops(luminance: Float64) -> Float64:
    """L of luminance: stops above mid-grey, levelling off towards black."""
    return np.asarray(0.5 * np.log2(np.maximum(luminance, 0.0) ** 2 + _FLOOR**2) - np.log2(MID_GREY))


def curve(light: Float64, values: Mapping[str, Plain]) -> Float64:
    """T(L): where the bases go."""

    def share(distance: Float64) -> Float64:
        square = np.maximum(distance / _WIDTH, 0.0) ** 2
        return np.asarray(square / (1.0 + square))

    strength, shadows, highlights = (as_array(values[n]) for n in ("strength", "shadows", "highlights"))
    return np.asarray(light + strength * (shadows * share(-light) - highlights * share(light)))


def filtered(light: Float64, values: Mapping[str, Plain]) -> Float64:
    """The local Laplacian filter of L (h, w)."""
    edge = as_array(values["edge"])
    bases = _STEP * np.arange(np.floor(light.min() / _STEP), np.ceil(light.max() / _STEP) + 1)
    remapped = np.stack([_remapped(light, float(g), edge, values) for g in bases])
    levels = _levels(light.shape)
    gaussian, others = light, remapped
    result = []
    for _ in range(levels):
        smaller, below = _reduced(gaussian), _reduced(others)
        bands = others - _expanded(below, others.shape)
        result.append(_between(bands, gaussian / _STEP - bases[0] / _STEP))
        gaussian, others = smaller, below
    total = curve(gaussian, values)
    for band in reversed(result):
        total = _expanded(total, band.shape) + band
    return total


def _remapped(light: Float64, g: float, edge: Float64, values: Mapping[str, Plain]) -> Float64:
    inner = np.clip(light - g, -edge, edge)
    base = float(curve(np.array(g), values))
    return np.asarray(base + inner + curve(light, values) - curve(g + inner, values))


def grid(light: Float64, gain: Float64, values: Mapping[str, Plain]) -> Float64:
    """(h, w, layers x 2): mean gain and mean L of the pixels about each node of the bilateral grid."""
    h, w = (-(-n // _CELL) for n in light.shape)
    y, x = ((np.arange(n) + 0.5) / _CELL - 0.5 for n in light.shape)
    z = np.clip((light - _LOWEST) / _STEP, 0, _LAYERS - 1)
    sums = np.zeros((3, h * w * _LAYERS))
    for at_y, part_y in _ends(y, h):
        for at_x, part_x in _ends(x, w):
            for at_z, part_z in _ends(z, _LAYERS):
                place = ((at_y[:, None] * w + at_x) * _LAYERS + at_z).ravel()
                weight = (part_y[:, None] * part_x * part_z).ravel()
                for kind, value in enumerate((np.ones(gain.size), gain.ravel(), light.ravel())):
                    sums[kind] += np.bincount(place, weight * value, sums.shape[1])
    sums = sums.reshape(3, h, w, _LAYERS)
    for axis in (1, 2, 3, 3):
        sums = _softened(sums, axis)
    layers = np.asarray(_LOWEST + _STEP * np.arange(_LAYERS), np.float64)
    seen = sums[0] + _DOUBT
    means = [(sums[1] + _DOUBT * (curve(layers, values) - layers)) / seen, (sums[2] + _DOUBT * layers) / seen]
    return np.stack(means, axis=-1).reshape(h, w, 2 * _LAYERS)


def _ends(place: Float64, count: int) -> list[tuple[NDArray[np.intp], Float64]]:
    """The two nodes of 0..count - 1 about each place, and their weights."""
    at = np.clip(place, 0, count - 1)
    low = np.clip(np.floor(at).astype(np.intp), 0, max(count - 2, 0))
    part = at - low
    return [(low, 1.0 - part), (np.minimum(low + 1, count - 1), part)]


def _softened(sums: Float64, axis: int) -> Float64:
    """Behind (1 2 1) / 4 along one axis, nothing beyond the edge."""
    line = np.moveaxis(sums, axis, 0)
    nothing = np.zeros_like(line[:1])
    full = np.concatenate([nothing, line, nothing])
    return np.moveaxis((full[:-2] + 2.0 * full[1:-1] + full[2:]) / 4.0, 0, axis)


def _levels(shape: tuple[int, ...]) -> int:
    """Levels of the pyramid: until the shorter side has about 6 pixels."""
    return max(int(np.log2(max(min(shape), 1) / 6.0)), 0) if min(shape) >= 6 else 0


def _between(bands: Float64, place: Float64) -> Float64:
    """The bands (k, h, w) at fractional numbers `place` (h, w), linear between two."""
    last = bands.shape[0] - 1
    at = np.clip(place, 0.0, last)
    low = np.minimum(at.astype(np.intp), max(last - 1, 0))
    y, x = np.ogrid[: place.shape[0], : place.shape[1]]
    lower, upper = bands[low, y, x], bands[np.minimum(low + 1, last), y, x]
    return np.asarray(lower + (upper - lower) * (at - low))


def _reduced(planes: Float64) -> Float64:
    """Every second pixel of the last two axes behind the binomial (1 4 6 4 1) / 16, the edge repeated."""
    for axis in (-2, -1):
        line = np.moveaxis(planes, axis, 0)
        full = np.concatenate([line[:1], line[:1], line, line[-1:], line[-1:]])
        n = (line.shape[0] + 1) // 2
        taps = [full[i : i + 2 * n - 1 : 2] for i in range(5)]
        planes = np.moveaxis((taps[0] + taps[4] + 4.0 * (taps[1] + taps[3]) + 6.0 * taps[2]) / 16.0, 0, axis)
    return planes


def _expanded(planes: Float64, shape: tuple[int, ...]) -> Float64:
    """The reverse of `_reduced`: twice the size by the same kernel, cut to the last two axes of `shape`."""
    for axis in (-2, -1):
        line = np.moveaxis(planes, axis, 0)
        full = np.concatenate([line[:1], line, line[-1:]])
        result = np.empty((2 * line.shape[0], *line.shape[1:]))
        result[0::2] = (full[:-2] + 6.0 * full[1:-1] + full[2:]) / 8.0
        result[1::2] = (full[1:-1] + full[2:]) / 2.0
        planes = np.moveaxis(result[: shape[axis]], 0, axis)
    return planes
