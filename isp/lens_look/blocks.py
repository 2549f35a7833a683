"""The squares of a tile that share a kernel, and a layer gathered through them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from isp.lens_look.programs import run
from isp.values import Float32

MEETING = 4
"""Layer, to either side of the focus, from which on a thing counts as blurred."""
Span = tuple[int, int]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Blocks:
    """The squares of a tile, each of which has one kernel, in pixels of a level.

    They begin with the tile, or one pixel of the level before it where it takes that to interpolate.

    Parameters
    ----------
    factor : pixels of the picture per pixel of the level
    side : of a block, a multiple of 8
    count : of blocks along each side of the tile
    """

    factor: int
    side: int
    count: int

    @classmethod
    def of(cls, size: int, factor: int, wanted: int) -> Blocks:
        """Blocks of about `wanted` pixels that cover a tile of `size` pixels with the least left over."""
        length = size // factor + 2 * (factor > 1)
        counts = range(math.ceil(length / wanted), math.ceil(2 * length / wanted) + 1)
        side, count = min(
            ((8 * math.ceil(length / count / 8), count) for count in counts), key=lambda pair: pair[0] * pair[1]
        )
        return cls(factor, side, count)

    @property
    def begin(self) -> int:
        """Pixels of the level before the tile."""
        return int(self.factor > 1)

    def touched(self, span: Span) -> Span:
        """The blocks that pixels of the tile in `span` are made of."""
        first, last = span[0] // self.factor // self.side, (span[1] - 1) // self.factor + 2 * self.begin
        return first, min(last // self.side + 1, self.count)


@dataclass(frozen=True)
class Layer:
    """A layer of a tile, ready to be gathered.

    Parameters
    ----------
    number : as `Layers` has it
    blur : its thin-lens blur diameter [px]
    blocks : Blocks
    spans : rows and columns of blocks that are held
    source : (5, h, w) light, coverage and continuation, with the reach of a kernel around its blocks, and a row more
    kernels : (4, blocks down, blocks across, taps, taps), each with sum 1
    """

    number: int
    blur: float
    blocks: Blocks
    spans: tuple[Span, Span]
    source: Float32
    kernels: Float32

    def divided(self, parts: int) -> bool:
        """Whether parts of the pupil see it differently: they do not what is sharp."""
        return parts > 1 and abs(self.number) >= MEETING

    def size(self, spans: tuple[Span, Span]) -> tuple[int, int]:
        """Rows and columns of blocks [px of the level]."""
        (top, bottom), (left, right) = spans
        return (bottom - top) * self.blocks.side, (right - left) * self.blocks.side

    def gather(self, spans: tuple[Span, Span], into: Float32) -> None:
        """Gather blocks through their kernels `into` (7 or 3, h, w)."""
        self._gather(spans, (0, 0), self._kernels(spans), into)

    def gather_part(self, spans: tuple[Span, Span], parts: int, part: int, into: Float32) -> None:
        """Gather blocks through what of their kernels comes from one of parts x parts squares of the pupil.

        Planes 7 to 10 of `into` (11, h, w) are the share of the kernels that this is.
        """
        row, column = divmod(part, parts)
        (y, down), (x, across) = (
            _strip(order[:, *self._held(spans)], parts, k) for order, k in zip(self._orders, (row, column), strict=True)
        )
        kernels = self._kernels(spans)[..., y, x] * down[..., :, None] * across[..., None, :]
        self._gather(spans, (y.start, x.start), kernels, into[:7])
        side = self.blocks.side
        view = into[7:].reshape(4, kernels.shape[1], side, kernels.shape[2], side)
        view[:] = kernels.sum(axis=(3, 4))[:, :, None, :, None]

    def _held(self, spans: tuple[Span, Span]) -> tuple[slice, slice]:
        """Which of the blocks that are held those in `spans` are."""
        rows, columns = (
            slice(first - held[0], last - held[0]) for (first, last), held in zip(spans, self.spans, strict=True)
        )
        return rows, columns

    def _kernels(self, spans: tuple[Span, Span]) -> Float32:
        return self.kernels[:, *self._held(spans)]

    def _gather(self, spans: tuple[Span, Span], corner: tuple[int, int], kernels: Float32, into: Float32) -> None:
        """Gather blocks through a part of their kernels that begins at `corner` (row, column)."""
        side, (down, across, *taps) = self.blocks.side, kernels.shape[1:]
        if taps[0] % 2:
            kernels = np.pad(kernels, ((0, 0), (0, 0), (0, 0), (0, 1), (0, 0)))
            taps[0] += 1
        held = self._held(spans)
        y, x = (at.start * side + first for at, first in zip(held, corner, strict=True))
        source = self.source[:, y : y + down * side + taps[0] - 1, x : x + across * side + taps[1] - 1]
        view = into.reshape(-1, down, side, across, side).transpose(0, 1, 3, 2, 4)
        program = f"gather {8 if side % 16 else 16}{' alone' * (len(into) == 3)}"
        rows, columns = (ends[held] - first for ends, first in zip(self._content, corner, strict=True))
        run(program, source, kernels, _columns(kernels, rows, columns, side), np.array([side], np.int32), view)

    @cached_property
    def _content(self) -> tuple[Indices, Indices]:
        """(down, across, 2) each: of the source around each block, the rows and the columns that are not empty."""
        side, window = self.blocks.side, self.blocks.side + self.kernels.shape[-1] - 1
        there = np.asarray((self.source[3:] > 0).any(axis=0))
        around = sliding_window_view(there, (window, window))[::side, ::side]
        return _ends(np.asarray(around.any(axis=3))), _ends(np.asarray(around.any(axis=2)))

    @cached_property
    def _orders(self) -> tuple[Float32, Float32]:
        """(4, down, across, taps + 1) each: of the light of each kernel, what comes before each row, and each column.

        Rays land in the order in which they come, in front of the focus in the opposite one.
        """
        sums = (self.kernels.sum(axis=axis, dtype=np.float64) for axis in (4, 3))
        down, across = (np.pad(np.cumsum(part, axis=3), [(0, 0)] * 3 + [(1, 0)]) for part in sums)
        down, across = (part / np.maximum(part[..., -1:], 1e-9) for part in (down, across))
        orders = (down, across) if self.blur > 0 else (1 - down, 1 - across)
        return np.asarray(orders[0], np.float32), np.asarray(orders[1], np.float32)


def _strip(order: Float32, parts: int, part: int) -> tuple[slice, Float32]:
    """Rows of kernels where rays from a strip of the pupil land, and (..., rows) how much of each comes from there.

    The strips of a round pupil, one of `parts`, are parts of the light that comes before one another (..., taps + 1).
    """
    first, last = np.minimum(order[..., 1:], order[..., :-1]), np.maximum(order[..., 1:], order[..., :-1])
    edge = np.clip(2 * np.array([part, part + 1]) / parts - 1, -1, 1)
    # area of a disc up to a chord
    low, high = (0.5 + (edge * np.sqrt(1 - edge**2) + np.arcsin(edge)) / np.pi).astype(np.float32)
    width = np.maximum(last - first, np.float32(1e-9))
    share = np.clip((np.minimum(last, high) - np.maximum(first, low)) / width, 0, 1)
    # there may be dark rows between others, and nothing but dark ones beyond the lens's field
    lit = np.flatnonzero((share > 0).any(axis=(0, 1, 2)))
    held = slice(int(lit[0]), int(lit[-1]) + 1) if lit.size else slice(0, share.shape[-1])
    return held, share[..., held]


def _ends(there: NDArray[np.bool_]) -> Indices:
    """(..., 2) the first that is there along the last axis, and one after the last; the same twice if none is."""
    first, after = there.argmax(axis=-1), there.shape[-1] - there[..., ::-1].argmax(axis=-1)
    return np.stack([first, np.where(there.any(axis=-1), after, first)], axis=-1)


def _columns(kernels: Float32, rows: Indices, columns: Indices, side: int) -> NDArray[np.int32]:
    """(down, across, pairs of rows, 2) the first column of kernels, and one after the last, with something to gather.

    Parameters
    ----------
    kernels : (4, down, across, taps, taps)
    rows, columns : (down, across, 2) of the source around each block that are not empty
    side : of a block
    """
    lit = np.asarray((kernels > 0).any(axis=0))
    ends = _ends(np.asarray(lit.reshape(*lit.shape[:2], -1, 2, lit.shape[-1]).any(axis=3)))
    first = np.maximum(ends[..., 0], columns[..., :1] - side + 1)
    after = np.minimum(ends[..., 1], columns[..., 1:])
    pair = 2 * np.arange(ends.shape[2])
    used = (pair + 1 > rows[..., :1] - side) & (pair < rows[..., 1:])
    return np.stack([first, np.where(used, after, first)], axis=-1).astype(np.int32)
