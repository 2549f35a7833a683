"""Green imbalance: how much the greens on red rows differ from those on blue rows, from even fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import NumericError, UsageError
from isp.stage import COLORED
from isp.values import Float64, RawFrame, frozen
from reports.estimate import Estimate, Measured, bootstrap
from reports.metrics.emva import cfa_planes
from tuning.calibrate.planes import check_alike, linear_planes, tiles

CELLS = 16
"""Cells along the longer side of the frame."""
MARGIN = 1.5
"""Threshold over the largest imbalance: the stage corrects in full up to the threshold, and other colours than grey
give other imbalances."""
LEAST = 0.01
"""Smallest threshold that is proposed: the noise of the stage's local means lies below it in good light."""


@dataclass(frozen=True)
class GreenImbalance(Measured):
    """(Gr - Gb) / mean of both.

    Parameters
    ----------
    imbalance : Estimate
        Mean over the frame, signed; the interval is from resampling cells.
    largest : Estimate
        Size of the largest of all cells.
    threshold : float
        What `green_equalization.threshold` needs to remove it.
    cells : (rows, columns) float64
    """

    imbalance: Estimate
    largest: Estimate
    threshold: float
    cells: Float64 = field(repr=False)


def green_imbalance(flats: Sequence[RawFrame], *, black: ArrayLike | None = None) -> GreenImbalance:
    """Imbalance of the greens of an even field.

    Parameters
    ----------
    flats : sequence of RawFrame
        Frames of even fields, of any light and level.
    black : float or (4,), optional
        Black level [DN]; what the frames say by default.

    Raises
    ------
    UsageError
        No frames, frames that differ in size, or a mosaic without two greens.
    NumericError
        Greens that are too dark or saturated.
    """
    check_alike(flats, "green imbalance")
    if flats[0].cfa.family not in COLORED:
        raise UsageError(f"green imbalance: CFA {flats[0].cfa} has no two greens")
    side = max(4, max(flats[0].shape) // 2 // CELLS)
    found = []
    for frame in flats:
        planes = linear_planes(frame, black)
        one, other = (tiles(planes[name], side).mean(-1) for name in ("Gr", "Gb"))
        middle = (one + other) / 2
        # the two lie a pixel apart along both axes, on a field that slopes
        slopes = [np.gradient(middle, axis=axis) / side for axis in (0, 1)]
        one = one - sum(shift * slope for shift, slope in zip(_apart(frame), slopes, strict=True))
        if not 0.01 < float(np.median(middle)) < 0.95:
            raise NumericError(
                f"green imbalance: greens of {100 * float(np.median(middle)):.1f} % of white are too dark or "
                "saturated; expose flats to 20..80 %"
            )
        found.append((one - other) / middle)
    cells = np.mean(found, axis=0)
    count = cells.size
    # the largest of many cells is mostly noise: what is sure of it is left
    spread = 1.4826 * float(np.median(np.abs(cells - np.median(cells))))
    chance = spread * np.sqrt(2 * np.log(max(count, 2)))
    largest = max(abs(float(np.median(cells))), float(np.abs(cells).max()) - chance)
    mean = bootstrap(cells.ravel(), seed=0)
    return GreenImbalance(
        mean, Estimate(largest, (max(largest - chance, 0.0), largest + chance)), max(LEAST, MARGIN * largest),
        frozen(cells),
    )  # fmt: skip


def _apart(frame: RawFrame) -> tuple[float, float]:
    """How far below and to the right of Gb the sites of Gr lie [px of one colour]."""
    # one period says it all
    rows, columns = np.indices((2 * frame.cfa.block,) * 2)
    down, across = (cfa_planes(index, frame.cfa) for index in (rows, columns))
    gaps = [float((part["Gr"] - part["Gb"].astype(np.float64)).mean()) / 2 for part in (down, across)]
    return gaps[0], gaps[1]
