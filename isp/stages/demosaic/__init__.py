"""Demosaic: a mosaic becomes camera RGB. One file per published method.

On a mosaic of same-colour blocks the method demosaics the means of the blocks, and `blocks` brings that to the pixels.
"Green" is yellow on an RYYB mosaic, and the picture's three channels are R, Y, B: the colour matrices of such a camera
are of these channels, so `ccm` turns them to colour as it does others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from isp.parameters import Param
from isp.stage import COLORED, Stage

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

_REACH = {"bilinear": 1, "malvar2004": 2, "menon2007": 8, "zhang2005": 12, "kiku2014": 20, "adaptive": 15}


class Demosaic(Stage):
    """Full colour at every site of a mosaic."""

    name = "demosaic"
    takes = ("mosaic",)
    gives = "camera"
    cfas = COLORED
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
        sites = _REACH[str(structure["method"])]
        if "block" not in structure:
            return sites
        from isp.stages.demosaic import blocks

        return blocks.reach(sites, int(structure["block"]))

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        from importlib import import_module

        if graph.block > 1:
            from isp.stages.demosaic import blocks

            return blocks.define(graph, image, str(structure["method"]))
        method = import_module(f"isp.stages.demosaic.{structure['method']}")
        result: Image = method.define(graph, image)
        return result
