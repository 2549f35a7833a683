"""One frame through a profile, forwards and backwards, for values of the free parameters.

Steps in front of the first one that any free parameter reaches are rendered once and kept. The others are cut into runs
at wide stencils: each run is one program forwards and one backwards, and their vector-Jacobian products are chained
from the picture to the front.

The derivative reaches a parameter through the arrays that the stages' `prepare` makes of it, by central differences of
`prepare` in float64 over the whole walk: so what a stage hands on to later ones (the automatic exposure that follows a
matrix) is part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from isp.engine.adjoint import Adjoint, Gradient
from isp.engine.execute import Plan, block_of, moved, strip_rows
from isp.engine.plan import Placed, channels, is_host
from isp.engine.segment import Port, Segment
from isp.engine.strips import FrameSource, SegmentSource
from isp.errors import UsageError
from isp.stage import Domain
from isp.values import Float32, Float64
from tuning.fitting.parameters import Parameters
from tuning.fitting.walk import Stop, Walk

REACH = 12
"""How far beyond a tile one program may read [px]: longer ones are run less often, and compute their margins twice."""
WIDTH = 1e-4
"""Half the width of a difference of `prepare`, in a parameter's own scale."""


@dataclass(frozen=True)
class Rendered:
    """A picture and what its derivative needs.

    Attributes
    ----------
    vector : (N,) values of the free parameters
    picture : (3, H, W) float32, as the profile's last stage gives it
    inputs : what each run of steps took, in planes
    stops : the walk
    """

    vector: Float64
    picture: Float32
    inputs: tuple[Float32, ...]
    stops: tuple[Stop, ...]


class Chain:
    """A profile on one frame as a function of the free parameters.

    Parameters
    ----------
    walk : Walk
        Its `kept` holds the stages of all free parameters.
    parameters : Parameters
    vector : (N,) or (N + 1,) values to begin with; a last one is the correction of exposure of this frame alone [EV]
    threads : of the engine

    Raises
    ------
    UsageError
        Host code stands behind the first free parameter: it has no derivative.
    """

    def __init__(self, walk: Walk, parameters: Parameters, vector: Float64, threads: int) -> None:
        self.walk, self.parameters, self.threads = walk, parameters, threads
        stops = self._stops(vector, dtype=np.float64)
        self.reached = self._reached(vector, stops)
        self.first = min((i for names in self.reached for i, _ in names), default=len(stops[-1].steps))
        steps = stops[-1].steps
        host = [p.step.stage.name for p in steps[self.first :] if is_host(p)]
        if host:
            raise UsageError(f"stage {host[0]!r} runs on the host behind a free parameter and has no derivative; "
                             "disable it, or free stages behind it only")
        self._base: Float32 | None = None
        self.cuts = _cuts(steps, self.first)

    def render(self, vector: Float64) -> Rendered:
        """The picture at `vector`."""
        stops = tuple(self._stops(vector))
        steps = stops[-1].steps
        inputs: list[Float32] = []
        if self._base is None:
            self._base = self._front(steps)
        planes = self._base
        for begin, end in self.cuts:
            inputs.append(planes)
            planes = _through(steps[begin:end], self._domain(steps, begin), planes)
        return Rendered(vector, planes, tuple(inputs), stops)

    def gradient(self, rendered: Rendered, weights: Float32) -> Float64:
        """(N,) derivative of the sum of `weights` (3, H, W) times the picture, with respect to the free parameters."""
        steps = rendered.stops[-1].steps
        found: dict[tuple[int, str], Float64] = {}
        flowing = weights
        for number in reversed(range(len(self.cuts))):
            begin, end = self.cuts[number]
            run = steps[begin:end]
            domain = self._domain(steps, begin)
            wrt = [self._names(i) for i in range(begin, end)]
            adjoint = Adjoint(
                [p.step for p in run], (channels(domain), channels(run[-1].gives)), wrt, source_gradient=number > 0
            )
            before = run[0].before
            gradient: Gradient = adjoint(
                _pixels(rendered.inputs[number]), _pixels(flowing), before.phase, block_of(before, domain),
                self.threads,
            )
            for index, arrays in zip(range(begin, end), gradient.arrays, strict=True):
                found |= {(index, name): array for name, array in arrays.items()}
            if gradient.source is not None:
                flowing = _planes(gradient.source)
        return self._through_prepare(rendered, found)

    def rows(self, rendered: Rendered, index: int, width: float, bands: Sequence[tuple[int, int]]) -> Float32:
        """(3, rows, W) the picture's rows in `bands` (first, after the last) with one parameter moved by `width`.

        Runs in front of it are not computed again, and of the others only the rows that count.
        """
        vector = rendered.vector.copy()
        vector[index] += width
        steps = self._rewalked(vector, index, rendered.stops)[-1].steps
        before = rendered.stops[-1].steps
        planes: Float32 | None = None
        for number, (begin, end) in enumerate(self.cuts):
            if planes is None:
                if _same(steps[begin:end], before[begin:end]):
                    continue
                planes = rendered.inputs[number]
            around = sum(p.step.reach for p in steps[end:])
            height = steps[end - 1].after.shape[0]
            wanted = [(max(top - around, 0), min(stop + around, height)) for top, stop in bands]
            planes = _through(steps[begin:end], self._domain(steps, begin), planes, wanted)
        picture = rendered.picture if planes is None else planes
        return np.concatenate([picture[:, top:stop] for top, stop in bands], axis=1)

    def _through_prepare(self, rendered: Rendered, found: dict[tuple[int, str], Float64]) -> Float64:
        result = np.zeros(len(rendered.vector))
        for index, names in enumerate(self.reached):
            if not names:
                continue
            low, high, width = self.parameters.around(rendered.vector, index, WIDTH)
            last = rendered.stops[-1].steps[max(i for i, _ in names)].step.stage.name
            ends = [self._rewalked(v, index, rendered.stops, last, np.float64)[-1].steps for v in (low, high)]
            for i, name in sorted(names):
                below, above = (steps[i].step.arrays[name] for steps in ends)
                result[index] += float(np.sum((above - below) / width * found[i, name]))
        return result

    def _rewalked(
        self, vector: Float64, index: int, stops: Sequence[Stop], last: str | None = None,
        dtype: type[Any] = np.float32,
    ) -> list[Stop]:
        """The walk, up to stage `last`, for `vector`, which differs from that of `stops` in one parameter."""
        return self._stops(vector, stops[: self.walk.index[self.parameters.owner(index)] + 1], last, dtype)

    def _stops(
        self, vector: Float64, after: Sequence[Stop] = (), last: str | None = None, dtype: type[Any] = np.float32
    ) -> list[Stop]:
        offset = float(vector[-1]) if len(vector) > len(self.parameters.start) else 0.0
        return self.walk.stops(self.parameters.values(vector), after, offset, last, dtype)

    def _reached(self, vector: Float64, stops: Sequence[Stop]) -> list[frozenset[tuple[int, str]]]:
        """For each parameter the arrays that depend on it, as (number of the step, name)."""
        here = [p.step.arrays for p in stops[-1].steps]
        result = []
        for index in range(len(vector)):
            names = set()
            for probe in self.parameters.probes(vector, index):
                there = self._rewalked(probe, index, stops, dtype=np.float64)[-1].steps
                names |= {
                    (i, name) for i, placed in enumerate(there) for name, a in placed.step.arrays.items()
                    if np.shape(a) != np.shape(here[i][name]) or not np.array_equal(a, here[i][name])
                }
            result.append(frozenset(names))
        return result

    def _names(self, step: int) -> list[str]:
        return sorted({name for names in self.reached for i, name in names if i == step})

    def _domain(self, steps: Sequence[Placed], index: int) -> Domain:
        return steps[index - 1].gives if index else "raw"

    def _front(self, steps: Sequence[Placed]) -> Float32:
        """What the first run takes, in planes: (H, W) or (3, H, W)."""
        data = self.walk.frame.data
        if not self.first:
            return np.asarray(data)
        plan = Plan(steps[: self.first], data.dtype.name, "raw", "float32")
        return _planes(plan.run(data, steps[0].before))


