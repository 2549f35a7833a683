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


def test_clip_changes_only_what_is_above_the_lowest_level():
    rng = np.random.Generator(np.random.Philox(9))
    data = (rng.random((60, 70)) * mosaic_of(np.broadcast_to(GAINS[0], (60, 70, 3)))).astype(np.float32)
    result = run_stage("highlights", data, around(data, clip=GAINS[0]), method="clip")
    assert np.array_equal(result, np.minimum(data, 1))


@pytest.mark.parametrize("cfa", ["RGGB", "RRGG/RRGG/GGBB/GGBB"])
def test_what_is_far_from_saturation_stays_bit_for_bit(cfa):
    rng = np.random.Generator(np.random.Philox(9))
    level = mosaic_of(np.broadcast_to(GAINS[0], (60, 70, 3)), cfa)
    data = (rng.random((60, 70)) * 0.96 * level).astype(np.float32)
    data[5:9] *= -0.01
    data[30:33, 40:44] = level[30:33, 40:44]
    result = run_stage("highlights", data, around(data, cfa, clip=GAINS[0]), knee=0.97)
    reach = 3 * (2 if "/" in cfa else 1)
    near = np.zeros(data.shape, bool)
    near[30 - reach : 33 + reach, 40 - reach : 44 + reach] = True
    assert np.array_equal(result[~near], data[~near])
    assert not np.array_equal(result[near], data[near])


def lamp(cfa, gains, colour, radius=7.0, amount=20.0):
    """A bright disc with a soft rim on a dark ground: (mosaic driven into clipping, distance from the middle [px])."""
    y, x = np.mgrid[:48, :48]
    distance = np.hypot(x - 23.3, y - 24.1)
    light = 0.03 + amount * np.clip(radius - distance + 0.5, 0, 1) ** 2 + 2 * np.exp(-((distance - radius) / 3) ** 2)
    seen = mosaic_of(light[..., None] * np.array(colour), cfa)
    return np.minimum(seen, mosaic_of(np.broadcast_to(gains, (48, 48, 3)), cfa)), distance


@pytest.mark.parametrize("cfa", PHASES)
@pytest.mark.parametrize("gains", GAINS)
def test_the_rim_of_a_lamp_has_one_colour_and_nothing_darker_than_outside(cfa, gains):
    data, distance = lamp(cfa, gains, (1, 1, 1))
    cut, after = (
        run_stage(
            "demosaic", run_stage("highlights", data, around(data, cfa, clip=gains), method=method), around(data, cfa),
            method="bilinear",
        )
        for method in ("clip", "reconstruct")
    )

    def magenta(c):
        """Of what is not brighter than sensor white, where it shows."""
        return (1 - c[..., 1] / (0.5 * (c[..., 0] + c[..., 2])))[(distance < 12) & (c.mean(2) < 1)].max()

    # what is left is what demosaic makes of any steep edge
    assert magenta(after) < magenta(cut) + 0.02
    assert np.ptp(after[distance < 3], axis=-1).max() < 1e-4
    # from the middle out it only falls
    rings = [after[(distance >= r) & (distance < r + 2)].mean() for r in range(0, 14, 2)]
    assert np.diff(rings).max() < 1e-6


def test_a_coloured_lamp_keeps_its_hue_without_a_ring():
    """Blue saturates long before green: as green follows, nothing jumps."""
    gains = (1.5, 1.0, 1.9)
    y, x = np.mgrid[:160, :160]
    light = 12 * np.exp(-((x - 80) ** 2 + (y - 80) ** 2) / 50**2)[..., None] * np.array((0.08, 0.16, 1))
    data = np.minimum(mosaic_of(light), mosaic_of(np.broadcast_to(gains, (160, 160, 3))))
    rgb = run_stage("demosaic", *(lambda d: (d, around(d)))(
        run_stage("highlights", data, around(data, clip=gains))), method="bilinear")
    green = rgb[80, 80:, 1]
    assert np.abs(np.diff(green)).max() < 0.13
    assert rgb[80, 80, 2] > rgb[80, 80, 1] > rgb[80, 80, 0]


@pytest.mark.parametrize("cfa", ["RRGG/RRGG/GGBB/GGBB", "/".join(4 * ["RRRRGGGG"] + 4 * ["GGGGBBBB"])])
def test_blocks_of_one_colour_are_one_site_each(cfa):
    """A ramp that is constant over each block: the same as the Bayer mosaic of the blocks."""
    k = len(cfa.split("/")) // 2
    bayer, _ = ramp((1.1, 1, 0.9), GAINS[0])
    small = bayer[:16, 100:160]
    one = run_stage("highlights", small, around(small, clip=GAINS[0]))
    large = np.kron(small, np.ones((k, k), np.float32))
    many = run_stage("highlights", large, around(large, cfa, clip=GAINS[0]))
    np.testing.assert_allclose(many, np.kron(one, np.ones((k, k))), rtol=1e-6)


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
