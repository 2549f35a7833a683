"""Scenes that are pictures: samples on a grid, brought to the photosites of any frame.

The picture fills the frame: scaled until it covers it, its middle in the middle of the frame, what is too wide or too
tall cut off. Beyond its edges its outermost samples go on. Where photosites are smaller than samples, samples are
interpolated at the photosites' centres; where they are larger, samples are averaged over each photosite's exact area
first.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np

from isp.values import frozen
from sensors.scenes.image_program import PAD, resample
from sensors.scenes.scene import Float32, Float64, Scene, Size
from sensors.spectrum import Light

_KEPT = 8
"""Projected pictures kept: those of the channels of one capture, twice."""


@dataclass(frozen=True)
class Placed:
    """A picture's planes on their way to a frame.

    Parameters
    ----------
    planes : (C, h + 2 PAD, w + 2 PAD) float32, outermost samples repeated
    step : samples per photosite
    start_x, start_y : position in samples (0 is the centre of the first) of the frame's top left corner
    """

    planes: Float32
    step: float
    start_x: float
    start_y: float


class ImageScene(Scene):
    """A picture of K materials.

    Parameters
    ----------
    name : of the scene
    samples : (K, h, w) float32, share of each material at each sample, >= 0
    factors : (K, 81) radiance factors of the materials
    smooth : interpolate by cubics (Catmull and Rom 1974; below 0 it is cut) instead of straight lines, which cannot
        overshoot beside lamps
    clipped : samples below 0 that were taken as 0
    emission : (K, 81) radiance of the materials [W m^-2 sr^-1 nm^-1] of a picture that shines by itself; the light on
        the scene then has no part in it, and `factors` are zero
    """

    def __init__(
        self,
        name: str,
        samples: Float32,
        factors: Float64,
        smooth: bool = True,
        emission: Float64 | None = None,
        clipped: int = 0,
    ) -> None:
        self.name = name
        self.samples = frozen(samples, np.float32)
        self.factors = frozen(factors) if emission is None else np.zeros_like(emission)
        self.smooth = smooth
        self.emission = emission
        self.clipped = clipped
        self._placed: OrderedDict[tuple[Size, tuple[int, ...], bytes], Placed] = OrderedDict()
        self._lock = Lock()

    def radiance(self, light: Light) -> Float64:
        return super().radiance(light) if self.emission is None else self.emission

    def paint(self, x: Float64, y: Float64, size: Size, table: Float32) -> Float32:
        placed = self.placed(size, table)
        return resample(placed.planes, x, y, (placed.step, placed.start_x, placed.start_y), self.smooth)

    def scale(self, size: Size) -> float:
        """Photosites per sample."""
        _, height, width = self.samples.shape
        return float(max(size[0] / width, size[1] / height))

    def placed(self, size: Size, table: Float32) -> Placed:
        """The picture as the C channels of `table` (K, C) see it, for a frame of `size`; kept for the next tile."""
        key = (size, table.shape, table.tobytes())
        with self._lock:
            if key in self._placed:
                self._placed.move_to_end(key)
                return self._placed[key]
            found = self._placed[key] = self._place(size, table)
            while len(self._placed) > _KEPT:
                self._placed.popitem(last=False)
            return found

    def _place(self, size: Size, table: Float32) -> Placed:
        count, height, width = self.samples.shape
        scale = self.scale(size)
        left, top = size[0] / 2 - width * scale / 2, size[1] / 2 - height * scale / 2
        planes = []
        first_x = first_y = 0
        for channel in range(table.shape[1]):
            # summed one by one: the order, and so the last bit, is the same on every machine
            plane = self.samples[0] * table[0, channel]
            for k in range(1, count):
                plane += self.samples[k] * table[k, channel]
            if scale < 1:
                plane, first_x = _averaged(plane, left, scale)
                turned, first_y = _averaged(np.ascontiguousarray(plane.T), top, scale)
                plane = np.ascontiguousarray(turned.T)
            planes.append(np.pad(plane, PAD, "edge"))
        stack = np.stack(planes)
        if scale < 1:
            return Placed(stack, 1.0, -first_x - 0.5, -first_y - 0.5)
        return Placed(stack, 1 / scale, -left / scale - 0.5, -top / scale - 0.5)


def _averaged(plane: Float32, start: float, scale: float) -> tuple[Float32, int]:
    """Means of the rows of `plane`, `scale` photosites to a sample from photosite `start`, over whole photosites.

    Returns
    -------
    (means, first)
        (h, n) float32, and the photosite that the first column is
    """
    width = plane.shape[1]
    first, stop = int(np.floor(start + 1e-9)), int(np.ceil(start + width * scale - 1e-9))
    edges = np.clip((np.arange(first, stop + 1) - start) / scale, 0.0, width)
    whole = np.minimum(edges.astype(np.int64), width - 1)
    part = edges - whole
    result = np.empty((plane.shape[0], stop - first), np.float32)
    for row in range(0, plane.shape[0], 256):
        block = plane[row : row + 256].astype(np.float64)
        area = np.zeros((block.shape[0], width + 1))
        np.cumsum(block, axis=1, out=area[:, 1:])
        upto = area[:, whole] + part * block[:, whole]
        result[row : row + 256] = np.diff(upto, axis=1) / np.diff(edges)
    return result, first
