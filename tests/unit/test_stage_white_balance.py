"""White balance: gains, what travels on, and an automatic estimate that is finite whatever it sees."""

import numpy as np
import pytest

from isp.cfa import Cfa
from isp.color import auto_white, correlation
from isp.color.dng import CameraColor
from isp.color.temperature import chromaticity, temperature_and_tint
from isp.errors import InputError
from isp.stage import Context
from isp.stages.white_balance import WhiteBalance, gains
from isp.values import ColorCalibration, FrameInfo, NoiseModel, Statistics
from tests.unit.stage_runner import PHASES, around, resolved, run_stage, site_of

CM = np.array([[1.0344, -0.4210, -0.0620], [-0.2315, 1.0625, 0.1948], [0.0093, 0.1058, 0.5541]])
CAMERA = FrameInfo(neutral=(0.52, 1.0, 0.57), calibrations=(ColorCalibration(5003.0, CM),), self_describing=True)


def _context(info=CAMERA, thumbnail=None, saturated=None):
    statistics = None
    if thumbnail is not None:
        thumbnail = np.asarray(thumbnail, np.float32)
        saturated = np.zeros_like(thumbnail) if saturated is None else np.asarray(saturated, np.float32)
        statistics = Statistics(thumbnail, saturated, 4)
    return Context(Cfa("RGGB"), (8, 8), info, statistics=statistics)


def _advance(context, **params):
    stage, values = resolved("white_balance", context, **params)
    return stage.advance(values, context)


@pytest.mark.parametrize("cfa", PHASES)
def test_each_site_gets_the_gain_of_its_colour(cfa):
    data = np.random.default_rng(1).random((6, 8)).astype(np.float32)
    out = run_stage("white_balance", data, around(data, cfa), mode="manual", gains=[2.0, 1.25, 1.5])
    np.testing.assert_array_equal(out, data * np.array([2.0, 1.25, 1.25, 1.5], np.float32)[site_of(data.shape, cfa)])


def test_camera_rgb_is_balanced_too():
    data = np.random.default_rng(2).random((5, 7, 3)).astype(np.float32)
    out = run_stage("white_balance", data, around(data), "camera", mode="manual", gains=[2.0, 1.0, 1.5])
    np.testing.assert_array_equal(out, data * np.array([2.0, 1.0, 1.5], np.float32))


def test_as_shot_uses_the_files_neutral_and_publishes_its_white():
    context = _context().but(noise=NoiseModel((1e-3,) * 4, (1e-5,) * 4), clip=(1.0, 1.1, 1.0))
    after = _advance(context)
    g = np.array([1 / 0.52, 1.0, 1 / 0.57])
    assert after.neutral == pytest.approx((0.52, 1.0, 0.57))
    xyz = np.linalg.solve(CM, [0.52, 1.0, 0.57])
    assert after.white_xy == pytest.approx(tuple(xyz[:2] / xyz.sum()), abs=1e-9)
    assert after.temperature == pytest.approx(temperature_and_tint(after.white_xy)[0])
    assert after.clip == pytest.approx(tuple(g * [1.0, 1.1, 1.0]))
    assert after.noise.shot == pytest.approx(tuple(1e-3 * g[[0, 1, 1, 2]]))
    assert after.noise.read == pytest.approx(tuple(1e-5 * g[[0, 1, 1, 2]] ** 2))


def test_gains_are_at_least_one_whichever_channel_is_strongest():
    info = FrameInfo(neutral=(1.3, 0.9, 0.4), self_describing=True)
    context = _context(info)
    assert gains(resolved("white_balance", context)[1], context) == pytest.approx([1.0, 1.3 / 0.9, 1.3 / 0.4])


def test_temperature_and_tint_are_those_of_the_matrices():
    after = _advance(_context(), mode="temperature", temperature=3200, tint=-20)
    assert temperature_and_tint(after.white_xy) == pytest.approx((3200, -20), abs=1)
    assert after.temperature == 3200
    xy, _ = CameraColor.of(CAMERA).white(after.neutral)
    assert xy == pytest.approx(after.white_xy, abs=1e-5)
    warm, cold = (_advance(_context(), mode="temperature", temperature=t).neutral for t in (3000, 9000))
    assert warm[0] / warm[2] > cold[0] / cold[2]
    green, magenta = (_advance(_context(), mode="temperature", tint=t).neutral for t in (40, -40))
    assert green[0] < magenta[0]


