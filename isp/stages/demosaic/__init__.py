"""Demosaic: a Bayer mosaic becomes camera RGB. One file per published method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from isp.parameters import Param
from isp.stage import Stage

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

_REACH = {"bilinear": 1, "malvar2004": 2, "menon2007": 8, "zhang2005": 12, "kiku2014": 20, "adaptive": 15}


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
    )

    def reach(self, structure: Mapping[str, str | int]) -> int:
        return _REACH[str(structure["method"])]

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        from importlib import import_module

        method = import_module(f"isp.stages.demosaic.{structure['method']}")
        result: Image = method.define(graph, image)
        return result
