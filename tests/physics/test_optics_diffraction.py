"""Diffraction and aberrations against closed forms and independent quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import j1

from sensors.optics import Lens, Seidel, diffraction_mtf
from sensors.optics.aberration import Pupil
from sensors.optics.diffraction import cutoff, overlap
from sensors.optics.point_spread import GRID, transfer
from sensors.spectrum import WAVELENGTHS

GREEN = (WAVELENGTHS == 550).astype(float)[None]
FINE = 0.4
"""Pitch [um] at which Nyquist lies beyond the cutoff of f/1.8 at 550 nm, so that sums over frequencies are whole."""


@pytest.mark.parametrize(
    ("f_number", "pitch", "expected"),
    [
        (1.69, 0.64, 0.165),
        (1.69, 1.28, 0.548),
        (1.69, 1.6, 0.635),
        (1.9, 0.64, 0.092),
        (1.9, 1.28, 0.495),
        (1.9, 1.6, 0.592),
    ],
)
def test_mtf_at_nyquist_of_known_sensors(f_number, pitch, expected):
    assert diffraction_mtf(0.5 / pitch, f_number, 550) == pytest.approx(expected, abs=0.0006)


@pytest.mark.parametrize("s", [0.0, 0.1, 0.45, 0.8, 0.99, 1.0, 1.7])
def test_mtf_is_the_overlap_of_two_disks(s):
    area, _ = quad(lambda t: np.sqrt(1 - t * t), min(s, 1), 1, epsabs=1e-12)
    assert diffraction_mtf(s * cutoff(2.8, 450), 2.8, 450) == pytest.approx(4 / np.pi * area, abs=1e-9)


def test_mtf_is_the_transform_of_the_airy_pattern():
    f_number, wavelength = 1.9, 550
    unit = wavelength * 1e-3 * f_number
    r = np.linspace(1e-6, 4000, 4_000_001)
    v = np.pi * r / unit
    psf = (2 * j1(v) / v) ** 2 * np.pi / (4 * unit**2)
    for k in (0.1, 0.3, 0.5, 0.8):
        # both sides averaged over the disk |f| <= k, which makes J0 of the transform 2 J1(q)/q: the wings then converge
        q = 2 * np.pi * k * r
        found = np.trapezoid(2 * np.pi * r * psf * 2 * j1(q) / q, r)
        expected = quad(lambda g: 2 * g * float(diffraction_mtf(g, f_number, wavelength)), 0, k)[0] / k**2
        assert found == pytest.approx(expected, abs=1e-3)


def strehl(seidel, field=(0.0, 0.0)):
    s = np.fft.fftfreq(GRID) / FINE / cutoff(1.8, 550)
    sx, sy = np.meshgrid(s, s)
    ideal = overlap(np.hypot(sx, sy))
    return float((ideal * Pupil().ratio(sx, sy, seidel, field, 550)).sum().real / ideal.sum())


@pytest.mark.parametrize("w020", [0.1, 0.25, 0.5, 1.5])
def test_strehl_ratio_of_defocus_is_exact(w020):
    assert strehl(Seidel(w020=w020)) == pytest.approx(np.sinc(w020) ** 2, abs=1e-3)


@pytest.mark.parametrize(
    ("seidel", "sigma"),
    [
        (Seidel(w040=0.1), 0.1 * 2 / (3 * np.sqrt(5))),
        (Seidel(w040=0.3, w020=-0.3), 0.3 / (6 * np.sqrt(5))),
        (Seidel(w131=0.3), 0.3 / np.sqrt(72)),
        (Seidel(w222=0.12), 0.12 / 4),
        (Seidel(w220=0.12), 0.12 / (2 * np.sqrt(3))),
        (Seidel(w222=0.2, w220=-0.1), 0.2 / np.sqrt(24)),
    ],
)
def test_strehl_ratio_of_small_aberrations_is_marechals(seidel, sigma):
    assert strehl(seidel, (0.6, -0.8)) == pytest.approx(np.exp(-((2 * np.pi * sigma) ** 2)), abs=3e-3)


@pytest.mark.parametrize("w020", [0.2, 0.7, 1.5])
def test_transfer_of_defocus_is_hopkinss_integral(w020):
    s = np.array([0.05, 0.2, 0.4, 0.6, 0.85])
    found = Pupil().ratio(s, np.zeros_like(s), Seidel(w020=w020), (0.0, 0.0), 550) * overlap(s)

    def hopkins(k):
        def chord(x):
            return 2 * np.sqrt(max(1 - (abs(x) + k) ** 2, 0)) * np.cos(8 * np.pi * w020 * k * x)

        return 2 * quad(chord, 0, 1 - k, limit=200)[0] / np.pi

    np.testing.assert_allclose(found, [hopkins(k) for k in s], atol=6e-3)


def test_waves_of_a_path_grow_with_shorter_wavelength():
    s = np.array([0.3])
    blue = Pupil().ratio(s, 0 * s, Seidel(w020=0.4), (0.0, 0.0), 440)
    green = Pupil().ratio(s, 0 * s, Seidel(w020=0.5), (0.0, 0.0), 550)
    np.testing.assert_allclose(blue, green, rtol=1e-12)


def test_without_aberrations_the_ratio_is_one():
    s = np.linspace(0, 0.95, 20)
    np.testing.assert_allclose(Pupil().ratio(s, 0 * s, Seidel(), (0.3, 0.3), 600), 1, atol=1e-12)


def test_coma_flares_outwards_from_the_place_of_the_point():
    lens = Lens(aberrations=Seidel(w131=0.3))
    otf = transfer(lens, GREEN, FINE, (0.6, -0.8))[0]
    psf = np.fft.fftshift(np.fft.ifft2(otf).real)
    peak = np.array(np.unravel_index(psf.argmax(), psf.shape)) - GRID // 2
    assert np.abs(peak).max() <= 1
    at = np.arange(GRID) - GRID // 2
    centroid = np.array([(psf.sum(axis=0) * at).sum(), (psf.sum(axis=1) * at).sum()])
    # mean slope of rho^3 cos - 2/3 rho cos over the pupil is 1/3; a ray moves 2 N times the slope
    expected = np.array([0.6, -0.8]) * 2 * 1.8 * 0.55 * 0.3 / 3 / FINE
    np.testing.assert_allclose(centroid, expected, rtol=0.1)


def test_aberrations_at_a_right_angle_are_the_transpose():
    lens = Lens(aberrations=Seidel(w131=0.2, w222=0.3, w220=-0.1))
    across = transfer(lens, GREEN, 1.0, (0.7, 0.0))[0]
    down = transfer(lens, GREEN, 1.0, (0.0, 0.7))[0]
    np.testing.assert_allclose(across, down.T, atol=1e-12)


def test_aberrations_never_raise_the_mtf():
    ideal = transfer(Lens(), GREEN, 0.8, (0.0, 0.0))[0].real
    real = np.abs(transfer(Lens(aberrations=Seidel(w040=0.3, w131=0.5, w222=0.4)), GREEN, 0.8, (0.5, 0.5))[0])
    assert (real <= ideal + 1e-3).all()
