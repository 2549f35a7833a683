"""Lens shading: a gain per site that undoes the fall-off towards the corners.

The gain is a coarse mesh per Bayer site, bilinear between its points and constant beyond (the meaning of DNG 1.7's
GainMap opcode, and of Android's STATISTICS_LENS_SHADING_CORRECTION_MAP). `strength` blends it with 1:
gain = 1 + strength (mesh - 1). `luminance` is the share of the fall-off itself that is undone, the mean of the two
greens standing for it: with 0 the lens keeps its vignette, and only the colours' differences from green are corrected.

The noise model that travels on holds at the centre of the frame: towards the corners S grows by the gain and O by its
square. The clip levels stay those of an unshaded frame; the mesh travels as `shading` for stages that need local ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import COLORED, Context, Plain, Stage, as_array
from isp.stages.mesh import mesh_arrays, mesh_value, sampled
from isp.values import Float64, GainMesh

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

MAX_INLINE = 33
"""Most rows and columns of a mesh; phones use 17 x 13 to 33 x 33."""


class LensShading(Stage):
    """Multiply each site by a gain mesh."""

    name = "lens_shading"
    takes = ("mosaic",)
    cfas = COLORED
    parameters = (
        Param(
            "mesh", "from_file", "Gains, rows x columns x 4 (R, Gr, Gb, B), at most 33 x 33; [] for none", lower=0.01,
            upper=1000, shapes=((0,), (None, None, 4)), sources=("from_file",), files=(".npy",), tune="search",
        ),
        Param(
            "placement", "from_file",
            "Vertical and horizontal position of the mesh's first point, then its spacing, relative to the frame's "
            "height and width; [] spans the frame from edge to edge",
            lower=-10, upper=10, shapes=((0,), (4,)), sources=("from_file",),
        ),
        Param("strength", 1.0, "Share of the correction that is applied", lower=0, upper=1, tune="gradient"),
        Param("luminance", 1.0, "Share of the fall-off that is corrected; 0 corrects colour only", lower=0, upper=1,
              tune="gradient"),
    )

    def source(self, name: str, word: str, context: Context) -> Plain:
        mesh = context.info.lens_shading
        if mesh is None:
            return ()
        return mesh.gains.tolist() if name == "mesh" else (*mesh.origin, *mesh.spacing)

    def check(self, values: Mapping[str, Any]) -> None:
        mesh, placement = values.get("mesh", "from_file"), values.get("placement", "from_file")
        if isinstance(mesh, tuple) and mesh and max(len(mesh), len(mesh[0])) > MAX_INLINE:
            raise ValueError(f"mesh of {len(mesh)}x{len(mesh[0])} points; allowed: up to {MAX_INLINE}x{MAX_INLINE}")
        if mesh != "from_file" and mesh != () and placement == "from_file":
            raise ValueError(
                "a mesh given here needs its own placement; [] spans the frame, or [top, left, row step, column step]"
            )
        if isinstance(placement, tuple) and placement and min(placement[2:]) <= 0:
            raise ValueError(f"placement steps {placement[2:]} must be above 0")

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return len(values["mesh"]) == 0

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        mesh = _mesh(values)
        return mesh_arrays(_gains(values), mesh, context)

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        if self.identity(values, context):
            return context
        mesh = _mesh(values)
        shading = GainMesh(_gains(values).astype(np.float32), mesh.origin, mesh.spacing)
        centre = sampled(shading, [0.5], [0.5])[0, 0]
        noise = None if context.noise is None else context.noise.scaled(centre.tolist())
        return context.but(noise=noise, shading=shading)

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        gain = mesh_value(graph, arrays)
        return graph.plane("shaded", image[graph.x, graph.y] * gain)


def _gains(values: Mapping[str, Plain]) -> Float64:
    """(rows, columns, 4), in float64 for the tuner's differences."""
    gains = as_array(values["mesh"])
    light = gains[..., 1:3].mean(axis=2, keepdims=True)
    kept = gains / light * (1 + as_array(values["luminance"]) * (light - 1))
    return np.asarray(1 + as_array(values["strength"]) * (kept - 1))


def _mesh(values: Mapping[str, Plain]) -> GainMesh:
    gains = as_array(values["mesh"])
    placement = values["placement"]
    if len(placement) == 4:
        top, left, down, across = placement
        return GainMesh(gains.astype(np.float32), (top, left), (down, across))
    rows, columns = gains.shape[:2]
    return GainMesh(gains.astype(np.float32), (0.0, 0.0), (1 / max(rows - 1, 1), 1 / max(columns - 1, 1)))
