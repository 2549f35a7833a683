"""Layers of a picture by how blurred they will be, and what is hidden behind the edges of those in front.

A layer is a range of thin-lens blur diameters; layers are numbered from near to far, 0 is in focus. Where neighbours
differ by `JUMP` layers or more, one hides the other: then the hidden one is continued behind it, in colour and layer,
as far as blur can uncover. Within less, surfaces are taken to be one, whose layers hide nothing of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.values import Float32

STEP = 0.75
"""Width of a layer near the focus [px of blur diameter]."""
RATIO = 0.03
"""Width of a layer far from it, relative to its blur."""
JUMP = 4
"""Layers from which on two neighbours belong to different things: 3 px or 12 % of blur."""
NOTHING = -32768
"""In place of a layer where nothing is hidden."""
EVENED = 12
"""Steps by which continued colour is evened."""
_BEND = STEP / RATIO

Int16 = NDArray[np.int16]


def layer_of(blur: Any) -> NDArray[np.int16]:
    """Number of the layer of a thin-lens blur diameter [px], negative in front of the focus."""
    size = np.abs(blur)
    far = _BEND / STEP + np.log(np.maximum(size, _BEND) / _BEND) / np.log1p(RATIO)
    return np.asarray(np.rint(np.copysign(np.where(size <= _BEND, size / STEP, far), blur)), np.int16)


def blur_of(layer: int) -> float:
    """Blur diameter in the middle of a layer [px]."""
    size, bend = abs(layer), _BEND / STEP
    blur = size * STEP if size <= bend else _BEND * (1 + RATIO) ** (size - bend)
    return float(np.copysign(blur, layer))


@dataclass(frozen=True)
class Sheets:
    """What a region shows, and what is hidden in it.

    Parameters
    ----------
    reach : (h, w) int16
        The farthest layer that is of one surface with what shows at a pixel.
    hidden : (h, w) int16
        Layer of what is hidden there; `NOTHING`.
    behind : (3, h, w) float32
        Its light.
    """

    reach: Int16
    hidden: Int16
    behind: Float32


def uncover(light: Float32, layer: Int16, cell: int, steps: int) -> Sheets | None:
    """What hides what in a region; None where nothing does.

    Parameters
    ----------
    light : (3, h, w) float32
    layer : (h, w) int16
    cell : h and w are multiples of it [px]: the lattice on which hidden things are continued
    steps : how many cells far
    """
    cells = _cells(layer, cell)
    front, back = cells.min(axis=(1, 3)), cells.max(axis=(1, 3))
    if not _jumps(front, back):
        return None
    colour = _back_colour(light, cells, back)
    hidden, behind = _continue(front, back, colour, steps)
    grown = _one_surface(front, back, steps)

    fine = _spread(hidden, cell)
    front_fine, grown_fine = _spread(front, cell), _spread(grown, cell)
    hides = fine.astype(np.int32) >= layer.astype(np.int32) + JUMP
    own = (layer + (JUMP - 1)).astype(np.int16)
    reach = np.where(layer < front_fine + JUMP, np.maximum(own, grown_fine), own)
    return Sheets(
        reach.astype(np.int16), np.where(hides, fine, np.int16(NOTHING)),
        np.ascontiguousarray(np.stack([_smooth(b, cell) for b in behind])),
    )


def _cells(plane: NDArray[Any], cell: int) -> NDArray[Any]:
    h, w = plane.shape
    return plane.reshape(h // cell, cell, w // cell, cell)


def _spread(plane: NDArray[Any], cell: int) -> NDArray[Any]:
    return plane if cell == 1 else np.repeat(np.repeat(plane, cell, 0), cell, 1)


def _smooth(plane: Float32, cell: int) -> Float32:
    """A plane of cells at every pixel, bilinear between the middles of cells."""
    if cell == 1:
        return plane
    for axis in (0, 1):
        line = np.moveaxis(plane, axis, 0)
        n = line.shape[0]
        at = np.clip((np.arange(n * cell) + 0.5) / cell - 0.5, 0, n - 1)
        low = np.minimum(at.astype(np.intp), max(n - 2, 0))
        part = (at - low).astype(np.float32).reshape(-1, *[1] * (line.ndim - 1))
        plane = np.moveaxis(line[low] + (line[np.minimum(low + 1, n - 1)] - line[low]) * part, 0, axis)
    return plane


def _jumps(front: Int16, back: Int16) -> bool:
    if (back - front >= JUMP).any():
        return True
    return any((np.abs(np.diff(front, axis=axis)) >= JUMP).any() for axis in (0, 1))


def _back_colour(light: Float32, cells: Int16, back: Int16) -> Float32:
    """(3, h, w) mean light of each cell's farthest surface."""
    far = cells > (back - JUMP)[:, None, :, None]
    count = far.sum(axis=(1, 3), dtype=np.float32)
    mask = far.astype(np.float32)
    return np.stack([(_cells(p, cells.shape[1]) * mask).sum(axis=(1, 3)) / count for p in light])


