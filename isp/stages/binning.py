"""Binning: the mean of each block of a same-colour-block mosaic, which makes a Bayer mosaic of a k-th of its size.

For little light, or where the pixels are not needed: S and O of the noise become S / k^2 and O / k^2, and no colour is
guessed. Only whole blocks count; what the frame has of others at its borders is left out. On a mosaic without blocks it
changes nothing, so one profile can hold `binning` and `remosaic` and switch one of them off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from isp.rectilinear import RectilinearWarp
from isp.stage import BLOCKS, COLORED, Context, Plain, Stage
from isp.stages.remosaic import bayer_of
from isp.values import GainMesh, NoiseModel

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image


class Binning(Stage):
    """Average each same-colour block to one pixel."""

    name = "binning"
    takes = ("mosaic",)
    cfas = (*COLORED, "mono")
    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return context.cfa.family not in BLOCKS

    def scale(self, structure: Mapping[str, str | int]) -> int:
        return int(structure.get("block", 1))

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        if self.identity(values, context):
            return context
        k = context.cfa.block
        small = context.binned(context.cfa, k)
        x, y = small.phase
        return small.but(
            cfa=bayer_of(context.cfa).shifted(x % 2, y % 2),
            noise=_averaged(context.noise, k),
            shading=_placed(context.shading, context, small, k),
            info=replace(
                context.info,
                lens_shading=_placed(context.info.lens_shading, context, small, k),
                warp=_warped(context.info.warp, context, small, k),
            ),
        )

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        if graph.block == 1:
            return image
        import halide as hl

        from isp.engine.graph import tree_sum

        x, y, k = graph.x, graph.y, graph.block
        pixels = [image[k * x + i, k * y + j] for j in range(k) for i in range(k)]
        return graph.plane("binned", tree_sum(pixels) * hl.f32(1 / k**2))


def _averaged(noise: NoiseModel | None, k: int) -> NoiseModel | None:
    if noise is None:
        return None
    shot, read = (tuple(v / k**2 for v in values) for values in (noise.shot, noise.read))
    return NoiseModel(shot, read)  # type: ignore[arg-type]


def _placed(mesh: GainMesh | None, before: Context, after: Context, k: int) -> GainMesh | None:
    """The mesh relative to what is left of the frame, where partial blocks at its borders were left out."""
    if mesh is None:
        return None
    lines = list(zip(mesh.origin, mesh.spacing, _starts(before, after, k), before.shape, after.shape, strict=True))
    origin = tuple((at * size - start) / (k * left) for at, _, start, size, left in lines)
    spacing = tuple(step * size / (k * left) for _, step, _, size, left in lines)
    return GainMesh(mesh.gains, origin, spacing)  # type: ignore[arg-type]


def _warped(warp: RectilinearWarp | None, before: Context, after: Context, k: int) -> RectilinearWarp | None:
    """The same warp of what is left of the frame: its centre moves, and its unit of length becomes another."""
    if warp is None:
        return None
    x, y, unit = warp.frame(before.shape)
    top, left = _starts(before, after, k)
    height, width = after.shape
    # the centre of a block lies (k - 1) / 2 pixels behind that of its first pixel
    across, down = (
        ((at - start - (k - 1) / 2) / k) / max(size - 1, 1) for at, start, size in ((x, left, width), (y, top, height))
    )
    moved = replace(warp, centre=(across, down))
    ratio = moved.frame(after.shape)[2] * k / unit
    powers = np.array([ratio**n for n in (0, 2, 4, 6, 1, 1)])
    return replace(moved, planes=tuple(tuple(plane * powers) for plane in warp.planes))


def _starts(before: Context, after: Context, k: int) -> tuple[int, int]:
    """(top, left) of the first whole block in the frame [px]."""
    (left, top), (x, y) = before.phase, after.phase
    return k * y - top, k * x - left
