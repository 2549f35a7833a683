"""Exact area sampling: how much of a photosite lies inside a simple shape.

A photosite is the unit square around its centre (all of it collects light; what a smaller aperture loses is the
optics' affair). Everything is a closed form of the photosite's own position.
"""

from __future__ import annotations

import numpy as np

from sensors.scenes.scene import Float32, Float64

Box = tuple[float, float, float, float]
"""(left, top, right, bottom) [photosites]."""


def half_plane(distance: Float64, nx: Float64, ny: Float64) -> Float64:
    """Area of the part of a unit square that lies on the inner side of a straight edge.

    The area as a function of the distance is the integral of the square's projection on the normal, a trapezoid.

    Parameters
    ----------
    distance : signed distance of the square's centre from the edge [photosites], > 0 inside
    nx, ny : unit normal of the edge

    Returns
    -------
    float64
        0..1, exactly 0 or 1 where the edge does not touch the square.
    """
    a, b = np.abs(nx), np.abs(ny)
    major, minor = np.maximum(a, b), np.maximum(np.minimum(a, b), 1e-12)
    far = np.abs(distance)
    tail = np.maximum(0.5 * (major + minor) - far, 0.0)
    half = np.where(far <= 0.5 * (major - minor), far / major, 0.5 - tail * tail / (2 * major * minor))
    return np.asarray(0.5 + np.copysign(half, distance))


REACH = 0.7072
"""An edge farther than half the diagonal from the centre does not touch the square."""


def inside(distance: Float64, nx: Float64 | float, ny: Float64 | float) -> Float32:
    """`half_plane` as float32, worked out only where the edge touches the photosite."""
    result = (distance > 0).astype(np.float32)
    near = np.nonzero(np.abs(distance) < REACH)
    if len(near[0]):
        normal = [part[near] if isinstance(part, np.ndarray) else np.float64(part) for part in (nx, ny)]
        result[near] = half_plane(distance[near], np.asarray(normal[0]), np.asarray(normal[1]))
    return result


def interval(centre: Float64, start: float, stop: float) -> Float64:
    """Length of the part of the unit interval around `centre` that lies within `start`..`stop`: 0..1."""
    return np.asarray(np.maximum(np.minimum(centre + 0.5, stop) - np.maximum(centre - 0.5, start), 0.0))


def disk(x: Float64, y: Float64, radius: float) -> Float32:
    """Area of a photosite at (`x`, `y`) from the centre of a disk that lies inside it, float32.

    The rim is taken as straight within a photosite: the error is below 1 / (8 radius) for radii of 1 and more.
    """
    away = np.sqrt(x * x + y * y)
    safe = np.maximum(away, 1e-9)
    return inside(radius - away, x / safe, y / safe)


class Canvas:
    """The planes of a tile being painted with flat shapes on a flat ground.

    Parameters
    ----------
    x, y : float64 positions [photosites], of shapes (1, w) and (h, 1), or both (h, w)
    ground : (C,) float32, value of the ground
    """

    def __init__(self, x: Float64, y: Float64, ground: Float32) -> None:
        self.x, self.y = x, y
        self.ground = ground
        # a warped row or column lies between these
        self._left, self._right = x.min(axis=0), x.max(axis=0)
        self._top, self._bottom = y.min(axis=1), y.max(axis=1)
        shape = (len(ground), len(self._top), len(self._left))
        self.planes: Float32 = np.empty(shape, np.float32)
        self.planes[...] = ground[:, None, None]

    def window(self, box: Box) -> tuple[slice, slice] | None:
        """Rows and columns of the tile whose photosites may touch `box`; None if there are none."""
        left, top, right, bottom = box
        columns = np.flatnonzero((self._right + 0.5 > left) & (self._left - 0.5 < right))
        rows = np.flatnonzero((self._bottom + 0.5 > top) & (self._top - 0.5 < bottom))
        if not len(columns) or not len(rows):
            return None
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)

    def at(self, rows: slice, columns: slice) -> tuple[Float64, Float64]:
        """Positions of a part of the tile."""
        x = self.x[rows, columns] if self.x.shape[0] > 1 else self.x[:, columns]
        y = self.y[rows, columns] if self.y.shape[1] > 1 else self.y[rows]
        return x, y

    def rectangle(self, box: Box, value: Float32, under: Float32 | None = None) -> None:
        """Add a rectangle of `value` (C,) that lies wholly on flat `under` (C,), by default the ground."""
        window = self.window(box)
        if window is None:
            return
        share = self.share(*self.at(*window), box)
        for plane, one, other in zip(self.planes, value, self.ground if under is None else under, strict=True):
            plane[window] += (one - other) * share

    @staticmethod
    def share(x: Float64, y: Float64, box: Box) -> Float32:
        """Area of each photosite inside `box`, float32."""
        left, top, right, bottom = box
        across, down = interval(x, left, right), interval(y, top, bottom)
        return np.asarray(across.astype(np.float32) * down.astype(np.float32))

    def mix(self, window: tuple[slice, slice], share: Float32, values: Float32) -> None:
        """Cover part of the tile with `values` (C, h, w) or (C, 1, 1) to the extent `share` (h, w), float32."""
        for plane, value in zip(self.planes, values, strict=True):
            part = plane[window]
            part += share * (value - part)
