"""Tone curve: light of the scene becomes light of the display, 0..1 (still linear; `encode` adds the transfer).

Parametric, in three smooth and monotone steps on a channel's value x, mid-grey being 0.18:

    x' = sqrt(x^2 + black^2) - black                                       darkens what lies about `black` and below
    t  = log2(x' / grey');  s = contrast t            above mid-grey       contrast is the log-log slope at mid-grey,
                            s = t + (contrast - 1) toe tanh(t / toe)  below    and lets up over `toe` stops
    z  = z_grey 2^s;        y = z (1 + u z^p)^(-1/p)                       shoulder of softness p, reaches 1 at `white`

y is the family of sigmoids of which p = 1 is E. Reinhard et al., "Photographic tone reproduction for digital images",
SIGGRAPH 2002, eq. 4 in another form. With g the display's mid-grey and R = 2^s(white), y(z_grey) = g and y(white) = 1
hold for u = (Q - 1) / (Q - g^p), Q = (R g)^p, and z_grey = g (1 - u g^p)^(-1/p).

Free `points` replace it: a monotone cubic (F. N. Fritsch, J. Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300) through
square roots of their coordinates (plus 0.01, so that a point at 0 can move), constant beyond them.

The host tabulates the curve over an axis of four straight pieces, each 16 times finer than the next, and the
definition interpolates; values beyond the last entry give the last. Negative values (noise, colours outside Rec.2020)
mirror through the origin, so noise keeps its mean.

Applied to each channel, which desaturates highlights cleanly but turns hues. `hue` moves the middle channel to where
it keeps the ratio of differences between the largest and the smallest, and so the hue as RGB sees it (DNG 1.7's RGB
tone curve); to the eye, blue then still turns to purple on its way to white. `perceptual` turns the colour back to the
hue it had in Oklab, at the lightness and chroma it has got: with (a, b) the curve's result and (a0, b0) the scene's,

    (a', b') = (a, b) + perceptual w ((a0, b0) C / C0 - (a, b)),   w = C0^2 / (C0^2 + 0.004^2),   C = hypot(a, b)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array
from isp.stages import oklab
from isp.stages.oklab import moved, root, row
from isp.values import Float64

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

MID_GREY = 0.18
_PIECE = 1024
"""Entries in each piece of the table's axis."""
_KNOTS = np.array([0.0, 1 / 4096, 1 / 256, 1 / 16, 1.0])
"""Where the pieces meet, as a share of the last value: the smallest of the pieces' lines is the axis."""
_GREY = 0.004
"""Chroma of the scene at which half the hue is kept: below, there is none to speak of."""
_OFFSET = 0.01
"""The same for the square roots of free points."""


