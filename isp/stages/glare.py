"""Glare: a share of the light is scattered in the lens and lies over the picture as a wide, soft veil.

    y = (1 - amount) x + amount tint (veil * x),   veil(r) ~ (1 + (r / radius)^2)^-3/2

the share of the light stays what it was (for a white tint). The power law of scatter has long tails, like that of
rough and dusty glass (ABg and Harvey-Shack models; J. E. Harvey, "Light-scattering characteristics of optical
surfaces", 1976) and of the eye's own glare (CIE 146:2002). The veil is far wider than detail, so it is
computed from the statistics thumbnail, whose saturated parts are taken to be `boost` stops brighter than the sensor
could see. Beyond the frame lies what its edge shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array
from isp.stages.guide import mesh_arrays, mesh_value, scene, shrunk
from isp.values import Float64

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

LARGEST = 192
"""Longest side of the small copy [px]."""


class Glare(Stage):
    """Veil the picture with light scattered from its bright parts."""

    name = "glare"
    takes = ("scene",)
    kind = "guided"
    parameters = (
        Param("amount", 0.0, "Share of the light that is scattered", lower=0, upper=0.5, tune="gradient"),
        Param("radius", 0.05, "Half width of the veil, relative to the picture's diagonal", lower=0.005, upper=0.5,
              tune="search"),
        Param("boost", 1.0, "How much brighter saturated areas are than the sensor saw", unit="EV", lower=0, upper=6,
              tune="gradient"),
        Param("tint", (1.0, 1.0, 1.0), "Colour of the veil: factors on red, green, blue", lower=0, upper=2,
              shapes=((3,),), tune="gradient"),
    )

    def wants_statistics(self, values: Mapping[str, Any], context: Context) -> bool:
        return bool(values["amount"] != 0)

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return bool(values["amount"] == 0)

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        if values["amount"] == 0:
            return {**mesh_arrays(np.zeros((1, 1, 3)), 1, context), "tint": np.zeros(4)}
        rgb, side = scene(context, LARGEST)
        lost = _saturated(context, side)
        light = np.maximum(rgb, 0.0) * (1.0 + lost * (2.0 ** as_array(values["boost"]) - 1.0))
        radius = float(values["radius"]) * float(np.hypot(*rgb.shape[:2]))
        amount = float(values["amount"])
        tint = np.append(amount * as_array(values["tint"]), 1.0 - amount)
        return {**mesh_arrays(veil(light, radius), side, context), "tint": tint}

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        tint = arrays["tint"]
        scattered = mesh_value(graph, arrays, 3)
        pixels = [image[graph.x, graph.y, c] for c in range(3)]
        return graph.rgb("veiled", [pixels[c] * tint[3] + scattered[c] * tint[c] for c in range(3)])


def veil(light: Float64, radius: float) -> Float64:
    """`light` (h, w, 3) convolved with the veil of half width `radius` [px], its edge repeated outwards."""
    h, w = light.shape[:2]
    full = np.pad(light, ((h // 2, h - h // 2), (w // 2, w - w // 2), (0, 0)), mode="edge")
    y, x = (np.minimum(np.arange(n), n - np.arange(n)) for n in full.shape[:2])
    kernel = (1.0 + (y[:, None] ** 2 + x**2) / radius**2) ** -1.5
    transfer = np.fft.rfft2(kernel / kernel.sum())
    blurred = np.fft.irfft2(np.fft.rfft2(full, axes=(0, 1)) * transfer[..., None], s=full.shape[:2], axes=(0, 1))
    return np.ascontiguousarray(blurred[h // 2 : h // 2 + h, w // 2 : w // 2 + w])


def _saturated(context: Context, side: int) -> Float64:
    """(h, w, 1) share of saturated sites."""
    if context.statistics is None:
        return np.zeros((1, 1, 1))
    lost = context.statistics.saturated.astype(np.float64).max(axis=2, keepdims=True)
    return shrunk(lost, side // context.statistics.block)
