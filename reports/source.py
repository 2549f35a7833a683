"""A picture of any size that is measured part by part: memory holds a part and a reduced copy, not 200 megapixels."""

from __future__ import annotations

import os
from functools import cached_property
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from isp.values import Float32, Float64, Picture, oriented
from reports.light import linear

IN_MEMORY = 30_000_000
"""Pixels up to which the picture stays in memory; larger ones wait in a temporary file."""
STRIP = 256
OVERVIEW = 1600
"""Longest side of the reduced copy [px]."""


def averaged(values: NDArray[Any], step: int) -> NDArray[Any]:
    """Means of `step` x `step` squares of (h, w) or (h, w, C); the sides are multiples of `step`."""
    height, width = values.shape[:2]
    # rows first: whole lines are added, which is what processors do fastest
    rows = np.add.reduce(values.reshape(height // step, step, -1), axis=1)
    columns = rows.reshape(height // step, width // step, step, *values.shape[2:])
    return np.asarray(np.add.reduce(columns, axis=2) / (step * step))


class Source:
    """A picture that gives parts of itself.

    Parameters
    ----------
    picture : Picture
        Upright or not: everything here is upright.

    Attributes
    ----------
    shape : (H, W) [px], upright
    space, transfer, referred : as of the picture; `camera` counts as sRGB's primaries
    dtype : of the codes
    """

    def __init__(self, picture: Picture) -> None:
        pixels = oriented(picture.pixels, picture.orientation)
        self.shape: tuple[int, int] = (pixels.shape[0], pixels.shape[1])
        self.space = "srgb" if picture.space == "camera" else picture.space
        self.transfer, self.referred, self.dtype = picture.transfer, picture.referred, pixels.dtype
        self.origin = picture.origin
        self._pixels: NDArray[Any] | None = None
        self._file: IO[bytes] | None = None
        if self.shape[0] * self.shape[1] <= IN_MEMORY:
            self._pixels = pixels
            return
        self._file = TemporaryFile(prefix="report-")  # noqa: SIM115 - lives as long as the source
        for top in range(0, self.shape[0], STRIP):
            self._file.write(np.ascontiguousarray(pixels[top : top + STRIP]).data)
        self._file.flush()

    def codes(self, top: int, left: int, height: int, width: int) -> NDArray[Any]:
        """(height, width, 3) pixels as they are; the part must lie inside."""
        if self._pixels is not None:
            return self._pixels[top : top + height, left : left + width]
        row = self.shape[1] * 3 * self.dtype.itemsize
        data = os.pread(self._file.fileno(), height * row, top * row)  # type: ignore[union-attr]
        return np.frombuffer(data, self.dtype).reshape(height, self.shape[1], 3)[:, left : left + width]

    def light(self, top: int, left: int, height: int, width: int) -> Float64:
        """(height, width, 3) linear RGB in the primaries of `space`."""
        return linear(self.codes(top, left, height, width), self.transfer, self.space)

    @cached_property
    def overview(self) -> tuple[Float32, int]:
        """Linear RGB reduced by a whole number (means of squares, the last ones cut off), and that number."""
        height, width = self.shape
        step = max(1, -(-max(height, width) // OVERVIEW))
        rows = max(step, STRIP // step * step)
        parts = []
        for top in range(0, height // step * step, rows):
            part = self.light(top, 0, min(rows, height // step * step - top), width // step * step)
            parts.append(averaged(part, step).astype(np.float32))
        return np.concatenate(parts), step
