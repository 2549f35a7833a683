"""Noise reduction on the mosaic, as strong as the frame's noise model says. One file per method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage
from isp.stages.noise_reduction import bisquare, dct

if TYPE_CHECKING:
    from types import ModuleType

    from isp.engine.graph import Arrays, Graph, Image

_METHODS: Mapping[str, ModuleType] = {"dct": dct, "dct_fast": dct, "bisquare": bisquare}


class NoiseReduction(Stage):
    """Take away noise, as much as the frame's noise model explains, and keep detail."""

    name = "noise_reduction"
    takes = ("mosaic", "camera")
    cfas = ("bayer", "ryyb", "mono", "quad", "nona", "hexadeca")
    parameters = (
        Param(
            "strength", 1.0, "Noise taken for granted, as a factor on the noise model's standard deviation; 0 is off",
            lower=0, upper=10, tune="gradient",
        ),
        Param(
            "chroma", 1.0, "dct: factor on `strength` for differences between the colours; above 1 fewer colour specks",
            lower=0.25, upper=4, tune="gradient",
        ),
        Param(
            "method", "dct",
            "dct (shrinkage in sliding 8x8 windows of luminance and colour differences); dct_fast (half the windows); "
            "bisquare (mean over 5x5 sites of a colour, weighted by likeness; a fifth of the work)",
            choices=tuple(_METHODS), structural=True, tune="search",
        ),
    )

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return bool(values["strength"] == 0)

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        return {"method": values["method"], "sites": 1 if context.cfa.family == "mono" else 4}

    def reach(self, structure: Mapping[str, str | int]) -> int:
        return int(_METHODS[str(structure["method"])].reach(structure))

    def lattice(self, structure: Mapping[str, str | int]) -> int:
        return 1 if structure["method"] == "bisquare" else dct.lattice(structure)

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = _METHODS[values["method"]].prepare(values, context)
        return arrays

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        result: Image = _METHODS[str(structure["method"])].define(graph, image, arrays, structure)
        return result
