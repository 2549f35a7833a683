"""Known defects and phase-detect pixels: which pixels of the frame they are, and what is put in their place.

Defects are a list of positions or a mask over the frame; here one bit a pixel, 16 of them in a word (whole numbers that
float32 holds exactly), so that the map of 200 MP takes 50 MB. Phase-detect pixels are a pattern that repeats from the
frame's first pixel, with their response relative to their neighbours: they are divided by it, or replaced where it is
0. A known defect is replaced by the mean of the pairs of its neighbours that hold no other one, by the inverse square
of their differences, so that edges continue through it; without such a pair, by the mean of the neighbours that are
sound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.errors import InputError
from isp.stage import Context
from isp.stages.neighbours import Pair, pairs

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

MARGIN = 16
"""Pixels outside the frame for which the tables hold a mirrored position; more than any stage here reads [px]."""
_WORD = 16
_EVEN = 0.01
"""Difference between two neighbours below which a pair counts fully (white is 1): noise, not an edge."""


def map_words(positions: ArrayLike, mask: NDArray[Any] | None, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """(H, ceil(W / 16)) the map at one bit a pixel, the first pixel in the lowest bit.

    Parameters
    ----------
    positions : (n, 2)
        Columns and rows x, y of known defects, from the frame's first pixel.
    mask : (H, W) or None
        Not 0 where a defect is.
    shape : (H, W)

    Raises
    ------
    InputError
        A position outside the frame, or a mask of another size.
    """
    height, width = shape
    words: NDArray[np.uint16] = np.zeros((height, -(-width // _WORD)), np.uint16)
    if mask is not None:
        if mask.shape != shape:
            raise InputError(
                f"companion 'defects' is {mask.shape[1]}x{mask.shape[0]} pixels; it must be as large as the frame, "
                f"{width}x{height}"
            )
        for top in range(0, height, 256):
            bits = np.packbits(mask[top : top + 256] != 0, axis=1, bitorder="little")
            words.view(np.uint8)[top : top + 256, : bits.shape[1]] = bits
    x, y = np.asarray(positions, np.int64).reshape(-1, 2).T
    outside = (x < 0) | (x >= width) | (y < 0) | (y >= height)
    if outside.any():
        first = int(np.argmax(outside))
        raise InputError(
            f"defect_correction.map: position ({x[first]}, {y[first]}) is outside the frame; allowed: x "
            f"0..{width - 1}, y 0..{height - 1}"
        )
    np.bitwise_or.at(words, (y, x // _WORD), (1 << (x % _WORD)).astype(np.uint16))
    return words


def phase_pattern(sites: Sequence[Sequence[float]], period: Sequence[float]) -> NDArray[np.float64]:
    """(down, across) factor of each pixel of the period: 1 beside phase-detect pixels, 0 for those to be replaced."""
    across, down = (int(n) for n in period)
    factors = np.ones((down, across))
    for x, y, response in sites:
        factors[int(y), int(x)] = 1.0 / response if response > 0 else 0.0
    return factors


def place_arrays(context: Context) -> dict[str, NDArray[Any]]:
    """`columns` and `rows`: the frame's column (row) of each coordinate from -`MARGIN` on, mirrored outside of it."""
    from isp.engine.strips import mirrored

    tables = {}
    for name, size, phase in zip(("columns", "rows"), context.shape[::-1], context.phase, strict=True):
        at = np.arange(-MARGIN - phase, size + MARGIN, dtype=np.intp)
        tables[name] = mirrored(at, size, context.cfa.block, phase).astype(np.float64)
    return tables


def known_repaired(
    graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int], *, mono: bool
) -> Image:
    """`image` with known defects and phase-detect pixels replaced, as `structure` says which there are."""
    import halide as hl

    x, y = graph.x, graph.y

    def place(position: Expr, name: str) -> Expr:
        return hl.i32(arrays[name][hl.clamp(position + MARGIN, 0, arrays.length(name) - 1)])

    def entry(name: str, index: Expr) -> Expr:
        return arrays[name][hl.clamp(index, 0, arrays.length(name) - 1)]

    column, row = place(graph.column, "columns"), place(graph.row, "rows")
    here, bad = image[x, y], hl.f32(0)
    if structure["map"]:
        word = hl.i32(entry("map", row * hl.i32(arrays["words"][0]) + column // _WORD))
        bad = hl.f32((word >> (column % _WORD)) & 1)
    if structure["phase"]:
        across, down = (hl.i32(arrays["period"][i]) for i in range(2))
        factor = entry("phase", row % down * across + column % across)
        # what saturates stays saturated, and no more than that
        here = hl.select(factor > hl.f32(0), hl.min(here * factor, hl.max(here, hl.f32(1))), here)
        bad = hl.max(bad, hl.select(factor > hl.f32(0), hl.f32(0), hl.f32(1)))
    lit = graph.plane("lit", here, stored=True)
    marks = graph.plane("marks", bad, stored=True)
    values, spoiled = pairs(graph, lit, mono=mono), pairs(graph, marks, mono=mono)
    mended = hl.select(marks[x, y] > hl.f32(0.5), _mended(hl, lit[x, y], values, spoiled), lit[x, y])
    return graph.plane("mended", mended, stored=True, by_site=not mono)


def _mended(hl: Any, here: Expr, values: Sequence[Pair], spoiled: Sequence[Pair]) -> Expr:
    """The pairs' mean, by the inverse square of their differences; else the mean of single neighbours; else `here`."""
    from isp.engine.graph import tree_sum

    weights, total, count, single = [], [], [], []

    def sound(mark: Expr) -> Expr:
        return hl.select(mark > hl.f32(0.5), hl.f32(0), hl.f32(1))

    for value, mark in zip(values, spoiled, strict=True):
        difference = value.ahead - value.behind
        both = sound(hl.max(mark.ahead, mark.behind))
        weights.append(both / (difference * difference + hl.f32(_EVEN**2)))
        total.append(value.middle * weights[-1])
        for v, m in ((value.ahead, mark.ahead), (value.behind, mark.behind)):
            count.append(sound(m))
            single.append(v * count[-1])
    weight, singles = tree_sum(weights), tree_sum(count)
    alone = hl.select(singles > hl.f32(0), tree_sum(single) / hl.max(singles, hl.f32(1)), here)
    return hl.select(weight > hl.f32(0), tree_sum(total) / hl.max(weight, hl.f32(1e-20)), alone)