class ToneCurve(Stage):
    """From scene light to display light: contrast, toe, shoulder, or free points."""

    name = "tone_curve"
    takes = ("scene",)
    gives = "display"
    parameters = (
        Param("contrast", 1.3, "Log-log slope at mid-grey, before the shoulder", lower=0.5, upper=3, tune="gradient"),
        Param("toe", 3.0, "Stops below mid-grey over which the contrast lets up", unit="EV", lower=0.5, upper=10,
              tune="gradient"),
        Param("black", 0.0, "Scene value about and below which shadows go to black", lower=0, upper=0.05,
              tune="gradient"),
        Param("white", 2.6, "Scene value that reaches display white, above mid-grey", unit="EV", lower=0.5, upper=12,
              tune="gradient"),
        Param("shoulder", 1.5, "Hardness of the shoulder", lower=0.5, upper=6, tune="gradient"),
        Param("grey", MID_GREY, "Display value of mid-grey (scene 0.18)", lower=0.05, upper=0.5, tune="gradient"),
        Param("hue", 0.5, "0: each channel by itself; 1: the hue is kept", lower=0, upper=1, tune="gradient"),
        Param("perceptual", 1.0, "Share by which colours are then turned to the hue they had (Oklab)", lower=0, upper=1,
              tune="search"),
        Param(
            "points", (), "Free curve instead: pairs of scene value and display value, both linear; [] for none",
            lower=0, upper=1000, shapes=((0,), (None, 2)), tune="gradient",
        ),
    )

    def check(self, values: Mapping[str, Any]) -> None:
        points = values.get("points", ())
        if not isinstance(points, tuple) or not points:
            return
        x, y = np.array(points).T
        if len(x) < 2 or (np.diff(x) <= 0).any() or (np.diff(y) < 0).any() or y[-1] > 1:
            raise ValueError(
                "points must be 2 or more pairs [scene, display] with scene rising, display never falling and at most 1"
            )

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        return {"perceptual": int(values["perceptual"] > 0)}

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        points = as_array(values["points"])
        last = points[-1, 0] if points.size else MID_GREY * 2.0 ** as_array(values["white"])
        knots = last * _KNOTS
        places = _PIECE * np.arange(len(knots))
        slopes = _PIECE / np.diff(knots)
        x = np.interp(np.arange(places[-1] + 1), places, knots)
        table = curve(x, values)
        axis = np.array([slopes, places[:-1] - slopes * knots[:-1]])
        keep = np.array([as_array(values["hue"]), as_array(values["perceptual"])])
        spaces = oklab.arrays() if values["perceptual"] > 0 else {}
        return {"axis": axis, "keep": keep, "table": table, **spaces}

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        x, y = graph.x, graph.y
        # a plane of its own, though never stored: it keeps the expressions of the derivative short
        place = graph.rgb("place", lambda c: _place(image[x, y, c], arrays))
        shown = graph.rgb("curve", lambda c: _lookup(image[x, y, c], place[x, y, c], arrays), stored=True)
        low, high = _ends(image, graph)
        curve_low, curve_high = _ends(shown, graph)
        ratio = (curve_high - curve_low) / hl.max(high - low, hl.f32(1e-9))

        def toned(c: Expr) -> Expr:
            kept = graph.within(curve_low + (image[x, y, c] - low) * ratio, curve_low, curve_high)
            return shown[x, y, c] + (kept - shown[x, y, c]) * arrays["keep"][0]

        if not structure["perceptual"]:
            return graph.rgb("toned", toned)
        result = graph.rgb("toned", toned, stored=True)
        turned = _turned(graph, [image[x, y, c] for c in range(3)], [result[x, y, c] for c in range(3)], arrays)
        return graph.rgb("hued", [result[x, y, c] + turned[c] for c in range(3)])


def curve(x: Float64, values: Mapping[str, Plain]) -> Float64:
    """Display values at scene values `x` >= 0, for plain values of `ToneCurve`: through its points, or `filmic`."""
    points = as_array(values["points"])
    return _through(points, x) if points.size else filmic(x, values)


def filmic(x: Float64, values: Mapping[str, Plain]) -> Float64:
    """The parametric curve at scene values `x` >= 0: display values; 1 from `white` on.

    `values` are plain values of `ToneCurve`.
    """
    contrast, toe, black, white, p, g = (
        as_array(values[name]) for name in ("contrast", "toe", "black", "white", "shoulder", "grey")
    )

    def lifted(value: Any) -> Any:
        # as x^2 / (sqrt(x^2 + b^2) + b), which does not cancel
        return value**2 / np.maximum(np.sqrt(value**2 + black**2) + black, 1e-30)

    def stops(value: Any) -> Any:
        t = np.log2(np.maximum(lifted(value) / lifted(MID_GREY), 1e-30))
        return np.where(t > 0, contrast * t, t + (contrast - 1.0) * toe * np.tanh(t / toe))

    last = MID_GREY * 2.0**white
    q = (2.0 ** stops(last) * g) ** p
    u = (q - 1.0) / (q - g**p)
    z = g * (1.0 - u * g**p) ** (-1.0 / p) * 2.0 ** stops(np.minimum(x, last))
    return np.asarray(np.where(x > 0, z * (1.0 + u * z**p) ** (-1.0 / p), 0.0))


