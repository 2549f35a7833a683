"""Shading against falloffs and casts that are known, and against the simulator's lens."""

import math

import numpy as np
import pytest

from isp.errors import UsageError
from reports.metrics import shading
from sensors import capture
from sensors.optics import Lens
from tests.physics.sensor_fakes import sensor


def radius(shape=(300, 400)):
    y, x = ((np.arange(n) + 0.5) / n * 2 - 1 for n in shape)
    aspect = shape[0] / shape[1]
    return np.hypot(y[:, None] * aspect, x) / math.hypot(aspect, 1)


def cos4(shape=(300, 400), corner=0.5):
    """cos^4 that falls to `corner`."""
    return (1 + radius(shape) ** 2 * (corner**-0.5 - 1)) ** -2


def noise(shape, sigma, seed=1):
    return np.random.Generator(np.random.Philox(seed)).normal(0, sigma, shape)


def test_cos4_falloff_is_its_closed_form():
    found = shading(0.6 * cos4())
    # the corner's nine cells lie inside of the corner
    cells = cos4()[: 300 * 3 // 25, : 400 * 3 // 33].mean()
    assert found.corner == pytest.approx(100 * cells, rel=0.01)
    assert found.worst == pytest.approx(100 * cos4()[:12, :12].mean(), rel=0.01)
    assert found.brightest == pytest.approx(100, abs=0.3)
    wanted = (1 + found.radius**2 * (0.5**-0.5 - 1)) ** -2
    assert found.profile == pytest.approx(100 * wanted, abs=0.5)
    assert len(found.profile) == 8
    assert found.relative.shape == (25, 33)
    assert found.color.reason == "the picture has no colour"


def test_an_even_noisy_field_is_even():
    found = shading(0.5 + noise((300, 400, 3), 0.02, 2))
    for name, value in (("corner", 100), ("nonuniformity", 0), ("color", 0)):
        low, high = getattr(found, f"{name}_interval")
        assert low - 0.05 < value < high + 0.05, (name, low, high)
    # the cells themselves spread more than that
    assert found.nonuniformity < 0.3 < np.ptp(found.relative)


def test_a_range_is_never_negative():
    for seed in range(8):
        found = shading(0.5 + noise((300, 400, 3), 0.02, seed))
        for name in ("nonuniformity", "color"):
            assert 0 <= getattr(found, f"{name}_interval")[0] <= getattr(found, name)


def test_intervals_hold_the_corner():
    flat, held = 0.5 * cos4(), 0
    truth = shading(flat).corner
    for seed in range(40):
        found = shading(flat + noise(flat.shape, 0.05, seed), seed=seed)
        held += found.corner_interval[0] <= truth <= found.corner_interval[1]
    assert held >= 35


def test_a_colour_cast_is_that_of_the_corner():
    flat = np.repeat(0.4 * np.ones((300, 400, 1)), 3, axis=2)
    flat[..., 0] *= 1 - 0.1 * radius() ** 2
    flat[..., 2] *= 1 + 0.05 * radius() ** 2
    found = shading(flat)
    r = radius()[:12, :12]
    assert found.red == pytest.approx(-10 * (r**2).mean(), abs=0.1)
    assert found.blue == pytest.approx(5 * (r**2).mean(), abs=0.1)
    # one cell by colour-science
    from colour import RGB_COLOURSPACES, XYZ_to_Lab

    space = RGB_COLOURSPACES["sRGB"]
    xyz = space.matrix_RGB_to_XYZ @ (flat[:12, :12].mean((0, 1)) / 0.4)
    assert found.color == pytest.approx(np.hypot(*XYZ_to_Lab(xyz, space.whitepoint)[1:]), rel=0.02)
    assert found.color == pytest.approx(found.chroma.max(), rel=1e-3)


def test_exposure_and_white_balance_do_not_count():
    flat = cos4()[..., None] * (1 - np.array([0.05, 0, -0.05]) * radius()[..., None])
    one, two = shading(0.3 * flat), shading(flat * [0.8, 0.3, 0.5])
    for name in ("corner", "color", "red", "blue"):
        assert getattr(two, name) == pytest.approx(getattr(one, name), rel=0.02)


def test_codes_are_decoded():
    codes = np.rint(65535 * (0.6 * cos4()) ** (1 / 2.2)).astype(np.uint16)
    assert shading(codes, encoding="gamma:2.2").corner == pytest.approx(shading(cos4()).corner, rel=1e-3)


def test_the_simulated_lens_has_its_falloff():
    lens = Lens(diffraction=False, focal_mm=1.0, falloff="cos4")
    part = sensor(gain=0.16, pre_e=2.0, full_well_e=24000.0)
    bright = capture("uniform?reflectance=0.5", part, lens=lens, target=0.6, size=(1024, 1024), seed=1)
    found = shading(np.asarray(bright.data, np.float64) - 64, encoding="linear")
    # 1024 photosites of 2 um: the corner is 1.448 mm off axis, at a focal length of 1 mm
    half = 1.024
    y, x = np.mgrid[-half:half:1024j, -half:half:1024j]
    truth = (1 + x**2 + y**2) ** -2
    cell = 1024 // 33
    centre = truth[512 - 3 * cell // 2 : 512 + 3 * cell // 2, 512 - 3 * cell // 2 : 512 + 3 * cell // 2].mean()
    assert found.worst == pytest.approx(100 * truth[:cell, :cell].mean() / centre, rel=0.02)
    assert found.corner == pytest.approx(100 * truth[: 3 * cell, : 3 * cell].mean() / centre, rel=0.01)


@pytest.mark.parametrize(
    ("flat", "reason"),
    [
        (np.full((300, 400, 3), 255, np.uint8), "clipped"),
        (np.zeros((300, 400)), "black"),
        (np.ones((50, 60)), "too small"),
        (np.full((300, 400), np.nan), "not finite"),
    ],
)
def test_what_is_no_field_says_why(flat, reason):
    assert reason in shading(flat).corner.reason


def test_bounds_are_told():
    with pytest.raises(UsageError, match="zones=1"):
        shading(np.ones((300, 400)), zones=1)
