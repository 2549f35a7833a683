"""Demosaic: a mosaic becomes camera RGB. One file per published method.

On a mosaic of same-colour blocks the colour differences of the blocks are brought to the pixels (`blocks`): with
`adaptive` those of directional models (`block_models`), with the others those of the method's demosaic of the means.
"Green" is yellow on an RYYB mosaic, and the picture's three channels are R, Y, B: the colour matrices of such a camera
are of these channels, so `ccm` turns them to colour as it does others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isp.parameters import Param
from isp.stage import COLORED, Context, Plain, Stage
from isp.stages.demosaic.bend import bend_of, bend_param

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isp.engine.graph import Arrays, Graph, Image

_REACH = {"bilinear": 1, "malvar2004": 2, "menon2007": 8, "zhang2005": 12, "kiku2014": 20, "adaptive": 19}


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
        bend_param("adaptive compares colours"),
    )

    def source(self, name: str, word: str, context: Context) -> Plain:
        return bend_of(context)

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        if values["method"] != "adaptive":
            return {}
        arrays = super().prepare(values, context)
        if context.cfa.block > 1:
            from isp.stages.demosaic import block_models

            arrays["models"] = block_models.filters(context.cfa.block)
        return arrays

    def reach(self, structure: Mapping[str, str | int]) -> int:
        sites = _REACH[str(structure["method"])]
        if "block" not in structure:
            return sites
        from isp.stages.demosaic import block_models, blocks

        models = structure["method"] == "adaptive"
        return blocks.reach(block_models.READS if models else sites, int(structure["block"]))

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        from importlib import import_module

        from isp.stages.demosaic import blocks
        from isp.stages.demosaic.bend import bent, straight

        method = str(structure["method"])
        bend = arrays["bend"][0] if method == "adaptive" else None
        mosaic = image if bend is None else bent(graph, image, bend)
        if graph.block == 1:
            result = import_module(f"isp.stages.demosaic.{method}").define(graph, mosaic)
        elif method == "adaptive":
            result = blocks.define(graph, mosaic, *blocks.by_models(graph, mosaic, arrays["models"]))
        else:
            result = blocks.define(graph, mosaic, *blocks.by_method(graph, mosaic, method))
        return result if bend is None else straight(graph, result, bend)
