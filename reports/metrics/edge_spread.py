"""The e-SFR of ISO 12233:2023: bins across the edge, a derivative, a window, a transform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isp.values import Float64
from reports.metrics.edge_fit import Fit

OVERSAMPLING = 4
"""Bins per pixel (ISO 12233:2023, annex D)."""
REACH = 16.0
"""Most distance from the edge that is binned [px]."""
TAPER = 0.5
"""Share of the window that falls off (Tukey)."""


@dataclass(frozen=True)
class Spread:
    """The binned edge.

    Parameters
    ----------
    position : (M,) distance from the edge [px];  response : (M,) 0 on one side, 1 on the other
    response_deviation : standard error of a bin
    frequency, sfr, deviation : (K,)
    """

    position: Float64
    response: Float64
    response_deviation: float
    frequency: Float64
    sfr: Float64
    deviation: Float64


def spread(plane: Float64, found: Fit, frequency: Float64) -> Spread | str:
    """The e-SFR along the line of a fit, or why there is none."""
    model = found.model
    height, width = plane.shape
    x, y = (v.astype(np.float64) for v in np.meshgrid(np.arange(width), np.arange(height) - (height - 1) / 2))
    d = model.distance(x, y)
    reach = min(REACH, float(min(d[:, -1].min(), -d[:, 0].max())))
    if reach < 3:
        return "the edge has less than 3 px of room on a side"
    half = int(reach * OVERSAMPLING)
    bins = np.floor(d * OVERSAMPLING + half).astype(np.intp)
    inside = (bins >= 0) & (bins < 2 * half)
    counts = np.bincount(bins[inside], minlength=2 * half)
    if (counts == 0).any():
        return "quarter pixels across the edge are not all seen: the region is too short for this slant"
    esf = np.bincount(bins[inside], plane[inside], 2 * half) / counts
    # bins hold their mean distance, not their middle
    at = np.bincount(bins[inside], d[inside], 2 * half) / counts
    middle = (np.arange(2 * half) + 0.5 - half) / OVERSAMPLING
    esf = esf - np.gradient(esf, at) * (at - middle)
    response = (esf - model.low) / model.step
    variance = (found.noise / model.step) ** 2 / counts

    place = middle[:-1] + 0.5 / OVERSAMPLING
    window = _tukey(place, reach)
    phase = np.exp(-2j * np.pi * frequency[:, None] * place)
    kernel = np.zeros((len(frequency), 2 * half), complex)  # what each bin adds to each frequency
    kernel[:, 1:] += phase * window
    kernel[:, :-1] -= phase * window
    transform = kernel @ response
    total = float(np.abs(transform[0]))
    if total <= 0:
        return "the bins hold no edge"
    raw = np.abs(transform) / total
    # of a difference of neighbours and of a bin's width: both are a sinc of a quarter pixel
    correction = 1 / np.maximum(np.sinc(frequency / OVERSAMPLING) ** 2, 0.1)
    direction = np.conj(transform) / np.maximum(np.abs(transform), 1e-12)
    gradient = np.real(direction[:, None] * kernel) / total - raw[:, None] * np.real(kernel[0]) / total
    deviation = np.sqrt((gradient**2 * variance).sum(1))
    return Spread(middle, response, float(np.sqrt(np.median(variance))), frequency, raw * correction,
                  deviation * correction)  # fmt: skip


def _tukey(place: Float64, reach: float) -> Float64:
    edge = np.clip((np.abs(place) / reach - (1 - TAPER)) / TAPER, 0, 1)
    return np.asarray((1 + np.cos(np.pi * edge)) / 2)
