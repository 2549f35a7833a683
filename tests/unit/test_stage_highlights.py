"""highlights: ramps of a known colour driven into saturation."""

from __future__ import annotations

import numpy as np
import pytest

from isp.values import GainMesh
from tests.unit.stage_runner import PHASES, around, mosaic_of, run_stage, site_of

GAINS = ((2.0, 1.0, 1.6), (1.6, 1.0, 2.2))


def ramp(tint, gains, cfa="RGGB", top=3.0):
    """(mosaic driven into clipping, its clip levels)."""
    light = np.repeat(np.linspace(0.2, top, 400)[None], 24, 0)[..., None] * np.array(tint)
    level = mosaic_of(np.broadcast_to(gains, light.shape), cfa)
    return np.minimum(mosaic_of(light, cfa), level), level


def colours(data, cfa="RGGB"):
    """RGB of 2x2 blocks in the middle of the ramp, (N, 3)."""
    rgb = run_stage("demosaic", data, around(data, cfa), method="bilinear")
    return rgb[12, 4:-4]


@pytest.mark.parametrize("cfa", PHASES)
@pytest.mark.parametrize("gains", GAINS)
@pytest.mark.parametrize("knee", [0.87, 0.98])
def test_a_grey_ramp_stays_grey_all_the_way(cfa, gains, knee):
    data, _ = ramp((1, 1, 1), gains, cfa)
    rgb = colours(run_stage("highlights", data, around(data, cfa, clip=gains), knee=knee), cfa)
    assert np.all(np.ptp(rgb, axis=1) < 0.015 * rgb.mean(1))
    assert np.allclose(rgb[-1], max(gains), rtol=1e-5)
    # and it is a ramp: nothing turns back
    assert np.diff(rgb.mean(1)).min() > -1e-3


@pytest.mark.parametrize("gains", GAINS)
@pytest.mark.parametrize("tint", [(1.2, 1, 0.8), (0.8, 1, 1.2), (0.6, 1, 1.4), (1.4, 1, 0.6)])
def test_a_tinted_ramp_never_turns_magenta(tint, gains):
    data, _ = ramp(tint, gains)
    rgb = colours(run_stage("highlights", data, around(data, clip=gains)))
    before = colours(data)

    def magenta(c):
        return (1 - c[:, 1] / (0.5 * (c[:, 0] + c[:, 2]))).max()

    assert magenta(rgb) < 0.1
    assert magenta(before) > 0.4
    # the hue never goes beyond that of the light itself
    assert np.all(np.ptp(rgb, axis=1) / rgb.mean(1) < max(tint) - min(tint) + 0.01)


@pytest.mark.parametrize("method", ["clip", "reconstruct"])
def test_what_is_not_saturated_stays_bit_for_bit(method):
    rng = np.random.Generator(np.random.Philox(9))
    gains = GAINS[0]
    level = mosaic_of(np.broadcast_to(gains, (60, 70, 3)))
    data = (rng.random((60, 70)) * level).astype(np.float32)
    data[5:9] *= -0.01
    result = run_stage("highlights", data, around(data, clip=gains), method=method, knee=0.97)
    free = data < 0.97 * level if method == "reconstruct" else data <= 1.0
    assert np.array_equal(result[free], data[free])
    assert np.all(result >= data) if method == "reconstruct" else result.max() == 1.0


def test_without_white_balance_saturated_stays_white():
    data = np.ones((20, 20), np.float32)
    assert np.array_equal(run_stage("highlights", data, around(data)), data)


@pytest.mark.parametrize("method", ["clip", "reconstruct"])
def test_under_lens_shading_the_level_is_that_of_the_place(method):
    gains = (2.0, 1.0, 1.6)
    mesh = np.ones((2, 2, 4), np.float32)
    mesh[:, 1] = (3.0, 2.5, 2.5, 2.0)  # colour shading: the ratios change from left to right
    shading = GainMesh(mesh, (0.0, 0.0), (1.0, 1.0))
    shape = (40, 120)
    across = (np.arange(shape[1]) + 0.5) / shape[1]
    shade = (1 + across[:, None] * (mesh[0, 1] - 1))[np.arange(shape[1])[None], site_of(shape)]
    level = mosaic_of(np.broadcast_to(gains, (*shape, 3))) * shade
    context = around(np.zeros(shape), clip=gains, shading=shading)
    # everything saturated: neutral everywhere
    result = run_stage("highlights", level.astype(np.float32), context, method=method)
    blocks = np.stack([result[::2, ::2], result[::2, 1::2], result[1::2, ::2], result[1::2, 1::2]])
    assert np.all(np.ptp(blocks, 0) < 0.03 * blocks.mean(0))
    # nothing saturated: nothing changes, though most of it is above the unshaded levels
    below = (level * 0.9).astype(np.float32)
    free = run_stage("highlights", below, context, method=method, knee=0.95)
    if method == "reconstruct":
        assert np.array_equal(free, below)
    else:
        green = site_of(shape) % 3 != 0
        assert np.array_equal(free[green], below[green])