def test_what_the_frame_does_not_say_is_refused_in_words():
    with pytest.raises(InputError, match=r"no as-shot neutral; allowed here: mode manual | temperature | auto"):
        _advance(_context(FrameInfo(self_describing=True)))
    with pytest.raises(InputError, match="by temperature needs colour matrices"):
        _advance(_context(FrameInfo()), mode="temperature")
    with pytest.raises(InputError, match="needs the statistics pass"):
        _advance(_context(), mode="auto")


def test_a_dump_gets_the_automatic_white():
    stage, values = resolved("white_balance", _context(FrameInfo()))
    assert stage.wants_statistics(values, _context(FrameInfo()))
    assert not stage.wants_statistics(values, _context(CAMERA))
    assert not stage.wants_statistics(values, _context(FrameInfo(self_describing=True)))
    context = _context(FrameInfo(), np.ones((6, 8, 3)) * [0.2, 0.4, 0.25])
    values = {**values, "method": "grey_world"}
    assert stage.advance(values, context).neutral == pytest.approx((0.5, 1.0, 0.625), rel=1e-5)
    assert stage.warn(values, context) == ["the input says no neutral; using mode auto"]


@pytest.mark.parametrize(("method", "norm"), [("grey_world", 1), ("shades_of_grey", 6), ("shades_of_grey", 2.5)])
def test_the_estimate_is_the_minkowski_mean_of_usable_boxes(method, norm):
    rng = np.random.default_rng(3)
    boxes = rng.uniform(0.05, 0.6, (40, 50, 3)) * [0.5, 1.0, 0.6]
    saturated = np.zeros_like(boxes)
    saturated[:10] = 1.0
    boxes[10:15] = 1e-4
    context = _context(FrameInfo(), boxes, saturated)
    _, values = resolved("white_balance", context, mode="auto", method=method, norm=norm)
    used = boxes[15:].astype(np.float32).astype(np.float64)
    mean = (used**norm).mean((0, 1)) ** (1 / norm)
    assert gains(values, context) == pytest.approx(mean.max() / mean, rel=1e-9)


def test_large_thumbnails_are_pooled_without_changing_grey_world():
    rng = np.random.default_rng(4)
    boxes = rng.uniform(0.1, 0.6, (510, 768, 3)) * [0.5, 1.0, 0.6]
    context = _context(FrameInfo(), boxes)
    _, values = resolved("white_balance", context, mode="auto", method="grey_world")
    mean = boxes.mean((0, 1))
    assert gains(values, context) == pytest.approx(mean.max() / mean, rel=1e-5)


def _hot_pixel():
    boxes = np.zeros((60, 80, 3))
    boxes[30, 40] = 1.0
    return boxes


NOTHING = {
    "all black": (np.zeros((60, 80, 3)), None),
    "below black": (np.full((60, 80, 3), -0.01), None),
    "all saturated": (np.ones((60, 80, 3)), np.ones((60, 80, 3))),
    "one hot pixel": (_hot_pixel(), None),
}


@pytest.mark.parametrize("info", [FrameInfo(), CAMERA, FrameInfo(calibrations=CAMERA.calibrations)])
@pytest.mark.parametrize("case", sorted(NOTHING))
def test_without_signal_the_fallback_is_used_and_said(info, case):
    context = _context(info, *NOTHING[case])
    stage, values = resolved("white_balance", context, mode="auto")
    g = gains(values, context)
    assert np.isfinite(g).all()
    assert (g >= 1).all()
    assert (g < 5).all()
    assert any("not enough signal" in line for line in stage.warn(values, context))
    if info.neutral is not None:
        assert g == pytest.approx(1 / np.array(info.neutral))


