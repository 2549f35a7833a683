"""From the light of the scene to the light on the sensor: blur, shading, geometry, glare.

`kernels` gives the image of a point for each channel and place, `shading_mesh` the relative illumination, `warp_of`
where each channel of a photosite looks in the scene, `glare_terms` the veil. The infrared-cut filter is part of the
spectral sensitivity.
"""

from __future__ import annotations

from sensors.optics.aberration import Seidel
from sensors.optics.diffraction import diffraction_mtf
from sensors.optics.glare import glare_terms
from sensors.optics.lens import IDEAL, Lens
from sensors.optics.point_spread import kernels
from sensors.optics.shading import shading_mesh
from sensors.optics.warp import Warp, warp_of

__all__ = [
    "IDEAL",
    "Lens",
    "Seidel",
    "Warp",
    "diffraction_mtf",
    "glare_terms",
    "kernels",
    "shading_mesh",
    "warp_of",
]
