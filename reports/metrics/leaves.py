"""Texture MTF from dead leaves: how much fine, low-contrast detail survives noise reduction (ISO/TS 19567-2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.errors import NumericError, UsageError
from isp.values import Float64
from reports.estimate import CONFIDENCE, DRAWS, Estimate, Measured
from reports.light import Encoding, linear, luminance
from reports.metrics.leaves_model import Power, leaked, power_law
from reports.metrics.spectra import Spectra, blocks, cross, radial, usual_side

EXPONENT = -1.93
"""Of the power spectrum of leaves of all sizes, measured by Cao, Guichard, Hornung (SPIE 7250, 2009)."""
LAST = {"power": 0.2, "cross": 0.1}
"""Curves are 1 at frequency 0, extrapolated from those up to here [cycles/pixel]: the power of one picture's few large
leaves differs much from the chart's, and needs the longer range."""
COHERENT = 0.3
"""Least coherence with the reference, at the frequencies of the normalisation; below it is another picture."""


@dataclass(frozen=True)
class TextureMtf(Measured):
    """Contrast of texture over spatial frequency, 1 at frequency 0.

    Parameters
    ----------
    mtf50 : Estimate
        Frequency at which the curve first falls to one half [cycles/pixel].
    frequency, mtf : (F,) float64
        [cycles/pixel], contrast.
    low, high : (F,) float64
        95 % interval of the curve.
    method : ``power`` (against the chart's power spectrum) or ``cross`` (against a reference picture)
    draws : (B, F) float64
        Curves as likely as `mtf`, for intervals.
    without : (N, F) float64
        Curves of all blocks but one: two pictures of one texture are compared block by block.
    """

    mtf50: Estimate
    frequency: Float64 = field(repr=False)
    mtf: Float64 = field(repr=False)
    low: Float64 = field(repr=False)
    high: Float64 = field(repr=False)
    method: str
    draws: Float64 = field(repr=False)
    without: Float64 = field(repr=False)

    def estimate(self, statistic: Callable[[Float64, Float64], float], unit: str = "") -> Estimate:
        """Any number of the curve, such as acutance, from (frequency, mtf), with its interval."""
        if not len(self.frequency):
            return Estimate.missing(self.mtf50.reason, unit)
        value = float(statistic(self.frequency, self.mtf))
        found, others = (
            np.array([statistic(self.frequency, curve) for curve in curves]) for curves in (self.draws, self.without)
        )
        return _between(value, found, others, unit)


def texture_mtf(
    region: ArrayLike,
    *,
    reference: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    model: float | Power = EXPONENT,
    encoding: Encoding = "linear",
    space: str = "srgb",
    side: int | None = None,
    seed: int = 0,
) -> TextureMtf:
    """Texture MTF of a picture of dead leaves.

    Without `reference` sqrt((P - N) / M): power spectra of the picture, of noise, and of the chart (McElvain, Campbell,
    Miller, Jin 2010). With it Re(S_xy) / S_xx, the cross spectrum over the reference's own (Kirk, Herzer, Artmann,
    Kunz 2014), which noise does not bias and which noise reduction cannot please by inventing detail. Spectra are those
    of half overlapping blocks under a Hann window, averaged over rings (Welch 1967); in the cross spectrum every block
    is aligned to a fraction of a pixel. The curve is normalised at frequency 0, to which ln MTF is extrapolated by a
    parabola. Intervals come from resampling blocks.

    Parameters
    ----------
    region : (H, W) or (H, W, 3)
        The texture, linear and 1 for white, or as `encoding` says; of colours the luminance counts.
    reference : (H, W) or (H, W, 3) linear light, optional
        The same piece of the chart without blur and noise, within some pixels of its place and of the same scale.
    noise : (h, w) or (h, w, 3), optional
        A flat patch of about the same brightness, encoded as `region`; for `power` only. Without it noise counts as
        texture.
    model : float or callable, optional
        Power spectrum of the chart, any scale: an exponent of frequency, or a function of [cycles/pixel] such as
        `reports.metrics.leaves_model.leaves_power` makes.
    encoding, space : str
        See `reports.light.linear`.
    side : int, optional
        Of a block [px], even, 32 or more; by default 128, or 64 where the region is below 256 px.
    seed : int
        Of the resampling.

    Returns
    -------
    TextureMtf
        Without a curve where the region is too small, flat, or not what the reference shows.

    Raises
    ------
    UsageError, NumericError
        Arrays that are not pictures, a reference of another size, a side that cannot be, values that are not finite.
    """
    plane = _plane(region, "region", encoding, space)
    method = "power" if reference is None else "cross"
    if side is None:
        side = usual_side(plane.shape)
    if side < 32 or side % 2:
        raise UsageError(f"side {side} must be even and at least 32 px")
    if min(plane.shape) < side:
        return _missing(f"the texture is smaller than {side} px", method)
    if np.ptp(plane) == 0:
        return _missing("the texture is flat", method)
    if reference is None:
        found = _by_power(plane, noise, model, encoding, space, side)
    else:
        truth = _plane(reference, "reference", "linear", space)
        if truth.shape != plane.shape:
            raise UsageError(f"region {plane.shape} and reference {truth.shape} must have one size")
        found = cross(plane, truth, side)
        if found.coherence(LAST[method]) < COHERENT:
            return _missing("the picture does not show what the reference shows", method)
    return _measured(found, method, seed)


