"""Photon transfer: gain, noise and capacity of a sensor from pairs of flat and dark frames (EMVA 1288)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.cfa import Cfa
from isp.errors import UsageError
from isp.values import Float64, frozen
from reports.estimate import NORMAL, Estimate, Measured, mean_of
from reports.metrics.noise import detrended

QUANTISATION = 1 / 12
"""Variance that rounding to whole codes adds [DN²] (EMVA 1288 release 4.0, equation 5)."""
LEAST_DARK = 0.24
"""Dark variance below which rounding hides the noise [DN²] (EMVA 1288 release 4.0, section 7.4)."""
LINEAR = 0.7
"""Share of saturation up to which the gain is fitted (EMVA 1288 release 4.0, section 7.3)."""
DEVIATION = (0.05, 0.95)
"""Shares of saturation between which the linearity error is taken (EMVA 1288 release 4.0, section 7.5)."""
FULL = 0.1
"""Share of the largest temporal variance below which practically every photosite is saturated."""
CUT = 0.001
"""Share of a dark frame's pixels at code 0 from which its noise counts as cut off: a black level of 3 deviations."""
FEWEST = 3
"""Levels that a fit needs."""
CROOKED = 0.05
"""Mean deviation of the variance from its line beyond which the transfer is not linear."""

Frames = tuple[Any, ...]
"""(a, b) or (a, b, exposure)."""


@dataclass(frozen=True)
class PhotonTransfer(Measured):
    """What EMVA 1288 tells of a linear sensor, from electrons on (quantum efficiency needs counted photons).

    Parameters
    ----------
    gain_dn_per_e : Estimate [DN/e-]
        K, the overall system gain.
    read_noise_e : Estimate [e-]
        Temporal dark noise, rounding taken out.
    full_well_e : Estimate [e-]
        Saturation capacity: the level where the temporal variance is largest. Its interval reaches from the level
        before to the first one beyond with less than a tenth of that variance, where every photosite is full.
    dsnu_e : Estimate [e-]
        Spatial standard deviation of the dark signal.
    prnu : Estimate
        Spatial standard deviation of the response, of its mean.
    dynamic_range_db, snr_max_db : Estimate [dB]
    linearity_error : Estimate [%]
        Mean absolute deviation of the signal from a line over exposure, between 5 and 95 % of saturation.
    black_dn : Estimate [DN]
    mean, variance : (N,) float64
        Level [DN] and temporal variance [DN²] of each pair, by rising level; the dark first.
    used : (N,) bool
        Levels of the fit.
    fit : (slope, offset) of the variance over the mean [DN, DN²]
    deviation : (N,) float64
        Signal against the line over exposure [%]; NaN outside 5..95 % of saturation or without exposures.
    notes : sentences
    """

    gain_dn_per_e: Estimate
    read_noise_e: Estimate
    full_well_e: Estimate
    dsnu_e: Estimate
    prnu: Estimate
    dynamic_range_db: Estimate
    snr_max_db: Estimate
    linearity_error: Estimate
    black_dn: Estimate
    mean: Float64
    variance: Float64
    used: NDArray[np.bool_]
    fit: tuple[float, float]
    deviation: Float64
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Level:
    """A pair of frames: mean, temporal variance, spatial variance without trend [DN, DN², DN²], pixels, exposure, share
    of pixels at 0."""

    mean: float
    variance: float
    spatial: float
    pixels: int
    exposure: float
    pairs: int = 1
    zeros: float = 0.0

    @property
    def hidden(self) -> str:
        """Why the variance is not the sensor's, or empty."""
        if self.variance < LEAST_DARK:
            return f"hidden by rounding: dark variance of {self.variance:.2g} DN² is below {LEAST_DARK}"
        if self.zeros > CUT:
            return f"the black level is too low: {100 * self.zeros:.1g} % of dark pixels are cut off at 0"
        return ""

    @property
    def signal_error(self) -> float:
        """Variance of `mean` by temporal noise [DN²]."""
        return self.variance / (2 * self.pixels * self.pairs)

    @property
    def variance_error(self) -> float:
        """Variance of `variance` [DN⁴], of normal noise."""
        return 2 * self.variance**2 / (self.pixels * self.pairs)

    @property
    def spatial_error(self) -> float:
        """Variance of `spatial` [DN⁴]: a covariance of two frames of normal noise."""
        both = max(self.spatial, 0.0)
        return ((both + self.variance) ** 2 + both**2) / (self.pixels * self.pairs)


