"""Runs segments strip by strip: each pulls the rows it needs from the one before, through a small rolling window.

No full-frame intermediate exists. What a segment needs is asked of its compiled program (Halide's bounds query), and
the window it reads from is padded here, by CFA-true mirroring, at the frame's edges only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from isp.engine.runtime import Program, buffer_of, query_buffer
from isp.engine.segment import Port, Segment

STRIP_ROWS = 512
"""Rows per strip [px]. Results do not depend on it."""


@dataclass(frozen=True)
class Grid:
    """Where pixels lie in the red-origin grid.

    Parameters
    ----------
    shape : (rows, columns) of the frame [px]
    phase : (x, y) of its top-left pixel in the grid [px]
    block : side of the same-colour blocks; 1 where there are none [px]
    """

    shape: tuple[int, int]
    phase: tuple[int, int] = (0, 0)
    block: int = 1

    def inside(self, index: NDArray[np.intp], axis: int) -> NDArray[np.intp]:
        """Positions inside the frame for positions outside, along rows (axis 0) or columns (axis 1)."""
        return mirrored(index, self.shape[axis], self.block, self.phase[1 - axis])


def mirrored(index: NDArray[np.intp], size: int, block: int = 1, phase: int = 0) -> NDArray[np.intp]:
    """Positions inside 0..size-1 for positions outside, keeping the CFA.

    The number of the k x k same-colour block is mirrored at the centres of the outermost whole blocks and the offset
    inside the block is kept; k = 1 is plain mirroring without repeating the border. `phase` is the place of position 0
    in a grid of blocks.
    """
    start = phase % block
    first, last = -(-start // block), (start + size) // block - 1
    number, offset = (index + start) // block, (index + start) % block
    period = max(2 * (last - first), 1)
    folded = (number - first) % period
    folded = first + np.where(folded > last - first, period - folded, folded)
    reflected = np.clip(folded * block + offset - start, 0, size - 1)
    inside: NDArray[np.intp] = np.where((index >= 0) & (index < size), index, reflected)
    return inside


class Source(Protocol):
    """Something rows can be pulled from."""

    port: Port
    grid: Grid
    granularity: int

    @property
    def held(self) -> int:
        """Bytes kept for it: a window of its input's rows, or a whole frame."""
        ...

    def produce(self, start: int, stop: int, target: NDArray[Any], column: int) -> int:
        """Write rows from `start` to at least `stop` into `target`, whose first row is `start`.

        `column` is the target column of frame column 0. Returns the row after the last one written: whole steps of
        `granularity`, or the end of the frame.
        """
        ...


class FrameSource:
    """Rows of an array that is already there: (H, W) or (H, W, 3)."""

    def __init__(self, data: NDArray[Any], phase: tuple[int, int] = (0, 0), block: int = 1) -> None:
        self.data = data
        self.grid = Grid((data.shape[0], data.shape[1]), phase, block)
        self.port = Port(data.dtype.name, 1 if data.ndim == 2 else data.shape[2])
        self.granularity = 1

    @property
    def held(self) -> int:
        return self.data.nbytes

    def produce(self, start: int, stop: int, target: NDArray[Any], column: int) -> int:
        stop = min(stop, self.grid.shape[0])
        rows = self.data[start:stop]
        if rows.ndim == 3:
            rows = rows.transpose(2, 0, 1)
        target[..., : stop - start, column : column + self.grid.shape[1]] = rows
        return stop


