"""Dead leaves: overlapping disks of all sizes, a texture with the statistics of natural scenes.

Radii follow the power law r^-3, which makes the picture the same at all scales and its power spectrum fall with the
square of frequency (Lee, Mumford, Huang, "Occlusion models for natural images", IJCV 2001; as a test target Cao,
Guichard, Hornung, "Measuring texture sharpness of a digital camera", SPIE 7250, 2009, and IEC/ISO 19567-2).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import UsageError
from isp.values import frozen
from sensors.scenes.leaves_program import CELL, paint_cells
from sensors.scenes.materials import primaries
from sensors.scenes.options import check
from sensors.scenes.scene import Float32, Float64, Scene, Size

_LAYERS = 8.0
"""Mean number of disks over a point: exp(-8), three points in ten thousand, show the ground."""
_TOUCH = 0.75
"""A disk farther than this from a photosite's centre (or deeper inside) leaves no edge in it."""
_BEYOND = 0.1
"""The scene goes on outside the frame as far as a lens may look [frame heights]."""
_CHUNK = 1 << 19
"""Disks drawn at a time: bounds the scratch memory."""


@dataclass(frozen=True)
class Disks:
    """Disks from the front to the back: `place` (N, 3) float64 x, y, radius in frame heights; `rgb` (N, 3) float64."""

    place: Float64
    rgb: Float64


class DeadLeaves(Scene):
    """Disks of random grey or colour, each hiding those behind it.

    Sizes are fractions of the frame's height, so any resolution shows the same scene. Rims are straight lines within
    a photosite. Reflectances are mixed from `sensors.scenes.materials.primaries`.

    Parameters
    ----------
    seed : of everything random, 0..2^63 - 1
    colored : random colours instead of greys
    low, high : bounds of the (uniform) reflectances, 0..1; the default is centred on mid grey at moderate contrast
    smallest, largest : bounds of the radii, in frame heights, 0.0005..0.5 and 0.001..1

    Raises
    ------
    UsageError
        A value is out of its bounds.
    """

    def __init__(
        self,
        seed: int = 1,
        colored: bool = False,
        low: float = 0.05,
        high: float = 0.45,
        smallest: float = 0.0006,
        largest: float = 0.25,
    ) -> None:
        values = {"seed": seed, "colored": colored, "low": low, "high": high}
        check("dead-leaves", **values, smallest=smallest, largest=largest)
        if low > high or smallest >= largest:
            raise UsageError(
                f"scene dead-leaves: low={low:g} must be <= high={high:g}, smallest={smallest:g} < largest={largest:g}"
            )
        self.name = "dead-leaves"
        self.seed, self.colored = seed, colored
        self.low, self.high = low, high
        self.smallest, self.largest = smallest, largest
        self.factors = primaries()
        self._made: OrderedDict[float, Disks] = OrderedDict()
        self._lock = Lock()

    def disks(self, aspect: float) -> Disks:
        """All disks of a frame of width over height `aspect`."""
        with self._lock:
            found = self._made.get(aspect)
            if found is None:
                found = self._made[aspect] = self._draw(aspect)
                while len(self._made) > 2:
                    self._made.popitem(last=False)
            return found

    def _draw(self, aspect: float) -> Disks:
        small, large = self.smallest, self.largest
        margin = large + _BEYOND
        area = (aspect + 2 * margin) * (1 + 2 * margin)
        mean_area = 2 * math.pi * math.log(large / small) / (small**-2 - large**-2)
        count = round(_LAYERS * area / mean_area)
        generator = np.random.Generator(np.random.Philox(self.seed))
        places, colors = [], []
        for start in range(0, count, _CHUNK):
            share = generator.random((min(_CHUNK, count - start), 6 if self.colored else 4))
            x = share[:, 0] * (aspect + 2 * margin) - margin
            y = share[:, 1] * (1 + 2 * margin) - margin
            # the inverse of the distribution function of r^-3 within the bounds
            r = (small**-2 - share[:, 2] * (small**-2 - large**-2)) ** -0.5
            seen = r + _BEYOND
            kept = (x > -seen) & (x < aspect + seen) & (y > -seen) & (y < 1 + seen)
            places.append(np.stack([x[kept], y[kept], r[kept]], axis=1))
            colors.append(self.low + (self.high - self.low) * share[kept, 3:])
        place, rgb = np.concatenate(places), np.concatenate(colors)
        return Disks(frozen(place), frozen(np.broadcast_to(rgb, place.shape)))

    def paint(self, x: Float64, y: Float64, size: Size, table: Float32) -> Float32:
        width, height = size
        disks = self.disks(width / height)
        middle = (self.low + self.high) / 2
        ground = np.full(3, middle) @ table.astype(np.float64)
        near = np.flatnonzero(
            (np.abs(disks.place[:, 0] * height - (x.max() + x.min()) / 2) < reach(x) + disks.place[:, 2] * height)
            & (np.abs(disks.place[:, 1] * height - (y.max() + y.min()) / 2) < reach(y) + disks.place[:, 2] * height)
        )
        place = disks.place[near] * height
        # summed in a fixed order: a product of matrices may depend on how many rows it has
        mixed = disks.rgb[near, 0:1] * table[0] + disks.rgb[near, 1:2] * table[1] + disks.rgb[near, 2:3] * table[2]
        boxes = cell_boxes(x, y)
        return paint_cells(x, y, place, mixed.astype(np.float32), ground.astype(np.float32), *lists(place, *boxes))

    def regions(self, frame: tuple[int, int]) -> list[dict[str, Any]]:
        w, h = float(frame[0]), float(frame[1])
        dx, dy = 0.1 * w, 0.1 * h
        corners = [[dx, dy], [w - dx, dy], [w - dx, h - dy], [dx, h - dy]]
        return [{"name": "leaves", "kind": "texture", "corners": corners}]


