"""Gradients: the same definitions, run backwards.

The vector-Jacobian product of a chain of fused steps, by Halide's reverse-mode derivative, tile by tile: one small
serial program is called for each tile by several threads, and the tiles' sums are added in float64 in a fixed order.
So memory stays small at any frame size, and the result does not depend on the number of threads.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.engine.programs import obtain
from isp.engine.runtime import Buffer, Program, buffer_of, query_buffer
from isp.engine.segment import Step
from isp.engine.strips import mirrored
from isp.values import Float32, Float64

TILE = 256
"""Side of a tile [px]; part of the definition of the (float32) partial sums, so changing it changes last digits."""
MOST_UNROLLED = 4
"""Channels up to which derivatives are unrolled over them."""


@dataclass(frozen=True)
class Gradient:
    """Derivatives of the weighted sum of the output: per step and array, and (if asked for) of the input pixels."""

    arrays: tuple[Mapping[str, Float64], ...]
    source: Float32 | None


class Adjoint:
    """The reverse-mode derivative of consecutive fused steps.

    Parameters
    ----------
    steps : the steps; their arrays give the point at which to differentiate
    channels : channels of the input (1 or 3) and of the output
    wrt : for each step the names of the arrays to differentiate; default all of a stage that has a parameter tuned by
        gradient
    source_gradient : also return the derivative with respect to the input pixels
    """

    def __init__(
        self,
        steps: Sequence[Step],
        channels: tuple[int, int],
        wrt: Sequence[Sequence[str]] | None = None,
        source_gradient: bool = False,
    ) -> None:
        self.steps = tuple(steps)
        self.channels = channels
        if wrt is None:
            wrt = [sorted(s.arrays) if any(p.tune == "gradient" for p in s.stage.parameters) else () for s in steps]
        self.wrt = tuple(tuple(names) for names in wrt)
        self.source_gradient = source_gradient

    @property
    def scale(self) -> int:
        """Pixels of the input per pixel of the output along each axis."""
        return math.prod(step.scale for step in self.steps)

    @property
    def reach(self) -> int:
        """Input pixels beyond its own that an output pixel reads to each side; even."""
        reach, scale = 0, 1
        for step in self.steps:
            reach += step.reach * scale
            scale *= step.scale
        return reach + reach % 2

    def program(self) -> Program:
        """The compiled derivative, from the cache where it is there."""
        signatures = "\n".join(step.signature for step in self.steps)
        depends = f"adjoint {TILE} {self.channels} {self.wrt} {self.source_gradient}\n{signatures}"
        inputs = 3 + sum(len(step.arrays) for step in self.steps)
        outputs = sum(len(names) for names in self.wrt) + self.source_gradient
        name = "adjoint of " + " + ".join(step.stage.name for step in self.steps)
        return obtain(depends, inputs + outputs, name, self._build)

    def __call__(
        self,
        data: NDArray[Any],
        weights: NDArray[Any],
        phase: tuple[int, int] = (0, 0),
        block: int = 1,
        threads: int | None = None,
    ) -> Gradient:
        """The derivative of sum(weights * output) at `data`.

        Parameters
        ----------
        data : (H, W) or (H, W, 3)
            Input pixels; taken to float32.
        weights : (h, w) or (h, w, 3)
            Derivative of the loss with respect to each output value; as large as the output.
        phase, block : coordinates of the input's top-left pixel and side of its same-colour blocks [px]
        threads : size of the pool; default the processors there are
        """
        if not any(self.wrt) and not self.source_gradient:
            return Gradient(tuple({} for _ in self.steps), None)
        data, weights = _planar(data), _planar(weights)
        tiles = _Tiles(self, data, weights, phase, block)
        with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
            return tiles.total(pool)

    def _build(self) -> tuple[Any, list[Any]]:
        import halide as hl

        from isp.engine.adjoint_schedule import schedule
        from isp.engine.build import define
        from isp.engine.graph import Arrays, Graph, Image

        origin = hl.ImageParam(hl.Float(32), 1, "origin")
        graph = Graph()
        x, y, c = graph.x, graph.y, graph.c
        dims = [2 if n == 1 else 3 for n in self.channels]
        source = hl.ImageParam(hl.Float(32), dims[0], "source")
        weights = hl.ImageParam(hl.Float(32), dims[1], "weights")
        inputs = [source]
        pixels = hl.Func("pixels")
        place = (x, y, c)[: dims[0]]
        # backward parts may ask for a channel beyond the last (and give it no weight)
        pixels[place] = source[(x, y, hl.clamp(c, 0, 2))[: dims[0]]]
        image = Image(pixels, self.channels[0])
        named: list[dict[str, Any]] = []
        scale = self.scale
        for number, step in enumerate(self.steps):
            graph.origin = (hl.i32(origin[0]) * scale, hl.i32(origin[1]) * scale)
            scale //= step.scale
            funcs, lengths = {}, {}
            for name in sorted(step.arrays):
                param = hl.ImageParam(hl.Float(32), step.arrays[name].ndim, f"{step.stage.name}{number}_{name}")
                inputs.append(param)
                index = tuple(hl.Var(f"i{k}") for k in range(param.dimensions()))
                funcs[name] = hl.Func(f"p_{step.stage.name}{number}_{name}")
                funcs[name][index] = param[index]
                lengths[name] = param.dim(param.dimensions() - 1).extent()
            named.append(funcs)
            image = define(graph, image, step, Arrays(funcs, lengths))
        output, seed = hl.Func("output"), hl.Func("seed")
        place = (x, y, c)[: dims[1]]
        output[place] = image[place]
        # backward stencils also read around the tile, where nothing of this tile's output lies
        inside = (x >= 0) & (x < TILE) & (y >= 0) & (y < TILE)
        near = [hl.clamp(x, 0, TILE - 1), hl.clamp(y, 0, TILE - 1)]
        if dims[1] == 3:
            inside = inside & (c >= 0) & (c < 3)
            near.append(hl.clamp(c, 0, 2))
        seed[place] = hl.select(inside, hl.f32(weights[tuple(near)]), hl.f32(0))
        # first and last index of each axis, whatever the type's name says
        region = [hl.Range(0, TILE - 1), hl.Range(0, TILE - 1), hl.Range(0, 2)][: dims[1]]
        derivative = hl.propagate_adjoints(output, seed, region)
        results = [
            _copied(derivative, funcs[name], name)
            for funcs, names in zip(named, self.wrt, strict=True)
            for name in names
        ]
        if self.source_gradient:
            result = _copied(derivative, pixels, "pixels")
            # stated, so that Halide sees where the coordinates it clamps need no clamp
            for axis in result.args()[:2]:
                result.bound(axis, -self.reach, TILE * self.scale + 2 * self.reach)
            if dims[0] == 3:
                result.bound(result.args()[2], 0, 3)
            results.append(result)
        pipeline = hl.Pipeline(results)
        many = tuple(node.func.name().split("$")[0] for node in graph.nodes if node.channels > MOST_UNROLLED)
        schedule(pipeline, many)
        return pipeline, [*inputs, origin, weights]


def _copied(derivative: Any, func: Any, name: str) -> Any:
    """The derivative with respect to `func` as an output of its own; zero where nothing depends on it."""
    import halide as hl

    result = hl.Func(f"d_{name}")
    index = tuple(func.args())
    try:
        result[index] = derivative[func][index]
    except hl.HalideError:
        result[index] = hl.f32(0)
    return result


def _planar(array: NDArray[Any]) -> Float32:
    array = np.asarray(array, np.float32)
    return np.ascontiguousarray(array[None] if array.ndim == 2 else array.transpose(2, 0, 1))


def _flat(planes: Float32) -> Float32:
    """(1, H, W) as (H, W); (3, H, W) as it is: the axes the program knows."""
    return planes[0] if planes.shape[0] == 1 else planes


class _Tiles:
    """The tiles of one frame: each gives its derivative, and their sum is taken in order."""

    def __init__(
        self, adjoint: Adjoint, data: Float32, weights: Float32, phase: tuple[int, int], block: int
    ) -> None:
        self.adjoint, self.data, self.weights, self.phase, self.block = adjoint, data, weights, phase, block
        self.program = adjoint.program()
        self.values = [np.ascontiguousarray(s.arrays[n], np.float32) for s in adjoint.steps for n in sorted(s.arrays)]
        self.shapes = [s.arrays[n].shape for s, names in zip(adjoint.steps, adjoint.wrt, strict=True) for n in names]
        self.scale = adjoint.scale
        height, width = weights.shape[1:]
        # where the output starts in its own grid
        self.place = (-(-phase[0] // self.scale), -(-phase[1] // self.scale))
        px, py = self.place
        # tiles start at whole periods of the red-origin grid, so every tile sees the same CFA phase
        period = max(2 * block // self.scale, 2)
        self.step = TILE // period * period
        self.starts = [(x, y) for y in range(-py, height, self.step) for x in range(-px, width, self.step)]
        self.reach = adjoint.reach
        self.margin = self._margin()

    def _results(self) -> list[Float32]:
        results = [np.zeros(shape, np.float32) for shape in self.shapes]
        if self.adjoint.source_gradient:
            side = TILE * self.scale + 2 * self.reach
            results.append(np.empty((self.data.shape[0], side, side), np.float32))
        return results

    def _outputs(self, results: list[Float32]) -> list[Buffer]:
        """Buffers over the results; the derivative of the pixels, if asked for, covers the tile and its reach."""
        buffers = [buffer_of(r) for r in results[: len(self.shapes)]]
        for pixels in results[len(self.shapes) :]:
            buffers.append(buffer_of(_flat(pixels), (-self.reach, -self.reach, 0)[: _flat(pixels).ndim]))
        return buffers

    def _margin(self) -> int:
        """What the program reads around a tile, asked of the program, in whole pairs of pixels."""
        source = query_buffer("float32", [(0, 0), (0, 0), (0, self.data.shape[0])][: _flat(self.data).ndim])
        weights = np.zeros((self.weights.shape[0], TILE, TILE), np.float32)
        self._call(source, np.zeros(2, np.float32), weights, self._results())
        (x, nx), (y, ny) = source.region[:2]
        side = TILE * self.scale
        margin = max(-x, -y, x + nx - side, y + ny - side, 0)
        return margin + margin % 2

    def _call(self, source: Buffer, origin: Float32, weights: Float32, results: list[Float32]) -> None:
        seeds = buffer_of(_flat(weights))
        values = (buffer_of(v) for v in self.values)
        self.program(source, *values, buffer_of(origin), seeds, *self._outputs(results))

    def _tile(self, start: tuple[int, int]) -> list[Float32]:
        source = _flat(self._read(start))
        origin = np.array([s + p for s, p in zip(start, self.place, strict=True)], np.float32)
        results = self._results()
        mins = (-self.margin, -self.margin, 0)[: source.ndim]
        self._call(buffer_of(source, mins), origin, self._weights(start), results)
        return results

    def _read(self, start: tuple[int, int]) -> Float32:
        """The pixels of the tile and its margin: a view inside the frame, a mirrored copy at its edges."""
        (x, y), (height, width) = self._corner(start), self.data.shape[1:]
        x, y, side = x - self.margin, y - self.margin, TILE * self.scale + 2 * self.margin
        if x >= 0 and y >= 0 and x + side <= width and y + side <= height:
            return self.data[:, y : y + side, x : x + side]
        rows, columns = self._inside(y + np.arange(side), 0), self._inside(x + np.arange(side), 1)
        return np.ascontiguousarray(self.data[:, rows[:, None], columns[None, :]])

    def _weights(self, start: tuple[int, int]) -> Float32:
        """The weights of the tile: a view where it is whole, else a copy with zeros around."""
        (x0, y0), (height, width) = start, self.weights.shape[1:]
        if self.step == TILE and x0 >= 0 and y0 >= 0 and x0 + TILE <= width and y0 + TILE <= height:
            return self.weights[:, y0 : y0 + TILE, x0 : x0 + TILE]
        weights = np.zeros((self.weights.shape[0], TILE, TILE), np.float32)
        top, left = max(y0, 0), max(x0, 0)
        part = self.weights[:, top : y0 + self.step, left : x0 + self.step]
        weights[:, top - y0 : top - y0 + part.shape[1], left - x0 : left - x0 + part.shape[2]] = part
        return weights

    def _corner(self, start: tuple[int, int]) -> tuple[int, int]:
        """Column and row of the frame of the tile's top-left input pixel; may lie outside."""
        x, y = ((s + p) * self.scale - q for s, p, q in zip(start, self.place, self.phase, strict=True))
        return x, y

    def _inside(self, index: NDArray[np.intp], axis: int) -> NDArray[np.intp]:
        return mirrored(index, self.data.shape[1 + axis], self.block, self.phase[1 - axis])

    def total(self, pool: ThreadPoolExecutor) -> Gradient:
        """The sum over all tiles, added in order in float64."""
        sums = [np.zeros(shape, np.float64) for shape in self.shapes]
        sheet = _Sheet(self) if self.adjoint.source_gradient else None
        for start, results in zip(self.starts, pool.map(self._tile, self.starts), strict=True):
            for total, part in zip(sums, results, strict=False):
                total += part
            if sheet is not None:
                sheet.add(self._corner(start), results[-1])
        gradients, position = [], 0
        for names in self.adjoint.wrt:
            gradients.append({name: sums[position + i] for i, name in enumerate(names)})
            position += len(names)
        return Gradient(tuple(gradients), None if sheet is None else sheet.folded())


