"""Black level: digital numbers become a linear mosaic, black 0 and white 1.

    x = (DN - black(site)) / (white - mean black)

One divisor for all sites keeps their relative gain as the sensor gave it (DNG 1.7, chapter 5: "black subtraction"
and "rescaling", where the divisor is per plane; a per-plane divisor would be a white-balance change in disguise of
at most a few DN in the white level). Values may fall below 0 (noise around black) and above 1; nothing clips here.

The noise model that later stages read begins here: variance S x + O of these linear values (DNG's NoiseProfile), what
the file says or what a calibration has measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import COLORED, Context, Plain, Stage, as_array
from isp.values import NoiseModel

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image


class BlackLevel(Stage):
    """Subtract the black level per CFA site and scale white to 1."""

    name = "black_level"
    takes = ("raw",)
    gives = "mosaic"
    cfas = (*COLORED, "mono")
    parameters = (
        Param(
            "level", "from_file", "Black level: one for all, or R, Gr, Gb, B", unit="DN", lower=0, upper=2**32 - 1,
            shapes=((), (4,)), sources=("from_file",), tune="gradient",
        ),
        Param(
            "white", "from_file", "Saturation level", unit="DN", lower=1, upper=2**32 - 1,
            sources=("from_file",), tune="search",
        ),
        Param(
            "noise", "from_file", "Noise model: S of R, Gr, Gb, B and O of R, Gr, Gb, B; [] for none", lower=0, upper=1,
            shapes=((0,), (2, 4)), sources=("from_file",),
        ),
    )

    def source(self, name: str, word: str, context: Context) -> Plain:
        if name == "noise":
            noise = context.info.noise
            return () if noise is None else (noise.shot, noise.read)
        return context.black if name == "level" else context.white

    def check(self, values: Mapping[str, Any]) -> None:
        level, white = values.get("level"), values.get("white")
        if isinstance(level, (float, tuple)) and isinstance(white, float) and np.max(level) >= white:
            raise ValueError(f"level {np.max(level):g} must be below white {white:g} DN")

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        level = np.broadcast_to(as_array(values["level"]), 4)
        return {"level": level, "scale": np.array([1.0 / (as_array(values["white"]) - level.mean())])}

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        noise = NoiseModel(*values["noise"]) if len(values["noise"]) else None
        return context.but(noise=noise, clip=(1.0, 1.0, 1.0))

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        x, y = graph.x, graph.y
        level = arrays["level"]
        black = graph.by_site(level[0], level[1], level[2], level[3])
        return graph.plane("linear", (image[x, y] - black) * arrays["scale"][0], by_site=True)
