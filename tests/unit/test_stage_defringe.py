"""defringe against a slow NumPy version of its formulas, on fringes and on things that are purple by themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

from isp.errors import ProfileError
from tests.unit.stage_runner import around, resolved, run_stage


def cleaned(data, **params):
    data = np.ascontiguousarray(data, np.float32)
    return run_stage("defringe", data, around(data), "camera", **params)


def smooth(t):
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def by_hand(rgb, purple, green, radius, edge=0.4, hues=((240, 325), (90, 165))):
    """The formulas of the stage's header, plainly."""
    margin = radius
    full = np.pad(rgb.astype(np.float64), ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    r, g, b = np.moveaxis(full, -1, 0)
    luma, first, second = (r + 2 * g + b) / 4, r - (g + b) / 2, np.sqrt(3) / 2 * (g - b)
    size = 2 * radius + 1
    at_edge = smooth((maximum_filter(luma, size) - minimum_filter(luma, size)) / edge * 2 - 1)
    hue = np.degrees(np.arctan2(second, first))
    less = 0
    for amount, (start, stop) in zip((purple, green), hues, strict=True):
        middle, half = (start + stop) / 2, (stop - start) / 2
        share = np.hypot(first, second) * np.maximum(np.cos(np.radians(hue - middle)), 0) / (np.maximum(luma, 0) + 1e-3)

        def end(i, j, share=share):
            far = round(radius / np.hypot(i, j))
            return np.minimum(*(np.roll(share, (-j * n, -i * n), (0, 1)) for n in (far, (far + 1) // 2)))

        lines = [np.maximum(end(i, j), end(-i, -j)) for i, j in ((1, 0), (0, 1), (1, 1), (1, -1))]
        over = 1 - np.minimum(np.sort(lines, axis=0)[1] / np.maximum(share, 1e-9), 1)
        away = np.cos(np.radians(hue - middle))
        ends = np.cos(np.radians(half + 20)), np.cos(np.radians(half))
        less = less + amount * smooth((away - ends[0]) / (ends[1] - ends[0])) * over
    factor = (1 - at_edge * np.minimum(less, 1))[..., None]
    return (full[..., 1:2] + factor * (full - full[..., 1:2]))[margin:-margin, margin:-margin]


def window(blur=1.6, sigma=0.0, ground=0.03):
    """A bright window and thin bars before it; red and blue lie out of focus. (sharp, fringed)"""
    y, x = np.mgrid[:96, :120]
    sky = (np.abs(y - 48) < 30) & (np.abs(x - 60) < 40) & (np.abs(x - 50 - y / 4) > 2.5)
    sharp = np.repeat(np.where(sky, 1.2, ground)[..., None], 3, 2)
    fringed = sharp.copy()
    for c in (0, 2):
        fringed[..., c] = gaussian_filter(sharp[..., c], blur)
    noise = np.random.Generator(np.random.Philox(4)).standard_normal(sharp.shape) * sigma
    return sharp, np.clip(fringed + noise, None, 1.2)


def purple_excess(rgb):
    return np.maximum(np.minimum(rgb[..., 0], rgb[..., 2]) - rgb[..., 1], 0)


@pytest.mark.parametrize(("params", "sigma"), [
    ({"purple": 1.0, "green": 0.0, "radius": 5}, 0.0), ({"purple": 0.7, "green": 0.9, "radius": 4, "edge": 0.8}, 0.02),
])
def test_it_equals_the_formulas(params, sigma):
    data = window(sigma=sigma)[1].astype(np.float32)
    assert np.allclose(cleaned(data, **params), by_hand(data, **params), atol=2e-5)


def test_fringes_lose_their_colour_and_green_stays():
    sharp, fringed = window()
    result = cleaned(fringed, purple=1.0)
    assert np.array_equal(result[..., 1], np.float32(fringed[..., 1]))
    before, after = purple_excess(fringed).sum(), purple_excess(result).sum()
    assert after < 0.15 * before
    assert np.abs(result - sharp).mean() < 0.6 * np.abs(fringed - sharp).mean()


def test_green_fringes_are_another_band():
    sharp = window()[0]
    data = sharp.copy()
    data[..., 1] = gaussian_filter(sharp[..., 1], 1.6)
    excess = [np.maximum(v[..., 1] - v[..., [0, 2]].max(-1), 0).sum() for v in (
        data, cleaned(data, purple=1.0), cleaned(data, green=1.0))]
    assert excess[1] > 0.98 * excess[0]
    assert excess[2] < 0.2 * excess[0]


@pytest.mark.parametrize("beside", [1.2, 0.02])
def test_a_purple_thing_stays_purple_to_its_rim(beside):
    data = np.full((60, 80, 3), beside)
    data[15:45, 20:60] = (0.3, 0.12, 0.4)
    assert np.allclose(cleaned(data, purple=1.0), data, atol=1e-6)


def test_weak_edges_have_no_fringes():
    data = window()[1] * 0.15
    assert np.allclose(cleaned(data, purple=1.0), data, atol=1e-6)
    assert not np.allclose(cleaned(data, purple=1.0, edge=0.1), data, atol=1e-3)


def test_other_hues_are_left_alone():
    sharp, fringed = window()
    data = np.stack([fringed[..., 0], sharp[..., 0], sharp[..., 0]], -1)  # red seams
    assert np.allclose(cleaned(data, purple=1.0), data, atol=1e-6)


def test_off_by_default_and_then_skipped():
    data = window()[1]
    stage, values = resolved("defringe", around(data), "camera")
    assert stage.identity(values, around(data))
    assert np.allclose(cleaned(data), data, atol=1e-6)


@pytest.mark.parametrize("hues", [[300.0, 300.0], [320.0, 250.0], [100.0, 300.0]])
def test_hues_must_rise(hues):
    with pytest.raises(ProfileError, match=r"purple_hues \[.*\] must rise, by at most 160 deg"):
        resolved("defringe", around(np.zeros((8, 8, 3))), "camera", purple_hues=hues)
