"""Lights and photometry against CIE tables, closed forms and SciPy."""

import subprocess
import sys

import colour
import numpy as np
import pytest
from scipy import constants
from scipy.integrate import trapezoid

from isp.errors import UsageError
from sensors.spectrum import (
    WAVELENGTHS,
    Light,
    integrate,
    make_light,
    observer,
    on_grid,
    photon_rate,
    to_xyz,
)


def test_the_grid():
    assert (len(WAVELENGTHS), WAVELENGTHS[0], WAVELENGTHS[-1]) == (81, 380.0, 780.0)
    assert not WAVELENGTHS.flags.writeable
    assert integrate(np.ones((2, 81))) == pytest.approx([405.0, 405.0])


@pytest.mark.parametrize(
    ("name", "xy"),
    # CIE 15:2004, tables T.3 and T.8.1; CIE 015:2018, table 12
    [
        ("A", (0.44758, 0.40745)), ("C", (0.31006, 0.31616)), ("D50", (0.34567, 0.35851)), ("D65", (0.31272, 0.32903)),
        ("D75", (0.29903, 0.31488)), ("E", (1 / 3, 1 / 3)), ("F2", (0.3721, 0.3751)), ("FL7", (0.3129, 0.3292)),
        ("FL11", (0.3805, 0.3769)), ("FL3.15", (0.3127, 0.3288)), ("HP1", (0.5330, 0.4150)),
        ("led-b1", (0.4560, 0.4078)), ("LED-V1", (0.4548, 0.4044)),
    ],
)
def test_cie_illuminants_have_their_published_chromaticity(name, xy):
    light = make_light(name, 300)
    assert light.xy == pytest.approx(xy, abs=6e-5)
    assert 683 * np.sum(observer()[1] * light.spectrum) * 5 == pytest.approx(300, rel=1e-12)


def test_every_illuminant_of_colour_science_is_a_light():
    for name in colour.SDS_ILLUMINANTS:
        light = make_light(name.upper(), 1)
        assert light.name == name
        assert light.spectrum.shape == (81,)
        # Ohno 2013 is another method; Robertson's table is good to some K in this range
        expected = colour.temperature.uv_to_CCT(colour.UCS_to_uv(colour.XYZ_to_UCS(colour.xy_to_XYZ(light.xy))))[0]
        assert light.cct == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", ["2856K", "blackbody:2856", " Blackbody: 2856 K", "2856.0k"])
def test_black_bodies_follow_planck(name):
    light = make_light(name, 100)
    m = WAVELENGTHS * 1e-9
    planck = m**-5 / np.expm1(constants.h * constants.c / (constants.k * 2856 * m))
    np.testing.assert_allclose(light.spectrum / light.spectrum.sum(), planck / planck.sum(), rtol=1e-4)
    assert light.name == "2856K"
    assert light.cct == pytest.approx(2856, abs=1)


def test_daylight_of_6504_kelvin_is_d65():
    daylight, d65 = make_light("daylight:6504", 100), make_light("D65", 100)
    np.testing.assert_allclose(daylight.spectrum, d65.spectrum, rtol=2e-3)
    # CIE 015:2018, eq. 4.8-4.9, at 5000 K
    t = 5000.0
    x = -4.6070e9 / t**3 + 2.9678e6 / t**2 + 0.09911e3 / t + 0.244063
    assert make_light("daylight:5000", 1).xy == pytest.approx((x, -3 * x**2 + 2.87 * x - 0.275), abs=2e-4)
    assert make_light("daylight:5000", 1).cct == pytest.approx(5000, abs=5)


def test_photon_rate_of_a_joule_of_green_light():
    one = np.zeros(81)
    one[35] = 1.0
    assert WAVELENGTHS[35] == 555.0
    assert photon_rate(one)[35] == pytest.approx(555e-9 / (constants.h * constants.c), rel=1e-12)


