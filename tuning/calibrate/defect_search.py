"""Defect map from frames without light and evenly lit ones: which pixels are hot, stuck or insensitive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from isp.errors import NumericError, UsageError
from isp.values import Float64, RawFrame, frozen
from reports.estimate import Estimate, Measured
from tuning.calibrate.planes import check_alike, linear_planes

THRESHOLD = 6.0
"""Robust standard deviations of its neighbours that a pixel must differ by: one in 5e8 by chance."""
LEAST_DARK = 0.002
"""Least excess of a hot pixel, as a share of white: half a code of 8 bits hides smaller ones."""
LEAST_LIT = 0.16
"""Least relative deviation of an insensitive pixel: a photosite of four missing from a bin makes 25 %, phase-detect
pixels and their correction are below 10 %."""
UNEVEN, UNEVEN_DARK = 0.12, 0.05
"""Standard deviation of the differences, relative to the flat's level and to white, beyond which defects drown."""
MOST = 0.01
"""Share of the frame beyond which this is no defect map but a picture of something."""
_AROUND = 5
"""Side of the median of its own colour that a pixel is compared with [px of one colour]."""


@dataclass(frozen=True)
class DefectMap(Measured):
    """Defective pixels.

    Parameters
    ----------
    positions : (N, 2) int64
        Columns and rows x, y from the frame's first pixel, by rows: what `defect_correction.map` takes.
    hot, dead : (N,) bool
        Which stand out without light, and which with it.
    share : Estimate
        Of the frame.
    dark_limit : float
        Excess from which a pixel counted as hot [of white], the largest of all colours; NaN without dark frames.
    lit_limit : float
        Relative deviation from which a pixel counted as dead; NaN without flat frames.
    shape : (H, W)
    """

    positions: NDArray[np.int64]
    hot: NDArray[np.bool_]
    dead: NDArray[np.bool_]
    share: Estimate
    dark_limit: float
    lit_limit: float
    shape: tuple[int, int]
    warnings: tuple[str, ...] = field(default=())

    @property
    def mask(self) -> NDArray[np.uint8]:
        """(H, W) 0 sound, 1 hot, 2 dead, as ``defects.npy`` of the simulator and `isp run --defects` have it."""
        result = np.zeros(self.shape, np.uint8)
        x, y = self.positions.T
        result[y, x] = np.where(self.dead, 2, 1)
        return result


def defects(
    darks: Sequence[RawFrame] = (), flats: Sequence[RawFrame] = (), *, threshold: float = THRESHOLD
) -> DefectMap:
    """Find defective pixels.

    Parameters
    ----------
    darks : sequence of RawFrame
        Without light, at one exposure: the longest that pictures are taken with shows most hot pixels.
    flats : sequence of RawFrame
        Of an even light, at one exposure, below saturation.
    threshold : float
        Standard deviations of the averaged frames, 4 or more.

    Returns
    -------
    DefectMap

    Raises
    ------
    UsageError
        Neither darks nor flats, frames that differ in size, a threshold below 4.
    NumericError
        More than 1 % of the frame stands out: it shows no even field; or a flat is dark or saturated.

    Notes
    -----
    Frames of a kind are averaged, which leaves the fixed pattern. Each pixel is compared with the median of 5 x 5 of
    its own colour; the standard deviation of all differences (without those beyond 4 of it) says what is chance. Dark
    frames count excess, flats relative deviation to either side.
    """
    if threshold < 4:
        raise UsageError(f"defects: threshold {threshold:g} must be 4 or more standard deviations")
    if not len(darks) and not len(flats):
        raise UsageError("defects: give dark frames, flat frames or both")
    check_alike([*darks, *flats], "defects")
    shape = (darks or flats)[0].shape
    hot, dark_limit = _hot(darks, threshold) if len(darks) else (np.zeros(shape, bool), float("nan"))
    dead, lit_limit = _dead(flats, threshold) if len(flats) else (np.zeros(shape, bool), float("nan"))
    both = hot | dead
    share = float(both.mean())
    if share > MOST:
        raise NumericError(
            f"defects: {100 * share:.1f} % of the pixels stand out, more than {100 * MOST:g} %; the frames show no "
            "even field: cover the lens for darks, and light flats evenly"
        )
    y, x = np.nonzero(both)
    count = int(both.sum())
    # the standard error of a count is its square root
    spread = 1.96 * np.sqrt(max(count, 1)) / both.size
    notes = () if len(darks) and len(flats) else (f"No {'flat' if len(darks) else 'dark'} frames: "
             f"{'dead' if len(darks) else 'hot'} pixels are not looked for.",)  # fmt: skip
    return DefectMap(
        frozen(np.stack([x, y], 1), np.int64), frozen(hot[both]), frozen(dead[both] & ~hot[both]),
        Estimate(share, (max(share - spread, 0.0), share + spread)), dark_limit, lit_limit, shape, notes,
    )  # fmt: skip


