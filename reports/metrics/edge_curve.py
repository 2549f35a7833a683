"""The edge spread function of the fit and its transfer: a blurred step seen by pixels, plus a spline."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from isp.values import Float64

KNOT = 0.2
"""Distance of the spline's knots in units of asinh(d / scale): fine near the edge, coarse away from it."""
FINEST = 0.4
"""Spread below which knots come no closer: what pixels average over has no finer detail [px]."""
PIXEL = 1 / 12
"""Variance of a pixel's extent [px²]."""
GAUSSIAN_REACH = 6.0
"""Widths of a Gaussian beyond which a step behind it is over, to 1e-9."""


@dataclass(frozen=True)
class Curve:
    """A rising unit step of distance, linear in its parameters: change of the Gaussian's width, spline coefficients.

    Parameters
    ----------
    width : of the Gaussian, standard deviation [px]
    slant : of the edge from the vertical [rad]
    reach : distance beyond which the curve is 0 or 1 [px]
    change : added to the width, to first order [px]
    coefficients : (K,) of the spline, fractions of the step; empty for a Gaussian
    covariance : (1 + K, 1 + K) of the parameters
    """

    width: float
    slant: float
    reach: float
    change: float = 0.0
    coefficients: Float64 = field(default_factory=lambda: np.zeros(0))
    covariance: Float64 = field(default_factory=lambda: np.zeros((1, 1)))

    @classmethod
    def gaussian(cls, width: float, slant: float) -> Curve:
        """Without deviation."""
        return cls(width, slant, GAUSSIAN_REACH * width + 1.0)

    def deviating(self, reach: float) -> Curve:
        """The same curve with a spline, still zero, within `reach`."""
        reach = max(reach, 3 * self.spread)
        count = max(7, round(2 * np.arcsinh(reach / self.scale) / KNOT)) - 3
        return replace(self, reach=max(reach, self.reach), coefficients=np.zeros(count))

    def changed(self, parameters: Float64, covariance: Float64) -> Curve:
        """With these parameters."""
        return replace(self, change=float(parameters[0]), coefficients=parameters[1:], covariance=covariance)

    @property
    def parameters(self) -> Float64:
        """(1 + K,)"""
        return np.concatenate([[self.change], self.coefficients])

    @property
    def spread(self) -> float:
        """Standard deviation of blur and pixel [px]."""
        return float(np.sqrt(self.width**2 + PIXEL))

    @property
    def scale(self) -> float:
        """Of the spline's distances [px]."""
        return 2 * max(self.spread, FINEST)

    def at(self, d: Float64) -> tuple[Float64, Float64, Float64]:
        """Values (N,) at distances [px], their derivative by distance (N,) and by the parameters (N, 1 + K)."""
        from scipy.interpolate import BSpline

        value, slope, by_width, twist = blurred_step(d, self.width, self.slant)
        value, slope = value + self.change * by_width, slope + self.change * twist
        count = len(self.coefficients)
        if not count:
            return value, slope, by_width[:, None]
        knots, _ = self._knots()
        padded = np.concatenate([np.zeros(3), self.coefficients, np.zeros(3)])
        along = BSpline(knots, padded, 3).derivative()(self._bent(d)) / np.hypot(d, self.scale)
        design = np.column_stack([by_width, self._splines(d)])
        return value + design[:, 1:] @ self.coefficients, slope + along, design

    def transfer(self, frequency: Float64) -> tuple[Float64, Float64]:
        """Modulus of the transfer (F,) at frequencies across the edge [cycles/px], derivatives by the parameters."""
        u = 2 * np.pi * frequency
        c, s = np.cos(self.slant), np.sin(self.slant)
        gauss = np.sinc(frequency * c) * np.sinc(frequency * s) * np.exp(-((u * self.width) ** 2) / 2)
        parts = [-(u**2) * self.width * gauss]
        if self.coefficients.size:
            step = min(1 / 16, self.scale * KNOT / 4)
            d = np.arange(-self.reach, self.reach + step, step)
            # 1j u: from the edge to the line spread function
            parts.extend((np.exp(-1j * np.outer(u, d)) @ self._splines(d) * (1j * u[:, None] * step)).T)
        slopes = np.stack(parts, axis=1)
        total = gauss + slopes @ self.parameters
        size = np.maximum(np.abs(total), 1e-12)
        return size, np.real(np.conj(total)[:, None] * slopes) / size[:, None]

    def _splines(self, d: Float64) -> Float64:
        """(N, K) the spline's parts at distances [px]."""
        from scipy.interpolate import BSpline

        knots, _ = self._knots()
        return np.asarray(BSpline.design_matrix(self._bent(d), knots, 3).toarray()[:, 3:-3])

    def _bent(self, d: Float64) -> Float64:
        """Distances on the scale on which knots are equally far apart."""
        end = self._knots()[1] * (1 - 1e-12)  # the end itself is out of bounds
        return np.clip(np.arcsinh(d / self.scale), -end, end)

    def _knots(self) -> tuple[Float64, float]:
        """Of the padded spline, and where it ends."""
        count = len(self.coefficients) + 3
        end = float(np.arcsinh(self.reach / self.scale))
        return end * np.linspace(-1 - 6 / count, 1 + 6 / count, count + 7), end


def blurred_step(d: Float64, width: float, slant: float) -> tuple[Float64, Float64, Float64, Float64]:
    """A unit step behind a Gaussian, averaged over square pixels: value, derivative by distance, by width, by both.

    Across a slanted edge a square is two boxes, |cos| and |sin| of the slant wide: a second difference of the second
    integral of the normal distribution, w^2 ((t^2 + 1) cdf(t) + t pdf(t)) / 2 at t = d / w.
    """
    from scipy.special import ndtr

    # a box of a thousandth of a pixel changes nothing, and the difference stays exact
    a, b = abs(np.cos(slant)), max(abs(np.sin(slant)), 1e-3)
    value, by_distance, by_width, twist = (np.zeros_like(d) for _ in range(4))
    for offset, sign in (((a + b) / 2, 1), ((a - b) / 2, -1), ((b - a) / 2, -1), (-(a + b) / 2, 1)):
        t, each = (d + offset) / width, sign / (a * b)
        cdf, pdf = ndtr(t), np.exp(-t * t / 2) * (1 / np.sqrt(2 * np.pi))
        value += each * width**2 / 2 * ((t * t + 1) * cdf + t * pdf)
        by_distance += each * width * (t * cdf + pdf)
        by_width += each * width * cdf
        twist += each * pdf
    return value, by_distance, by_width, twist


def roughness(count: int) -> Float64:
    """Precision of `count` coefficients of a deviation of unit size: second differences, zero at both ends."""
    rows = np.diff(np.eye(count + 4), 2, axis=0)[:, 2:-2]
    return np.asarray(rows.T @ rows)
