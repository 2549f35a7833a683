"""Layers of a tile laid one behind another, square by square.

Neighbours that are rendered in pixels of one size are laid in these, then all of them behind what is nearer, in the
pixels of the finest layer that reaches the square: to be hidden is to be multiplied, so it can be done in any order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from isp.lens_look.blocks import Layer, Span
from isp.lens_look.layer_loops import SEEN
from isp.lens_look.programs import run
from isp.lens_look.squares import SQUARE, Flags
from isp.values import Float32

Spans = tuple[Span, Span]


@dataclass(frozen=True)
class Batch:
    """Squares of a tile whose layers have pixels of the same sizes, from near to far.

    Parameters
    ----------
    squares : (n, 2) their rows and columns
    runs : size of the pixels of each run of layers, and (n, layers) bool, which layers those are in each square
    """

    squares: NDArray[np.intp]
    runs: tuple[tuple[int, Flags], ...]

    @property
    def factor(self) -> int:
        """Size of the finest pixels [px]."""
        return min(factor for factor, _ in self.runs)

    def nothing(self, factor: int) -> Float32:
        """(n, SEEN, h, w) nothing seen yet, in pixels of a size: the square, if they are coarse with one around it."""
        seen = np.zeros((len(self.squares), SEEN, *self.shape(factor)), np.float32)
        seen[:, 6:9] = 1
        return seen

    def shape(self, factor: int) -> Span:
        """Of a square in pixels of a size."""
        side = SQUARE // factor + 2 * (factor > 1)
        return side, side


def batches(layers: Sequence[Layer], reached: NDArray[np.bool_], where: Flags) -> list[Batch]:
    """The squares in `where`.

    Parameters
    ----------
    layers : from near to far
    reached : (layers, count, count) which squares each reaches
    where : (count, count)
    """
    factors = np.array([layer.blocks.factor for layer in layers])
    alike: dict[tuple[int, ...], list[tuple[Span, list[list[int]]]]] = {}
    for row, column in np.argwhere(where):
        here = np.flatnonzero(reached[:, row, column])
        runs = [(int(factor), [int(k) for k in numbers]) for factor, numbers in groupby(here, key=lambda k: factors[k])]
        key = tuple(factor for factor, _ in runs)
        alike.setdefault(key, []).append(((row, column), [numbers for _, numbers in runs]))
    found = []
    for key, members in alike.items():
        flags = np.zeros((len(key), len(members), len(layers)), bool)
        for n, (_, held) in enumerate(members):
            for k, numbers in enumerate(held):
                flags[k, n, numbers] = True
        found.append(Batch(np.array([square for square, _ in members]), tuple(zip(key, flags, strict=True))))
    return found


class Stack:
    """Layers of a tile gathered for a part of the pupil.

    Parameters
    ----------
    layers : from near to far
    spans : of each the rows and columns of blocks that are asked for; None if it is not
    parts, part : the pupil is divided into parts x parts, of which this is one
    """

    def __init__(self, layers: Sequence[Layer], spans: Sequence[Spans | None], parts: int, part: int) -> None:
        self._parts = parts
        sizes = [
            (7 + 4 * layer.divided(parts), *layer.size(span)) if span else (0, 0, 0)
            for layer, span in zip(layers, spans, strict=True)
        ]
        # the share of what is not divided is 1
        ones = max((math.prod(size[1:]) for size in sizes), default=0) * (parts > 1)
        starts = np.cumsum([ones, *(math.prod(size) for size in sizes)])
        self._planes = np.zeros(starts[-1], np.float32)
        self._planes[:ones] = 1
        self._records = np.zeros((len(layers), 7), np.int32)
        self._weights = np.ones(len(layers), np.float32)
        for k, (layer, span, (planes, height, width)) in enumerate(zip(layers, spans, sizes, strict=True)):
            if not span:
                continue
            into = self._planes[starts[k] : starts[k + 1]].reshape(planes, height, width)
            top, left = (first * layer.blocks.side for first, _ in span)
            self._records[k, :5] = starts[k], height * width, width, left, top
            if layer.divided(parts):
                layer.gather_part(span, parts, part, into)
                self._records[k, 5:] = starts[k] + 7 * height * width, height * width
            else:
                layer.gather(span, into)
                self._weights[k] = 1 / parts**2

    def look(self, before: Float32, batch: Batch, hides: Flags) -> Float32:
        """(n, 6, h, w) light and coverage seen of squares, in which things hide each other or not, and those `before`.

        What the layers leave is taken to be like the farthest: of what is hidden twice nothing is known.
        """
        seen = batch.nothing(batch.factor)
        for factor, flags in batch.runs:
            if factor == batch.factor:
                seen = self._composed(seen, batch, factor, flags, hides)
                continue
            group = self._composed(batch.nothing(factor), batch, factor, flags, hides)
            ratio = batch.factor / factor
            place = np.array([ratio, (0.5 - (batch.factor > 1)) * ratio + 0.5], np.float32)
            nearer, seen = seen, np.empty_like(seen)
            run("lay", nearer, group, place, seen)
        result = np.empty_like(before)
        run("close", seen, before, hides[*batch.squares.T] / np.float32(self._parts**2), result)
        return result

    def _composed(self, seen: Float32, batch: Batch, factor: int, flags: Flags, hides: Flags) -> Float32:
        used = np.flatnonzero(flags.any(axis=0))
        rows, columns = batch.squares.T
        squares = np.stack([columns * SQUARE // factor, rows * SQUARE // factor, hides[rows, columns]], axis=1)
        result = np.empty_like(seen)
        run(
            "compose parts" if self._parts > 1 else "compose", self._planes, self._records[used], self._weights[used],
            squares.astype(np.int32), np.ascontiguousarray(flags[:, used], np.uint8), seen, result,
        )
        return result
