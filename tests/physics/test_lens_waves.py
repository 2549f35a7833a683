"""Diffraction at aberrated openings: closed forms, and one road against another."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import j0, j1

from isp.errors import NumericError, UsageError
from isp.lenses import lens_names, load_lens
from isp.lenses.contrast import ray_transfer
from isp.lenses.glass import AIR, glass_of
from isp.lenses.lens import Lens
from isp.lenses.prescription import Prescription, Surface

NM = 550.0
N = 1.5
FOCAL = 50.0
STOP = 16.0
"""F-number of the perfect lens: so slow that equal areas in front are equal areas in direction cosines to 0.1 %."""
PARTS = np.array([0.01, 0.1, 0.25, 0.5, 0.75, 0.95])
"""Frequencies, of the cut-off."""
FOLDED = "50mm_f1.5_1936", 8.4
"""A lens whose outer rays cross before they leave it."""


@pytest.fixture(scope="module")
def perfect() -> Lens:
    """Plane front, hyperboloid of conic -n² behind: no aberrations for a far object (Descartes)."""
    glass = glass_of(N, None)
    return Lens(Prescription("by hand", (
        Surface("1", math.inf, 5.0, glass, 10.0, stop=True), Surface("2", -25.0, 0.0, AIR, 10.5, conic=-N * N),
    )))


def _aperture() -> float:
    """sin u' of the perfect lens: a hyperbola is r = f (n - 1) sin u / (n cos u - 1) about its far focus."""
    height = FOCAL / STOP / 2
    angle = brentq(lambda u: FOCAL * (N - 1) * math.sin(u) / (N * math.cos(u) - 1) - height, 1e-4, 0.2)
    return math.sin(angle)


def _defocused(s: float, waves: float) -> float:
    """MTF of a round pupil with W20 `waves` at a part of the cut-off (H. Hopkins, Proc. R. Soc. A 231, 91, 1955)."""

    def chord(x: float) -> float:
        return 4 / math.pi * math.sqrt(max(1 - (x + s) ** 2, 0)) * math.cos(8 * math.pi * waves * x * s)

    return abs(quad(chord, 0, 1 - s, limit=200)[0])


@pytest.mark.parametrize("waves", [0.0, -0.25, 0.5, 1.0, 2.0, 6.0])
def test_contrast_of_a_round_pupil_out_of_focus(perfect, waves):
    defocus = waves * NM * 1e-6 / (1 - math.sqrt(1 - _aperture() ** 2))
    cut = 2 * _aperture() / (NM * 1e-6)
    found = perfect.mtf(0, PARTS * cut, defocus, NM, STOP)
    expected = [_defocused(s, waves) for s in PARTS]
    np.testing.assert_allclose(found.tangential, expected, atol=1.5e-3)
    np.testing.assert_allclose(found.sagittal, expected, atol=1.5e-3)
    limit = perfect.diffraction_limit(0, PARTS * cut, NM, STOP)
    np.testing.assert_allclose(limit, [[_defocused(s, 0) for s in PARTS]] * 2, atol=1e-3)
    assert perfect.mtf(0, [1.05 * cut], defocus, NM, STOP) == (0, 0)


@pytest.mark.parametrize("waves", [0.05, 0.1, 0.25, 0.8])
def test_wavefront_and_strehl_ratio_out_of_focus(perfect, waves):
    found = perfect.wavefront(0, waves * NM * 1e-6 / (1 - math.sqrt(1 - _aperture() ** 2)), NM, STOP)
    assert found.rms_waves == pytest.approx(waves / math.sqrt(12), rel=2e-3)
    assert found.peak_to_valley_waves == pytest.approx(waves, rel=5e-3)
    assert found.strehl == pytest.approx(np.sinc(waves) ** 2, abs=1e-3)
    if waves <= 0.25:
        # Maréchal, as Mahajan has it (J. Opt. Soc. Am. 73, 860, 1983)
        assert found.strehl == pytest.approx(math.exp(-((2 * math.pi * found.rms_waves) ** 2)), abs=5e-3)
    # the plane is behind focus: the rim's path is the shorter one
    middle = len(found.cosine_x) // 2
    assert found.opd_waves[middle, middle] > np.nanmin(found.opd_waves) + 0.9 * waves


def test_a_perfect_wide_lens_has_no_wavefront_error(perfect):
    found = perfect.wavefront(0, wavelength_nm=NM)
    assert found.rms_waves < 1e-6
    assert found.strehl == pytest.approx(1, abs=1e-9)


