"""Signal to noise, dynamic range, spectra: against closed forms."""

import math

import numpy as np
import pytest

from isp.errors import UsageError
from reports.metrics.noise import detrended, dynamic_range, snr


def noise(seed, shape=(64, 64), sigma=0.01):
    return np.random.Generator(np.random.Philox(seed)).normal(0, sigma, shape)


def test_ratio_of_known_noise_on_a_slope():
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    found = snr(0.4 * (1 + 0.1 * x - 0.05 * y + 0.03 * x * y - 0.04 * x**2) + noise(1, (128, 128)))
    assert found.noise == pytest.approx(0.01, rel=0.02)
    assert found.noise_interval[0] < 0.01 < found.noise_interval[1]
    assert found.db == pytest.approx(20 * math.log10(found.mean / 0.01), abs=0.2)


def test_a_trend_is_removed_exactly_and_noise_is_kept():
    y, x = np.mgrid[0:1:20j, 0:1:30j]
    assert np.abs(detrended(1 + 2 * x + 3 * y - x * y + x**2 + 5 * y**2)).max() < 1e-12
    assert np.abs(detrended(x**3)).max() > 1e-3


@pytest.mark.parametrize("blur", [0.0, 1.5])
def test_intervals_hold_the_truth_as_often_as_they_say(blur):
    from scipy.ndimage import gaussian_filter

    # of the sum of squared weights: noise behind a Gaussian filter
    kernel = gaussian_filter(np.pad(np.ones((1, 1)), 20), blur) if blur else np.ones((1, 1))
    truth = 0.01 * math.sqrt((kernel**2).sum())
    held = {"noise": 0, "mean": 0, "ratio": 0}
    for seed in range(300):
        plane = noise(seed, (48, 48))
        found = snr(0.05 + (gaussian_filter(plane, blur, mode="wrap") if blur else plane))
        held["noise"] += found.noise_interval[0] < truth < found.noise_interval[1]
        held["mean"] += found.mean_interval[0] < 0.05 < found.mean_interval[1]
        held["ratio"] += found.ratio_interval[0] < 0.05 / truth < found.ratio_interval[1]
    # 95 % of 300 within three standard deviations; a small patch of coarse grain says less about its slowest waves
    assert all(n / 300 > (0.88 if blur else 0.91) for n in held.values()), held


def test_luminance_of_white_noise_in_three_channels():
    found = snr(0.5 + noise(2, (96, 96, 3)))
    assert found.noise == pytest.approx(0.01 * np.linalg.norm([0.2126, 0.7152, 0.0722]), rel=0.03)
    assert [c.name for c in found.channels] == ["R", "G", "B"]
    assert all(c.noise == pytest.approx(0.01, rel=0.04) for c in found.channels)


def test_more_noise_never_raises_snr():
    plane, more = 0.3 + noise(3), noise(4)
    ratios = [snr(plane + k * more).ratio for k in (0, 0.5, 1, 2, 4)]
    assert ratios == sorted(ratios, reverse=True)


def test_scaling_the_light_keeps_snr_and_codes_are_decoded():
    plane = 0.3 + noise(5)
    assert snr(0.5 * plane).ratio == pytest.approx(snr(plane).ratio)
    codes = np.rint(65535 * plane ** (1 / 2.2)).astype(np.uint16)
    assert snr(codes, encoding="gamma:2.2").ratio == pytest.approx(snr(plane).ratio, rel=1e-3)


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        (np.zeros((64, 64)), "clipped"),
        (np.full((64, 64), 255, np.uint8), "clipped"),
        (np.full((64, 64), 0.5), "no noise"),
        (np.full((6, 64), 0.5), "smaller than 8x8"),
        (np.full((64, 64), np.nan), "not finite"),
    ],
)
def test_what_has_no_noise_says_why(patch, reason):
    found = snr(patch)
    assert not found.db.known
    assert reason in found.db.reason


def test_a_shape_that_is_no_patch_is_refused():
    with pytest.raises(UsageError, match=r"patch of shape \(4,\)"):
        snr(np.ones(4))


def shot(exposure, full=10000.0, read=10.0):
    """Mean and noise of a sensor that saturates at 1: `full` electrons."""
    electrons = full * np.asarray(exposure)
    return np.stack([electrons, np.sqrt(electrons + read**2)], axis=1) / full


def test_dynamic_range_of_shot_and_read_noise_is_the_closed_form():
    exposure = 10.0 ** -np.arange(0, 4.05, 0.1)
    found = dynamic_range([tuple(row) for row in shot(exposure)])
    # e / sqrt(e + r^2) = s has the root (s^2 + sqrt(s^4 + 4 s^2 r^2)) / 2
    for level, got in ((1.0, found.stops), (10**0.5, found.stops_10db), (10.0, found.stops_20db)):
        least = (level**2 + math.sqrt(level**4 + 4 * level**2 * 100)) / 2
        assert got == pytest.approx(math.log2(10000 / least), abs=0.01)
    assert found.db == pytest.approx(found.stops * 20 * math.log10(2))
    assert found.stops.reason == "levels without intervals"


def test_dynamic_range_from_patches_has_an_interval_that_holds_it():
    exposure = 10.0 ** -np.arange(0, 4.05, 0.2)
    patches = [mean + noise(i, (48, 48), sigma) for i, (mean, sigma) in enumerate(shot(exposure * 0.9))]
    truth = math.log2(9000 / ((1 + math.sqrt(401)) / 2))
    for found in (dynamic_range(patches), dynamic_range(patches, exposure)):
        assert found.stops_interval[0] < truth < found.stops_interval[1]
        assert found.stops == pytest.approx(truth, abs=0.15)


def test_glare_is_light_but_not_signal():
    exposure = 10.0 ** -np.arange(0, 4.05, 0.1)
    mean, sigma = shot(exposure + 0.01).T
    pairs = list(zip(mean, sigma, strict=True))
    assert dynamic_range(pairs, exposure).stops < dynamic_range([tuple(r) for r in shot(exposure)], exposure).stops
    assert not dynamic_range(pairs).stops.known


def test_a_chart_that_does_not_reach_down_is_said():
    found = dynamic_range([tuple(row) for row in shot(10.0 ** -np.arange(0, 1.0, 0.1))])
    assert "SNR does not fall to 0 dB: 30.7" in found.stops.reason
    assert not found.db.known
    assert found.db.unit == "dB"
    assert not dynamic_range([(1.0, 0.1)]).stops.known
    with pytest.raises(UsageError, match="exposure"):
        dynamic_range([(1.0, 0.1)] * 4, [1, 2, 3])
