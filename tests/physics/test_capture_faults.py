"""Faults of the silicon in captured frames: crosstalk, defects, green imbalance, phase detection, lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensors import capture
from sensors.optics import Lens
from sensors.sensor import PhaseDetect, Sensor
from tests.physics.sensor_fakes import sensor
from tests.physics.test_capture_noise import photograph

NO_BLUR = Lens(diffraction=False)
SIZE = (256, 240)


def truth_of(scene: str, part: Sensor, **settings: Any) -> Any:
    return capture(scene, part, truth=True, **{"lens": NO_BLUR, "size": SIZE, "exposure": 0.01, **settings})[1]


def electrons(scene: str, part: Sensor, **settings: Any) -> np.ndarray:
    return np.asarray(truth_of(scene, part, **settings).electrons, np.float64)


# -- crosstalk ---------------------------------------------------------------------------------------------------


def unlike_neighbours(letters: np.ndarray, light: np.ndarray, share: float) -> np.ndarray:
    """Exchange with the four neighbours under another filter, away from the border."""
    result = light.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            unlike = np.roll(letters, step, axis) != letters
            result += share * np.where(unlike, np.roll(light, step, axis) - light, 0)
    return result


@pytest.mark.parametrize("block", [1, 2, 4])
def test_crosstalk_is_an_exchange_between_unlike_neighbours(block: int) -> None:
    scene, settings = "chart?fill=1", {"illuminant": "A"}
    clean = electrons(scene, sensor(cfa="RGGB", block=block), **settings)
    mixed = electrons(scene, sensor(cfa="RGGB", block=block, crosstalk=0.05), **settings)
    letters = _letters(block)
    expected = unlike_neighbours(letters, clean, 0.05)
    inner = np.s_[1:-1, 1:-1]
    assert np.abs(mixed - clean)[inner].max() > 0.05 * clean.max()
    np.testing.assert_allclose(mixed[inner], expected[inner], rtol=1e-5)


def _letters(block: int) -> np.ndarray:
    tile = np.array([["R", "G"], ["G", "B"]]).repeat(block, 0).repeat(block, 1)
    return np.tile(tile, (SIZE[1] // len(tile) + 1, SIZE[0] // len(tile) + 1))[: SIZE[1], : SIZE[0]]


def test_crosstalk_of_an_even_field_in_closed_form() -> None:
    # of a photosite's four neighbours all are unlike on Bayer, two on quad
    for block, neighbours in ((1, 4), (2, 2)):
        c, field = 0.04, {"illuminant": "2000K"}
        before, after = (
            electrons("uniform", sensor(cfa="RGGB", block=block, crosstalk=x), **field) for x in (0.0, c)
        )
        k = block
        tile = before[4 * k : 6 * k, 4 * k : 6 * k]
        red, green, blue = tile[0, 0], tile[0, k], tile[k, k]
        assert red > 3 * blue
        got = after[4 * k : 6 * k, 4 * k : 6 * k]
        assert got[0, 0] == pytest.approx(red + neighbours * c * (green - red), rel=1e-5)
        mixed = green + neighbours * c * ((red + blue) / 2 - green)
        assert got[0, k] == pytest.approx(mixed, rel=1e-5)
        assert got[k, 0] == pytest.approx(mixed, rel=1e-5)
        assert got[k, k] == pytest.approx(blue + neighbours * c * (green - blue), rel=1e-5)
        assert got.sum() == pytest.approx(tile.sum(), rel=1e-6)


def test_crosstalk_comes_before_the_photons_arrive() -> None:
    # what arrives is Poisson: blurring the noisy signal instead would correlate neighbours and lower the variance
    part = sensor(cfa="RGGB", crosstalk=0.1, pre_e=0.0, gain=1.0)
    a, b = (np.asarray(photograph(part, seed=s, size=(512, 512), target=0.1).data, np.float64) for s in (1, 2))
    noise = (a - b) / np.sqrt(2)
    green = np.s_[0::2, 1::2]
    assert noise[green].var() == pytest.approx((a + b)[green].mean() / 2 - 64, rel=0.02)
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < 0.01


# -- defects -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def defective() -> Sensor:
    return sensor(pre_e=1.0, gain=0.5, hot_fraction=0.01, hot_e_s=500.0, dead_fraction=0.004)


def test_defects_are_as_many_as_stated(defective: Sensor) -> None:
    size = (1024, 1024)
    found = truth_of("uniform", defective, size=size).defects
    count = found.size
    for code, rate in ((1, 0.01), (2, 0.004)):
        spread = np.sqrt(count * rate * (1 - rate))
        assert np.count_nonzero(found == code) == pytest.approx(count * rate, abs=4 * spread)
    # in no order: as many pairs of neighbours as chance gives
    pairs = np.count_nonzero((found[:, 1:] > 0) & (found[:, :-1] > 0))
    assert pairs == pytest.approx(count * 0.014**2, abs=4 * np.sqrt(count * 0.014**2))


def test_dead_photosites_stay_at_the_pedestal_and_hot_ones_shine_in_the_dark(defective: Sensor) -> None:
    settings = {"lens": NO_BLUR, "size": (512, 512), "exposure": 1.0}
    dark, truth = capture("dark", defective, truth=True, **settings)
    data = (np.asarray(dark.data, np.float64) - 64) / 0.5
    hot, dead, sound = (truth.defects == code for code in (1, 2, 0))
    assert np.abs(data[sound | dead]).max() < 8
    # exponential: mean and spread are the same, a share exp(-1) lies above the mean
    n = np.count_nonzero(hot)
    assert data[hot].mean() == pytest.approx(500, abs=4 * 500 / np.sqrt(n))
    assert data[hot].std() == pytest.approx(500, rel=0.15)
    assert (data[hot] > 500).mean() == pytest.approx(np.exp(-1), abs=4 * 0.5 / np.sqrt(n))
    bright = np.asarray(photograph(defective, target=0.3, size=(512, 512)).data, np.float64) - 64
    assert bright[sound].min() > 800
    assert np.abs(bright[dead]).max() < 4


def test_hot_photosites_follow_time_and_temperature(defective: Sensor) -> None:
    part = sensor(pre_e=1.0, gain=0.5, hot_fraction=0.01, hot_e_s=100.0, dark_doubling_c=6.0)
    hot = truth_of("dark", part, size=(512, 512)).defects == 1

    def signal(**settings: float) -> np.ndarray:
        frame = photograph(part, "dark", size=(512, 512), **settings)
        return (np.asarray(frame.data, np.float64)[hot] - 64) / 0.5

    base = signal(exposure=1.0)
    # the same photosites, each by the same factor
    assert signal(exposure=4.0).mean() / base.mean() == pytest.approx(4, rel=0.02)
    assert signal(exposure=1.0, temperature=37.0).mean() / base.mean() == pytest.approx(4, rel=0.02)
    assert np.corrcoef(base, signal(exposure=4.0))[0, 1] > 0.95


@pytest.mark.parametrize("mode", ["bin2-digital", "bin2-charge"])
def test_a_bin_is_marked_by_its_worst_photosite(mode: str) -> None:
    part = sensor(cfa="RGGB", block=2, hot_fraction=0.03, hot_e_s=1e5, dead_fraction=0.03)
    single = truth_of("uniform", part).defects
    joined = truth_of("uniform", part, mode=mode).defects
    worst = single.reshape(SIZE[1] // 2, 2, SIZE[0] // 2, 2).max(axis=(1, 3))
    np.testing.assert_array_equal(joined, worst)


# -- unlike greens and phase detection ----------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1, 2])
def test_green_imbalance_is_the_ratio_of_the_greens(block: int) -> None:
    part = sensor(cfa="RGGB", block=block, green_imbalance=0.04)
    even = electrons("uniform", sensor(cfa="RGGB", block=block))
    ratio = electrons("uniform", part) / even
    rows = np.arange(SIZE[1]) // block % 2 == 0
    letters = _letters(block)
    assert ratio[(letters == "G") & rows[:, None]] == pytest.approx(1.02, rel=1e-6)
    assert ratio[(letters == "G") & ~rows[:, None]] == pytest.approx(0.98, rel=1e-6)
    assert ratio[letters != "G"] == pytest.approx(1.0, rel=1e-6)
    frame = photograph(sensor(cfa="RGGB", gain=0.5, green_imbalance=0.04), target=0.5, size=(512, 512))
    greens = [frame.data[0::2, 1::2].mean() - 64, frame.data[1::2, 0::2].mean() - 64]
    assert greens[0] / greens[1] == pytest.approx(1.02 / 0.98, rel=2e-3)


@pytest.mark.parametrize("block", [1, 2, 4])
def test_phase_detection_dims_its_own_sites_only(block: int) -> None:
    sites = ((3, 1, 0.5), (8, 6, 0.55))
    part = sensor(cfa="RGGB", block=block, phase_detect=PhaseDetect("masked", 10, 12, sites))
    ratio = electrons("chart", part) / electrons("chart", sensor(cfa="RGGB", block=block))
    expected = np.ones((SIZE[1], SIZE[0]))
    for x, y, response in sites:
        expected[y::12, x::10] = response
    np.testing.assert_allclose(ratio, expected, rtol=1e-5)


# -- rows and columns ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "bin2-digital", "bin2-charge"])
def test_row_noise_moves_whole_rows_from_frame_to_frame(mode: str) -> None:
    part = sensor(cfa="RGGB", block=2, gain=2.0, pre_e=1.0, row_noise_e=4.0)
    side = 1 if mode == "full" else 2
    size = (256, 4096)
    a, b = (
        np.asarray(photograph(part, "dark", exposure=0.0, mode=mode, seed=s, size=size).data, np.float64)
        for s in (1, 2)
    )
    # DN of a row: K e-; the mean of two rows read one after another; charge is read once, at a quarter of the gain
    expected = 2.0 * 4.0 * {"full": 1, "bin2-digital": 0.5**0.5, "bin2-charge": 0.25}[mode]
    rows = (a - b).mean(axis=1) / np.sqrt(2)
    rest = (a - b) / np.sqrt(2) - rows[:, None]
    measured = np.sqrt(rows.var() - rest.var() / (size[0] / side))
    assert measured == pytest.approx(expected, rel=4 / np.sqrt(2 * len(rows)))
    # no pattern from row to row, and none that both frames share
    assert abs(np.corrcoef(rows[1:], rows[:-1])[0, 1]) < 4 / np.sqrt(len(rows))
    assert abs(np.corrcoef(a.mean(axis=1), b.mean(axis=1))[0, 1]) < 4 / np.sqrt(len(rows))


def test_column_offsets_stay_with_the_unit() -> None:
    part = sensor(gain=2.0, pre_e=1.0, column_noise_e=3.0)

    def columns(**settings: int) -> np.ndarray:
        frame = photograph(part, "dark", exposure=0.0, size=(4096, 128), **settings)
        return np.asarray(np.asarray(frame.data, np.float64).mean(axis=0) - 64)

    first, again, other = columns(seed=1), columns(seed=2), columns(seed=1, unit=1)
    assert first.std() == pytest.approx(6.0, rel=4 / np.sqrt(2 * 4096))
    assert np.corrcoef(first, again)[0, 1] > 0.99
    assert abs(np.corrcoef(first, other)[0, 1]) < 4 / np.sqrt(4096)
