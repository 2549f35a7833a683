"""Black level from frames without light, and whether it holds over frames, exposure and temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import NumericError, UsageError
from isp.values import Float64, RawFrame, frozen, pattern_to_sites
from reports.estimate import NORMAL, Estimate, Measured
from reports.metrics.emva import CUT, cfa_planes
from tuning.calibrate.planes import SITES, check_alike, tiles

HOT = 6.0
"""Robust standard deviations beyond which a pixel is a defect and not black."""
TILE = 16
"""Side of the parts whose spread tells how sure the mean is [px of one colour]: rows and columns have offsets of their
own, so that pixels are not independent."""
LIT = 0.02
"""Share of the span to white that a frame without light stays below."""
APART, OFF = 0.005, 0.01
"""Largest spread between the colours, and distance from what the file says, that raise no question, as shares of the
span to white (the limits of Raspberry Pi's camera tuning tool)."""


@dataclass(frozen=True)
class BlackLevel(Measured):
    """Black level.

    Parameters
    ----------
    level : mapping of site to Estimate [DN]
        ``R``, ``Gr``, ``Gb``, ``B`` (``Y`` of a mono sensor), extrapolated to no exposure where exposures differ.
    per_frame : Estimate [DN]
        Change of the mean level from one frame to the next, in the order given.
    per_second : Estimate [DN/s]
        Change with exposure: mean dark current.
    per_degree : Estimate [DN/K]
    spread : Estimate [DN]
        Largest minus smallest level of the colours.
    means : (N, 4 or 1) float64 [DN]
        Of each frame.
    warnings : sentences
    """

    level: Mapping[str, Estimate]
    per_frame: Estimate
    per_second: Estimate
    per_degree: Estimate
    spread: Estimate
    means: Float64 = field(repr=False)
    warnings: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[float, float, float, float]:
        """R, Gr, Gb, B [DN], as the stage `black_level` takes them."""
        found = [float(e) for e in self.level.values()]
        return tuple(found * (4 // len(found)))  # type: ignore[return-value]


def black_level(
    darks: Sequence[RawFrame], *, exposures: ArrayLike | None = None, temperatures: ArrayLike | None = None
) -> BlackLevel:
    """Black level of each colour.

    Parameters
    ----------
    darks : sequence of RawFrame
        Frames without light of one sensor mode and ISO.
    exposures : (N,) float, optional
        [s]; what the frames say by default.
    temperatures : (N,) float, optional
        Of the sensor [degrees C].

    Returns
    -------
    BlackLevel
        Drifts are n.a. where nothing differs between the frames that could tell.

    Raises
    ------
    UsageError
        No frames, frames that differ in size, exposures or temperatures that are not one per frame.
    NumericError
        A frame has light in it.

    Notes
    -----
    The level is a mean, since the median of whole codes is a whole code; pixels beyond 6 robust standard deviations
    are left out. A line through the frames' means over exposure is followed to 0, where no dark current is left.
    """
    check_alike(darks, "black level")
    first = darks[0]
    names = SITES if first.cfa.family != "mono" else ("Y",)
    found = [[_mean(plane) for plane in cfa_planes(frame.data, frame.cfa).values()] for frame in darks]
    means, errors = (np.array([[pair[i] for pair in row] for row in found]) for i in (0, 1))
    stated = pattern_to_sites(first.black, first.cfa)[: len(names)]
    span = first.white - float(means.mean())
    if span <= 0 or (means - means.min() > LIT * span).any() or (means - stated.mean() > 10 * LIT * span).any():
        raise NumericError(
            f"black level: frames with means {means.min():.1f} to {means.max():.1f} DN (the file's black is "
            f"{stated.mean():.1f}) have light in them; give frames taken with the lens covered"
        )
    together = means.mean(axis=1)
    weight = 1 / np.maximum(errors.mean(axis=1), 1e-9)
    seconds = _numbers(exposures, [f.info.exposure for f in darks], "exposures")
    degrees = _numbers(temperatures, [None] * len(darks), "temperatures")
    current = _slope(seconds, together, weight, "DN/s", "exposures")
    level = {}
    for site, name in enumerate(names):
        values, deviation = means[:, site], errors[:, site]
        if current.known and seconds is not None:
            values = values - float(current) * seconds
            deviation = np.hypot(deviation, (current.interval[1] - current) / NORMAL * seconds)
        spread = float(values.std(ddof=1)) if len(values) > 2 else 0.0
        error = max(float(np.sqrt((deviation**2).sum())), spread * np.sqrt(len(values))) / len(values)
        level[name] = Estimate.normal(float(values.mean()), error, "DN")
    gap = max(level.values()) - min(level.values())
    wide = max((e.interval[1] - e) for e in level.values())
    return BlackLevel(
        level, _slope(np.arange(len(darks), dtype=np.float64), together, weight, "DN/frame", "frames"), current,
        _slope(degrees, together, weight, "DN/K", "temperatures"),
        Estimate(gap, (max(gap - 1.4 * wide, 0.0), gap + 1.4 * wide), "DN"), frozen(means),
        _warnings(darks, level, stated, span),
    )  # fmt: skip


def _mean(plane: ArrayLike) -> tuple[float, float]:
    """Mean without defects, and its standard error from the spread of parts."""
    data = np.asarray(plane, np.float64)
    middle = np.median(data)
    deviation = max(1.4826 * float(np.median(np.abs(data - middle))), 0.5)
    kept = np.where(np.abs(data - middle) <= HOT * deviation, data, np.nan)
    side = min(TILE, *kept.shape)
    parts = np.nanmean(tiles(kept, side).reshape(-1, side * side), axis=1)
    error = float(parts.std(ddof=1)) / np.sqrt(len(parts)) if len(parts) > 2 else deviation
    return float(np.nanmean(kept)), float(error)


def _numbers(given: ArrayLike | None, stated: Sequence[float | None], what: str) -> Float64 | None:
    if given is None:
        return None if any(v is None for v in stated) else np.array(stated, np.float64)
    values = np.asarray(given, np.float64)
    if values.shape != (len(stated),) or not np.isfinite(values).all():
        raise UsageError(f"black level: {what} of shape {values.shape} must be {len(stated)} finite numbers")
    return values


def _slope(axis: Float64 | None, value: Float64, weight: Float64, unit: str, what: str) -> Estimate:
    if axis is None:
        return Estimate.missing(f"{what} are not known", unit)
    if len(axis) < 3 or np.ptp(axis) <= 1e-9 * max(float(np.abs(axis).max()), 1e-9):
        return Estimate.missing(f"{what} do not differ, or fewer than 3", unit)
    design = np.stack([axis, np.ones_like(axis)], 1) * weight[:, None]
    fit = np.linalg.lstsq(design, value * weight, rcond=None)[0]
    off = (value - fit[0] * axis - fit[1]) * weight
    excess = max(1.0, float(off @ off) / (len(axis) - 2))
    return Estimate.normal(float(fit[0]), float(np.sqrt(np.linalg.inv(design.T @ design)[0, 0] * excess)), unit)


def _warnings(
    darks: Sequence[RawFrame], level: Mapping[str, Estimate], stated: Float64, span: float
) -> tuple[str, ...]:
    found = np.array([float(e) for e in level.values()])
    lines = []
    if np.ptp(found) > APART * span:
        lines.append(f"The colours' black levels spread over {np.ptp(found):.2f} DN, {100 * np.ptp(found) / span:.1f} %"
                     " of the span to white.")  # fmt: skip
    off = float(np.abs(found - stated).max())
    if off > OFF * span:
        lines.append(f"The files say a black level of {stated.mean():g} DN, {off:.1f} DN away from the one measured.")
    cut = max(float(np.mean(frame.data == 0)) for frame in darks)
    if cut > CUT:
        lines.append(f"{100 * cut:.1f} % of the pixels are 0: noise is cut off, and the mean lies too high.")
    return tuple(lines)
