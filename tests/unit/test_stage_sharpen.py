"""Sharpen against the same formula with SciPy's filters, and its promises on flats, noise, edges and colour."""

import numpy as np
import pytest

from tests.unit.stage_runner import around, run_stage

LUMA = np.array([0.2627002, 0.6779981, 0.0593017])


def _run(rgb, **params):
    return run_stage("sharpen", rgb, around(rgb), "display", **params)


def _lightness(rgb):
    return np.sqrt(np.maximum(rgb.astype(np.float64) @ LUMA, 0) + 1e-4)


@pytest.mark.parametrize(
    "params",
    [{}, {"amount": 2.0, "radius": 2.0}, {"coring": 0.0, "overshoot": 1.0}, {"overshoot": 0.0}, {"radius": 0.3}],
)
def test_equals_the_formula_with_scipys_filters(params):
    ndimage = pytest.importorskip("scipy.ndimage")
    rgb = np.random.default_rng(1).uniform(0, 1, (30, 41, 3)).astype(np.float32)
    given = {"amount": 0.6, "radius": 1.0, "coring": 0.008, "overshoot": 0.03} | params
    p = _lightness(rgb)
    blurred = ndimage.gaussian_filter(p, given["radius"], radius=3, mode="mirror")
    d = p - blurred
    d = d**3 / (d**2 + given["coring"] ** 2 + 1e-12)
    low, high = ndimage.minimum_filter(p, 3, mode="mirror"), ndimage.maximum_filter(p, 3, mode="mirror")
    sharp = np.clip(p + given["amount"] * d, np.maximum(low - given["overshoot"], 0), high + given["overshoot"])
    np.testing.assert_allclose(_run(rgb, **given), rgb * ((sharp / p) ** 2)[..., None], atol=5e-6)


def test_flat_areas_stay_and_noise_below_the_coring_hardly_grows():
    flat = np.full((16, 16, 3), 0.4, np.float32)
    np.testing.assert_allclose(_run(flat, amount=5.0), flat, rtol=1e-6)
    noisy = flat + np.random.default_rng(2).normal(0, 0.002, (64, 64, 1)).astype(np.float32)[:16, :16]
    cored, plain = (np.std(_run(noisy, amount=2.0, coring=c)[..., 1]) for c in (0.02, 0.0))
    assert cored < 1.1 * np.std(noisy[..., 1])
    assert plain > 1.8 * np.std(noisy[..., 1])


def test_an_edge_gets_steeper_without_a_halo_beyond_the_limit():
    x = np.arange(40)
    edge = np.repeat(np.repeat((0.15 + 0.5 / (1 + np.exp(-(x - 19.5) / 0.8)))[None, :, None], 12, 0), 3, 2)
    edge = edge.astype(np.float32)
    out = _run(edge, amount=2.0, coring=0.0, overshoot=0.02)
    before, after = _lightness(edge)[6], _lightness(out)[6]
    assert np.diff(after).max() > 1.3 * np.diff(before).max()
    assert after.max() <= before.max() + 0.02 + 1e-6
    assert after.min() >= before.min() - 0.02 - 1e-6


def test_colour_ratios_stay():
    rgb = np.random.default_rng(3).uniform(0.05, 1, (20, 20, 3)).astype(np.float32)
    out = _run(rgb, amount=2.0)
    np.testing.assert_allclose(out / out[..., 1:2], rgb / rgb[..., 1:2], rtol=1e-5)


def test_black_and_negative_pixels_stay_finite():
    rgb = np.zeros((12, 12, 3), np.float32)
    rgb[5, 5] = 1.0
    rgb[8, 8] = -0.2
    assert np.isfinite(_run(rgb, amount=5.0, overshoot=1.0, coring=0.0)).all()
