"""Tone curves and veiling glare against curves that are known."""

import math

import numpy as np
import pytest
from colour.models import eotf_inverse_sRGB, oetf_BT709

from isp.errors import UsageError
from reports.metrics import exposure_error, glare, tone_response

LIGHT = 10.0 ** -np.arange(0.05, 2.0, 0.1)


@pytest.mark.parametrize(
    ("target", "curve"),
    [
        ("srgb", eotf_inverse_sRGB),
        ("rec709", oetf_BT709),
        ("gamma:2.2", lambda v: v ** (1 / 2.2)),
        ("linear", lambda v: v),
        (lambda v: v**0.3, lambda v: v**0.3),
    ],
)
def test_a_picture_of_its_target_is_exact(target, curve):
    found = tone_response(LIGHT, curve(LIGHT), target)
    assert found.rms == pytest.approx(0, abs=1e-9)
    assert found.exposure_error == pytest.approx(0, abs=1e-4)
    assert found.range_stops == pytest.approx(math.log2(LIGHT.max() / LIGHT.min()))


@pytest.mark.parametrize("ev", [-1.0, -0.3, 0.5])
def test_exposure_error_is_that_of_the_light(ev):
    found = tone_response(LIGHT, eotf_inverse_sRGB(np.minimum(LIGHT * 2**ev, 1)))
    assert found.exposure_error == pytest.approx(ev, abs=2e-3)
    assert found.exposure_error_interval[0] <= ev + 1e-3
    assert found.rms > 5
    assert found.rms_exposed < 0.1
    assert exposure_error(0.18 * 2.0**ev * np.ones(9)) == pytest.approx(ev)


def test_the_wrong_curve_is_off_by_their_difference():
    found = tone_response(LIGHT, oetf_BT709(LIGHT), "srgb")
    off = 255 * (oetf_BT709(LIGHT) - eotf_inverse_sRGB(LIGHT))
    assert found.rms == pytest.approx(np.sqrt(np.mean(off**2)))
    assert found.maximum == pytest.approx(np.abs(off).max())
    assert found.maximum.reason


def test_gamma_is_the_exponent_and_8_bit_codes_are_understood():
    assert tone_response(LIGHT, LIGHT**0.45).gamma == pytest.approx(np.full(len(LIGHT) - 1, 0.45))
    codes = np.rint(255 * eotf_inverse_sRGB(LIGHT)).astype(np.uint8)
    assert tone_response(LIGHT, codes).rms < 0.5
    assert tone_response(LIGHT, codes, codes).rms == 0


def test_order_of_the_patches_does_not_matter():
    order = np.random.Generator(np.random.Philox(1)).permutation(len(LIGHT))
    one, two = tone_response(LIGHT, LIGHT**0.4), tone_response(LIGHT[order], LIGHT[order] ** 0.4, LIGHT[order] ** 0.5)
    assert np.array_equal(one.code, two.code)
    assert two.target == pytest.approx(two.light**0.5)


def test_clipping_ends_the_range():
    found = tone_response(LIGHT, np.clip(2 * LIGHT, 0.1, 1.0), "linear")
    # white from 0.5 on, black up to 0.05
    assert LIGHT[LIGHT < 0.05].max() <= found.ends[0] <= 0.05 * 10**0.1
    assert 0.5 / 10**0.1 <= found.ends[1] <= LIGHT[LIGHT >= 0.5].min()
    low, high = found.range_stops_interval
    assert low <= math.log2(10) <= high


def test_what_cannot_be_told_says_why():
    assert "three patches" in tone_response([0.1, 0.1], [0.3, 0.3]).rms.reason
    assert "do not rise" in tone_response(LIGHT, np.full(len(LIGHT), 0.5)).range_stops.reason
    assert "10 %" in tone_response(LIGHT, np.ones(len(LIGHT))).exposure_error.reason
    assert exposure_error(np.zeros(4)).reason == "the picture is black"
    with pytest.raises(UsageError, match="target 'log' is not known"):
        tone_response(LIGHT, LIGHT, "log")
    with pytest.raises(UsageError, match=r"must both be \(N,\)"):
        tone_response(LIGHT, LIGHT[1:])


def patch(level, seed, sigma=0.002):
    return level + np.random.Generator(np.random.Philox(seed)).normal(0, sigma, (40, 60))


def test_glare_of_known_light():
    held = 0
    for seed in range(100):
        found = glare(patch(0.02, 2 * seed), patch(0.8, 2 * seed + 1))
        held += found.interval[0] <= 2.5 <= found.interval[1]
    assert held >= 88
    assert glare(patch(0.02, 1), patch(0.8, 2), offset=0.01) == pytest.approx(1.5, abs=0.02)


def test_glare_takes_light_not_codes_and_no_clipped_white():
    codes = [np.rint(65535 * eotf_inverse_sRGB(patch(v, 3))).astype(np.uint16) for v in (0.02, 0.8)]
    assert glare(*codes, encoding="srgb") == pytest.approx(2.5, rel=0.01)
    assert "clipped" in glare(patch(0.02, 1), np.ones((40, 60))).reason
    assert "cut off" in glare(np.zeros((40, 60), np.uint8), patch(0.8, 2)).reason