def photon_transfer(pairs: Sequence[Frames], darks: Frames | Sequence[Frames]) -> PhotonTransfer:
    """Photon transfer of one colour of a linear sensor.

    Parameters
    ----------
    pairs : sequence of (a, b) or (a, b, exposure)
        Two raw frames (h, w) of an even light [DN] at each of several levels, from dark to beyond saturation, black
        level not subtracted; exposure in any unit. For a mosaic take one colour, see `cfa_planes`.
    darks : (a, b) or a sequence of such
        Frames without light, of the same exposure time.

    Returns
    -------
    PhotonTransfer
        n.a. with the reason where levels are too few, all saturated, or not those of a linear sensor.

    Raises
    ------
    UsageError
        Frames of different size, or something else than pairs of frames.

    Notes
    -----
    EMVA 1288 release 4.0, linear model: temporal variance from the difference of two frames,
    ``variance - dark variance = K (mean - dark mean)``, fitted up to 70 % of saturation; here every level weighs what
    its own uncertainty allows, the standard weighs them alike. Read noise is ``sqrt(dark variance - 1/12) / K``. A
    variance below 0.24 DN² is rounding's, not the sensor's, and a dark one too small if the black level cuts noise off
    at 0: such a level is left out of the fit, and read noise and DSNU are n.a. where the dark is one. Dynamic range is
    saturation over ``dark noise / K + 1/2``, the largest SNR the square root of saturation. DSNU and PRNU are from the
    covariance of the two frames, in which temporal noise cancels, after the polynomial of degree 2 in x and y that is
    the light's. Intervals are those of normal noise, carried through the formulas.
    """
    dark = _dark(darks)
    levels = sorted((_level(pair, i) for i, pair in enumerate(pairs, 1)), key=lambda level: level.mean)
    sizes = {level.pixels for level in (*levels, dark)}
    if len(sizes) > 1:
        raise UsageError(f"flat and dark frames differ in size: {', '.join(str(s) for s in sorted(sizes))} pixels")
    top, full = _saturation(levels, dark)
    signal = np.array([level.mean - dark.mean for level in levels])
    used = np.zeros(len(levels), bool) if top is None else (signal > 0) & (signal <= LINEAR * signal[top])
    gain, offset, why = _gain(levels, dark, used, top)
    read, dark_noise = _read_noise(dark, gain, why)
    full = _over(full, gain, why)
    fixed, prnu = _fixed_pattern(levels, dark, used, gain, why)
    error, deviation = _linearity(levels, dark, None if top is None else signal[top], why)
    points = [dark, *levels]
    return PhotonTransfer(
        gain, read, full, fixed, prnu, *_ranges(full, dark_noise), error,
        Estimate.normal(dark.mean, math.sqrt(dark.signal_error), "DN"),
        frozen([p.mean for p in points]), frozen([p.variance for p in points]),
        frozen([False, *used]), (float(gain), offset), frozen([math.nan, *deviation]),
        _notes(dark),
    )  # fmt: skip


