"""Runs segments strip by strip: each pulls the rows it needs from the one before, through a small rolling window.

No full-frame intermediate exists. What a segment needs is asked of its compiled program (Halide's bounds query), and
the window it reads from is padded here, by CFA-true mirroring, at the frame's edges only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from isp.engine.runtime import Program, buffer_of, query_buffer
from isp.engine.segment import Port, Segment

STRIP_ROWS = 512
"""Rows per strip [px]. Results do not depend on it."""


def mirrored(index: NDArray[np.intp], size: int, block: int) -> NDArray[np.intp]:
    """Positions inside 0..size-1 for positions outside, keeping the CFA.

    The index of the k x k same-colour block is mirrored at the border blocks' centres and the offset inside the
    block is kept; k = 1 is plain mirroring without repeating the border.
    """
    blocks = max(size // block, 1)
    number, offset = index // block, index % block
    period = max(2 * (blocks - 1), 1)
    folded = number % period
    folded = np.where(folded >= blocks, period - folded, folded)
    inside: NDArray[np.intp] = np.minimum(folded * block + offset, size - 1)
    return inside


class Source(Protocol):
    """Something rows can be pulled from."""

    port: Port
    shape: tuple[int, int]
    granularity: int

    def produce(self, start: int, stop: int, target: NDArray[Any], column: int) -> int:
        """Write rows from `start` to at least `stop` into `target`, whose first row is `start`.

        `column` is the target column of frame column 0. Returns the row after the last one written: whole steps of
        `granularity`, or the end of the frame.
        """
        ...


class FrameSource:
    """Rows of an array that is already there: (H, W) or (H, W, 3)."""

    def __init__(self, data: NDArray[Any]) -> None:
        self.data = data
        self.shape: tuple[int, int] = data.shape[:2]
        self.port = Port(data.dtype.name, 1 if data.ndim == 2 else data.shape[2])
        self.granularity = 1

    def produce(self, start: int, stop: int, target: NDArray[Any], column: int) -> int:
        stop = min(stop, self.shape[0])
        rows = self.data[start:stop]
        if rows.ndim == 3:
            rows = rows.transpose(2, 0, 1)
        target[..., : stop - start, column : column + self.shape[1]] = rows
        return stop


class Window:
    """A rolling range of rows of a source, padded on all sides as its reader needs."""

    def __init__(self, source: Source, left: int, right: int, capacity: int, block: int) -> None:
        width = source.shape[1]
        self.source, self.block = source, block
        self.left, self.right = left, right
        self.rows = source.port.empty(capacity + 2 * source.granularity, left + width + right)
        self.base = self.filled = 0  # frame rows of the first row kept and after the last one
        outside = np.concatenate([np.arange(-left, 0), np.arange(width, width + right)])
        self._columns_out = outside + left
        self._columns_in = mirrored(outside, width, block) + left

    def view(self, start: int, stop: int) -> NDArray[Any]:
        """Rows `start`..`stop` of the frame (may lie outside it), padded columns included."""
        height = self.source.shape[0]
        self._keep_from(start)
        wanted = min(stop, height)
        if self.filled < wanted:
            first = self.filled
            at = first - self.base
            self.filled = self.source.produce(first, wanted, self.rows[..., at:, :], self.left)
            fresh = self.rows[..., at : self.filled - self.base, :]
            fresh[..., self._columns_out] = fresh[..., self._columns_in]
        for row in (*range(start, min(0, stop)), *range(max(height, start), stop)):
            inside = int(np.clip(mirrored(np.array(row), height, self.block), max(self.base, 0), self.filled - 1))
            self.rows[..., row - self.base, :] = self.rows[..., inside - self.base, :]
        return self.rows[..., start - self.base : stop - self.base, :]

    def _keep_from(self, start: int) -> None:
        if start == self.base:
            return
        keep_from, keep_to = max(start, 0), self.filled
        if keep_to > keep_from:
            kept = self.rows[..., keep_from - self.base : keep_to - self.base, :]
            self.rows[..., keep_from - start : keep_to - start, :] = kept
        else:
            self.filled = keep_from
        self.base = start


class SegmentSource:
    """Rows computed by a segment from another source."""

    def __init__(
        self, segment: Segment, program: Program, source: Source, phase: tuple[int, int], block: int, strip_rows: int
    ) -> None:
        self.segment, self.program, self.phase = segment, program, phase
        self.port = segment.sink
        self.shape = source.shape
        self.granularity = segment.tile[1]
        self._arrays = [np.ascontiguousarray(a, np.float32) for a in segment.arrays]
        self._array_buffers = [buffer_of(a) for a in self._arrays]
        self._strip = max(strip_rows // self.granularity, 1) * self.granularity
        (first, last), (top, bottom) = self._needs(0, self._strip)
        self._window = Window(source, max(-first, 0), max(last - self.shape[1], 0), bottom - top, block)

    def _needs(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Frame region (first, last + 1) in x and y that rows `start`..`stop` need of the source."""
        px, py = self.phase
        channels = self.segment.source.channels
        source = query_buffer(self.segment.source.dtype, [(0, 0), (0, 0)] + ([(0, 3)] if channels == 3 else []))
        region = [(px, self.shape[1]), (py + start, stop - start)]
        sink = query_buffer(self.port.dtype, region + ([(0, 3)] if self.port.channels == 3 else []))
        self.program(source, *self._array_buffers, sink)
        (x, nx), (y, ny) = source.region[:2]
        return [(x - px, x - px + nx), (y - py, y - py + ny)]

    def produce(self, start: int, stop: int, target: NDArray[Any], column: int) -> int:
        height, width = self.shape
        while start < min(stop, height):
            step = min(self._strip, -(-(stop - start) // self.granularity) * self.granularity, height - start)
            self.strip(start, start + step, target[..., :step, column : column + width])
            target = target[..., step:, :]
            start += step
        return start

    def strip(self, start: int, stop: int, target: NDArray[Any]) -> None:
        """Compute rows `start`..`stop` into `target`, (rows, W) or planar (3, rows, W)."""
        (x0, _), (y0, y1) = self._needs(start, stop)
        px, py = self.phase
        rows = self._window.view(y0, y1)
        trim = self._window.left + x0
        rows = rows[..., trim:]
        mins = (x0 + px, y0 + py) + ((0,) if rows.ndim == 3 else ())
        out = (px, py + start) + ((0,) if target.ndim == 3 else ())
        self.program(buffer_of(rows, mins), *self._array_buffers, buffer_of(target, out))


def chain(
    segments: list[Segment],
    programs: list[Program],
    data: NDArray[Any],
    phase: tuple[int, int],
    block: int = 1,
    strip_rows: int = STRIP_ROWS,
) -> Source:
    """Sources linked one after another; pulling from the last computes the picture."""
    source: Source = FrameSource(data)
    for segment, program in zip(segments, programs, strict=True):
        source = SegmentSource(segment, program, source, phase, block, strip_rows)
    return source


def collect(
    source: SegmentSource, strip_rows: int = STRIP_ROWS, progress: Callable[[int, int], None] | None = None
) -> NDArray[Any]:
    """All rows of the last segment as one array: (H, W), or (H, W, 3)."""
    height, width = source.shape
    port = source.port
    shape = (height, width) if port.channels == 1 else (height, width, port.channels)
    result = np.empty(shape, port.dtype)
    step = max(strip_rows // source.granularity, 1) * source.granularity
    for start in range(0, height, step):
        stop = min(start + step, height)
        part = result[start:stop]
        source.strip(start, stop, part if part.ndim == 2 else part.transpose(2, 0, 1))
        if progress is not None:
            progress(stop, height)
    return result