METHODS = ("correlation", "grey_world", "shades_of_grey")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("info", [FrameInfo(), CAMERA])
@pytest.mark.parametrize("colour", [(0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5), (0.5, 0.5, 0), (0.3, 0.01, 0.4)])
def test_a_scene_of_one_colour_gives_a_likely_light_and_says_so(info, colour, method):
    context = _context(info, np.ones((60, 80, 3)) * colour)
    stage, values = resolved("white_balance", context, mode="auto", method=method)
    after = stage.advance(values, context)
    assert np.isfinite(after.neutral).all()
    assert min(after.neutral) >= 0.05
    assert max(after.neutral) == 1.0
    assert any("held at the border" in line or "unsure" in line for line in stage.warn(values, context))
    if info.calibrations:
        temperature, tint = temperature_and_tint(after.white_xy)
        assert 1990 < temperature < 15100
        assert abs(tint) < 61


def test_every_parameter_is_run_time():
    assert not any(p.structural for p in WhiteBalance.parameters)


def _slow_correlation(boxes, usable, color):
    """The posterior mean, light by light and colour by colour, without a plane or a transform."""
    shape = np.linalg.inv(correlation.NATURAL_SHAPE)
    sets = [boxes[usable]]
    sets.append(np.abs(np.concatenate([
        (boxes[:, 1:] - boxes[:, :-1])[usable[:, 1:] & usable[:, :-1]],
        (boxes[1:] - boxes[:-1])[usable[1:] & usable[:-1]],
    ])))
    scores, logs = [], []
    for mired in correlation.MIREDS:
        for tint in correlation.TINTS:
            neutral = color.neutral(chromaticity(1e6 / mired, tint), 1e6 / mired)
            light = np.log(neutral[[0, 2]] / neutral[1])
            score = -0.5 * (max(140 - mired, mired - 360, 0) / 30) ** 2 - 2.5 * np.log(1 + ((tint - 5) / 9) ** 2 / 4)
            for colors in sets:
                colors = np.maximum(colors[colors.max(1) > 1e-4], 1e-4)
                d = np.log(colors[:, [0, 2]] / colors[:, 1:2]) - light
                p = 0.0
                for part, mean, share in ((0.2, np.zeros(2), 0.005), (0.8, correlation.NATURAL_MEAN, 0.1)):
                    q = np.einsum("ki,ij,kj->k", d - mean, shape, d - mean) / share
                    p = p + part * (1 + q / 2) ** -2 / share
                score += np.average(np.log(p), weights=colors.sum(1))
            scores.append(score)
            logs.append(np.log(neutral))
    chance = np.exp(np.array(scores) - max(scores))
    mean = np.exp(chance @ np.array(logs) / chance.sum())
    return mean / mean.max()


def test_correlation_is_the_posterior_mean_over_lights():
    rng = np.random.default_rng(6)
    boxes = rng.uniform(0.02, 0.6, (30, 40, 1)) * np.exp(rng.normal(0, 0.25, (30, 40, 3))) * [0.5, 1.0, 0.6]
    usable = rng.random((30, 40)) > 0.1
    color = CameraColor.of(CAMERA)
    found = correlation.correlate(boxes, usable, color)
    np.testing.assert_allclose(found.neutral, _slow_correlation(boxes, usable, color), rtol=0.01)


@pytest.mark.parametrize(("kelvin", "tint"), [(2856, 0), (4000, 3), (6500, 10)])
def test_a_large_coloured_thing_does_not_take_the_greys_along(kelvin, tint):
    rng = np.random.default_rng(7)
    neutral = CameraColor.of(CAMERA).neutral(chromaticity(kelvin, tint), kelvin)
    boxes = rng.uniform(0.05, 0.7, (60, 80, 1)) * rng.normal(1, 0.03, (60, 80, 3)) * neutral
    boxes[:, :32] *= [0.9, 0.25, 0.15]
    context = _context(CAMERA, boxes)

    def error(method):
        _, values = resolved("white_balance", context, mode="auto", method=method)
        left = gains(values, context) * neutral
        return np.degrees(np.arccos(left.sum() / np.sqrt(3) / np.linalg.norm(left)))

    assert 2 * error("correlation") < error("grey_world")


