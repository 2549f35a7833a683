"""A lens as numbers: defaults, bounds, the words of refusals, and plain values in and out."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from isp.errors import UsageError
from sensors.optics import IDEAL, Lens, Seidel


def test_the_default_is_ideal():
    assert (IDEAL.f_number, IDEAL.transmission, IDEAL.diffraction, IDEAL.glare) == (1.8, 1.0, True, 0.0)
    assert IDEAL.focal_mm is None
    assert IDEAL.to_mapping() == Lens().to_mapping() == {}


def test_irradiance_on_the_axis():
    # E = pi L T / (4 N^2): 100 cd/m^2 through f/2 at 90 % give 17.67 lx
    assert 100 * Lens(f_number=2, transmission=0.9).irradiance_factor() == pytest.approx(17.6715, abs=1e-4)


def test_another_aperture_keeps_the_rest():
    lens = Lens(f_number=1.9, focal_mm=8.71, falloff="cos4", aberrations={"w040": 0.1})
    stopped = lens.with_f_number(4)
    assert stopped.f_number == 4
    assert stopped.to_mapping() == lens.to_mapping() | {"f_number": 4.0}


def test_a_lens_cannot_be_changed():
    psf = np.ones((3, 3))
    lens = Lens(psf=psf, psf_um=1.0, shading={"R": 0.1})
    with pytest.raises(dataclasses.FrozenInstanceError):
        lens.glare = 0.1
    with pytest.raises(TypeError):
        lens.shading["R"] = 0.2
    psf[0, 0] = 9
    assert lens.psf[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        lens.psf[0, 0] = 9


PLAIN = {
    "f_number": 1.9,
    "focal_mm": 8.71,
    "transmission": 0.9,
    "aberrations": {"w040": 0.1, "w131": -0.2},
    "falloff": "cos4",
    "shading": {"R": 0.1, "B": [[0.9, 0.9], [1.0, 0.8]]},
    "distortion": [0.02, -0.01, 0.0],
    "lateral": {"R": 1.0002},
    "glare": 0.01,
}


def test_plain_values_in_and_out():
    lens = Lens.from_mapping(PLAIN)
    assert lens.aberrations == Seidel(w040=0.1, w131=-0.2)
    assert lens.to_mapping() == PLAIN
    assert Lens.from_mapping({"focal_mm": 5, "falloff": {"exponent": 3}}).falloff == 3.0
    assert Lens.from_mapping({"distortion": [0.1]}).distortion == (0.1, 0.0, 0.0)
    measured = {"psf": [[0.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 0.0]], "psf_um": 0.5, "diffraction": False}
    assert Lens.from_mapping(measured).to_mapping() == measured


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"f_numbr": 1.9}, "unknown f_numbr; did you mean 'f_number'?"),
        ({"aberrations": {"w400": 0.1}}, "unknown aberrations.w400; did you mean 'w040'?"),
        ({"aberrations": 0.1}, "aberrations 0.1 must be a mapping"),
        ({"aberrations": {"w040": 3}}, "aberrations.w040 3 must be a number in -2..2 waves"),
        ({"aberrations": {"w040": 0.1}, "diffraction": False}, "aberrations act on a wave and need diffraction: true"),
        ({"f_number": 0.5}, "f_number 0.5 must be a number in 0.7..32"),
        ({"f_number": "1.9"}, "f_number '1.9' must be a number"),
        ({"f_number": True}, "f_number True must be a number"),
        ({"f_number": float("nan")}, "f_number nan must be a number"),
        ({"focal_mm": 0}, "focal_mm 0 must be a number in 0.5..1000 mm"),
        ({"transmission": 0}, "transmission 0 must be a number in 0.0001..1"),
        ({"diffraction": 1}, "diffraction 1 must be true or false"),
        ({"glare": 0.6}, "glare 0.6 must be a number in 0..0.5"),
        ({"falloff": "cos3", "focal_mm": 5}, "falloff 'cos3' must be none, cos4, an exponent in 0..12 or a map"),
        ({"falloff": "cos4"}, "falloff 'cos4' needs focal_mm"),
        ({"falloff": {"power": 3}}, "unknown falloff.power"),
        ({"falloff": {}}, "falloff needs an exponent"),
        ({"falloff": [[1.0, 2.0], [1.0, 1.0]]}, "falloff must hold numbers in 0..1"),
        ({"falloff": [[1.0, 2.0], [1.0]]}, "falloff must be a map of 2x2..65x65 of numbers"),
        ({"falloff": [1.0, 1.0]}, r"falloff of shape \(2,\) must be a map of 2x2..65x65"),
        ({"falloff": np.ones((66, 2))}, r"falloff of shape \(66, 2\) must be a map of 2x2..65x65"),
        ({"shading": {"R": 1.0}}, "shading.R 1.0 must be a number in -0.5..0.95"),
        ({"shading": {"red": 0.1}}, "shading 'red' is not the letter of a colour filter; allowed: R, G, Y, B, W, C, M"),
        ({"shading": 0.1}, "shading 0.1 must be a mapping from a colour's letter"),
        ({"shading": {"R": np.ones((3, 3))}, "falloff": np.ones((3, 4))}, "maps must have one shape"),
        ({"lateral": {"R": 0.0002}}, "lateral.R 0.0002 must be a number in 0.98..1.02"),
        ({"distortion": [0.1, 0, 0, 0]}, "must be up to three numbers k1, k2, k3"),
        ({"distortion": "barrel"}, "must be up to three numbers k1, k2, k3"),
        ({"distortion": [2, 0, 0]}, "distortion k1 2 must be a number in -1..1"),
        ({"distortion": [-0.4, 0, 0]}, "folds the image over itself inside the frame"),
        ({"psf": np.ones((3, 3))}, "psf needs psf_um"),
        ({"psf_um": 1}, "psf_um is given without a psf"),
        ({"psf": np.ones((4, 4)), "psf_um": 1}, r"psf of shape \(4, 4\) must be an odd square of 3x3..129x129"),
        ({"psf": np.ones((3, 5)), "psf_um": 1}, r"psf of shape \(3, 5\) must be an odd square"),
        ({"psf": np.zeros((3, 3)), "psf_um": 1}, "psf holds no light"),
        ({"psf": -np.ones((3, 3)), "psf_um": 1}, "psf must hold numbers in 0..inf"),
        ({"psf": {"file": "psf.npy"}, "psf_um": 1}, "psf must be an odd square of 3x3..129x129 of numbers"),
        ({"psf": np.ones((3, 3)), "psf_um": 1, "aberrations": {"w040": 0.1}}, "psf takes the place of aberrations"),
    ],
)
def test_refusals(values, words):
    with pytest.raises(UsageError, match=words) as refused:
        Lens.from_mapping(values)
    assert str(refused.value).startswith("lens: ")
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2


def test_what_is_not_a_mapping_is_refused():
    with pytest.raises(UsageError, match="must be a mapping such as"):
        Lens.from_mapping([1.9])


def test_the_import_stays_cheap():
    code = "import sensors.optics, sys; print(sorted({'scipy', 'colour', 'halide', 'matplotlib'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
