"""Exposure: a power of two, and an automatic one that behaves at the extremes."""

import numpy as np
import pytest

from isp.cfa import Cfa
from isp.errors import InputError
from isp.stage import Context
from isp.stages.exposure import AUTO_RANGE, luminance
from isp.values import FrameInfo, NoiseModel, Statistics
from tests.unit.stage_runner import around, resolved, run_stage


def _context(boxes=None, baseline=None):
    statistics = None
    if boxes is not None:
        boxes = np.asarray(boxes, np.float32)
        statistics = Statistics(boxes, np.zeros_like(boxes), 4)
    return Context(Cfa("RGGB"), (8, 8), FrameInfo(baseline_exposure=baseline), statistics=statistics)


def _auto(boxes, baseline=None):
    return resolved("exposure", _context(boxes, baseline), "scene", ev="auto")[1]["ev"]


@pytest.mark.parametrize("ev", [-2.0, 0.0, 1.5])
def test_gain_is_two_to_the_ev(ev):
    rgb = np.random.default_rng(1).uniform(-0.1, 2, (5, 6, 3)).astype(np.float32)
    out = run_stage("exposure", rgb, around(rgb), "scene", ev=ev)
    np.testing.assert_allclose(out, rgb * 2.0**ev, rtol=1e-6)


def test_the_file_says_baseline_exposure_or_nothing():
    assert resolved("exposure", _context(baseline=0.75), "scene")[1]["ev"] == 0.75
    assert resolved("exposure", _context(), "scene")[1]["ev"] == 0.0


def test_noise_and_clip_travel_on():
    context = _context().but(noise=NoiseModel((1e-3,) * 4, (1e-5,) * 4), clip=(2.0, 1.0, 1.5))
    stage, values = resolved("exposure", context, "scene", ev=1)
    after = stage.advance(values, context)
    assert after.clip == (4.0, 2.0, 3.0)
    assert after.noise.shot[0] == pytest.approx(2e-3)
    assert after.noise.read[0] == pytest.approx(4e-5)


def test_auto_brings_the_mean_lightness_to_mid_grey():
    boxes = np.exp(np.random.default_rng(2).normal(np.log(0.05), 0.3, (60, 80, 1))) * np.ones(3)
    assert _auto(boxes) == pytest.approx(np.log2(0.18 / 0.05), abs=0.03)


def test_deep_shadows_do_not_wash_out_the_rest():
    """A third of the picture six stops down brightens the rest by its share of lightness, not by two stops."""
    boxes = np.full((60, 80, 3), 0.18)
    boxes[:20] = 0.18 / 64
    # without a twentieth at either end 17 of 54 parts are dark, and the cube root of 1/64 is 1/4
    assert _auto(boxes) == pytest.approx(-3 * np.log2((37 + 17 / 4) / 54), abs=1e-4)


def test_auto_protects_highlights():
    boxes = np.full((60, 80, 3), 0.02)
    boxes[:12] = 0.9
    assert _auto(boxes) == pytest.approx(np.log2(1.5 / 0.9), abs=1e-5)


def test_auto_leaves_half_the_stops_of_a_merged_set_to_later_stages():
    picture = np.full((60, 80, 3), 0.2)
    picture[:10] = 8.0
    # 8 is two stops above 2: one of them counts
    assert _auto(picture) == pytest.approx(np.log2(1.5 / 4), abs=1e-6)


def test_auto_never_darkens_what_saturates_to_grey():
    assert _auto(np.ones((60, 80, 3))) == 0.0
    assert _auto(np.full((60, 80, 3), 1.5)) == pytest.approx(-np.log2(1.5), abs=1e-6)


def test_auto_keeps_its_bounds():
    assert _auto(np.full((60, 80, 3), 0.001)) == AUTO_RANGE[1]
    assert _auto(np.full((60, 80, 3), 50.0)) == AUTO_RANGE[0]


@pytest.mark.parametrize("value", [0.0, -0.02])
def test_without_signal_the_file_decides(value):
    assert _auto(np.full((60, 80, 3), value), baseline=0.5) == 0.5
    hot = np.zeros((60, 80, 3))
    hot[3, 4] = 1.0
    assert _auto(hot) == 0.0


def test_luminance_sees_the_white_balance_and_matrix_resolved_before():
    context = _context(np.ones((6, 8, 3)) * [0.1, 0.2, 0.1])
    context = context.but(resolved={"white_balance": resolved("white_balance", context, mode="manual",
                                                              gains=[2.0, 1.0, 2.0])[1]})
    np.testing.assert_allclose(luminance(context), 0.2, rtol=1e-6)
    ccm = resolved("ccm", context, "camera")[1]
    np.testing.assert_allclose(luminance(context.but(resolved={**context.resolved, "ccm": ccm})), 0.2, rtol=1e-6)


def test_auto_without_statistics_is_refused():
    with pytest.raises(InputError, match="needs the statistics pass"):
        _auto(None)