def test_saturated_lamps_and_what_they_touch_say_nothing():
    rng = np.random.default_rng(8)
    boxes = rng.uniform(0.02, 0.3, (60, 80, 3)) * [0.6, 1.0, 0.5]
    lamps = boxes.copy()
    lamps[20:30, 20:30] = [1.0, 1.0, 0.3]
    saturated = np.zeros_like(lamps)
    saturated[20:30, 20:30, :2] = 0.1
    black = boxes.copy()
    black[20:30, 20:30] = 0
    with_lamps, without = _context(CAMERA, lamps, saturated), _context(CAMERA, black)
    _, values = resolved("white_balance", with_lamps, mode="auto")
    np.testing.assert_allclose(gains(values, with_lamps), gains(values, without), rtol=1e-12)


def test_the_white_is_estimated_once_per_frame(monkeypatch):
    calls = []
    monkeypatch.setattr(auto_white, "correlate", lambda *a: calls.append(a) or correlation.correlate(*a))
    boxes = np.random.default_rng(9).uniform(0.1, 0.5, (20, 30, 3))
    context = _context(CAMERA, boxes)
    stage, values = resolved("white_balance", context, mode="auto")
    stage.warn(values, context)
    stage.prepare(values, context)
    stage.advance(values, context)
    assert len(calls) == 1
    gains({**values, "method": "grey_world"}, context)
    other = context.but(info=FrameInfo(calibrations=(ColorCalibration(5003.0, CM * 1.1),)))
    gains(values, other)
    assert len(calls) == 2


CURVE = ((2856.0, 0.9, 0.4), (5000.0, 0.6, 0.6), (6504.0, 0.5, 0.7))
BARE = FrameInfo(neutral=(0.6, 1.0, 0.6), self_describing=True)


def test_a_curve_tells_the_temperature_of_a_neutral_and_the_neutral_of_a_temperature():
    context = _context(BARE)
    assert _advance(context, curve=CURVE).temperature == pytest.approx(5000, rel=1e-4)
    for kelvin, red, blue in CURVE:
        after = _advance(context, mode="temperature", temperature=kelvin, curve=CURVE)
        assert after.neutral == pytest.approx((red, 1.0, blue))
        assert after.temperature == kelvin
    between = _advance(context, mode="temperature", temperature=4000.0, curve=CURVE).neutral
    assert 0.6 < between[0] < 0.9
    assert 0.4 < between[2] < 0.6
    # beyond the ends the curve is held
    held = _advance(context, mode="temperature", temperature=2000.0, curve=CURVE).neutral
    assert held == pytest.approx((0.9, 1, 0.4))


def test_a_neutral_beside_the_curve_has_the_temperature_of_its_nearest_point():
    off = FrameInfo(neutral=(0.6 * 1.02, 1.0, 0.6 * 1.02), self_describing=True)
    found = _advance(_context(off), curve=CURVE).temperature
    assert found == pytest.approx(5000, rel=0.03)


def test_a_curve_stands_in_for_the_matrices_of_the_file():
    with_both = _advance(_context(), curve=CURVE).temperature
    assert with_both != pytest.approx(_advance(_context()).temperature, rel=1e-3)


def test_a_tint_needs_matrices():
    context = _context(BARE)
    with pytest.raises(InputError, match=r"with a tint needs colour matrices.*tint 0"):
        _advance(context, mode="temperature", temperature=5000.0, tint=5.0, curve=CURVE)
    with pytest.raises(InputError, match="by temperature needs colour matrices"):
        _advance(context, mode="temperature", temperature=5000.0)


@pytest.mark.parametrize(
    "curve",
    [((5000.0, 0.5, 0.5),), ((5000.0, 0.5, 0.5), (4000.0, 0.6, 0.4)), ((500.0, 1, 1), (5000.0, 1, 1))],
)
def test_a_curve_rises_in_temperature(curve):
    with pytest.raises(ValueError, match="2 or more that rise"):
        WhiteBalance().check({"curve": curve})
