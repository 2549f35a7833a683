"""White-balance curves against closed forms and integrals over spectra."""

import numpy as np
import pytest

from isp.cfa import Cfa
from isp.errors import NumericError, UsageError
from isp.stage import Context
from isp.stages.white_balance import gains
from isp.values import FrameInfo
from sensors.sensitivity import load_sensitivity
from sensors.spectrum import make_light, photon_rate
from tests.unit.stage_runner import resolved
from tuning.calibrate import white_balance

CURVES = load_sensitivity("phone-rggb").curves
FIVE = ("A", "3500K", "4200K", "D50", "D65")
LOCUS = [*(f"{k}K" for k in (2900, 3000, 3200, 3800, 4000)), *(f"daylight:{k}" for k in (4200, 4500, 5500, 6000, 6400))]
"""Black bodies up to 4000 K, daylight from there: lamps and skies."""
C2 = 1.438776877e-2
"""Second radiation constant [m K]."""


def grey(light):
    return photon_rate(make_light(light, 1.0).spectrum) @ CURVES.T


def angle(one, two):
    return np.degrees(np.arccos(np.clip(one @ two / np.linalg.norm(one) / np.linalg.norm(two), -1, 1)))


def narrow(kelvin):
    """Camera RGB of three single wavelengths under Wien's radiator: log ratios are straight in 1/T."""
    wavelength = np.array([610e-9, 540e-9, 460e-9])
    return np.exp(-C2 / (wavelength * kelvin)) / wavelength**5 * 1e15


def test_straight_lines_are_found_from_two_lights():
    found = white_balance({2500.0: narrow(2500.0), 7500.0: narrow(7500.0)})
    for kelvin in (2600.0, 3700.0, 5200.0, 7400.0):
        assert angle(found.neutral(kelvin), narrow(kelvin)) < 1e-3
    assert not found.worst.known
    assert "3 are needed" in found.worst.reason


def test_five_lights_give_those_between_to_half_a_degree():
    found = white_balance({name: grey(name) for name in FIVE})
    missed = [angle(found.neutral(make_light(name, 1.0).cct), grey(name)) for name in LOCUS]
    assert max(missed) < 0.5
    assert found.worst < 0.5
    # left out, a light is missed by more than when it is there
    assert max(found.residual.values()) < 0.3
    ends = [found.left_out[cct] for cct in (min(found.left_out), max(found.left_out))]
    assert not any(end.known for end in ends)


def test_the_stage_takes_the_curve():
    found = white_balance({name: grey(name) for name in FIVE})
    _, values = resolved(
        "white_balance", Context(Cfa("RGGB"), (8, 8), FrameInfo()), mode="temperature", temperature=4500.0,
        curve=found.stage_value(),
    )  # fmt: skip
    wanted = found.neutral(4500.0)
    np.testing.assert_allclose(gains(values, Context(Cfa("RGGB"), (8, 8), FrameInfo())), 1 / wanted, rtol=1e-4)


def test_noise_bends_the_curve_less_than_it_moves_the_lights():
    random = np.random.Generator(np.random.Philox(4))
    kelvins = np.linspace(1e6 / 7500, 1e6 / 2500, 9)
    noisy = {float(1e6 / m): narrow(1e6 / m) * (1 + 0.02 * random.standard_normal((6, 3))) for m in kelvins}
    found = white_balance(noisy)
    curve = np.mean([angle(found.neutral(k), narrow(k)) for k in noisy])
    lights = np.mean([angle(np.mean(greys, axis=0), narrow(k)) for k, greys in noisy.items()])
    assert curve < lights
    assert all(e.sure and e.interval[0] <= e <= e.interval[1] for e in found.residual.values())


def test_a_lamp_off_the_locus_is_named_and_does_not_turn_the_curve_back():
    found = white_balance({**{name: grey(name) for name in FIVE}, "FL2": grey("FL2")})
    assert any("off the curve" in line for line in found.warnings)
    rows = found.curve
    assert (np.diff(rows, axis=0) * (1, -1, 1) > 0).all()
    assert max(found.transverse) > 0.02


@pytest.mark.parametrize(
    ("greys", "error", "words"),
    [
        ({5000.0: (1, 1, 1)}, UsageError, "2 or more"),
        ({2856.0: grey("D65"), 6504.0: grey("A")}, NumericError, "check which greys are of which light"),
        ({2856.0: (1, 0, 1), 6504.0: (1, 1, 1)}, NumericError, "light 2856.0: a grey that is not finite and above 0"),
        ({5000.0: np.ones((2, 2)), 6504.0: (1, 1, 1)}, UsageError, r"\(3,\) or \(N, 3\)"),
        ({"D65": (1, 1, 1), make_light("D65", 1.0).cct: (1, 1, 1)}, UsageError, "two lights of one temperature"),
        ({50.0: (1, 1, 1), 6504.0: (1, 1, 1)}, UsageError, "1700..25000 K"),
    ],
)
def test_what_cannot_be_a_curve_is_refused(greys, error, words):
    with pytest.raises(error, match=words):
        white_balance(greys)
