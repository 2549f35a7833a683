"""Robertson's method against colour-science, closed forms and its own inverse."""

import numpy as np
import pytest

from isp.color.temperature import COLDEST, HOTTEST, TINT_SCALE, chromaticity, temperature_and_tint, uv_to_xy, xy_to_uv

CASES = [(0.3127, 0.3290), (0.3457, 0.3585), (0.44757, 0.40745), (0.30, 0.36), (0.25, 0.25), (0.50, 0.40), (0.38, 0.42)]


@pytest.mark.parametrize("xy", CASES)
def test_equals_colour_science(xy):
    temperature = pytest.importorskip("colour.temperature")
    cct, distance = temperature.uv_to_CCT_Robertson1968(xy_to_uv(xy))
    found, tint = temperature_and_tint(xy)
    assert found == pytest.approx(cct, rel=1e-6)
    assert tint == pytest.approx(TINT_SCALE * distance, abs=1e-3)


def test_known_lights():
    assert temperature_and_tint((0.44757, 0.40745))[0] == pytest.approx(2856, abs=2)  # illuminant A
    assert temperature_and_tint((0.3127, 0.3290))[0] == pytest.approx(6504, abs=5)  # D65
    # daylight of 5500 K is Adobe's "Daylight" preset: 5500 K, tint +10
    assert temperature_and_tint((0.33242, 0.34743)) == pytest.approx((5500, 10), abs=2)


def test_a_greener_white_has_a_higher_tint():
    tints = [temperature_and_tint((0.33, y))[1] for y in (0.31, 0.33, 0.35, 0.37)]
    assert tints == sorted(tints)
    assert tints[0] < 0 < tints[-1]


@pytest.mark.parametrize("tint", [-60.0, -10.0, 0.0, 10.0, 60.0])
@pytest.mark.parametrize("temperature", [1700.0, 2856.0, 4000.0, 5003.0, 6504.0, 9300.0, 25000.0])
def test_round_trip(temperature, tint):
    back, tint_back = temperature_and_tint(chromaticity(temperature, tint))
    assert 1e6 / back == pytest.approx(1e6 / temperature, abs=0.01)
    assert tint_back == pytest.approx(tint, abs=0.05)


def test_uv_and_back():
    assert uv_to_xy(xy_to_uv((0.31, 0.33))) == pytest.approx((0.31, 0.33), abs=1e-12)


def test_held_at_the_ends():
    assert temperature_and_tint((0.65, 0.32))[0] == pytest.approx(COLDEST)
    assert temperature_and_tint((0.20, 0.20))[0] == pytest.approx(HOTTEST)
    assert chromaticity(100.0) == chromaticity(COLDEST)
    assert np.isfinite(chromaticity(1e9)).all()
