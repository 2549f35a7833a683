"""What the power spectrum of a dead leaves chart is, before any camera."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from isp.errors import UsageError
from isp.values import Float64
from reports.metrics.spectra import radial, window

Power = Callable[[Float64], Float64]
"""Power spectrum of a chart, any scale, over frequency [cycles/pixel]."""
_FINE = 4
"""Points of the model's spectrum to one of a block's."""


def power_law(exponent: float) -> Power:
    """The spectrum f^exponent."""
    return lambda frequency: np.asarray(frequency**exponent)


def leaves_power(smallest: float, largest: float) -> Power:
    """Power spectrum of opaque disks of random grey whose radii follow r^-3, as the scene `dead-leaves` has them.

    Two points at the distance d have the same grey if the foremost disk over either covers both: with the mean common
    area g(d) of a disk and itself moved by d, the autocovariance is g(d) / (2 g(0) - g(d)) of the variance (Bordenave,
    Gousseau, Roueff, Advances in Applied Probability 38, 2006). The spectrum is its Hankel transform (FFTLog, Hamilton
    2000, by SciPy).

    Parameters
    ----------
    smallest, largest : float
        Radii [px].

    Returns
    -------
    callable
        From frequency [cycles/pixel] to power, of variance 1 in all.

    Raises
    ------
    UsageError
        They are not 0 < smallest < largest.
    """
    from scipy.fft import fht

    if not 0 < smallest < largest < np.inf:
        raise UsageError(f"radii must be 0 < smallest < largest; they are {smallest:g} and {largest:g} px")
    # distances and frequencies on one logarithmic grid, far beyond all radii and pixels
    count = 4096
    distance = np.geomspace(1e-6 * smallest, 1e5 * largest, count)
    step = float(np.log(distance[1] / distance[0]))
    common = _common(distance / (2 * largest)) - _common(distance / (2 * smallest))
    whole = np.pi * np.log(largest / smallest)
    alike = np.where(distance < 2 * largest, common / (2 * whole - common), 0.0)
    power = fht(distance * alike, step, 0.0)
    wave = np.exp(np.arange(count) * step) / distance[-1]
    power = 2 * np.pi * power / wave
    return lambda frequency: np.interp(np.log(2 * np.pi * frequency), np.log(wave), power)


def leaked(model: Power, side: int) -> Float64:
    """(side // 2,) the model as a block's Hann window sees it: means over rings 1..side / 2."""
    size = side * _FINE
    v, u = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]
    away = np.hypot(u, v)
    # the mean is taken out of every block, and with it what is below its first frequency
    plane = np.where(away > 0.5 / side, model(np.maximum(away, 0.5 / side)), 0.0)
    padded = np.zeros((size, size))
    padded[:side, :side] = window(side) / (side * size)
    # a convolution of spectra is a product of their transforms: the window's is its autocorrelation
    seen = np.fft.irfft2(plane, (size, size)) * np.fft.irfft2(np.abs(np.fft.rfft2(padded)) ** 2, (size, size))
    spectrum = np.real(np.fft.rfft2(seen)) * size**2
    return np.asarray(radial(spectrum[::_FINE, ::_FINE][None])[0])


def _common(reach: Float64) -> Float64:
    """Integral of h(t) / t from `reach` (distance over diameter) to 1, h = 2 (acos t - t sqrt(1 - t^2)); 0 beyond."""
    from scipy.integrate import cumulative_simpson

    # over t = e^-s: the integrand runs smoothly into pi
    s = np.linspace(0, 60, 60001)
    t = np.exp(-s)
    area = 2 * (np.arccos(t) - t * np.sqrt(np.maximum(1 - t * t, 0)))
    total = cumulative_simpson(area, x=s, initial=0.0)
    return np.asarray(np.interp(-np.log(np.minimum(reach, 1.0)), s, total))
