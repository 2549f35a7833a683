"""The colours of raw frames as planes of linear values, and what several frames have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float64, RawFrame, pattern_to_sites
from reports.metrics.emva import cfa_planes

SITES = ("R", "Gr", "Gb", "B")


def black_of(frame: RawFrame, black: ArrayLike | None = None) -> Float64:
    """(4,) black level of R, Gr, Gb, B [DN]: `black` (one number or four) if given, else what the frame says."""
    level = pattern_to_sites(frame.black, frame.cfa) if black is None else np.asarray(black, np.float64)
    if level.shape not in ((), (4,)) or not np.isfinite(level).all():
        raise UsageError(f"black level {np.asarray(black).tolist()} must be one finite number or four (R, Gr, Gb, B)")
    return np.asarray(np.broadcast_to(level, 4))


def span_of(frame: RawFrame, black: ArrayLike | None = None) -> float:
    """DN from black to white: what linear values are divided by (`isp.stages.black_level`)."""
    return float(frame.white - black_of(frame, black).mean())


def linear_planes(frame: RawFrame, black: ArrayLike | None = None) -> Mapping[str, Float64]:
    """``R``, ``Gr``, ``Gb``, ``B`` (``Y`` of a mono sensor) as planes (h, w), black 0 and white 1."""
    level, span = black_of(frame, black), span_of(frame, black)
    planes = cfa_planes(frame.data, frame.cfa).values()
    names = SITES if len(planes) == 4 else ("Y",)
    return {n: (p - b) / span for n, p, b in zip(names, planes, level, strict=False)}


def check_alike(frames: Sequence[RawFrame], what: str) -> None:
    """`UsageError` unless there are frames, all of one size, CFA and white level."""
    if not frames:
        raise UsageError(f"{what}: no frames given")
    first = frames[0]
    for number, frame in enumerate(frames[1:], 2):
        if (frame.shape, frame.cfa, frame.white) != (first.shape, first.cfa, first.white):
            raise UsageError(
                f"{what}: frame {number} is {frame.shape[1]}x{frame.shape[0]} {frame.cfa}, white {frame.white:g}; the "
                f"first {first.shape[1]}x{first.shape[0]} {first.cfa}, white {first.white:g}; they must agree"
            )


def tiles(plane: Float64, side: int) -> Float64:
    """(rows, columns, side * side) the values of whole tiles of a plane (h, w), from the top left."""
    rows, columns = (n // side for n in plane.shape)
    cut = plane[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return cut.transpose(0, 2, 1, 3).reshape(rows, columns, side * side)
