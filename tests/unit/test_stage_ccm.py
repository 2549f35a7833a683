"""Colour matrix: given ones as written, the file's by the DNG model, a fallback for what says nothing."""

import numpy as np
import pytest

from isp.cfa import Cfa
from isp.color.spaces import pcs_to_rgb
from isp.errors import InputError, ProfileError
from isp.stage import Context
from isp.stages.ccm import PHONE_DAYLIGHT, to_working
from isp.values import ColorCalibration, FrameInfo, NoiseModel
from tests.unit.stage_runner import around, resolved, run_stage

CM = np.array([[1.0344, -0.4210, -0.0620], [-0.2315, 1.0625, 0.1948], [0.0093, 0.1058, 0.5541]])
CAMERA = FrameInfo(neutral=(0.52, 1.0, 0.57), calibrations=(ColorCalibration(5003.0, CM),), self_describing=True)
GIVEN = [[1.6, -0.4, -0.2], [-0.3, 1.6, -0.3], [0.1, -0.6, 1.5]]
SRGB_TO_REC2020 = [[0.627404, 0.329283, 0.043313], [0.069097, 0.919541, 0.011362], [0.016391, 0.088013, 0.895595]]
"""The matrix of ITU-R BT.2087, to six decimals."""


def _context(info=CAMERA, **changes):
    return Context(Cfa("RGGB"), (8, 8), info).but(**changes)


def test_a_given_matrix_leads_to_srgb_primaries_and_on_to_the_working_space():
    rgb = np.random.default_rng(1).uniform(-0.2, 1.5, (6, 9, 3)).astype(np.float32)
    out = run_stage("ccm", rgb, around(rgb), "camera", matrix=GIVEN)
    expected = rgb.astype(np.float64) @ (np.array(SRGB_TO_REC2020) @ GIVEN).T
    np.testing.assert_allclose(out, expected, atol=3e-6)


def test_grey_stays_grey():
    rgb = np.broadcast_to(np.linspace(0, 2, 12, dtype=np.float32)[:, None, None], (12, 5, 3))
    out = run_stage("ccm", np.ascontiguousarray(rgb), around(rgb), "camera", matrix=GIVEN)
    np.testing.assert_allclose(out, rgb, atol=5e-7)


def test_the_files_matrix_is_the_dng_model_at_the_resolved_white():
    colour = pytest.importorskip("colour")
    xyz = np.linalg.solve(CM, CAMERA.neutral)
    xy = xyz[:2] / xyz.sum()
    context = _context(neutral=CAMERA.neutral, white_xy=tuple(xy), temperature=5000.0)
    _, values = resolved("ccm", context, "camera")
    # camera to XYZ, then from the scene's white straight to the working space's by way of D50
    d50 = [0.96429568, 1, 0.8251046]
    to_d50 = colour.adaptation.matrix_chromatic_adaptation_VonKries(xyz / xyz[1], d50, "Bradford")
    expected = pcs_to_rgb("rec2020") @ to_d50 @ np.linalg.inv(CM) @ np.diag(CAMERA.neutral) / xyz[1]
    np.testing.assert_allclose(to_working(values), expected, atol=1e-6)
    np.testing.assert_allclose(to_working(values).sum(axis=1), 1.0, atol=1e-9)


def test_it_follows_another_white_balance():
    other = _context(neutral=(0.8, 1.0, 0.4), white_xy=(0.44, 0.40), temperature=2900.0)
    assert resolved("ccm", other, "camera")[1]["matrix"] != resolved("ccm", _context(), "camera")[1]["matrix"]


def test_without_white_balance_the_as_shot_white_chooses_the_matrix():
    xyz = np.linalg.solve(CM, CAMERA.neutral)
    as_shot = _context(neutral=CAMERA.neutral, white_xy=tuple(xyz[:2] / xyz.sum()), temperature=5000.0)
    np.testing.assert_allclose(
        resolved("ccm", _context(), "camera")[1]["matrix"], resolved("ccm", as_shot, "camera")[1]["matrix"], atol=1e-9
    )
    nothing = FrameInfo(calibrations=CAMERA.calibrations, self_describing=True)
    np.testing.assert_allclose(to_working(resolved("ccm", _context(nothing), "camera")[1]).sum(axis=1), 1.0, atol=1e-6)


def test_a_table_is_interpolated_in_mired():
    table = {"cct": {2500: GIVEN, 5000: np.eye(3).tolist()}}
    _, values = resolved("ccm", _context(temperature=1e6 / 300), "camera", matrix=table)
    np.testing.assert_allclose(values["matrix"], (np.array(GIVEN) + np.eye(3)) / 2, atol=1e-12)


def test_input_that_says_nothing_gets_the_fallback_and_a_line_about_it():
    stage, values = resolved("ccm", _context(FrameInfo()), "camera")
    assert values["matrix"] == "fallback"
    np.testing.assert_allclose(to_working(values), np.array(SRGB_TO_REC2020) @ PHONE_DAYLIGHT, atol=3e-6)
    assert stage.warn(values, _context(FrameInfo())) == ["the input has no colour matrix; using the fallback"]
    own = resolved("ccm", _context(FrameInfo()), "camera", fallback=GIVEN)[1]
    np.testing.assert_allclose(to_working(own), np.array(SRGB_TO_REC2020) @ GIVEN, atol=3e-6)
    assert stage.warn(resolved("ccm", _context(), "camera")[1], _context()) == []


def test_a_file_that_should_know_is_refused():
    with pytest.raises(InputError, match="the file has no colour matrix"):
        resolved("ccm", _context(FrameInfo(self_describing=True)), "camera", matrix="from_file")


def test_shape_and_bounds_are_checked():
    with pytest.raises(ProfileError, match="3 x 3"):
        resolved("ccm", _context(), "camera", matrix=[[1, 0, 0], [0, 1, 0]])
    with pytest.raises(ProfileError, match="out of bounds"):
        resolved("ccm", _context(), "camera", matrix=[[100, 0, 0], [0, 1, 0], [0, 0, 1]])


def test_noise_of_a_grey_is_what_a_simulation_gives():
    noise = NoiseModel((2e-3, 1e-3, 1e-3, 1.5e-3), (1e-5, 2e-5, 2e-5, 3e-5))
    context = _context(noise=noise)
    stage, values = resolved("ccm", context, "camera", matrix=GIVEN)
    after = stage.advance(values, context).noise
    level = 0.4
    sigma = np.sqrt(np.array(noise.shot)[[0, 1, 3]] * level + np.array(noise.read)[[0, 1, 3]])
    samples = level + np.random.default_rng(5).normal(size=(400000, 3)) * sigma
    variance = (samples @ to_working(values).T).var(axis=0)
    predicted = np.array(after.shot) * level + np.array(after.read)
    assert predicted[[0, 1, 3]] == pytest.approx(variance, rel=0.02)
