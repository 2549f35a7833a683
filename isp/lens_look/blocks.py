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
        self._gather(spans, self.source, self._kernels(spans), into)

    def gather_part(self, spans: tuple[Span, Span], parts: int, part: int, into: Float32) -> None:
        """Gather blocks through what of their kernels comes from one of parts x parts squares of the pupil.

        Planes 7 to 10 of `into` (11, h, w) are the share of the kernels that this is.
        """
        row, column = divmod(part, parts)
        (y, down), (x, across) = self._part(parts, row, 0), self._part(parts, column, 1)
        kernels = self._kernels(spans)[..., y, x] * (down[:, None] * across)
        source = self.source[:, y.start :, x.start :]
        self._gather(spans, source, kernels, into[:7])
        side = self.blocks.side
        view = into[7:].reshape(4, kernels.shape[1], side, kernels.shape[2], side)
        view[:] = kernels.sum(axis=(3, 4))[:, :, None, :, None]

    def _kernels(self, spans: tuple[Span, Span]) -> Float32:
        (top, bottom), (left, right) = (
            (first - held[0], last - held[0]) for (first, last), held in zip(spans, self.spans, strict=True)
        )
        return self.kernels[:, top:bottom, left:right]

    def _gather(self, spans: tuple[Span, Span], source: Float32, kernels: Float32, into: Float32) -> None:
        side, (down, across, *taps) = self.blocks.side, kernels.shape[1:]
        if taps[0] % 2:
            kernels = np.pad(kernels, ((0, 0), (0, 0), (0, 0), (0, 1), (0, 0)))
            taps[0] += 1
        y, x = ((first - held[0]) * side for (first, _), held in zip(spans, self.spans, strict=True))
        source = source[:, y : y + down * side + taps[0] - 1, x : x + across * side + taps[1] - 1]
        view = into.reshape(-1, down, side, across, side).transpose(0, 1, 3, 2, 4)
        program = f"gather {8 if side % 16 else 16}{' alone' * (len(into) == 3)}"
        run(program, source, kernels, np.array([side], np.int32), view)

    def _part(self, parts: int, part: int, axis: int) -> tuple[slice, Float32]:
        """Rows (axis 0) or columns of kernels, and how much of each, where rays from a strip of the pupil land.

        They land in the order in which they come, in front of the focus in the opposite one; so the strips of a round
        pupil are those parts of the light.
        """
        light = self.kernels[3].sum(axis=(0, 1, 3 - axis), dtype=np.float64)
        ends = np.concatenate([[0.0], np.cumsum(light)]) / light.sum()
        if self.blur < 0:
            ends = 1 - ends
        first, last = np.minimum(ends[1:], ends[:-1]), np.maximum(ends[1:], ends[:-1])
        edge = np.clip(2 * np.array([part, part + 1]) / parts - 1, -1, 1)
        # area of a disc up to a chord
        low, high = 0.5 + (edge * np.sqrt(1 - edge**2) + np.arcsin(edge)) / np.pi
        share = np.clip((np.minimum(last, high) - np.maximum(first, low)) / np.maximum(last - first, 1e-9), 0, 1)
        held = np.flatnonzero(share > 0)
        # a spot may have a gap
        kept = slice(int(held[0]), int(held[-1]) + 1)
        return kept, share[kept].astype(np.float32)
