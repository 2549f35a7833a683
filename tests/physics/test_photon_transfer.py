"""Photon transfer of simulated flats by the definitions of EMVA 1288 release 4, written here from the standard."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensors import capture
from sensors.sensor import Sensor
from tests.physics.sensor_fakes import sensor

FLAT = "uniform?reflectance=0.18"


def electrons_per_second(part: Sensor, **settings: Any) -> float:
    """Mean photo-electrons per second and photosite, from the truth."""
    _, truth = capture(FLAT, part, exposure=1e-3, size=(64, 64), truth=True, **settings)
    return float(truth.electrons.mean()) * 1e3


def pair(part: Sensor, exposure: float, seed: int = 0, **settings: Any) -> tuple[float, float]:
    """Mean [DN] and temporal variance [DN^2] of two frames (EMVA 1288, equations 13 and 16)."""
    seeds = (2 * seed + 1, 2 * seed + 2)
    a, b = (np.asarray(capture(FLAT, part, exposure=exposure, seed=s, **settings).data, np.float64) for s in seeds)
    difference = a - b
    return float((a.mean() + b.mean()) / 2), float(difference.var() / 2)


@pytest.fixture(scope="module")
def curve() -> tuple[Sensor, float, np.ndarray, np.ndarray]:
    """Levels of a photon transfer curve of a faulty but linear sensor."""
    part = sensor(gain=0.16, pre_e=5.0, prnu=0.01, dsnu_e=3.0, full_well_e=24000.0)
    rate = electrons_per_second(part)
    levels = np.linspace(0, 0.7, 13) * 24000
    # seeds of their own: levels of one seed draw the same random words, and their errors would not average out
    measured = np.array([pair(part, float(level) / rate, seed) for seed, level in enumerate(levels)])
    return part, rate, measured[:, 0], measured[:, 1]


def test_conversion_gain_within_two_per_mille(curve: Any) -> None:
    _, _, mean, variance = curve
    signal, shot = mean - mean[0], variance - variance[0]
    gain = float((signal * shot).sum() / (signal * signal).sum())
    assert gain == pytest.approx(0.16, rel=2e-3)


def test_read_noise_within_one_per_cent(curve: Any) -> None:
    _, _, _, variance = curve
    read = np.sqrt(variance[0] - 1 / 12) / 0.16
    assert read == pytest.approx(5.0, rel=1e-2)


def test_signal_is_linear_and_equals_the_truth(curve: Any) -> None:
    _, _, mean, _ = curve
    expected = 64 + 0.16 * np.linspace(0, 0.7, 13) * 24000
    assert mean == pytest.approx(expected, rel=1e-3)


def test_full_well_within_one_per_cent() -> None:
    part = sensor(gain=0.16, pre_e=5.0, full_well_e=20000.0)
    rate = electrons_per_second(part)
    frame = capture(FLAT, part, exposure=1.5 * 20000 / rate, size=(256, 256))
    assert (frame.data.mean() - 64) / 0.16 == pytest.approx(20000, rel=1e-2)
    # EMVA 1288: saturation is where the temporal variance has its maximum
    levels = np.arange(0.95, 1.02, 0.005) * 20000
    variance = [pair(part, float(level) / rate, size=(256, 256))[1] for level in levels]
    assert levels[int(np.argmax(variance))] == pytest.approx(20000, rel=2e-2)


def test_the_well_clips_before_read_noise_is_added() -> None:
    part = sensor(gain=0.1, pre_e=20.0, full_well_e=10000.0)
    rate = electrons_per_second(part)
    frame = capture(FLAT, part, exposure=3 * 10000 / rate, size=(256, 256))
    # a saturated photosite still shows read noise on both sides of the level of a full well
    assert frame.data.std() == pytest.approx(np.hypot(2.0, np.sqrt(1 / 12)), rel=0.02)
    assert frame.white == 64 + 1000


def mean_frame(part: Sensor, exposure: float, count: int = 64) -> np.ndarray:
    total = np.zeros((256, 256))
    for seed in range(count):
        total += capture(FLAT, part, exposure=exposure, seed=seed, size=(256, 256)).data
    return total / count


def test_prnu_and_dsnu_within_five_per_cent() -> None:
    part = sensor(gain=0.16, pre_e=2.0, prnu=0.01, dsnu_e=3.0, full_well_e=24000.0)
    rate = electrons_per_second(part)
    dark, bright = mean_frame(part, 0.0), mean_frame(part, 12000 / rate)
    temporal = (0.16**2 * 2.0**2 + 1 / 12) / 64
    dsnu = np.sqrt(dark.var() - temporal) / 0.16
    assert dsnu == pytest.approx(3.0, rel=0.05)
    shot = (0.16**2 * (12000 + 2.0**2) + 1 / 12) / 64
    prnu = np.sqrt(bright.var() - shot - (dark.var() - temporal)) / (bright.mean() - dark.mean())
    assert prnu == pytest.approx(0.01, rel=0.05)


def test_fixed_pattern_belongs_to_the_unit_not_to_the_seed() -> None:
    part = sensor(gain=0.16, prnu=0.05, dsnu_e=10.0)
    rate = electrons_per_second(part)

    def frame(**settings: int) -> np.ndarray:
        data = capture(FLAT, part, exposure=10000 / rate, size=(128, 128), **settings).data
        return np.asarray(data, np.float64).ravel()

    same = np.corrcoef(frame(seed=1, unit=7), frame(seed=2, unit=7))[0, 1]
    other = np.corrcoef(frame(seed=1, unit=7), frame(seed=1, unit=8))[0, 1]
    # PRNU of 500 e- rms against shot noise of 100 e- rms, which the same seed would share
    assert same > 0.9
    assert abs(other) < 0.1


def test_dark_current_doubles_with_temperature() -> None:
    part = sensor(gain=1.0, pre_e=1.0, dark_current_e_s=20.0, dark_doubling_c=6.0)
    cold, warm = (capture("dark", part, exposure=2.0, temperature=t).data.mean() - 64 for t in (25.0, 37.0))
    assert cold == pytest.approx(40, rel=0.01)
    assert warm == pytest.approx(160, rel=0.01)


def test_gain_changes_codes_not_electrons() -> None:
    part = sensor(gain=0.05, pre_e=0.1, full_well_e=1e5)
    rate = electrons_per_second(part)
    low, high = (
        np.asarray(capture(FLAT, part, exposure=1000 / rate, iso=iso).data, np.float64) - 64 for iso in (100.0, 1600.0)
    )
    assert high.mean() / low.mean() == pytest.approx(16, rel=2e-3)
    # same seed: the same electrons, but for what the coarser steps of the low gain hide (one code is 20 e-)
    assert np.abs(high / 0.8 - low / 0.05).max() <= 10 + 1 / 0.8 + 1


def test_saturated_codes_stay_at_the_top() -> None:
    part = sensor(gain=1.0, full_well_e=20000.0)
    frame = capture(FLAT, part, exposure=1.0, lux=1e5, size=(64, 64))
    assert frame.data.min() == frame.data.max() == 4095 == frame.white
