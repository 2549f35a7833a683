"""Tone curve: anchors, monotony, accuracy of the table, free points against SciPy, and what `hue` keeps."""

import numpy as np
import pytest

from isp.color.spaces import conversion, rgb_to_xyz
from isp.errors import ProfileError
from isp.stages.tone_curve import MID_GREY, filmic
from tests.unit.stage_runner import around, resolved, run_stage

LOOKS = [
    {},
    {"contrast": 0.6, "white": 2.0},
    {"contrast": 1.8, "toe": 1.0, "shoulder": 4.0},
    {"black": 0.02, "grey": 0.3},
    {"white": 10.0, "contrast": 1.6, "shoulder": 0.6},
    {"white": 0.5, "contrast": 0.5, "grey": 0.05},
    {"contrast": 3.0, "toe": 10.0, "black": 0.05, "grey": 0.5, "shoulder": 6.0, "white": 12.0},
]


def _run(rgb, **params):
    rgb = np.ascontiguousarray(rgb, np.float32)
    return run_stage("tone_curve", rgb, around(rgb), "scene", **params)


def _grey(values, **params):
    ramp = np.repeat(np.asarray(values, np.float32), 3).reshape(1, -1, 3)
    return _run(np.repeat(ramp, 4, axis=0), **params)[0, :, 1].astype(np.float64)


def _values(**params):
    context = around(np.zeros((4, 4, 3), np.float32))
    return resolved("tone_curve", context, "scene", **params)[1]


@pytest.mark.parametrize("look", LOOKS)
def test_the_parametric_curve_meets_its_anchors(look):
    values = _values(**look)
    white = MID_GREY * 2.0 ** values["white"]
    x = np.concatenate([[0, MID_GREY, white, 10 * white], np.geomspace(1e-6, 2 * white, 500)])
    y = filmic(x, values)
    assert y[0] == 0
    assert y[1] == pytest.approx(values["grey"], abs=1e-12)
    assert y[2] == pytest.approx(1, abs=1e-12)
    assert y[3] == pytest.approx(1, abs=1e-12)
    assert (np.diff(y[4:]) >= -1e-15).all()
    assert ((y >= 0) & (y <= 1 + 1e-12)).all()


def test_contrast_is_the_slope_at_mid_grey_up_to_the_shoulder():
    """With a far white and a hard shoulder nothing but contrast acts at mid-grey."""
    values = _values(contrast=1.5, white=8.0, shoulder=6.0, toe=4.0)
    step = 1e-4
    y = np.log2(filmic(MID_GREY * 2.0 ** np.array([-step, step]), values))
    assert (y[1] - y[0]) / (2 * step) == pytest.approx(1.5, abs=1e-3)
    # and far below it has let up: the curve is a straight line towards black
    y = np.log2(filmic(MID_GREY * 2.0 ** np.array([-19.0, -18.0]), values))
    assert y[1] - y[0] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("look", LOOKS[:5])
def test_the_definition_interpolates_closely_and_never_falls(look):
    white = MID_GREY * 2.0 ** _values(**look)["white"]
    x = np.concatenate([[0.0], np.geomspace(1e-5, 2 * white, 4000)])
    y = _grey(x, **look)
    exact = filmic(x.astype(np.float32).astype(np.float64), _values(**look))
    # on a scale where steps look alike
    assert np.abs(np.sqrt(np.maximum(y, 0)) - np.sqrt(exact)).max() < 2e-4
    assert np.abs(y - exact).max() < 3e-5
    assert np.diff(y).min() >= -1.2e-7
    assert y.max() == pytest.approx(1.0, abs=1e-6)


def test_negative_values_mirror_so_that_noise_keeps_its_mean():
    x = np.geomspace(1e-4, 0.1, 50)
    np.testing.assert_allclose(_grey(-x), -_grey(x), atol=1e-7)


def test_free_points_are_met_and_monotone_as_scipys_pchip():
    interpolate = pytest.importorskip("scipy.interpolate")
    points = np.array([[0, 0.01], [0.02, 0.02], [0.1, 0.16], [0.18, 0.16], [0.4, 0.6], [1.4, 1.0]])
    np.testing.assert_allclose(_grey(points[:, 0], points=points.tolist()), points[:, 1], atol=2e-4)
    x = np.linspace(0, 2, 3000)
    y = _grey(x, points=points.tolist())
    pchip = interpolate.PchipInterpolator(*np.sqrt(points + 0.01).T)
    expected = pchip(np.sqrt(np.minimum(x, 1.4) + 0.01)) ** 2 - 0.01
    np.testing.assert_allclose(y, expected, atol=5e-5)
    assert np.diff(y).min() >= -1.2e-7


