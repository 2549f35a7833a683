"""Numbers of an edge, with their errors, from its response and its spread function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from isp.values import Float64, frozen
from reports.estimate import Estimate
from reports.metrics.edge_curve import Curve
from reports.metrics.edge_fit import EdgeFit
from reports.metrics.edge_spread import Spread

FREQUENCIES = frozen(np.linspace(0.0, 1.0, 201))
"""Of responses [cycles/pixel]."""
NYQUIST = 100
"""Index of 0.5 cycles/pixel."""
PER_PIXEL = "cycles/pixel"
_FINE = 1 / 16
"""Step of the edge spread function [px]."""
_NEVER = "the response does not fall that far below 1 cycle/pixel"


@dataclass(frozen=True)
class Reading:
    """What one method says of an edge; see `reports.metrics.sfr.SlantedEdge` for the numbers.

    Parameters
    ----------
    numbers : MTF50 and so on, by name
    sfr, deviation : (F,) response at `FREQUENCIES`, standard error
    position, response : (P,) distance across the edge [px]; edge spread, 0 on the dark and 1 on the light side
    """

    numbers: dict[str, Estimate]
    sfr: Float64
    deviation: Float64
    position: Float64
    response: Float64


def of_fit(fit: EdgeFit) -> Reading:
    """Of the fitted curve: errors by propagation of its parameters' covariance."""
    curve, covariance = fit.curve, fit.curve.covariance
    sfr, slopes = curve.transfer(FREQUENCIES)
    peak = int(np.argmax(sfr))
    none = np.zeros(len(covariance))
    numbers = {
        "mtf50": _fall(sfr, slopes, covariance, 0.5, none),
        "mtf10": _fall(sfr, slopes, covariance, 0.1, none),
        "mtf50p": _fall(sfr, slopes, covariance, 0.5 * float(sfr[peak]), 0.5 * slopes[peak]),
        "mtf_nyquist": Estimate.normal(float(sfr[NYQUIST]), _deviation(slopes[NYQUIST], covariance)),
    }
    half = float(min(-np.median(fit.distance[:, 0]), np.median(fit.distance[:, -1])))
    position = np.arange(-np.floor(half / _FINE), np.floor(half / _FINE) + 1) * _FINE
    response, steep, parts = _spread(curve, position)
    for name, beyond, side in (("overshoot", response - 1, position > 0), ("undershoot", -response, position < 0)):
        inside = np.flatnonzero(side & (np.abs(position) > curve.spread) & (np.abs(position) < curve.reach))
        at = inside[np.argmax(beyond[inside])]
        found = Estimate.normal(100 * max(0.0, float(beyond[at])), 100 * _deviation(parts[at], covariance), "%")
        numbers[name] = Estimate(found, (max(0.0, found.interval[0]), found.interval[1]), "%")
    ends = [_crossing(position, response, level) for level in (0.1, 0.9)]
    shifts = [parts[i] / steep[i] for i in (int(np.argmin(np.abs(position - e))) for e in ends)]
    numbers["edge_width"] = Estimate.normal(ends[1] - ends[0], _deviation(shifts[1] - shifts[0], covariance), "px")
    error = np.sqrt(np.einsum("fp,pq,fq->f", slopes, covariance, slopes))
    return Reading(numbers, sfr, error, position, response)


def of_bins(found: Spread) -> Reading:
    """Of the e-SFR: errors by propagation of those of the bins."""
    sfr, error = found.sfr, found.deviation
    peak, steep = int(np.argmax(sfr)), np.abs(np.gradient(sfr, FREQUENCIES))

    def fall(level: float) -> Estimate:
        at = _first_below(sfr, level)
        if not np.isfinite(at):
            return Estimate.missing(_NEVER, PER_PIXEL)
        each = (float(np.interp(at, FREQUENCIES, v)) for v in (error, steep))
        return Estimate.normal(at, next(each) / max(next(each), 1e-6), PER_PIXEL)

    raised = Estimate.missing("noise in the bins raises it; the method 'model' gives it", "%")
    numbers = {
        "mtf50": fall(0.5), "mtf10": fall(0.1), "mtf50p": fall(0.5 * float(sfr[peak])),
        "mtf_nyquist": Estimate.normal(float(sfr[NYQUIST]), float(error[NYQUIST])),
        "overshoot": raised, "undershoot": raised,
    }  # fmt: skip
    ends = [_crossing(found.position, found.response, level) for level in (0.1, 0.9)]
    slope = np.abs(np.gradient(found.response, found.position))
    away = [float(np.interp(e, found.position, found.response_deviation / np.maximum(slope, 1e-6))) for e in ends]
    numbers["edge_width"] = Estimate.normal(ends[1] - ends[0], math.hypot(*away), "px")
    return Reading(numbers, sfr, error, found.position, found.response)


def _first_below(sfr: Float64, level: float) -> float:
    """Frequency after the peak at which the response first falls to `level`; NaN if it does not."""
    from scipy.interpolate import CubicSpline

    peak = int(np.argmax(sfr))
    below = np.flatnonzero(sfr[peak:] < level)
    if not below.size:
        return float("nan")
    first = peak + int(below[0])
    near = slice(max(first - 3, 0), first + 3)
    roots = CubicSpline(FREQUENCIES[near], sfr[near]).solve(level, extrapolate=False)
    between = roots[(roots >= FREQUENCIES[first - 1]) & (roots <= FREQUENCIES[first])]
    return float(between[0]) if between.size else float(FREQUENCIES[first])


def _fall(sfr: Float64, slopes: Float64, covariance: Float64, level: float, level_slopes: Float64) -> Estimate:
    """Where the fitted response falls to a level, which may depend on the parameters itself."""
    at = _first_below(sfr, level)
    if not np.isfinite(at):
        return Estimate.missing(_NEVER, PER_PIXEL)
    i = int(np.clip(np.searchsorted(FREQUENCIES, at), 1, len(FREQUENCIES) - 1))
    steep = float((sfr[i - 1] - sfr[i]) / (FREQUENCIES[i] - FREQUENCIES[i - 1]))
    share = (at - FREQUENCIES[i - 1]) / (FREQUENCIES[i] - FREQUENCIES[i - 1])
    along = (1 - share) * slopes[i - 1] + share * slopes[i]
    return Estimate.normal(at, _deviation(along - level_slopes, covariance) / max(steep, 1e-6), PER_PIXEL)


def _spread(curve: Curve, position: Float64) -> tuple[Float64, Float64, Float64]:
    """The edge spread function, its slope and its derivatives by the parameters, zero beyond the reach."""
    near = np.abs(position) < curve.reach
    value, slope = (position > 0).astype(np.float64), np.zeros_like(position)
    parts = np.zeros((len(position), len(curve.parameters)))
    value[near], slope[near], parts[near] = curve.at(position[near])
    return value, slope, parts


def _crossing(position: Float64, response: Float64, level: float) -> float:
    """Distance at which the edge passes a level, the one nearest the middle of the rise."""
    middle = int(np.argmin(np.abs(response - 0.5)))
    if level > 0.5:
        i = max(middle + int(np.argmax(response[middle:] > level)), 1)
    else:
        i = middle - int(np.argmax(response[middle::-1] < level)) + 1
    return float(np.interp(level, [response[i - 1], response[i]], [position[i - 1], position[i]]))


def _deviation(slopes: Any, covariance: Float64) -> float:
    return float(np.sqrt(max(0.0, float(slopes @ covariance @ slopes))))
