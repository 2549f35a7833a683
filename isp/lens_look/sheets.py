"""Layers of a picture by how blurred they will be, and what is hidden behind the edges of those in front.

A layer is a range of thin-lens blur diameters; layers are numbered from near to far, 0 is in focus. Where neighbours
differ by `JUMP` layers or more, one hides the other; then the hidden one is continued behind it, in colour and layer,
as far as blur can uncover. Within less, surfaces are taken to be one, whose layers hide nothing of each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
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
EVENED = 12
"""Steps by which continued colour is evened."""
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
        return math.ceil(place) / place if place > 0 else 1.0

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
    hidden : (h, w) int16, the layer of what is hidden behind it; `NOTHING`
    behind : (3, h, w) float32, the light of that
    """

    cell: int
    offset: tuple[int, int]
    front: Int16
    reach: Int16
    hidden: Int16
    behind: Float32

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
        cells = [spot // self.cell for spot in spots]
        place = np.ix_(*cells)
        hidden = self.hidden[place]
        own = layer + np.int16(JUMP - 1)
        hides = hidden > own
        if not hides.any():
            return None
        front = self.front[place]
        reach = np.where(front > layer - JUMP, np.maximum(own, self.reach[place]), own)
        # light is asked for only where something hides it
        down, across = (np.flatnonzero(hides.any(axis=axis)) for axis in (1, 0))
        box = slice(int(down[0]), int(down[-1]) + 1), slice(int(across[0]), int(across[-1]) + 1)
        behind = np.zeros((3, *layer.shape), np.float32)
        for into, plane in zip(behind, self.behind, strict=True):
            part = smooth(plane, spots[0][box[0]], self.cell)
            into[box] = smooth(part.T, spots[1][box[1]], self.cell).T
        return reach, np.where(hides, hidden, np.int16(NOTHING)), behind


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
    hidden, behind = guess.continued(front, back, mean, known, steps)
    return Sheets(cell, offset, front, _one_surface(front, back, steps), hidden, behind)


def known(layer: Int16, hidden: Int16, behind: Float32, steps: int) -> Sheets:
    """What hides what in a picture of which is known what is hidden.

    Parameters
    ----------
    layer, hidden : (H, W) int16, of what shows and of what is next behind it
    behind : (H, W, 3) float32, its light
    steps : over how many pixels surfaces are followed
    """
    light = np.ascontiguousarray(np.moveaxis(behind, 2, 0), np.float32)
    return Sheets(1, (0, 0), layer, _one_surface(layer, layer, steps), hidden, light)


def smooth(plane: Float32, spots: Indices, cell: int) -> Float32:
    """Lines of a plane of cells at pixels, straight between the middles of cells."""
    if cell == 1:
        return plane[spots]
    at = np.clip((spots + np.float32(0.5)) / np.float32(cell) - np.float32(0.5), 0, len(plane) - 1)
    low = np.minimum(at.astype(np.intp), max(len(plane) - 2, 0))
    part = (at - low).astype(np.float32)[:, None]
    first, second = plane[low], plane[np.minimum(low + 1, len(plane) - 1)]
    return np.asarray(first + (second - first) * part)


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


def _continue(front: Int16, back: Int16, colour: Float32, steps: int) -> tuple[Int16, Float32]:
    """Layer and light of what is hidden: taken over from neighbours, cell by cell inwards from every edge."""
    mixed = back - front >= JUMP
    hidden = np.where(mixed, back, np.int16(NOTHING))
    behind = np.where(mixed, colour, np.float32(0))
    nearest = front + np.int16(JUMP)
    for _ in range(steps):
        # what a cell could show its neighbour: its own hidden thing, or else itself
        shows = np.where(hidden > NOTHING, hidden, back)
        offers = [np.where(o >= nearest, o, np.int16(NOTHING)) for o in _neighbours(shows, _SIDES + _CORNERS)]
        # the surface that most neighbours have; of equals the farther
        votes = [sum((abs(o - p) < JUMP).astype(np.int16) for p in offers) * (o > NOTHING) for o in offers]
        score = np.stack([v.astype(np.int32) * 65536 + o for v, o in zip(votes, offers, strict=True)])
        best = np.take_along_axis(np.stack(offers), score.argmax(axis=0)[None], 0)[0]
        new = (hidden == NOTHING) & (best > NOTHING)
        if not new.any():
            break
        light = np.where(hidden > NOTHING, behind, colour)
        total, count = np.zeros_like(behind), np.zeros(front.shape, np.float32)
        for offer, near in zip(offers, _neighbours(light, _SIDES + _CORNERS), strict=True):
            taken = (np.abs(offer - best) < JUMP) & (offer > NOTHING)
            total += np.where(taken, near, 0)
            count += taken
        hidden = np.where(new, best, hidden)
        behind = np.where(new, total / np.maximum(count, 1), behind)
    behind = _evened(hidden, mixed, behind)
    # beside them lies what can be seen, towards which they are interpolated
    return hidden, np.where(hidden > NOTHING, behind, colour)


def _evened(hidden: Int16, known: NDArray[np.bool_], behind: Float32) -> Float32:
    """What has been continued, without streaks: some steps towards the mean of the neighbours on the same surface."""
    same = [np.abs(n - hidden) < JUMP for n in _neighbours(hidden, _SIDES)]
    count = 1 + sum(s.astype(np.float32) for s in same)
    for _ in range(EVENED):
        total = behind + sum(np.where(s, n, 0) for s, n in zip(same, _neighbours(behind, _SIDES), strict=True))
        behind = np.where(known, behind, total / count)
    return behind


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
