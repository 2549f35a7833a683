"""Noise power spectra against closed forms."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

from reports.metrics import noise_spectrum, snr


def noise(seed, shape=(192, 192, 3), sigma=0.01):
    return np.random.Generator(np.random.Philox(seed)).normal(0, sigma, shape)


def test_white_noise_is_flat_at_its_variance():
    found = noise_spectrum(0.3 + noise(1)[..., 0])
    assert found.luma[3:] == pytest.approx(np.full(len(found.luma) - 3, 1e-4), rel=0.3)
    assert np.mean(found.luma[4:]) == pytest.approx(1e-4, rel=0.02)
    assert found.luma_variance_interval[0] < 1e-4 < found.luma_variance_interval[1]
    assert found.luma_variance == snr(0.3 + noise(1)[..., 0]).noise ** 2
    assert found.grain == pytest.approx(1, rel=0.03)
    assert found.chroma_ratio.reason == "the patch has no colour"


@pytest.mark.parametrize("size", [3, 5])
def test_filtered_noise_has_the_filters_response(size):
    found = noise_spectrum(0.3 + uniform_filter(noise(2, (384, 384)), size, mode="wrap"))
    # power of a box filter, averaged over the ring
    angle = np.linspace(0, np.pi / 2, 200)
    f = found.frequency[:, None]
    response = np.stack([np.sinc(size * f * t(angle)) / np.sinc(f * t(angle)) for t in (np.cos, np.sin)])
    wanted = 1e-4 * (response.prod(0) ** 2).mean(1)
    strong = wanted > 0.02 * wanted.max()
    assert found.luma[strong][2:] == pytest.approx(wanted[strong][2:], rel=0.2)
    assert found.luma_variance == pytest.approx(1e-4 / size**2, rel=0.05)


@pytest.mark.parametrize("blur", [1.0, 1.5])
def test_grain_of_blurred_noise_is_its_closed_form(blur):
    # squared autocorrelation exp(-r² / 2 s²): its integral is 2 pi s²
    sizes = [noise_spectrum(0.3 + gaussian_filter(noise(s)[..., 0], blur, mode="wrap")).grain for s in range(3, 7)]
    assert np.mean(sizes) == pytest.approx(math.sqrt(2 * math.pi) * blur, rel=0.05)


def test_colour_of_independent_channels():
    found = noise_spectrum(0.3 + noise(7))
    weights = np.array([0.2126, 0.7152, 0.0722])
    rows = np.eye(3)[[0, 2]] - weights
    wanted = math.sqrt((rows**2).sum() / 2 / (weights**2).sum())
    low, high = found.chroma_ratio_interval
    assert low < wanted < high
    assert found.chroma_ratio == pytest.approx(wanted, rel=0.02)
    assert np.mean(found.chroma) == pytest.approx(found.chroma_variance, rel=0.1)


def test_smoothed_chroma_is_seen_as_coarse_and_weak():
    luma, chroma = noise(8)[..., :1], gaussian_filter(noise(9), (2, 2, 0), mode="wrap")
    found = noise_spectrum(0.3 + luma + chroma)
    assert found.chroma_grain > 3 * found.grain
    assert found.chroma_ratio < 0.3


def test_grey_noise_has_no_chroma():
    found = noise_spectrum(np.repeat(0.3 + noise(10)[..., :1], 3, axis=2))
    assert found.chroma_ratio == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        (np.full((64, 64), 0.5), "no noise"),
        (np.full((20, 64), 0.5), "smaller than 32x32"),
        (np.zeros((64, 64, 3), np.uint8), "clipped"),
    ],
)
def test_what_has_no_spectrum_says_why(patch, reason):
    found = noise_spectrum(patch)
    assert reason in found.grain.reason
    assert np.isnan(found.luma).all()
