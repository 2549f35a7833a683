"""The squares of a tile that share a kernel, and a layer gathered through them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from isp.lens_look.programs import run
from isp.values import Float32

MEETING = 4
"""Layer, to either side of the focus, from which on a thing counts as blurred."""
Span = tuple[int, int]


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
    source : (5, h, w) light, coverage and continuation, with the reach of a kernel around its blocks
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

    def gather(self, spans: tuple[Span, Span], into: Float32, part: tuple[slice, slice] | None = None) -> None:
        """Gather blocks through their kernels, or a part of those, `into` (7 or 3, h, w)."""
        side, taps = self.blocks.side, self.kernels.shape[-1]
        (down, top), (across, left) = ((b - a, a - held[0]) for (a, b), held in zip(spans, self.spans, strict=True))
        y, x = part or (slice(0, taps), slice(0, taps))
        height, width = down * side + y.stop - y.start - 1, across * side + x.stop - x.start - 1
        y0, x0 = top * side + y.start, left * side + x.start
        view = into.reshape(-1, down, side, across, side).transpose(0, 1, 3, 2, 4)
        run(
            f"gather {8 if side % 16 else 16}{' alone' * (len(into) == 3)}",
            self.source[:, y0 : y0 + height, x0 : x0 + width],
            self.kernels[:, top : top + down, left : left + across, y, x], np.array([side], np.int32), view,
        )

    def shares(self, spans: tuple[Span, Span], part: tuple[slice, slice], into: Float32) -> None:
        """Put the share of a kernel's light that comes from a part of it `into` (4, h, w)."""
        side = self.blocks.side
        (down, top), (across, left) = ((b - a, a - held[0]) for (a, b), held in zip(spans, self.spans, strict=True))
        sums = self.kernels[:, top : top + down, left : left + across, part[0], part[1]].sum(axis=(3, 4))
        into.reshape(4, down, side, across, side)[:] = sums[:, :, None, :, None]

    def part(self, parts: int, part: int) -> tuple[slice, slice]:
        """Rows and columns of kernels where rays from one of parts x parts squares of the pupil land.

        But for aberrations; in front of the focus they have not crossed yet.
        """
        taps = self.kernels.shape[-1]
        place = (np.arange(taps) - taps // 2) / (self.blur / self.blocks.factor / 2)
        home = np.clip(np.floor((place + 1) / 2 * parts), 0, parts - 1).astype(np.intp)
        rows, columns = (np.flatnonzero(home == k) for k in divmod(part, parts))
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
