"""Encode: linear Rec.2020 becomes the display's RGB, 0..1. The last stage, and the only one that clips.

Three steps: the matrix to the primaries of `space` (D65 throughout), `gamut`, and the transfer function: that of IEC
61966-2-1 (sRGB; Display P3 has the same one), or an HDR one, `isp.color.transfer`'s PQ (SMPTE ST 2084) or HLG (ITU-R
BT.2100-2). In HDR the light 1 is shown at `white` [cd/m²], and light up to `peak` (HLG: the nominal 1000 cd/m²)
remains; gamut and clip then work on light relative to that peak. HLG stores scene light, so its code values pass the
inverse OOTF of the nominal display, E = F (F_Y)^(1/1.2 - 1), where F is display light and F_Y its luminance.

`gamut` **clip** cuts each channel to 0..1. **compress** takes chroma away instead, at constant hue (Oklab) and
luminance, as far as a colour lies beyond the gamut's surface or near it (see `isp.stages.gamut`); colours well inside
stay as they are.

The transfer's power 1/2.4 is a polynomial in the fourth root, fitted for the least largest error over 0.0031308..1
(less than 1e-6, a fifteenth of a 16-bit code): as quick as a table, and the same on every target. PQ and HLG are tables
over the eighth root of light, linear between their 4097 points (errors below 1e-6).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.color.spaces import WORKING, conversion, luma
from isp.color.transfer import HLG_PEAK, PQ_PEAK, WHITE_LUMINANCE, hlg_encoded, hlg_gamma, pq_encoded
from isp.parameters import Param
from isp.stage import Context, Plain, Stage
from isp.stages import gamut
from isp.stages.gamut import compressed

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

_POINTS = 4097
"""Of the tables of PQ and HLG."""
_BLACK = 1e-14
"""Light relative to the table's end from which it is read: the eighth root has no derivative at 0."""
_CUT = 0.0031308
_POWER = (
    -0.07620829, 0.39470483, -0.89839815, 1.20913637, -1.15588812, 1.46152336, 0.12357629, -0.05844643,
)
"""1.055 q^(5/3) - 0.055 for q = 0.2365..1, highest power first; the last one makes white exactly 1."""


class Encode(Stage):
    """To the display's primaries, gamut and transfer."""

    name = "encode"
    takes = ("scene", "display")
    gives = "encoded"
    parameters = (
        Param("space", "srgb", "Primaries: srgb | display_p3 | rec2020 (all D65)",
              choices=("srgb", "display_p3", "rec2020"), tune="no"),
        Param("transfer", "srgb", "Transfer function: srgb (also Display P3's) | linear | pq, hlg (HDR, with rec2020)",
              choices=("srgb", "linear", "pq", "hlg"), structural=True, tune="no"),
        Param("gamut", "compress", "compress (chroma, at constant hue and luminance) | clip (each channel)",
              choices=("compress", "clip"), structural=True, tune="search"),
        Param("white", WHITE_LUMINANCE, "Luminance at which pq and hlg show the light 1", unit="cd/m²", lower=50,
              upper=1000, tune="no"),
        Param("peak", 1000.0, "Brightest light that pq holds; hlg ends at 1000", unit="cd/m²", lower=100, upper=PQ_PEAK,
              tune="no"),
    )

    def check(self, values: Mapping[str, Any]) -> None:
        white, peak = values.get("white", WHITE_LUMINANCE), values.get("peak", 1000.0)
        if isinstance(white, float) and isinstance(peak, float) and white > peak:
            raise ValueError(f"white {white:g} cd/m² is above peak {peak:g} cd/m²; allowed: up to peak")

    def encoding(self, values: Mapping[str, Plain]) -> tuple[str, str]:
        """(space, transfer) of the picture that leaves this stage, in `Picture`'s words."""
        return str(values["space"]), str(values["transfer"])

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        matrix = conversion(WORKING, str(values["space"]))
        transfer = values["transfer"]
        hdr = transfer in ("pq", "hlg")
        peak = float(values["peak"]) if transfer == "pq" else HLG_PEAK
        scale = float(values["white"]) / peak if hdr else 1.0
        arrays = {"matrix": matrix * scale, "luma": luma(str(values["space"]) if hdr else WORKING)}
        if values["gamut"] == "compress":
            arrays |= gamut.arrays(str(values["space"]), scale)
        if not hdr:
            return arrays
        light = np.linspace(0, 1, _POINTS) ** 8
        if transfer == "pq":
            return {**arrays, "table": pq_encoded(light * (peak / PQ_PEAK))}
        return {**arrays, "table": hlg_encoded(light), "ootf": light ** (1 / hlg_gamma(HLG_PEAK))}

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        x, y, m = graph.x, graph.y, arrays["matrix"]
        r, g, b = (image[x, y, c] for c in range(3))
        rgb = [m[i, 0] * r + m[i, 1] * g + m[i, 2] * b for i in range(3)]
        w, transfer = arrays["luma"], structure["transfer"]
        if structure["gamut"] == "compress":
            # SDR's matrix keeps Y, so it is taken before the matrix; HDR's also scales
            of = rgb if transfer in ("pq", "hlg") else [r, g, b]
            rgb = compressed(graph, [r, g, b], rgb, w[0] * of[0] + w[1] * of[1] + w[2] * of[2], arrays)
        rgb = [hl.clamp(v, hl.f32(0), hl.f32(1)) for v in rgb]
        if transfer == "srgb":
            rgb = [srgb(v) for v in rgb]
        elif transfer == "hlg":
            display = graph.rgb("display", rgb, stored=True)
            r, g, b = (display[x, y, c] for c in range(3))
            y_light = w[0] * r + w[1] * g + w[2] * b
            factor = graph.plane("ootf", _looked_up(arrays, "ootf", y_light) / hl.max(y_light, hl.f32(_BLACK)),
                                 stored=True)
            scene = [hl.min(v * factor[x, y], hl.f32(1)) for v in (r, g, b)]
            rgb = [_looked_up(arrays, "table", v) for v in scene]
        elif transfer == "pq":
            display = graph.rgb("display", rgb, stored=True)
            return graph.rgb("encoded", lambda c: _looked_up(arrays, "table", display[x, y, c]))
        return graph.rgb("encoded", rgb)


def _looked_up(arrays: Arrays, name: str, light: Expr) -> Expr:
    """The value of a table over the eighth root of light 0..1."""
    import halide as hl

    root = hl.sqrt(hl.sqrt(hl.sqrt(hl.max(light, hl.f32(_BLACK))))) * hl.f32(_POINTS - 1)
    low = hl.clamp(hl.i32(root), 0, _POINTS - 2)
    table = arrays[name]
    return table[low] + (table[low + 1] - table[low]) * (root - hl.f32(low))


def srgb(value: Expr) -> Expr:
    """The sRGB transfer of an expression in 0..1."""
    import halide as hl

    # held away from 0, where the roots have no derivative
    root = hl.sqrt(hl.sqrt(hl.max(value, hl.f32(_CUT))))
    power = hl.f32(_POWER[0])
    for coefficient in _POWER[1:]:
        power = power * root + hl.f32(coefficient)
    return hl.select(value <= hl.f32(_CUT), value * hl.f32(12.92), power)