def _cuts(steps: Sequence[Placed], first: int) -> tuple[tuple[int, int], ...]:
    """Runs (begin, end) of the steps from `first` on: a stencil that takes a run's reach too far begins the next."""
    begins, reach = [first], 0
    for i in range(first, len(steps)):
        reach += steps[i].step.reach
        if i > first and ((steps[i].step.reach and reach > REACH) or steps[i].gives == "encoded"):
            begins.append(i)
            reach = steps[i].step.reach
    return tuple((begin, end) for begin, end in pairwise([*begins, len(steps)]) if begin < end)


def _through(
    run: Sequence[Placed], domain: Domain, planes: Float32, bands: Sequence[tuple[int, int]] = ()
) -> Float32:
    """What a run of fused steps makes of `planes`, in planes; with `bands`, other rows hold nothing."""
    data, before = _pixels(planes), run[0].before
    sink = Port("float32", channels(run[-1].gives))
    segment = Segment(tuple(p.step for p in run), Port(data.dtype.name, channels(domain)), sink)
    source = FrameSource(data, before.phase, block_of(before, domain))
    grid = moved(source.grid, run)
    rows = strip_rows(grid.shape[1])
    strips = SegmentSource(segment, segment.program(), source, grid, rows)
    result = sink.empty(*grid.shape)
    for start, stop in bands or [(top, min(top + rows, grid.shape[0])) for top in range(0, grid.shape[0], rows)]:
        strips.strip(start, stop, result[..., start:stop, :])
    return result


def _same(a: Sequence[Placed], b: Sequence[Placed]) -> bool:
    return all(
        np.array_equal(x, y)
        for p, q in zip(a, b, strict=True)
        for x, y in zip(p.step.arrays.values(), q.step.arrays.values(), strict=True)
    )


def _pixels(planes: Float32) -> Float32:
    """(H, W) as it is; (3, H, W) as (H, W, 3), a view."""
    return planes if planes.ndim == 2 else planes.transpose(1, 2, 0)


def _planes(pixels: Float32) -> Float32:
    return np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1))