def _shifted(plane: NDArray[Any], axis: int, step: int) -> NDArray[Any]:
    """The neighbour's value along an axis, the edge repeated."""
    line = np.moveaxis(plane, axis, 0)
    moved = np.concatenate([line[:1], line[:-1]]) if step > 0 else np.concatenate([line[1:], line[-1:]])
    return np.moveaxis(moved, 0, axis)


_SIDES = ((-1, 1), (-1, -1), (-2, 1), (-2, -1))


def _continue(front: Int16, back: Int16, colour: Float32, steps: int) -> tuple[Int16, Float32]:
    """Layer and light of what is hidden: taken over from neighbours, cell by cell inwards from every edge."""
    mixed = back - front >= JUMP
    hidden = np.where(mixed, back, np.int16(NOTHING))
    behind = np.where(mixed, colour, np.float32(0))
    for _ in range(steps):
        # what a cell could show its neighbour: its own hidden thing, or else itself
        shows = np.where(hidden > NOTHING, hidden, back)
        light = np.where(hidden > NOTHING, behind, colour)
        nearest = front + JUMP
        offers = []
        for axis, step in _SIDES:
            offer = _shifted(shows, axis, step)
            offers.append(np.where(offer >= nearest, offer, np.int16(NOTHING)))
        best = np.maximum.reduce(offers)
        new = (hidden == NOTHING) & (best > NOTHING)
        if not new.any():
            break
        total, count = np.zeros_like(behind), np.zeros(front.shape, np.float32)
        for (axis, step), offer in zip(_SIDES, offers, strict=True):
            taken = (offer > best - JUMP) & (offer > NOTHING)
            total += np.where(taken, _shifted(light, axis, step), 0)
            count += taken
        hidden = np.where(new, best, hidden)
        behind = np.where(new, total / np.maximum(count, 1), behind)
    return hidden, _evened(hidden, mixed, behind)


def _evened(hidden: Int16, known: NDArray[np.bool_], behind: Float32) -> Float32:
    """What has been continued, without streaks: some steps towards the mean of the neighbours on the same surface."""
    for _ in range(EVENED):
        total, count = behind.copy(), np.ones(hidden.shape, np.float32)
        for axis, step in _SIDES:
            same = np.abs(_shifted(hidden, axis, step) - hidden) < JUMP
            total += np.where(same, _shifted(behind, axis, step), 0)
            count += same
        behind = np.where(known, behind, total / count)
    return behind


def _one_surface(front: Int16, back: Int16, steps: int) -> Int16:
    """The farthest layer that can be reached from each cell without a jump."""
    grown = np.where(back - front >= JUMP, front, back)
    for _ in range(steps):
        best = grown
        for axis, step in _SIDES:
            joined = np.abs(_shifted(front, axis, step) - front) < JUMP
            best = np.where(joined, np.maximum(best, _shifted(grown, axis, step)), best)
        if np.array_equal(best, grown):
            break
        grown = best
    return np.asarray(grown, np.int16)
