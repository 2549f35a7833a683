"""Slanted edges of known transfer, integrated over the pixel's area: written without the estimators' code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.special import j1, ndtr

Transfer = Callable[[NDArray[Any]], NDArray[Any]]


def gaussian_sigma(mtf50: float, angle: float) -> float:
    """Width of the Gaussian that with the pixel's area has this MTF50 across an edge of this slant [px]."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    rest = 0.5 / (np.sinc(mtf50 * c) * np.sinc(mtf50 * s))
    return float(np.sqrt(-np.log(rest) / 2) / (np.pi * mtf50))


def distances(shape: tuple[int, int], angle: float, shift: float) -> NDArray[Any]:
    """Of pixel centres from a nearly vertical edge through the region's centre plus `shift` [px]."""
    height, width = shape
    y, x = np.mgrid[:height, :width]
    t = np.radians(angle)
    return (x - (width - 1) / 2 - shift) * np.cos(t) + (y - (height - 1) / 2) * np.sin(t)


def gaussian_edge(
    shape: tuple[int, int], mtf50: float, angle: float, shift: float = 0.0, low: float = 0.2, high: float = 0.6
) -> NDArray[Any]:
    """Closed form: the error function averaged over the unit square, by its second antiderivative."""
    sigma = gaussian_sigma(mtf50, angle)
    d = distances(shape, angle, shift)
    c, s = np.cos(np.radians(angle)) / 2, abs(np.sin(np.radians(angle))) / 2

    def second(u: NDArray[Any]) -> NDArray[Any]:
        z = u / sigma
        return sigma**2 / 2 * ((z * z + 1) * ndtr(z) + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi))

    mean = (second(d + c + s) - second(d + c - s) - second(d - c + s) + second(d - c - s)) / (4 * c * s)
    return low + (high - low) * mean


def transfer_edge(
    shape: tuple[int, int], transfer: Transfer, angle: float, shift: float = 0.0, low: float = 0.2, high: float = 0.6
) -> NDArray[Any]:
    """Any symmetric blur: E(d) = 1/2 + 1/pi int H(f) P(f) sin(2 pi f d) / f df, P the pixel's area."""
    d = distances(shape, angle, shift)
    # nodes this close repeat the edge only 500 px away
    f = (np.arange(15000) + 0.5) * (30 / 15000)
    weight = transfer(f) * pixel(f, angle) / (np.pi * f) * (f[1] - f[0])
    at = np.linspace(d.min() - 1, d.max() + 1, int((np.ptp(d) + 2) * 16))
    curve = 0.5 + np.array([np.sin(2 * np.pi * f * v) @ weight for v in at])
    return low + (high - low) * CubicSpline(at, curve)(d)


def pixel(f: NDArray[Any], angle: float) -> NDArray[Any]:
    """Transfer of the square pixel across the edge."""
    t = np.radians(angle)
    return np.sinc(f * np.cos(t)) * np.sinc(f * np.sin(t))


def true_mtf50(transfer: Transfer, angle: float) -> float:
    """First frequency at which transfer and pixel leave one half [cycles/pixel]."""
    grid = np.linspace(1e-4, 1.0, 4000)
    below = int(np.argmax(transfer(grid) * pixel(grid, angle) < 0.5))
    return float(
        brentq(
            lambda f: float((transfer(np.array([f])) * pixel(np.array([f]), angle))[0]) - 0.5,
            grid[below - 1],
            grid[below],
        )
    )


def disk(radius: float) -> Transfer:
    """Defocus: a uniform disk [px]."""
    return lambda f: 2 * j1(2 * np.pi * radius * f + 1e-12) / (2 * np.pi * radius * f + 1e-12)


def diffraction(cutoff: float) -> Transfer:
    """A round pupil, cut off at this frequency [cycles/pixel]."""

    def of(f: NDArray[Any]) -> NDArray[Any]:
        n = np.minimum(f / cutoff, 1.0)
        return 2 / np.pi * (np.arccos(n) - n * np.sqrt(1 - n * n))

    return of


def exponential(length: float) -> Transfer:
    """A line spread that falls as exp(-|d| / length) [px]."""
    return lambda f: 1 / (1 + (2 * np.pi * f * length) ** 2)


def sharpened(sigma: float, amount: float, radius: float) -> Transfer:
    """Gaussian [px], then an unsharp mask of Gaussian radius [px]."""
    return lambda f: np.exp(-2 * (np.pi * sigma * f) ** 2) * (1 + amount * (1 - np.exp(-2 * (np.pi * radius * f) ** 2)))


def cramer_rao(
    shape: tuple[int, int], mtf50: float, angle: float, noise: NDArray[Any] | float, low: float = 0.2, high: float = 0.6
) -> float:
    """Least deviation of MTF50 relative to it: position, angle, width and two levels unknown, the Gaussian shape known.

    Fisher information by central differences of the closed form, `noise` the deviation of each pixel.
    """

    def edge(p: NDArray[Any]) -> NDArray[Any]:
        return gaussian_edge(shape, p[2], p[1], p[0], p[3], p[4]).ravel()

    at = np.array([0.0, angle, mtf50, low, high])
    step = np.array([1e-4, 1e-3, 1e-5, 1e-4, 1e-4])
    rows = np.array([(edge(at + s) - edge(at - s)) / (2 * s.sum()) for s in np.diag(step)])
    weighted = rows / np.broadcast_to(noise, shape).ravel() ** 2
    return float(np.sqrt(np.linalg.inv(weighted @ rows.T)[2, 2]) / mtf50)
