"""One straight edge through the middle of the frame, for the edge-based spatial frequency response (ISO 12233)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sensors.scenes.coverage import inside
from sensors.scenes.materials import flat
from sensors.scenes.options import check
from sensors.scenes.scene import Float32, Float64, Scene, Size


class SlantedEdge(Scene):
    """Dark on the left, light on the right of a nearly vertical edge (above and below a nearly horizontal one).

    Area sampling is exact. The default contrast is the one ISO 12233:2017 recommends, so that sharpening stays linear.

    Parameters
    ----------
    angle : from the vertical (or horizontal), clockwise [degrees], -45..45
    contrast : reflectance of the light side over that of the dark side, 1..1000
    light : reflectance of the light side, 0..1
    horizontal : the edge is nearly horizontal

    Raises
    ------
    UsageError
        A value is out of its bounds.
    """

    def __init__(self, angle: float = 5.0, contrast: float = 4.0, light: float = 0.4, horizontal: bool = False) -> None:
        check("slanted-edge", angle=angle, contrast=contrast, light=light, horizontal=horizontal)
        self.name = "slanted-edge"
        self.angle, self.horizontal = angle, horizontal
        self.factors = flat([light / contrast, light])
        turn = math.radians(angle)
        across, along = math.cos(turn), math.sin(turn)
        self._normal = (-along, across) if horizontal else (across, along)

    def paint(self, x: Float64, y: Float64, size: Size, table: Float32) -> Float32:
        nx, ny = self._normal
        share = inside((x - size[0] / 2) * nx + (y - size[1] / 2) * ny, nx, ny)
        planes = np.empty((table.shape[1], *share.shape), np.float32)
        for plane, dark, light in zip(planes, table[0], table[1], strict=True):
            np.multiply(share, light - dark, out=plane)
            plane += dark
        return planes

    def region(self, size: Size) -> dict[str, Any]:
        """Where to measure the edge in a frame of `size`."""
        across, along = 0.15 * min(size), 0.3 * min(size)
        dx, dy = (along, across) if self.horizontal else (across, along)
        x, y = size[0] / 2, size[1] / 2
        return {"name": "edge", "kind": "edge", "corners": box_corners((x - dx, y - dy, x + dx, y + dy))}

    def regions(self, frame: tuple[int, int]) -> list[dict[str, Any]]:
        return [self.region((float(frame[0]), float(frame[1])))]


def box_corners(box: tuple[float, float, float, float]) -> list[list[float]]:
    """Corners of (left, top, right, bottom), clockwise from the top left."""
    left, top, right, bottom = box
    return [[left, top], [right, top], [right, bottom], [left, bottom]]
