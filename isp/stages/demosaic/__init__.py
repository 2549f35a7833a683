"""Demosaic: a mosaic becomes camera RGB. One file per published method.

On a mosaic of same-colour blocks the colour differences of the blocks are brought to the pixels (`blocks`): with
`adaptive` those of directional models (`block_models`), with the others those of the method's demosaic of the means.
"Green" is yellow on an RYYB mosaic, and the picture's three channels are R, Y, B: the colour matrices of such a camera
are of these channels, so `ccm` turns them to colour as it does others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import COLORED, Context, Plain, Stage

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
        from isp.stages.demosaic import block_models, blocks

        models = structure["method"] == "adaptive"
        return blocks.reach(block_models.READS if models else sites, int(structure["block"]))

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        if context.cfa.block == 1 or values["method"] != "adaptive":
            return {}
        from isp.stages.demosaic import block_models

        return {"models": block_models.filters(context.cfa.block)}

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        from importlib import import_module

        if graph.block > 1:
            from isp.stages.demosaic import blocks

            models = structure["method"] == "adaptive"
            differences = (
                blocks.by_models(graph, image, arrays["models"]) if models
                else blocks.by_method(graph, image, str(structure["method"]))
            )
            return blocks.define(graph, image, *differences)
        method = import_module(f"isp.stages.demosaic.{structure['method']}")
        result: Image = method.define(graph, image)
        return result