def reach(positions: Float64) -> float:
    """Half the extent of `positions`, and what a photosite adds."""
    return float(positions.max() - positions.min()) / 2 + _TOUCH


def cell_boxes(x: Float64, y: Float64) -> tuple[Float64, Float64, Float64, Float64]:
    """Bounds of the positions in each cell of the tile: left, right (1 or rows, columns), top, bottom likewise."""
    parts = []
    for positions in (x, y):
        for bound in (np.minimum, np.maximum):
            found = positions
            for axis in (0, 1):
                found = bound.reduceat(found, np.arange(0, found.shape[axis], CELL), axis=axis)
            parts.append(found)
    return parts[0], parts[1], parts[2], parts[3]


def lists(
    place: Float64, left: Float64, right: Float64, top: Float64, bottom: Float64
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """For each cell the disks that show in it, from the front to the first that covers all of it.

    Returns
    -------
    (first, count, order)
        int32: `first` and `count` (rows, columns) are a cell's part of `order`, indices into `place`
    """
    rows, columns = max(left.shape[0], top.shape[0]), max(left.shape[1], top.shape[1])
    column_left, column_right = left.min(axis=0), right.max(axis=0)
    row_top, row_bottom = top.min(axis=1), bottom.max(axis=1)
    x, y, r = place.T
    # cells from the first whose end lies past the disk's start; a warp may bend rows, so their ends are made monotone
    c0 = np.searchsorted(np.maximum.accumulate(column_right), x - r - _TOUCH)
    c1 = np.searchsorted(np.minimum.accumulate(column_left[::-1])[::-1], x + r + _TOUCH)
    r0 = np.searchsorted(np.maximum.accumulate(row_bottom), y - r - _TOUCH)
    r1 = np.searchsorted(np.minimum.accumulate(row_top[::-1])[::-1], y + r + _TOUCH)
    wide, tall = np.maximum(c1 - c0, 0), np.maximum(r1 - r0, 0)
    each = wide * tall
    disk = np.repeat(np.arange(len(place)), each)
    step = np.arange(len(disk)) - np.repeat(np.cumsum(each) - each, each)
    row = r0[disk] + step // wide[disk]
    column = c0[disk] + step % wide[disk]
    bounds = [np.broadcast_to(b, (rows, columns))[row, column] for b in (left, right, top, bottom)]
    px, py, pr = x[disk], y[disk], r[disk]
    gap_x = np.maximum(np.maximum(bounds[0] - px, px - bounds[1]), 0.0)
    gap_y = np.maximum(np.maximum(bounds[2] - py, py - bounds[3]), 0.0)
    touches = gap_x * gap_x + gap_y * gap_y < (pr + _TOUCH) ** 2
    far_x = np.maximum(np.abs(bounds[0] - px), np.abs(bounds[1] - px))
    far_y = np.maximum(np.abs(bounds[2] - py), np.abs(bounds[3] - py))
    covers = np.sqrt(far_x * far_x + far_y * far_y) < pr - _TOUCH
    disk, cell, covers = disk[touches], (row * columns + column)[touches], covers[touches]
    by_cell = np.argsort(cell, kind="stable")
    disk, cell, covers = disk[by_cell], cell[by_cell], covers[by_cell]
    covered = np.cumsum(covers) - covers
    start = np.searchsorted(cell, np.arange(rows * columns))
    before = np.append(covered, covered[-1] if len(covered) else 0)[start]
    shown = covered == before[cell]
    order = np.append(disk[shown], 0).astype(np.int32)
    count = np.bincount(cell[shown], minlength=rows * columns).astype(np.int32)
    first = (np.cumsum(count) - count).astype(np.int32)
    return first.reshape(rows, columns), count.reshape(rows, columns), order