def _through(points: Float64, x: Float64) -> Float64:
    """The monotone cubic through `points` at `x`."""
    px, py = _root(points).T
    step = np.diff(px)
    slope = np.diff(py) / step
    weight = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    inner = slope[1:] * slope[:-1]
    harmonic = weight[0] * slope[1:] + weight[1] * slope[:-1]
    knots = np.concatenate(
        [
            [_end_slope(step[:2], slope[:2])],
            np.where(inner > 0, inner * (weight[0] + weight[1]) / np.where(inner > 0, harmonic, 1.0), 0.0),
            [_end_slope(step[:-3:-1], slope[:-3:-1])],
        ]
    )
    at = np.clip(_root(x), px[0], px[-1])
    i = np.clip(np.searchsorted(px, at, side="right") - 1, 0, len(step) - 1)
    h, f = step[i], (at - px[i]) / step[i]
    cubic = (
        py[i] * (1 + 2 * f) * (1 - f) ** 2
        + py[i + 1] * f**2 * (3 - 2 * f)
        + h * (1 - f) * f * (knots[i] * (1 - f) - knots[i + 1] * f)
    )
    return np.asarray(cubic**2 - _OFFSET)


def _root(value: Float64) -> Float64:
    return np.asarray(np.sqrt(np.maximum(value + _OFFSET, 0.0)))


def _end_slope(step: Float64, slope: Float64) -> float:
    """One-sided three-point slope, held so that the ends stay monotone."""
    if len(slope) < 2:
        return float(slope[0])
    end = ((2 * step[0] + step[1]) * slope[0] - step[0] * slope[1]) / (step[0] + step[1])
    return float(np.clip(end, 0.0, 3.0 * slope[0]))


def _place(value: Expr, arrays: Arrays) -> Expr:
    """Where in the table the size of `value` lies."""
    import halide as hl

    axis, size = arrays["axis"], hl.abs(value)
    place = hl.f32(arrays.length("table") - 1)
    for piece in range(len(_KNOTS) - 1):
        place = hl.min(place, size * axis[0, piece] + axis[1, piece])
    return place


def _lookup(value: Expr, place: Expr, arrays: Arrays) -> Expr:
    """The tabulated curve at `place`, mirrored through its value at 0 for negative `value`."""
    import halide as hl

    table = arrays["table"]
    last = arrays.length("table") - 1
    # clamped as an integer too: the index must be in bounds whatever the value is
    i = hl.clamp(hl.i32(place), 0, last - 1)
    low = table[i]
    result = low + (table[i + 1] - low) * (place - hl.f32(i))
    return hl.select(value < hl.f32(0), hl.f32(2) * table[0] - result, result)


def _ends(image: Image, graph: Graph) -> tuple[Expr, Expr]:
    import halide as hl

    r, g, b = (image[graph.x, graph.y, c] for c in range(3))
    return hl.min(r, hl.min(g, b)), hl.max(r, hl.max(g, b))


def _turned(graph: Graph, scene: list[Expr], display: list[Expr], arrays: Arrays) -> list[Expr]:
    """What to add to `display` to give it the hue of `scene`; exactly 0 where both are grey."""
    import halide as hl

    def cone_roots(rgb: list[Expr]) -> list[Expr]:
        return [root(graph, row(arrays["lms"], i, rgb)) for i in range(3)]

    roots = cone_roots(display)
    before, after = ([row(arrays["lab"], i, values) for i in (1, 2)] for values in (cone_roots(scene), roots))
    power = before[0] * before[0] + before[1] * before[1]
    left = after[0] * after[0] + after[1] * after[1]
    # the chroma's ratio, written so that it is 0 where none is left and has a slope there
    ratio = left / hl.sqrt((left + hl.f32(1e-10)) * (power + hl.f32(1e-10)))
    share = graph.within(arrays["keep"][1] * power / (power + hl.f32(_GREY**2)), hl.f32(0), hl.f32(1))
    most = hl.abs(after[0]) + hl.abs(after[1])
    a, b = ((graph.within(t * ratio, -most, most) - d) * share for t, d in zip(before, after, strict=True))
    return moved(roots, a, b, arrays)
