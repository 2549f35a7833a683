"""Saturation against its formula in NumPy, and what it must keep."""

import numpy as np
import pytest

from tests.unit.stage_runner import around, run_stage

LUMA = np.array([0.2627002, 0.6779981, 0.0593017])
"""ITU-R BT.2020's luminance weights, from its primaries."""


def _run(rgb, **params):
    return run_stage("saturation", rgb, around(rgb), "display", **params)


@pytest.fixture
def rgb():
    return np.random.default_rng(1).uniform(-0.05, 1.2, (12, 15, 3)).astype(np.float32)


@pytest.mark.parametrize(("amount", "vibrance"), [(1.0, 0.0), (0.0, 0.0), (1.4, 0.0), (1.2, 0.6), (1.0, -1.0)])
def test_equals_the_formula(rgb, amount, vibrance):
    x = rgb.astype(np.float64)
    grey = (x @ LUMA)[..., None]
    high, low = x.max(2, keepdims=True), x.min(2, keepdims=True)
    chroma = np.clip((high - low) / np.maximum(high, 1e-4), 0, 1)
    expected = grey + amount * (1 + vibrance * (1 - chroma)) * (x - grey)
    np.testing.assert_allclose(_run(rgb, amount=amount, vibrance=vibrance), expected, atol=2e-6)


def test_luminance_and_greys_stay(rgb):
    np.testing.assert_allclose(_run(rgb, amount=1.7, vibrance=0.4) @ LUMA, rgb @ LUMA, atol=2e-6)
    grey = np.full((4, 4, 3), 0.3, np.float32)
    np.testing.assert_allclose(_run(grey, amount=3.0, vibrance=1.0), grey, atol=1e-6)


def test_vibrance_moves_pale_colours_more():
    pair = np.array([[[0.5, 0.45, 0.45], [0.5, 0.05, 0.05]]], np.float32).repeat(4, 0).repeat(2, 1)
    out = _run(pair, vibrance=0.8)
    pale, vivid = (np.ptp(out[0, i]) / np.ptp(pair[0, i]) for i in (0, 2))
    assert pale > 1.6
    assert 1.0 < vivid < 1.15
