"""A segment: consecutive fused stages as one Halide program under the one generic schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.engine.programs import is_cached, object_code, obtain
from isp.engine.runtime import Program
from isp.engine.sources import source_digest
from isp.stage import Context, Domain, Stage

LIMITS = ("datapath", "limits")
"""Stands for a stage and the name of its array where a datapath's numbers are meant."""
TILE = (512, 64)
"""Width and height of a tile [px]. Results do not depend on it (see `docs/engine.md`)."""


@dataclass(frozen=True)
class Step:
    """One stage, ready to be built: what its program depends on, and the numbers it reads at run time."""

    stage: Stage
    structure: Mapping[str, str | int]
    arrays: Mapping[str, NDArray[np.float32]]

    @property
    def reach(self) -> int:
        """Pixels read to each side [px]."""
        return self.stage.reach(self.structure)

    @property
    def scale(self) -> int:
        """Pixels of the input per pixel of the output along each axis."""
        return self.stage.scale(self.structure)

    @property
    def signature(self) -> str:
        """What the compiled program depends on, as text."""
        axes = {name: array.ndim for name, array in sorted(self.arrays.items())}
        return f"{self.stage.name}{sorted(self.structure.items())}{axes}{source_digest(type(self.stage).__module__)}"


def make_step(
    stage: Stage, values: Mapping[str, Any], context: Context, domain: Domain, dtype: type[Any] = np.float32
) -> Step:
    """A fused stage with plain `values`, ready to be built for a value in `domain`.

    The side of a block CFA's blocks joins the structure, as `block`. Programs take arrays of float32; `dtype` is
    another for who takes differences of them.
    """
    structure = stage.structure(values, context)
    if domain in ("raw", "mosaic") and context.cfa.block > 1:
        structure = {**structure, "block": context.cfa.block}
    arrays = {name: np.ascontiguousarray(a, dtype) for name, a in stage.prepare(values, context).items()}
    return Step(stage, structure, arrays)


@dataclass(frozen=True)
class Port:
    """What a segment reads or writes: element type, channels, and whether the channels are interleaved."""

    dtype: str
    channels: int
    interleaved: bool = False

    def empty(self, rows: int, columns: int) -> NDArray[Any]:
        """A new array for rows x columns pixels: (rows, columns), (rows, columns, 3), or planar (3, rows, columns)."""
        if self.channels == 1:
            return np.empty((rows, columns), self.dtype)
        shape = (rows, columns, self.channels) if self.interleaved else (self.channels, rows, columns)
        return np.empty(shape, self.dtype)


@dataclass(frozen=True)
class Datapath:
    """Fixed-point emulation between stages: signed, `bits` wide, `headroom` integer bits above white.

    `rounding` is `nearest` (ties up, as adding half and cutting off does), `nearest_even` (ties to the even code) or
    `truncate` (cutting off, towards minus infinity, as an arithmetic shift does).
    """

    bits: int
    headroom: int = 2
    rounding: str = "nearest"

    @property
    def array(self) -> NDArray[np.float32]:
        """(3,): codes per unit, lowest and highest value. All are exact in float32, and so are the codes."""
        scale = 2.0 ** (self.bits - 1 - self.headroom)
        limit = 2.0**self.headroom
        return np.array([scale, -limit, limit - 1 / scale], np.float32)

    def rounded(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The values that the datapath holds, as programs compute them, for what host code gives."""
        scale, low, high = self.array
        codes = values * scale
        if self.rounding == "nearest":
            codes = np.floor((np.floor(codes * np.float32(2)) + np.float32(1)) * np.float32(0.5))
        else:
            codes = np.rint(codes) if self.rounding == "nearest_even" else np.floor(codes)
        held: NDArray[np.float32] = np.clip(codes / scale, low, high).astype(np.float32)
        return held


@dataclass(frozen=True)
class Segment:
    """Consecutive fused steps between two ports.

    With a `datapath`, the value behind each step is rounded to it, but for the first `raw`, which give digital numbers
    [DN]; `round_source` says that the source is rounded too.
    """

    steps: tuple[Step, ...]
    source: Port
    sink: Port
    datapath: Datapath | None = None
    tile: tuple[int, int] = TILE
    raw: int = 0
    round_source: bool = False

    @property
    def name(self) -> str:
        """The stages' names, joined."""
        return " + ".join(s.stage.name for s in self.steps) or "copy"

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Stage and name of each of `arrays`."""
        keys = [(step.stage.name, name) for step in self.steps for name in sorted(step.arrays)]
        return [*keys, LIMITS] if self.datapath else keys

    @property
    def arrays(self) -> list[NDArray[np.float32]]:
        """The run-time numbers, in the order of the program's arguments."""
        arrays = [step.arrays[name] for step in self.steps for name in sorted(step.arrays)]
        return [*arrays, self.datapath.array] if self.datapath else arrays

    @property
    def depends(self) -> str:
        """What the compiled program depends on, beside the engine and the machine."""
        rounding = self.datapath.rounding if self.datapath else None
        head = repr((self.source, self.sink, self.tile, rounding, self.raw, self.round_source))
        return "\n".join([head, *(step.signature for step in self.steps)])

    def cached(self) -> bool:
        """True if the program need not be compiled."""
        return is_cached(self.depends)

    def program(self) -> Program:
        """The compiled program, from the cache where it is there."""
        return obtain(self.depends, len(self.arrays) + 2, self.name, self._build)

    def object_for(self, target: str) -> tuple[str, bytes]:
        """Symbol and object file of the program for another machine, in Halide's notation."""
        return object_code(self.depends, lambda: self._build(target), target)

    def _build(self, target: str = "") -> tuple[Any, list[Any]]:
        import halide as hl

        from isp.engine.build import build_segment, host_target, render_schedule

        built = build_segment(self)
        render_schedule(built, self.tile, hl.Target(target) if target else host_target())
        return built.output, built.inputs