def test_two_points_make_a_curve_and_it_is_constant_beyond_them():
    y = _grey([0.0, 0.05, 0.1, 0.5, 0.9], points=[[0.1, 0.2], [0.5, 0.8]])
    np.testing.assert_allclose(y[[0, 1, 2, 3, 4]], [0.2, 0.2, 0.2, 0.8, 0.8], atol=1e-3)
    assert y[4] == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize(
    "points", [[[0.1, 0.2]], [[0, 0], [0, 1]], [[0, 0.5], [1, 0.4]], [[0, 0], [1, 1.2]], [[0.5, 0], [0.2, 1]]]
)
def test_points_that_are_no_curve_are_refused(points):
    with pytest.raises(ProfileError, match="2 or more pairs"):
        _values(points=points)


def test_hue_keeps_the_ratio_of_differences():
    rgb = np.random.default_rng(1).uniform(0.02, 0.9, (20, 20, 3)).astype(np.float32)

    def middle(picture):
        low, mid, high = np.moveaxis(np.sort(picture.astype(np.float64), axis=2), 2, 0)
        return (mid - low) / np.maximum(high - low, 1e-9)

    kept, separate, half = (_run(rgb, hue=h, perceptual=0) for h in (1.0, 0.0, 0.5))
    vivid = np.ptp(rgb, axis=2) > 0.1
    np.testing.assert_allclose(middle(kept)[vivid], middle(rgb)[vivid], atol=1e-4)
    np.testing.assert_allclose(half, (kept + separate) / 2, atol=1e-6)
    each = np.stack([_grey(rgb[..., c].ravel()).reshape(20, 20) for c in range(3)], axis=2)
    np.testing.assert_allclose(separate, each, atol=1e-6)
    np.testing.assert_allclose(kept.max(2), separate.max(2), atol=1e-6)
    np.testing.assert_allclose(kept.min(2), separate.min(2), atol=1e-6)


COLOURS = {
    "red": (0.4, 0.02, 0.02), "orange": (0.5, 0.2, 0.02), "skin": (0.38, 0.22, 0.16), "yellow": (0.45, 0.4, 0.03),
    "green": (0.05, 0.3, 0.04), "sky": (0.1, 0.2, 0.42), "blue": (0.03, 0.05, 0.45), "magenta": (0.35, 0.04, 0.3),
}
"""Linear sRGB."""


def _oklab(rgb):
    colour = pytest.importorskip("colour")
    return colour.XYZ_to_Oklab(rgb @ rgb_to_xyz("rec2020").T)


@pytest.mark.parametrize("name", COLOURS)
def test_highlights_roll_off_to_white_without_changing_their_hue(name):
    """0 to +5 EV through the curve of `natural`: hue within 2 degrees, chroma never jumps, white in the end."""
    natural = {"grey": 0.22, "contrast": 1.4, "white": 2.8}
    start = np.array(COLOURS[name]) @ conversion("srgb", "rec2020").T
    stops = np.linspace(0, 5, 101)
    ramp = start * 2.0 ** stops[:, None]
    out = _run(np.repeat(ramp[None], 4, axis=0), **natural)[0].astype(np.float64)
    lab = _oklab(out)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    _, a, b = _oklab(start)
    turn = np.degrees(np.arctan2(lab[:, 2] * a - lab[:, 1] * b, lab[:, 1] * a + lab[:, 2] * b))
    assert np.abs(turn[chroma > 0.02]).max() < 2
    assert np.abs(np.diff(chroma)).max() < 0.02
    # falling once it falls, up to a ripple that nobody sees
    peak = chroma.argmax()
    assert np.diff(chroma[peak:]).max() < 0.003
    assert np.diff(lab[:, 0]).min() > -0.001
    channels = _run(np.repeat(ramp[None], 4, axis=0), **natural, perceptual=0)[0]
    assert np.abs(np.hypot(*_oklab(channels)[:, 1:].T) - chroma).max() < 0.01


def test_the_hue_correction_leaves_greys_exactly():
    grey = np.repeat(np.geomspace(1e-6, 4, 64, dtype=np.float32), 3).reshape(1, -1, 3).repeat(4, axis=0)
    out = _run(grey)
    np.testing.assert_array_equal(out[..., 0], out[..., 1])
    np.testing.assert_array_equal(out, _run(grey, perceptual=0))


def test_bright_colours_end_in_white():
    assert (_run(np.full((4, 4, 3), [30.0, 12.0, 9.0])) > 1 - 1e-6).all()
