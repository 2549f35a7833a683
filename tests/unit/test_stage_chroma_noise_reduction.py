"""chroma_noise_reduction against a slow NumPy version of its formulas, and what it does to noise, lines and edges."""

from __future__ import annotations

import numpy as np
import pytest

from isp.errors import ProfileError
from tests.unit.stage_runner import around, mosaic_of, noisy, resolved, run_stage, step_of

ISO800 = (5.1e-4, 1.2e-6)
ISO3200 = (2e-3, 1e-5)
NAME = "chroma_noise_reduction"


def calmed(data, noise, cfa="RGGB", **params):
    return run_stage(NAME, data, around(data, cfa, noise), "camera", **params)


def opponent(rgb):
    luma = (rgb[..., 0] + 2 * rgb[..., 1] + rgb[..., 2]) / 4
    return np.stack([luma, rgb[..., 0] - luma, rgb[..., 2] - luma], -1)


def by_hand(rgb, noise, phase=(0, 0), strength=1.0, luma=0.4, scales=4):
    """The formulas of the stage's header, plainly, for one S and O."""
    shot, read = noise
    c = read + 0.375 * shot**2

    def stable(opp):
        levels = opp[..., 0:1] + np.stack([opp[..., 1], -(opp[..., 1] + opp[..., 2]) / 2, opp[..., 2]], -1)
        offset = c / shot
        v = np.sqrt(np.maximum(levels, 0) + offset) + np.minimum(levels, 0) / (2 * np.sqrt(offset))
        r, g, b = v[..., 0], v[..., 1], v[..., 2]
        variance = shot / 4 * np.array([6 / 16, 2, 2])
        parts = np.stack([luma * (r + 2 * g + b) / 4, r - g, b - g], -1)
        return parts / np.sqrt(18 * strength**2 * variance)

    def weight(a, b, left):
        return np.maximum(1 - ((a - b) ** 2).sum(-1, keepdims=True) / left, 0) ** 2

    margin = 2 * (3**scales // 2 + 2)
    (px, py), (h, w) = phase, rgb.shape[:2]
    # cells start at even places of the red-origin grid
    outside = ((margin + py, margin + h % 2 + py), (margin + px, margin + w % 2 + px), (0, 0))
    full = np.pad(rgb.astype(np.float64), outside, mode="reflect")
    full = full[: full.shape[0] // 2 * 2, : full.shape[1] // 2 * 2]
    pixels = opponent(full)
    calm = (pixels[::2, ::2] + pixels[1::2, ::2] + pixels[::2, 1::2] + pixels[1::2, 1::2]) / 4
    steps = [3**k for k in range(scales)]
    for number, step in enumerate(steps[:2] + steps[:1:-1]):
        if number <= 2:
            guide, left = stable(calm), (0.39, 0.12, 0.025)[number]
        total, count = calm.copy(), np.ones_like(calm[..., :1])
        for j in (-step, 0, step):
            for i in (-step, 0, step):
                if i or j:
                    side = 0.75 ** (abs(i) + abs(j)) if step == 1 else 1
                    part = side * weight(guide, np.roll(guide, (-j, -i), (0, 1)), left)
                    total, count = total + part * np.roll(calm, (-j, -i), (0, 1)), count + part
        calm = total / count
    result = pixels.copy()
    for y in (0, 1):
        for x in (0, 1):
            own = pixels[y::2, x::2]
            total, count = 0.06 * own, 0.06
            for j in (0, 2 * y - 1):
                for i in (0, 2 * x - 1):
                    near = weight(stable(own), np.roll(guide, (-j, -i), (0, 1)), 0.8)
                    part = (0.25 if i else 0.75) * (0.25 if j else 0.75) * near
                    total, count = total + part * np.roll(calm, (-j, -i), (0, 1)), count + part
            mean = total / count
            y0 = mean[..., 0]
            factor = np.clip(1 + 2 / 3 * (own[..., 0] - y0) * y0 / (y0**2 + c * 6 / 16), 0, 2)
            result[y::2, x::2, 1:] = mean[..., 1:] * factor[..., None]
    out = np.stack([result[..., 0] + result[..., 1], result[..., 0] - (result[..., 1] + result[..., 2]) / 2,
                    result[..., 0] + result[..., 2]], -1)
    return out[margin + py : margin + py + h, margin + px : margin + px + w]


def colourful(shape, seed=1):
    """Patches of colour with noise, about black at one end."""
    rng = np.random.Generator(np.random.Philox(seed))
    y, x = np.mgrid[: shape[0], : shape[1]]
    wave = np.stack([np.sin(x / 9 + k) * np.cos(y / 7 - k) > 0.2 for k in range(3)], -1)
    return noisy((0.02 + 0.2 * wave) * (x / shape[1])[..., None], *ISO3200, seed=int(rng.integers(99)))


@pytest.mark.parametrize("params", [{"scales": 1}, {"scales": 3, "strength": 1.6}, {"scales": 4, "luma": 1.0}])
def test_it_equals_the_formulas(params):
    data = colourful((58, 65))
    assert np.allclose(calmed(data, ISO3200, **params), by_hand(data, ISO3200, **params), atol=3e-6)


@pytest.mark.parametrize(("cfa", "phase"), [("GRBG", (1, 0)), ("BGGR", (1, 1))])
def test_cells_follow_the_mosaic(cfa, phase):
    data = colourful((41, 52), 2)
    expected = by_hand(data, ISO3200, phase, scales=3)
    # beyond the border the first pixel's cell is completed by its mirror image
    assert np.allclose(calmed(data, ISO3200, cfa, scales=3), expected, atol=3e-6)


def test_luma_stays_exactly():
    data = colourful((90, 80), 3)
    result = calmed(data, ISO3200)
    assert np.abs(opponent(result - data)[..., 0]).max() < 1e-7
    assert np.abs(opponent(result - data)[..., 1:]).max() > 0.01


def test_strength_zero_changes_nothing_and_is_skipped():
    data = colourful((40, 40), 4)
    assert np.allclose(calmed(data, ISO3200, strength=0.0), data, atol=1e-7)
    stage, values = resolved(NAME, around(data), "camera", strength=0.0)
    assert stage.identity(values, around(data))


def test_a_crop_equals_the_whole_beyond_its_reach():
    data = colourful((230, 240), 5)
    reach = step_of(NAME, around(data), "camera")[0].reach
    whole = calmed(data, ISO3200)
    part = calmed(np.ascontiguousarray(data[6:, 10:]), ISO3200)
    edge = slice(reach, -reach)
    assert np.array_equal(part[edge, edge], whole[6:, 10:][edge, edge])


@pytest.mark.parametrize("level", [0.0, 0.005, 0.2])
def test_flat_fields_lose_colour_noise_at_every_scale_but_not_their_mean(level):
    # grey: where chroma is not 0, that of the result follows the noise of luma
    mosaic = noisy(np.full((420, 420), level), *ISO3200)
    context = around(mosaic, noise=ISO3200)
    before = run_stage("demosaic", mosaic, context)
    after = run_stage(NAME, before, context, "camera")
    sigma = np.sqrt(ISO3200[0] * max(level, 1e-3) + ISO3200[1])
    assert np.abs((after - before).mean((0, 1), np.float64)).max() < 0.02 * sigma
    for size, least in ((1, 4.0), (7, 4.5), (30, 2.7)):
        count = 420 // size
        boxes = [v.astype(np.float64).reshape(count, size, count, size, 3).mean((1, 3)) for v in (before, after)]
        spread = [opponent(b)[..., 1:].std((0, 1)) for b in boxes]
        assert (spread[0] > least * spread[1]).all(), (size, spread[0] / spread[1])


@pytest.mark.parametrize("start", [20, 21])
@pytest.mark.parametrize("upright", [True, False])
def test_a_saturated_line_of_two_pixels_keeps_its_colour(start, upright):
    truth = np.full((64, 64, 3), 0.25)
    truth[:, start : start + 2] = (0.5, 0.1, 0.1)
    truth = truth if upright else truth.transpose(1, 0, 2)
    mosaic = noisy(mosaic_of(truth), *ISO800)
    context = around(mosaic, noise=ISO800)
    before = run_stage("demosaic", mosaic, context, method="menon2007")
    after = run_stage(NAME, before, context, "camera")
    on_line = opponent(truth)[..., 1] > 0.1
    chroma = [opponent(v)[on_line][:, 1].mean() for v in (truth, before, after)]
    assert chroma[1] < 0.8 * chroma[0]  # what demosaicing leaves of it
    assert chroma[2] > 0.97 * chroma[1]


def test_colours_of_equal_luma_do_not_cross_their_edge():
    truth = np.empty((120, 120, 3))
    truth[:, :61] = (0.36, 0.22, 0.2)
    truth[:, 61:] = (0.2, 0.25, 0.3)
    data = noisy(truth, *ISO3200)
    result = calmed(data, ISO3200)
    error = [opponent(v - truth)[..., 1:] for v in (data, result)]
    columns = np.sqrt((error[1] ** 2).mean((0, 2)))
    assert np.abs(error[1].mean(0)).max() < 0.02  # of a step of 0.13
    assert columns[58:64].max() < 1.15 * np.sqrt((error[0] ** 2).mean())
    # away from it what is left follows the noise of luma
    assert columns[[40, 80]].max() < 0.35 * np.sqrt((error[0] ** 2).mean())


def test_scales_must_be_whole():
    data = np.zeros((8, 8, 3), np.float32)
    with pytest.raises(ProfileError, match=r"scales: 2\.5 must be a whole number; allowed: 1\.\.5"):
        resolved(NAME, around(data), "camera", scales=2.5)
