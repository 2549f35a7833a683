"""What joining photosites gains: signal-to-noise ratio, scale and saturation of binned frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensors.sensor import Sensor
from tests.physics.sensor_fakes import sensor
from tests.physics.test_capture_noise import photograph, planes

SIZE = (1024, 1024)
COMBINATIONS = [
    # block, side of the bins
    (1, 2), (2, 2), (2, 4), (4, 4),
    pytest.param(1, 4, marks=pytest.mark.full), pytest.param(4, 2, marks=pytest.mark.full),
]


def fake(block: int, **changes: Any) -> Sensor:
    return sensor(cfa="RGGB", block=block, bits=16, gain=1.0, full_well_e=5e4, **changes)


def green(part: Sensor, seed: int, **settings: Any) -> np.ndarray:
    frame = photograph(part, seed=seed, size=SIZE, **settings)
    if frame.cfa.period == 2:
        return planes(frame)["G"]
    rows = np.array([list(row) for row in frame.cfa.rows]) == "G"
    mask = np.tile(rows, np.array(frame.data.shape) // len(rows))
    return np.asarray(frame.data, np.float64)[mask] - float(frame.black.ravel()[0])


def signal_to_noise(part: Sensor, **settings: Any) -> float:
    first, second = (green(part, seed, **settings) for seed in (1, 2))
    noise = np.sqrt((first - second).var() / 2)
    return float((first.mean() + second.mean()) / 2 / noise)


@pytest.mark.parametrize(("block", "side"), COMBINATIONS)
def test_shot_limited_gain_is_the_side_of_the_bin(block: int, side: int) -> None:
    part = fake(block, pre_e=0.5)
    full = signal_to_noise(part, target=0.2)
    for method in ("digital", "charge"):
        binned = signal_to_noise(part, target=0.2, mode=f"bin{side}-{method}")
        assert binned / full == pytest.approx(side, rel=0.02), method


@pytest.mark.parametrize(("block", "side"), COMBINATIONS)
def test_read_limited_gain_depends_on_where_the_sum_is_made(block: int, side: int) -> None:
    # read noise of 2000 e-; the photons of 800 e- in 4x4 photosites are 0.3 % of its variance when read once
    part = fake(block, pre_e=2000.0, pedestal=12000.0)
    full = signal_to_noise(part, target=0.016)
    digital, charge = (signal_to_noise(part, target=0.016, mode=f"bin{side}-{m}") for m in ("digital", "charge"))
    assert digital / full == pytest.approx(side, rel=0.02)
    assert charge / full == pytest.approx(side**2, rel=0.02)


@pytest.mark.parametrize(("block", "side"), COMBINATIONS)
def test_digital_bins_are_the_rounded_means_of_the_codes_of_mode_full(block: int, side: int) -> None:
    part = fake(block, pre_e=3.0, prnu=0.01, row_noise_e=1.0, column_noise_e=1.0, dead_fraction=0.01)
    settings = {"exposure": 0.002, "size": (96, 80), "seed": 4}
    full = photograph(part, "chart", **settings)
    binned = photograph(part, "chart", mode=f"bin{side}-digital", **settings)
    letters = np.array([[full.cfa.at(x, y) for x in range(96)] for y in range(80)])
    for y, x in np.ndindex(80 // side // 2 * 2, 96 // side // 2 * 2):
        rows, columns = (places(at, block, side) for at in (y, x))
        group = full.data[np.ix_(rows, columns)]
        assert set(letters[np.ix_(rows, columns)].ravel()) == {binned.cfa.at(x, y)}
        assert binned.data[y, x] == np.rint(group.mean())


def places(at: int, block: int, side: int) -> list[int]:
    """Photosites, along one axis, of output pixel `at`: within a block, or of same-colour blocks in turn."""
    if side <= block:
        return [at * side + i for i in range(side)]
    many = side // block
    first = at // 2 * 2 * many + at % 2
    return [(first + 2 * k) * block + i for k in range(many) for i in range(block)]


@pytest.mark.parametrize("method", ["digital", "charge"])
@pytest.mark.parametrize(("block", "side"), [(2, 2), (4, 4)])
def test_binned_frames_keep_the_scale_and_the_white_level(block: int, side: int, method: str) -> None:
    part = fake(block, pre_e=2.0)
    mode = f"bin{side}-{method}"
    full, binned = (green(part, 1, exposure=0.02, mode=m) for m in ("full", mode))
    assert binned.mean() == pytest.approx(full.mean(), rel=1e-3)
    over = photograph(part, exposure=1.0, lux=1e5, mode=mode, size=(64, 64))
    # a full well of each photosite, then read noise on both sides
    assert over.data.mean() == pytest.approx(over.white, abs=0.5)
    assert over.white == 64 + 50_000
