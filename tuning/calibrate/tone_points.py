"""Tone curve from grey steps: the parameters, or free points, with which the stage gives the wanted response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from isp.color.spaces import srgb_encoded
from isp.errors import NumericError, UsageError
from isp.stages.tone_curve import MID_GREY, ToneCurve, filmic
from isp.values import Float64, frozen
from reports.estimate import Estimate, Measured, mean_of

FITTED = ("contrast", "toe", "black", "white", "shoulder", "grey")
"""Parameters of the curve, in the order of the fit."""
FEWEST = 8
"""Steps below which six parameters are not told apart."""
RANGE = 3.0
"""Least range of the steps' light [EV]: a curve is not known from mid-tones alone."""
_SHORT = 0.5
"""Root mean square from which a parameter at its bound is worth a warning: half a code of 8 bits."""


@dataclass(frozen=True)
class ToneFit(Measured):
    """A tone curve.

    Parameters
    ----------
    values : mapping
        What the stage `tone_curve` takes.
    exposure : Estimate [EV]
        By how much the steps' light was brought up or down so that the curve fits, if that was asked for.
    residual : Estimate
        Root mean square difference between the response and the wanted one, in 8-bit sRGB codes.
    cross_validated : Estimate
        The same of steps that were left out in turn.
    scene, wanted, response : (N,) float64
        Light of the steps after exposure, wanted and reached display light.
    """

    values: Mapping[str, Any]
    exposure: Estimate
    residual: Estimate
    cross_validated: Estimate
    scene: Float64 = field(repr=False)
    wanted: Float64 = field(repr=False)
    response: Float64 = field(repr=False)
    warnings: tuple[str, ...] = ()


def tone_curve(
    scene: ArrayLike, wanted: ArrayLike, *, form: Literal["parametric", "points"] = "parametric",
    exposure: bool = False,
) -> ToneFit:  # fmt: skip
    """The tone curve that leads from the light of grey steps to a wanted display light.

    Parameters
    ----------
    scene : (N,) float
        Light of the steps in front of the stage (scene-referred, linear; mid-grey is 0.18): read from a capture, or
        reflectances.
    wanted : (N,) float
        Display light each should have, linear, 0..1: of a target curve, or of a reference picture of the same steps.
    form : ``parametric`` (six parameters) or ``points`` (a free monotone curve through all steps)
    exposure : bool
        Fit one factor of the light with the curve: for a reference of another exposure.

    Returns
    -------
    ToneFit

    Raises
    ------
    UsageError
        Arrays that do not fit together, values that are not finite or out of range.
    NumericError
        Too few steps, or over too small a range, or a response that does not rise.

    Notes
    -----
    Least squares of 8-bit sRGB codes, which are about evenly visible, by SciPy's trust region within the stage's own
    bounds. Exposure is held to ±3 EV.
    """
    light, target = np.asarray(scene, np.float64), np.asarray(wanted, np.float64)
    if light.ndim != 1 or light.shape != target.shape or form not in ("parametric", "points"):
        raise UsageError(f"tone curve: scene {light.shape} and wanted {target.shape} must both be (N,), form {form!r} "
                         "parametric or points")  # fmt: skip
    if not (np.isfinite(light).all() and np.isfinite(target).all() and (target >= 0).all() and (target <= 1).all()):
        raise UsageError("tone curve: values must be finite, and wanted ones in 0..1")
    order = np.argsort(light, kind="stable")
    light, target = light[order], target[order]
    lit = light > 0
    stops = float(np.log2(light[lit].max() / light[lit].min())) if lit.sum() > 1 else 0.0
    if lit.sum() < FEWEST or stops < RANGE:
        raise NumericError(
            f"tone curve: {int(lit.sum())} steps over {stops:.1f} EV; {FEWEST} or more over {RANGE:g} EV are needed"
        )
    light, target = light[lit], target[lit]
    if np.corrcoef(light.argsort().argsort(), target)[0, 1] < 0.5:
        raise NumericError("tone curve: the wanted response does not rise with the light; are the steps in order?")
    if form == "points":
        return _free(light, target)
    fit, ev, at_bounds = _parametric(light, target, exposure)
    response = filmic(light * 2.0**ev, fit)
    off = 255 * (srgb_encoded(response) - srgb_encoded(target))
    held = np.empty_like(off)
    for n in range(len(light)):
        rest = np.arange(len(light)) != n
        other, shift, _ = _parametric(light[rest], target[rest], exposure)
        there = filmic(light[n : n + 1] * 2.0**shift, other)
        held[n] = 255 * float((srgb_encoded(there) - srgb_encoded(target[n : n + 1]))[0])
    known = Estimate(ev, unit="EV", reason="no interval") if exposure else Estimate.missing("not asked for", "EV")
    short = at_bounds if _rms(off) > _SHORT else []
    warnings = tuple(f"{name} lies at its bound, {fit[name]:g}, and the response is off." for name in short)
    return ToneFit(
        {**{name: float(value) for name, value in fit.items()}, "points": []}, known, _root(off), _root(held),
        frozen(light * 2.0**ev), frozen(target), frozen(response), warnings,
    )  # fmt: skip


