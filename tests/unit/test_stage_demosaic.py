"""demosaic against colour-demosaicing (an independent implementation of the same papers), in all phases."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from isp.stages import find_stage
from tests.unit.stage_runner import PHASES, around, mosaic_of, run_stage, step_of

with warnings.catch_warnings():
    # it imports SciPy by names that SciPy has moved
    warnings.simplefilter("ignore", DeprecationWarning)
    import colour_demosaicing

METHODS = {
    "bilinear": (colour_demosaicing.demosaicing_CFA_Bayer_bilinear, 1),
    "malvar2004": (colour_demosaicing.demosaicing_CFA_Bayer_Malvar2004, 2),
    "menon2007": (colour_demosaicing.demosaicing_CFA_Bayer_Menon2007, 8),
}
ALL = find_stage("demosaic").parameter("method").choices


@pytest.mark.parametrize("cfa", PHASES)
@pytest.mark.parametrize("method", METHODS)
def test_equal_to_the_reference_implementation_away_from_borders(method, cfa):
    # multiples of 1/1024: every sum is exact in float32, so the directional decision has the same ties in both
    rng = np.random.Generator(np.random.Philox(2))
    data = (rng.integers(0, 1024, (101, 334)) / 1024).astype(np.float32)
    data[30:60, 40:90] = 0.25  # a flat part is all ties
    reference, reach = METHODS[method]
    inner = slice(reach, -reach)
    result = run_stage("demosaic", data, around(data, cfa), method=method)
    expected = reference(data.astype(np.float64), cfa)
    assert np.abs(result - expected)[inner, inner].max() < 5e-7


@pytest.mark.parametrize("method", ALL)
def test_measured_values_stay_and_a_grey_ramp_is_exact(method):
    y, x = np.mgrid[:60, :70]
    ramp = np.repeat((0.2 + 0.004 * x + 0.002 * y)[..., None], 3, 2)
    data = mosaic_of(ramp)
    result = run_stage("demosaic", data, around(data), method=method)
    edge = 16
    assert np.allclose(result[edge:-edge, edge:-edge], ramp[edge:-edge, edge:-edge], atol=1e-6)
    assert np.allclose(mosaic_of(result), data, atol=0 if method != "menon2007" else 1e-6)


@pytest.mark.parametrize("method", ALL)
def test_one_colour_gives_that_colour_to_the_border(method):
    flat = np.broadcast_to(np.array([0.7, 0.4, 0.1]), (23, 31, 3))
    data = mosaic_of(flat, "GBRG")
    assert np.allclose(run_stage("demosaic", data, around(data, "GBRG"), method=method), flat, atol=3e-7)


def test_the_directional_method_resolves_what_bilinear_smears():
    x = np.mgrid[:64, :96][1]
    stripes = np.repeat((0.5 + 0.4 * np.sign(np.sin(x * 1.2)))[..., None], 3, 2)
    data = mosaic_of(stripes)
    error = {}
    for method in ALL:
        away = np.abs(run_stage("demosaic", data, around(data), method=method) - stripes)
        error[method] = away[9:-9, 9:-9].mean()
    assert error["menon2007"] < 0.5 * error["malvar2004"] < 0.5 * error["bilinear"]
    assert max(error["zhang2005"], error["adaptive"]) < 0.5 * error["malvar2004"]


def test_the_derivative_of_the_directional_method_is_that_of_its_decisions():
    from isp.engine.adjoint import Adjoint

    rng = np.random.Generator(np.random.Philox(12))
    data = rng.random((40, 44)).astype(np.float32)
    weights = rng.standard_normal((40, 44, 3)).astype(np.float32)
    step, context = step_of("demosaic", around(data), method="menon2007")
    gradient = Adjoint([step], (1, 3), source_gradient=True)(data, weights).source
    # with its decisions fixed it is linear, so any step is exact that flips none of them: nearly every pixel's does
    agree = []
    for x, y in rng.integers(12, 28, (24, 2)):
        ends = []
        for sign in (1, -1):
            moved = data.copy()
            moved[y, x] += np.float32(sign * 2**-9)
            result = run_stage("demosaic", moved, context, method="menon2007")
            ends.append(np.sum(result.astype(np.float64) * weights))
        agree.append(abs((ends[0] - ends[1]) * 2**8 - gradient[y, x]) < 2e-3)
    assert np.mean(agree) > 0.7
