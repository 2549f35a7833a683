"""defect_correction: planted defects go, features a lens can make stay."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.stage_runner import PHASES, around, noisy, run_stage

SHOT, READ = 4e-4, 4e-6
SHAPE = (200, 220)
ROWS, COLUMNS = (g.ravel() for g in np.mgrid[10:190:9, 10:210:9])  # every site of the CFA gets some


def flat(level, seed=1):
    return noisy(np.full(SHAPE, level), SHOT, READ, seed)


def sigma(level):
    return np.sqrt(SHOT * level + READ)


def corrected(data, cfa="RGGB", **params):
    return run_stage("defect_correction", data, around(data, cfa, (SHOT, READ)), **params)


@pytest.mark.parametrize("level", [0.002, 0.05, 0.7])
def test_flat_noise_is_left_alone(level):
    data = flat(level)
    assert np.count_nonzero(corrected(data) != data) <= 1e-4 * data.size


@pytest.mark.parametrize("cfa", PHASES)
@pytest.mark.parametrize(("level", "value"), [(0.02, 0.5), (0.3, 0.0), (0.3, 1.0)])
def test_single_hot_and_dead_pixels_are_replaced_by_their_surroundings(cfa, level, value):
    data = flat(level)
    data[ROWS, COLUMNS] = value
    result = corrected(data, cfa)
    # each becomes the mean of two of its neighbours
    assert np.abs(result[ROWS, COLUMNS] - level).max() < 4 * sigma(level)
    rest = np.ones(SHAPE, bool)
    rest[ROWS, COLUMNS] = False
    assert np.count_nonzero(result[rest] != data[rest]) <= 2


@pytest.mark.parametrize("step", [(1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (2, 2), (-2, 2)])
def test_pairs_are_replaced(step):
    level = 0.1
    data = flat(level)
    data[ROWS, COLUMNS] = 0.6
    data[ROWS + step[1], COLUMNS + step[0]] = 0.6
    result = corrected(data)
    wrong = np.abs(result - level) > 6 * sigma(level)
    assert np.count_nonzero(wrong) <= 0.005 * 2 * ROWS.size


@pytest.mark.parametrize("angle", [0, 10, 26.57, 45, 63, 90])
def test_steps_and_thin_lines_are_left_alone(angle):
    y, x = np.mgrid[:64, :64]
    away = np.cos(np.deg2rad(angle)) * (y - 31.3) - np.sin(np.deg2rad(angle)) * (x - 31.7)
    for picture in (away > 0, np.clip(1 - np.abs(away), 0, 1), np.abs(away) < 0.5):
        data = (picture * 0.5 + 0.1).astype(np.float32)
        assert np.array_equal(corrected(data)[6:-6, 6:-6], data[6:-6, 6:-6])


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.5, 0.5), (0.25, 0.4), (1.0, 0.0)])
def test_stars_two_pixels_wide_are_left_alone(place):
    y, x = np.mgrid[:64, :64]
    blob = np.exp(-((y - 32 - place[0]) ** 2 + (x - 32 - place[1]) ** 2) / (2 * 0.75**2)) * 0.8 + 0.05
    square = np.full((64, 64), 0.05)
    square[31:33, 31:33] = 0.8
    for data in (blob.astype(np.float32), square.astype(np.float32)):
        assert np.array_equal(corrected(data), data)


def test_a_defect_on_an_edge_is_filled_along_the_edge():
    data = np.full((40, 40), 0.1, np.float32)
    data[20:] = 0.5
    data[20, 17] = 3.0
    result = corrected(data)
    assert result[20, 17] == pytest.approx(0.5)
    data[20, 17] = 0.5
    assert np.array_equal(result, data)


def test_the_threshold_is_in_sigmas_of_the_noise_model():
    level = 0.2
    data = np.full((64, 64), level, np.float32)
    data[32, 32] += 7 * sigma(level)
    low, high = (corrected(data, threshold=t, floor=0.0) for t in (6.9, 7.1))
    assert low[32, 32] == pytest.approx(level)
    assert np.array_equal(high, data)
