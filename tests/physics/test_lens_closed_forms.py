"""Lenses whose images are known exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isp.lenses.glass import AIR, LINES, glass_catalog, glass_of
from isp.lenses.lens import Lens
from isp.lenses.prescription import Prescription, Surface

N = 1.5
GLASS = glass_of(N, None)


def _lens(*surfaces: Surface) -> Lens:
    return Lens(Prescription("by hand", surfaces))


def _hyperbolic(diameter: float = 20.0) -> Lens:
    """Plane front, hyperboloid of conic -n² behind: without spherical aberration for a far object (Descartes)."""
    return _lens(
        Surface("1", math.inf, 5.0, GLASS, diameter / 2, stop=True),
        Surface("2", -25.0, 0.0, AIR, diameter / 2 + 0.5, conic=-N * N),
    )


def _ball(radius: float = 50.0, stop: float = 2.0) -> Lens:
    """A ball with the stop in its centre: every chief ray is an axis."""
    return _lens(
        Surface("1", radius, radius, GLASS, radius * 0.9),
        Surface("2", math.inf, radius, GLASS, stop, stop=True),
        Surface("3", -radius, 0.0, AIR, radius * 0.9),
    )


def test_thick_lens_makers_formula():
    r1, r2, t = 60.0, -45.0, 9.0
    lens = _lens(Surface("1", r1, t, GLASS, 10, stop=True), Surface("2", r2, 0, AIR, 10))
    power = (N - 1) * (1 / r1 - 1 / r2 + (N - 1) * t / (N * r1 * r2))
    assert lens.focal_length == pytest.approx(1 / power, rel=1e-12)
    assert lens.back_focus == pytest.approx(1 / power * (1 - (N - 1) * t / (N * r1)), rel=1e-12)


def test_a_cemented_doublet_is_achromatic():
    """Crown and flint with powers in the ratio of their Abbe numbers bring F and C to one focus (Kingslake)."""
    crown, flint = glass_of(1.5168, 64.17), glass_of(1.62, 36.37)
    f, v1, v2 = 100.0, 64.17, 36.37
    p1, p2 = v1 / (v1 - v2) / f, -v2 / (v1 - v2) / f
    r2 = -60.0
    r1 = 1 / (p1 / 0.5168 + 1 / r2)
    r3 = 1 / (1 / r2 - p2 / 0.62)
    thin = 0.05
    lens = _lens(
        Surface("1", r1, thin, crown, 2, stop=True), Surface("2", r2, thin, flint, 2), Surface("3", r3, 0, AIR, 2)
    )
    assert lens.focal_length == pytest.approx(f, rel=1e-3)
    singlet = 1 / p1 / v1
    between = lens.longitudinal_color(LINES["F"]) - lens.longitudinal_color(LINES["C"])
    assert abs(between) < 5e-3 * singlet
    # the secondary spectrum that two glasses on the normal line leave: f (P1 - P2) / (V1 - V2), for g against F
    expected = -f * ((0.6438 - 0.001682 * v1) - (0.6438 - 0.001682 * v2)) / (v1 - v2)
    spectrum = lens.longitudinal_color(LINES["g"]) - lens.longitudinal_color(LINES["F"])
    assert spectrum == pytest.approx(expected, rel=0.02)


def test_a_singlet_focuses_blue_in_front():
    crown = glass_of(1.5168, 64.17)
    lens = _lens(Surface("1", 50.0, 0.1, crown, 2, stop=True), Surface("2", -50.0, 0, AIR, 2))
    shift = lens.longitudinal_color(LINES["F"]) - lens.longitudinal_color(LINES["C"])
    assert shift == pytest.approx(-lens.focal_length / 64.17, rel=0.01)


def test_a_hyperboloid_has_no_spherical_aberration():
    lens = _hyperbolic()
    assert lens.spot_radius(0) < 1e-6
    assert lens.focal_length == pytest.approx(25 / (N - 1), rel=1e-12)
    assert lens.best_focus() == pytest.approx(lens.back_focus, abs=1e-9)


def test_a_sphere_in_its_place_has():
    sphere = _lens(Surface("1", math.inf, 5.0, GLASS, 10, stop=True), Surface("2", -25.0, 0.0, AIR, 10.5))
    assert sphere.spot_radius(0) > 50
    # blur of third order: the marginal ray crosses the axis in front of the paraxial focus
    assert sphere.best_focus() < sphere.back_focus - 1


def test_the_same_hyperboloid_as_an_even_asphere():
    """Its sag as a series to r^12: the terms and the conic must agree."""
    c, k = -1 / 25, -N * N
    terms, coefficient = [], c / 2
    for i in range(1, 7):
        # sag = c r²/2 sum of binomial series of the root
        coefficient *= (1 + k) * c * c * (2 * i - 1) / (2 * i + 2)
        sphere = c / 2 * math.prod(c * c * (2 * j - 1) / (2 * j + 2) for j in range(1, i + 1))
        terms.append(coefficient - sphere)
    even = Surface("2", -25.0, 0.0, AIR, 10.5, terms=tuple(terms))
    r = np.linspace(0, 8, 30)
    np.testing.assert_allclose(even.sag(r)[0], _hyperbolic().prescription.surfaces[1].sag(r)[0], atol=1e-5)
    lens = _lens(Surface("1", math.inf, 5.0, GLASS, 8, stop=True), even)
    assert lens.spot_radius(0) < 0.1


def test_diffraction_limit():
    """The MTF of an aberration-free round pupil (Goodman, eq. 6-32)."""
    lens, nm = _hyperbolic(), 550.0
    # the rays' cone gives the cut-off, 2 sin(u') / wavelength
    rays = lens.rays(0, nm, count=20_000)
    sine = np.sin(np.arctan(np.hypot(rays.slope_x, rays.slope_y).max()))
    cut = 2 * sine / (nm * 1e-6)
    s = np.array([0.1, 0.25, 0.5, 0.75])
    expected = 2 / np.pi * (np.arccos(s) - s * np.sqrt(1 - s * s))
    found = lens.mtf(0, s * cut, wavelength_nm=nm)
    np.testing.assert_allclose(found.tangential, expected, atol=0.02)
    np.testing.assert_allclose(found.sagittal, expected, atol=0.02)


def test_an_unaberrated_point_is_an_airy_disc():
    lens, nm = _hyperbolic(), 550.0
    made = lens.psf(0, wavelength_nm=nm, pitch_um=0.05, size=257)
    n = made.array.shape[0] // 2
    r = np.hypot(*np.meshgrid(*[(np.arange(257) - n) * made.pitch_um] * 2))
    rays = lens.rays(0, nm, count=20_000)
    radius = 0.61 * nm * 1e-3 / np.sin(np.arctan(np.hypot(rays.slope_x, rays.slope_y).max()))
    # half the light is in 0.535 of the first dark ring, 83.8 % within it (Born and Wolf, 8.5.2)
    assert made.array[r <= radius].sum() / made.array.sum() == pytest.approx(0.838, abs=0.02)


@pytest.mark.parametrize("defocus", [-0.8, 0.5, 2.0])
def test_defocus_makes_a_disc_as_wide_as_the_cone(defocus):
    lens = _hyperbolic(16.0)
    made = lens.psf(0, defocus)
    assert made.array.sum() == pytest.approx(1, abs=1e-12)
    rays = lens.rays(0, count=20_000)
    expected = 2 * abs(defocus) * np.hypot(rays.slope_x, rays.slope_y).max() * 1e3
    lit = made.array.max(axis=0) > 0.2 * np.median(made.array[made.array > 0.2 * made.array.max()])
    assert lit.sum() * made.pitch_um == pytest.approx(expected, rel=0.03)
    # round and centred
    places = (np.arange(made.array.shape[0]) - made.array.shape[0] // 2) * made.pitch_um
    for axis in (0, 1):
        assert abs(np.sum(made.array.sum(axis=axis) * places)) < 0.01 * expected


def test_a_ball_images_onto_a_sphere():
    lens, angle = _ball(stop=0.5), 25.0
    focus = lens.focal_length
    assert lens.best_focus() + 50 == pytest.approx(focus, rel=1e-3)
    found = lens.field_curvature(angle)
    expected = focus * math.cos(math.radians(angle)) - (lens.best_focus() + 50)
    assert found == pytest.approx((expected, expected), abs=2e-3)
    assert lens.image_height(angle) == pytest.approx((lens.best_focus() + 50) * math.tan(math.radians(angle)), rel=1e-9)
    assert lens.lateral_color(angle, 450) == pytest.approx(0, abs=1e-9)


def test_a_thin_stop_is_seen_under_its_cosine():
    lens = _ball(stop=0.5)
    for angle in (15.0, 30.0):
        # the stop's normal is turned by the angle; the ball magnifies both directions alike
        cosine = math.cos(math.radians(angle))
        assert lens.cats_eye(angle) == pytest.approx(cosine, abs=2e-3)
        assert lens.relative_illumination(angle) == pytest.approx(cosine**4, abs=4e-3)


def test_stopping_down():
    lens = _hyperbolic()
    assert lens.f_number == pytest.approx(50 / 20, rel=1e-6)
    for number in (2.8, 4.0, 16.0):
        assert lens.opening(number).radius == pytest.approx(2.5 / number, rel=1e-9)
        area = lens.illuminated_area(0, number)
        assert area == pytest.approx(math.pi / 4 * (50 / number) ** 2, rel=5e-3)


@pytest.mark.parametrize("blades", [5, 9])
def test_a_polygon_passes_as_much_light_as_the_circle(blades):
    lens = _hyperbolic()
    round_, edged = (lens.rays(0, f_number=5.6, count=40_000, blades=n) for n in (0, blades))
    assert edged.area_mm2 == pytest.approx(round_.area_mm2, rel=0.01)
    azimuth = np.arctan2(edged.pupil_y, edged.pupil_x)
    outline = [np.hypot(edged.pupil_x, edged.pupil_y)[np.abs(azimuth - a) < 0.05].max()
               for a in np.pi / blades * np.arange(1 - blades, blades)]
    # a blade's middle lies in the radial direction, a corner half a blade further
    assert outline[blades - 1] / outline[blades] == pytest.approx(math.cos(math.pi / blades), abs=0.02)


def test_a_near_point_focuses_further_back():
    """Newton: the image lies f² / x behind the focal point, x from the front focal point."""
    lens = _hyperbolic(1.0)
    far = 1000.0
    rays = lens.rays(0, count=5000, distance_mm=far)
    slopes = np.hypot(rays.slope_x, rays.slope_y)
    behind = -np.sum(rays.x * rays.slope_x + rays.y * rays.slope_y) / np.sum(slopes**2)
    # the front focal point of a plano lens with its curved side behind lies f before the plane reduced by t / n
    front = lens.focal_length - 5.0 / N
    assert behind == pytest.approx(lens.focal_length**2 / (far - front), rel=5e-3)


def test_rays_are_reproducible_and_propagate():
    lens = _hyperbolic()
    a, b, c = (lens.rays(8, 550, 4.0, 50_000, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a.x, b.x)
    assert not np.array_equal(a.x[:100], c.x[:100])
    assert len(a.x) == pytest.approx(50_000, rel=0.02)
    assert a.weights.sum() == pytest.approx(1)
    made = lens.psf(8, 0.7, 550, 4.0)
    places = (np.arange(65) - 32) * made.pitch_um * 1e-3
    middle = np.sum(made.array.sum(axis=0) * places) + made.center_mm
    # a fiftieth of a pixel
    assert middle == pytest.approx(np.mean(a.x + 0.7 * a.slope_x), abs=0.02e-3 * made.pitch_um)


def test_dispersion_from_index_and_abbe_number():
    """Against the manufacturer's Sellmeier curves; the worst are dense flints at 400 nm."""
    errors = {}
    for name, glass in glass_catalog().items():
        d, f, c = (glass.index(LINES[line]) for line in "dFC")
        model = glass_of(d, (d - 1) / (f - c))
        assert model.index(LINES["d"]) == pytest.approx(d, abs=1e-12)
        assert model.index(LINES["F"]) - model.index(LINES["C"]) == pytest.approx(f - c, abs=1e-12)
        errors[name] = max(abs(model.index(nm) - glass.index(nm)) for nm in np.arange(400, 701, 10.0))
    values = np.array(list(errors.values()))
    assert np.median(values) < 3e-4
    assert np.quantile(values, 0.9) < 2e-3
    assert values.max() < 6e-3


def test_catalogue_glasses():
    """nd and Vd as the manufacturer's data sheets print them."""
    for name, nd, vd in [("N-BK7", 1.51680, 64.17), ("N-SF11", 1.78472, 25.68), ("F2", 1.62004, 36.37)]:
        d, f, c = (glass_catalog()[name].index(LINES[line]) for line in "dFC")
        assert d == pytest.approx(nd, abs=6e-6)
        assert (d - 1) / (f - c) == pytest.approx(vd, abs=0.006)
