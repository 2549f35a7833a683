"""Sharpness of a slanted edge: spatial frequency response, MTF50 and its kin, each with an interval (ISO 12233:2023).

The classical e-SFR bins the pixels by their distance from the edge, differentiates and transforms. Differentiation
amplifies noise, so its MTF50 scatters several times more than the data allow. Here the edge is fitted by a formula
(`EdgeModel`) with as many terms of its series as the data ask for (Akaike 1974); a Gaussian edge then scatters as the
Cramer-Rao bound says. Where binned residuals contradict the formula, the classical result is given instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float64
from reports.estimate import NORMAL, Estimate, Measured
from reports.light import Encoding, linear, luminance
from reports.metrics.edge_fit import Fit, fitted
from reports.metrics.edge_model import EdgeModel
from reports.metrics.edge_spread import Spread, spread

METHODS = ("auto", "model", "iso12233")
FREQUENCIES = np.linspace(0.0, 1.0, 201)
"""Of the returned curve [cycles/pixel]."""
SMALLEST = 16
"""Least width and height of a region [px]."""
LEAST_SLANT, MOST_SLANT = 1.0, 44.0
"""From the pixel rows or columns [deg]: a straighter edge shows every pixel one phase, beyond 44 it is the other."""
WIDEST_INTERVAL = 0.5
"""Half of an interval by its value, from which the value is n.a."""
PERCENT_OF_PEAK = 0.5
CLIPPED = 0.02
"""Share of pixels at an end of the scale from which a side counts as clipped."""


@dataclass(frozen=True)
class SlantedEdge(Measured):
    """What an edge says about sharpness; frequencies along the normal of the edge.

    Parameters
    ----------
    mtf50, mtf10 : Estimate [cycles/pixel]
        Where the response falls to 50 and 10 % of that at 0.
    mtf50p : Estimate [cycles/pixel]
        Where it falls to half of its largest value: sharpening moves it less.
    mtf_nyquist : Estimate
        The response at 0.5 cycles/pixel.
    overshoot, undershoot : Estimate [%]
        How far the edge spread exceeds the light side, and falls below the dark side, of the step between them.
    edge_width : Estimate [px]
        From 10 to 90 % of the step.
    angle : Estimate [deg]
        From the nearest pixel axis, clockwise positive.
    contrast : Estimate
        Michelson's, (light - dark) / (light + dark).
    snr : Estimate
        Step by the standard deviation of the noise of one pixel.
    frequency, sfr : (K,) float64 [cycles/pixel], response; empty if there is none
    sfr_deviation : (K,) float64, standard error of `sfr`
    position, esf : (M,) float64, distance from the edge [px] and edge spread in the values of the region
    vertical : True if the edge is nearer to vertical
    method : ``model`` or ``iso12233``, by which the curve was made
    reason : why there is nothing, or empty
    """

    mtf50: Estimate
    mtf10: Estimate
    mtf50p: Estimate
    mtf_nyquist: Estimate
    overshoot: Estimate
    undershoot: Estimate
    edge_width: Estimate
    angle: Estimate
    contrast: Estimate
    snr: Estimate
    frequency: Float64 = field(default_factory=lambda: np.zeros(0))
    sfr: Float64 = field(default_factory=lambda: np.zeros(0))
    sfr_deviation: Float64 = field(default_factory=lambda: np.zeros(0))
    position: Float64 = field(default_factory=lambda: np.zeros(0))
    esf: Float64 = field(default_factory=lambda: np.zeros(0))
    vertical: bool = True
    method: str = ""
    reason: str = ""


def slanted_edge(
    region: ArrayLike, encoding: Encoding = "linear", *, method: str = "auto", space: str = "srgb"
) -> SlantedEdge:
    """The response of the straight edge that crosses a region.

    Parameters
    ----------
    region : (h, w) or (h, w, 3)
        Codes or values with one edge from side to side, 1 to 44 degrees off the pixel columns or rows, and even areas
        on both sides of it. Of colours the luminance is taken.
    encoding : str or callable
        How pixels stand for light; see `reports.light.Encoding`. A tone curve that is not undone bends the edge: give
        its inverse.
    method : str
        ``model`` fits a formula, ``iso12233`` bins, differentiates and transforms as the standard's e-SFR does,
        ``auto`` is the first unless the data contradict it.

    Returns
    -------
    SlantedEdge
        All n.a. with the reason where there is no usable edge.

    Raises
    ------
    UsageError
        A region that is not (h, w) or (h, w, 3), or an unknown method.

    Notes
    -----
    The ISO curve has bins of a quarter pixel, a Tukey window, and the corrections of the derivative and of the bins
    (ISO 12233:2023, annex D). Intervals follow from the scatter of pixels about the fit, by linear propagation; they
    count pixels as independent, so noise reduction and demosaicing, which make noise coarse, leave them too narrow.
    """
    if method not in METHODS:
        raise UsageError(f"method {method!r} is not known; methods: {', '.join(METHODS)}")
    shape = np.shape(region)
    if not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
        raise UsageError(f"region of shape {shape} must be (h, w) or (h, w, 3)")
    given = np.asarray(region)
    light = linear(given, encoding, space)
    light = luminance(light, space) if light.ndim == 3 else light
    reason = _unusable(given, light)
    if reason:
        return nothing(reason)
    vertical = _is_vertical(light)
    plane = light if vertical else light.T
    found = fitted(plane)
    if isinstance(found, str):
        return nothing(found)
    slant = math.degrees(math.atan(found.model.slope))
    if not LEAST_SLANT <= abs(slant) <= MOST_SLANT:
        return nothing(f"the edge is {abs(slant):.1f} degrees off a pixel axis; {LEAST_SLANT:g} to {MOST_SLANT:g} work")
    if method == "iso12233" or (method == "auto" and found.contradicted):
        curve = spread(plane, found, FREQUENCIES)
        return nothing(curve) if isinstance(curve, str) else _classical(curve, found, vertical)
    return _modelled(found, vertical)


def nothing(reason: str) -> SlantedEdge:
    """The result where there is no usable edge."""
    frequency, percent = Estimate.missing(reason, "cycles/pixel"), Estimate.missing(reason, "%")
    plain = Estimate.missing(reason)
    return SlantedEdge(
        frequency, frequency, frequency, plain, percent, percent, Estimate.missing(reason, "px"),
        Estimate.missing(reason, "deg"), plain, plain, reason=reason,
    )  # fmt: skip


def _unusable(given: np.ndarray, light: Float64) -> str:
    height, width = light.shape
    if min(height, width) < SMALLEST:
        return f"the region of {width} x {height} px is smaller than {SMALLEST} px"
    if not np.isfinite(light).all():
        return "values are not finite"
    low, high = float(light.min()), float(light.max())
    if high - low <= 1e-9 * max(abs(high), 1e-9):
        return "the region is even: there is no edge"
    codes = given.dtype.kind == "u"
    top = float(np.iinfo(given.dtype).max) if codes else 1.0
    for side, ends in (("light", given >= top), ("dark", given <= 0)):
        if np.mean(ends) > CLIPPED and (codes or _noisy(light, dark=side == "light")):
            return f"the {side} side is clipped"
    return ""


def _noisy(light: Float64, dark: bool) -> bool:
    """Whether the dark (or light) side has noise: in a drawn edge neither side has, and neither is clipped."""
    low, high = float(light.min()), float(light.max())
    side = light[(light < (low + high) / 2) == dark]
    return float(np.median(np.abs(side - np.median(side)))) > 1e-6 * (high - low)


def _is_vertical(light: Float64) -> bool:
    """Whether light changes more along rows: structure tensor after smoothing."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(light, 1.5)
    across, down = np.gradient(smooth, axis=1), np.gradient(smooth, axis=0)
    return bool((across**2).sum() >= (down**2).sum())