def test_sums_at_5_nm_equal_the_integral_of_a_smooth_spectrum():
    table = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"]
    fine = np.arange(380.0, 780.5)
    curve = table.values[(table.wavelengths >= 380) & (table.wavelengths <= 780)]

    def spectrum(nm):
        return np.exp(-0.5 * ((nm - 560) / 60) ** 2)

    exact = 683 * trapezoid(spectrum(fine)[:, None] * curve, fine, axis=0)
    assert to_xyz(spectrum(WAVELENGTHS)) == pytest.approx(exact, rel=1e-4)


def test_a_perfect_diffuser_under_1000_lux_has_1000_over_pi_candela():
    light = make_light("D65", 1000)
    assert to_xyz(light.spectrum / np.pi)[1] == pytest.approx(1000 / np.pi)
    grey = np.stack([light.spectrum, 0.18 * light.spectrum]) / np.pi
    assert to_xyz(grey).shape == (2, 3)
    shape = colour.SpectralShape(360, 780, 1)
    patch = colour.SDS_COLOURCHECKERS["BabelColor Average"]["dark skin"]
    ours = to_xyz(on_grid(patch.wavelengths, patch.values) * light.spectrum)
    theirs = colour.sd_to_XYZ(
        patch.copy().align(shape), colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape),
        colour.SDS_ILLUMINANTS["D65"].copy().align(shape), method="Integration",
    )
    assert ours / to_xyz(light.spectrum)[1] * 100 == pytest.approx(theirs, rel=2e-3)


def test_on_grid_takes_samples_as_they_are_and_never_overshoots():
    at = np.arange(400, 701, 10.0)
    values = (at > 550).astype(float)
    spectrum = on_grid(at, values)
    np.testing.assert_array_equal(spectrum[np.isin(WAVELENGTHS, at)], values)
    assert spectrum.min() == 0
    assert spectrum.max() == 1
    assert spectrum[-1] == 1
    assert on_grid(at, values, beyond="zero")[-1] == 0
    assert on_grid(at, np.stack([values, at]))[1, 5] == pytest.approx(405)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("D66", "illuminant 'D66' is not known; did you mean 'D65'"), ("LEDB1", "did you mean 'LED-B1'"),
        ("xenon lamp", "allowed: a CIE illuminant"), ("", "is not known"), (None, "is not known"),
        ("100K", r"1700\.\.25000 K"), ("blackbody:x", r"1700\.\.25000 K"), ("daylight:3000", r"4000\.\.25000 K"),
        ("daylight:nan", r"4000\.\.25000 K"), ("daylight:", r"4000\.\.25000 K"), ("1e3K", "is not known"),
    ],
)
def test_unknown_lights_are_refused(name, words):
    with pytest.raises(UsageError, match=words):
        make_light(name, 100)


@pytest.mark.parametrize("lux", [-1, float("nan"), float("inf"), 3e5, True, "100", None])
def test_illuminance_out_of_bounds_is_refused(lux):
    with pytest.raises(UsageError, match=r"must be a number in 0\.\.200000"):
        make_light("D65", lux)


def test_darkness_has_a_colour_but_no_power():
    dark = make_light("A", 0)
    assert not dark.spectrum.any()
    assert dark.xy == make_light("A", 1).xy


def test_a_light_is_checked_and_cannot_be_changed():
    with pytest.raises(UsageError, match="81 finite numbers"):
        Light("mine", np.ones(80), 1, (0.3, 0.3), 6000)
    with pytest.raises(UsageError, match="81 finite numbers"):
        Light("mine", np.full(81, -1.0), 1, (0.3, 0.3), 6000)
    with pytest.raises(ValueError, match="read-only"):
        make_light("A", 1).spectrum[0] = 1


def test_importing_is_cheap():
    code = (
        "import sensors.spectrum, sensors.sensitivity, sensors.color, sys\n"
        "print(sorted({'colour', 'scipy', 'halide', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
