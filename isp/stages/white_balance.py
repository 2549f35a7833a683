"""White balance: each colour is multiplied by 1/neutral, so that a neutral object becomes neutral.

`neutral` is the camera RGB of a neutral object under the light of the scene, scaled to a largest component of 1;
so every gain is at least 1 and a saturated site stays at or above white. It comes from one of four modes:

- ``as_shot``: what the file says. A headerless dump or an array says nothing and gets ``auto``.
- ``manual``: `gains`, applied as they are (gains below 1 leave saturated sites below white).
- ``temperature``: the light given by `temperature` and `tint` through the file's colour matrices (DNG 1.7, chapter 6),
  or through `curve`.
- ``auto``: estimated from the picture, see `isp.color.auto_white`.

Tint has Adobe's sign: positive for light greener than the black body, which the picture then loses to magenta; in
units of 1/3000 of CIE 1960 uv (`isp.color.temperature`).

The neutral's white xy and colour temperature, by the specification's iteration from the neutral that was resolved,
go on to `ccm`. A camera that was calibrated has a `curve` of its neutrals over colour temperature, which stands in for
the file's matrices: it gives the neutral of mode ``temperature``, and the temperature of any neutral is that of the
curve's nearest point (`isp.color.white_curve`).

Nothing clips; the noise model of a site with gain g becomes S g, O g^2.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.color.auto_white import estimate
from isp.color.dng import CameraColor
from isp.color.temperature import chromaticity
from isp.color.white_curve import WhiteCurve
from isp.errors import InputError
from isp.parameters import Param
from isp.stage import COLORED, Context, Plain, Stage, as_array
from isp.values import Float64

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image


class WhiteBalance(Stage):
    """Make neutral objects neutral."""

    name = "white_balance"
    takes = ("mosaic", "camera")
    cfas = COLORED
    parameters = (
        Param(
            "mode", "as_shot",
            "as_shot (from the file; auto where a dump says nothing); manual (gains); temperature (temperature and "
            "tint, needs colour matrices or curve); auto (method)",
            choices=("as_shot", "manual", "temperature", "auto"), tune="search",
        ),
        Param(
            "gains", (1.0, 1.0, 1.0), "Gains of R, G, B in mode manual", lower=0.1, upper=32, shapes=((3,),),
            tune="gradient",
        ),
        Param(
            "temperature", 5500.0, "Colour temperature of the light in mode temperature", unit="K", lower=1700,
            upper=25000, tune="search",
        ),
        Param(
            "tint", 0.0, "Tint of the light in mode temperature; positive is greener light, so a more magenta picture",
            unit="1/3000 uv", lower=-150, upper=150, tune="search",
        ),
        Param(
            "method", "correlation",
            "How mode auto estimates: correlation (the light that makes the colours most natural); grey_world (the "
            "mean is neutral); shades_of_grey (the Minkowski mean is)",
            choices=("correlation", "grey_world", "shades_of_grey"), tune="search",
        ),
        Param(
            "norm", 6.0, "Order of the Minkowski mean of shades_of_grey; 1 is grey world, large ones the brightest",
            lower=1, upper=20, tune="search",
        ),
        Param(
            "curve", (), "The camera's neutrals over colour temperature: rows of [K], R/G, B/G; [] for none",
            lower=0.01, upper=100000, shapes=((0,), (None, 3)),
        ),
    )

    def check(self, values: Mapping[str, Any]) -> None:
        curve = values.get("curve", ())
        if not isinstance(curve, tuple) or not curve:
            return
        kelvin = [row[0] for row in curve]
        if len(curve) < 2 or min(kelvin) < 1000 or any(a >= b for a, b in pairwise(kelvin)):
            raise ValueError(f"curve: temperatures {kelvin} must be 2 or more that rise from 1000 K or more")

    def wants_statistics(self, values: Mapping[str, Any], context: Context) -> bool:
        return _mode(values, context) == "auto"

    def warn(self, values: Mapping[str, Plain], context: Context) -> list[str]:
        """Lines for the user about how the white was found."""
        lines = []
        if values["mode"] != _mode(values, context):
            lines.append("the input says no neutral; using mode auto")
        if _mode(values, context) == "auto":
            _, remark = estimate(values, context)
            lines += [remark] if remark else []
        return lines

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        return {"gains": gains(values, context)}

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        g = gains(values, context)
        neutral = g.min() / g
        xy, temperature = None, None
        color = CameraColor.of(context.info)
        curve = _curve(values)
        if values["mode"] == "temperature":
            temperature = float(values["temperature"])
            xy = chromaticity(temperature, float(values["tint"]))
        elif curve is not None:
            temperature = curve.temperature(neutral)
            xy = chromaticity(temperature)
        elif color is not None:
            xy, temperature = color.white(neutral)
        return context.but(
            neutral=tuple(neutral.tolist()),
            white_xy=xy,
            temperature=temperature,
            noise=context.noise.scaled(tuple(g[[0, 1, 1, 2]].tolist())) if context.noise is not None else None,
            clip=tuple((g * context.clip).tolist()),
        )

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        x, y = graph.x, graph.y
        g = arrays["gains"]
        if image.channels == 3:
            return graph.rgb("balanced", lambda c: image[x, y, c] * graph.choose(c, [g[0], g[1], g[2]]))
        return graph.plane("balanced", image[x, y] * graph.site_color(g[0], g[1], g[2]), by_site=True)


def gains(values: Mapping[str, Plain], context: Context) -> Float64:
    """(3,) gains of R, G, B that resolved `values` of this stage stand for.

    Raises
    ------
    InputError
        The mode needs something the frame does not say.
    """
    mode = _mode(values, context)
    if mode == "manual":
        return as_array(values["gains"])
    if mode == "auto":
        neutral, _ = estimate(values, context)
    elif mode == "temperature":
        neutral = _of_temperature(values, context)
    elif context.info.neutral is None:
        raise InputError("the file says no as-shot neutral; allowed here: mode manual | temperature | auto")
    else:
        neutral = as_array(context.info.neutral)
    return np.asarray(neutral.max() / neutral)


def _of_temperature(values: Mapping[str, Any], context: Context) -> Float64:
    kelvin, tint = float(values["temperature"]), float(values["tint"])
    color, curve = CameraColor.of(context.info), _curve(values)
    if curve is not None and tint == 0:
        return curve.neutral(kelvin)
    if color is None:
        if curve is not None:
            raise InputError("white balance with a tint needs colour matrices, and the input has none; allowed here: "
                             "tint 0, or mode manual | auto")
        raise InputError("white balance by temperature needs colour matrices, and the input has none; "
                         "allowed here: mode manual | auto, or a curve in the profile")
    return color.neutral(chromaticity(kelvin, tint), kelvin)


def _curve(values: Mapping[str, Any]) -> WhiteCurve | None:
    return WhiteCurve(values["curve"]) if len(values.get("curve", ())) else None


def _mode(values: Mapping[str, Any], context: Context) -> str:
    mode = str(values["mode"])
    if mode == "as_shot" and context.info.neutral is None and not context.info.self_describing:
        return "auto"
    return mode
