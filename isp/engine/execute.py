"""Runs a plan: segments and host stages linked into one chain that is pulled strip by strip."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.engine.plan import Placed, blocks, channels, is_host, segment
from isp.engine.segment import Datapath, Port, Segment
from isp.engine.strips import FrameSource, Grid, SegmentSource, Source, StackSource, Window, collect
from isp.errors import ProfileError
from isp.stage import Context, Domain, blamed
from isp.values import Mosaic, Picture, check_finite

Pixels = NDArray[Any] | tuple[NDArray[Any], ...]
"""What a plan runs on: an array, or one for each frame of a set."""

Watching = Callable[[Source, tuple[str, ...]], Source]

STRIP_PIXELS = 1 << 22
"""Pixels per strip, about: keeps the windows of a 200 MP frame small."""


def strip_rows(width: int) -> int:
    """Rows per strip for a frame of this width [px]."""
    return int(np.clip(STRIP_PIXELS // width // 64 * 64, 64, 512))


def block_of(context: Context, domain: Domain) -> int:
    """Side of the same-colour blocks of a value in `domain`; 1 for pictures [px]."""
    return context.cfa.block if domain in ("raw", "mosaic") else 1


def moved(grid: Grid, run: Sequence[Placed]) -> Grid:
    """Where the pixels lie behind a run of steps that start on `grid`."""
    if not run:
        return grid
    before, after = run[0].before, run[-1].after
    shape = grid.shape if after.shape == before.shape else after.shape
    return Grid(shape, after.phase, block_of(after, run[-1].gives))


MEANING: Mapping[Domain, tuple[str, str, str]] = MappingProxyType(
    {
        "camera": ("camera", "linear", "scene"),
        "scene": ("rec2020", "linear", "scene"),
        "display": ("rec2020", "linear", "display"),
        "encoded": ("srgb", "srgb", "display"),
    }
)
"""Space, transfer and reference of a picture in each domain (`encoded`: unless the encode stage says otherwise)."""


def as_value(array: NDArray[Any], domain: Domain, context: Context) -> Mosaic | Picture:
    """An array in `domain` as the value it means; colour arrays are (H, W, 3)."""
    if domain in ("raw", "mosaic"):
        return Mosaic(array, context.cfa, context.noise, context.info)
    return Picture(array, *MEANING[domain], context.info.orientation)


def checked(result: Any, given: NDArray[Any], stage: str) -> NDArray[np.float32]:
    """The array of a host stage's result, or an error that names the stage."""
    array = result.data if isinstance(result, (Mosaic, Picture)) else result
    if not isinstance(array, np.ndarray) or array.dtype != np.float32:
        kind = getattr(array, "dtype", type(array).__name__)
        raise ProfileError(f"stage {stage!r} returned {kind}; it must return float32")
    if array.shape != given.shape:
        raise ProfileError(f"stage {stage!r} returned shape {array.shape}; it must return {given.shape}")
    check_finite(array, f"output of stage {stage!r}")
    return array


class HostSource:
    """Rows of a host stage that works on strips (`Stage.halo`)."""

    granularity = 1

    def __init__(self, placed: Placed, source: Source, domain: Domain, datapath: Datapath | None = None) -> None:
        self.placed, self.domain, self._datapath = placed, domain, datapath
        self.grid = moved(source.grid, [placed])
        self.port = Port("float32", channels(placed.gives))
        self._halo = max(placed.step.stage.halo or 0, 2)  # so that even one row makes a value of 4 x 4
        rows = strip_rows(self.grid.shape[1])
        self._rows = rows
        self._window = Window(source, self._halo, self._halo, rows + 2 * self._halo)

    @property
    def held(self) -> int:
        return self._window.rows.nbytes

    def produce(self, start: int, stop: int, target: NDArray[Any], column: int) -> int:
        halo, width = self._halo, self.grid.shape[1]
        stop = min(stop, self.grid.shape[0])
        for first in range(start, stop, self._rows):
            last = min(first + self._rows, stop)
            view = self._window.view(first - halo, last + halo)[..., : width + 2 * halo]
            given = np.ascontiguousarray(view if view.ndim == 2 else view.transpose(1, 2, 0))
            # the strip is a frame of its own, whose coordinates start at its own phase
            context = self.placed.before.but(cfa=self.placed.before.cfa.shifted(-halo, first - halo), place=None)
            result = run_host(self.placed, given, self.domain, context, self._datapath)
            inner = result[halo : result.shape[0] - halo, halo : result.shape[1] - halo]
            rows = inner if inner.ndim == 2 else inner.transpose(2, 0, 1)
            target[..., first - start : last - start, column : column + width] = rows
        return stop


