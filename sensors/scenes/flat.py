"""Scenes without detail: an even field, and nothing at all."""

from __future__ import annotations

import numpy as np

from sensors.scenes.materials import flat
from sensors.scenes.options import check
from sensors.scenes.scene import Float32, Float64, Scene, Size


class Uniform(Scene):
    """An even grey field, for photon transfer and shading.

    Parameters
    ----------
    reflectance : of the field, 0..1; the default is the grey that exposure meters assume

    Raises
    ------
    UsageError
        A value is out of its bounds.
    """

    def __init__(self, reflectance: float = 0.18) -> None:
        check("uniform", reflectance=reflectance)
        self.name = "uniform"
        self.factors = flat(reflectance)

    def paint(self, x: Float64, y: Float64, size: Size, table: Float32) -> Float32:
        planes = np.empty((table.shape[1], y.shape[0], x.shape[1]), np.float32)
        planes[...] = table[0][:, None, None]
        return planes


class Dark(Uniform):
    """No light at all, as with the lens capped."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.name = "dark"