def _hot(darks: Sequence[RawFrame], threshold: float) -> tuple[NDArray[np.bool_], float]:
    result, limits = np.zeros(darks[0].shape, bool), []
    for at, plane in _averaged(darks):
        excess = plane - _median(plane)
        _check_even(_deviation(excess), UNEVEN_DARK, "dark frame")
        limits.append(max(threshold * _deviation(excess), LEAST_DARK))
        result[at] = np.abs(excess) > limits[-1]
    return result, max(limits)


def _dead(flats: Sequence[RawFrame], threshold: float) -> tuple[NDArray[np.bool_], float]:
    result, limits = np.zeros(flats[0].shape, bool), []
    for at, plane in _averaged(flats):
        around = _median(plane)
        level = float(np.median(around))
        if not 0.02 < level < 0.95:
            raise NumericError(
                f"defects: a flat of {100 * level:.0f} % of white is too dark or saturated; expose it to 20..80 %"
            )
        relative = plane / np.maximum(around, 0.2 * level) - 1
        _check_even(_deviation(relative), UNEVEN, "flat")
        limits.append(max(threshold * _deviation(relative), LEAST_LIT))
        result[at] = np.abs(relative) > limits[-1]
    return result, max(limits)


def _check_even(deviation: float, most: float, what: str) -> None:
    if deviation > most:
        raise NumericError(
            f"defects: pixels of the {what} differ from their neighbours by {100 * deviation:.0f} %; it shows no even "
            "field, or is too noisy: average more frames"
        )


def _averaged(frames: Sequence[RawFrame]) -> list[tuple[tuple[NDArray[np.intp], NDArray[np.intp]], Float64]]:
    """Mean plane of each colour and where its pixels lie in the frame."""
    from reports.metrics.emva import cfa_planes

    rows, columns = (np.arange(n) for n in frames[0].shape)
    index = np.arange(len(rows) * len(columns)).reshape(frames[0].shape)
    places = cfa_planes(index, frames[0].cfa).values()
    total: list[Float64] = []
    for frame in frames:
        for number, plane in enumerate(linear_planes(frame).values()):
            if len(total) <= number:
                total.append(np.zeros(plane.shape))
            total[number] += plane
    width = len(columns)
    return [((at // width, at % width), plane / len(frames)) for at, plane in zip(places, total, strict=True)]


def _median(plane: Float64) -> Float64:
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(plane, _AROUND, mode="mirror"), np.float64)


def _deviation(gaps: Float64) -> float:
    """Standard deviation without outliers; a median alone is a step of the codes' where noise is as small as they."""
    size = np.abs(gaps)
    found = max(1.4826 * float(np.median(size)), 1e-9)
    for _ in range(3):
        # of a normal variable cut at 4 deviations 99.9 % of the variance are left
        found = float(np.sqrt(np.mean(np.square(gaps[size < 4 * found])))) or found
    return found