def _shared(found: Fit, vertical: bool) -> tuple[Estimate, Estimate, Estimate]:
    """Angle, contrast, signal to noise."""
    model, deviations = found.model, found.deviations
    other = model.low + model.step
    slant = math.degrees(math.atan(model.slope))
    clockwise = -slant if vertical else slant
    total = model.low + other
    contrast = abs(model.step) / total if total > 0 else math.nan
    spread_of = math.hypot(deviations[1], deviations[0]) / max(total, 1e-12)
    levels = (
        Estimate.normal(contrast, spread_of) if total > 0 else Estimate.missing("the sides' levels are not positive")
    )
    ratio = Estimate(abs(model.step) / found.noise if found.noise > 0 else math.inf, reason="of the fit")
    return Estimate.normal(clockwise, math.degrees(deviations[3] / (1 + model.slope**2)), "deg"), levels, ratio


def _modelled(found: Fit, vertical: bool) -> SlantedEdge:
    """Everything from the model, errors by derivatives of each figure by the model's numbers."""
    vector, covariance = found.model.vector, found.covariance
    names = ("mtf50", "mtf10", "mtf50p", "mtf_nyquist", "overshoot", "undershoot", "edge_width")
    units = ("cycles/pixel", "cycles/pixel", "cycles/pixel", "", "%", "%", "px")
    values = _figures(found.model)
    curve = found.model.transfer(FREQUENCIES)
    steps = np.sqrt(np.diag(covariance)) * 0.1 + 1e-7
    slopes = np.zeros((len(vector), len(values)))
    curves = np.zeros((len(vector), len(FREQUENCIES)))
    for i in range(1, len(vector)):
        if i in (2, 4):
            continue  # where the edge lies does not blur it
        ahead, behind = vector.copy(), vector.copy()
        ahead[i] += steps[i]
        behind[i] -= steps[i]
        up, down = EdgeModel.of(ahead), EdgeModel.of(behind)
        slopes[i] = (np.array(_figures(up)) - np.array(_figures(down))) / (2 * steps[i])
        curves[i] = (up.transfer(FREQUENCIES) - down.transfer(FREQUENCIES)) / (2 * steps[i])
    deviations = np.sqrt(np.maximum(np.einsum("ik,ij,jk->k", slopes, covariance, slopes), 0))
    band = np.sqrt(np.maximum(np.einsum("ik,ij,jk->k", curves, covariance, curves), 0))
    told: dict[str, Any] = {
        name: _told(value, deviation, unit, name)
        for name, value, deviation, unit in zip(names, values, deviations, units, strict=True)
    }
    reach = max(6.0, 5 * found.model.width)
    position = np.linspace(-reach, reach, 241)
    esf = found.model.low + found.model.step * found.model.response(position)
    angle, contrast, ratio = _shared(found, vertical)
    return SlantedEdge(
        **told, angle=angle, contrast=contrast, snr=ratio, frequency=FREQUENCIES, sfr=curve, sfr_deviation=band,
        position=position, esf=esf, vertical=vertical, method="model",
    )  # fmt: skip


