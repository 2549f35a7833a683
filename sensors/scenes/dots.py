"""A grid of round dots, for distortion and lateral colour (ISO 17850, ISO 19084)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.scenes.coverage import disk
from sensors.scenes.edge import box_corners
from sensors.scenes.materials import flat
from sensors.scenes.options import check
from sensors.scenes.scene import Float32, Float64, Scene, Size


class Dots(Scene):
    """Dark dots on white, in a square grid with one dot in the middle of the frame; it goes on outside.

    Dots are sampled by their area, as `sensors.scenes.coverage.disk` does, where 1.5 photosites or more lie between
    them.

    Parameters
    ----------
    pitch : from dot to dot, in frame heights, 0.01..0.5
    diameter : of a dot, in pitches, 0.1..0.8
    contrast : reflectance of the ground over that of the dots, 1..1000
    light : reflectance of the ground, 0..1

    Raises
    ------
    UsageError
        A value is out of its bounds.
    """

    def __init__(
        self, pitch: float = 0.05, diameter: float = 0.5, contrast: float = 20.0, light: float = 0.8
    ) -> None:
        check("dots", pitch=pitch, diameter=diameter, contrast=contrast, light=light)
        self.name = "dots"
        self.pitch, self.diameter = pitch, diameter
        self.factors = flat([light / contrast, light])

    def paint(self, x: Float64, y: Float64, size: Size, table: Float32) -> Float32:
        pitch = self.pitch * size[1]
        u, v = (positions - middle / 2 for positions, middle in zip((x, y), size, strict=True))
        u, v = np.broadcast_arrays(u - pitch * np.rint(u / pitch), v - pitch * np.rint(v / pitch))
        share = disk(u, v, self.diameter * pitch / 2)
        planes = np.empty((table.shape[1], *share.shape), np.float32)
        for plane, dark, light in zip(planes, table[0], table[1], strict=True):
            np.multiply(share, dark - light, out=plane)
            plane += light
        return planes

    def centres(self, size: Size) -> tuple[Float64, NDArray[np.int64]]:
        """Dots wholly inside a frame: centres (N, 2) x, y [photosites]; column, row (N, 2), 0 in the middle."""
        pitch = self.pitch * size[1]
        most = [math.floor((side - self.diameter * pitch) / 2 / pitch + 1e-9) for side in size]
        rows, columns = np.mgrid[-most[1] : most[1] + 1, -most[0] : most[0] + 1]
        indices = np.stack([columns.ravel(), rows.ravel()], 1)
        return indices * pitch + np.array(size) / 2, indices

    def regions(self, frame: tuple[int, int]) -> list[dict[str, Any]]:
        size = float(frame[0]), float(frame[1])
        r = self.diameter * self.pitch * size[1] / 2
        return [
            {"name": f"dot {i} {j}", "kind": "dot", "corners": box_corners((x - r, y - r, x + r, y + r))}
            for (x, y), (i, j) in zip(self.centres(size)[0].tolist(), self.centres(size)[1].tolist(), strict=True)
        ]
