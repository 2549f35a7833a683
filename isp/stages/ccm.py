"""Colour matrix: white-balanced camera RGB becomes linear Rec.2020 (D65), unclipped.

`matrix` is what tuning engineers write: from white-balanced camera RGB to linear sRGB primaries, so that the rows of a
matrix that keeps grey sum to 1. The stage goes on from there to the working space. ``from_file`` is the DNG colour
model (version 1.7, chapter 6) at the white that `white_balance` resolved, in the same terms (see `isp.color.dng`);
it assumes that the camera RGB is balanced by that white. A table over `cct` is interpolated in mired.

Input that says nothing of its colour (dumps, arrays) gets `fallback`; a DNG or camera raw without a usable matrix is
refused. The default fallback is a daylight matrix of a phone sensor, Sony IMX708: raspberrypi/libcamera
imx708.json (BSD-2-Clause), `rpi.ccm` at 5500 K, to two decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.color.dng import CameraColor
from isp.color.spaces import D50, WORKING, conversion, pcs_to_rgb
from isp.errors import InputError
from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array
from isp.values import Float64

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

PHONE_DAYLIGHT = ((1.56, -0.40, -0.16), (-0.28, 1.62, -0.34), (-0.02, -0.45, 1.47))
_GIVEN = "srgb"
"""Primaries in which matrices are written."""


class Ccm(Stage):
    """From white-balanced camera RGB to the working space, linear Rec.2020."""

    name = "ccm"
    takes = ("camera",)
    gives = "scene"
    parameters = (
        Param(
            "matrix", "from_file",
            "White-balanced camera RGB to linear sRGB primaries (rows for R, G, B); from_file: the DNG colour model",
            lower=-20, upper=20, shapes=((3, 3),), sources=("from_file", "fallback"), tune="gradient",
        ),
        Param(
            "fallback", PHONE_DAYLIGHT, "The matrix for input that says nothing of its colour (dumps, arrays)",
            lower=-20, upper=20, shapes=((3, 3),), tune="no",
        ),
    )

    def source(self, name: str, word: str, context: Context) -> Plain:
        if word == "fallback":
            return word
        color = CameraColor.of(context.info)
        if color is None:
            if context.info.self_describing:
                raise InputError("the file has no colour matrix; give ccm.matrix, 3x3 numbers or a table over cct")
            return "fallback"
        matrix = pcs_to_rgb(_GIVEN) @ color.to_pcs(*_white(color, context))
        return tuple(tuple(row) for row in matrix.tolist())

    def warn(self, values: Mapping[str, Plain], context: Context) -> list[str]:
        """Lines for the user about the matrix in use."""
        if values["matrix"] != "fallback" or context.info.calibrations:
            return []
        return ["the input has no colour matrix; using the fallback"]

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        return {"matrix": to_working(values)}

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        if context.noise is None:
            return context
        # channels now share noise; the model that goes on is that of a neutral object
        power = to_working(values)[[0, 1, 1, 2]] ** 2
        shot, read = (np.array(v)[[0, 1, 3]] for v in (context.noise.shot, context.noise.read))
        noise = type(context.noise)(tuple((power @ shot).tolist()), tuple((power @ read).tolist()))
        return context.but(noise=noise)

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        x, y, m = graph.x, graph.y, arrays["matrix"]
        r, g, b = (image[x, y, c] for c in range(3))
        return graph.rgb("scene", [m[i, 0] * r + m[i, 1] * g + m[i, 2] * b for i in range(3)])


def to_working(values: Mapping[str, Plain]) -> Float64:
    """(3, 3) from white-balanced camera RGB to the working space for plain values of this stage."""
    matrix = values["fallback"] if isinstance(values["matrix"], str) else values["matrix"]
    return np.asarray(conversion(_GIVEN, WORKING) @ as_array(matrix))


def _white(color: CameraColor, context: Context) -> tuple[Float64, tuple[float, float], float]:
    """Neutral, xy and temperature: as `white_balance` resolved them, else as shot, else D50."""
    neutral = context.neutral if context.neutral is not None else context.info.neutral
    if neutral is None:
        kelvin = color.white(color.neutral(D50, 5003.0))[1]
        return color.neutral(D50, kelvin), D50, kelvin
    if context.neutral is not None and context.white_xy is not None and context.temperature is not None:
        return as_array(neutral), context.white_xy, context.temperature
    return as_array(neutral), *color.white(neutral)
