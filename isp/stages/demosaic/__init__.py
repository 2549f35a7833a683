"""Demosaic: a Bayer mosaic becomes camera RGB. One file per published method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isp.parameters import Param
from isp.stage import Context, Plain, Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isp.engine.graph import Arrays, Graph, Image

_REACH = {"bilinear": 1, "malvar2004": 2, "menon2007": 8, "zhang2005": 12, "kiku2014": 20, "adaptive": 19}
BEND = 30.0
"""What `bend` is for a camera's light: about linear below 1/30 of white, where read noise reigns, a root above it."""


class Demosaic(Stage):
    """Full colour at every site of a Bayer mosaic."""

    name = "demosaic"
    takes = ("mosaic",)
    gives = "camera"
    cfas = ("bayer",)  # RYYB would come out as if its yellow were green
    parameters = (
        Param(
            "method", "adaptive",
            "bilinear; malvar2004 (gradient-corrected linear); menon2007 (directional, a posteriori decision); "
            "zhang2005 (directional LMMSE); kiku2014 (minimized-Laplacian residual interpolation); "
            "adaptive (directional residual interpolation, gain drawn to 1 by its doubt, second pass)",
            choices=tuple(_REACH), structural=True, tune="search",
        ),
        Param(
            "bend", "from_file",
            "adaptive compares colours in bent values: straight below 1 / bend, a square root above; 0 leaves them as "
            f"they are; from_file is {BEND:g} where the frame is known to be a camera's light (it has a noise model "
            "or a white point) and 0 for a bare mosaic, whose values may be encoded",
            lower=0, upper=1000, sources=("from_file",), tune="gradient",
        ),
    )

    def source(self, name: str, word: str, context: Context) -> Plain:
        return BEND if context.noise is not None or context.neutral is not None else 0.0

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        return super().prepare(values, context) if values["method"] == "adaptive" else {}

    def reach(self, structure: Mapping[str, str | int]) -> int:
        return _REACH[str(structure["method"])]

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        from importlib import import_module

        method = import_module(f"isp.stages.demosaic.{structure['method']}")
        given = (arrays,) if structure["method"] == "adaptive" else ()
        result: Image = method.define(graph, image, *given)
        return result
