"""Vignette: light falls off towards the corners as in a simple lens, or is brought back.

The natural law of illumination: behind a lens whose chief ray meets the sensor at the angle theta, light goes with
cos^4 theta (for example W. J. Smith, "Modern Optical Engineering", 4th ed., section 9.7). With r the distance from the
centre of the picture, 1 in its corners, and tan theta = k r,

    y = x (1 + (k r)^2)^-2,   k^2 = 2^(amount / 2) - 1

so the corners lose `amount` stops; a negative amount multiplies by the inverse. `roundness` 1 measures r on a circle,
0 on an ellipse that follows the picture's sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image


class Vignette(Stage):
    """Darken (or brighten) the picture towards its corners by the cos^4 law."""

    name = "vignette"
    takes = ("camera", "scene")
    parameters = (
        Param("amount", 0.0, "Loss of light in the corners; negative brightens them", unit="EV", lower=-4, upper=4,
              tune="gradient"),
        Param("roundness", 1.0, "1: circles about the centre; 0: ellipses as wide as the picture", lower=0, upper=1,
              tune="gradient"),
    )

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return bool(values["amount"] == 0)

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        amount, roundness = as_array(values["amount"]), as_array(values["roundness"])
        size = np.array(context.shape[::-1], np.float64)
        phase = np.array(context.phase)
        # per axis, in units of the half diagonal; the corner stays at 1
        scale = roundness * (2.0 / np.hypot(*size)) + (1.0 - roundness) * np.sqrt(2.0) / size
        scale = scale / np.linalg.norm(scale * size / 2)
        mesh = np.stack([scale, -(phase + (size - 1) / 2) * scale], axis=1)
        law = np.array([2.0 ** (np.abs(amount) / 2) - 1.0, float(amount > 0)])
        return {"law": law, "mesh": mesh}

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        place, law = arrays["mesh"], arrays["law"]
        u = hl.f32(graph.column) * place[0, 0] + place[0, 1]
        v = hl.f32(graph.row) * place[1, 0] + place[1, 1]
        fall = hl.f32(1) + law[0] * (u * u + v * v)
        square = fall * fall
        gain = hl.select(law[1] > hl.f32(0), hl.f32(1) / square, square)
        return graph.rgb("vignetted", lambda c: image[graph.x, graph.y, c] * gain)
