"""Toning: the stated colours in Oklab as colour-science has it."""

from __future__ import annotations

import numpy as np
import pytest

from isp.color.spaces import conversion
from isp.stages.toning import HIGHLIGHTS, SHADOWS
from tests.unit.stage_runner import around, run_stage


def _run(rgb, **params):
    data = np.asarray(rgb, np.float32)
    return run_stage("toning", data, around(data), "display", **params).astype(np.float64)


def _oklab(rgb):
    import colour

    # sRGB's own matrix to D65, so that greys have no colour in either library's digits
    to_xyz = colour.RGB_COLOURSPACES["sRGB"].matrix_RGB_to_XYZ
    return colour.XYZ_to_Oklab(rgb @ conversion("rec2020", "srgb").T @ to_xyz.T)


def _greys(lightness):
    # a grey's lightness in Oklab is the cube root of its light
    return np.repeat(np.atleast_1d(lightness)[None, :, None] ** 3, 4, 0).repeat(4, 1).repeat(3, 2)


@pytest.mark.parametrize(
    ("hue", "chroma"), [((70, 75), (0.05, 0.04)), ((250, 230), (0.06, 0.02)), ((200, 60), (0.04, 0.05))]
)
def test_a_grey_takes_the_stated_colours(hue, chroma):
    out = _oklab(_run(_greys([SHADOWS, HIGHLIGHTS]), hue=list(hue), chroma=list(chroma))[0])
    for found, light, h, c in zip((out[0], out[-1]), (SHADOWS, HIGHLIGHTS), hue, chroma, strict=True):
        stated = [light, c * np.cos(np.radians(h)), c * np.sin(np.radians(h))]
        assert found == pytest.approx(stated, abs=1e-3)


def test_black_and_white_stay_and_lightness_everywhere():
    light = np.linspace(0, 1, 33)
    out = _run(_greys(light), hue=[65, 75], chroma=[0.06, 0.05])[0, ::4]
    np.testing.assert_allclose(out[[0, -1]], [[0] * 3, [1] * 3], atol=1e-6)
    np.testing.assert_allclose(_oklab(out)[:, 0], light, atol=1e-3)
    assert np.hypot(*_oklab(out)[:, 1:].T).max() < 0.061


def test_the_tint_passes_smoothly_and_stays_between_its_colours():
    out = _oklab(_run(_greys(np.linspace(0, 1, 257)), hue=[180, 0], chroma=[0.05, 0.05])[0, ::4])
    assert np.abs(np.diff(out[:, 1])).max() < 0.0017
    inner = slice(int(SHADOWS * 256) + 1, int(HIGHLIGHTS * 256))
    assert (np.diff(out[inner, 1]) > -2e-5).all()


@pytest.mark.parametrize(("hue", "chroma"), [((62, 78), (0.042, 0.036)), ((258, 245), (0.045, 0.02))])
def test_a_ramp_shows_no_bands(hue, chroma):
    out = _run(_greys(np.linspace(0, 1, 2049)), hue=list(hue), chroma=list(chroma)).astype(np.float32)
    code = run_stage("encode", out, around(out), "display")[0, ::4] * 255
    assert (np.diff(code, axis=0) > -1e-3).all()
    assert np.abs(np.diff(np.rint(code), axis=0)).max() <= 1
    assert all(np.unique(np.rint(code[:, c])).size == 256 for c in range(3))


def test_without_chroma_or_strength_nothing_happens():
    rgb = np.random.default_rng(3).uniform(0, 1, (8, 9, 3)).astype(np.float32)
    assert np.array_equal(_run(rgb, chroma=[0, 0]), rgb)
    assert np.array_equal(_run(rgb, chroma=[0.1, 0.1], strength=0), rgb)


def test_half_the_strength_is_half_the_way():
    greys = _greys(np.linspace(0.1, 0.9, 9))
    whole, half = (_oklab(_run(greys, hue=[60, 80], chroma=[0.06, 0.04], strength=s)[0])[:, 1:] for s in (1, 0.5))
    np.testing.assert_allclose(half, whole / 2, atol=2e-4)