class StackSource:
    """Rows of several one-channel sources as the channels of one: the frames of a set, each through stages of its own.

    They must be alike: same grid, and whole steps of the same granularity.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = tuple(sources)
        self.grid, self.granularity = sources[0].grid, sources[0].granularity
        self.port = Port("float32", len(sources))

    @property
    def held(self) -> int:
        return sum(s.held for s in self.sources)

    def produce(self, start: int, stop: int, target: NDArray[Any], column: int) -> int:
        return min(s.produce(start, stop, plane, column) for s, plane in zip(self.sources, target, strict=True))


class Window:
    """A rolling range of rows of a source, padded on all sides as its reader needs."""

    def __init__(self, source: Source, left: int, right: int, capacity: int) -> None:
        width = source.grid.shape[1]
        self.source = source
        self.left, self.right = left, right
        block = source.grid.block
        # mirrored blocks keep their inside, so what lies below the frame repeats rows above those asked for
        self._above = 0 if block == 1 else 2 * block
        self.rows = source.port.empty(capacity + self._above + 2 * source.granularity, left + width + right)
        self.base = self.filled = 0  # frame rows of the first row kept and after the last one
        outside = np.concatenate([np.arange(-left, 0), np.arange(width, width + right)])
        self._columns_out = outside + left
        self._columns_in = source.grid.inside(outside, 1) + left

    def view(self, start: int, stop: int) -> NDArray[Any]:
        """Rows `start`..`stop` of the frame (may lie outside it), padded columns included."""
        height = self.source.grid.shape[0]
        self._keep_from(start - self._above)
        self._hold(stop - self.base + self.source.granularity)
        wanted = min(stop, height)
        if self.filled < wanted:
            first = self.filled
            at = first - self.base
            self.filled = self.source.produce(first, wanted, self.rows[..., at:, :], self.left)
            fresh = self.rows[..., at : self.filled - self.base, :]
            fresh[..., self._columns_out] = fresh[..., self._columns_in]
        for row in (*range(start, min(0, stop)), *range(max(height, start), stop)):
            inside = int(np.clip(self.source.grid.inside(np.array(row), 0), max(self.base, 0), self.filled - 1))
            self.rows[..., row - self.base, :] = self.rows[..., inside - self.base, :]
        return self.rows[..., start - self.base : stop - self.base, :]

    def _hold(self, count: int) -> None:
        """Make room for `count` rows: programs that ask for whole periods may need more for one strip than another."""
        if count > self.rows.shape[-2]:
            larger = self.source.port.empty(count + self.source.granularity, self.rows.shape[-1])
            larger[..., : self.filled - self.base, :] = self.rows[..., : self.filled - self.base, :]
            self.rows = larger

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

    def __init__(self, segment: Segment, program: Program, source: Source, grid: Grid, strip_rows: int) -> None:
        self.segment, self.program, self.grid = segment, program, grid
        self.port = segment.sink
        self._from = source.grid
        self.granularity = segment.tile[1]
        self._arrays = [np.ascontiguousarray(a, np.float32) for a in segment.arrays]
        self._array_buffers = [buffer_of(a) for a in self._arrays]
        self._strip = max(strip_rows // self.granularity, 1) * self.granularity
        (first, last), (top, bottom) = self._needs(0, self._strip)
        self._window = Window(source, max(-first, 0), max(last - self._from.shape[1], 0), bottom - top)

    @property
    def held(self) -> int:
        return self._window.rows.nbytes

    def _needs(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Region (first, last + 1) of the source's frame in x and y that rows `start`..`stop` need."""
        px, py = self.grid.phase
        channels = self.segment.source.channels
        source = query_buffer(self.segment.source.dtype, [(0, 0), (0, 0)] + ([(0, channels)] if channels > 1 else []))
        rows, columns = self._whole_tiles(stop - start)
        region = [(px, columns), (py + start, rows)]
        sink = query_buffer(self.port.dtype, region + ([(0, 3)] if self.port.channels == 3 else []))
        self.program(source, *self._array_buffers, sink)
        (x, nx), (y, ny) = source.region[:2]
        px, py = self._from.phase
        return [(x - px, x - px + nx), (y - py, y - py + ny)]

    def _whole_tiles(self, rows: int) -> tuple[int, int]:
        """The smallest size (rows, columns) that the program computes and that holds `rows` rows of the frame."""
        across, down = self.segment.tile
        return -(-rows // down) * down, max(self.grid.shape[1], across)

    def produce(self, start: int, stop: int, target: NDArray[Any], column: int) -> int:
        height, width = self.grid.shape
        while start < min(stop, height):
            step = min(self._strip, -(-(stop - start) // self.granularity) * self.granularity, height - start)
            self.strip(start, start + step, target[..., :step, column : column + width])
            target = target[..., step:, :]
            start += step
        return start

    def strip(self, start: int, stop: int, target: NDArray[Any]) -> None:
        """Compute rows `start`..`stop` into `target`, (rows, W) or planar (3, rows, W)."""
        (x0, _), (y0, y1) = self._needs(start, stop)
        rows = self._window.view(y0, y1)
        trim = self._window.left + x0
        rows = rows[..., trim:]
        px, py = self._from.phase
        mins = (x0 + px, y0 + py) + ((0,) if rows.ndim == 3 else ())
        px, py = self.grid.phase
        out = (px, py + start) + ((0,) if target.ndim == 3 else ())
        size = self._whole_tiles(stop - start)
        fits = size == target.shape[-2:]
        whole = target if fits else self._room(size)
        self.program(buffer_of(rows, mins), *self._array_buffers, buffer_of(whole, out))
        if not fits:
            target[...] = whole[..., : stop - start, : self.grid.shape[1]]

    def _room(self, size: tuple[int, int]) -> NDArray[Any]:
        """A new array for (rows, columns), or planes of them, in the order of the port's memory."""
        room = self.port.empty(*size)
        return room.transpose(2, 0, 1) if self.port.interleaved else room


def collect(
    source: SegmentSource, strip_rows: int = STRIP_ROWS, progress: Callable[[int, int], None] | None = None
) -> NDArray[Any]:
    """All rows of the last segment as one array: (H, W), or (H, W, 3)."""
    height, width = source.grid.shape
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
