"""Frames of several readings: exposures that fall by a ratio, and two gains that read the same electrons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isp.values import RawSet
from sensors import capture
from sensors.optics import Lens
from sensors.sensor import Conversion, DualGain, ReadNoise, Sensor, Staggered
from tests.physics.sensor_fakes import sensor

SIZE = (512, 512)


def readings(scene: str, part: Sensor, hdr: str, **settings: Any) -> tuple[RawSet, list[np.ndarray]]:
    """The frames, and their signals above black [DN]."""
    result = capture(scene, part, hdr=hdr, **{"size": SIZE, "lens": Lens(diffraction=False), **settings})
    assert isinstance(result, RawSet)
    return result, [np.asarray(f.data, np.float64) - f.black for f in result]


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize(("count", "ratio"), [(3, 4.0), (2, 16.0)])
def test_staggered_exposures_fall_by_the_ratio(count: int, ratio: float) -> None:
    part = sensor(bits=16, gain=0.5, full_well_e=1e5, staggered=Staggered(count, ratio))
    frames, signals = readings("uniform", part, "staggered", target=0.4)
    assert len(frames) == count
    for i, (frame, signal) in enumerate(zip(frames, signals, strict=True)):
        assert frame.info.exposure == pytest.approx(frames[0].info.exposure / ratio**i)
        assert frame.info.iso == frames[0].info.iso
        assert signal.mean() == pytest.approx(signals[0].mean() / ratio**i, rel=2e-3)
        # each is a photon-limited exposure of its own
        assert signal.var() == pytest.approx(0.5 * signal.mean() + (0.5 * 2.0) ** 2 + 1 / 12, rel=0.02)


def test_staggered_exposures_have_noise_of_their_own() -> None:
    part = sensor(bits=16, gain=0.5, full_well_e=1e5, row_noise_e=3.0, staggered=Staggered(3, 4.0))
    _, signals = readings("uniform", part, "staggered", target=0.4)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert abs(correlation(signals[a], signals[b])) < 4 / np.sqrt(signals[0].size)
        rows = correlation(signals[a].mean(axis=1), signals[b].mean(axis=1))
        assert abs(rows) < 4 / np.sqrt(SIZE[1])
    # the first is what a capture without the others gives
    alone = capture("uniform", part, size=SIZE, lens=Lens(diffraction=False), target=0.4)
    np.testing.assert_array_equal(alone.data, signals[0] + 64)


def test_staggered_exposures_keep_the_fixed_pattern() -> None:
    part = sensor(bits=16, gain=0.5, full_well_e=1e5, prnu=0.1, staggered=Staggered(2, 2.0))
    _, (long, short) = readings("uniform", part, "staggered", target=0.4)
    assert correlation(long, short) > 0.99


def test_what_saturates_in_the_long_exposure_is_seen_in_the_short() -> None:
    part = sensor(bits=12, gain=0.25, full_well_e=20000.0, staggered=Staggered(2, 16.0))
    frames, (long, short) = readings("slanted-edge?angle=0&contrast=10&light=1", part, "staggered", target=0.9)
    light = np.s_[:, 300:]
    assert (long[light] >= frames[0].white - 64).all()
    ratio = short[light].mean() / long[:, :200].mean()
    assert ratio == pytest.approx(10 / 16, rel=0.01)


GAINS = ReadNoise((Conversion("low", 100.0, 4.0, 0.0), Conversion("high", 400.0, 1.5, 0.0)))


@pytest.mark.parametrize("mode", ["full", "bin2-digital", "bin2-charge"])
def test_two_gains_read_the_same_electrons(mode: str) -> None:
    part = sensor(bits=16, gain=0.5, full_well_e=2e4, read_noise=GAINS, dual_gain=DualGain(4.0), cfa="RGGB", block=2)
    frames, (low, high) = readings("uniform", part, "dual_gain", target=0.4, mode=mode)
    assert [f.info.iso for f in frames] == [100.0, 400.0]
    assert frames[0].info.exposure == frames[1].info.exposure
    assert high.mean() / low.mean() == pytest.approx(4, rel=1e-3)
    for j, i in ((0, 0), (0, 1), (1, 1)):
        a, b = (x[j::2, i::2] for x in (low, high))
        # all the noise of the photons is common, none of the reading
        n = {"full": 1, "bin2-digital": 4, "bin2-charge": 4}[mode]
        electrons = a.mean() / 0.5 * n
        read = [s**2 * (n if mode == "bin2-digital" else 1) for s in (4.0, 1.5)]
        # rounding, in electrons of the joined photosites
        read = [r + (n / k) ** 2 / 12 for r, k in zip(read, (0.5, 2.0), strict=True)]
        expected = electrons / np.sqrt((electrons + read[0]) * (electrons + read[1]))
        assert correlation(a, b) == pytest.approx(expected, abs=2e-3)
        difference = (b / 4 - a).var() / (0.5 / n) ** 2
        assert difference == pytest.approx(sum(read), rel=0.06)


@pytest.mark.parametrize("mode", ["full", "bin2-charge"])
def test_read_noise_of_two_gains_is_independent(mode: str) -> None:
    part = sensor(
        bits=16, gain=2.0, full_well_e=2e4, read_noise=GAINS, dual_gain=DualGain(4.0), cfa="RGGB", block=2,
        row_noise_e=1.0,
    )
    frames, (low, high) = readings("dark", part, "dual_gain", exposure=0.0, mode=mode)
    n = 1 if mode == "full" else 4
    rest = [x - x.mean(axis=1, keepdims=True) for x in (low, high)]
    assert abs(correlation(*rest)) < 4 / np.sqrt(low.size)
    assert abs(correlation(low.mean(axis=1), high.mean(axis=1))) < 4 / np.sqrt(len(low))
    for frame, pixels, sigma, gain in zip(frames, rest, (4.0, 1.5), (2.0, 8.0), strict=True):
        single = (gain / n * sigma) ** 2 + 1 / 12
        assert pixels.var() == pytest.approx(single, rel=0.02)
        assert frame.info.noise is not None
        # and 1 e- of the rows
        expected = single + (gain / n) ** 2
        assert frame.info.noise.read[0] * (frame.white - 64) ** 2 == pytest.approx(expected, rel=1e-4)


def test_fixed_offsets_are_common_to_both_gains() -> None:
    part = sensor(bits=16, gain=1.0, dsnu_e=50.0, dual_gain=DualGain(4.0), pedestal=1000.0)
    _, (low, high) = readings("dark", part, "dual_gain", exposure=0.0)
    assert correlation(low, high) > 0.99
