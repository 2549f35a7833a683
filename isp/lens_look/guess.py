"""What is hidden behind the edges of what is in front, guessed from all sides of it.

*Which surface.* From a cell rays go out along `LINES` lines until they come out from under what hides it. The two ends
of a line that lie on one surface span a chord of it, and the shortest chord says what is hidden. Under a straight strip
the two ends of an edge are so joined by a straight line: no chord of one surface crosses a chord of the other.

*Its light.* The mean of the ends on that surface, weighted by the inverse of their distance: transfinite mean value
interpolation (C. Dyken and M. Floater, Computer Aided Geometric Design 26, 2009). From there steps lead towards the
polyharmonic continuation, of least third derivatives (J. Duchon, "Splines minimizing rotation-invariant semi-norms in
Sobolev spaces", 1977), by the Chebyshev semi-iteration (G. Golub and R. Varga, Numerische Mathematik 3, 1961). Across
a few cells they arrive, and texture goes on; across many it stays smooth. All of this is in logarithms of light, so
that a lamp does not ring.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.lens_look.lattice import Flags, Lattice
from isp.lens_look.layers import JUMP, Int16
from isp.lens_look.programs import run
from isp.lens_look.ray_loops import DEEPER, LANES, packed
from isp.lens_look.sheets import NOTHING
from isp.values import Float32

LINES = 16
"""Directions in which chords are looked for, of 180 degrees."""
ALONE = 16
"""A ray that comes out on one side only counts as a chord so many times as long."""
UNSURE = np.float32(1e-4)
"""Weight of light that is not sure: it counts where there is no other."""
ORDER = 3
"""Of derivatives that are least; the operator is the graph's Laplacian to this power."""
EVENED, ROUGHLY = 48, 16
"""Steps towards the polyharmonic continuation: of pixels, and of means of cells, which are rough."""
FELT = 20
"""Cells from the end of a ray over which the steps carry more than 1e-4 of a difference."""
CONDITION = 2000.0
"""Ratio of eigenvalues that the steps are made for: that of a gap of six cells."""
BEYOND = 0.25
"""By how much continued pixels may leave the range of what is seen around, relative to it; means of cells may not."""
DARK = np.float32(0.02)
"""Added to light before its logarithm is taken, about the noise of shadows."""

Array = NDArray[Any]


def continued(cells: Lattice, colour: Float32, known: Flags, steps: int) -> tuple[Int16, Float32]:
    """Layer and light of what is hidden.

    Parameters
    ----------
    cells : what shows
    colour : (3, h, w) float32, the light of the farthest
    known : (h, w) bool, where that is free of what lies beside it
    steps : over how many cells hidden things are continued

    Returns
    -------
    (h, w) int16, `NOTHING` where nothing is hidden; (3, h, w) float32, the light of what is hidden or else of `back`
    """
    back, pixels = cells.back, cells.cell == 1
    hidden = np.where(cells.mixed, back, np.int16(NOTHING))
    place = np.flatnonzero(_grown(cells.edges, steps) & ~cells.mixed)
    ends, sources, length = _ends(cells, known, place, steps)
    found, layers, taken = _surfaces(back, ends, length)
    place, sources = place[found], sources[:, found]
    hidden.ravel()[place] = layers
    weight = np.where(taken, 1 / length[:, found], np.float32(0))
    weight *= np.where(known.ravel()[sources], np.float32(1), UNSURE)
    weight /= weight.sum(axis=0)
    counts = weight > UNSURE
    tone = np.log(np.maximum(colour.reshape(3, -1), 0) + DARK)
    mean, low, high = (np.empty((3, len(place)), np.float32) for _ in range(3))
    for k, plane in enumerate(tone):
        seen = plane[sources]
        mean[k] = (weight * seen).sum(axis=0)
        low[k] = np.where(counts, seen, np.float32(np.inf)).min(axis=0)
        high[k] = np.where(counts, seen, np.float32(-np.inf)).max(axis=0)
    more = np.float32(BEYOND * pixels) * (high - low)
    nodes, light = _polyharmonic(hidden, back, known, tone, place, mean, EVENED if pixels else ROUGHLY)
    count = len(place)
    light[:, :count] = np.clip(light[:, :count], low - more, high + more)
    behind = colour.reshape(3, -1).copy()
    # a cell that is both seen and hides something shows the latter
    for part in (slice(count, None), slice(count)):
        behind[:, nodes[part]] = np.maximum(np.exp(light[:, part]) - DARK, 0)
    return hidden, behind.reshape(colour.shape)


