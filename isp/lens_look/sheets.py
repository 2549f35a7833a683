"""Layers of a picture by how blurred they will be, and what is hidden behind the edges of those in front.

A layer is a range of thin-lens blur diameters; layers are numbered from near to far, 0 is in focus. Where neighbours
differ by `JUMP` layers or more, one hides the other; then the hidden one is continued behind it, in colour and layer,
as far as blur can uncover. Within less, surfaces are taken to be one, whose layers hide nothing of each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.lens_look.programs import run
from isp.values import Float32

STEP = 1.0
"""Width of a layer near the focus [px of blur diameter]."""
RATIO = 0.04
"""Width of a layer far from it, relative to its blur."""
JUMP = 3
"""Layers from which on two neighbours belong to different things: 3 px or 12 % of blur."""
NOTHING = -16384
"""In place of a layer where nothing is hidden."""
FINER = 4
"""Into how many along each side cells are divided where an edge is hidden."""
BEND = round(1 / RATIO)
"""The last layer of constant width."""

Int16 = NDArray[np.int16]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Layers:
    """Numbers of layers and their blur; what is infinitely far lies in the middle of its layer.

    Parameters
    ----------
    infinity : thin-lens blur diameter of what is infinitely far [px]
    """

    infinity: float

    @property
    def _stretch(self) -> float:
        place = float(_place(np.asarray(self.infinity, np.float64)))
        # of what is as good as in focus, there is none to speak of
        return math.ceil(place) / place if place > 0.5 else 1.0

    def of(self, blur: Any) -> Int16:
        """Numbers of the layers of thin-lens blur diameters [px], negative in front of the focus."""
        size = np.asarray(blur)
        return np.asarray(np.rint(np.copysign(_place(np.abs(size)) * size.dtype.type(self._stretch), size)), np.int16)

    def blur(self, layer: int) -> float:
        """Blur diameter in the middle of a layer [px]."""
        place = abs(layer) / self._stretch
        size = place * STEP if place <= BEND else BEND * STEP * (1 + RATIO) ** (place - BEND)
        return math.copysign(size, layer)


def _place(size: NDArray[Any]) -> NDArray[Any]:
    """Layers up to a blur diameter [px]."""
    bend = BEND * STEP
    far = np.log(np.maximum(size, bend) / bend) / math.log1p(RATIO)
    return np.asarray(np.minimum(size, bend) / STEP + far)


@dataclass(frozen=True)
class Sheets:
    """What is hidden in a picture, on a lattice of cells.

    Parameters
    ----------
    cell : side of a cell [px]
    offset : (row, column) of the picture's first pixel in its cell [px]
    front : (h, w) int16, the nearest layer in each cell
    reach : (h, w) int16, the farthest layer that is of one surface with it
    behind : (3, h, w) float32, the light of what is hidden behind it, or else of the farthest that is seen
    shown : (h, w) int16, the layer of that
    meets : (h, w) bool, where it is another one than in some cell beside it
    fine : side of the cells of `hidden` [px], of which a cell holds a whole number
    hidden : int16, in finer cells, the layer of what is hidden; `NOTHING`
    """

    cell: int
    offset: tuple[int, int]
    front: Int16
    reach: Int16
    behind: Float32
    shown: Int16
    meets: NDArray[np.bool_]
    fine: int
    hidden: Int16

    def at(self, layer: Int16, rows: Indices, columns: Indices) -> tuple[Int16, Int16, Float32] | None:
        """At pixels: the farthest layer of one surface with what shows there, the hidden layer, and its light.

        Parameters
        ----------
        layer : (m, n) int16, what shows
        rows, columns : (m,) and (n,), where [px of the picture]

        Returns
        -------
        (m, n) int16, (m, n) int16, (3, m, n) float32; None where nothing is hidden
        """
        spots = [index + first for index, first in zip((rows, columns), self.offset, strict=True)]
        cells, fine = ([(spot // side).astype(np.int32) for spot in spots] for side in (self.cell, self.fine))
        found = np.empty((2, *layer.shape), np.int16)
        limits = np.array([JUMP, NOTHING], np.int16)
        run("hidden at", layer, self.front, self.reach, self.hidden, *cells, *fine, limits, found)
        reach, hidden = found
        hides = hidden > NOTHING
        if not hides.any():
            return None
        box, places = [], []
        for spot, n in zip(spots, self.front.shape, strict=True):
            low, share = _between(spot, self.cell, n)
            first = int(low.min())
            box.append(slice(first, int(low.max()) + 2))
            places += [(low - first).astype(np.int32), share]
        behind = np.empty((3, *layer.shape), np.float32)
        run("behind at", self.behind[:, *box], *places, behind)
        if self.cell > 1:
            y, x = np.nonzero(hides)
            several = self.meets[cells[0][y], cells[1][x]]
            y, x = y[several], x[several]
            behind[:, y, x] = self._alike(spots[0][y], spots[1][x], hidden[y, x])
        return reach, hidden, behind

    def _alike(self, rows: Indices, columns: Indices, layer: Int16) -> Float32:
        """(3, n) light at single pixels, straight between cells of a layer; of others if there are none."""
        (low, down), (left, across) = (
            _between(at, self.cell, n) for at, n in zip((rows, columns), self.front.shape, strict=True)
        )
        total, weight = np.zeros((3, len(rows)), np.float32), np.zeros(len(rows), np.float32)

        def add(where: Indices, k: int, v: int, share: Float32) -> None:
            y, x = (
                np.clip(first[where] + step, 0, n - 1)
                for first, step, n in zip((low, left), (k, v), self.front.shape, strict=True)
            )
            share = np.where(np.abs(self.shown[y, x] - layer[where]) < JUMP, share, np.float32(1e-6))
            total[:, where] += share * self.behind[:, y, x]
            weight[where] += share

        for k, v in product((0, 1), repeat=2):
            add(np.arange(len(rows)), k, v, (down if k else 1 - down) * (across if v else 1 - across))
        lost = np.flatnonzero(weight < 1e-5)
        for k, v in product((-1, 0, 1, 2), repeat=2):
            add(lost, k, v, np.ones(len(lost), np.float32))
        return np.asarray(total / weight)


def uncover(
    light: Float32, layer: Int16, offset: tuple[int, int], cell: int, steps: int, sure: NDArray[np.bool_] | None = None
) -> Sheets | None:
    """What hides what in a picture; None where nothing does.

    Parameters
    ----------
    light : (H, W, 3) float32
    layer : (H, W) int16
    offset : (row, column) of the first pixel in the lattice of cells, below `cell`
    cell : side of a cell [px]
    steps : over how many cells hidden things are continued
    sure : (H, W) bool, pixels that hold no light of what lies beside them; all by default
    """
    from isp.lens_look import guess

    shape = tuple(-(-(n + first) // cell) for n, first in zip(layer.shape, offset, strict=True))
    place = np.array([offset[1], offset[0]], np.int32)
    box = np.zeros((cell, cell), np.float32)
    ends = np.empty((2, *shape), np.int16)
    run("cells", layer, place, box, ends)
    front, back = ends
    if not _jumps(front, back):
        return None
    beyond = (back - np.int16(JUMP)).astype(np.int16)

    def colour(of: Int16) -> tuple[Float32, NDArray[np.bool_]]:
        sums = np.empty((4, *shape), np.float32)
        run("cell colour", light, of, beyond, place, box, sums)
        return sums[:3] / np.maximum(sums[3], 1), sums[3] > 0

    mean, known = colour(layer if sure is None else np.where(sure, layer, np.int16(NOTHING)))
    if not known.all():
        mean = np.where(known, mean, colour(layer)[0])
    hidden, behind = guess.continued(front, back, mean, known, steps, cell == 1)
    shown = np.where(hidden > NOTHING, hidden, back)
    near = [np.abs(n - shown) >= JUMP for n in _neighbours(shown, _SIDES + _CORNERS)]
    fine, detail = _finer(layer, place, cell, steps, front, hidden)
    reach = _one_surface(front, back, steps)
    return Sheets(cell, offset, front, reach, behind, shown, np.logical_or.reduce(near), fine, detail)


def _finer(
    layer: Int16, place: NDArray[np.int32], cell: int, steps: int, front: Int16, hidden: Int16
) -> tuple[int, Int16]:
    """Side of finer cells, and the layers hidden in them, looked for anew where they change under one thing."""
    from isp.lens_look import guess

    if cell == 1:
        return cell, hidden
    beside = zip(_neighbours(front, _SIDES + _CORNERS), _neighbours(hidden, _SIDES + _CORNERS), strict=True)
    edge = np.logical_or.reduce(
        [(np.abs(f - front) < JUMP) & (h > NOTHING) & (np.abs(h - hidden) >= JUMP) for f, h in beside]
    ) & (hidden > NOTHING)
    if not edge.any():
        return cell, hidden
    times = min(cell, FINER)
    fine = cell // times
    ends = np.empty((2, front.shape[0] * times, front.shape[1] * times), np.int16)
    run("cells", layer, place, np.zeros((fine, fine), np.float32), ends)
    detail, inside = (np.repeat(np.repeat(plane, times, 0), times, 1) for plane in (hidden, edge))
    found, layers = guess.surfaces(ends[0], ends[1], np.flatnonzero(inside), steps * times)
    detail.ravel()[found] = layers
    return fine, detail


def known(layer: Int16, hidden: Int16, behind: Float32, steps: int) -> Sheets:
    """What hides what in a picture of which is known what is hidden.

    Parameters
    ----------
    layer, hidden : (H, W) int16, of what shows and of what is next behind it
    behind : (H, W, 3) float32, its light
    steps : over how many pixels surfaces are followed
    """
    light = np.ascontiguousarray(np.moveaxis(behind, 2, 0), np.float32)
    surface = _one_surface(layer, layer, steps)
    return Sheets(1, (0, 0), layer, surface, light, hidden, np.zeros(layer.shape, bool), 1, hidden)


def smooth(plane: Float32, spots: Indices, cell: int) -> Float32:
    """Lines of a plane of cells at pixels, straight between the middles of cells."""
    if cell == 1:
        return plane[spots]
    low, part = _between(spots, cell, len(plane))
    first, second = plane[low], plane[np.minimum(low + 1, len(plane) - 1)]
    return np.asarray(first + (second - first) * part[:, None])


def _between(spots: Indices, cell: int, count: int) -> tuple[Indices, Float32]:
    """Between the middles of which of `count` cells pixels lie: the first, and how far towards the second."""
    at = np.clip((spots + np.float32(0.5)) / np.float32(cell) - np.float32(0.5), 0, count - 1)
    low = np.minimum(at.astype(np.intp), max(count - 2, 0))
    return low, (at - low).astype(np.float32)


def _jumps(front: Int16, back: Int16) -> bool:
    if (back - front >= JUMP).any():
        return True
    return any((np.abs(np.diff(front, axis=axis)) >= JUMP).any() for axis in (0, 1))


def _neighbours(plane: NDArray[Any], sides: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
    """What lies to `sides` (rows, columns) of each cell of the last two axes, the edge repeated."""
    full = np.pad(plane, [(0, 0)] * (plane.ndim - 2) + [(1, 1), (1, 1)], mode="edge")
    h, w = plane.shape[-2:]
    return [full[..., 1 + dy : 1 + dy + h, 1 + dx : 1 + dx + w] for dy, dx in sides]


_SIDES = ((0, -1), (0, 1), (-1, 0), (1, 0))
_CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))


def _one_surface(front: Int16, back: Int16, steps: int) -> Int16:
    """The farthest layer that can be reached from each cell without a jump."""
    grown = np.where(back - front >= JUMP, front, back)
    joined = [np.abs(n - front) < JUMP for n in _neighbours(front, _SIDES)]
    for _ in range(steps):
        best = grown
        for join, near in zip(joined, _neighbours(grown, _SIDES), strict=True):
            best = np.where(join, np.maximum(best, near), best)
        if np.array_equal(best, grown):
            break
        grown = best
    return np.asarray(grown, np.int16)
