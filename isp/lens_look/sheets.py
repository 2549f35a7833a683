"""What is hidden behind the edges of what is in front.

Where one thing hides another (`isp.lens_look.lattice`), the hidden one is continued behind it, in colour and layer, as
far as blur can uncover. What has no jump in it is one surface, whose layers hide nothing of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.lens_look.lattice import Lattice
from isp.lens_look.layers import JUMP, Int16
from isp.lens_look.programs import run
from isp.values import Float32

NOTHING = -16384
"""In place of a layer where nothing is hidden."""
FINER = 4
"""Into how many along each side cells are divided where an edge is hidden."""

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Sheets:
    """What is hidden in a picture, on a lattice of cells.

    Parameters
    ----------
    cell : side of a cell [px]
    offset : (row, column) of the picture's first pixel in its cell [px]
    surface : (h, w) int16, up to which layer what shows in a cell is of one surface with its nearest
    reach : (h, w) int16, the farthest layer of that surface
    behind : (3, h, w) float32, the light of what is hidden behind it, or else of the farthest that is seen
    shown : (h, w) int16, the layer of that
    meets : (h, w) bool, where it is another one than in some cell beside it
    fine : side of the cells of `hidden` [px], of which a cell holds a whole number
    hidden : int16, in finer cells, the layer of what is hidden; `NOTHING`
    """

    cell: int
    offset: tuple[int, int]
    surface: Int16
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
        run("hidden at", layer, self.surface, self.reach, self.hidden, *cells, *fine, limits, found)
        reach, hidden = found
        hides = hidden > NOTHING
        if not hides.any():
            return None
        box, places = [], []
        for spot, n in zip(spots, self.reach.shape, strict=True):
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
            _between(at, self.cell, n) for at, n in zip((rows, columns), self.reach.shape, strict=True)
        )
        total, weight = np.zeros((3, len(rows)), np.float32), np.zeros(len(rows), np.float32)

        def add(where: Indices, k: int, v: int, share: Float32) -> None:
            y, x = (
                np.clip(first[where] + step, 0, n - 1)
                for first, step, n in zip((low, left), (k, v), self.reach.shape, strict=True)
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

    cells = Lattice.of(layer, offset, cell)
    if not cells.edges.any():
        return None
    beyond = (cells.back - np.int16(JUMP)).astype(np.int16)
    place, box = np.array([offset[1], offset[0]], np.int32), np.zeros((cell, cell), np.float32)

    def colour(of: Int16) -> tuple[Float32, NDArray[np.bool_]]:
        sums = np.empty((4, *beyond.shape), np.float32)
        run("cell colour", light, of, beyond, place, box, sums)
        return sums[:3] / np.maximum(sums[3], 1), sums[3] > 0

    mean, known = colour(layer if sure is None else np.where(sure, layer, np.int16(NOTHING)))
    if not known.all():
        mean = np.where(known, mean, colour(layer)[0])
    hidden, behind = guess.continued(cells, mean, known, steps)
    shown = np.where(hidden > NOTHING, hidden, cells.back)
    near = [np.abs(n - shown) >= JUMP for n in _neighbours(shown)]
    fine, detail = _finer(layer, offset, cells, steps, hidden)
    meets = np.logical_or.reduce(near)
    return Sheets(cell, offset, cells.surface, cells.reach(steps), behind, shown, meets, fine, detail)


def _finer(layer: Int16, offset: tuple[int, int], cells: Lattice, steps: int, hidden: Int16) -> tuple[int, Int16]:
    """Side of finer cells, and the layers hidden in them, looked for anew where they change under one thing."""
    from isp.lens_look import guess

    if cells.cell == 1:
        return 1, hidden
    beside = zip(_neighbours(cells.front), _neighbours(hidden), strict=True)
    edge = np.logical_or.reduce(
        [(np.abs(f - cells.front) < JUMP) & (h > NOTHING) & (np.abs(h - hidden) >= JUMP) for f, h in beside]
    ) & (hidden > NOTHING)
    if not edge.any():
        return cells.cell, hidden
    times = min(cells.cell, FINER)
    fine = Lattice.of(layer, offset, cells.cell // times)
    detail, inside = (
        np.repeat(np.repeat(plane, times, 0), times, 1)[: fine.front.shape[0], : fine.front.shape[1]]
        for plane in (hidden, edge)
    )
    detail = np.ascontiguousarray(detail)
    found, layers = guess.surfaces(fine, np.flatnonzero(inside), steps * times)
    detail.ravel()[found] = layers
    return fine.cell, detail


def known(layer: Int16, hidden: Int16, behind: Float32, steps: int) -> Sheets:
    """What hides what in a picture of which is known what is hidden.

    Parameters
    ----------
    layer, hidden : (H, W) int16, of what shows and of what is next behind it
    behind : (H, W, 3) float32, its light
    steps : over how many pixels surfaces are followed
    """
    light = np.ascontiguousarray(np.moveaxis(behind, 2, 0), np.float32)
    reach = Lattice.of(layer, (0, 0), 1).reach(steps)
    return Sheets(1, (0, 0), layer, reach, light, hidden, np.zeros(layer.shape, bool), 1, hidden)


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


def _neighbours(plane: NDArray[Any]) -> list[NDArray[Any]]:
    """What lies on the eight sides of each cell, the edge repeated."""
    full = np.pad(plane, 1, mode="edge")
    h, w = plane.shape
    return [full[dy : dy + h, dx : dx + w] for dy, dx in product(range(3), repeat=2) if (dy, dx) != (1, 1)]
