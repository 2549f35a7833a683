"""Vignette: the cos^4 law of a simple lens."""

import numpy as np
import pytest

from tests.unit.stage_runner import around, run_stage

SHAPE = (300, 400)


def _gain(**params):
    ones = np.ones((*SHAPE, 3), np.float32)
    return run_stage("vignette", ones, around(ones), "scene", **params)[..., 1].astype(np.float64)


def _radius():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(x - (SHAPE[1] - 1) / 2, y - (SHAPE[0] - 1) / 2) / np.hypot(*SHAPE) * 2


@pytest.mark.parametrize("amount", [0.3, 1.0, 2.5])
def test_it_is_the_fourth_power_of_a_cosine(amount):
    # the angle at which cos^4 loses `amount` stops, in the corner
    corner = np.arccos(2 ** (-amount / 4))
    expected = np.cos(np.arctan(np.tan(corner) * _radius())) ** 4
    np.testing.assert_allclose(_gain(amount=amount), expected, rtol=1e-5)


def test_a_negative_amount_is_the_inverse():
    np.testing.assert_allclose(_gain(amount=-1.2) * _gain(amount=1.2), 1, rtol=1e-5)


def test_an_ellipse_falls_off_alike_towards_both_sides():
    gain = _gain(amount=1.0, roundness=0)
    assert gain[0, 200] == pytest.approx(gain[150, 0], rel=2e-3)
    assert gain[0, 0] == pytest.approx(0.5, rel=0.01)
    np.testing.assert_allclose(gain, gain[::-1, ::-1], rtol=1e-5)