def cfa_planes(frame: ArrayLike, cfa: Cfa) -> Mapping[str, NDArray[Any]]:
    """The colours of a mosaic (h, w) as planes: ``R``, ``Gr``, ``Gb``, ``B`` (the greens of RYYB are yellow).

    A mono sensor's is ``Y``; planes of a block CFA join its blocks. `UsageError` for another CFA.
    """
    data = np.asarray(frame)
    if data.ndim != 2:
        raise UsageError(f"mosaic of shape {data.shape} must be (h, w)")
    if cfa.family == "mono":
        return {"Y": data}
    if cfa.family == "other":
        raise UsageError(f"CFA {cfa} has no R, Gr, Gb and B sites")
    rows, columns = (
        [np.flatnonzero((np.arange(n) + phase) // cfa.block % 2 == k) for k in (0, 1)]
        for n, phase in zip(data.shape, reversed(cfa.phase), strict=True)
    )
    return {name: data[np.ix_(rows[i // 2], columns[i % 2])] for i, name in enumerate(("R", "Gr", "Gb", "B"))}


def _level(frames: Frames, number: int, what: str = "pair") -> _Level:
    if len(frames) not in (2, 3):
        raise UsageError(f"{what} {number} holds {len(frames)} things; it must be (a, b) or (a, b, exposure)")
    a, b = (np.asarray(frame, np.float64) for frame in frames[:2])
    if a.shape != b.shape or a.ndim != 2 or min(a.shape, default=0) < 8:
        raise UsageError(f"frames of {what} {number}, {a.shape} and {b.shape}, must be (h, w) of one size, 8x8 or more")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UsageError(f"frames of {what} {number} hold values that are not finite")
    gap = a - b
    flat_a, flat_b = detrended(a), detrended(b)
    exposure = float(frames[2]) if len(frames) == 3 else math.nan
    return _Level(
        float(a.mean() + b.mean()) / 2, float(gap.var(ddof=1)) / 2, float((flat_a * flat_b).sum() / (a.size - 6)),
        a.size, exposure, zeros=float(np.mean((a == 0) | (b == 0))),
    )  # fmt: skip


def _dark(darks: Frames | Sequence[Frames]) -> _Level:
    if not len(darks):
        raise UsageError("photon transfer needs at least one pair of dark frames")
    several: list[Frames] = [tuple(darks)] if np.ndim(darks[0]) == 2 else list(darks)
    levels = [_level(pair, i, "dark pair") for i, pair in enumerate(several, 1)]
    if len({level.pixels for level in levels}) > 1:
        raise UsageError("dark frames differ in size")
    mean, variance, spatial, zeros = (
        float(np.mean([getattr(level, name) for level in levels])) for name in ("mean", "variance", "spatial", "zeros")
    )
    return _Level(mean, variance, spatial, levels[0].pixels, 0.0, len(levels), zeros)


def _saturation(levels: Sequence[_Level], dark: _Level) -> tuple[int | None, Estimate]:
    """Index of the level of largest temporal variance, None if there is none, and its signal [DN]."""
    if not levels:
        return None, Estimate.missing("no frames with light", "e-")
    top = int(np.argmax([level.variance for level in levels]))
    if levels[top].variance < dark.variance * (1 + 5 * math.sqrt(4 / dark.pixels)):
        bright = levels[top].mean > dark.mean + 1
        why = "every level is saturated" if bright else "no level is brighter than the dark"
        return None, Estimate.missing(why, "e-")
    signal = [level.mean - dark.mean for level in levels]
    if top == len(levels) - 1:
        return top, Estimate.missing("no level is saturated", "e-")
    pairs = zip(signal[top:], levels[top:], strict=True)
    past = [s for s, level in pairs if level.variance < FULL * levels[top].variance]
    return top, Estimate(signal[top], (signal[top - 1] if top else 0.0, min(past, default=signal[-1])), "e-")


def _gain(
    levels: Sequence[_Level], dark: _Level, used: NDArray[np.bool_], top: int | None
) -> tuple[Estimate, float, str]:
    """K, the fitted variance at level 0, and why there is none."""
    unit = "DN/e-"

    def missing(why: str) -> tuple[Estimate, float, str]:
        return Estimate.missing(why, unit), math.nan, why

    if top is None:
        return missing(str(_saturation(levels, dark)[1].reason))
    if used.sum() < FEWEST:
        return missing(f"{int(used.sum())} levels up to {100 * LINEAR:.0f} % of saturation; {FEWEST} are needed")
    points = [dark, *(level for level, use in zip(levels, used, strict=True) if use)]
    # noise below a code is rounded away or doubled, as the mean happens to fall
    points = [p for p in points if not p.hidden]
    if len(points) < FEWEST:
        return missing(f"{len(points)} levels whose noise is not hidden or cut off; {FEWEST} are needed")
    x = np.array([p.mean - dark.mean for p in points])
    y = np.array([p.variance for p in points])
    count = np.array([p.pixels * p.pairs for p in points])
    model = y
    for _ in range(3):
        # weights from the fit, not from each level's own scatter, which would favour those that came out low
        design = np.stack([x, np.ones_like(x)], axis=1) * np.sqrt(count / 2)[:, None] / model[:, None]
        inverse = np.linalg.inv(design.T @ design)
        slope, offset = inverse @ design.T @ (y * np.sqrt(count / 2) / model)
        model = np.maximum(slope * x + offset, 1e-12)
    if slope <= 0:
        return missing("the variance does not rise with the level")
    off = float(np.abs(y / model - 1)[points[0] is dark :].mean())
    if off > CROOKED + 3 * math.sqrt(2 / dark.pixels):
        return missing(f"not linear: the variance is {100 * off:.0f} % off a line over the mean")
    error = math.sqrt(inverse[0, 0])
    return Estimate.normal(float(slope), error, unit), float(offset - slope * dark.mean), ""


def _relative(gain: Estimate) -> float:
    """Relative standard deviation of the gain."""
    return (gain.interval[1] - gain.interval[0]) / (2 * NORMAL * gain)


def _over(signal: Estimate, gain: Estimate, why: str) -> Estimate:
    """A signal in electrons."""
    if not signal.known or why:
        return Estimate.missing(signal.reason or why, "e-")
    low, high = (end / gain for end in signal.interval)
    wide = NORMAL * _relative(gain)
    return Estimate(signal / gain, (low * (1 - wide), high * (1 + wide)), "e-")


def _root(square: float, deviation: float, scale: float, scale_error: float, unit: str, what: str) -> Estimate:
    """sqrt(square) / scale, n.a. if the square is not surely above 0."""
    high = math.sqrt(max(square, 0.0) + NORMAL * deviation) / scale
    if square <= NORMAL * deviation:
        return Estimate.missing(f"{what} is too small to tell: below {high:.2g}{' ' * bool(unit)}{unit}", unit)
    value = math.sqrt(square) / scale
    down = math.hypot(value - math.sqrt(square - NORMAL * deviation) / scale, NORMAL * scale_error * value)
    up = math.hypot(high - value, NORMAL * scale_error * value)
    return Estimate(value, (value - down, value + up), unit)


def _read_noise(dark: _Level, gain: Estimate, why: str) -> tuple[Estimate, Estimate]:
    """Temporal dark noise without and with rounding [e-]."""
    if why:
        return (Estimate.missing(why, "e-"),) * 2
    if dark.variance < LEAST_DARK:
        limit = f"{dark.hidden}; read noise is below {math.sqrt(LEAST_DARK - QUANTISATION) / gain:.2g} e-"
        most = math.sqrt(LEAST_DARK) / gain
        return Estimate.missing(limit, "e-"), Estimate(most, (0.0, most), "e-")
    if dark.hidden:
        return (Estimate.missing(dark.hidden, "e-"),) * 2
    deviation, error = math.sqrt(dark.variance_error), _relative(gain)
    return (
        _root(dark.variance - QUANTISATION, deviation, gain, error, "e-", "read noise"),
        _root(dark.variance, deviation, gain, error, "e-", "dark noise"),
    )


def _fixed_pattern(
    levels: Sequence[_Level], dark: _Level, used: NDArray[np.bool_], gain: Estimate, why: str
) -> tuple[Estimate, Estimate]:
    if why:
        return Estimate.missing(why, "e-"), Estimate.missing(why)
    if dark.hidden:
        dsnu = Estimate.missing(dark.hidden, "e-")
    else:
        dsnu = _root(dark.spatial, math.sqrt(dark.spatial_error), gain, _relative(gain), "e-", "DSNU")
    lit = [level for level, use in zip(levels, used, strict=True) if use]
    # spatial - dark spatial = prnu² signal², each level weighed by what is known of it
    square = np.array([(level.mean - dark.mean) ** 2 for level in lit])
    gaps = np.array([level.spatial - dark.spatial for level in lit])
    errors = np.array([level.spatial_error for level in lit])
    weight = square / errors
    total = float((weight * square).sum())
    # the levels share one unit's pattern and one dark pair, so their errors do not average out
    shared = math.sqrt(2 / dark.pixels) * float((weight * gaps).sum()) / total
    own = math.sqrt(float((weight**2 * errors).sum()) + float(weight.sum()) ** 2 * dark.spatial_error) / total
    value = float((weight * gaps).sum()) / total
    return dsnu, _root(value, math.hypot(own, shared), 1.0, 0.0, "", "PRNU")


def _ranges(full: Estimate, dark_noise: Estimate) -> tuple[Estimate, Estimate]:
    why = full.reason if not full.known else dark_noise.reason if not dark_noise.known else ""
    if not full.known:
        return Estimate.missing(why, "dB"), Estimate.missing(why, "dB")
    most = Estimate(10 * math.log10(full), tuple(10 * math.log10(max(e, 1e-9)) for e in full.interval), "dB")  # type: ignore[arg-type]
    if why:
        return Estimate.missing(why, "dB"), most
    ends = (full.interval[0] / (dark_noise.interval[1] + 0.5), full.interval[1] / (dark_noise.interval[0] + 0.5))
    low, high = (20 * math.log10(max(end, 1e-9)) for end in ends)
    return Estimate(20 * math.log10(full / (dark_noise + 0.5)), (low, high), "dB"), most


def _linearity(levels: Sequence[_Level], dark: _Level, top: float | None, why: str) -> tuple[Estimate, list[float]]:
    deviation = [math.nan] * len(levels)
    exposure = np.array([level.exposure for level in levels])
    if not why and not np.isfinite(exposure).all():
        why = "exposures are not given"
    if why or top is None:
        return Estimate.missing(why, "%"), deviation
    signal = np.array([level.mean - dark.mean for level in levels])
    inside = (signal >= DEVIATION[0] * top) & (signal <= DEVIATION[1] * top)
    if inside.sum() < FEWEST:
        return Estimate.missing(f"{int(inside.sum())} levels between 5 and 95 % of saturation", "%"), deviation
    # relative deviations count alike: weights 1 / signal²
    weight = 1 / signal[inside]
    slope, offset = np.polyfit(exposure[inside], signal[inside], 1, w=weight)
    line = slope * exposure + offset
    off = 100 * (signal / line - 1)
    return mean_of(np.abs(off[inside]), "%"), [float(o) if i else math.nan for o, i in zip(off, inside, strict=True)]


def _notes(dark: _Level) -> tuple[str, ...]:
    if dark.variance < LEAST_DARK:
        return ("Rounding hides the dark noise: the variance at low levels depends on where the black level falls.",)
    return ()
