"""One tile of a picture: its layers made, blurred, and laid one behind another.

Layers are laid square by square, in pixels of the finest layer that reaches the square.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isp.engine.strips import mirrored
from isp.lens_look.blocks import Blocks, Layer, Span
from isp.lens_look.programs import run
from isp.lens_look.squares import SQUARE, Flags, Squares
from isp.lens_look.stack import Spans, Stack, batches
from isp.values import Float32

if TYPE_CHECKING:
    from isp.lens_look.layers import Int16
    from isp.lens_look.renderer import Renderer
    from isp.lens_look.sheets import Sheets
    from isp.lens_look.spots import Table

TINY = 1e-6


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
            mirrored(np.arange(start - around, start + self.size + around), n)
            for start, n in zip(corner, layer.shape, strict=True)
        )
        place = np.ix_(rows, columns) if _bent(rows) or _bent(columns) else (_whole(rows), _whole(columns))
        self._layer = np.ascontiguousarray(layer[place])
        self._light = np.ascontiguousarray(np.moveaxis(light[place], 2, 0))
        self._hidden = None if hiding is None else hiding.at(self._layer, rows, columns)
        self._alpha = np.full((1, 1), 255, np.uint8)
        if self._hidden is not None:
            self._alpha = (
                np.full_like(self._layer, 255, np.uint8) if alpha is None else np.ascontiguousarray(alpha[place])
            )
        reach, hidden = (None, None) if self._hidden is None else self._hidden[:2]
        self._squares = Squares(self.size, around, self._layer, hidden, reach)

    def render(self, result: Float32) -> None:
        """Put the tile into its place of `result` (H, W, 3)."""
        renderer, fields = self.renderer, self._fields()
        levels = {k: renderer.level(k, *fields) for k in self._squares.numbers}
        tables = renderer.tables(levels)
        reaches = {k: self._radius(tables[k]) + 3 * 2**level for k, level in levels.items()}
        reached = {k: self._squares.reached(k, reach) for k, reach in reaches.items()}
        layers = [
            self._prepared(k, Blocks.of(self.size, 2**level, renderer.place.block(2**level)), tables[k], reached[k])
            for k, level in levels.items() if reached[k].any()
        ]
        if len(levels) == 1:
            self._show_alone(layers[0], result)
            return
        hides = self._squares.near("hides", reaches)
        meets = self._squares.near("meets", reaches) & (renderer.parts > 1)
        flags = np.array([reached[layer.number] for layer in layers])
        for where, parts in ((~meets, 1), (meets, renderer.parts)):
            if where.any():
                self._look(layers, flags, where, hides, parts, result)

    def _look(
        self, layers: list[Layer], reached: Flags, where: Flags, hides: Flags, parts: int, result: Float32
    ) -> None:
        """Show the squares in `where`, of which the pupil's parts x parts have each a look of its own."""
        used = [self._spans(layer.blocks, near) if near.any() else None for layer, near in
                zip(layers, reached & where, strict=True)]
        squares = batches(layers, reached, where)
        seen = [np.zeros((len(batch.squares), 6, *batch.shape(batch.factor)), np.float32) for batch in squares]
        for part in range(parts**2):
            stack = Stack(layers, used, parts, part)
            seen = [stack.look(before, batch, hides) for before, batch in zip(seen, squares, strict=True)]
        for batch, planes in zip(squares, seen, strict=True):
            for (row, column), square in zip(batch.squares, planes, strict=True):
                self._show(square, batch.factor, (row * SQUARE, column * SQUARE), SQUARE, result)

    def _spans(self, blocks: Blocks, squares: Flags) -> Spans:
        """Rows and columns of blocks that squares are made of."""
        down, across = (np.flatnonzero(squares.any(axis=axis)) for axis in (1, 0))
        rows, columns = (
            blocks.touched((int(at[0]) * SQUARE, min((int(at[-1]) + 1) * SQUARE, self.size))) for at in (down, across)
        )
        return rows, columns

    def _prepared(self, number: int, blocks: Blocks, table: Table, squares: Flags) -> Layer:
        """A layer and the kernels of the blocks that `squares` are made of."""
        reach = math.ceil(self._radius(table) / blocks.factor + 1)
        (top, bottom), (left, right) = spans = self._spans(blocks, squares)
        shape = bottom - top, right - left
        first = self.around // blocks.factor - blocks.begin - reach
        source = self._source(
            number, blocks.factor, (first + top * blocks.side, first + left * blocks.side),
            (shape[0] * blocks.side + 2 * reach + 1, shape[1] * blocks.side + 2 * reach),
        )
        kernels = self._kernels(table, blocks, (top, left), shape, reach)
        return Layer(number, self.renderer.layers.blur(number), blocks, spans, source, kernels)

    def _show(self, planes: Float32, factor: int, corner: Span, side: int, result: Float32) -> None:
        """Put what is seen of a square of the tile, (6, h, w) in pixels of `factor`, into its place of `result`."""
        spans = []
        for at, start, length in zip(corner, self.corner, result.shape, strict=False):
            first, last = max(at + start, 0), min(at + min(side, self.size - at) + start, length)
            if first >= last:
                return
            spans.append((first, last, first - at - start))
        (top, bottom, y), (left, right, x) = spans
        whole = np.empty((min(side, self.size - corner[0]), min(side, self.size - corner[1]), 3), np.float32)
        run("show coarse" if factor > 1 else "show", planes, np.array([1 / factor], np.float32), whole)
        result[top:bottom, left:right] = whole[y : y + bottom - top, x : x + right - left]

    def _show_alone(self, layer: Layer, result: Float32) -> None:
        """The tile where it is one layer."""
        planes = np.ones((6, *layer.size(layer.spans)), np.float32)
        layer.gather(layer.spans, planes[:3])
        self._show(planes, layer.blocks.factor, (0, 0), self.size, result)

    def _radius(self, table: Table) -> float:
        """Of the largest spot in the tile [px]."""
        return float(table.radius[self._held(len(table.radius))].max())

    def _held(self, count: int) -> slice:
        """Which of `count` fields the tile's are among."""
        nearest, farthest = self._fields()
        return slice(min(math.floor(nearest), count - 1), min(math.ceil(farthest), count - 1) + 1)

    def _fields(self) -> tuple[float, float]:
        """Least and greatest field number in the tile."""
        renderer, (top, left), size = self.renderer, self.corner, self.size
        x, y = renderer.place.axis
        nearest = renderer.fields(min(max(y, top), top + size), min(max(x, left), left + size))
        return nearest, max(renderer.fields(top + a, left + b) for a in (0, size) for b in (0, size))

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
        box = np.full((factor, factor), 1 / factor**2, np.float32)
        gain, threshold = renderer.highlights.gain(renderer.layers.blur(layer)), renderer.highlights.threshold
        tone = np.array(
            [
                x - self.corner[1] + self.around, y - self.corner[0] + self.around,
                (len(falloff) - 1) / renderer.optics.corner**2, gain, 0.8 * threshold, 5 / threshold,
            ], np.float32,
        )
        source = np.zeros((5, *shape), np.float32)
        spans = [
            (max(low // factor - at, 0), min(high // factor - at, n))
            for (low, high), at, n in zip(self._squares.box(layer), first, shape, strict=True)
        ]
        if any(low >= high for low, high in spans):
            return source
        inside = source[:, *(slice(*span) for span in spans)]
        place = np.array([first[1] + spans[1][0], first[0] + spans[0][0], layer], np.int32)
        if self._hidden is None:
            run("split", self._light, self._layer, self._layer, box, place, tone, falloff, inside)
            return source
        reach, hidden, behind = self._hidden
        sheets = self._alpha, self._layer, reach, hidden, behind
        run("split sheets", self._light, *sheets, box, place, tone, falloff, inside)
        return source


def _bent(indices: NDArray[np.intp]) -> bool:
    return int(indices[-1]) - int(indices[0]) != len(indices) - 1 or bool((np.diff(indices) < 0).any())


def _whole(indices: NDArray[np.intp]) -> slice:
    return slice(int(indices[0]), int(indices[-1]) + 1)