def _by_power(
    plane: Float64, noise: ArrayLike | None, model: float | Power, encoding: Encoding, space: str, side: int
) -> Spectra:
    power = radial(np.abs(blocks(plane, side)) ** 2)
    if noise is not None:
        flat = _plane(noise, "noise", encoding, space)
        own = min(side, max(16, min(flat.shape) // 2 * 2))
        if min(flat.shape) < own:
            raise UsageError(f"noise of shape {flat.shape} must be at least {own} px high and wide")
        spectrum = radial(np.abs(blocks(flat, own)) ** 2).mean(0)
        at = np.arange(1, own // 2 + 1) / own
        power = power - np.interp(np.arange(1, side // 2 + 1) / side, at, spectrum)
    shape = model if callable(model) else power_law(float(model))
    return Spectra(power, np.tile(leaked(shape, side), (len(power), 1)), np.zeros_like(power), squared=True)


def _measured(found: Spectra, method: str, seed: int) -> TextureMtf:
    count, bins = found.over.shape
    frequency = np.arange(1, bins + 1) / (2 * bins)
    random = np.random.Generator(np.random.Philox(seed))
    curve = _normalised(frequency, found.curve(np.ones((1, count))), LAST[method])[0]
    weights = random.multinomial(count, np.full(count, 1 / count), DRAWS).astype(np.float64)
    draws = _normalised(frequency, found.curve(weights), LAST[method]) if count > 2 else curve[None]
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    if count <= 2:
        low, high = np.full((2, bins), np.nan)
    without = _normalised(frequency, found.curve(1 - np.eye(count)), LAST[method]) if count > 2 else curve[None]
    half = TextureMtf(Estimate(0.0), frequency, curve, low, high, method, draws, without)
    return replace(half, mtf50=_half(half))


def _normalised(frequency: Float64, curves: Float64, last: float) -> Float64:
    """Curves (B, F) divided by their value at frequency 0."""
    # the first ring lies within the window's own width
    used = np.flatnonzero(frequency <= last)[1:]
    at = frequency[used]
    matrix = np.stack([np.ones_like(at), at, at * at], 1)
    # rings hold about as many values as their frequency is high
    weight = np.sqrt(at)[:, None]
    logs = np.log(np.maximum(curves[:, used], 1e-6)).T
    start = np.linalg.lstsq(matrix * weight, logs * weight, rcond=None)[0][0]
    return np.asarray(curves / np.exp(start)[:, None])


def _crossing(frequency: Float64, curve: Float64) -> float:
    """Where the curve first falls to one half; NaN if it does not."""
    below = np.flatnonzero(curve < 0.5)
    if not len(below):
        return np.nan
    n = int(below[0])
    if n == 0:
        return float(frequency[0])
    share = (curve[n - 1] - 0.5) / (curve[n - 1] - curve[n])
    return float(frequency[n - 1] + share * (frequency[n] - frequency[n - 1]))


def _half(found: TextureMtf) -> Estimate:
    unit = "cycles/pixel"
    if not np.isfinite(_crossing(found.frequency, found.mtf)):
        return Estimate.missing("contrast stays above one half up to 0.5 cycles/pixel", unit)
    return found.estimate(_crossing, unit)


def _between(value: float, draws: Float64, others: Float64, unit: str) -> Estimate:
    """`value` with the interval of `draws`, and as items its pseudo-values from those `others` (Tukey 1958)."""
    if len(draws) < 3:
        return Estimate(value, unit=unit, reason="no interval from fewer than 3 blocks")
    if not np.isfinite(draws).all():
        return Estimate(value, unit=unit, reason="no interval: the value cannot be told from some of the blocks")
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    # their own mean lies off the value by the bias that the jackknife sees, which two pictures share
    items = value - (len(others) - 1) * (others - others.mean()) if np.isfinite(others).all() else None
    return Estimate(value, (float(low), float(high)), unit, items=items)


def _plane(pixels: ArrayLike, what: str, encoding: Encoding, space: str) -> Float64:
    light = linear(pixels, encoding, space)
    if not (light.ndim == 2 or (light.ndim == 3 and light.shape[2] == 3)) or 0 in light.shape:
        raise UsageError(f"{what} of shape {light.shape} must be (H, W) or (H, W, 3)")
    if not np.isfinite(light).all():
        raise NumericError(f"{what} holds values that are not finite")
    return light if light.ndim == 2 else luminance(light, space)


def _missing(reason: str, method: str) -> TextureMtf:
    none: NDArray[np.float64] = np.zeros(0)
    return TextureMtf(Estimate.missing(reason, "cycles/pixel"), none, none, none, none, method, *np.zeros((2, 0, 0)))
