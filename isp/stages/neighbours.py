"""The nearest sites of a pixel's own colour, as four pairs that face each other across it.

On a Bayer mosaic those of red and blue lie 2 px away along rows, columns and diagonals; green's diagonal ones 1 px. On
a CFA of k x k blocks of one colour a neighbour is the next pixel where that lies in the same block, and else the first
one behind the block of another colour, k + 1 px away; diagonally, green blocks touch. Neighbours at unequal distances
are weighted by linear interpolation between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isp.engine.graph import Expr, Graph, Image

DIRECTIONS = ((1, 0), (0, 1), (1, 1), (1, -1))


@dataclass(frozen=True)
class Pair:
    """Two neighbours of one colour on opposite sides, and their interpolation at the pixel between them."""

    ahead: Expr
    behind: Expr
    middle: Expr


def ring_reach(block: int, mono: bool = False) -> int:
    """How far the pairs lie from their pixel [px]."""
    return 1 if mono else block + 1


def pairs(graph: Graph, image: Image, *, mono: bool = False) -> list[Pair]:
    """The four pairs around a pixel of a mosaic, as expressions (coordinates `graph.x`, `graph.y`)."""
    import halide as hl

    x, y, k = graph.x, graph.y, graph.block

    def even(a: Expr, b: Expr) -> Pair:
        return Pair(a, b, (a + b) * hl.f32(0.5))

    if mono:
        return [even(image[x + i, y + j], image[x - i, y - j]) for i, j in DIRECTIONS]
    if k == 1:
        far = [(image[x + 2 * i, y + 2 * j], image[x - 2 * i, y - 2 * j]) for i, j in DIRECTIONS]
        near = [(image[x + i, y + j], image[x - i, y - j]) if i and j else None for i, j in DIRECTIONS]
        return [
            even(*f) if n is None else even(*(graph.by_site(a, b, b, a) for a, b in zip(f, n, strict=True)))
            for f, n in zip(far, near, strict=True)
        ]

    green = graph.by_site(hl.f32(0), hl.f32(1), hl.f32(1), hl.f32(0)) > hl.f32(0.5)

    def leaves(at: Expr, step: int) -> Expr:
        """True where one step leads out of the block."""
        return at % k == (k - 1 if step > 0 else 0)

    def neighbour(i: int, j: int) -> tuple[Expr, Expr]:
        """(value, distance) of the neighbour in direction (i, j)."""
        out_x, out_y = leaves(x, i), leaves(y, j)
        row = y + j * hl.select(out_y, k + 1, 1)
        beside, beyond = image[x + i, row] if i else image[x, row], image[x + i * (k + 1), row]
        value = hl.select(out_x, beyond, beside) if i else beside
        out = (out_x | out_y) if i and j else out_x if i else out_y
        if i and j:
            touching = green & out_x & out_y
            value = hl.select(touching, image[x + i, y + j], value)
            out = out & ~touching
        return value, hl.select(out, hl.f32(k + 1), hl.f32(1))

    result = []
    for i, j in DIRECTIONS:
        (a, to_a), (b, to_b) = neighbour(i, j), neighbour(-i, -j)
        result.append(Pair(a, b, (a * to_b + b * to_a) / (to_a + to_b)))
    return result
