"""Matrices over colour temperature: smooth, at a price that is known."""

import numpy as np
import pytest

from isp import Pipeline, Profile
from isp.color.spaces import D65, adaptation, rgb_to_xyz, xy_to_xyz
from isp.errors import NumericError, UsageError
from isp.values import Picture
from reports.light import xyz_to_lab
from reports.metrics.color_difference import delta_e_2000
from sensors.scenes.materials import color_chart
from sensors.sensitivity import load_sensitivity
from sensors.spectrum import make_light, photon_rate, to_xyz
from tuning.calibrate import ccm, color_matrices

CURVES = load_sensitivity("phone-rggb").curves
CHART = color_chart("babel")[1]
LIGHTS = ("A", "3500K", "FL11", "D50", "D65")


def readings(name, noise=0.0, seed=0):
    light = make_light(name, 1000.0)
    rgb = photon_rate(CHART * light.spectrum) @ CURVES.T / (photon_rate(light.spectrum) @ CURVES.T).max()
    xyz = to_xyz(CHART * light.spectrum) / to_xyz(light.spectrum)[1] @ adaptation(light.xy, D65).T
    random = np.random.Generator(np.random.Philox(key=[seed, round(light.cct)]))
    return rgb * (1 + noise * random.standard_normal(rgb.shape)), xyz


def test_without_a_rise_each_light_has_its_own_matrix():
    table = color_matrices({name: readings(name) for name in LIGHTS}, rise=0, folds=0)
    for name, (cct, matrix) in zip(LIGHTS, sorted(table.matrices.items(), key=lambda item: item[0]), strict=False):
        if name == "A":
            np.testing.assert_array_equal(matrix, ccm(*readings("A"), folds=0).stage_matrix())
            assert cct == pytest.approx(2856, abs=2)
    assert table.change == table.own_change
    assert table.stiffness == 0


def test_the_table_is_smoother_and_no_light_pays_more_than_was_allowed():
    table = color_matrices({name: readings(name, 0.02) for name in LIGHTS}, rise=0.03, folds=0)
    assert table.change < 0.85 * table.own_change
    for cct, mean in table.mean.items():
        assert mean <= 1.031 * table.own[cct]
    # a light left out is met as well as by its neighbours' own matrices, or better
    own = color_matrices({name: readings(name, 0.02) for name in LIGHTS}, rise=0, folds=0)
    inner = [cct for cct, e in table.between.items() if e.known]
    assert len(inner) == 3
    assert np.mean([table.between[c] for c in inner]) <= np.mean([own.between[c] for c in inner]) + 1e-3
    for matrix in table.matrices.values():
        np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-12)


def test_the_stage_develops_with_the_table():
    table = color_matrices({name: readings(name) for name in LIGHTS}, folds=0)
    rgb, xyz = readings("D50")
    neutral = next(fit.neutral for cct, fit in table.fits.items() if abs(cct - 5000) < 60)
    cct = make_light("D50", 1.0).cct
    frame = Picture((rgb / neutral).astype(np.float32)[None], "camera")
    matrix = table.stage_value()["cct"][round(cct, 1)]
    done = Pipeline(Profile.from_stages([("ccm", {"matrix": matrix})], start="camera")).run(frame, tap="ccm").value
    out = done.pixels[0] @ rgb_to_xyz("rec2020").T
    white = xy_to_xyz(D65)
    away = delta_e_2000(xyz_to_lab(xyz, white), xyz_to_lab(out, white))
    assert away.mean() == pytest.approx(float(table.mean[min(table.mean, key=lambda c: abs(c - cct))]), abs=5e-3)
    Profile.from_stages(["black_level", "white_balance", "demosaic", ("ccm", {"matrix": table.stage_value()})])


def test_one_light_is_one_matrix():
    table = color_matrices({5003.0: readings("D50")}, folds=0)
    assert np.shape(table.stage_value()) == (3, 3)
    assert not table.change.known


@pytest.mark.parametrize(
    ("lights", "options", "error", "words"),
    [
        ({}, {}, UsageError, "no light"),
        ({"A": readings("A")}, {"method": "root_polynomial"}, UsageError, "method='linear' only"),
        ({"A": readings("A")}, {"preserve_white": False}, UsageError, "preserve_white=True only"),
        ({"A": readings("A")}, {"rise": 2.0}, UsageError, "must be 0..1"),
        ({"A": (readings("A")[0][::-1], readings("A")[1])}, {}, NumericError, "light A: colour fit: mean CIEDE2000"),
        ({"moon": readings("A")}, {}, UsageError, "'moon' is not known"),
    ],
)
def test_what_cannot_be_a_table_is_refused(lights, options, error, words):
    with pytest.raises(error, match=words):
        color_matrices(lights, **options)
