"""Visual noise against closed forms and colour-science."""

import math

import numpy as np
import pytest

from isp.color.spaces import srgb_encoded
from isp.errors import UsageError
from reports.metrics import pixels_per_degree, visual_noise
from reports.metrics.visual import EDITION, _luv, contrast_sensitivity

VIEWING = 60.0


def white_noise(seed, *shape):
    return np.random.Generator(np.random.Philox(seed)).standard_normal(shape)


def seen(response, size=96):
    """Share of the deviation of white noise that passes a filter, integrated over the square of frequencies."""
    f = (np.arange(4 * size) + 0.5) / (4 * size) - 0.5
    return math.sqrt(float((response(VIEWING * np.hypot(f[:, None], f)) ** 2).mean()))


def test_grey_noise_is_its_closed_form():
    level, sigma = 0.2, 0.004
    found = [visual_noise(level + sigma * white_noise(seed, 96, 96), VIEWING) for seed in range(30)]
    wanted = 116 / 3 * level ** (-2 / 3) * sigma * seen(lambda f: contrast_sensitivity(f)[0])
    assert np.mean([f.value for f in found]) == pytest.approx(wanted, rel=0.01)
    assert sum(f.value_interval[0] < wanted < f.value_interval[1] for f in found) >= 26
    assert found[0].red_green == found[0].yellow_blue == 0
    assert found[0].edition == EDITION


def test_coloured_noise_is_its_closed_form():
    colour = pytest.importorskip("colour")
    level, sigma, white = 0.3, 0.005, np.array([0.3127, 0.3290])
    to_xyz = colour.RGB_COLOURSPACES["sRGB"].matrix_RGB_to_XYZ
    to_e = colour.adaptation.matrix_chromatic_adaptation_VonKries(
        colour.xy_to_XYZ(white), np.ones(3), transform="Bradford"
    )
    opponent = np.array([[0, 1, 0], [1, -1, 0], [0, 0.4, -0.4]]) @ to_e
    f = (np.arange(384) + 0.5) / 384 - 0.5
    responses = np.stack(contrast_sensitivity(VIEWING * np.hypot(f[:, None], f))).reshape(3, -1)
    seen_noise = (responses @ responses.T / f.size**2) * (opponent @ to_xyz @ to_xyz.T @ opponent.T) * sigma**2
    back = np.linalg.inv(opponent)
    mean, step = to_xyz @ np.full(3, level), 1e-5
    slopes = [colour.XYZ_to_Luv(mean + step * e, white) - colour.XYZ_to_Luv(mean, white) for e in np.eye(3)]
    jacobian = np.array(slopes).T / step @ back
    wanted = np.sqrt(np.diag(jacobian @ seen_noise @ jacobian.T))
    found = [visual_noise(level + sigma * white_noise(seed, 96, 96, 3), VIEWING) for seed in range(30)]
    for name, value in zip(("lightness", "red_green", "yellow_blue"), wanted, strict=True):
        assert np.mean([getattr(f, name) for f in found]) == pytest.approx(value, rel=0.015), name


def test_luv_is_that_of_colour_science():
    colour = pytest.importorskip("colour")
    xyz = np.random.Generator(np.random.Philox(3)).uniform(0.001, 0.9, (50, 3))
    assert _luv(xyz) == pytest.approx(colour.XYZ_to_Luv(xyz, np.array([0.3127, 0.3290])), abs=1e-3)
    assert not _luv(np.zeros((1, 3))).any()


def test_sensitivities_are_those_of_the_papers():
    at_peak = contrast_sensitivity(4.0)[0]
    # the peak of 3 for which the edition of 2013 was criticised (Wueller, Matsui and Katoh 2019)
    assert at_peak == pytest.approx(3, rel=1e-3)
    assert [float(v) for v in contrast_sensitivity(0.0)] == [1, 1, 1]
    luminance, red_green, yellow_blue = contrast_sensitivity(np.arange(1.0, 60))
    assert luminance.argmax() == 3
    # colour is seen the coarser of all, yellow-blue the coarsest
    assert (yellow_blue < red_green).all()
    assert (np.diff(red_green) < 0).all()


def test_noise_of_the_colours_adds_up_and_is_sure():
    found = [visual_noise(0.3 + 0.005 * white_noise(seed, 96, 96, 3), VIEWING) for seed in range(40)]
    for name in ("value", "lightness", "red_green", "yellow_blue"):
        truth = np.mean([getattr(f, name) for f in found])
        held = [low < truth < high for low, high in (getattr(f, f"{name}_interval") for f in found)]
        assert sum(held) >= 34, name
    one = found[0]
    assert one.value == pytest.approx(one.lightness + 0.852 * one.red_green + 0.323 * one.yellow_blue)


def test_further_away_less_is_seen():
    patch = 0.3 + 0.01 * white_noise(1, 128, 128, 3)
    near, far = (visual_noise(patch, viewing).value for viewing in (60.0, 120.0))
    assert far < 0.75 * near


def test_more_noise_is_never_less_visible():
    one, two = white_noise(1, 96, 96, 3), white_noise(2, 96, 96, 3)
    values = [visual_noise(0.4 + 0.002 * one + s * two, VIEWING).value for s in (0, 0.001, 0.003, 0.01)]
    assert np.all(np.diff(values) > 0)


def test_codes_are_decoded_and_a_slope_is_no_noise():
    light = 0.3 + 0.004 * white_noise(4, 96, 96, 3)
    codes = np.rint(65535 * srgb_encoded(light)).astype(np.uint16)
    wanted = visual_noise(light, VIEWING).value
    assert visual_noise(codes, VIEWING, encoding="srgb").value == pytest.approx(wanted, rel=1e-3)
    slope = np.linspace(0, 0.02, 96)[:, None, None]
    assert visual_noise(light + slope, VIEWING).value == pytest.approx(wanted, rel=0.04)


@pytest.mark.parametrize(
    ("patch", "reason"),
    [(np.full((20, 90), 0.5), "90x20 pixels is smaller than 32x32"), (np.ones((40, 40)), "100 % of the patch's pixels"),
     (np.full((40, 40), np.nan), "not finite")],
)  # fmt: skip
def test_what_cannot_be_told_says_why(patch, reason):
    found = visual_noise(patch)
    assert not found.value.known
    assert reason in found.value.reason


def test_no_noise_is_zero():
    assert visual_noise(np.full((40, 40, 3), 0.5)).value == 0


def test_viewing_conditions():
    # 0.25 mm pixels at half a metre
    assert pixels_per_degree(500, 0.25) == pytest.approx(34.9, abs=0.01)
    with pytest.raises(UsageError, match="must be > 0"):
        pixels_per_degree(500, 0)
    with pytest.raises(UsageError, match="pixels per degree"):
        visual_noise(np.full((40, 40), 0.5), 0)
