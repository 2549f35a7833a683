"""Texture MTF of synthetic dead leaves behind known blurs, and the closed form of their spectrum."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.ndimage import fourier_gaussian, fourier_shift, gaussian_filter

from isp.errors import NumericError, UsageError
from reports.estimate import difference
from reports.metrics import texture_mtf
from reports.metrics.leaves_model import leaked, leaves_power, power_law
from reports.metrics.spectra import blocks, radial
from sensors.scenes import View, make_scene

SIDE, OVER = 448, 3
FREQUENCY = np.arange(1, 65) / 128
MODEL = leaves_power(0.0006 * SIDE, 0.25 * SIDE)


def random(seed=1):
    return np.random.Generator(np.random.Philox(seed))


@cache
def fine(seed):
    """Leaves at three times the resolution."""
    size = SIDE * OVER
    scene = make_scene(f"dead-leaves?seed={seed}")
    return scene.planes(View((size, size), 0, 0, size, size), np.full((3, 1), 1 / 3, np.float32))[0].astype(float)


def shrunk(plane):
    return plane.reshape(SIDE, OVER, SIDE, OVER).mean((1, 3))


def sampled(seed, sigma):
    """What pixels see behind a Gaussian blur of sigma [px] without noise."""
    return shrunk(gaussian_filter(fine(seed), sigma * OVER) if sigma else fine(seed))


def gaussian(sigma):
    return np.exp(-2 * np.pi**2 * sigma**2 * FREQUENCY**2)


def blurred(plane, sigma):
    """Behind exactly `gaussian`, which a sampled kernel is not."""
    return np.fft.ifft2(fourier_gaussian(np.fft.fft2(plane), sigma)).real


@pytest.mark.parametrize("sigma", [0.8, 1.5])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_cross_spectrum_gives_the_blur(sigma, noise):
    reference = sampled(3, 0)
    picture = blurred(reference, sigma) + random().normal(0, noise, reference.shape)
    found = texture_mtf(picture[20:-20, 20:-20], reference=reference[20:-20, 20:-20])
    used = (FREQUENCY < 0.4) & (gaussian(sigma) > 0.1)
    assert found.method == "cross"
    assert found.frequency == pytest.approx(FREQUENCY)
    assert found.mtf[used] == pytest.approx(gaussian(sigma)[used], rel=0.02, abs=0.002 + noise)
    expected = np.sqrt(np.log(2) / 2) / np.pi / sigma
    assert found.mtf50 == pytest.approx(expected, rel=0.01)
    assert found.mtf50_interval[1] - found.mtf50_interval[0] < 0.05 * expected


@pytest.mark.parametrize("shift", [(0.3, -0.45), (3.4, -7.7)])
def test_a_shifted_picture_is_aligned(shift):
    reference = sampled(3, 0)
    moved = np.fft.ifft2(fourier_shift(np.fft.fft2(reference), shift)).real
    picture = blurred(moved, 1.0) * 0.7 + 0.1
    found = texture_mtf(picture[30:-30, 30:-30], reference=reference[30:-30, 30:-30])
    used = FREQUENCY < 0.35
    assert found.mtf[used] == pytest.approx(gaussian(1.0)[used], rel=0.03, abs=0.006)


def test_power_spectrum_gives_the_blur():
    curves, covered = [], []
    for seed in (3, 4, 5, 6):
        picture = sampled(seed, 0.8) + random(seed).normal(0, 0.01, (SIDE, SIDE))
        flat = 0.25 + random(9).normal(0, 0.01, (256, 256))
        found = texture_mtf(picture, noise=flat, model=MODEL)
        expected = gaussian(0.8) * np.sinc(FREQUENCY)
        curves.append(found.mtf)
        low, high = found.mtf50_interval
        covered.append(low < FREQUENCY[np.argmax(expected < 0.5)] < high)
    # of pictures of this size each differs from the chart's mean by some percent, which the interval says
    assert sum(covered) >= 3
    used = (FREQUENCY > 0.05) & (FREQUENCY < 0.4)
    assert np.mean(curves, 0)[used] == pytest.approx(expected[used], rel=0.04, abs=0.015)


def test_noise_counts_as_texture_unless_it_is_known():
    picture = sampled(3, 1.5) + random().normal(0, 0.02, (SIDE, SIDE))
    flat = 0.25 + random(2).normal(0, 0.02, (200, 120))
    blind, told = texture_mtf(picture, model=MODEL), texture_mtf(picture, noise=flat, model=MODEL)
    band = (FREQUENCY > 0.35) & (FREQUENCY < 0.45)
    assert blind.mtf[band].mean() > 0.2
    assert told.mtf[band].mean() < 0.1


def test_the_spectrum_of_the_leaves_is_the_closed_form():
    power = np.mean([radial(np.abs(blocks(sampled(s, 0), 128)) ** 2).mean(0) for s in range(3, 9)], 0)
    model = leaked(leaves_power(0.0006 * SIDE, 0.25 * SIDE), 128) * (0.4**2 / 12) * np.sinc(FREQUENCY) ** 2
    ratio = power / model
    # few large leaves at the lowest frequencies, aliasing at the highest
    assert ratio[5:30] == pytest.approx(1, abs=0.12)
    assert ratio[5:30].mean() == pytest.approx(1, abs=0.05)


def test_the_spectrum_of_the_leaves_holds_their_variance():
    power = leaves_power(1.0, 20.0)
    frequency = np.geomspace(1e-5, 50, 20000)
    total = np.trapezoid(2 * np.pi * frequency * power(frequency), frequency)
    assert total == pytest.approx(1, rel=0.01)
    # between the radii the slope is near that of scale invariance, beyond them that of edges
    slope = np.diff(np.log(leaves_power(0.1, 1000.0)(np.array([0.01, 0.02])))) / np.log(2)
    assert -2.05 < slope[0] < -1.8
    assert np.diff(np.log(power(np.array([5.0, 10.0])))) / np.log(2) == pytest.approx(-3, abs=0.05)


def test_a_window_leaks_a_line_as_a_sum_over_frequencies():
    # brute force on white noise filtered to a steep spectrum, 400 blocks
    spectrum = np.fft.rfft2(random(5).normal(size=(1344, 1344)))
    away = np.hypot(np.fft.fftfreq(1344)[:, None], np.fft.rfftfreq(1344))
    plane = np.fft.irfft2(spectrum / np.maximum(away, 1 / 1344), (1344, 1344))
    measured = radial(np.abs(blocks(plane, 64)) ** 2).mean(0)
    assert measured[1:] == pytest.approx(leaked(power_law(-2.0), 64)[1:], rel=0.06)


def test_any_number_of_the_curve_has_an_interval():
    reference = sampled(3, 0)
    picture = blurred(reference, 1.0) + random().normal(0, 0.02, reference.shape)
    found = texture_mtf(picture, reference=reference)
    area = found.estimate(lambda f, m: float(np.trapezoid(m, f)), "cycles/pixel")
    assert area == pytest.approx(np.trapezoid(found.mtf, found.frequency))
    assert area.interval[0] < area < area.interval[1]
    assert (found.low <= found.mtf + 1e-9).mean() > 0.9


def test_two_pictures_of_one_texture_are_compared_block_by_block():
    """A blur too small for the intervals to part is seen, because the leaves are the same; chance is not."""
    reference = sampled(3, 0)
    seen = [blurred(reference, s) + random(i).normal(0, 0.01, reference.shape) for i, s in enumerate((0.9, 0.9, 0.95))]
    halves = [texture_mtf(plane).mtf50 for plane in seen]
    same, changed = (difference(halves[0], other) for other in halves[1:])
    assert same.interval[0] < 0 < same.interval[1]
    assert changed.interval[1] < 0
    assert halves[0].interval[0] < halves[2].interval[1], "the intervals themselves overlap"
    assert halves[0].items.mean() == pytest.approx(halves[0])


def test_what_is_not_the_reference_is_told():
    found = texture_mtf(sampled(4, 0), reference=sampled(3, 0))
    assert str(found.mtf50) == "n.a.: the picture does not show what the reference shows"
    assert "smaller than 64 px" in texture_mtf(np.zeros((40, 40))).mtf50.reason
    assert "flat" in texture_mtf(np.ones((90, 90))).mtf50.reason
    assert "stays above one half" in texture_mtf(sampled(3, 0), reference=sampled(3, 0)).mtf50.reason
    assert not texture_mtf(np.ones((90, 90))).estimate(lambda f, m: 1.0).known


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match=r"region \(90, 90\) and reference \(80, 90\) must have one size"):
        texture_mtf(random().random((90, 90)), reference=np.zeros((80, 90)))
    with pytest.raises(UsageError, match="side 33 must be even and at least 32 px"):
        texture_mtf(np.zeros((90, 90)), side=33)
    with pytest.raises(NumericError, match="noise holds values that are not finite"):
        texture_mtf(random().random((90, 90)), noise=np.full((40, 40), np.inf))
    with pytest.raises(UsageError, match="radii must be 0 < smallest < largest"):
        leaves_power(2.0, 1.0)
