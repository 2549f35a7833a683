"""Tone: what a picture made of known greys, against a curve."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.errors import UsageError
from isp.values import Float64, frozen
from reports.estimate import Estimate, Measured, bootstrap, mean_of

Target = str | Callable[[NDArray[Any]], NDArray[Any]] | ArrayLike
"""`srgb`, `rec709`, `gamma:2.2`, `linear`, a function from light 0..1 to code 0..1, or a code for each patch."""
CODES = 255
"""Deviations are told in 8-bit codes."""
_FLAT = 0.02
"""Slope, of the largest, below which a curve is at its end: what is beyond is clipped or drowned in glare."""


@dataclass(frozen=True)
class ToneResponse(Measured):
    """A measured tone curve against its target.

    Parameters
    ----------
    exposure_error : Estimate [EV]
        log2 of the light that the codes stand for by the target, over that of the patches: + is too bright. Mean
        over the patches between 10 % and 90 % of the code range, so that neither end counts.
    rms, maximum : Estimate [8-bit codes]
        Deviation from the target.
    rms_exposed, maximum_exposed : Estimate [8-bit codes]
        The same after the exposure error is taken out of the light: what is left is the shape of the curve.
    contrast : Estimate
        Largest slope of log10 code over log10 light, between neighbouring patches.
    range_stops : Estimate [stops]
        From the darkest to the lightest light that the curve still tells apart, `ends`.
    ends : (darkest, lightest) light; NaN where nothing rises
    light, code, target : (N,) float64
        By rising light: light of the patches, code measured, code wanted; 1 is white.
    gamma : (N - 1,) float64
        Slope of log10 code over log10 light between neighbours.
    """

    exposure_error: Estimate
    rms: Estimate
    maximum: Estimate
    rms_exposed: Estimate
    maximum_exposed: Estimate
    contrast: Estimate
    range_stops: Estimate
    ends: tuple[float, float]
    light: Float64
    code: Float64
    target: Float64
    gamma: Float64


def tone_response(levels_in: ArrayLike, levels_out: ArrayLike, target: Target = "srgb") -> ToneResponse:
    """Tone curve from grey patches.

    Parameters
    ----------
    levels_in : (N,) float
        Light of the patches relative to white: 10^-density, or reflectance.
    levels_out : (N,) float
        What the picture has there, mean over each patch: values 0..1, or integer codes.
    target : see `Target`
        The curve that the picture should have.

    Returns
    -------
    ToneResponse
        n.a. with the reason from fewer than three patches of different light.

    Raises
    ------
    UsageError
        Levels that do not fit each other, light below 0, or an unknown target.

    Notes
    -----
    The opto-electronic conversion function of ISO 14524 with an expected curve beside it; deviations as the gamma
    checks of camera tuning tools give them, in 8-bit codes. Intervals: bootstrap over the patches; none of the maximum.
    """
    light, code = np.asarray(levels_in, np.float64), np.asarray(levels_out)
    if code.dtype.kind in "ui":
        code = code / np.iinfo(code.dtype).max
    code = code.astype(np.float64)
    if light.ndim != 1 or light.shape != code.shape:
        raise UsageError(f"light {light.shape} and codes {code.shape} of the patches must both be (N,)")
    if not (np.isfinite(light).all() and np.isfinite(code).all() and (light >= 0).all()):
        raise UsageError("light of the patches must be finite and >= 0, their codes finite")
    order = np.argsort(light, kind="stable")
    light, code = light[order], code[order]
    encode, undo = _curve(target, light, order)
    wanted = encode(light)
    if len(np.unique(light)) < 3:
        why = f"needs three patches of different light, there are {len(np.unique(light))}"
        ev, codes = Estimate.missing(why, "EV"), Estimate.missing(why, "codes")
        return ToneResponse(
            ev, codes, codes, codes, codes, Estimate.missing(why), Estimate.missing(why, "stops"), (math.nan, math.nan),
            frozen(light), frozen(code), frozen(wanted), np.empty(0),
        )  # fmt: skip
    error = _exposure(light, code, undo)
    off = CODES * (code - wanted)
    # an exposure that is too high ends at white
    meant = np.minimum(light * 2.0**error, max(1.0, float(light[-1]))) if error.known else light
    exposed = CODES * (code - encode(meant))
    gamma = _gamma(light, code)
    ends, stops = _range(light, gamma)
    return ToneResponse(
        error, _rms(off), _largest(off), _rms(exposed), _largest(exposed), _contrast(gamma), stops, ends,
        frozen(light), frozen(code), frozen(wanted), frozen(gamma),
    )  # fmt: skip


def exposure_error(luminance: ArrayLike, target: float = 0.18) -> Estimate:
    """log2 of mean luminance over what it should be [EV]; `luminance` is linear light of grey pixels or patches."""
    light = np.asarray(luminance, np.float64).ravel()
    if not (math.isfinite(target) and target > 0):
        raise UsageError(f"target={target} must be > 0")
    if not len(light) or light.mean() <= 0:
        return Estimate.missing("the picture is black" if len(light) else "nothing to measure", "EV")
    return bootstrap(light, lambda v: math.log2(max(float(v.mean()), 1e-12) / target), "EV")


def encoder(name: str) -> Callable[[Float64], Float64]:
    """The curve of this name: light 0..1 to code 0..1."""
    from colour.models import eotf_inverse_sRGB, oetf_BT709

    if name == "linear":
        return lambda light: light
    if name == "srgb":
        return lambda light: np.asarray(eotf_inverse_sRGB(light))
    if name == "rec709":
        return lambda light: np.asarray(oetf_BT709(light))
    if name.startswith("gamma:"):
        try:
            power = float(name[6:])
        except ValueError:
            power = math.nan
        if power > 0:
            return lambda light: np.asarray(light ** (1 / power))
    raise UsageError(f"target {name!r} is not known; targets: linear, srgb, rec709, gamma:NUMBER > 0, or a function")


def _curve(
    target: Target, light: Float64, order: NDArray[np.intp]
) -> tuple[Callable[[Float64], Float64], Callable[[Float64], Float64]]:
    """The curve and its inverse, which is read off its own values at many lights."""
    if isinstance(target, str) or callable(target):
        curve: Callable[[Float64], Any] = encoder(target) if isinstance(target, str) else target
        # dense near black, where curves are steep
        fine = np.concatenate([[0.0], np.geomspace(1e-6, max(1.0, float(light.max(initial=1.0))), 4000)])

        def encode(given: Float64) -> Float64:
            codes = np.asarray(curve(given), np.float64)
            if codes.shape != given.shape:
                raise UsageError(f"the target curve made {codes.shape} of light {given.shape}")
            return codes

        codes = encode(fine)
    else:
        given = np.asarray(target)
        given = given / np.iinfo(given.dtype).max if given.dtype.kind in "ui" else given.astype(np.float64)
        if given.shape != light.shape:
            raise UsageError(f"target of shape {given.shape} must have a code for each of {len(light)} patches")
        fine, codes = light, given[order]

        def encode(given: Float64) -> Float64:
            return np.asarray(np.interp(given, fine, codes))

    rising = np.maximum.accumulate(codes) + 1e-12 * np.arange(len(codes))
    return encode, lambda code: np.asarray(np.interp(code, rising, fine, left=math.nan, right=math.nan))


def _exposure(light: Float64, code: Float64, undo: Callable[[Float64], Float64]) -> Estimate:
    stood_for = undo(code)
    middle = (code > 0.1) & (code < 0.9) & (light > 0) & np.isfinite(stood_for) & (stood_for > 0)
    if not middle.any():
        return Estimate.missing("no patch between 10 % and 90 % of the code range", "EV")
    return mean_of(np.log2(stood_for[middle] / light[middle]), "EV")


def _rms(off: Float64) -> Estimate:
    return bootstrap(off, lambda v: math.sqrt(float((v**2).mean())), "codes")


def _largest(off: Float64) -> Estimate:
    return Estimate(float(np.abs(off).max()), unit="codes", reason="the largest of some has no bootstrap interval")


def _gamma(light: Float64, code: Float64) -> Float64:
    """Slopes between neighbours; NaN where there is no light or no code."""
    lit = (light > 0) & (code > 0)
    x, y = (np.where(lit, np.log10(np.where(lit, v, 1.0)), math.nan) for v in (light, code))
    step = np.diff(x)
    return np.where(step > 0, np.diff(y) / np.where(step > 0, step, 1.0), math.nan)


def _contrast(gamma: Float64) -> Estimate:
    if not np.isfinite(gamma).any():
        return Estimate.missing("no two neighbouring patches have light and code")
    return Estimate(float(np.nanmax(gamma)), reason="a single step of the chart has no interval")


def _range(light: Float64, gamma: Float64) -> tuple[tuple[float, float], Estimate]:
    """Ends of the curve, and the stops between them."""
    least = _FLAT * np.nanmax(gamma, initial=0.0)
    rising = np.flatnonzero(np.nan_to_num(gamma) > max(float(least), 1e-12))
    if len(rising) == 0:
        return (math.nan, math.nan), Estimate.missing("the codes do not rise with the light", "stops")
    first, last = rising[0], rising[-1]
    value = math.log2(light[last + 1] / light[first])
    # each end may lie anywhere within its step
    steps = [math.log2(light[i + 1] / light[i]) for i in (first, last)]
    return (float(light[first]), float(light[last + 1])), Estimate(value, (value - sum(steps), value), "stops")
