"""Lateral colour of pictures whose channels were moved by a known amount."""

from __future__ import annotations

import numpy as np
import pytest

from isp.errors import UsageError
from isp.values import Picture
from reports.metrics import lateral_color
from reports.source import Source
from sensors.scenes import View, make_scene

SIZE = (800, 600)
HALF = 500.0


class Lateral:
    """Channels of different size, behind barrel distortion."""

    def __init__(self, scales):
        self.scales = scales

    def positions(self, channel, x, y, frame):
        u, v = ((p - side / 2) / self.scales[channel] for p, side in zip((x, y), frame, strict=True))
        factor = 1 + 0.03 * (u * u + v * v) / HALF**2
        return frame[0] / 2 + u * factor, frame[1] / 2 + v * factor


def picture(spec, scales, noise=0.005):
    scene = make_scene(spec)
    table = np.repeat(scene.factors[:, 30:31], 3, 1).astype(np.float32)
    pixels = scene.planes(View(SIZE, 0, 0, *SIZE, Lateral(scales)), table).transpose(1, 2, 0)
    return pixels + np.random.Generator(np.random.Philox(1)).normal(0, noise, pixels.shape)


@pytest.mark.parametrize("spec", ["dots", "dead-leaves?smallest=0.01"])
def test_scales_of_the_channels_come_back(spec):
    found = lateral_color(picture(spec, (1.003, 1.0, 0.998)))
    assert found.red_corner == pytest.approx(0.003 * HALF, abs=0.03)
    assert found.blue_corner == pytest.approx(-0.002 * HALF, abs=0.03)
    assert found.red_corner_interval[1] - found.red_corner_interval[0] < 0.1
    assert found.worst == found.red == pytest.approx(0.003 * HALF * found.radius.max(), abs=0.03)
    # at every single place too
    good = np.isfinite(found.red_shift)
    assert good.sum() > 20
    assert np.abs(found.red_shift - 0.003 * HALF * found.radius)[good].max() < 0.1
    assert found.curve("blue", [0.5]) == pytest.approx([-0.5], abs=0.05)


def test_without_lateral_color_there_is_none():
    found = lateral_color(picture("dots", (1.0, 1.0, 1.0)))
    assert found.worst < 0.02
    assert found.worst_interval[0] >= 0


def test_the_cubic_part_comes_back():
    class Cubic(Lateral):
        def positions(self, channel, x, y, frame):
            u, v = x - frame[0] / 2, y - frame[1] / 2
            factor = 1 - (0.002 * (u * u + v * v) / HALF**2 if channel == 0 else 0.0)
            return frame[0] / 2 + u * factor, frame[1] / 2 + v * factor

    scene = make_scene("dots")
    table = np.repeat(scene.factors[:, 30:31], 3, 1).astype(np.float32)
    pixels = scene.planes(View(SIZE, 0, 0, *SIZE, Cubic((1, 1, 1))), table).transpose(1, 2, 0)
    found = lateral_color(Source(Picture.from_array(pixels, "srgb", "linear", "scene")))
    # moved outwards by 0.002 r^3 of 500 px
    assert found.red_corner == pytest.approx(1.0, abs=0.03)
    assert found.red_terms == pytest.approx([0, 1.0], abs=0.05)
    assert found.blue_corner == pytest.approx(0, abs=0.02)


def test_edges_of_one_direction_tell_radial_shifts():
    found = lateral_color(picture("slanted-edge?angle=3", (1.003, 1.0, 0.998)))
    # through the middle the edge runs along the radius, where it shows no radial shift
    assert str(found.worst).startswith("n.a.")
    assert "places with neutral detail are too few" in found.worst.reason


def test_spokes_along_the_radius_are_left_out():
    found = lateral_color(picture("siemens?cycles=36", (1.003, 1.0, 0.998)))
    good = np.isfinite(found.red_shift)
    assert np.abs(found.red_shift - 0.003 * HALF * found.radius)[good].max(initial=0) < 0.1
    # the rim of the star is all that is left, at one distance from the middle
    assert not found.worst.known


@pytest.mark.parametrize("shape", [(600, 800, 3), (20, 20, 3)])
def test_flat_and_small_pictures_have_no_value(shape):
    found = lateral_color(np.full(shape, 0.3))
    assert "0 places with neutral detail are too few" in str(found.red)
    assert not found.blue_corner.known


def test_coloured_detail_is_left_out():
    random = np.random.Generator(np.random.Philox(3))
    pixels = np.repeat(np.repeat(random.random((75, 100, 3)), 8, 0), 8, 1)
    assert not lateral_color(pixels).worst.known


def test_grey_arrays_are_refused():
    with pytest.raises(UsageError, match=r"picture of shape \(9, 9\) must be \(H, W, 3\)"):
        lateral_color(np.zeros((9, 9)))
