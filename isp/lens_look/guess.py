"""What is hidden behind the edges of what is in front, guessed from both sides of it.

*Which surface.* From a cell rays go out along `LINES` lines until they come out from under what hides it. The two ends
of a line that lie on one surface span a chord of it; the shortest chord says what is hidden. Under a straight strip
that is exact for a straight edge between two surfaces: where it comes out on both sides it is joined by a straight
line, as no chord of one surface crosses a chord of the other.

*Its light.* The ends of all lines on that surface, each by the inverse of its distance: the transfinite mean value
interpolation of C. Dyken and M. Floater (Computer Aided Geometric Design 26, 2009). From there, steps towards the
surface of least third derivative (polyharmonic interpolation: J. Duchon, "Splines minimizing rotation-invariant
semi-norms in Sobolev spaces", 1977), by the Chebyshev semi-iteration (G. Golub and R. Varga, Numerische Mathematik 3,
1961): in gaps of a few cells they arrive and texture goes on; in wide ones what is smooth stays so.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.values import Float32

JUMP = 3
NOTHING = -16384
LINES = 16
"""Directions in which chords are looked for, of 180 degrees."""
ALONE = 16
"""A ray that comes out on one side only counts as a chord so many times as long."""
ORDER = 3
EVENED = 32
"""Steps towards the smoothest continuation."""
SPREAD = 1000.0
OFFSET = 0.02
CLIP = 0.25
DEEPER = 2
UNSURE = 1e-4

Int16 = NDArray[np.int16]
Array = NDArray[Any]


def continued(
    front: Int16, back: Int16, colour: Float32, known: NDArray[np.bool_], steps: int
) -> tuple[Int16, Float32]:
    """Layer and light of what is hidden.

    Parameters
    ----------
    front, back : (h, w) int16, the nearest and the farthest layer of each cell
    colour : (3, h, w) float32, the light of the farthest
    known : (h, w) bool, where that is free of what lies beside it
    steps : over how many cells hidden things are continued

    Returns
    -------
    (h, w) int16, `NOTHING` where nothing is hidden; (3, h, w) float32, what can be seen there
    """
    mixed = back - front >= JUMP
    hidden = np.where(mixed, back, np.int16(NOTHING))
    place = np.flatnonzero(_may_hide(front, back, steps) & ~mixed)
    ends, sources, length = _ends(front, back, known, place, steps)
    found, layers, taken = _surfaces(back, ends, length)
    place, sources = place[found], sources[:, found]
    hidden.ravel()[place] = layers
    # what is not known for sure counts where there is nothing else
    weight = np.where(taken, 1 / length[:, found], 0).astype(np.float32)
    weight *= np.where(known.ravel()[sources], np.float32(1), np.float32(UNSURE))
    tone = np.log(np.maximum(colour.reshape(3, -1), 0) + np.float32(OFFSET))
    mean, low, high = (np.empty((3, len(place)), np.float32) for _ in range(3))
    total = weight.sum(axis=0)
    sure = weight > 2 * np.float32(UNSURE) * weight.max(axis=0)
    for k, plane in enumerate(tone):
        seen = plane[sources]
        mean[k] = (weight * seen).sum(axis=0) / total
        low[k] = np.where(sure, seen, np.inf).min(axis=0)
        high[k] = np.where(sure, seen, -np.inf).max(axis=0)
    more = np.float32(CLIP) * (high - low)
    nodes, smooth = _smooth(back, hidden, known | mixed, tone, place, mean)
    smooth[:, : len(place)] = np.clip(smooth[:, : len(place)], low - more, high + more)
    behind = colour.reshape(3, -1).copy()
    # what is hidden comes last: it is what shows through
    behind[:, nodes[::-1]] = np.maximum(np.exp(smooth[:, ::-1]) - np.float32(OFFSET), 0)
    return hidden, behind.reshape(colour.shape)


def surfaces(front: Int16, back: Int16, place: Array, steps: int) -> tuple[Array, Int16]:
    """In which of some cells something is hidden, and its layer.

    Parameters
    ----------
    front, back : (h, w) int16, the nearest and the farthest layer of each cell
    place : (n,) indices of cells
    steps : over how many cells hidden things are continued

    Returns
    -------
    (m,) and (m,) int16
    """
    mixed = (back - front).ravel()[place] >= JUMP
    simple = place[~mixed]
    ends, _, length = _ends(front, back, np.ones(front.shape, bool), simple, steps)
    found, layers, _ = _surfaces(back, ends, length)
    return np.concatenate([place[mixed], simple[found]]), np.concatenate([back.ravel()[place[mixed]], layers])


def _may_hide(front: Int16, back: Int16, steps: int) -> NDArray[np.bool_]:
    """Cells that are within `steps` of a jump from something that is not nearer to something farther."""
    from scipy.ndimage import maximum_filter1d

    edge = back - front >= JUMP
    h, w = front.shape
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        one = np.s_[: h - dy, max(0, -dx) : w - max(0, dx)]
        other = np.s_[dy:, max(0, dx) : w + min(0, dx)]
        edge[one] |= back[other] - front[one] >= JUMP
        edge[other] |= back[one] - front[other] >= JUMP
    for axis in (0, 1):
        edge = maximum_filter1d(edge.view(np.uint8), 2 * steps + 1, axis=axis, mode="constant").view(bool)
    return edge


def _ends(
    front: Int16, back: Int16, known: NDArray[np.bool_], place: Array, steps: int
) -> tuple[Array, Array, Array]:
    """Where rays from cells come out, (2 LINES, n) cells, where the light there is taken from, and how far they go,
    infinite where they do not come out.
    """
    h, w = front.shape
    border = steps + DEEPER + 1
    near = np.pad(front, border, constant_values=NOTHING).ravel()
    far = np.pad(back, border, constant_values=NOTHING).ravel()
    clear = np.pad(known, border).ravel()
    width = w + 2 * border
    start = (place // w + border) * width + place % w + border
    wanted = near[start] + np.int16(JUMP)
    ends = np.zeros((2 * LINES, len(place)), np.intp)
    sources = np.zeros_like(ends)
    length = np.full((2 * LINES, len(place)), np.inf, np.float32)
    for k in range(2 * LINES):
        angle = math.pi * k / LINES
        dy, dx = math.sin(angle), math.cos(angle)
        most = max(abs(dy), abs(dx))
        dy, dx = dy / most, dx / most
        jumps = [round(t * dy) * width + round(t * dx) for t in range(steps + DEEPER + 1)]
        left, target, before = np.arange(len(place)), wanted, near[start]
        for t in range(1, steps + 1):
            at = start[left] + jumps[t]
            there = far[at]
            out = there >= target
            if out.any():
                hit = out & (there - before >= JUMP)
                rays, cells = left[hit], at[hit]
                ends[k, rays] = cells
                length[k, rays] = t * math.hypot(dy, dx)
                for more in range(1, DEEPER + 1):
                    onward = start[rays] + jumps[t + more]
                    pass_on = ~clear[cells] & (np.abs(far[onward] - far[cells]) < JUMP)
                    cells = np.where(pass_on, onward, cells)
                sources[k, rays] = cells
                on = ~out
                left, target, at = left[on], target[on], at[on]
            before = near[at]
    for cells in (ends, sources):
        rows, columns = np.divmod(cells, width)
        cells[:] = np.where(np.isfinite(length), (rows - border) * w + columns - border, 0)
    return ends, sources, length


def _surfaces(back: Int16, ends: Array, length: Array) -> tuple[Array, Int16, Array]:
    """Of which cells something is known, its layer, and the ends that lie on it."""
    n = LINES
    layer = back.ravel()[ends].astype(np.float32)
    layer[~np.isfinite(length)] = np.nan
    chord = np.where(np.abs(layer[:n] - layer[n:]) < JUMP, length[:n] + length[n:], np.inf)
    cost = np.concatenate([chord, np.float32(ALONE) * length])
    best = cost.argmin(axis=0)
    every = np.arange(cost.shape[1])
    found = np.isfinite(cost[best, every])
    k = np.where(best < n, best, best - n)
    a, b, p, q = layer[k, every], layer[(k + n) % (2 * n), every], length[k, every], length[(k + n) % (2 * n), every]
    with np.errstate(invalid="ignore"):
        chosen = np.where(best < n, np.rint((a * q + b * p) / (p + q)), a)
    layers = chosen[found].astype(np.int16)
    taken = np.abs(layer[:, found] - layers) < JUMP
    return found, layers, taken


def _smooth(
    back: Int16, hidden: Int16, known: NDArray[np.bool_], tone: Array, place: Array, mean: Array
) -> tuple[Array, Array]:
    """Cells (m,) and their values (3, m) that go on from what is known: hidden ones, of which there is a first guess,
    and ones that are seen but not known.
    """
    from scipy.ndimage import maximum_filter
    from scipy.sparse import csr_array

    shape = back.shape
    size = back.size
    under = np.zeros(size, bool)
    under[place] = True
    near = maximum_filter(under.reshape(shape).view(np.uint8), 2 * (ORDER + DEEPER) + 1, mode="constant").view(bool)
    near = near.ravel()
    unsure = np.flatnonzero(near & ~known.ravel())
    seen = np.concatenate([unsure, np.flatnonzero(near & known.ravel())])
    # nodes: hidden cells, and then cells that are seen, the unsure first
    ids = np.full((2, size), -1, np.int32)
    ids[0, place] = np.arange(len(place))
    ids[1, seen] = len(place) + np.arange(len(seen))
    ids = ids.reshape(2, *shape)
    layers = np.stack([hidden, back])
    rows, columns = [], []
    for axis in (1, 2):
        one, other = (np.moveaxis(a, axis, 0) for a in (ids, layers))
        pairs = {
            (i, j): (one[:-1, i] >= 0) & (one[1:, j] >= 0) & (np.abs(other[:-1, i] - other[1:, j]) < JUMP)
            for i in (0, 1) for j in (0, 1)
        }
        # a node goes on in one node of each neighbour
        straight = pairs[0, 0] | pairs[1, 1]
        for (i, j), joined in pairs.items():
            join = joined if i == j else joined & ~straight
            rows += [one[:-1, i][join], one[1:, j][join]]
            columns += [one[1:, j][join], one[:-1, i][join]]
    row, column = np.concatenate(rows), np.concatenate(columns)
    count = len(place) + len(seen)
    degree = np.bincount(row, minlength=count).astype(np.float32)
    row, column = np.concatenate([row, np.arange(count)]), np.concatenate([column, np.arange(count)])
    matrix = csr_array((np.concatenate([np.full(len(row) - count, -1, np.float32), degree]), (row, column)), (count, count))
    values = np.concatenate([mean.T, tone.T[seen]]).astype(np.float32)
    n = len(place) + len(unsure)
    if len(unsure):
        _spread(matrix, values, len(place), n)
    most = 8.0**ORDER
    least = most / SPREAD
    middle, half = (most + least) / 2, (most - least) / 2
    ratio = half / middle
    step = None
    for _ in range(EVENED):
        rest = values
        for _ in range(ORDER):
            rest = matrix @ rest
        if step is None:
            step = -rest[:n] / middle
        else:
            after = 1 / (2 * middle / half - ratio)
            step = (after * ratio) * step - (2 * after / half) * rest[:n]
            ratio = after
        values[:n] += step.astype(np.float32)
    return np.concatenate([place, unsure]), values[:n].T.copy()


def _spread(matrix: Any, values: Array, first: int, last: int) -> None:
    """Put means of what neighbours know into nodes `first` to `last`, from near to far."""
    there = np.ones((len(values), 1), np.float32)
    there[first:last] = 0
    part = matrix[first:last]
    own = np.asarray(part.diagonal(k=first))[:, None]
    for _ in range(DEEPER + 1):
        inside = there[first:last]
        count = own * inside - part @ there
        total = own * inside * values[first:last] - part @ (there * values)
        new = (inside == 0) & (count > 0)
        values[first:last] = np.where(new, total / np.maximum(count, 1), values[first:last])
        there[first:last] = np.where(new, 1, inside)
