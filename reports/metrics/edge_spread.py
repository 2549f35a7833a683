"""The e-SFR of ISO 12233:2023, Annex D: bins across the edge, a derivative, a window, a transform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isp.values import Float64
from reports.metrics.edge_fit import EdgeFit

OVERSAMPLING = 4
"""Bins per pixel."""
MOST_CORRECTED = 10.0
"""Most that the loss of the derivative is undone by."""


@dataclass(frozen=True)
class Spread:
    """The binned edge.

    Parameters
    ----------
    position : (M,) distance from the edge [px]
    response, response_deviation : (M,) 0 on the dark side, 1 on the light one; standard error
    sfr, deviation : (F,) response at the frequencies asked for; standard error
    """

    position: Float64
    response: Float64
    response_deviation: Float64
    sfr: Float64
    deviation: Float64


def spread(light: Float64, found: EdgeFit, frequency: Float64) -> Spread | str:
    """The e-SFR along the line of a fit, or why there is none.

    The line is the fit's, a polynomial of third order, rather than one through centroids of rows, which noise moves.
    What averaging within a bin loses, sinc(f / 4), the standard leaves, and so does this.

    Parameters
    ----------
    light : (h, w), that of the fit
    frequency : (F,) [cycles/px], the first 0
    """
    d = found.distance
    # only distances that most rows reach: a bin of few pixels is all noise
    half = int(min(-float(np.median(d[:, 0])), float(np.median(d[:, -1]))) * OVERSAMPLING)
    bins = np.floor(d * OVERSAMPLING).astype(np.intp) + half
    inside = (bins >= 0) & (bins < 2 * half)
    counts = np.bincount(bins[inside], minlength=2 * half)
    if (counts == 0).any():
        return "quarter pixels across the edge are not all seen: the region is too short for this slant"
    low, high = found.levels
    response = np.bincount(bins[inside], (light[inside] - low) / (high - low), 2 * half) / counts
    position = (np.arange(2 * half) + 0.5 - half) / OVERSAMPLING
    part = np.clip(response, 0, 1)
    noise = found.noise[0] ** 2 * (1 - part) + found.noise[1] ** 2 * part
    variance = noise * found.correlation / (high - low) ** 2 / counts

    # Tukey's window of alpha 1, over the central difference
    window = 0.5 + 0.5 * np.cos(np.pi * position[1:-1] / position[-1])
    wave = np.exp(-2j * np.pi * frequency[:, None] * position[1:-1]) * window / 2
    each = np.zeros((len(frequency), 2 * half), complex)  # what each bin adds to each frequency
    each[:, 2:] += wave
    each[:, :-2] -= wave
    steady = np.real(each[0])
    transform, total = each @ response, float(steady @ response)
    if total <= 0:
        return "the bins hold no edge"
    raw = np.abs(transform) / total
    correction = 1 / np.maximum(np.sinc(2 * frequency / OVERSAMPLING), 1 / MOST_CORRECTED)
    along = np.real(np.conj(transform)[:, None] * each) / np.maximum(np.abs(transform), 1e-12)[:, None]
    slopes = (along - raw[:, None] * steady) / total
    return Spread(
        position, response, np.sqrt(variance), raw * correction, np.sqrt(slopes**2 @ variance) * correction
    )  # fmt: skip
