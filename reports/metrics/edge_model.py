"""The picture of an edge as a formula: levels, place, and a blur that may leave the Gaussian.

Across the edge, with d the distance from it [px], the picture is lo + step * F(d): the line spread is a Gaussian of
standard deviation s with a Gram-Charlier series of its derivatives, seen through the aperture of a square pixel,

    LSF = pixel * (phi(t) + sum_k a_k phi^(k)(t)) / s,   t = d / s,   k = 3 .. order,

(k = 1 and 2 would shift and widen, which place and s do). A square pixel under a slanted edge is two boxes of widths
|cos| and |sin| of the slant, so F is a second difference of integrals of phi, and the transfer function is

    OTF(f) = (1 + sum_k a_k (2 pi i f s)^k) exp(-(2 pi f s)^2 / 2) sinc(f cos) sinc(f sin).

H. Cramer, "Mathematical Methods of Statistics" (1946), 17.6, for the series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isp.values import Float64

_ROOT = 1 / np.sqrt(2 * np.pi)


@dataclass(frozen=True)
class EdgeModel:
    """Numbers of the formula.

    Parameters
    ----------
    low, step : level of the side of negative d, and how far the other lies above it
    place, slope, bend : the edge lies at x = place + slope y + bend y^2, y from the middle row [px]
    width : s [px]
    series : a_3, a_4, ...
    """

    low: float
    step: float
    place: float
    slope: float
    bend: float
    width: float
    series: tuple[float, ...] = ()

    @property
    def vector(self) -> Float64:
        """All numbers, in the order of the fields."""
        return np.array([self.low, self.step, self.place, self.slope, self.bend, self.width, *self.series])

    @classmethod
    def of(cls, vector: Sequence[float] | Float64) -> EdgeModel:
        """The model of a vector."""
        low, step, place, slope, bend, width, *series = (float(v) for v in vector)
        return cls(low, step, place, slope, bend, width, tuple(series))

    @property
    def boxes(self) -> tuple[float, float]:
        """Widths of the pixel's boxes along d [px]; the narrower at least a thousandth, below which it does nothing."""
        cosine = 1 / np.hypot(1, self.slope)
        return float(cosine), float(max(abs(self.slope) * cosine, 1e-3))

    def distance(self, x: Float64, y: Float64) -> Float64:
        """d of pixel centres [px]."""
        return np.asarray((x - self.place - self.slope * y - self.bend * y * y) / np.hypot(1, self.slope))

    def values(self, x: Float64, y: Float64) -> Float64:
        """The picture at pixel centres."""
        return self.low + self.step * self.response(self.distance(x, y))

    def response(self, d: Float64) -> Float64:
        """F at distances d: 0 far on the negative side, 1 far on the other."""
        return np.asarray(sum(weight * _second_integral(d, offset, self) for offset, weight in self._corners()))

    def _corners(self) -> list[tuple[float, float]]:
        a, b = self.boxes
        each = self.width**2 / (a * b)
        return [((a + b) / 2, each), ((a - b) / 2, -each), ((b - a) / 2, -each), (-(a + b) / 2, each)]

    def jacobian(self, x: Float64, y: Float64) -> Float64:
        """(pixels, numbers) derivatives of `values` by `vector`."""
        d = self.distance(x, y)
        response, along, wider = np.zeros_like(d), np.zeros_like(d), np.zeros_like(d)
        terms = [np.zeros_like(d) for _ in self.series]
        for offset, weight in self._corners():
            t = (d + offset) / self.width
            phi = _ROOT * np.exp(-t * t / 2)
            cdf = _cdf(t)
            response += weight * (((t * t + 1) * cdf + t * phi) / 2)
            along += weight / self.width * (t * cdf + phi)
            wider += weight / self.width * cdf
            derivatives = _derivatives(t, phi, len(self.series) + 1)
            for k, a in enumerate(self.series):
                terms[k] += weight * derivatives[k]
                response += weight * a * derivatives[k]
                along += weight / self.width * a * derivatives[k + 1]
                wider += weight / self.width * a * (2 * derivatives[k] - t * derivatives[k + 1])
        root = np.hypot(1, self.slope)
        slope = -y / root - d * self.slope / root**2
        columns = [np.ones_like(d), response]
        columns += [self.step * along * move for move in (-1 / root, slope, -y * y / root)]
        columns += [self.step * wider, *(self.step * term for term in terms)]
        return np.stack(columns, axis=-1)

    def transfer(self, frequency: Float64) -> Float64:
        """MTF at frequencies along d [cycles/pixel]."""
        a, b = self.boxes
        omega = 2 * np.pi * np.asarray(frequency) * self.width
        series = sum((a_k * (1j * omega) ** k for k, a_k in enumerate(self.series, 3)), np.ones_like(omega, complex))
        return np.asarray(np.abs(series) * np.exp(-(omega**2) / 2) * np.sinc(frequency * a) * np.sinc(frequency * b))


def _second_integral(d: Float64, offset: float, model: EdgeModel) -> Float64:
    t = (d + offset) / model.width
    phi = _ROOT * np.exp(-t * t / 2)
    found = ((t * t + 1) * _cdf(t) + t * phi) / 2
    for a, derivative in zip(model.series, _derivatives(t, phi, len(model.series)), strict=True):
        found = found + a * derivative
    return np.asarray(found)


def _cdf(t: Float64) -> Float64:
    from scipy.special import ndtr

    return np.asarray(ndtr(t))


def _derivatives(t: Float64, phi: Float64, count: int) -> list[Float64]:
    """phi and its first derivatives, `count` arrays, by the recurrence of Hermite polynomials."""
    found = [phi, -t * phi]
    for n in range(2, count):
        found.append(-t * found[-1] - (n - 1) * found[-2])
    return found[:count]
