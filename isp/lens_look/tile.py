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

    def pixels(self, blocks: Span, size: int) -> Span:
        """The pixels of the tile that `blocks` are enough for."""
        reach = self.side * blocks[1] - 2 * self.begin
        return blocks[0] * self.side * self.factor, size if blocks[1] == self.count else min(reach * self.factor, size)


@dataclass
class Prepared:
    """A layer of a tile, ready to be gathered.

    Parameters
    ----------
    layer : its number
    blur : its thin-lens blur diameter [px]
    blocks : Blocks
    source : (5, h, w) light, coverage and continuation, with the reach of a kernel around its blocks
    kernels : (4, blocks down, blocks across, taps, taps), each with sum 1
    window : rows and columns of the tile
    """

    layer: int
    blur: float
    blocks: Blocks
    source: Float32
    kernels: Float32
    window: tuple[slice, slice]
    _whole: Float32 | None = None

    def blurred(self, ordered: bool, parts: int, part: int) -> Float32:
        """The planes that the program `behind` takes, through one of parts x parts squares of the pupil."""
        # of what is sharp every part of the pupil sees the same
        if parts == 1 or abs(self.layer) < MEETING:
            if self._whole is None:
                self._whole = self._gathered(ordered, self.source, self.kernels) / np.float32(parts**2)
            return self._whole
        taps = self.kernels.shape[-1]
        # where rays from the part land, but for aberrations; in front of the focus they have not crossed yet
        blur = self.blur / self.blocks.factor
        place = (np.arange(taps) - taps // 2) / (blur / 2)
        home = np.clip(np.floor((place + 1) / 2 * parts), 0, parts - 1).astype(np.intp)
        rows, columns = (np.flatnonzero(home == k) for k in divmod(part, parts))
        y, x = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        height, width = (n - taps + 1 for n in self.source.shape[1:])
        source = self.source[:, y.start : y.stop - 1 + height, x.start : x.stop - 1 + width]
        return self._gathered(ordered, np.ascontiguousarray(source), np.ascontiguousarray(self.kernels[..., y, x]))

    def _gathered(self, ordered: bool, source: Float32, kernels: Float32) -> Float32:
        side, (down, across) = self.blocks.side, self.kernels.shape[1:3]
        planes = 7 if ordered else 4
        blurred = np.empty((11 if ordered else 4, down * side, across * side), np.float32)
        view = blurred[:planes].reshape(planes, down, side, across, side).transpose(0, 1, 3, 2, 4)
        run(f"gather {8 if side % 16 else 16}{' ordered' * ordered}", source, kernels, np.array([side], np.int32), view)
        if ordered:
            shares = kernels.sum(axis=(3, 4))
            blurred[7:].reshape(4, down, side, across, side)[:] = shares[:, :, None, :, None]
        return blurred


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
        layers = [found for found in map(self._prepared, sorted(self._boxes)) if found is not None]
        seen = np.zeros((6, self.size, self.size), np.float32)
        parts = self.renderer.parts if self._blurs_meet() else 1
        for part in range(parts**2):
            state = np.concatenate([np.ones((3, self.size, self.size), np.float32), seen])
            for layer in layers:
                self._lay(layer, parts, part, state)
            seen = state[3:]
        total = seen[:3] / np.maximum(seen[3:], TINY)
        height, width = result.shape[:2]
        (top, left), size = self.corner, self.size
        y, x = slice(max(top, 0), min(top + size, height)), slice(max(left, 0), min(left + size, width))
        result[y, x] = np.moveaxis(total[:, y.start - top : y.stop - top, x.start - left : x.stop - left], 0, 2)

    def _blurs_meet(self) -> bool:
        """Whether something blurred hides something blurred: only then it matters where in the pupil one looks from."""
        if self._hidden is None or self.renderer.parts == 1:
            return False
        hidden = self._hidden[1]
        return bool(((np.abs(self._layer) >= MEETING) & (np.abs(hidden) >= MEETING) & (hidden > sheets.NOTHING)).any())

    def _prepared(self, layer: int) -> Prepared | None:
        """A layer and the kernels of the blocks it reaches; None where it does not reach the tile."""
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
                return None
            spans.append(blocks.touched(span))
        (top, bottom), (left, right) = spans
        shape = bottom - top, right - left
        first = self.around // factor - blocks.begin - reach
        source = self._source(
            layer, factor, (first + top * blocks.side, first + left * blocks.side),
            tuple(n * blocks.side + 2 * reach for n in shape),
        )
        kernels = self._kernels(table, blocks, (top, left), shape, reach)
        (y0, y1), (x0, x1) = (blocks.pixels(s, size) for s in spans)
        return Prepared(layer, renderer.layers.blur(layer), blocks, source, kernels, (slice(y0, y1), slice(x0, x1)))

    def _lay(self, layer: Prepared, parts: int, part: int, state: Float32) -> None:
        """Lay one layer behind those in `state` (9, h, w), as seen through a part of the pupil."""
        ordered = self._hidden is not None
        blurred = layer.blurred(ordered, parts, part)
        place = (slice(None), *layer.window)
        after = np.empty(state[place].shape, np.float32)
        factor = layer.blocks.factor
        program = f"behind{' coarse' * (factor > 1)}{' ordered' * ordered}"
        run(program, state[place], blurred, np.array([factor], np.int32), after)
        state[place] = after

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
        gain, threshold = renderer.highlights.gain(renderer.layers.blur(layer)), renderer.highlights.threshold
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
