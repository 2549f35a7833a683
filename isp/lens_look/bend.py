"""The lens's distortion: where each point of the picture comes from.

A point at the distance r from the optical axis comes from f(r) r, in the same direction; f is kept in a table over r².
Between pixels light is interpolated by the cubic convolution of R. G. Keys (IEEE Trans. ASSP 29
(1981) 1153, a = -1/2) within the range of the sixteen pixels that it takes: beside bright lights nothing gets darker
than what was there.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.engine.runtime import threads
from isp.lens_look.distance import ROWS
from isp.lens_look.programs import run
from isp.values import Float32, Float64

PLACES = 2048
"""Of the table, from the axis to the farthest pixel."""
LEAST = 0.05
"""Shift that is worth drawing [px]."""


@dataclass(frozen=True)
class Bend:
    """The distortion of a lens in a picture, which may be a part of a frame.

    Parameters
    ----------
    axis : (x, y) of the optical axis in the picture [px]
    corner : distance from it of the corners of the frame [px]
    factor : (PLACES,) float32, evenly over the squared distance
        Distance from the axis of what is to be seen at a place, relative to that of the place.
    """

    axis: tuple[float, float]
    corner: float
    factor: Float32

    @classmethod
    def of(
        cls, heights: Float64, stretch: Float64, axis: tuple[float, float], corner: float, shift: Float64 | None = None
    ) -> Bend | None:
        """The distortion that multiplies distances from the axis `heights` [px] by `stretch` and adds `shift` [px] to
        them; None if it is not seen.

        The picture is magnified so far that by `stretch` no place within `corner` [px] comes from farther away than it
        is. What comes from beyond the edge of the picture by `shift` is mirrored.

        Parameters
        ----------
        heights, stretch : (F,) from 0 on
        axis, corner : as they are kept
        shift : (F,), 0 by default
        """
        from scipy.interpolate import PchipInterpolator

        fine = np.linspace(0, heights[-1], PLACES)
        straight = fine * PchipInterpolator(heights, stretch)(fine)
        image = straight if shift is None else straight + PchipInterpolator(heights, shift)(fine)
        # past its field a lens may fold back
        falling = np.flatnonzero(np.diff(image) <= 0)
        end = int(falling[0]) + 1 if falling.size else PLACES
        fine, image, straight = fine[:end], image[:end], straight[:end]
        within = (fine > 0) & (fine <= corner)
        if np.abs(image - fine)[within].max(initial=0) < LEAST:
            return None
        zoom = max(float((fine[within] / straight[within]).max()), 1.0)
        place = _places(corner)
        factor = np.full(PLACES, fine[1] / image[1] / zoom)
        factor[1:] = np.interp(place[1:] / zoom, image, fine) / place[1:]
        return cls(axis, corner, factor.astype(np.float32))

    @property
    def moved(self) -> float:
        """How far anything is moved at most [px]."""
        return float(np.abs(_places(self.corner) * (self.factor - 1)).max())

    def light(self, light: Float32) -> Float32:
        """A picture (H, W, 3) through the lens."""
        light = np.ascontiguousarray(light)
        result = np.empty_like(light)
        place = np.array([*self.axis, (PLACES - 1) / self.corner**2], np.float32)
        run("bend", light, self.factor, place, result)
        return result

    def plane(self, plane: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
        """A companion plane (h, w) that shows the same as a picture of `shape`, by its nearest samples."""
        y, x = (
            ((np.arange(n) + 0.5) / n * size - 0.5 - start).astype(np.float32)
            for n, size, start in zip(plane.shape, shape, self.axis[::-1], strict=True)
        )
        result, step = np.empty_like(plane), (PLACES - 1) / self.corner**2

        def part(top: int) -> None:
            rows = y[top : top + ROWS, None]
            factor = self.factor[np.minimum((rows**2 + x**2) * step + 0.5, PLACES - 1).astype(np.intp)]
            row, column = (
                _inside(((v * factor + np.float32(start + 0.5)) * np.float32(n / size)).astype(np.intp), n)
                for v, start, size, n in zip((rows, x), self.axis[::-1], shape, plane.shape, strict=True)
            )
            result[top : top + ROWS] = plane[row, column]

        with ThreadPoolExecutor(threads()) as pool:
            for _ in pool.map(part, range(0, len(plane), ROWS)):
                pass
        return result


def _inside(index: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Indices of samples, mirrored at the edges."""
    return np.asarray(np.clip(size - 1 - np.abs(size - 1 - np.abs(index)), 0, size - 1))


def _places(corner: float) -> Float64:
    """Distances from the axis of the places of a table."""
    return np.sqrt(np.linspace(0, corner**2, PLACES))
