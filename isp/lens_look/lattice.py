"""Cells of a picture: the layers that show in them, and where one thing hides another.

Two pixels side by side that differ by `JUMP` layers or more belong to different things, of which the nearer hides the
other. What changes by less from pixel to pixel is a slope, however many layers a cell of it spans, and hides nothing:
the light of a point at x reaches the sensor up to b(x) / 2 from there, b being its blur diameter, and as long as b'
is less than `FOLD` no point of the slope is seen through another from anywhere in the pupil. Edges that a depth map
has smeared over several pixels fold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from isp.lens_look.layers import JUMP, Int16, blur_about
from isp.lens_look.programs import run

FOLD = 2.0
"""Change of blur diameter from which on a slope hides itself [px per px]."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Lattice:
    """Cells of a picture.

    Parameters
    ----------
    cell : side of a cell [px]
    front, back : (h, w) int16, the nearest and the farthest layer in each
    within : (h, w) int16, the largest difference between pixels side by side in it
    right, below : (h, w) int16, that between it and the cells to its right and below it; 0 where there is none
    """

    cell: int
    front: Int16
    back: Int16
    within: Int16
    right: Int16
    below: Int16

    @classmethod
    def of(cls, layer: Int16, offset: tuple[int, int], cell: int) -> Lattice:
        """The cells of a picture (H, W) whose first pixel is at `offset` (row, column) from the first cell's corner."""
        shape = tuple(-(-(n + first) // cell) for n, first in zip(layer.shape, offset, strict=True))
        planes = np.empty((5, *shape), np.int16)
        place = np.array([offset[1], offset[0]], np.int32)
        run("cells", layer, place, np.zeros((cell, cell), np.float32), planes)
        return cls(cell, *planes)

    @cached_property
    def mixed(self) -> Flags:
        """(h, w) cells in which one thing hides another."""
        found = np.asarray(self.within >= JUMP)
        slope = (self.back - self.front >= JUMP) & ~found
        blur = [blur_about(plane[slope]) for plane in (self.front, self.back)]
        found[slope] = blur[1] - blur[0] >= FOLD * math.sqrt(2) * self.cell
        return found

    @cached_property
    def edges(self) -> Flags:
        """(h, w) cells in which, or between which and a cell beside them, one thing hides another."""
        found = self.mixed.copy()
        right, below = self.right[:, :-1] >= JUMP, self.below[:-1] >= JUMP
        for cells, jump in ((found[:, :-1], right), (found[:, 1:], right), (found[:-1], below), (found[1:], below)):
            cells |= jump
        return found

    @cached_property
    def surface(self) -> Int16:
        """(h, w) up to which layer what shows in a cell is of one surface with its nearest."""
        return np.where(self.mixed, self.front + np.int16(JUMP - 1), self.back)

    def reach(self, steps: int) -> Int16:
        """(h, w) the farthest layer reached without a jump from the nearest of each cell, over so many cells."""
        farthest = np.where(self.mixed, self.front, self.back)
        across, down = self._joined(1, self.right), self._joined(0, self.below)
        for _ in range(steps):
            best = farthest.copy()
            for axis, join in ((1, across), (0, down)):
                old, new = np.moveaxis(farthest, axis, 0), np.moveaxis(best, axis, 0)
                np.maximum(new[:-1], old[1:], out=new[:-1], where=join)
                np.maximum(new[1:], old[:-1], out=new[1:], where=join)
            if np.array_equal(best, farthest):
                break
            farthest = best
        return farthest

    def _joined(self, axis: int, step: Int16) -> Flags:
        """Whether the nearest of two cells side by side along an axis are of one surface."""
        front, mixed = np.moveaxis(self.front, axis, 0), np.moveaxis(self.mixed, axis, 0)
        between = np.moveaxis(step, axis, 0)
        slope = ~mixed[:-1] & ~mixed[1:] & (between[:-1] < JUMP)
        return np.asarray((np.abs(np.diff(front, axis=0)) < JUMP) | slope)
