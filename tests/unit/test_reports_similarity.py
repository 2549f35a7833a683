"""PSNR, SSIM, MS-SSIM and FLIP against scikit-image, independent programs and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isp.errors import NumericError, UsageError
from reports.estimate import difference
from reports.metrics import flip, ms_ssim, psnr, similarity, ssim
from reports.metrics.perceptual import flip_map
from reports.metrics.similarity import psnr_of, squared_error_tiles, ssim_map, ssim_of, ssim_tiles
from reports.metrics.tiles import Tiles


def random(seed):
    return np.random.Generator(np.random.Philox(seed))


def texture(height=300, width=420, seed=1):
    """A smooth picture of 0..1 with detail at every scale."""
    from scipy.ndimage import gaussian_filter

    noise = random(seed).normal(size=(height, width, 3))
    layers = [gaussian_filter(noise, (s, s, 0)) * s for s in (1, 3, 9, 27)]
    return 0.5 + 0.25 * sum(layers) / np.std(sum(layers)) / 1.5


def noisy(picture, deviation, seed=2):
    return np.clip(picture + random(seed).normal(0, deviation, picture.shape), 0, 1)


def test_psnr_of_known_errors():
    black = np.zeros((70, 90))
    assert psnr(black + 0.1, black) == pytest.approx(20)
    codes = np.full((64, 64, 3), 100, np.uint8)
    assert psnr(codes + np.uint8(1), codes) == pytest.approx(20 * math.log10(255))
    sixteen = psnr(codes.astype(np.uint16) * 257, codes / 255)
    assert sixteen == math.inf
    assert not sixteen.known
    assert "identical" in sixteen.reason


def test_psnr_interval_is_that_of_independent_tiles():
    reference = np.full((640, 640), 0.5)
    found = psnr(reference + random(3).normal(0, 0.02, reference.shape), reference)
    # the mean of n squares of normal numbers has the relative deviation sqrt(2 / n)
    half = 1.96 * 10 / math.log(10) * math.sqrt(2 / 640**2)
    assert found == pytest.approx(-20 * math.log10(0.02), abs=2 * half)
    assert found.interval[1] - found.interval[0] == pytest.approx(2 * half, rel=0.3)
    assert found.items.mean() == pytest.approx(float(found))


def test_pictures_against_one_reference_are_compared_tile_by_tile():
    reference = texture()
    errors = random(5).normal(0, 0.05, reference.shape) * np.linspace(0.2, 3, reference.shape[1])[:, None]
    a, b = psnr(reference + errors, reference), psnr(reference + 0.99 * errors, reference)
    gap = difference(a, b)
    assert gap == pytest.approx(-20 * math.log10(0.99), abs=1e-9)
    assert 0.05 < gap.interval[0] < gap.interval[1] < 0.13
    assert a.interval[1] - a.interval[0] > 0.5


def test_ssim_is_that_of_scikit_image():
    from skimage.metrics import structural_similarity

    reference = texture()[..., 1]
    picture = noisy(reference, 0.05)
    expected = structural_similarity(
        picture, reference, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(picture, reference) == pytest.approx(expected, abs=2e-6)
    assert ssim(reference, reference) == pytest.approx(1, abs=1e-6)


def test_ssim_of_a_shift_of_brightness():
    # without structure SSIM is its luminance term alone
    a, b = 0.4, 0.6
    expected = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)
    assert ssim(np.full((40, 40), a), np.full((40, 40), b)) == pytest.approx(expected, abs=1e-6)


def test_parts_of_a_picture_give_the_whole():
    reference = texture(600, 130)
    picture = noisy(reference, 0.03)
    assert len(reference) > similarity.STRIP
    strips = [slice(0, 128 + 10), slice(128, 384 + 10), slice(384, 600)]
    assert ssim_of([ssim_tiles(picture[r], reference[r]) for r in strips]) == pytest.approx(ssim(picture, reference))
    assert ssim(picture, reference) == pytest.approx(ssim_map(picture, reference).mean(), abs=1e-6)
    halves = [slice(0, 320), slice(320, 600)]
    whole = psnr(picture, reference)
    assert psnr_of([squared_error_tiles(picture[r], reference[r]) for r in halves]) == pytest.approx(float(whole))


def test_tiles_average_to_the_mean_of_the_map():
    plane = random(6).random((150, 201))
    tiles = Tiles.of(plane)
    assert tiles.mean == pytest.approx(plane.mean())
    assert tiles.items.mean() == pytest.approx(plane.mean())
    assert len(tiles.sums) == 3 * 4
    assert tiles.sums[5] == pytest.approx(plane[64:128, 64:128].sum())


@pytest.mark.parametrize("function", [psnr, ssim, ms_ssim, flip])
def test_more_noise_is_worse(function):
    reference = texture(180, 190)
    found = [float(function(noisy(reference, s), reference)) for s in (0.01, 0.04, 0.16)]
    assert found == sorted(found, reverse=function is not flip)
    again = function(noisy(reference, 0.04), reference)
    assert (again, again.interval) == (found[1], function(noisy(reference, 0.04), reference).interval)


def test_flip_of_white_and_black_is_one():
    # a constant difference as large as can be: the colour pipeline's error is 1, and there are no features
    black, white = np.zeros((80, 80, 3)), np.ones((80, 80, 3))
    assert flip(white, black) == pytest.approx(flip_map(white, black).mean())
    assert flip(white, black) > 0.95
    assert flip(black, black) == 0


def test_flip_of_a_large_picture_looks_at_squares():
    reference = texture(300, 700)
    picture = noisy(reference, 0.05)
    whole, part = flip(picture, reference), flip(picture, reference, limit=140_000)
    assert part == pytest.approx(float(whole), rel=0.02)
    assert part.interval[0] < whole < part.interval[1]
    corner = np.s_[:100, :100]
    finer = flip(picture[corner], reference[corner], pixels_per_degree=134)
    assert finer < flip(picture[corner], reference[corner])


def test_small_pictures_have_no_value():
    tiny = np.zeros((9, 9))
    assert str(ssim(tiny, tiny)) == "n.a.: the picture is smaller than SSIM's window of 11 px"
    assert "below 176 px" in str(ms_ssim(np.zeros((175, 400)), np.zeros((175, 400))))


@pytest.mark.parametrize("function", [psnr, ssim, ms_ssim, flip])
def test_what_cannot_be_compared_is_refused(function):
    with pytest.raises(UsageError, match=r"picture and reference are 30x20x3 and 20x30x3; they must have one size"):
        function(np.zeros((20, 30, 3)), np.zeros((30, 20, 3)))
    with pytest.raises(UsageError, match=r"picture of shape \(4,\) must be"):
        function(np.zeros(4), np.zeros(4))
    with pytest.raises(NumericError, match="reference holds values that are not finite"):
        function(np.zeros((20, 30)), np.full((20, 30), np.nan))


def test_ms_ssim_is_that_of_an_independent_program():
    from scipy.ndimage import gaussian_filter

    y, x = np.mgrid[:512, :768]
    reference = 0.5 + 0.35 * np.sin(0.0007 * (x**2 + 0.6 * y**2)) + 0.1 * np.sin(x / 29) * np.cos(y / 17)
    picture = np.clip(gaussian_filter(reference, 1.0) + 0.04 * np.sin(x * 1.9), 0, 1)
    # ms_ssim(..., data_range=1.0) and ssim of pytorch-msssim 1.0.0 with torch 2.13.0, on these arrays as float64
    assert ms_ssim(picture, reference) == pytest.approx(0.9719536681919307, abs=1e-6)
    assert ssim(picture, reference) == pytest.approx(0.9286306493299629, abs=1e-5)
    assert ms_ssim(reference, reference) == pytest.approx(1)
