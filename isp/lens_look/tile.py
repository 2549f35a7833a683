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
    from isp.lens_look.renderer import Border, Renderer
    from isp.lens_look.spots import Table

TINY = 1e-6


@dataclass(frozen=True)
class Prepared:
    """A layer of a tile, ready to be gathered.

    Parameters
    ----------
    factor : pixels of the picture per pixel, along each axis
    side : of a block [px of the level]
    source : (5, h, w) light, coverage, continuation; from one pixel and the reach of a kernel before the tile
    kernels : (4, blocks, blocks, taps, taps), each with sum 1
    """

    factor: int
    side: int
    source: Float32
    kernels: Float32


class Tile:
    """A tile whose top-left pixel is at `corner` (row, column) of the picture, and what lies around it.

    Parameters
    ----------
    renderer : Renderer
    corner : (row, column) [px of the picture]
    border : Border
    light : (H, W, 3) float32, the whole picture
    layer : (H, W) int16
    """

    def __init__(
        self, renderer: Renderer, corner: tuple[int, int], border: Border, light: Float32, layer: NDArray[np.int16]
    ) -> None:
        self.renderer, self.corner, self.size, self.around = renderer, corner, renderer.size, border.pixels
        rows, columns = (
            _mirrored(start - self.around, self.size + 2 * self.around, n)
            for start, n in zip(corner, layer.shape, strict=True)
        )
        self._layer = np.ascontiguousarray(_part(layer, rows, columns))
        self._light = np.ascontiguousarray(np.moveaxis(_part(light, rows, columns), 2, 0))
        self._hiding = sheets.uncover(self._light, self._layer, border.cell, border.steps)
        self._single_sheet = (self._layer + np.int16(sheets.JUMP - 1)).astype(np.int16)
        near = slice(self.around - border.blur, self.around + self.size + border.blur)
        found = set(np.unique(self._layer[near, near]).tolist())
        if self._hiding is not None:
            found |= set(np.unique(self._hiding.hidden[near, near]).tolist()) - {sheets.NOTHING}
        self._found = sorted(found)

    def render(self, result: Float32) -> None:
        """Put the tile into its place of `result` (H, W, 3)."""
        if len(self._found) == 1:
            total = self._seen(self._prepare(self._found[0]), None)[3:]
        else:
            state = np.zeros((6, self.size, self.size), np.float32)
            state[:3] = 1
            for layer in self._found:
                state = self._seen(self._prepare(layer), state)
            total = state[3:] / np.maximum(1 - state[:3], TINY)
        height, width = result.shape[:2]
        (top, left), size = self.corner, self.size
        y, x = slice(max(top, 0), min(top + size, height)), slice(max(left, 0), min(left + size, width))
        result[y, x] = np.moveaxis(total[:, y.start - top : y.stop - top, x.start - left : x.stop - left], 0, 2)

    def _seen(self, layer: Prepared, state: Float32 | None) -> Float32:
        """The state (6, h, w) behind a layer: what is left to see, and what has been seen."""
        count = layer.kernels.shape[1]
        size = layer.side * count
        planes = 3 if state is None else 7
        blurred = np.empty((planes, size, size), np.float32)
        blocks = blurred.reshape(planes, count, layer.side, count, layer.side).transpose(0, 1, 3, 2, 4)
        side = np.array([layer.side], np.int32)
        run(f"gather {8 if layer.side % 16 else 16}", layer.source, layer.kernels, side, blocks)
        after = np.empty((6, self.size, self.size), np.float32)
        ordered = int(state is not None and self._hiding is not None)
        if state is None:
            state = np.zeros_like(after)
            blurred = np.concatenate([blurred, np.zeros((4, size, size), np.float32)])
        program = "behind" if layer.factor == 1 else "behind coarse"
        run(program, state, blurred, np.array([layer.factor, ordered], np.int32), after)
        return after

    def _prepare(self, layer: int) -> Prepared:
        renderer, size = self.renderer, self.size
        middle = self.corner[0] + size / 2, self.corner[1] + size / 2
        level = renderer.level(layer, *middle)
        factor = 2**level
        begin = _begin(factor)
        side, count = _blocks(size // factor + 2 * begin, renderer.side(factor))
        table = renderer.table(layer, level)
        corners = [renderer.fields(self.corner[0] + a * size, self.corner[1] + b * size) for a in (0, 1) for b in (0, 1)]
        low, high = math.floor(min(corners)), math.ceil(max(corners))
        fields = np.arange(len(table.radius))
        if self._holds_axis():
            low = 0
        held = table.radius[(fields >= min(low, len(fields) - 1) - 1) & (fields <= high + 1)]
        reach = math.ceil(held.max() / factor + 1)
        kernels = self._kernels(table, factor, side, count, reach)
        return Prepared(factor, side, self._source(layer, factor, side * count + 2 * reach, reach), kernels)

    def _holds_axis(self) -> bool:
        x, y = self.renderer.place.axis
        (top, left), size = self.corner, self.size
        return top - 1 <= y <= top + size and left - 1 <= x <= left + size

    def _kernels(self, table: Table, factor: int, side: int, count: int, reach: int) -> Float32:
        optics = self.renderer.optics
        x, y = self.renderer.place.axis
        (top, left), taps = self.corner, 2 * reach + 1
        begin = (side / 2 - _begin(factor)) * factor - 0.5
        place = np.array(
            [
                left + begin - x, top + begin - y, side * factor, side * factor, factor, reach, reach,
                (len(table.half) - 1) / optics.corner, optics.turns * max(optics.blades, 1) / (2 * np.pi),
            ], np.float32,
        )
        kernels = np.empty((4, count, count, taps, taps), np.float32)
        program = "kernels" if optics.turns == 1 else "kernels turning"
        run(program, table.density, table.half.astype(np.float32), place, kernels)
        kernels /= np.maximum(kernels.sum(axis=(3, 4)), TINY)[..., None, None]
        return kernels

    def _source(self, layer: int, factor: int, size: int, reach: int) -> Float32:
        renderer = self.renderer
        x, y = renderer.place.axis
        falloff = renderer.falloff(layer)
        first = self.around // factor - _begin(factor) - reach
        place = np.array([first, first, layer], np.int32)
        box = np.full((factor, factor), 1 / factor**2, np.float32)
        gain, threshold = renderer.highlights.gain(sheets.blur_of(layer)), renderer.highlights.threshold
        tone = np.array(
            [
                x - self.corner[1] + self.around, y - self.corner[0] + self.around,
                (len(falloff) - 1) / renderer.optics.corner**2, gain, 0.8 * threshold, 5 / threshold,
            ], np.float32,
        )
        source = np.empty((5, size, size), np.float32)
        if self._hiding is None:
            run("split", self._light, self._layer, self._single_sheet, box, place, tone, falloff, source)
            return source
        hiding = self._hiding
        alpha = np.ones(self._layer.shape, np.float32)
        run(
            "split sheets", self._light, alpha, self._layer, hiding.reach, hiding.hidden, hiding.behind, box, place, tone,
            falloff, source,
        )
        return source


def _begin(factor: int) -> int:
    """Pixels of a level before the tile that are needed to interpolate."""
    return 0 if factor == 1 else 1


def _blocks(length: int, wanted: int) -> tuple[int, int]:
    """Side of a block (a multiple of 8, about `wanted`) and count that cover `length` with the least left over."""
    counts = range(math.ceil(length / wanted), math.ceil(2 * length / wanted) + 1)
    sides = [(8 * math.ceil(length / count / 8), count) for count in counts]
    return min(sides, key=lambda pair: pair[0] * pair[1])


def _mirrored(start: int, count: int, size: int) -> slice | NDArray[np.intp]:
    """Indices of `count` pixels from `start` on, mirrored at the edges of 0..`size` - 1 (which is not repeated)."""
    if start >= 0 and start + count <= size:
        return slice(start, start + count)
    period = max(2 * (size - 1), 1)
    at = np.abs((np.arange(start, start + count) + size - 1) % period - (size - 1)) if size > 1 else np.zeros(count)
    return at.astype(np.intp)


def _part(plane: NDArray[Any], rows: slice | NDArray[np.intp], columns: slice | NDArray[np.intp]) -> NDArray[Any]:
    return plane[rows][:, columns]
