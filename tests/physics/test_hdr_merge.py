"""What merging is for: noise as low as it can be, a wider range, no ghosts; on frames of the simulated sensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isp import apply
from isp.values import Mosaic, RawFrame, RawSet
from sensors import capture
from sensors.optics import Lens
from sensors.sensor import Conversion, DualGain, ReadNoise, Sensor, Staggered
from tests.physics.sensor_fakes import sensor

SIZE = (512, 512)
STAGGERED = dict(bits=14, gain=0.5, full_well_e=1e5, cfa="RGGB", block=1)


def photographed(scene: str, part: Sensor, hdr: str, **settings: Any) -> RawSet:
    result = capture(scene, part, hdr=hdr, **{"size": SIZE, "lens": Lens(diffraction=False), **settings})
    assert isinstance(result, RawSet)
    return result


def merged(frames: RawSet, **params: Any) -> Mosaic:
    result = apply("hdr_merge", frames, **params)
    assert isinstance(result, Mosaic)
    return result


def optimal(frames: RawSet, level: float, ratio: float) -> float:
    """Least variance of light `level`, from the noise models: 1 / sum of 1 / var over frames that hold it."""
    total = 0.0
    for number, frame in enumerate(frames):
        r = ratio**number
        assert frame.info.noise is not None
        if level / r < 0.75:
            total += 1 / (frame.info.noise.shot[1] * r * level + frame.info.noise.read[1] * r * r)
    return 1 / total


@pytest.mark.parametrize("target", [1.5, 0.5, 0.05, 0.002])
def test_noise_is_the_least_there_can_be(target: float) -> None:
    part = sensor(**STAGGERED, staggered=Staggered(3, 4.0))
    # a target beyond 1 by hand: the longest frame saturates
    first = capture("uniform", part, size=SIZE, lens=Lens(diffraction=False), target=0.4)
    assert isinstance(first, RawFrame)
    assert first.info.exposure
    frames = photographed("uniform", part, "staggered", exposure=first.info.exposure * target / 0.4)
    green = merged(frames).data[::2, 1::2].astype(np.float64)
    snr = green.mean() / green.std()
    best = green.mean() / np.sqrt(optimal(frames, float(green.mean()), 4.0))
    assert snr == pytest.approx(best, rel=0.05)


def test_range_grows_by_the_ratio() -> None:
    """Dynamic range: the level of saturation over the noise in the dark (EMVA 1288, in stops)."""
    part = sensor(**STAGGERED, staggered=Staggered(3, 4.0))
    dark = photographed("dark", part, "staggered", exposure=0.01)
    light = photographed("uniform", part, "staggered", exposure=1000.0)
    single = apply("black_level", dark[0]).data.std()
    ranges = [np.log2(top / noise) for top, noise in (
        (apply("black_level", light[0]).data.max(), single), (merged(light).data.max(), merged(dark).data.std()),
    )]
    assert ranges[1] - ranges[0] == pytest.approx(np.log2(16), abs=0.2)


def test_what_moved_is_the_shortest_frame_and_leaves_no_ghost() -> None:
    """Squares that jump between the exposures: brighter and darker than the ground, over shadow and light."""
    part = sensor(**STAGGERED, staggered=Staggered(3, 4.0))
    scene = "slanted-edge?angle=0&contrast=100&light=1"
    still = photographed(scene, part, "staggered", target=0.9)
    frames = []
    for number, frame in enumerate(still):
        data = frame.data.copy()
        for y, level in ((100, 0.12), (300, 0.004)):
            for x in (60, 330):
                at = np.s_[y : y + 60, x + 40 * number : x + 40 * number + 60]
                rng = np.random.Generator(np.random.Philox(number + y))
                signal = level / 4.0**number * (frame.white - 64) * 8
                data[at] = np.minimum(64 + rng.normal(signal, np.sqrt(0.5 * signal + 1), (60, 60)), frame.white)
        frames.append(RawFrame(data, frame.cfa, frame.black, frame.white, frame.info))
    result = merged(RawSet(tuple(frames))).data.astype(np.float64)
    shortest = apply("black_level", frames[2]).data.astype(np.float64) * 16
    truth = merged(still, threshold=100.0).data.astype(np.float64)
    noise = frames[2].info.noise
    assert noise is not None
    for y, level in ((100, 0.12), (300, 0.004)):
        for x in (60, 330):
            for number in (0, 1):
                # where a square was in a longer frame and is no more
                at = np.s_[y + 4 : y + 56, x + 40 * number + 3 : x + 40 * number + 37]
                sigma = np.sqrt(noise.shot[1] * 16 * truth[at].mean() + noise.read[1] * 256)
                error = (result - truth)[at]
                assert np.sqrt((error**2).mean()) < 1.15 * sigma, (y, x, number)
                assert abs(error.mean()) < 0.1 * sigma
            at = np.s_[y + 4 : y + 56, x + 84 : x + 136]
            sigma = np.sqrt(noise.shot[1] * 16 * level * 8 + noise.read[1] * 256)
            assert result[at].mean() == pytest.approx(level * 8, abs=0.2 * sigma)
            assert abs((result - shortest)[at].mean()) < 0.1 * sigma


def test_two_gains_give_quiet_shadows_and_whole_lights() -> None:
    gains = ReadNoise((Conversion("low", 100.0, 6.0, 0.0), Conversion("high", 400.0, 1.5, 0.0)))
    part = sensor(bits=14, gain=0.5, full_well_e=2.5e4, read_noise=gains, dual_gain=DualGain(4.0), cfa="RGGB", block=1)
    dark = merged(photographed("dark", part, "dual_gain", exposure=1e-6))
    assert dark.noise is not None
    electrons = dark.data.std() * (16383 - 64) / 2.0  # 2 DN/e- at high gain
    rounding = 1 / 12 / 2.0**2
    assert electrons == pytest.approx(1 / np.sqrt(1 / (1.5**2 + rounding) + 1 / (6.0**2 + 16 * rounding)), rel=0.02)
    frames = photographed("slanted-edge?angle=0&contrast=20&light=1", part, "dual_gain", target=0.4)
    low, high = (apply("black_level", f).data for f in frames)
    assert high[:, 300:].min() > 0.99  # saturated
    result = merged(frames).data
    scale = result[:, :200].mean() / high[:, :200].mean()
    assert scale == pytest.approx(1, abs=1e-3)
    assert result[:, 300:].mean() / result[:, :200].mean() == pytest.approx(20, rel=0.01)
    assert low[:, 300:].max() < 1
