"""Runs fused colour stages on arrays, through the engine, without a profile."""

from __future__ import annotations

from typing import Any

import numpy as np

from isp.cfa import Cfa
from isp.engine.segment import Port, Segment, Step
from isp.engine.strips import chain, collect
from isp.stage import Context, Stage

CONTEXT = Context(Cfa("RGGB"), (8, 8))


def plain(stage: Stage, **changes: Any) -> dict[str, Any]:
    """The stage's defaults with some values changed, checked."""
    values = {p.name: p.default for p in stage.parameters} | changes
    return {p.name: p.check(values[p.name]) for p in stage.parameters}


def step(stage: Stage, context: Context = CONTEXT, **changes: Any) -> Step:
    values = plain(stage, **changes)
    arrays = {k: np.ascontiguousarray(a, np.float32) for k, a in stage.prepare(values, context).items()}
    return Step(stage, stage.structure(values, context), arrays)


def run(pixels: Any, *steps: Step, phase: tuple[int, int] = (0, 0)) -> np.ndarray:
    """The steps as one segment, on (H, W) or (H, W, 3) float32; float32 out."""
    pixels = np.ascontiguousarray(pixels, np.float32)
    channels = 1 if pixels.ndim == 2 else 3
    port = Port("float32", channels, False)
    segment = Segment(steps, port, Port("float32", channels, channels == 3))
    return collect(chain([segment], [segment.program()], pixels, phase))
