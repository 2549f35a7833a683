"""Monochrome: its weights against integrals over spectra, and what it must keep."""

from __future__ import annotations

import numpy as np
import pytest

from isp.color.spaces import rgb_to_xyz
from isp.errors import ProfileError
from isp.stages.monochrome import WEIGHTS
from tests.unit.stage_runner import around, run_stage

FILTERS = {
    "none": (1.0, (0, 1), (1000, 1)),
    "yellow": (0.9, (490, 8), (1000, 1)),
    "orange": (0.9, (550, 6), (1000, 1)),
    "red": (0.9, (600, 5), (1000, 1)),
    "green": (0.6, (490, 10), (590, 12)),
}
"""Transmittance at the top, and where and how steeply it rises and falls [nm]."""
CUSTOMARY = {"yellow": 2.0, "orange": 4.0, "red": 8.0, "green": 4.0}
"""Filter factors in daylight that film makers state for Wratten No. 8, 21, 25 and 11."""


def _run(rgb, **params):
    data = np.asarray(rgb, np.float32)
    return run_stage("monochrome", data, around(data), "scene", **params)


@pytest.fixture(scope="module")
def spectra():
    """Reflectances (24, n), film under D65 (n,), transmittances, and the patches' linear Rec.2020."""
    import colour

    shape = colour.SpectralShape(380, 780, 5)
    at = shape.wavelengths
    charts = colour.SDS_COLOURCHECKERS["BabelColor Average"].values()
    reflect = np.array([sd.copy().align(shape).values for sd in charts])
    light = colour.SDS_ILLUMINANTS["D65"].copy().align(shape).values
    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape).values
    xyz = (reflect * light) @ observer / (light @ observer[:, 1])

    def step(centre, width):
        return 1 / (1 + np.exp(-(at - centre) / width))

    film = light * step(395, 6) * (1 - step(645, 8))
    passed = {n: top * step(*rise) * (1 - step(*fall)) for n, (top, rise, fall) in FILTERS.items()}
    return reflect, film, passed, xyz @ np.linalg.inv(rgb_to_xyz("rec2020")).T


@pytest.mark.parametrize(("name", "rms"), [("none", 0.009), ("yellow", 0.009), ("orange", 0.006), ("red", 0.07),
                                           ("green", 0.006)])  # fmt: skip
def test_weights_follow_from_spectra(spectra, name, rms):
    from scipy.optimize import nnls

    reflect, film, passed, rgb = spectra
    seen = reflect @ (film * passed[name]) / (film @ passed[name])
    # the sum of 1 as an equation of great weight
    found, _ = nnls(np.vstack([rgb, [1e3] * 3]), np.append(seen, 1e3))
    assert found == pytest.approx(WEIGHTS[name], abs=1.5e-3)
    assert np.sqrt(np.mean((_run(rgb[None].repeat(4, 0), filter=name)[0, :, 0] - seen) ** 2)) < rms


@pytest.mark.parametrize("name", CUSTOMARY)
def test_filter_factors_are_near_the_customary_ones(spectra, name):
    _, film, passed, _ = spectra
    assert film.sum() / (film @ passed[name]) == pytest.approx(CUSTOMARY[name], rel=0.22)


@pytest.mark.parametrize("name", WEIGHTS)
def test_channels_are_equal_and_white_stays(name):
    rgb = np.random.default_rng(1).uniform(-0.05, 1.5, (20, 30, 3))
    out = _run(rgb, filter=name)
    assert np.array_equal(out[..., 0], out[..., 1])
    assert np.array_equal(out[..., 0], out[..., 2])
    np.testing.assert_allclose(out[..., 0], rgb @ WEIGHTS[name], atol=2e-6)
    np.testing.assert_allclose(_run(np.full((4, 4, 3), 0.7), filter=name), 0.7, rtol=1e-6)


def test_a_filter_lightens_its_own_colour_and_darkens_the_opposite():
    red, green, blue = (np.full((4, 4, 3), 0.1) + 0.5 * np.eye(3)[c] for c in range(3))
    tone = {n: [_run(p, filter=n)[0, 0, 0] for p in (red, green, blue)] for n in WEIGHTS}
    assert tone["red"][0] > tone["orange"][0] > tone["yellow"][0] > tone["none"][0] > tone["green"][0]
    assert tone["red"][2] <= tone["orange"][2] < tone["yellow"][2] < tone["none"][2]
    assert tone["green"][1] == max(t[1] for t in tone.values())


def test_half_a_filter_is_half_the_light_through_it():
    rgb = np.random.default_rng(2).uniform(0, 1, (8, 9, 3))
    through = np.array(WEIGHTS["red"]) / np.array(WEIGHTS["none"])
    mixed = np.array(WEIGHTS["none"]) * (0.5 + 0.5 * through)
    np.testing.assert_allclose(_run(rgb, filter="red", filter_strength=0.5)[..., 0], rgb @ mixed, atol=1e-6)
    np.testing.assert_array_equal(_run(rgb, filter="red", filter_strength=0), _run(rgb))


def test_a_sum_other_than_one_brightens():
    white = np.full((4, 4, 3), 0.25)
    assert _run(white, weights=[0.5, 1.0, 0.5], filter="green")[0, 0, 0] == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("given", [{"weights": [0.5, -0.5, 0.0]}, {"weights": [0.0, 1.0, 0.5], "filter": "red"}])
def test_weights_without_a_white_are_refused(given):
    with pytest.raises(ProfileError, match="weights must have a sum above 0, also behind the filter"):
        _run(np.ones((4, 4, 3)), **given)
