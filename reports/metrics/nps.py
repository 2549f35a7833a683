"""Noise power spectrum: how coarse the grain is, and how much of it is colour."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from isp.values import Float64, frozen
from reports.estimate import NORMAL, Estimate, Measured, bootstrap
from reports.light import Encoding, luminance
from reports.metrics.noise import detrended, moments, patch_light

BINS = 32
"""Rings from 0 to the Nyquist frequency, as many as the patch allows."""
TILES = 4
"""Tiles across and down whose spread gives the intervals."""
SMALLEST = 32
"""Side of a patch that has a spectrum [px]."""


@dataclass(frozen=True)
class NoiseSpectrum(Measured):
    """Radial noise power spectra of one patch.

    Parameters
    ----------
    frequency : (K,) float64 [cycles/pixel]
        Up to 0.5, middles of the rings.
    luma, chroma : (K,) float64 [px²]
        Power of the luminance, and of the mean of R - Y and B - Y, by light². Over all frequencies in x and y, -0.5 to
        0.5 each, the spectrum integrates to the variance. `chroma` is NaN for a patch without colour.
    luma_variance, chroma_variance : Estimate
        In light²; 1 is white.
    grain, chroma_grain : Estimate [px]
        Side of the square over which noise is alike: sqrt of the integral of the squared autocorrelation. 1 for white
        noise, 2.5 sigma behind a Gaussian blur.
    chroma_ratio : Estimate
        Standard deviation of chroma by that of luma.
    """

    frequency: Float64
    luma: Float64
    chroma: Float64
    luma_variance: Estimate
    chroma_variance: Estimate
    grain: Estimate
    chroma_grain: Estimate
    chroma_ratio: Estimate


def noise_spectrum(patch: ArrayLike, *, encoding: Encoding = "linear", space: str = "srgb") -> NoiseSpectrum:
    """Noise power spectrum of an even patch.

    Parameters
    ----------
    patch : (h, w) or (h, w, 3)
        An evenly lit grey of at least 32 x 32 pixels.
    encoding, space : see `reports.metrics.snr`

    Returns
    -------
    NoiseSpectrum
        n.a. with the reason for patches that are too small, clipped or without noise; then the spectra are NaN.

    Raises
    ------
    UsageError
        A shape that is not a patch, or an unknown encoding.

    Notes
    -----
    The trend (degree 2 in x and y) is removed, then the periodogram under a Hann window (Welch 1967), normalised by
    the window's energy and scaled to the variance of `snr`, is averaged over rings. The first ring holds few waves,
    and those the trend took from. Luma is Y of the primaries, chroma R - Y and B - Y. Intervals: variances as in `snr`;
    grain by bootstrap of the periodograms of 16 tiles; the ratio from both variances, counted as independent.
    """
    light, why = patch_light(patch, encoding, space, SMALLEST)
    rings = np.linspace(0, 0.5, min(BINS, min(light.shape[:2]) // 4) + 1)
    frequency = frozen((rings[1:] + rings[:-1]) / 2)
    empty = frozen(np.full(len(frequency), math.nan))
    none, pixels = Estimate.missing(why), Estimate.missing(why, "px")
    if why:
        return NoiseSpectrum(frequency, empty, empty, none, none, pixels, pixels, none)
    luma = detrended(light if light.ndim == 2 else luminance(light, space))
    if not _variance([luma]).known:
        none, pixels = Estimate.missing(_NONE), Estimate.missing(_NONE, "px")
        return NoiseSpectrum(frequency, empty, empty, none, none, pixels, pixels, none)
    variance, grain = _variance([luma]), _grain([luma])
    if light.ndim == 2:
        none, pixels = Estimate.missing("the patch has no colour"), Estimate.missing("the patch has no colour", "px")
        return NoiseSpectrum(frequency, _radial([luma], rings), empty, variance, none, grain, pixels, none)
    chroma = [detrended(light[..., c]) - luma for c in (0, 2)]
    if not _variance(chroma).known:
        none, pixels = Estimate.missing("no chroma noise"), Estimate.missing("no chroma noise", "px")
        return NoiseSpectrum(
            frequency, _radial([luma], rings), frozen(0 * empty), variance, Estimate(0.0), grain, pixels, Estimate(0.0)
        )
    return NoiseSpectrum(
        frequency, _radial([luma], rings), _radial(chroma, rings), variance, _variance(chroma), grain, _grain(chroma),
        _ratio(_variance(chroma), variance),
    )  # fmt: skip


_NONE = "no noise: every pixel has the same value"


def _variance(planes: list[Float64]) -> Estimate:
    """Mean variance of planes of noise."""
    found = [moments(plane) for plane in planes]
    value = float(np.mean([m.variance for m in found]))
    if value <= 1e-18:
        return Estimate.missing(_NONE)
    # chroma planes share pixels, so two of them are hardly surer than one
    relative = math.sqrt(2 / min(m.count for m in found if m.count > 0))
    return Estimate(value, (value * math.exp(-NORMAL * relative), value * math.exp(NORMAL * relative)))


def _power(noise: Float64) -> Float64:
    """(h, w) periodogram under a Hann window; its mean is the variance under the window."""
    down, across = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in noise.shape)
    window = down[:, None] * across
    return np.asarray(np.abs(np.fft.fft2(noise * window)) ** 2 / (window**2).sum())


def _radial(planes: list[Float64], rings: Float64) -> Float64:
    height, width = planes[0].shape
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    ring = np.digitize(radius.ravel(), rings) - 1
    total = np.zeros(len(rings) - 1)
    for plane in planes:
        power = _power(plane)
        # what the window happens to weigh less would be missing from the integral
        power *= moments(plane).variance / power.mean() / len(planes) if power.any() else 0.0
        keep = (ring < len(total)) & (radius.ravel() > 0)
        counts = np.bincount(ring[keep], minlength=len(total))
        total += np.bincount(ring[keep], power.ravel()[keep], len(total)) / np.maximum(counts, 1)
    return frozen(total)


def _grain(planes: list[Float64]) -> Estimate:
    """sqrt of the integral of the squared autocorrelation [px], its interval from tiles."""
    items = np.stack([_area(plane) for plane in planes]).mean(0)
    return bootstrap(items, lambda v: math.sqrt(float(v[:, 0].sum() / v[:, 1].sum())), "px")


def _area(plane: Float64) -> Float64:
    """(tiles, 2): integral of the power squared, and square of that of the power."""
    height, width = (n // TILES for n in plane.shape)
    whole = float((plane**2).mean())
    found = []
    for i in range(TILES * TILES):
        top, left = i // TILES * height, i % TILES * width
        power = _power(plane[top : top + height, left : left + width])
        # half: a periodogram scatters as an exponential distribution
        found.append(((power**2).mean() / 2, whole**2))
    return np.array(found)


def _ratio(chroma: Estimate, luma: Estimate) -> Estimate:
    value = math.sqrt(chroma / luma)
    off = math.hypot(*(math.log(e.interval[1] / e.interval[0]) / 4 for e in (chroma, luma)))
    return Estimate(value, (value * math.exp(-off), value * math.exp(off)))
