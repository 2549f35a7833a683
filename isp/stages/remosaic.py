"""Remosaic: a mosaic of k x k same-colour blocks (quad, nona, hexadeca) becomes a Bayer mosaic of the same size.

Measured values stay where the colour of the block is the one that the Bayer pattern asks for: at 6 of 16 pixels for
blocks of 2 and 4, and at half of them for blocks of 3. The others take what was measured there, moved to the colour
asked for by a local colour difference, so the picture keeps the detail of every pixel:

- `directional`: differences by directional linear models of the blocks' pixels (`isp.stages.demosaic.block_models`).
- `guided`: differences from the demosaic of the blocks' means by the method `adaptive`; `fast`: by `malvar2004`.
  Faster; false colour along diagonals and in fine detail.
- `nearest`: the nearest block of the colour asked for lends its mean. What cheap hardware does; for comparison.

The colour balance of the mosaic does not change what `nearest` does; the others assume that details are common to all
colours, so they belong behind `white_balance`.

Noise: a value that was moved keeps the noise of the pixel it was measured at, so each Bayer site has the mean noise of
the sites it comes from; the colour difference adds little, at the scale of blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.cfa import Cfa
from isp.parameters import Param
from isp.stage import BLOCKS, COLORED, Context, Plain, Stage
from isp.stages.demosaic.bend import bend_of, bend_param
from isp.values import Float64, NoiseModel

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

_GUIDES = {"guided": "adaptive", "fast": "malvar2004"}
_DIRECTIONAL = "directional"


class Remosaic(Stage):
    """Give a Bayer mosaic of full resolution from one of same-colour blocks."""

    name = "remosaic"
    takes = ("mosaic",)
    cfas = (*COLORED, "mono")
    parameters = (
        Param(
            "method", _DIRECTIONAL,
            "directional (colour differences by directional linear models of the blocks' samples); guided (by demosaic "
            "of the blocks' means); fast (the same, linear); nearest (no detail); quick (guided for blocks of 2, where "
            "it is as good on a camera's light and takes a third of the time; else directional)",
            choices=(_DIRECTIONAL, *_GUIDES, "nearest", "quick"), structural=True, tune="search",
        ),
        bend_param("colours are compared"),
    )

    def source(self, name: str, word: str, context: Context) -> Plain:
        return bend_of(context)

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return context.cfa.family not in BLOCKS

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        if self.identity(values, context):
            return context
        k, (x, y) = context.cfa.block, context.phase
        noise = context.noise
        if noise is not None:
            share = shares(k)
            noise = NoiseModel(tuple(share @ noise.shot), tuple(share @ noise.read))
        return context.recoded(bayer_of(context.cfa).shifted(x % 2, y % 2)).but(noise=noise)

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        quick = "guided" if context.cfa.block == 2 else _DIRECTIONAL
        return {"method": quick if values["method"] == "quick" else values["method"]}

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        method = self.structure(values, context)["method"]
        if context.cfa.block == 1 or method == "nearest":
            return {}
        arrays = super().prepare(values, context)
        if method == _DIRECTIONAL:
            from isp.stages.demosaic import block_models

            arrays["models"] = block_models.filters(context.cfa.block)
        return arrays

    def reach(self, structure: Mapping[str, str | int]) -> int:
        k = int(structure.get("block", 1))
        if k == 1:
            return 0
        if structure["method"] == "nearest":
            return 2 * k - 1
        from isp.stages.demosaic import Demosaic, block_models, blocks

        if structure["method"] == _DIRECTIONAL:
            return blocks.reach(block_models.READS, k)
        return blocks.reach(Demosaic().reach({"method": _GUIDES[str(structure["method"])]}), k)

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        if graph.block == 1:
            return image
        if structure["method"] == "nearest":
            return _nearest(graph, image)
        import halide as hl

        from isp.stages.demosaic import blocks
        from isp.stages.demosaic.bend import bent, straight

        x, y, k, bend = graph.x, graph.y, graph.block, arrays["bend"][0]
        mosaic = bent(graph, image, bend)
        if structure["method"] == _DIRECTIONAL:
            red, blue = blocks.by_models(graph, mosaic, arrays["models"])
        else:
            red, blue = blocks.by_method(graph, mosaic, _GUIDES[str(structure["method"])])
        zero = hl.f32(0)
        own, wanted = (seen.site_color(red, zero, blue) for seen in (graph, graph.on_blocks()))
        moved = straight(graph, graph.plane("moved", mosaic[x, y] + (wanted - own)), bend)
        # of the block's colour: both are green, or neither is and they are of one column
        green_block, green = (x // k + y // k) % 2 == 1, (x + y) % 2 == 1
        measured = hl.select(green_block, green, ~green & (x // k % 2 == x % 2))
        return graph.plane("bayer", hl.select(measured, image[x, y], moved[x, y]), by_site=True)


def bayer_of(cfa: Cfa) -> Cfa:
    """The Bayer pattern with the colours of a block pattern, red first."""
    green = next(letter for letter in cfa.base if letter not in "RB")
    return Cfa(f"R{green}/{green}B")


def shares(k: int) -> Float64:
    """(4, 4) of the pixels at each Bayer site (rows), the share that was measured at each site of the blocks."""
    place = np.arange(2 * k)
    # along one axis: how often an even (odd) pixel lies in an even (odd) block
    axis = np.array([[np.mean(place[p::2] // k == b) for b in (0, 1)] for p in (0, 1)])
    return np.asarray(np.kron(axis, axis))


def _nearest(graph: Graph, m: Image) -> Image:
    """The mean of the nearest block of the colour that the Bayer pattern asks for; the pixel where it has that one."""
    import halide as hl

    from isp.engine.graph import tree_sum

    x, y, k = graph.x, graph.y, graph.block
    means = graph.plane(
        "means", tree_sum([m[k * x + i, k * y + j] for j in range(k) for i in range(k)]) * hl.f32(1 / k**2), stored=True
    )
    # the block to the side on which the pixel lies in its own
    beside, below = (v // k + hl.select(v % k < k // 2, -1, 1) for v in (x, y))
    row, column = means[beside, y // k], means[x // k, below]
    across = means[beside, below]
    here = m[x, y]
    # a red or blue one lies where the parities of its block differ from the pixel's
    same_x, same_y = ((v // k - v) % 2 == 0 for v in (x, y))
    color = hl.select(same_x, hl.select(same_y, here, column), hl.select(same_y, row, across))
    # a green one beside a red or blue block lies on every side
    near_x, near_y = (hl.min(v % k, k - 1 - v % k) for v in (x, y))
    green = hl.select((x // k + y // k) % 2 == 1, here, hl.select(near_x <= near_y, row, column))
    return graph.plane("nearest", hl.select((x + y) % 2 == 1, green, color), by_site=True)
