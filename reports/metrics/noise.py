"""Noise of even patches: signal to noise, dynamic range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.errors import UsageError
from isp.values import Float64, frozen
from reports.estimate import CONFIDENCE, DRAWS, NORMAL, Estimate, Measured
from reports.light import Encoding, linear, luminance

SMALLEST = 8
"""Side of a patch below which trend and noise cannot be told apart [px]."""
CLIPPED = 0.01
"""Share of clipped pixels from which on their noise is not that of the camera."""
TREND = 2
"""Total degree of the polynomial in x and y that counts as uneven light, not as noise."""
_SLOW = (2.0, 4.5)
"""Waves across a patch, from and below: the slowest noise that the removal of the trend leaves alone."""
NAMES = ("R", "G", "B")
_OUTER = ((slice(None), None), (None, slice(None)))


@dataclass(frozen=True)
class Snr(Measured):
    """Signal and noise of one patch; luminance, with the channels beneath.

    Parameters
    ----------
    mean : Estimate
        Light; 1 is white.
    noise : Estimate
        Standard deviation of the light about its trend.
    ratio, db : Estimate
        mean / noise, and 20 log10 of that [dB].
    name : ``Y``, ``R``, ``G``, ``B``
    channels : the same of R, G and B; empty for a patch without colour
    pixels : number of pixels
    """

    mean: Estimate
    noise: Estimate
    ratio: Estimate
    db: Estimate
    name: str = "Y"
    channels: tuple[Snr, ...] = ()
    pixels: int = 0


@dataclass(frozen=True)
class DynamicRange(Measured):
    """From the brightest level that is not clipped down to where the signal drowns in noise.

    Parameters
    ----------
    stops, db : Estimate
        At SNR 1 [stops], and 20 log10 of the ratio [dB].
    stops_10db, stops_20db : Estimate [stops]
        Down to SNR 10 dB and 20 dB.
    exposure, snr : (N,) float64
        SNR (a ratio) over exposure, by rising exposure.
    top : float
        The exposure the range is counted from.
    """

    stops: Estimate
    db: Estimate
    stops_10db: Estimate
    stops_20db: Estimate
    exposure: Float64
    snr: Float64
    top: float


def detrended(plane: Float64, degree: int = TREND) -> Float64:
    """A plane (h, w) minus its least-squares polynomial in x and y of that total degree."""
    down, across = (
        np.linalg.qr(np.vander(np.linspace(-1, 1, n), degree + 1, increasing=True))[0] for n in plane.shape
    )
    weights = down.T @ plane @ across
    powers = np.arange(degree + 1)
    weights[powers[:, None] + powers > degree] = 0
    return np.asarray(plane - down @ weights @ across.T)


def snr(patch: ArrayLike, *, encoding: Encoding = "linear", space: str = "srgb") -> Snr:
    """Signal-to-noise ratio of an even patch.

    Parameters
    ----------
    patch : (h, w) or (h, w, 3)
        An evenly lit grey: codes or floating point.
    encoding : how its values stand for light, see `reports.light.linear`
    space : str
        Primaries, for the luminance.

    Returns
    -------
    Snr
        n.a. if the patch is smaller than 8 x 8 pixels, clipped (more than 1 % of its pixels), without any noise, or
        holds values that are not finite.

    Raises
    ------
    UsageError
        A shape that is not a patch, or an unknown encoding.

    Notes
    -----
    Noise is what is left after the least-squares polynomial of degree 2 in x and y: uneven light is not noise
    (ISO 15739:2023 removes it by a high-pass filter). It is the total of one picture: temporal noise and fixed pattern
    together. The interval of the noise is that of chi-square with as many degrees of freedom as there are independent
    pixels, n / (sum of the squared autocorrelation), fewer if the noise has heavy tails; the mean's
    comes from the slowest waves of the noise.
    """
    light, why = patch_light(patch, encoding, space)
    planes: list[Float64] = [light] if light.ndim == 2 else [luminance(light, space), *np.moveaxis(light, -1, 0)]
    found = [_snr_of(plane, name, why) for name, plane in zip(("Y", *NAMES), planes, strict=False)]
    first = found[0]
    return Snr(first.mean, first.noise, first.ratio, first.db, "Y", tuple(found[1:]), first.pixels)


def checked(patch: ArrayLike) -> NDArray[Any]:
    """The patch as an array (h, w) or (h, w, 3), or `UsageError`."""
    given = np.asarray(patch)
    if given.ndim not in (2, 3) or (given.ndim == 3 and given.shape[2] != 3) or 0 in given.shape:
        raise UsageError(f"patch of shape {given.shape} must be (h, w) or (h, w, 3)")
    return given


def patch_light(
    patch: ArrayLike, encoding: Encoding, space: str, smallest: int = SMALLEST
) -> tuple[Float64, str]:
    """Light of an even patch (h, w) or (h, w, 3), and why its noise cannot be measured; empty if it can."""
    given = checked(patch)
    why = _unusable(given)
    height, width = given.shape[:2]
    if not why and min(height, width) < smallest:
        why = f"the patch of {width}x{height} pixels is smaller than {smallest}x{smallest}"
    light = linear(given, encoding, space)
    if not why and not np.isfinite(light).all():
        why = "the patch holds values that are not finite"
    return light, why


def _unusable(given: NDArray[Any]) -> str:
    """Why the noise of this patch cannot be measured; empty if it can."""
    height, width = given.shape[:2]
    if min(height, width) < SMALLEST:
        return f"the patch of {width}x{height} pixels is smaller than {SMALLEST}x{SMALLEST}"
    top = np.iinfo(given.dtype).max if given.dtype.kind in "ui" else 1.0
    # light that goes below 0 was not cut off there: a raw frame without its black level
    low = 0.0 if given.min() >= 0 else -math.inf
    share = float(((given == low) | (given == top)).reshape(height * width, -1).any(axis=1).mean())
    if share > CLIPPED:
        return f"{100 * share:.0f} % of the patch's pixels are clipped"
    return ""


@dataclass(frozen=True)
class Moments:
    """What is known of a plane of noise (h, w) whose trend was removed.

    Parameters
    ----------
    variance : without bias, although the trend took some of the noise
    count : independent values it is known from, for the chi-square distribution
    mean_variance : of the mean of the plane
    """

    variance: float
    count: float
    mean_variance: float


def moments(noise: Float64) -> Moments:
    """Variance of detrended noise and how sure it is, for noise of any spectrum."""
    size, total = noise.size, float((noise**2).sum())
    if total <= 0:
        return Moments(0.0, 0.0, 0.0)
    power = np.abs(np.fft.fft2(noise)) ** 2
    waves = np.hypot(*(np.fft.fftfreq(n, 1 / n)[tuple(i)] for n, i in zip(noise.shape, _OUTER, strict=True)))
    slow = float(power[(waves >= _SLOW[0]) & (waves < _SLOW[1])].mean())
    # each term of the trend takes the power of the slowest waves, which is that of all others only in white noise
    terms = (TREND + 1) * (TREND + 2) / 2
    left = max(size - terms * slow / total, size / 2)
    # the periodogram scatters as an exponential distribution, whose mean square is twice the square of its mean
    correlation = size * float((power**2).sum() / power.sum() ** 2) / 2
    excess = max(0.0, float((noise**4).mean()) / (total / size) ** 2 - 3)
    return Moments(total / left, left / (max(correlation, 1.0) + excess / 2), slow / size**2)


def _snr_of(plane: Float64, name: str, why: str = "") -> Snr:
    if why:
        none, decibel = Estimate.missing(why), Estimate.missing(why, "dB")
        return Snr(none, none, none, decibel, name, (), plane.size)
    from scipy.stats import chi2

    level, found = float(plane.mean()), moments(detrended(plane))
    if found.variance <= (1e-9 * max(abs(level), 1e-9)) ** 2:
        why = "no noise: every pixel has the same value"
        mean = Estimate(level, (level, level))
        return Snr(mean, Estimate(0.0), Estimate.missing(why), Estimate.missing(why, "dB"), name, (), plane.size)
    sigma, off = math.sqrt(found.variance), math.sqrt(found.mean_variance)
    quantiles = chi2.ppf([(1 + CONFIDENCE) / 2, (1 - CONFIDENCE) / 2], found.count)
    low, high = (sigma * math.sqrt(found.count / q) for q in quantiles)
    ratio = level / sigma
    spread = NORMAL * off / sigma
    ends = (ratio - math.hypot(ratio - level / high, spread), ratio + math.hypot(level / low - ratio, spread))
    db = Estimate.missing("no signal: the mean is not above 0", "dB")
    if ratio > 0:
        # a ratio that may as well be 0 has no lower end in dB
        db = Estimate(_db(ratio), (_db(max(ends[0], 1e-3 * ratio)), _db(ends[1])), "dB")
    return Snr(
        Estimate.normal(level, off), Estimate(sigma, (low, high)), Estimate(ratio, ends), db, name, (), plane.size
    )


def _db(ratio: float) -> float:
    return 20 * math.log10(ratio)


def dynamic_range(
    levels: Sequence[Snr | ArrayLike], exposure: ArrayLike | None = None, *, encoding: Encoding = "linear",
    space: str = "srgb", seed: int = 0,
) -> DynamicRange:
    """Dynamic range from patches of different lightness.

    Parameters
    ----------
    levels : sequence of `Snr`, patches, or pairs (mean, noise)
        In any order; those that are clipped end the range.
    exposure : (N,) float, optional
        Relative light of each, 10^-density for a chart. Without it, the mean light of each patch is its exposure.
    encoding, space : of patches, see `snr`
    seed : int
        Of the draws that give the intervals.

    Returns
    -------
    DynamicRange
        n.a., with the reason, if the SNR does not fall to the level within the chart.

    Raises
    ------
    UsageError
        Exposures that are not positive or not as many as levels.

    Notes
    -----
    ISO 15739:2023: the ratio of the largest exposure that is not clipped to the one at which SNR is 1, the signal
    being exposure times the slope of the level over exposure. Between patches log SNR is a straight line over log
    exposure. Where exposures are given, the slope is that of log level over log exposure, so that light from glare does
    not count as signal. The interval is that of 1000 draws of all levels within theirs.
    """
    found = [_level(item, encoding, space) for item in levels]
    given = np.array([f.mean for f in found] if exposure is None else exposure, np.float64)
    if given.shape != (len(found),):
        raise UsageError(f"exposure of shape {given.shape} must give one value for each of {len(found)} levels")
    if exposure is not None and not (np.isfinite(given).all() and (given > 0).all()):
        raise UsageError("every exposure must be > 0")
    usable = np.array([f.ratio.known and f.ratio > 0 and f.mean > 0 for f in found], bool)
    order = np.array([i for i in np.argsort(given, kind="stable") if usable[i]], np.intp)
    if len(order) < 3 or len(np.unique(given[order])) < len(order):
        why = f"needs three usable patches of different lightness, there are {len(np.unique(given[order]))}"
        stops = Estimate.missing(why, "stops")
        return DynamicRange(stops, Estimate.missing(why, "dB"), stops, stops, np.empty(0), np.empty(0), math.nan)
    x = np.log2(given[order])
    y = np.array([math.log2(found[i].ratio) for i in order])
    if exposure is not None:
        slope = np.gradient(np.log2([float(found[i].mean) for i in order]), x)
        y = y + np.log2(np.clip(slope, 1e-3, None))
    spread = np.array([_log_deviation(found[i].ratio) for i in order])
    draws = y + spread * np.random.Generator(np.random.Philox(seed)).standard_normal((DRAWS, len(y)))
    one, ten, twenty = (_range(x, y, draws, level_db) for level_db in (0.0, 10.0, 20.0))
    factor = _db(2.0)
    db = Estimate(one * factor, (one.interval[0] * factor, one.interval[1] * factor), "dB", one.reason)
    return DynamicRange(one, db, ten, twenty, frozen(2.0**x), frozen(2.0**y), float(2.0 ** x[-1]))


def _level(item: Snr | ArrayLike, encoding: Encoding, space: str) -> Snr:
    if isinstance(item, Snr):
        return item
    if np.ndim(item) != 1:
        return snr(item, encoding=encoding, space=space)
    mean, noise = (float(v) for v in np.asarray(item, np.float64))
    ratio = mean / noise if noise > 0 else math.inf
    return Snr(Estimate(mean), Estimate(noise), Estimate(ratio), Estimate(_db(ratio) if ratio > 0 else math.nan))


def _log_deviation(ratio: Estimate) -> float:
    """Standard deviation of log2 of a ratio; NaN where it has no interval."""
    low, high = ratio.interval
    return (math.log2(high) - math.log2(max(low, 1e-3 * ratio))) / (2 * NORMAL) if ratio.sure else math.nan


def _range(x: Float64, y: Float64, draws: Float64, level_db: float) -> Estimate:
    wanted = level_db / _db(2.0)
    at = _crossing(x, y, wanted)
    if math.isnan(at):
        # the patch of the lowest SNR says how far the chart reaches
        words = f"SNR does not fall to {level_db:.0f} dB: {y.min() * _db(2.0):.1f} dB in the patch that has the least"
        if y[-1] <= wanted:
            words = f"SNR of the brightest patch is only {y[-1] * _db(2.0):.1f} dB"
        return Estimate.missing(words, "stops")
    if np.isnan(draws).any():
        return Estimate(x[-1] - at, unit="stops", reason="levels without intervals")
    found = np.array([_crossing(x, draw, wanted) for draw in draws])
    # a draw that never falls to the level leaves the lower end open
    found = np.where(np.isnan(found), -math.inf, found)
    low, high = np.quantile(x[-1] - found, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="nearest")
    return Estimate(x[-1] - at, (float(low), float(high)), "stops")


def _crossing(x: Float64, y: Float64, wanted: float) -> float:
    """Where y, going down from the brightest level, first reaches `wanted`; NaN if nowhere."""
    below = np.flatnonzero(y < wanted)
    if len(below) == 0 or below[-1] == len(y) - 1:
        return math.nan
    i = below[-1]
    return float(x[i] + (wanted - y[i]) / (y[i + 1] - y[i]) * (x[i + 1] - x[i]))