def test_the_airy_pattern(perfect):
    made = perfect.psf(0, 0, NM, STOP, pitch_um=0.5, size=161, method="waves")
    r = np.hypot(*np.meshgrid(*[(np.arange(161) - 80) * 0.5] * 2))
    scale = 2 * math.pi * _aperture() / (NM * 1e-3)
    row = made.array[80, 80:]
    minimum = 0.5 * np.flatnonzero((row[1:-1] < row[:-2]) & (row[1:-1] <= row[2:]))[0] + 0.5
    assert minimum == pytest.approx(1.21967 * math.pi / scale, abs=0.5)
    # encircled energy (Rayleigh 1881), within what the picture holds
    def within(radius: float) -> float:
        return 1 - j0(scale * radius) ** 2 - j1(scale * radius) ** 2

    for radius in (2.0, 5.0, 10.0, 20.0):
        share = made.array[r <= radius].sum() / made.array[r <= 40.0].sum()
        assert share == pytest.approx(within(radius) / within(40.0), abs=0.01)


@pytest.mark.parametrize(("name", "field", "f_number", "distance"), [
    ("50mm_f1.2_1966", 0.0, None, math.inf), ("50mm_f1.4_1971", 15.0, None, math.inf),
    ("50mm_f2_1978", 20.0, 2.8, math.inf), ("28mm_f1.4_2016", 25.0, None, 900.0),
])
def test_the_slope_of_the_wavefront_is_where_rays_land(name, field, f_number, distance):
    """A ray's place from the image point is minus the slope of its path over its direction (Welford 1986, 7.4)."""
    lens = load_lens(name=name)
    found = lens.wavefront(field, 0.05, None, f_number, distance_mm=distance)
    rays = lens.rays(field, None, f_number, 300, distance_mm=distance)
    length = np.sqrt(1 + rays.slope_x**2 + rays.slope_y**2)
    column = np.interp(rays.slope_x / length, found.cosine_x, np.arange(len(found.cosine_x)))
    row = np.interp(rays.slope_y / length, found.cosine_y, np.arange(len(found.cosine_y)))
    path = found.opd_waves * lens.reference_nm * 1e-6
    slopes = np.gradient(path, found.cosine_y, found.cosine_x)
    at = np.rint(row).astype(int), np.rint(column).astype(int)
    inside = np.isfinite(slopes[0][at]) & np.isfinite(slopes[1][at])
    assert inside.sum() > 250
    x, y = rays.x + 0.05 * rays.slope_x - found.center_mm, rays.y + 0.05 * rays.slope_y
    # of neighbouring samples: a hundredth of the blur
    for place, slope in ((x, slopes[1]), (y, slopes[0])):
        missed = place[inside] + slope[at][inside]
        assert np.sqrt(np.mean(missed**2)) < 0.03 * np.sqrt(np.mean(x[inside] ** 2 + y[inside] ** 2))


@pytest.mark.parametrize(("defocus", "blades"), [(0.0, 0), (0.08, 7)])
def test_the_picture_of_a_point_has_the_contrast(defocus, blades):
    """Shears of the pupil against the Fourier transform of the picture, which another sum makes."""
    lens, field, pitch = load_lens(name="50mm_f1.4_2017"), 14.0, 2.0
    kind = {"blades": blades, "blade_angle_deg": 10.0}
    made = lens.psf(field, defocus, NM, 2.0, pitch_um=pitch, size=401, method="waves", **kind)
    assert made.array.sum() == pytest.approx(1)
    frequencies = np.array([5.0, 10.0, 20.0, 40.0])
    found = lens.mtf(field, frequencies, defocus, NM, 2.0, **kind)
    at = (np.arange(401) - 200) * pitch * 1e-3
    pixel = np.sinc(frequencies * pitch * 1e-3)
    for contrast, axis in zip(found, (0, 1), strict=True):
        line = made.array.sum(axis=axis)
        expected = np.abs(np.exp(-2j * np.pi * frequencies[:, None] * at) @ line) / pixel
        # some light lies beyond the picture
        np.testing.assert_allclose(contrast, expected, atol=6e-3)


@pytest.mark.parametrize(("name", "field"), [("50mm_f1.2_1966", 10.0), ("58mm_f1.4_1927", 20.0)])
def test_a_wide_blur_is_that_of_rays(name, field):
    lens, frequencies = load_lens(name=name), np.array([0.5, 1.0, 2.0, 4.0])
    grid, plane = lens._lit(field, NM, lens.opening(), math.inf), lens._plane(None) + 0.5
    nothing = np.zeros(4)
    point = float(grid.rays.at(plane)[0][grid.passes].mean()), plane
    rays = ray_transfer(
        grid, point, np.concatenate([frequencies, nothing]), np.concatenate([nothing, frequencies])
    )
    # the opening takes a little more
    limit = np.ravel(lens.diffraction_limit(field, frequencies, NM))
    np.testing.assert_allclose(np.ravel(lens.mtf(field, frequencies, 0.5, NM)), np.abs(rays) * limit, atol=5e-3)
    # and the picture that waves make is theirs, but for the fringes
    wave, ray = (lens.psf(field, 0.5, NM, 4.0, method=method) for method in ("waves", "rays"))
    assert (wave.pitch_um, wave.center_mm) == (ray.pitch_um, ray.center_mm)
    at = (np.arange(65) - 32) * wave.pitch_um
    for axis in (0, 1):
        a, b = wave.array.sum(axis=axis), ray.array.sum(axis=axis)
        assert a @ at == pytest.approx(b @ at, abs=0.1 * wave.pitch_um)
        np.testing.assert_allclose(np.cumsum(a), np.cumsum(b), atol=0.03)