def surfaces(cells: Lattice, place: Array, steps: int) -> tuple[Array, Int16]:
    """In which of some cells something is hidden, and its layer.

    Parameters
    ----------
    cells : what shows
    place : (n,) indices of cells
    steps : over how many cells hidden things are continued

    Returns
    -------
    (m,) indices and (m,) int16
    """
    mixed = cells.mixed.ravel()[place]
    single = place[~mixed]
    ends, _, length = _ends(cells, np.ones(cells.front.shape, bool), single, steps)
    found, layers, _ = _surfaces(cells.back, ends, length)
    return np.concatenate([place[mixed], single[found]]), np.concatenate([cells.back.ravel()[place[mixed]], layers])


def _grown(flags: Flags, steps: int) -> Flags:
    """Cells no more than `steps` from one of those."""
    from scipy.ndimage import maximum_filter

    return np.asarray(maximum_filter(flags.view(np.uint8), 2 * steps + 1, mode="constant").view(bool))


def _ends(cells: Lattice, known: Flags, place: Array, steps: int) -> tuple[Array, Array, Array]:
    """Where rays from cells come out, (2 LINES, n) cells, where from there the light is taken, and how far it is to
    come out, infinite where they do not.
    """
    front = cells.front
    border = steps + DEEPER
    width = front.shape[1] + 2 * border
    # between cells of a diagonal step, the edge is in one beside them
    beside = _grown(cells.edges, 1)
    near, far = (np.pad(plane, border, constant_values=NOTHING) for plane in (front, cells.back))
    seen = packed(near, far, np.pad(beside, border)).ravel()
    sure = np.pad(known, border).ravel().view(np.uint8)
    rows, columns = np.divmod(place, front.shape[1])
    # what fills the last group, and the only one where all cells are mixed, begins at the first cell, from which no ray
    # leaves the border
    start = np.full(max(-(-len(place) // LANES), 1) * LANES, border * width + border, np.int32)
    start[: len(place)] = (rows + border) * width + columns + border
    angle = np.pi * np.arange(2 * LINES) / LINES
    unit = 1 / np.maximum(np.abs(np.sin(angle)), np.abs(np.cos(angle)))
    along = np.arange(border + 1) * unit[:, None]
    path = np.rint(along * np.sin(angle)[:, None]) * width + np.rint(along * np.cos(angle)[:, None])
    walks = np.empty((3, 2 * LINES, len(start)), np.int32)
    run("come out", seen, sure, start, path.astype(np.int32), np.array([JUMP], np.int32), walks)
    walks = walks[..., : len(place)]
    taken = walks[2] > 0
    length = np.where(taken, walks[2] * unit[:, None].astype(np.float32), np.float32(np.inf))
    rows, columns = np.divmod(walks[:2], width)
    ends, sources = np.where(taken, (rows - border) * front.shape[1] + columns - border, 0)
    return ends, sources, length


def _surfaces(back: Int16, ends: Array, length: Array) -> tuple[Array, Int16, Flags]:
    """Indices of the cells under which there is something, its layer, and which ends lie on that."""
    layer = np.where(np.isfinite(length), back.ravel()[ends].astype(np.float32), np.float32(np.nan))
    one, other = np.split(np.arange(2 * LINES), 2)
    chord = np.where(np.abs(layer[one] - layer[other]) < JUMP, length[one] + length[other], np.float32(np.inf))
    best = np.argmin(np.concatenate([chord, ALONE * length]), axis=0)
    line = best % LINES, np.arange(len(best))
    a, b, p, q = layer[one][line], layer[other][line], length[one][line], length[other][line]
    with np.errstate(invalid="ignore"):
        between = np.rint((a * q + b * p) / (p + q))
    chosen = np.where(best < LINES, between, layer[best - LINES, line[1]])
    found = np.flatnonzero(np.isfinite(chosen))
    layers = chosen[found].astype(np.int16)
    return found, layers, np.abs(layer[:, found] - layers) < JUMP


def _polyharmonic(
    hidden: Int16, back: Int16, known: Flags, tone: Array, place: Array, mean: Array, times: int
) -> tuple[Array, Array]:
    """Cells and their values (3, m) after some steps: those at `place`, that hide something, from the values `mean` on;
    and those close by of which what is seen is not known.
    """
    from scipy.sparse import csr_array

    under = np.zeros(back.shape, bool)
    under.ravel()[place] = True
    near = _grown(under, ORDER + DEEPER)
    unsure, sure = (np.flatnonzero(near & flags) for flags in (~known, known))
    nodes, free = np.concatenate([place, unsure, sure]), len(place) + len(unsure)
    number = np.full((2, back.size), -1, np.int32)
    number[0, place] = np.arange(len(place))
    number[1, nodes[len(place) :]] = np.arange(len(place), len(nodes))
    edges = list(_joined(number.reshape(2, *back.shape), np.stack([hidden, back])))
    one, other = (np.concatenate([edge[k] for edge in edges] + [edge[1 - k] for edge in edges]) for k in (0, 1))
    size = len(nodes), len(nodes)
    links = csr_array((np.ones(len(one), np.float32), (one, other)), size)
    degree = links.sum(axis=1).astype(np.float32)[:, None]
    values = np.ascontiguousarray(np.concatenate([mean, tone[:, nodes[len(place) :]]], axis=1).T, np.float32)
    _fill(links, degree, values, len(place), free)
    most = 8.0**ORDER
    middle, half = (most * (1 + sign / CONDITION) / 2 for sign in (1, -1))
    step, ratio = np.zeros((free, 3), np.float32), 0.0
    for k in range(times):
        rest = values
        for _ in range(ORDER):
            rest = degree * rest - links @ rest
        after = 1 / (2 * middle / half - ratio) if k else half / middle
        scale = 2 * after / half if k else 1 / middle
        step = np.float32(after * ratio) * step - np.float32(scale) * rest[:free]
        values[:free] += step
        ratio = after
    return nodes[:free], values[:free].T.copy()


def _joined(number: NDArray[np.int32], layer: Int16) -> Iterator[tuple[Array, Array]]:
    """Pairs of nodes side by side on one surface: number (2, h, w) of what is hidden and what is seen, or -1."""
    for axis in (1, 2):
        nodes, layers = np.moveaxis(number, axis, 0), np.moveaxis(layer, axis, 0)
        pairs = [
            (nodes[:-1, i], nodes[1:, j], np.abs(layers[:-1, i] - layers[1:, j]) < JUMP)
            for i, j in ((0, 0), (1, 1), (0, 1), (1, 0))
        ]
        # each goes on in one node of its neighbour
        straight = pairs[0][2] | pairs[1][2]
        for k, (one, other, same) in enumerate(pairs):
            join = (one >= 0) & (other >= 0) & (same if k < 2 else same & ~straight)
            yield one[join], other[join]


def _fill(links: Any, degree: Array, values: Array, first: int, last: int) -> None:
    """Replace the values of nodes `first` to `last` by means of their neighbours', inwards from what is known."""
    there = np.ones((len(values), 1), np.float32)
    there[first:last] = 0
    part = links[first:last]
    for _ in range(DEEPER + 1):
        count, total = part @ there, part @ (there * values)
        new = (there[first:last] == 0) & (count > 0)
        values[first:last] = np.where(new, total / np.maximum(count, 1), values[first:last])
        there[first:last] += new
