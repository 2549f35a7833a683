"""A profiled variant: every stage compiled on its own, a clock on each, and a look at what each gives.

Fused stages run inside one another: no clock can be put between them. Here each is a segment of its own, so the numbers
say what a stage costs alone, with its input read from and its output written to memory. Their sum is more than what the
fused program takes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.engine.execute import Plan, as_value
from isp.engine.plan import Placed
from isp.engine.strips import Source
from isp.errors import UsageError
from isp.stage import Context
from isp.values import Mosaic, Picture

Place = tuple[int, int, int, int]
"""Left, top, width, height of a crop [px]."""
MOST_PIXELS = 1 << 22
"""Pixels that are timed, about."""
STRIP_ROWS = 256
CROP = (480, 360)
"""Width and height of the crop that is kept by default [px]."""


@dataclass
class Watch:
    """What is learnt of one stage while rows are pulled through it.

    Parameters
    ----------
    names : of the stages in this part (one, or the copy that ends a chain behind host code)
    seconds : spent in this part alone, so far [s]
    held : bytes of its window of input rows, or of its whole output
    crop : (h, w) or (planes, h, w) of its output
    """

    names: tuple[str, ...]
    seconds: float = 0.0
    held: int = 0
    crop: NDArray[Any] | None = None


class Clock:
    """Knows which part is at work: time inside an inner part is not its caller's."""

    def __init__(self) -> None:
        self._inner = [0.0]

    def start(self) -> float:
        self._inner.append(0.0)
        return time.perf_counter()

    def stop(self, began: float) -> float:
        """Seconds since `began` without those of inner parts."""
        whole = time.perf_counter() - began
        inner = self._inner.pop()
        self._inner[-1] += whole
        return whole - inner


class Watched:
    """A source that is timed, and whose rows inside `place` are kept."""

    def __init__(self, source: Source, watch: Watch, clock: Clock, place: Place) -> None:
        self.source, self.watch, self._clock, self._place = source, watch, clock, place
        self.port, self.grid, self.granularity = source.port, source.grid, source.granularity
        planes = () if self.port.channels == 1 else (self.port.channels,)
        self.watch.crop = np.zeros((*planes, place[3], place[2]), self.port.dtype)

    @property
    def held(self) -> int:
        return self.source.held

    def produce(self, start: int, stop: int, target: NDArray[Any], column: int) -> int:
        began = self._clock.start()
        last = self.source.produce(start, stop, target, column)
        self.watch.seconds += self._clock.stop(began)
        self.watch.held = self.source.held
        self._keep(start, last, target, column)
        return last

    def _keep(self, start: int, last: int, target: NDArray[Any], column: int) -> None:
        left, top, width, height = self._place
        first, end = max(start, top), min(last, top + height)
        if first < end:
            rows = target[..., first - start : end - start, column + left : column + left + width]
            self.watch.crop[..., first - top : end - top, :] = rows  # type: ignore[index]


def pull(source: Source, top: int, bottom: int, strip_rows: int) -> int:
    """Pull the rows `top`..`bottom` and forget them; returns how many there were."""
    step = max(strip_rows // source.granularity, 1) * source.granularity
    start = top // step * step
    room = source.port.empty(step + source.granularity, source.grid.shape[1])
    planes = room.transpose(2, 0, 1) if room.ndim == 3 and source.port.interleaved else room
    begin = start
    while start < bottom:
        stop = min(start + step, source.grid.shape[0])
        start = source.produce(start, stop, planes[..., : stop - start, :], 0)
    return start - begin


def measured(
    plan: Plan, data: NDArray[Any], context: Context, steps: Sequence[Placed], place: Place | None, repeats: int
) -> Iterator[tuple[str, tuple[float, ...], int, int, Mosaic | Picture]]:
    """Name, seconds of each repeat, pixels, bytes held and cropped output of each step of a plan whose steps are apart.

    Raises
    ------
    UsageError
        `place` lies outside the frame, or `repeats` is below 1.
    """
    height, width = context.shape
    left, top, w, h = place or _middle(width, height)
    if min(left, top) < 0 or min(w, h) < 2 or left + w > width or top + h > height:
        raise UsageError(f"crop {(left, top, w, h)} must lie inside the frame of {width} x {height}")
    if repeats < 1:
        raise UsageError(f"repeats {repeats} must be at least 1")
    plan.compile()
    rounds = []
    pixels = 0
    for _ in range(repeats):
        observer = _Observer((left, top, w, h), context.shape)
        source = plan.link(data, context, observer)
        rows, columns = source.grid.shape
        band = max(MOST_PIXELS // columns, 1)
        _, first, _, tall = observer.place_in(source.grid.shape)
        begin = int(np.clip(first + tall // 2 - band // 2, 0, max(rows - band, 0)))
        done = pull(source, min(begin, first), max(min(begin + band, rows), first + tall), min(band, STRIP_ROWS))
        pixels = round(done / rows * height * width)
        rounds.append([watch for watch in observer.watches if watch.names])
    for number, placed in enumerate(steps):
        watch = rounds[-1][number]
        crop = watch.crop if watch.crop is not None else np.zeros((2, 2), np.float32)
        values = _as_float(crop if crop.ndim == 2 else np.ascontiguousarray(crop.transpose(1, 2, 0)))
        x, y, *_ = scaled((left, top, w, h), (height, width), placed.after.shape)
        after = placed.after.but(cfa=placed.after.cfa.shifted(x, y))
        seconds = tuple(r[number].seconds for r in rounds)
        yield placed.step.stage.name, seconds, pixels, watch.held, as_value(values, placed.gives, after)


class _Observer:
    """Puts a watch on every source of a chain."""

    def __init__(self, place: Place, shape: tuple[int, int]) -> None:
        self.watches: list[Watch] = []
        self._clock = Clock()
        self._place, self._shape = place, shape

    def place_in(self, shape: tuple[int, int]) -> Place:
        return scaled(self._place, self._shape, shape)

    def __call__(self, source: Source, names: tuple[str, ...]) -> Source:
        watch = Watch(names)
        self.watches.append(watch)
        return Watched(source, watch, self._clock, self.place_in(source.grid.shape))


def scaled(place: Place, shape: tuple[int, int], other: tuple[int, int]) -> Place:
    """The place in a frame of another size [px]."""
    if other == shape:
        return place
    fy, fx = other[0] / shape[0], other[1] / shape[1]
    left, top = min(int(place[0] * fx), other[1] - 2), min(int(place[1] * fy), other[0] - 2)
    return left, top, max(2, min(int(place[2] * fx), other[1] - left)), max(2, min(int(place[3] * fy), other[0] - top))


def _middle(width: int, height: int) -> Place:
    w, h = min(CROP[0], width), min(CROP[1], height)
    return (width - w) // 2, (height - h) // 2, w, h


def _as_float(values: NDArray[Any]) -> NDArray[np.float32]:
    if values.dtype.kind == "u":
        return np.asarray(values / np.float32(np.iinfo(values.dtype).max), np.float32)
    return np.asarray(values, np.float32)
