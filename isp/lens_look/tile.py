"""One tile of a picture: its layers made, blurred, and laid one behind another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.lens_look import sheets
from isp.lens_look.programs import run
from isp.values import Float32

if TYPE_CHECKING:
    from isp.lens_look.renderer import Renderer
    from isp.lens_look.sheets import Int16, Sheets
    from isp.lens_look.spots import Table

TINY = 1e-6
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

    def pixels(self, blocks: Span, size: int) -> Span:
        """The pixels of the tile that `blocks` are enough for."""
        reach = self.side * blocks[1] - 2 * self.begin
        return blocks[0] * self.side * self.factor, size if blocks[1] == self.count else min(reach * self.factor, size)


class Tile:
    """A tile whose top-left pixel is at `corner` (row, column) of the picture, and what lies around it.

    Parameters
    ----------
    renderer : Renderer
    corner : (row, column) [px of the picture]
    around : how much is needed around the tile [px], whole pixels of every level
    light : (H, W, 3) float32, the whole picture
    layer : (H, W) int16
    hiding : what is hidden in the picture
    alpha : (H, W) uint8, how much of a pixel its layer covers
    """

    def __init__(
        self, renderer: Renderer, corner: Span, around: int, light: Float32, layer: Int16, hiding: Sheets | None,
        alpha: NDArray[np.uint8] | None,
    ) -> None:
        self.renderer, self.corner, self.size, self.around = renderer, corner, renderer.size, around
        rows, columns = (
            _mirrored(start - around, self.size + 2 * around, n) for start, n in zip(corner, layer.shape, strict=True)
        )
        place = np.ix_(rows, columns) if _bent(rows) or _bent(columns) else (_whole(rows), _whole(columns))
        self._layer = np.ascontiguousarray(layer[place])
        self._light = np.ascontiguousarray(np.moveaxis(light[place], 2, 0))
        self._hidden = None if hiding is None else hiding.at(self._layer, rows, columns)
        self._alpha = np.full((1, 1), 255, np.uint8)
        if self._hidden is not None:
            self._alpha = np.full_like(self._layer, 255, np.uint8) if alpha is None else np.ascontiguousarray(alpha[place])
        self._boxes = _boxes(self._layer)
        if self._hidden is not None:
            for k, box in _boxes(self._hidden[1]).items():
                self._boxes[k] = _joined(self._boxes[k], box) if k in self._boxes else box

    def render(self, result: Float32) -> None:
        """Put the tile into its place of `result` (H, W, 3)."""
        state = np.zeros((6, self.size, self.size), np.float32)
        state[:3] = 1
        for layer in sorted(self._boxes):
            self._lay(layer, state)
        total = state[3:] / np.maximum(1 - state[:3], TINY)
        height, width = result.shape[:2]
        (top, left), size = self.corner, self.size
        y, x = slice(max(top, 0), min(top + size, height)), slice(max(left, 0), min(left + size, width))
        result[y, x] = np.moveaxis(total[:, y.start - top : y.stop - top, x.start - left : x.stop - left], 0, 2)

    def _lay(self, layer: int, state: Float32) -> None:
        """Lay one layer behind those in `state` (6, h, w): what is left to see, and what has been seen."""
        renderer, size = self.renderer, self.size
        level = renderer.level(layer, self.corner[0] + size / 2, self.corner[1] + size / 2)
        factor = 2**level
        blocks = Blocks.of(size, factor, renderer.side(factor))
        table = renderer.table(layer, level)
        reach = math.ceil(self._radius(table) / factor + 1)
        spans = []
        for first, last in self._boxes[layer]:
            margin = (reach + 2) * factor
            span = max(first - self.around - margin, 0), min(last - self.around + margin, size)
            if span[0] >= span[1]:
                return
            spans.append(blocks.touched(span))
        (top, bottom), (left, right) = spans
        shape = bottom - top, right - left
        side = blocks.side
        first = self.around // factor - blocks.begin - reach
        source = self._source(
            layer, factor, (first + top * side, first + left * side), tuple(n * side + 2 * reach for n in shape)
        )
        kernels = self._kernels(table, blocks, (top, left), shape, reach)
        ordered = self._hidden is not None
        planes = 7 if ordered else 4
        blurred = np.empty((planes, shape[0] * side, shape[1] * side), np.float32)
        view = blurred.reshape(planes, shape[0], side, shape[1], side).transpose(0, 1, 3, 2, 4)
        suffix = " ordered" * ordered
        run(f"gather {8 if side % 16 else 16}{suffix}", source, kernels, np.array([side], np.int32), view)
        (y0, y1), (x0, x1) = (blocks.pixels(s, size) for s in spans)
        after = np.empty((6, y1 - y0, x1 - x0), np.float32)
        program = f"behind{' coarse' * (factor > 1)}{suffix}"
        run(program, state[:, y0:y1, x0:x1], blurred, np.array([factor], np.int32), after)
        state[:, y0:y1, x0:x1] = after

    def _radius(self, table: Table) -> float:
        """Of the largest spot in the tile [px]."""
        renderer, size, last = self.renderer, self.size, len(table.radius) - 1
        x, y = renderer.place.axis
        top, left = self.corner
        nearest = renderer.fields(min(max(y, top), top + size), min(max(x, left), left + size))
        farthest = max(renderer.fields(top + a, left + b) for a in (0, size) for b in (0, size))
        held = slice(min(math.floor(nearest), last), min(math.ceil(farthest), last) + 1)
        return float(table.radius[held].max())

    def _kernels(self, table: Table, blocks: Blocks, first: Span, shape: Span, reach: int) -> Float32:
        """(4, blocks down, blocks across, taps, taps) kernels, each with sum 1."""
        optics, factor = self.renderer.optics, blocks.factor
        x, y = self.renderer.place.axis
        step, taps = blocks.side * factor, 2 * reach + 1
        middle = (blocks.side / 2 - blocks.begin) * factor - 0.5
        place = np.array(
            [
                self.corner[1] + first[1] * step + middle - x, self.corner[0] + first[0] * step + middle - y,
                step, step, factor, reach, reach,
                (len(table.half) - 1) / optics.corner, optics.turns * max(optics.blades, 1) / (2 * np.pi),
            ], np.float32,
        )
        kernels = np.empty((4, *shape, taps, taps), np.float32)
        program = "kernels" if optics.turns == 1 else "kernels turning"
        run(program, table.density, table.half.astype(np.float32), place, kernels)
        kernels /= np.maximum(kernels.sum(axis=(3, 4)), TINY)[..., None, None]
        return kernels

    def _source(self, layer: int, factor: int, first: Span, shape: tuple[int, ...]) -> Float32:
        """(5, h, w) light, coverage and continuation of a layer, in pixels of `factor`, from `first` of the region."""
        renderer = self.renderer
        x, y = renderer.place.axis
        falloff = renderer.falloff(layer)
        place = np.array([first[1], first[0], layer], np.int32)
        box = np.full((factor, factor), 1 / factor**2, np.float32)
        gain, threshold = renderer.highlights.gain(sheets.blur_of(layer)), renderer.highlights.threshold
        tone = np.array(
            [
                x - self.corner[1] + self.around, y - self.corner[0] + self.around,
                (len(falloff) - 1) / renderer.optics.corner**2, gain, 0.8 * threshold, 5 / threshold,
            ], np.float32,
        )
        source = np.empty((5, *shape), np.float32)
        if self._hidden is None:
            run("split", self._light, self._layer, self._layer, box, place, tone, falloff, source)
            return source
        reach, hidden, behind = self._hidden
        run("split sheets", self._light, self._alpha, self._layer, reach, hidden, behind, box, place, tone, falloff, source)
        return source


def _mirrored(start: int, count: int, size: int) -> NDArray[np.intp]:
    """Indices of `count` pixels from `start` on, mirrored at the edges of 0..`size` - 1 (which is not repeated)."""
    at = np.arange(start, start + count)
    if start < 0 or start + count > size:
        period = max(2 * (size - 1), 1)
        at = np.abs((at + size - 1) % period - (size - 1)) if size > 1 else np.zeros_like(at)
    return at


def _bent(indices: NDArray[np.intp]) -> bool:
    return int(indices[-1]) - int(indices[0]) != len(indices) - 1 or bool((np.diff(indices) < 0).any())


def _whole(indices: NDArray[np.intp]) -> slice:
    return slice(int(indices[0]), int(indices[-1]) + 1)


def _boxes(layer: Int16) -> dict[int, tuple[Span, Span]]:
    """Rows and columns within which each layer of a plane lies."""
    from scipy.ndimage import find_objects

    there = layer > sheets.NOTHING
    if not there.any():
        return {}
    low = int(layer.min(where=there, initial=32767))
    found = find_objects(np.where(there, layer.astype(np.int32) - low + 1, 0))
    return {
        low + k: ((box[0].start, box[0].stop), (box[1].start, box[1].stop))
        for k, box in enumerate(found) if box is not None
    }


def _joined(one: tuple[Span, Span], other: tuple[Span, Span]) -> tuple[Span, Span]:
    (a, b), (c, d) = ((min(p[0], q[0]), max(p[1], q[1])) for p, q in zip(one, other, strict=True))
    return (a, b), (c, d)
