"""Green equalization: the two greens of a Bayer mosaic are made to agree locally, against maze patterns.

Greens on red rows and greens on blue rows see different crosstalk, so they differ by a percent or two that depends on
colour and place, and a demosaic turns that into a maze of one-pixel texture. Each green takes half of the difference
between the local means of both kinds (9 and 16 sites of a 7x7 window, both centred on it), provided that this
difference, and the slope of the picture there, are small; a larger one is detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from isp.parameters import Param
from isp.stage import Stage

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

_DARK = 0.002
"""Level added to the local green so that the limit stays above the noise next to black (white is 1)."""


class GreenEqualization(Stage):
    """Remove the local difference between the two greens."""

    name = "green_equalization"
    takes = ("mosaic",)
    parameters = (
        Param(
            "threshold", 0.04, "Largest difference taken for imbalance, relative to the local green; gone at twice",
            lower=0, upper=1, tune="search",
        ),
    )

    def reach(self, structure: Mapping[str, str | int]) -> int:
        return 3

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        x, y = graph.x, graph.y
        here = image[x, y]
        # sums over three rows of the same kind, over four of the other, as planes of column sums
        own3 = graph.plane("own3", image[x, y - 2] + here + image[x, y + 2], stored=True)
        other4 = graph.plane(
            "other4", (image[x, y - 3] + image[x, y - 1]) + (image[x, y + 1] + image[x, y + 3]), stored=True
        )
        left, middle, right = own3[x - 2, y], own3[x, y], own3[x + 2, y]
        own = (left + middle + right) * hl.f32(1 / 9)
        beside = (other4[x - 3, y] + other4[x - 1, y], other4[x + 1, y] + other4[x + 3, y])
        other = (beside[0] + beside[1]) * hl.f32(1 / 16)
        difference = other - own
        across = hl.max(hl.abs(left - right) * hl.f32(1 / 3), hl.abs(beside[0] - beside[1]) * hl.f32(1 / 8))
        top = image[x - 2, y - 2] + image[x, y - 2] + image[x + 2, y - 2]
        bottom = image[x - 2, y + 2] + image[x, y + 2] + image[x + 2, y + 2]
        slope = hl.max(across, hl.abs(top - bottom) * hl.f32(1 / 3))
        limit = arrays["threshold"][0] * (hl.max(own + other, hl.f32(0)) * hl.f32(0.5) + hl.f32(_DARK))
        size = hl.max(hl.abs(difference), slope * hl.f32(0.5))
        share = hl.clamp(hl.f32(2) - size / hl.max(limit, hl.f32(1e-9)), hl.f32(0), hl.f32(1))
        green = here + difference * share * hl.f32(0.5)
        return graph.plane("equal", graph.by_site(here, green, green, here), by_site=True)
