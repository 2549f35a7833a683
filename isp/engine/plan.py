"""From resolved steps to segments: what fuses with what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isp.engine.segment import Datapath, Port, Segment, Step
from isp.stage import Context, Domain

SEGMENT_REACH = 16
"""Largest sum of stencil reaches fused into one segment [px]; beyond it, recomputed halos cost more than memory."""


@dataclass(frozen=True)
class Placed:
    """A step, the domain it gives, and the context it ran in."""

    step: Step
    gives: Domain
    before: Context
    after: Context


def channels(domain: Domain) -> int:
    """Channels of a value in `domain`."""
    return 1 if domain in ("raw", "mosaic") else 3


def is_host(placed: Placed) -> bool:
    """True for stages that run host code between segments."""
    return placed.step.stage.kind in ("numpy", "frame")


def blocks(steps: Sequence[Placed], *, apart: bool = False) -> list[list[Placed]]:
    """Runs of fused steps, cut at host stages (each a block of its own) and where reaches add up, or every step."""
    if apart:
        return [[placed] for placed in steps]
    result: list[list[Placed]] = []
    total = 0
    for placed in steps:
        reach = 0 if is_host(placed) else placed.step.reach
        alone = is_host(placed) or not result or is_host(result[-1][-1])
        # a pointwise step adds no halo, so it joins even a stencil that reaches far by itself
        if alone or (reach and total + reach > SEGMENT_REACH):
            result.append([])
            total = 0
        result[-1].append(placed)
        total += reach
    return result


def segment(
    run: Sequence[Placed], source: Port, sink: Port | None, datapath: Datapath | None, *, round_source: bool = False
) -> Segment:
    """The segment of a run of fused steps; without `sink` it hands float32 planes on."""
    sink = sink or Port("float32", channels(run[-1].gives))
    raw = sum(p.gives == "raw" for p in run)
    return Segment(tuple(p.step for p in run), source, sink, datapath, raw=raw, round_source=round_source)
