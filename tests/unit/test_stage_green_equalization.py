"""green_equalization: a planted imbalance goes, edges and the other colours stay."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.stage_runner import PHASES, around, mosaic_of, run_stage, site_of

SHAPE = (60, 80)


def equalized(data, cfa="RGGB", **params):
    return run_stage("green_equalization", data, around(data, cfa), **params)


@pytest.mark.parametrize("cfa", PHASES)
def test_each_green_takes_half_of_the_difference(cfa):
    value = np.array([0.3, 0.51, 0.49, 0.2], np.float32)  # 4 % apart: at the limit, fully corrected
    data = value[site_of(SHAPE, cfa)]
    expected = np.array([0.3, 0.5, 0.5, 0.2], np.float32)[site_of(SHAPE, cfa)]
    assert np.allclose(equalized(data, cfa, threshold=0.05), expected, atol=1e-6)


def test_it_follows_by_hand_the_means_of_9_and_16_sites():
    rng = np.random.Generator(np.random.Philox(6))
    data = (0.5 + 0.001 * rng.standard_normal(SHAPE)).astype(np.float32)
    result = equalized(data)
    y, x = 20, 31  # a green on a red row
    own = np.mean([data[y + j, x + i] for j in (-2, 0, 2) for i in (-2, 0, 2)])
    other = np.mean([data[y + j, x + i] for j in (-3, -1, 1, 3) for i in (-3, -1, 1, 3)])
    assert result[y, x] == pytest.approx(data[y, x] + (other - own) / 2, abs=1e-6)
    assert result[20, 30] == data[20, 30]


def test_red_and_blue_are_untouched_and_grey_stays():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    ramp = np.repeat((0.3 + 0.002 * x + 0.001 * y)[..., None], 3, 2)
    data = mosaic_of(ramp)
    result = equalized(data)
    assert np.array_equal(result[::2, ::2], data[::2, ::2])
    assert np.array_equal(result[1::2, 1::2], data[1::2, 1::2])
    assert np.allclose(result[4:-4, 4:-4], data[4:-4, 4:-4], atol=1e-6)


@pytest.mark.parametrize("contrast", [0.2, 0.5, 2.0])
@pytest.mark.parametrize("angle", [0, 30, 45, 90])
def test_edges_stay(contrast, angle):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    away = np.cos(np.deg2rad(angle)) * (y - 30.3) - np.sin(np.deg2rad(angle)) * (x - 40.2)
    data = np.where(away > 0, 0.3 * (1 + contrast), 0.3).astype(np.float32)
    moved = np.abs(equalized(data) - data)[6:-6, 6:-6]
    # what is left is where the window only just touches the edge
    assert moved.max() <= 0.04 * 0.3 * (1 + contrast) / 2 + 1e-6
    assert moved.mean() < 0.001


def test_a_difference_beyond_twice_the_threshold_is_detail():
    stripes = np.tile(np.array([[0.4], [0.5]], np.float32), (30, 80))
    assert np.array_equal(equalized(stripes), stripes)
