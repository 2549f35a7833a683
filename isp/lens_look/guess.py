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
EVENED = 24
"""Steps towards the smoothest continuation."""
SPREAD = 512 / 1.3
OFFSET = 0.02

Int16 = NDArray[np.int16]
Array = NDArray[Any]


def continued(front: Int16, back: Int16, colour: Float32, steps: int) -> tuple[Int16, Float32]:
    """Layer and light of what is hidden.

    Parameters
    ----------
    front, back : (h, w) int16, the nearest and the farthest layer of each cell
    colour : (3, h, w) float32, the light of the farthest
    steps : over how many cells hidden things are continued

    Returns
    -------
    (h, w) int16, `NOTHING` where nothing is hidden; (3, h, w) float32, what can be seen there
    """
    mixed = back - front >= JUMP
    hidden = np.where(mixed, back, np.int16(NOTHING))
    place = np.flatnonzero(_may_hide(front, back, steps) & ~mixed)
    behind = colour.reshape(3, -1).copy()
    ends, length = _ends(front, back, place, steps)
    found, layers, taken = _surfaces(back, ends, length)
    place, ends, length = place[found], ends[:, found], length[:, found]
    hidden.ravel()[place] = layers
    weight = np.where(taken, 1 / length, 0).astype(np.float32)
    weight /= weight.sum(axis=0)
    tone = np.log(np.maximum(behind, 0) + np.float32(OFFSET))
    mean = np.stack([(weight * plane[ends]).sum(axis=0) for plane in tone])
    tone = _smooth(back, hidden, mixed, tone, place, mean)
    behind[:, place] = np.maximum(np.exp(tone) - np.float32(OFFSET), 0)
    return hidden, behind.reshape(colour.shape)


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


def _ends(front: Int16, back: Int16, place: Array, steps: int) -> tuple[Array, Array]:
    """Where rays from cells come out, (2 LINES, n) cells, and how far that is, infinite where they do not."""
    h, w = front.shape
    border = steps + 1
    near = np.pad(front, border, constant_values=np.int16(-32768))
    far = np.pad(back, border, constant_values=np.int16(-32768))
    width = w + 2 * border
    start = (place // w + border) * width + place % w + border
    near, far = near.ravel(), far.ravel()
    wanted = near[start] + np.int16(JUMP)
    ends = np.zeros((2 * LINES, len(place)), np.intp)
    length = np.full((2 * LINES, len(place)), np.inf, np.float32)
    for k in range(2 * LINES):
        angle = math.pi * k / LINES
        dy, dx = math.sin(angle), math.cos(angle)
        most = max(abs(dy), abs(dx))
        dy, dx = dy / most, dx / most
        left, target, before = np.arange(len(place)), wanted, near[start]
        for t in range(1, steps + 1):
            jump = round(t * dy) * width + round(t * dx)
            at = start[left] + jump
            there = far[at]
            out = there >= target
            if out.any():
                hit = out & (there - before >= JUMP)
                ends[k, left[hit]] = at[hit]
                length[k, left[hit]] = t * math.hypot(dy, dx)
                on = ~out
                left, target, at = left[on], target[on], at[on]
            before = near[at]
    rows, columns = np.divmod(ends, width)
    return np.where(np.isfinite(length), (rows - border) * w + columns - border, 0), length


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


def _smooth(back: Int16, hidden: Int16, mixed: Array, tone: Array, place: Array, mean: Array) -> Array:
    """Values (3, n) at hidden cells that go on from what is seen, from a first guess."""
    from scipy.ndimage import maximum_filter
    from scipy.sparse import csr_array

    shape = back.shape
    size = back.size
    under = np.zeros(size, bool)
    under[place] = True
    near = maximum_filter(under.reshape(shape).view(np.uint8), 2 * ORDER + 1, mode="constant").view(bool)
    seen = np.flatnonzero(near)
    # nodes: hidden cells, and then cells that are seen
    ids = np.full((2, size), -1, np.int32)
    ids[0, place] = np.arange(len(place))
    ids[1, seen] = len(place) + np.arange(len(seen))
    ids = ids.reshape(2, *shape)
    layers = np.stack([hidden, back])
    rows, columns = [], []
    for axis in (1, 2):
        one, other = (np.moveaxis(a, axis, 0) for a in (ids, layers))
        for i in (0, 1):
            for j in (0, 1):
                first, second = one[:-1, i], one[1:, j]
                join = (first >= 0) & (second >= 0) & (np.abs(other[:-1, i] - other[1:, j]) < JUMP)
                rows += [first[join], second[join]]
                columns += [second[join], first[join]]
    row, column = np.concatenate(rows), np.concatenate(columns)
    count = len(place) + len(seen)
    degree = np.bincount(row, minlength=count).astype(np.float32)
    row, column = np.concatenate([row, np.arange(count)]), np.concatenate([column, np.arange(count)])
    matrix = csr_array((np.concatenate([np.full(len(row) - count, -1, np.float32), degree]), (row, column)), (count, count))
    values = np.concatenate([mean.T, tone.T[seen]]).astype(np.float32)
    n = len(place)
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
    return values[:n].T
