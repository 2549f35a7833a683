"""Monochrome: one grey from red, green and blue, as a panchromatic film sees them, if need be through a filter.

    y = w . (R, G, B),   w = weights f / (weights . f) sum(weights),   f = 1 + filter_strength (F - 1)

F is what a filter passes of red, green and blue, relative to each other. White stays what it is with any filter: the
filter factor is made good, as a photographer does by exposure. `weights` that add up to 1 keep it too; another sum
brightens or darkens.

The numbers of `WEIGHTS` follow from spectra. With E the light (D65), P the film's sensitivity (alike from 395 to
645 nm, per energy), T a filter's transmittance and r a reflectance, film answers integral(E P T r) relative to white;
w are the weights, not negative and of sum 1, that come nearest to it (least squares) over the 24 patches of the
ColorChecker. P and T are smooth steps 1 / (1 + exp(-(l - l0) / s)) at wavelengths where the film and the gelatin
filters named do so; estimates, not measurements. The filter factors that come out, 1.8 (yellow), 3.2 (orange), 7.1
(red) and 4.0 (green), are near the customary 2, 4, 8 and 4. Greys so found are the film's within an rms of 0.008 of
white, but for red (0.067), which sees light of wavelengths that RGB tells apart too little.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

WEIGHTS: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "none": (0.253, 0.308, 0.439),
        "yellow": (0.403, 0.500, 0.097),  # from 490 nm on, as Wratten No. 8
        "orange": (0.851, 0.149, 0.0),  # from 550 nm on, as No. 21
        "red": (1.0, 0.0, 0.0),  # from 600 nm on, as No. 25
        "green": (0.014, 0.852, 0.134),  # 490 to 590 nm, as No. 11
    }
)
"""Red, green and blue (linear Rec.2020) in the grey of a panchromatic film, by filter."""


class Monochrome(Stage):
    """One grey for all three channels, by panchromatic weights and a colour filter."""

    name = "monochrome"
    takes = ("scene",)
    parameters = (
        Param("weights", WEIGHTS["none"], "Red, green and blue in the grey, without a filter", lower=-1, upper=2,
              shapes=((3,),), tune="gradient"),
        Param("filter", "none", "Filter in front of the film: lightens its own colour, darkens the opposite one",
              choices=tuple(WEIGHTS), tune="search"),
        Param("filter_strength", 1.0, "Share of the light that goes through the filter; 0: none", lower=0, upper=1,
              tune="gradient"),
    )

    def check(self, values: Mapping[str, Any]) -> None:
        weights = values.get("weights", WEIGHTS["none"])
        if isinstance(weights, tuple) and (sum(weights) <= 0 or _filtered(weights, values, 1.0).sum() <= 0.01):
            raise ValueError("weights must have a sum above 0, also behind the filter; white would be black")

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        weights = as_array(values["weights"])
        filtered = _filtered(weights, values, values["filter_strength"])
        return {"weights": filtered * (weights.sum() / filtered.sum())}

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        x, y, w = graph.x, graph.y, arrays["weights"]
        grey = graph.plane("grey", w[0] * image[x, y, 0] + w[1] * image[x, y, 1] + w[2] * image[x, y, 2])
        return graph.rgb("monochrome", lambda c: grey[x, y])


def _filtered(weights: Any, values: Mapping[str, Any], strength: Any) -> NDArray[Any]:
    """(3,) weights behind the filter, not yet of their old sum."""
    passed = np.divide(WEIGHTS[values.get("filter", "none")], WEIGHTS["none"])
    return np.asarray(as_array(weights) * (1.0 + as_array(strength) * (passed - 1.0)))
