"""The DNG colour model against colour-hdri's independent implementation and against closed forms."""

import numpy as np
import pytest

from isp.color.dng import CameraColor
from isp.color.spaces import D50, adaptation, xy_to_xyz
from isp.color.temperature import chromaticity
from isp.errors import InputError
from isp.values import ColorCalibration, FrameInfo

CM_A = np.array([[1.8331, -0.8166, -0.2478], [0.1391, 0.8961, -0.0367], [0.0822, 0.0662, 0.2597]])
CM_D50 = np.array([[1.0344, -0.4210, -0.0620], [-0.2315, 1.0625, 0.1948], [0.0093, 0.1058, 0.5541]])
FM_A = np.array([[0.6797, -0.0781, 0.3594], [0.2109, 0.7031, 0.0859], [-0.0469, -0.8281, 1.6953]])
FM_D50 = np.array([[0.8203, -0.2188, 0.3594], [0.3438, 0.5703, 0.0938], [0.0156, -0.7266, 1.5391]])
CC_A, CC_D50 = np.diag([0.9766, 1.0, 0.9922]), np.array([[1.01, 0.01, 0.0], [0.0, 1.0, 0.02], [0.0, 0.0, 0.98]])
AB = (1.02, 1.0, 0.97)
NEUTRAL = np.array([0.522449, 1.0, 0.571429])


def _camera(forward: bool) -> CameraColor:
    return CameraColor(
        (
            ColorCalibration(5003.0, CM_D50, FM_D50 if forward else None, CC_D50),
            ColorCalibration(2850.0, CM_A, FM_A if forward else None, CC_A),
        ),
        AB,
    )


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("neutral", [NEUTRAL, (0.9, 1.0, 0.35), (0.45, 1.0, 0.8)])
def test_equals_colour_hdri(forward, neutral):
    dng = pytest.importorskip("colour_hdri.models.dng")
    neutral = np.asarray(neutral) / np.max(neutral)
    camera = _camera(forward)
    common = (2850.0, 5003.0, CM_A, CM_D50, CC_A, CC_D50, np.array(AB))
    xy, temperature = camera.white(neutral)
    np.testing.assert_allclose(xy, dng.camera_neutral_to_xy(neutral, *common, 1e-12), atol=1e-7)

    theirs = dng.xy_to_camera_neutral(np.array(xy), *common)
    np.testing.assert_allclose(camera.neutral(xy, temperature), theirs / theirs.max(), atol=1e-6)

    white = xy_to_xyz(D50)
    fm = [m * (white / m.sum(axis=1))[:, None] if forward else np.eye(3) for m in (FM_A, FM_D50)]
    theirs = dng.matrix_camera_space_to_XYZ(np.array(xy), *common, *fm) @ np.diag(neutral)
    ours = camera.to_pcs(neutral, xy, temperature)
    np.testing.assert_allclose(ours, theirs / theirs.sum(axis=1)[1], atol=2e-5)


@pytest.mark.parametrize("forward", [False, True])
def test_white_balanced_white_is_d50(forward):
    camera = _camera(forward)
    xy, temperature = camera.white(NEUTRAL)
    np.testing.assert_allclose(camera.to_pcs(NEUTRAL, xy, temperature).sum(axis=1), xy_to_xyz(D50), atol=1e-6)


def test_closed_form_with_one_plain_calibration():
    """With one matrix and no CC or AB the model is inv(CM) and an adaptation; nothing to iterate."""
    camera = CameraColor((ColorCalibration(5003.0, CM_D50),))
    xyz = np.linalg.solve(CM_D50, NEUTRAL)
    xy, temperature = camera.white(NEUTRAL)
    assert xy == pytest.approx(tuple(xyz[:2] / xyz.sum()), abs=1e-9)
    expected = adaptation(xy, D50) @ np.linalg.inv(CM_D50) @ np.diag(NEUTRAL) / xyz[1]
    np.testing.assert_allclose(camera.to_pcs(NEUTRAL, xy, temperature), expected, atol=1e-9)


def test_neutral_and_white_are_inverse():
    camera = _camera(False)
    for kelvin in (2500.0, 3500.0, 5500.0, 8000.0):
        xy = chromaticity(kelvin, 12.0)
        back, temperature = camera.white(camera.neutral(xy, kelvin))
        assert back == pytest.approx(xy, abs=1e-5)
        assert temperature == pytest.approx(kelvin, rel=1e-3)


def test_matrices_are_linear_in_mired_and_held_beyond_the_ends():
    camera = CameraColor((ColorCalibration(2850.0, CM_A), ColorCalibration(5003.0, CM_D50)))
    middle = 2 / (1 / 2850 + 1 / 5003)
    np.testing.assert_allclose(camera.xyz_to_camera(middle), (CM_A + CM_D50) / 2, atol=1e-12)
    np.testing.assert_array_equal(camera.xyz_to_camera(1700.0), CM_A)
    np.testing.assert_array_equal(camera.xyz_to_camera(20000.0), CM_D50)


def test_three_calibrations_are_piecewise():
    third = 0.5 * (CM_A + CM_D50)
    points = (ColorCalibration(2850.0, CM_A), ColorCalibration(7500.0, CM_D50), ColorCalibration(4000.0, third))
    np.testing.assert_allclose(CameraColor(points).xyz_to_camera(4000.0), third, atol=1e-12)


def test_a_forward_matrix_under_one_light_only_is_used_everywhere():
    camera = CameraColor((ColorCalibration(2850.0, CM_A), ColorCalibration(5003.0, CM_D50, FM_D50)))
    np.testing.assert_array_equal(camera.forward(2850.0), camera.forward(5003.0))


@pytest.mark.parametrize("neutral", [(1.0, 1e-3, 1e-3), (1e-3, 1.0, 1e-3), (1e-3, 1e-3, 1.0), (1.0, 1e-3, 1.0)])
def test_an_impossible_neutral_gives_a_finite_white(neutral):
    xy, temperature = _camera(False).white(neutral)
    assert np.isfinite(xy).all()
    assert 1000 < temperature <= 1e6


def test_matrices_that_make_no_white_are_refused():
    camera = CameraColor((ColorCalibration(5003.0, CM_D50, -FM_D50),))
    with pytest.raises(InputError, match=r"forward matrix .* not to D50"):
        camera.to_pcs(NEUTRAL, D50, 5003.0)
    with pytest.raises(InputError, match="map the white xy"):
        CameraColor((ColorCalibration(5003.0, -np.eye(3)),)).neutral(D50, 5003.0)


def test_a_file_without_matrices_has_no_model():
    assert CameraColor.of(FrameInfo()) is None
