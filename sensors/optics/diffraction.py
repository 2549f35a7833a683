"""Diffraction at a circular aperture, without aberrations (Goodman, Introduction to Fourier Optics, 3rd ed., 6.3.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from isp.values import Float64


def cutoff(f_number: float, wavelength_nm: float) -> float:
    """Highest frequency that passes incoherently, 1 / (lambda N) [cycles/um]."""
    return 1e3 / (wavelength_nm * f_number)


def diffraction_mtf(frequency: ArrayLike, f_number: float, wavelength_nm: float) -> Float64:
    """Incoherent modulation transfer of an aberration-free circular aperture.

    Parameters
    ----------
    frequency : array
        In the image [cycles/um]; the sign does not matter.
    f_number : float
    wavelength_nm : float
        [nm].

    Returns
    -------
    float64, of the shape of `frequency`
        2/pi (acos s - s sqrt(1 - s^2)) with s = frequency / cutoff, 0 from the cutoff on.
    """
    return overlap(np.abs(np.asarray(frequency, np.float64)) / cutoff(f_number, wavelength_nm))


def overlap(s: Float64) -> Float64:
    """Share that two unit disks have in common when their centres are `s` diameters (>= 0) apart."""
    s = np.minimum(s, 1.0)
    return np.asarray(2 / np.pi * (np.arccos(s) - s * np.sqrt(1 - s * s)))
