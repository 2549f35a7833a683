"""Local tone: against the paper's slow filter, its promises at edges and inside regions, and what it refuses."""

import numpy as np
import pytest

from isp.cfa import Cfa
from isp.errors import InputError
from isp.stage import Context
from isp.stages.local_tone import MID_GREY, curve, filtered, stops
from isp.values import Statistics
from tests.unit.stage_runner import resolved, run_stage

BLOCK = 8


def _context(rgb, block=BLOCK):
    h, w = (n // block for n in rgb.shape[:2])
    small = rgb[: h * block, : w * block].reshape(h, block, w, block, 3).mean(axis=(1, 3)).astype(np.float32)
    return Context(Cfa("RGGB"), rgb.shape[:2], statistics=Statistics(small, np.zeros_like(small), block))


def _run(rgb, **params):
    rgb = np.ascontiguousarray(rgb, np.float32)
    return run_stage("local_tone", rgb, _context(rgb), "scene", **params).astype(np.float64)


def _values(**params):
    grey = np.full((16, 16, 3), 0.1, np.float32)
    return resolved("local_tone", _context(grey), "scene", **params)[1]


def _grey(plane):
    return np.repeat(np.asarray(plane, np.float32)[..., None], 3, axis=2)


@pytest.mark.parametrize("level", [0.002, 0.02, 0.18, 0.7, 3.0])
def test_a_uniform_region_moves_by_the_curve(level):
    out = _run(np.full((64, 80, 3), level), shadows=1.5, highlights=0.8)
    t = abs(np.log2(level / MID_GREY)) / 2.5
    gain = (1.5 if level < MID_GREY else -0.8) * t**2 / (1 + t**2)
    np.testing.assert_allclose(np.log2(out / level), gain, atol=0.02)


@pytest.mark.parametrize("extreme", [{"shadows": 3, "highlights": 3}, {"shadows": -2, "highlights": -2}])
def test_the_curve_never_falls(extreme):
    light = np.linspace(-9, 9, 2001)
    assert np.diff(curve(light, _values(**extreme))).min() > 0


def test_a_strong_edge_draws_no_halo():
    """A step of 8 stops: each side stays as flat as it was, up to the pixel at the edge."""
    plane = np.full((160, 320), 0.006)
    plane[:, 163:] = 1.6
    out = _run(_grey(plane), shadows=2, highlights=1)[80, :, 1]
    dark, bright = np.log2(out[:163]), np.log2(out[163:])
    assert np.ptp(dark) < 0.04
    assert np.ptp(bright) < 0.04
    # and the sides have come closer by most of what the curve says
    values = _values(shadows=2, highlights=1)
    wanted = np.diff(curve(stops(np.array([0.006, 1.6])), values))[0]
    assert np.median(bright) - np.median(dark) == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize("detail", [0.5, 1.0, 1.5])
def test_contrast_inside_a_region_is_kept_or_scaled(detail):
    x = np.arange(512)
    waves = 0.2 * np.sin(2 * np.pi * x / 64)
    plane = 0.01 * 2.0 ** np.repeat(waves[None], 256, axis=0)
    out = np.log2(_run(_grey(plane), shadows=2, detail=detail)[128, 64:-64, 1])
    amplitude = np.ptp(out) / np.ptp(waves)
    assert np.mean(out) > np.log2(0.01) + 1
    assert amplitude == pytest.approx(detail, abs=0.06)


def test_texture_finer_than_the_thumbnail_is_kept_exactly():
    rng = np.random.Generator(np.random.Philox(3))
    plane = 0.01 * 2.0 ** (0.1 * rng.choice([-1.0, 1.0], (256, 256)))
    out = _run(_grey(plane), shadows=2)
    ratio = np.log2(out[..., 1]) - np.log2(plane)
    assert np.std(ratio) < 0.02


def test_one_factor_for_all_channels():
    rng = np.random.Generator(np.random.Philox(4))
    rgb = rng.uniform(0.01, 1, (64, 64, 3)).astype(np.float32)
    factor = _run(rgb) / rgb
    np.testing.assert_allclose(factor, factor[..., :1].repeat(3, 2), rtol=1e-5)


def test_the_fast_filter_agrees_with_the_slow_one_of_the_paper():
    """Paris, Hasinoff, Kautz 2011, algorithm 1: for every pixel of every level a pyramid of its own."""
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.Generator(np.random.Philox(5))
    y, x = np.mgrid[:26, :37]
    light = -3.0 + 5.0 * (x > 18) + 0.3 * np.sin(y / 3) + 0.1 * rng.standard_normal((26, 37))
    values = _values(shadows=2, highlights=1, edge=0.8)
    kernel = np.array([1, 4, 6, 4, 1]) / 16

    def smaller(p):
        for axis in (0, 1):
            p = ndimage.correlate1d(p, kernel, axis=axis, mode="nearest")
        return p[::2, ::2]

    def larger(p, shape):
        for axis in (0, 1):
            full = np.repeat(np.pad(p, [(2, 2) if a == axis else (0, 0) for a in (0, 1)], mode="edge"), 2, axis=axis)
            full[(slice(None), slice(1, None, 2))[:: 1 if axis else -1]] = 0
            p = np.take(2 * ndimage.correlate1d(full, kernel, axis=axis), np.arange(4, 4 + shape[axis]), axis=axis)
        return p

    def remap(g):
        d = light - g
        e = 0.8
        far = np.abs(d) > e
        beyond = np.sign(d) * e + curve(light, values) - curve(g + np.sign(d) * e, values)
        return curve(np.array(g), values) + np.where(far, beyond, d)

    levels = 2
    gaussian, bands = light, []
    for level in range(levels):
        band = np.empty_like(gaussian)
        for i, j in np.ndindex(*gaussian.shape):
            p = remap(gaussian[i, j])
            for _ in range(level):
                p = smaller(p)
            band[i, j] = (p - larger(smaller(p), p.shape))[i, j]
        bands.append(band)
        gaussian = smaller(gaussian)
    slow = curve(gaussian, values)
    for band in reversed(bands):
        slow = larger(slow, band.shape) + band
    fast = filtered(light, values)
    assert np.sqrt(np.mean((fast - slow) ** 2)) < 0.03
    assert np.abs(fast - slow).max() < 0.15


@pytest.mark.parametrize("still", [{"strength": 0}, {"shadows": 0, "highlights": 0}])
def test_nothing_to_do_is_skipped(still):
    stage, values = resolved("local_tone", _context(np.full((16, 16, 3), 0.1)), "scene", **still)
    assert stage.identity(values, Context(Cfa("RGGB"), (16, 16)))


def test_values_stay_finite_and_gains_bounded_in_pure_black_and_beyond_white():
    rgb = np.zeros((64, 64, 3), np.float32)
    rgb[:, 32:] = 100.0
    rgb[10, 10] = -0.01
    out = _run(rgb, shadows=3, highlights=3)
    assert np.isfinite(out).all()
    assert np.abs(out[:, 32:]).max() <= 100.0
    assert np.abs(out[:, :32]).max() <= 0.08


def test_without_statistics_it_is_refused():
    rgb = np.zeros((16, 16, 3), np.float32)
    with pytest.raises(InputError, match="needs the statistics pass"):
        run_stage("local_tone", rgb, Context(Cfa("RGGB"), (16, 16)), "scene")