def run_host(
    placed: Placed, given: NDArray[Any], domain: Domain, context: Context, datapath: Datapath | None = None
) -> NDArray[np.float32]:
    """Apply a host stage to an array, check that it changed nothing and returned what it must, and round that."""
    stage = placed.step.stage
    values = context.resolved.get(stage.name, {}) or placed.after.resolved.get(stage.name, {})
    value = as_value(given, domain, context)
    with blamed(stage):
        result = stage.apply(value, values, context)
    wanted = given
    if channels(placed.gives) != channels(domain):
        wanted = np.empty(given.shape[:2] + ((3,) if channels(placed.gives) == 3 else ()), np.float32)
    array = checked(result, wanted, stage.name)
    return array if datapath is None or placed.gives == "raw" else datapath.rounded(array)


class Plan:
    """A chain of segments and host stages for one kind of frame.

    Parameters
    ----------
    steps : what to run, in order; none makes a copy
    dtype : element type of the input, `uint16`, `uint32` or `float32`
    domain : domain of the input
    sink : element type of the result: `float32`, `uint8` or `uint16`
    datapath : fixed-point arithmetic to imitate between stages
    branches : for a set, the plan of each of its frames up to the stage that merges them, the first of `steps`;
        `domain` is what they give
    apart : True to fuse nothing: every step is a segment of its own
    """

    def __init__(
        self,
        steps: Sequence[Placed],
        dtype: str,
        domain: Domain,
        sink: str,
        datapath: Datapath | None = None,
        branches: Sequence[Plan] = (),
        apart: bool = False,
    ) -> None:
        self.domain = domain
        self.branches = tuple(branches)
        self.runs = blocks(steps, apart=apart)
        self.gives: Domain = steps[-1].gives if steps else domain
        last = Port(sink, channels(self.gives), interleaved=channels(self.gives) == 3)
        self.parts: list[Segment | Placed] = []
        self._runs: list[Sequence[Placed]] = []  # the steps of each part
        self.datapath = datapath
        port = Port("float32", len(branches)) if branches else Port(dtype, channels(domain))
        # what enters behind black_level has been rounded by no stage; the frames of a set have
        entering = datapath is not None and domain != "raw" and not branches
        if entering and (not self.runs or is_host(self.runs[0][0])):
            self._add(Segment((), port, last if not self.runs else Port("float32", port.channels), datapath,
                              round_source=True))
            port = Port("float32", port.channels)
        for number, run in enumerate(self.runs):
            final = number == len(self.runs) - 1
            if is_host(run[0]):
                if port.dtype != "float32":
                    self._add(Segment((), port, Port("float32", port.channels)))
                self._add(run[0], run)
                port = Port("float32", channels(run[0].gives))
                if final:
                    self._add(Segment((), port, last))
            else:
                first = entering and number == 0
                part = segment(run, port, last if final else None, datapath, round_source=first)
                self._add(part, run)
                port = part.sink
        if not self.parts:
            self._add(Segment((), port, last))

    def _add(self, part: Segment | Placed, run: Sequence[Placed] = ()) -> None:
        self.parts.append(part)
        self._runs.append(run)

    @property
    def segments(self) -> list[Segment]:
        """The compiled parts; one that several branches share counts once."""
        own = [p for p in self.parts if isinstance(p, Segment)]
        return list({s.depends: s for part in (*(b.segments for b in self.branches), own) for s in part}.values())

    @property
    def pieces(self) -> list[tuple[Segment | Placed, Sequence[Placed]]]:
        """The parts in order, each with its steps; a mere conversion has none."""
        return list(zip(self.parts, self._runs, strict=True))

    def explain(self, context: Context, *, branch: bool = False) -> list[str]:
        """Segments, what fuses, and where memory goes, a line each; a `branch` hands its rows on."""
        height, width = context.shape
        rows = strip_rows(width)
        lines = []
        if self.branches:
            first = self.branches[0].explain(context, branch=True)
            lines += [f"each of {len(self.branches)} frames, {line}" for line in first[:-1]]
        for number, part in enumerate(self.parts, 1):
            if isinstance(part, Segment):
                reach = sum(s.reach for s in part.steps)
                size = np.dtype(part.sink.dtype).itemsize * part.sink.channels
                last = number == len(self.parts) and not branch
                held = height * width * size if last else (rows + 2 * part.tile[1] + 2 * reach) * width * size
                kind = "whole frame" if last else "window of rows"
                cached = "compiled before" if part.cached() else "to be compiled"
                lines.append(
                    f"segment {number}: {part.name}; reads ±{reach} px; "
                    f"gives {part.sink.channels} x {part.sink.dtype}, {kind} {held / 1e6:.1f} MB; {cached}"
                )
            else:
                halo = part.step.stage.halo
                where = "whole frame in memory" if halo is None else f"strips with {halo} px around"
                lines.append(f"host stage {number}: {part.step.stage.name}; {where}")
        tile = self.segments[0].tile
        lines.append(f"strips of {rows} rows of {width} px; tiles of {tile[0]} x {tile[1]} px")
        return lines

    def compile(self) -> None:
        """Make sure that every program is in memory."""
        for part in self.segments:
            part.program()

    def run(
        self, data: Pixels, context: Context, progress: Callable[[int, int], None] | None = None
    ) -> NDArray[Any]:
        """The result for `data`: (H, W), (H, W, 3), or the arrays of a set's frames."""
        source = self.link(data, context)
        if not isinstance(source, SegmentSource):
            raise RuntimeError("a plan ends in a segment")
        return collect(source, strip_rows(source.grid.shape[1]), progress)

    def link(self, data: Pixels, context: Context, watching: Watching | None = None) -> Source:
        """The chain over `data`, ready to be pulled; whole-frame stages run here.

        `watching` gets each source with the names of its stages and gives what stands in its place.
        """
        domain = self.domain
        source: Source
        if isinstance(data, tuple):
            source = StackSource([b.link(d, context) for b, d in zip(self.branches, data, strict=True)])
        else:
            source = FrameSource(data, context.phase, block_of(context, domain))
        for part, run in self.pieces:
            grid = moved(source.grid, run)
            if isinstance(part, Segment):
                source = SegmentSource(part, part.program(), source, grid, strip_rows(grid.shape[1]))
            elif part.step.stage.halo is not None:
                source = HostSource(part, source, domain, self.datapath)
            else:
                result = run_host(part, _whole(source), domain, part.before, self.datapath)
                source = FrameSource(result, grid.phase, grid.block)
            domain = run[-1].gives if run else domain
            if watching is not None:
                source = watching(source, tuple(p.step.stage.name for p in run))
        return source


def _whole(source: Source) -> NDArray[Any]:
    if isinstance(source, FrameSource):
        return source.data
    height, width = source.grid.shape
    window = Window(source, 0, 0, height)
    rows = window.view(0, height)[..., :width]
    return np.ascontiguousarray(rows if rows.ndim == 2 else rows.transpose(1, 2, 0))
