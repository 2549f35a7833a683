"""Demosaic: a Bayer mosaic becomes camera RGB. One file per published method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from isp.parameters import Param
from isp.stage import Stage

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

_REACH = {"bilinear": 1, "malvar2004": 2, "menon2007": 8}


class Demosaic(Stage):
    """Full colour at every site of a Bayer mosaic."""

    name = "demosaic"
    takes = ("mosaic",)
    gives = "camera"
    cfas = ("bayer",)  # RYYB would come out as if its yellow were green
    parameters = (
        Param(
            "method", "menon2007",
            "bilinear; malvar2004 (gradient-corrected linear); menon2007 (directional, a posteriori decision)",
            choices=("bilinear", "malvar2004", "menon2007"), structural=True, tune="search",
        ),
    )

    def reach(self, structure: Mapping[str, str | int]) -> int:
        return _REACH[str(structure["method"])]

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        from importlib import import_module

        method = import_module(f"isp.stages.demosaic.{structure['method']}")
        result: Image = method.define(graph, image)
        return result
