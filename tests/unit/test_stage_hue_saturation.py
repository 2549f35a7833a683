"""Hue and saturation by bands: against colour-science's Oklab, and the neutral axis."""

import numpy as np
import pytest

from isp.color.spaces import conversion, rgb_to_xyz
from isp.errors import ProfileError
from isp.stages.hue_saturation import BANDS, band_weights
from tests.unit.stage_runner import around, resolved, run_stage

ONES, ZEROS = [1.0] * 8, [0.0] * 8


def _run(rgb, **params):
    rgb = np.ascontiguousarray(rgb, np.float32)
    return run_stage("hue_saturation", rgb, around(rgb), "display", **params).astype(np.float64)


def _lch(rgb):
    colour = pytest.importorskip("colour")
    lab = colour.XYZ_to_Oklab(rgb @ rgb_to_xyz("rec2020").T)
    return lab[..., 0], np.hypot(lab[..., 1], lab[..., 2]), np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360


def _colours(seed=1):
    rng = np.random.Generator(np.random.Philox(seed))
    return rng.uniform(0.02, 0.9, (24, 24, 3)) @ conversion("srgb", "rec2020").T


def _all_bands(name, value):
    return {name: [value] * 8}


def test_equal_turns_rotate_every_hue_alike():
    rgb = _colours()
    before, after = _lch(rgb), _lch(_run(rgb, **_all_bands("hue", 20)))
    vivid = before[1] > 0.03
    np.testing.assert_allclose(((after[2] - before[2]) % 360)[vivid], 20, atol=0.1)
    np.testing.assert_allclose(after[1][vivid], before[1][vivid], atol=2e-4)
    np.testing.assert_allclose(after[0], before[0], atol=2e-4)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.4])
def test_equal_saturation_scales_chroma_at_constant_hue_and_lightness(factor):
    rgb = _colours(2)
    before, after = _lch(rgb), _lch(_run(rgb, **_all_bands("saturation", factor)))
    vivid = before[1] > 0.03
    np.testing.assert_allclose(after[1][vivid], factor * before[1][vivid], atol=3e-4)
    np.testing.assert_allclose(after[0], before[0], atol=3e-4)


def test_lightness_acts_on_colours_and_fades_towards_grey():
    rgb = _colours(3)
    before, after = _lch(rgb), _lch(_run(rgb, **_all_bands("lightness", 1.2)))
    share = before[1] ** 2 / (before[1] ** 2 + 0.05**2)
    vivid = before[1] > 0.03
    np.testing.assert_allclose(after[0][vivid], (before[0] * (1 + 0.2 * share))[vivid], atol=1e-3)


@pytest.mark.parametrize("band", BANDS)
def test_a_band_acts_fully_at_its_hue_and_not_beyond_its_neighbours(band):
    number = list(BANDS).index(band)
    saturation = ONES.copy()
    saturation[number] = 0.5
    colour = pytest.importorskip("colour")
    hues = np.arange(0, 360, 3.0) + BANDS[band] % 3.0
    lab = np.stack([np.full_like(hues, 0.6), 0.08 * np.cos(np.radians(hues)), 0.08 * np.sin(np.radians(hues))], axis=1)
    rgb = colour.Oklab_to_XYZ(lab) @ np.linalg.inv(rgb_to_xyz("rec2020")).T
    ratio = _lch(_run(np.repeat(rgb[None], 4, axis=0), saturation=saturation)[0])[1] / 0.08
    assert ratio[np.argmin(np.abs(hues - BANDS[band]))] == pytest.approx(0.5, abs=5e-3)
    places = sorted(BANDS.values())
    left, right = places[(places.index(BANDS[band]) - 1) % 8], places[(places.index(BANDS[band]) + 1) % 8]
    outside = ((hues - left) % 360) >= ((right - left) % 360)
    np.testing.assert_allclose(ratio[outside], 1, atol=5e-3)


def test_the_weights_are_a_partition_of_unity():
    weights = band_weights(np.linspace(-720, 720, 4001))
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    assert weights.min() >= 0
    np.testing.assert_allclose(band_weights(np.array(list(BANDS.values()))), np.eye(8), atol=1e-12)


def test_greys_are_untouched_to_the_bit():
    values = np.repeat(np.concatenate([[0.0, -0.01], np.geomspace(1e-6, 1.5, 62)]), 3)
    grey = values.reshape(1, 64, 3).repeat(4, axis=0).astype(np.float32)
    out = _run(grey, hue=[20] * 8, saturation=[2.0] * 8, lightness=[1.3] * 8)
    np.testing.assert_array_equal(out.astype(np.float32), grey)


def test_it_is_smooth_around_the_circle_and_towards_grey():
    colour = pytest.importorskip("colour")
    hues = np.radians(np.linspace(0, 360, 1441))
    params = {"hue": [15, -15, 10, -10, 15, -10, 10, -5], "saturation": [1.5, 0.6, 1.4, 0.7, 1.3, 0.8, 1.2, 0.9]}
    for chroma in (0.004, 0.012, 0.1):
        lab = np.stack([np.full_like(hues, 0.6), chroma * np.cos(hues), chroma * np.sin(hues)], axis=1)
        rgb = colour.Oklab_to_XYZ(lab) @ np.linalg.inv(rgb_to_xyz("rec2020")).T
        out = _run(np.repeat(rgb[None], 4, axis=0), **params)[0]
        steps, given = (np.linalg.norm(np.diff(v, axis=0), axis=1) for v in (out, rgb))
        assert (steps / given).max() < 4


def test_nothing_to_do_is_skipped():
    rgb = np.zeros((4, 4, 3), np.float32)
    stage, values = resolved("hue_saturation", around(rgb), "display")
    assert stage.identity(values, around(rgb))


def test_a_band_must_not_pass_its_neighbour():
    with pytest.raises(ProfileError, match="past its neighbour"):
        resolved("hue_saturation", around(np.zeros((4, 4, 3), np.float32)), "display", hue=[45, -30, 0, 0, 0, 0, 0, 0])
