"""The sensitivity metamerism index against an eye, against colour-science step by step, and against other matrices."""

import colour
import numpy as np
import pytest
from scipy.optimize import minimize

from isp.errors import UsageError
from reports.metrics import sensitivity_metamerism
from sensors.sensitivity import load_sensitivity
from sensors.spectrum import WAVELENGTHS, observer

NIKON = "Nikon 5100 (NPL)"


@pytest.mark.parametrize("light", ["D65", "A", "FL11"])
def test_an_eye_has_100_whatever_its_primaries(light):
    mixed = np.array([[0.6, 0.3, 0.1], [0.2, 0.9, 0.0], [0.05, 0.1, 1.0]]) @ observer()
    found = sensitivity_metamerism(mixed / WAVELENGTHS, light)
    assert found.smi == pytest.approx(100, abs=0.01)
    assert found.de00 == pytest.approx(0, abs=0.005)


def test_the_scale_of_each_curve_does_not_matter():
    curves = load_sensitivity(f"camera:{NIKON}").curves
    one, two = sensitivity_metamerism(curves), sensitivity_metamerism(curves * np.array([[2.0], [0.5], [0.1]]))
    assert two.smi == pytest.approx(one.smi, abs=1e-3)


def by_colour_science(light: str) -> float:
    """SMI of the Nikon from the published response to power, integrated and compared by colour-science, searched by
    Nelder and Mead."""
    shape = colour.SpectralShape(380, 780, 5)
    response = colour.MSDS_CAMERA_SENSITIVITIES[NIKON].copy().align(shape, extrapolator_kwargs={
        "method": "Constant", "left": 0, "right": 0})  # fmt: skip
    cmfs = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape)
    lamp = colour.SDS_ILLUMINANTS[light].copy().align(shape)
    patches = [sd.copy().align(shape) for sd in list(colour.SDS_COLOURCHECKERS["ISO 17321-1"].values())[:18]]
    power = np.stack([sd.values * lamp.values for sd in patches])
    camera, white = power @ response.values, lamp.values @ response.values
    xyz, xyz_white = power @ cmfs.values, lamp.values @ cmfs.values
    camera, xyz, xyz_white = camera / white, xyz / xyz_white[1], xyz_white / xyz_white[1]
    xy = colour.XYZ_to_xy(xyz_white)
    lab = colour.XYZ_to_Lab(xyz, xy)

    def mean(free):
        left = free.reshape(3, 2)
        matrix = np.column_stack([left, xyz_white - left.sum(axis=1)])
        return float(colour.difference.delta_E_CIE1976(colour.XYZ_to_Lab(camera @ matrix.T, xy), lab).mean())

    third = camera[:, 2:]
    start = np.linalg.lstsq(camera[:, :2] - third, xyz - third * xyz_white, rcond=None)[0].T.ravel()
    best = minimize(mean, start, method="Nelder-Mead", options={"maxfev": 4000, "xatol": 1e-5, "fatol": 1e-5})
    return 100 - 5.5 * float(best.fun)


@pytest.mark.parametrize("light", ["D65", "A"])
def test_a_measured_camera_as_colour_science_has_it(light):
    found = sensitivity_metamerism(load_sensitivity(f"camera:{NIKON}").curves, light)
    assert found.smi == pytest.approx(by_colour_science(light), abs=0.15)
    assert found.smi_interval[0] < found.smi < found.smi_interval[1]


def test_the_matrix_keeps_white_and_the_means_are_those_of_the_patches():
    found = sensitivity_metamerism(load_sensitivity(f"camera:{NIKON}").curves, "D65")
    white = colour.xy_to_XYZ(colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"])
    assert found.matrix.sum(axis=1) == pytest.approx(white, abs=1e-3)
    assert found.smi == pytest.approx(100 - 5.5 * found.de76[:18].mean())
    assert found.de00 == pytest.approx(found.de2000.mean())
    assert len(found.names) == len(found.de2000) == 24


@pytest.mark.parametrize("bad", [np.ones((3, 80)), np.ones((4, 81)), -np.ones((3, 81)), np.full((3, 81), np.nan)])
def test_curves_that_are_none_are_refused(bad):
    with pytest.raises(UsageError, match=r"must be \(3, 81\), finite and not negative"):
        sensitivity_metamerism(bad)


def test_a_curve_that_sees_nothing_is_refused():
    curves = np.ones((3, 81))
    curves[1] = 0
    with pytest.raises(UsageError, match="does not respond to light 'A'"):
        sensitivity_metamerism(curves, "A")