def _parametric(light: Float64, target: Float64, exposure: bool) -> tuple[dict[str, float], float, list[str]]:
    """Parameters, exposure [EV], and names of those at a bound."""
    from scipy.optimize import least_squares

    params = [ToneCurve.parameter(name) for name in FITTED]
    low = np.array([p.lower for p in params] + [-3.0])
    high = np.array([p.upper for p in params] + [3.0])
    grey = float(np.interp(MID_GREY, light, target))
    first = np.array([p.default for p in params] + [0.0])
    first[FITTED.index("grey")] = grey
    first = np.clip(first, low + 1e-3 * (high - low), high - 1e-3 * (high - low))
    free = np.append(np.ones(len(params), bool), exposure)
    goal = srgb_encoded(target)

    def off(x: Float64) -> Float64:
        every = first.copy()
        every[free] = x
        if not exposure:
            every[-1] = 0.0
        values = dict(zip(FITTED, every, strict=False))
        return np.asarray(srgb_encoded(np.clip(filmic(light * 2.0 ** every[-1], values), 0, 1)) - goal)

    found = least_squares(off, first[free], bounds=(low[free], high[free]), x_scale=(high - low)[free], max_nfev=400)
    values = dict(zip(FITTED, (float(v) for v in found.x), strict=False))
    tight = [n for n, v, a, b in zip(FITTED, found.x, low, high, strict=False) if min(v - a, b - v) < 1e-4 * (b - a)]
    return values, float(found.x[-1]) if exposure else 0.0, tight


def _free(light: Float64, target: Float64) -> ToneFit:
    """Points at the steps, made monotone by isotonic regression."""
    from scipy.optimize import isotonic_regression

    rising = np.unique(light, return_index=True)[1]
    x, y = light[rising], np.asarray(isotonic_regression(target[rising]).x)
    points = [[0.0, 0.0], *([float(a), float(b)] for a, b in zip(x, y, strict=True))]
    off = 255 * (srgb_encoded(y) - srgb_encoded(target[rising]))
    return ToneFit(
        {"points": points}, Estimate.missing("not asked for", "EV"), _root(off),
        Estimate.missing("free points follow every step"), frozen(x), frozen(target[rising]), frozen(y),
    )  # fmt: skip


def _rms(off: Float64) -> float:
    return float(np.sqrt(np.mean(off**2)))


def _root(off: Float64) -> Estimate:
    """Root mean square with its interval."""
    square = mean_of(off**2)
    low, high = (max(v, 0.0) ** 0.5 for v in square.interval)
    return Estimate(_rms(off), (low, high), "codes")