@pytest.mark.parametrize("name", lens_names())
def test_coarse_patterns_are_those_of_rays(name):
    """Where an opening's own contrast is close to 1, waves and rays agree, for every lens wide open."""
    lens, frequencies = load_lens(name=name), np.array([0.5, 1.0])
    fx, fy = np.concatenate([frequencies, [0, 0]]), np.concatenate([[0, 0], frequencies])
    corner = float(np.nan_to_num(lens.field_angle(21.0), nan=lens.covered_field))
    for field in (0.0, 0.3 * corner, 0.85 * corner):
        grid, plane = lens._lit(field, NM, lens.opening(), math.inf), lens._plane(None)
        point = float(grid.rays.at(plane)[0][grid.passes].mean()), plane
        limit = np.array(lens.diffraction_limit(field, frequencies, NM))
        assert (limit > 0.98).all()
        rays = np.abs(ray_transfer(grid, point, fx, fy)).reshape(2, 2) * limit
        np.testing.assert_allclose(lens.mtf(field, frequencies, 0, NM), rays, atol=3e-3)


def test_colours_together():
    lens, frequencies = load_lens(name="50mm_f1.2_1966"), np.array([10.0, 20.0, 40.0])
    alone = lens.mtf(16, frequencies, 0, NM, 5.6)
    np.testing.assert_allclose(lens.mtf(16, frequencies, 0, [NM, NM], 5.6), alone, atol=1e-12)
    parts = [lens.mtf(16, frequencies, 0, nm, 5.6) for nm in (450.0, NM, 640.0)]
    white = lens.mtf(16, frequencies, 0, (450.0, NM, 640.0), 5.6)
    # their images lie apart along the radius; across it they do not
    assert (white.tangential < np.mean([p.tangential for p in parts], axis=0) - 0.01).all()
    np.testing.assert_allclose(white.sagittal, np.mean([p.sagittal for p in parts], axis=0), atol=0.05)


def test_directions_that_fold_have_no_wavefront():
    name, field = FOLDED
    lens = load_lens(name=name)
    with pytest.raises(NumericError, match=r"rays from 8\.4 degrees cross before they leave the lens, or.*stop down"):
        lens.wavefront(field)
    with pytest.raises(NumericError, match="stop down"):
        lens.psf(field, method="waves")
    found = lens.mtf(field, [1.0, 5.0])
    assert ((np.array(found) > 0) & (np.array(found) < 1)).all()
    assert lens.wavefront(field, f_number=2.8).rms_waves < 10


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda lens: lens.mtf(0, [400.0], 3.0), NumericError, "too many cycles at 400 / mm; take lower frequencies"),
        (lambda lens: lens.psf(0, 3.0, method="waves"), NumericError, "too many waves at 546.*; take a smaller pitch"),
        (lambda lens: lens.psf(0, method="wave"), UsageError, "'wave' is not known; allowed: rays | waves"),
        (lambda lens: lens.mtf(0, [math.nan]), UsageError, "a frequency nan cycles/mm is not allowed"),
        (lambda lens: lens.mtf(0, [10.0], math.inf), UsageError, "defocus inf mm is not allowed"),
        (lambda lens: lens.mtf(0, [10.0], 0, []), UsageError, "no wavelength is given"),
        (lambda lens: lens.wavefront(0, count=8), UsageError, r"8 samples across; allowed: 16..2048"),
    ],
)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call(load_lens(name="50mm_f1.2_1966"))


def test_beyond_the_cutoff_there_is_nothing_however_high_the_frequency():
    lens = load_lens(name="50mm_f2_1978")
    found = lens.mtf(5.0, [0.0, 900.0, 5000.0])
    for contrast in found:
        np.testing.assert_allclose(contrast, [1.0, 0.0, 0.0], atol=1e-12)


def test_where_samples_are_too_coarse_no_strehl_ratio_is_told():
    lens = load_lens(name="50mm_f2_1978")
    assert 0 < lens.wavefront(0.0, 2.0, None, 8.0).strehl < 0.01
    coarse = lens.wavefront(0.0, 2.0, None, 8.0, count=16)
    assert np.isnan(coarse.strehl)
    assert coarse.rms_waves == pytest.approx(lens.wavefront(0.0, 2.0, None, 8.0).rms_waves, rel=0.05)


def test_wavelengths_may_be_an_array():
    lens = load_lens(name="50mm_f2_1978")
    found = [lens.mtf(3.0, [20.0], 0.0, waves) for waves in (np.array([500.0, 600.0]), [500.0, 600.0])]
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
