"""Kernels: transfer, energy, edges, colours, measured PSFs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import convolve
from scipy.signal import fftconvolve

from isp.errors import UsageError
from sensors.optics import Lens, Seidel, diffraction_mtf, kernels
from sensors.optics.point_spread import spectral_weights
from sensors.sensitivity import Sensitivity
from sensors.spectrum import WAVELENGTHS, Light

EQUAL = Light("E", np.ones(81), 100.0, (1 / 3, 1 / 3), 5455.0)
SIZE = (4000, 3000)


def lines(**wavelengths):
    """A sensor whose channels each see some lines of the spectrum."""
    curves = np.zeros((len(wavelengths), 81))
    for row, each in zip(curves, wavelengths.values(), strict=True):
        row[np.isin(WAVELENGTHS, each)] = 0.5
    return Sensitivity("lines", tuple(wavelengths), curves, "test", estimated=True)


GREEN = lines(G=[550])
RGB = lines(R=[600, 620], G=[530, 550], B=[450, 460])


def dtft(kernel, fx, fy):
    """Transfer of one kernel at all pairs of frequencies [cycles per photosite]."""
    n = np.arange(len(kernel)) - len(kernel) // 2
    rows, columns = (np.exp(-2j * np.pi * np.multiply.outer(f, n)) for f in (fy, fx))
    return np.einsum("...y,yx,...x->...", rows, kernel.astype(float), columns)


CASES = [(0.64, 1.69, 19, 0.019, 0.0125), (0.64, 1.9, 19, 0.022, 0.0125), (1.6, 1.9, 15, 0.011, 0.01),
         (2.4, 1.9, 11, 0.01, 0.01)]  # fmt: skip


@pytest.mark.parametrize(("pitch", "f_number", "taps", "low", "high"), CASES)
def test_transfer_follows_diffraction(pitch, f_number, taps, low, high):
    kernel = kernels(Lens(f_number=f_number), GREEN, EQUAL, pitch, SIZE)
    assert kernel.shape == (1, 1, 1, taps, taps)
    assert kernel.dtype == np.float32
    radius, angle = np.meshgrid(np.linspace(0.02, 0.5, 97), np.radians(np.linspace(0, 90, 13)))
    found = dtft(kernel[0, 0, 0], radius * np.cos(angle), radius * np.sin(angle))
    error = np.abs(found - diffraction_mtf(radius / pitch, f_number, 550))
    assert error[radius < 0.06].max() <= low
    assert error[radius >= 0.06].max() <= high


@pytest.mark.parametrize(("pitch", "f_number", "expected"), [
    (0.64, 1.69, 0.165), (0.64, 1.9, 0.092), (1.28, 1.69, 0.548), (1.28, 1.9, 0.495), (1.6, 1.69, 0.635),
    (1.6, 1.9, 0.592),
])  # fmt: skip
def test_transfer_at_nyquist(pitch, f_number, expected):
    kernel = kernels(Lens(f_number=f_number), GREEN, EQUAL, pitch, SIZE)[0, 0, 0]
    for f in ((0.5, 0.0), (0.0, 0.5)):
        assert abs(dtft(kernel, *np.array(f)) - expected) <= 0.005


def test_larger_kernels_come_closer():
    errors = []
    f = np.linspace(0.02, 0.5, 97)
    for taps in (11, 15, 19, 33):
        kernel = kernels(Lens(f_number=1.69), GREEN, EQUAL, 0.64, SIZE, taps=taps)[0, 0, 0]
        errors.append(np.abs(dtft(kernel, f, 0 * f) - diffraction_mtf(f / 0.64, 1.69, 550)).max())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.01


ABERRATED = Lens(f_number=1.9, aberrations=Seidel(w040=0.1, w131=0.3, w222=0.25))
GAUSS = np.exp(-0.5 * (np.hypot(*np.mgrid[-20:21, -20:21]) * 0.2 / 0.9) ** 2)
"""A Gaussian of 0.9 um standard deviation, every 0.2 um."""


@pytest.mark.parametrize(
    "lens",
    [Lens(), ABERRATED, Lens(psf=GAUSS, psf_um=0.2, diffraction=False), Lens(f_number=4), Lens(diffraction=False)],
    ids=["ideal", "aberrated", "psf", "f4", "none"],
)
def test_energy_is_conserved(lens):
    kernel = kernels(lens, RGB, EQUAL, 0.8, SIZE, nodes=(3, 3))
    np.testing.assert_allclose(kernel.sum(axis=(-2, -1), dtype=np.float64), 1, atol=1e-6)
    light = np.random.default_rng(3).exponential(1.0, (64, 64))
    for each in kernel.reshape(-1, *kernel.shape[-2:]):
        assert convolve(light, each, mode="wrap").sum() == pytest.approx(light.sum(), rel=1e-6)


def half_plane(u, normal):
    """Share of unit squares, centres at distance `u`, on the bright side of an edge (exact)."""
    a, b = np.abs(normal)

    def q(t):
        return np.maximum(t, 0) ** 2 / 2

    return (q(u + (a + b) / 2) - q(u + (a - b) / 2) - q(u - (a - b) / 2) + q(u - (a + b) / 2)) / (a * b)


def edge(kernel, degrees, height=160, width=160):
    """Distances from an edge and the light there, for pixels that the border does not reach."""
    normal = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    y, x = np.mgrid[:height, :width] + 0.5
    u = (x - width / 2) * normal[0] + (y - height / 2) * normal[1]
    seen = fftconvolve(half_plane(u, normal), kernel.astype(float), mode="valid")
    r = len(kernel) // 2
    return u[r : height - r, r : width - r], seen, normal


@pytest.mark.parametrize(("pitch", "f_number", "degrees", "tolerance"), [
    (0.64, 1.69, 5, 0.0125), (0.64, 1.9, 5, 0.0125), (1.6, 1.9, 5, 0.01), (1.6, 1.9, 38, 0.01), (2.4, 1.9, 97, 0.01),
])  # fmt: skip
def test_slanted_edge_shows_optics_times_pixel(pitch, f_number, degrees, tolerance):
    kernel = kernels(Lens(f_number=f_number), GREEN, EQUAL, pitch, SIZE)[0, 0, 0]
    u, seen, normal = edge(kernel, degrees)
    per, reach = 10, 30
    place = np.floor((u + reach) * per).astype(int).ravel()
    inside = (place >= 0) & (place < 2 * reach * per)
    profile = np.bincount(place[inside], seen.ravel()[inside]) / np.bincount(place[inside])
    f = np.linspace(0.06, 0.5, 45)
    at = (np.arange(len(profile) - 1) + 1) / per
    found = np.abs(np.exp(-2j * np.pi * np.outer(f, at)) @ np.diff(profile))
    found /= np.sinc(f / per) ** 2
    expected = diffraction_mtf(f / pitch, f_number, 550) * np.sinc(f * normal[0]) * np.sinc(f * normal[1])
    np.testing.assert_allclose(found, expected, atol=tolerance)


@pytest.mark.parametrize(("pitch", "f_number"), [(0.64, 1.69), (0.64, 1.9), (1.6, 1.9), (2.4, 1.9)])
def test_edges_do_not_ring(pitch, f_number):
    kernel = kernels(Lens(f_number=f_number), GREEN, EQUAL, pitch, SIZE)[0, 0, 0]
    for degrees in np.linspace(1, 89, 12):
        _, seen, _ = edge(kernel, degrees, 60, 60)
        assert seen.min() > -1e-5
        assert seen.max() < 1 + 1e-5


def test_light_taken_from_dark_neighbours_is_small():
    for pitch, f_number in ((0.64, 1.69), (0.64, 1.9), (1.6, 1.9), (2.4, 1.9)):
        assert kernels(Lens(f_number=f_number), GREEN, EQUAL, pitch, SIZE).min() > -0.007


def test_colours_are_weighed_by_electrons():
    two = kernels(Lens(f_number=1.9), lines(R=[500, 650]), EQUAL, 1.0, SIZE)[0, 0, 0]
    # equal power holds photons in proportion to the wavelength
    share = np.array([500, 650]) / 1150
    expected = sum(w * diffraction_mtf(0.5, 1.9, nm) for w, nm in zip(share, (500, 650), strict=True))
    assert dtft(two, np.array(0.5), np.array(0.0)).real == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(spectral_weights(RGB, EQUAL).sum(axis=1), 1)


def test_blue_is_sharper_than_red():
    kernel = kernels(Lens(f_number=1.9), RGB, EQUAL, 0.64, SIZE)[0, 0]
    assert kernel[0].max() < kernel[1].max() < kernel[2].max()


def test_darkness_still_has_a_blur():
    dark = Light("dark", np.zeros(81), 0.0, (1 / 3, 1 / 3), 5455.0)
    np.testing.assert_allclose(kernels(Lens(), RGB, dark, 1.0, SIZE).sum(axis=(-2, -1)), 1, atol=1e-5)


def test_a_lens_without_blur_is_one_tap():
    kernel = kernels(Lens(diffraction=False), RGB, EQUAL, 1.0, SIZE)
    np.testing.assert_array_equal(kernel, np.ones((1, 1, 3, 1, 1)))
    five = kernels(Lens(diffraction=False), RGB, EQUAL, 1.0, SIZE, taps=5)
    np.testing.assert_array_equal(five[0, 0], np.pad(kernel[0, 0], ((0, 0), (2, 2), (2, 2))))


def test_nodes_mirror_each_other_and_only_vary_where_the_blur_does():
    kernel = kernels(ABERRATED, GREEN, EQUAL, 1.0, SIZE, nodes=(3, 5))[:, :, 0]
    assert kernel.shape[:2] == (3, 5)
    np.testing.assert_array_equal(kernel[0, 0], kernel[2, 4][::-1, ::-1])
    np.testing.assert_array_equal(kernel[0, 1], kernel[0, 3][:, ::-1])
    np.testing.assert_allclose(kernel[1, 1], kernel[1, 1][::-1], atol=1e-6)
    middle = kernels(Lens(f_number=1.9, aberrations=Seidel(w040=0.1)), GREEN, EQUAL, 1.0, SIZE, taps=kernel.shape[-1])
    np.testing.assert_allclose(kernel[1, 2], middle[0, 0, 0], atol=1e-5)
    assert np.abs(kernel[0, 0] - kernel[1, 2]).max() > 0.02


def test_the_flare_of_coma_points_away_from_the_centre():
    kernel = kernels(Lens(aberrations=Seidel(w131=0.4)), GREEN, EQUAL, 0.8, (3000, 3000), nodes=(3, 3))[:, :, 0]
    at = np.arange(kernel.shape[-1]) - kernel.shape[-1] // 2
    right, bottom = kernel[1, 2], kernel[2, 1]
    assert (right.sum(axis=0) * at).sum() > 0.05
    assert (bottom.sum(axis=1) * at).sum() > 0.05
    assert abs((right.sum(axis=1) * at).sum()) < 1e-3


def test_a_psf_at_the_pitch_is_the_kernel():
    psf = np.random.default_rng(5).uniform(size=(7, 7))
    kernel = kernels(Lens(psf=psf, psf_um=1.2, diffraction=False), RGB, EQUAL, 1.2, SIZE, taps=9)[0, 0]
    assert kernel.shape == (3, 9, 9)
    for each in kernel:
        np.testing.assert_allclose(each[1:-1, 1:-1], psf / psf.sum(), atol=1e-6)


def test_a_finer_psf_is_resampled():
    kernel = kernels(Lens(psf=GAUSS, psf_um=0.2, diffraction=False), GREEN, EQUAL, 0.8, SIZE)[0, 0, 0]
    f = np.linspace(0, 0.5, 26)
    expected = np.exp(-2 * (np.pi * f / 0.8 * 0.9) ** 2)
    np.testing.assert_allclose(dtft(kernel, f, 0 * f).real, expected, atol=2e-3)


def test_diffraction_multiplies_a_psf_unless_switched_off():
    kernel = kernels(Lens(f_number=2.0, psf=GAUSS, psf_um=0.2), GREEN, EQUAL, 0.8, SIZE)[0, 0, 0]
    f = np.linspace(0.1, 0.5, 21)
    expected = np.exp(-2 * (np.pi * f / 0.8 * 0.9) ** 2) * diffraction_mtf(f / 0.8, 2.0, 550)
    np.testing.assert_allclose(dtft(kernel, f, 0 * f).real, expected, atol=0.01)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(taps=8), "8 taps must be an odd number in 5..33"),
        (dict(taps=3), "3 taps must be an odd number in 5..33"),
        (dict(pitch_um=0), r"pitch 0 must be a number in 0.1..50 um"),
        (dict(nodes=(1, 5)), r"nodes \(1, 5\) must be two numbers in 2..33"),
        (dict(lens=Lens(f_number=32), pitch_um=0.5), "f/32 is too wide for 31x31 photosites"),
        (dict(lens=Lens(psf=GAUSS, psf_um=5.0)), "psf spans 205 photosites of 1 um; at most 96 fit"),
    ],
)
def test_refusals(change, words):
    given = dict(lens=Lens(), sensitivity=GREEN, light=EQUAL, pitch_um=1.0, size=SIZE) | change
    with pytest.raises(UsageError, match=words):
        kernels(**given)


def test_a_channel_that_sees_nothing_is_named():
    spectrum = np.where(WAVELENGTHS < 500, 1.0, 0.0)
    with pytest.raises(UsageError, match="channel R of lines sees nothing of blue"):
        kernels(Lens(), lines(R=[600], B=[450]), Light("blue", spectrum, 1.0, (0.2, 0.1), 1e4), 1.0, SIZE)