class _Sheet:
    """The derivative of the input pixels, with room around the frame for what tiles at its edges give."""

    def __init__(self, tiles: _Tiles) -> None:
        self.tiles = tiles
        side = TILE * tiles.scale
        corners = [tiles._corner(start) for start in tiles.starts]
        # how far tiles reach out of the frame to the left and top, right and bottom
        self.before = [max(0, -min(c[axis] for c in corners)) + tiles.reach for axis in (1, 0)]
        ends = [max(c[axis] for c in corners) + side + tiles.reach for axis in (1, 0)]
        channels, *size = tiles.data.shape
        after = [max(0, end - n) for end, n in zip(ends, size, strict=True)]
        extents = [b + n + a for b, n, a in zip(self.before, size, after, strict=True)]
        self.planes = np.zeros((channels, *extents), np.float32)

    def add(self, corner: tuple[int, int], part: Float32) -> None:
        """Add what a tile gave for itself and its reach."""
        top, left = corner[1] - self.tiles.reach + self.before[0], corner[0] - self.tiles.reach + self.before[1]
        self.planes[:, top : top + part.shape[1], left : left + part.shape[2]] += part

    def folded(self) -> Float32:
        """(H, W) or (H, W, 3): what lies outside the frame added to the pixels that it mirrors."""
        planes = self.planes
        for axis in (0, 1):
            size, before = self.tiles.data.shape[1 + axis], self.before[axis]
            line = np.moveaxis(planes, 1 + axis, 0)
            frame = line[before : before + size]
            outside = np.concatenate([np.arange(-before, 0), np.arange(size, len(line) - before)])
            # one by one: several may fall on the same pixel
            for index, inside in zip(outside, self.tiles._inside(outside, axis), strict=True):
                frame[inside] += line[index + before]
            planes = np.moveaxis(frame, 0, 1 + axis)
        return planes[0] if len(planes) == 1 else planes.transpose(1, 2, 0)


Prepare = Callable[[Float64], Sequence[Mapping[str, NDArray[Any]]]]


def chain_prepare(prepare: Prepare, parameters: Float64, gradient: Gradient, step: float = 1e-4) -> Float64:
    """The derivative with respect to parameters, through the host's `prepare`, by central differences in float64.

    Parameters
    ----------
    prepare : parameters (N,) -> for each step its arrays
    parameters : (N,) where to differentiate
    gradient : what `Adjoint` returned
    step : relative step (absolute for parameters below 1)

    Returns
    -------
    (N,) float64
    """
    result = np.zeros(parameters.size)
    for i in range(parameters.size):
        width = step * max(abs(parameters[i]), 1.0)
        ends = []
        for sign in (1.0, -1.0):
            moved = parameters.copy()
            moved[i] += sign * width
            ends.append(prepare(moved))
        for high, low, derivative in zip(ends[0], ends[1], gradient.arrays, strict=True):
            for name, values in derivative.items():
                slope = (np.asarray(high[name], np.float64) - np.asarray(low[name], np.float64)) / (2 * width)
                result[i] += float(np.sum(slope * values))
    return result
