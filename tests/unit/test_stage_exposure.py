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


def _anchored(boxes, share=0.5):
    """The two anchors as the stage's first lines give them."""
    seen = np.sort(np.asarray(boxes)[..., 0], axis=None)
    cut = seen.size // 20
    middle = 3 * np.log2(np.cbrt(seen[cut : seen.size - cut]).mean())
    low, high, top = np.log2(seen[[int(q * seen.size) for q in (0.05, 0.95, 0.98)]])
    weight = share * min((high - low) / 2, 1)
    return (1 - weight) * (np.log2(0.18) - middle) + weight * (np.log2(0.68) - top)


def test_auto_weighs_mean_lightness_and_white():
    boxes = np.exp(np.random.default_rng(2).normal(np.log(0.05), 0.3, (60, 80, 1))) * np.ones(3)
    assert _auto(boxes) == pytest.approx(_anchored(boxes), abs=1e-4)
    wide = np.exp(np.random.default_rng(2).normal(np.log(0.05), 0.8, (60, 80, 1))) * np.ones(3)
    assert _auto(wide) == pytest.approx(_anchored(wide), abs=1e-4)


@pytest.mark.parametrize("level", [0.03, 0.18, 0.5])
def test_one_tone_comes_out_at_mid_grey(level):
    assert _auto(np.full((60, 80, 3), level)) == pytest.approx(np.log2(0.18 / level), abs=1e-5)


def test_deep_shadows_do_not_wash_out_the_rest():
    """A third of the picture six stops down brightens the rest by its share of lightness, not by two stops."""
    boxes = np.full((60, 80, 3), 0.68)
    boxes[:20] = 0.68 / 64
    # without a twentieth at either end 17 of 54 parts are dark, and the cube root of 1/64 is 1/4
    middle = np.log2(0.68) + 3 * np.log2((37 + 17 / 4) / 54)
    assert _auto(boxes) == pytest.approx(0.5 * (np.log2(0.18) - middle), abs=1e-4)


def _chart(surround=0.03):
    """A grey scale of six steps on a dark ground, one step being mid-grey."""
    boxes = np.full((60, 84, 3), surround)
    for i, reflectance in enumerate((0.9, 0.59, 0.36, 0.18, 0.09, 0.03)):
        boxes[6:54, 14 * i + 1 : 14 * i + 13] = reflectance
    return boxes


@pytest.mark.parametrize("exposed", [0.2, 0.4, 0.8])
def test_the_grey_of_a_chart_comes_out_at_mid_grey(exposed):
    assert _auto(_chart() * exposed) + np.log2(exposed) == pytest.approx(0, abs=0.3)


def test_high_and_low_key_keep_half_of_their_key_where_they_hold_white():
    dark = np.full((60, 80, 3), 0.06)
    dark[:4] = 0.68
    snow = np.full((60, 80, 3), 0.68)
    snow[:4] = 0.06
    for boxes in (dark, snow):
        seen = np.sort(boxes[..., 0], axis=None)
        key = 3 * np.log2(np.cbrt(seen[240:-240]).mean()) - np.log2(0.18)
        assert _auto(boxes) == pytest.approx(min(-key / 2, np.log2(1.5 / 0.68)), abs=0.01)


def test_auto_is_continuous_and_rises_with_darkness():
    """One more box of lamp, or of shadow, never makes a jump; half the light is never rendered darker."""
    evs = []
    for lit in range(0, 400, 4):
        boxes = np.full((60, 80, 3), 0.05)
        boxes.reshape(-1, 3)[:lit] = 0.9
        evs.append(_auto(boxes + 1e-3 * np.linspace(0, 1, 80)[None, :, None]))
    smooth = np.diff(evs)
    # the percentile itself jumps where two tones meet
    assert np.sort(np.abs(smooth))[:-3].max() < 0.05
    levels = [_auto(_chart() * g) for g in (0.2, 0.4, 0.6, 0.8)]
    assert all(np.diff(levels) < 0)


def test_a_night_stays_dark_where_the_frame_tells_its_light():
    boxes = np.full((60, 80, 3), 0.1)

    def at(exposure):
        context = _context(boxes)
        info = FrameInfo(exposure=exposure, f_number=2.0, iso=100.0)
        return resolved("exposure", context.but(info=info), "scene", ev="auto")[1]["ev"] - _auto(boxes)

    # 120 f^2 / (t S) Y cd/m2
    bright, dusk, dark, black = (0.1 * 120 * 4 / 100 / light for light in (10.0, 0.5, 0.05, 1e-4))
    assert at(bright) == 0
    assert at(dusk) == pytest.approx(0, abs=1e-6)
    assert at(dark) == pytest.approx(-0.25 * np.log2(10), abs=1e-4)
    assert at(black) == -1


def test_auto_protects_highlights():
    boxes = np.full((60, 80, 3), 0.008)
    boxes[:12] = 0.9
    assert _auto(boxes) == pytest.approx(np.log2(1.5 / 0.9), abs=1e-5)


def test_auto_leaves_half_the_stops_of_a_merged_set_to_later_stages():
    picture = np.full((60, 80, 3), 0.2)
    picture[:10] = 8.0
    # 8 is two stops above 2: one of them counts
    counted = picture.copy()
    counted[:10] = 4.0
    assert _auto(picture) == pytest.approx(min(_anchored(counted), np.log2(1.5 / 4)), abs=1e-4)


def test_auto_never_darkens_what_saturates_to_grey():
    def burnt(level, share=1.0):
        boxes = np.full((60, 80, 3), level, np.float32)
        saturated = np.zeros_like(boxes)
        saturated.reshape(-1, 3)[: int(share * 4800)] = 1
        context = _context(boxes).but(statistics=Statistics(boxes, saturated, 4))
        return resolved("exposure", context, "scene", ev="auto")[1]["ev"]

    assert burnt(1.0) == 0.0
    assert burnt(1.5) == pytest.approx(-np.log2(1.5), abs=1e-6)
    # with fewer of them the limit fades
    assert burnt(1.0, 0.01) == 0.0
    assert burnt(1.0, 0.005) == pytest.approx(-1.0, abs=1e-6)


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