def _told(value: float, deviation: float, unit: str, name: str) -> Estimate:
    if not math.isfinite(value):
        return Estimate.missing("the response does not fall that far below 1 cycle/pixel", unit)
    if name.startswith("mtf50") and NORMAL * deviation > WIDEST_INTERVAL * value:
        return Estimate.missing(f"too noisy: {value:.2g} ± {NORMAL * deviation:.2g}", unit)
    return Estimate.normal(value, deviation, unit)


def _figures(model: EdgeModel) -> tuple[float, ...]:
    """MTF50, MTF10, MTF50P, MTF at Nyquist, overshoot and undershoot [%], width [px] of a model."""
    curve = model.transfer(FREQUENCIES)
    peak = int(np.argmax(curve))
    refine = model.transfer
    reach = max(4.0, 6 * model.width)
    d = np.linspace(-reach, reach, 401)
    response = model.response(d)
    nyquist = float(refine(np.array([0.5]))[0])
    return (
        crossing(FREQUENCIES, curve, 0.5, refine), crossing(FREQUENCIES, curve, 0.1, refine),
        crossing(FREQUENCIES[peak:], curve[peak:], PERCENT_OF_PEAK * float(curve[peak]), refine), nyquist,
        *shoots(response), width_of(d, response),
    )  # fmt: skip


def crossing(
    frequency: Float64, curve: Float64, level: float, refine: Callable[[Float64], Float64] | None = None
) -> float:
    """The first frequency at which a falling curve reaches `level`; NaN if not. `refine` is the curve itself."""
    below = np.flatnonzero(curve <= level)
    if len(below) == 0 or below[0] == 0:
        return math.nan
    i = int(below[0])
    f0, f1, v0, v1 = frequency[i - 1], frequency[i], curve[i - 1], curve[i]
    if refine is not None:
        from scipy.optimize import brentq

        return float(brentq(lambda f: float(refine(np.array([f]))[0]) - level, f0, f1, xtol=1e-9))
    return float(f0 + (f1 - f0) * (v0 - level) / (v0 - v1))


def shoots(response: Float64) -> tuple[float, float]:
    """Overshoot and undershoot of an edge spread whose sides are 0 and 1 [%]."""
    return 100 * max(float(response.max()) - 1, 0.0), 100 * max(-float(response.min()), 0.0)


def width_of(d: Float64, response: Float64) -> float:
    """Distance between the outermost crossings of 10 and 90 % [px]."""

    def last(level: float, rising: Float64) -> float:
        i = int(np.argmax(rising >= level))
        if i == 0:
            return math.nan
        return float(np.interp(level, rising[i - 1 : i + 1], d[i - 1 : i + 1]))

    return last(0.9, response) - last(0.1, response)


def _classical(curve: Spread, found: Fit, vertical: bool) -> SlantedEdge:
    """Everything from the binned edge spread."""
    f, sfr, band = curve.frequency, curve.sfr, curve.deviation
    peak = int(np.argmax(sfr))

    def at(level: float, first: int = 0) -> Estimate:
        value = crossing(f[first:], sfr[first:], level)
        slope = abs(float(np.interp(value, f, np.gradient(sfr, f))))
        return _told(value, float(np.interp(value, f, band)) / max(slope, 1e-6), "cycles/pixel", "mtf50")

    over, under = shoots(curve.response)
    noise = 100 * curve.response_deviation
    return SlantedEdge(
        at(0.5), at(0.1), at(PERCENT_OF_PEAK * float(sfr[peak]), peak),
        Estimate.normal(float(np.interp(0.5, f, sfr)), float(np.interp(0.5, f, band))),
        Estimate.normal(over, noise, "%"), Estimate.normal(under, noise, "%"),
        Estimate(width_of(curve.position, curve.response), unit="px", reason="no interval from bins"),
        *_shared(found, vertical), frequency=f, sfr=sfr, sfr_deviation=band, position=curve.position,
        esf=found.model.low + found.model.step * curve.response, vertical=vertical, method="iso12233",
    )  # fmt: skip
