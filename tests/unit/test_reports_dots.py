"""The finder of dots: grids that are bent, cut, dirty, noisy or not there."""

from __future__ import annotations

import numpy as np
import pytest

from isp.values import Picture
from reports.charts.dots import find_dots
from reports.source import Source
from sensors.scenes import View, make_scene

SIZE = (800, 600)


class Radial:
    """Looks at r (1 + k r^2), radius 1 at half the diagonal."""

    def __init__(self, k):
        self.k = k

    def positions(self, channel, x, y, frame):
        u, v = x - frame[0] / 2, y - frame[1] / 2
        factor = 1 + self.k * (u * u + v * v) / ((frame[0] ** 2 + frame[1] ** 2) / 4)
        return frame[0] / 2 + u * factor, frame[1] / 2 + v * factor


def plane_of(spec="dots", warp=None, size=SIZE):
    return make_scene(spec).planes(View(size, 0, 0, *size, warp), np.array([[0.05], [0.8]], np.float32))[0]


def found_in(plane):
    pixels = np.repeat(np.asarray(plane, np.float32)[..., None], 3, 2)
    return find_dots(Source(Picture.from_array(pixels, "srgb", "linear", "scene")))


def error(grid, k=0.0, pitch=30.0):
    """(N, 2) from where the centres look in the scene to where their dots lie [px]."""
    d = grid.centres - np.array(grid.size) / 2
    r2 = (d**2).sum(1) / ((grid.size[0] ** 2 + grid.size[1] ** 2) / 4)
    return d * (1 + k * r2)[:, None] - grid.indices * pitch


@pytest.mark.parametrize("k", [0.0, 0.05, -0.05])
def test_dots_are_found_where_the_lens_puts_them(k):
    grid = found_in(plane_of(warp=Radial(k)))
    assert np.abs(error(grid, k)).max() < 0.03
    assert len(grid.centres) > 450
    assert len(np.unique(grid.indices, axis=0)) == len(grid.indices)
    assert grid.pitch == pytest.approx(30, rel=1e-3)
    assert grid.diameter == pytest.approx(15, rel=0.1)


def test_missing_and_dirty_dots_leave_the_others_in_place():
    plane = plane_of().copy()
    random = np.random.Generator(np.random.Philox(1))
    for x, y in random.integers(-11, 12, (40, 2)).tolist():
        plane[300 + 30 * y - 12 : 300 + 30 * y + 12, 400 + 30 * x - 12 : 400 + 30 * x + 12] = 0.8
    plane[205:235, 100:300] = 0.1
    plane += random.normal(0, 0.02, plane.shape)
    grid = found_in(plane)
    assert 350 < len(grid.centres) < 460
    # dots that dirt touches are drawn towards it
    assert np.abs(error(grid)).max() < 0.5
    assert np.sqrt(np.mean(error(grid) ** 2)) < 0.04


def test_shading_does_not_move_centroids():
    slope = np.linspace(1, 0.4, SIZE[0])[None, :] * np.linspace(0.7, 1, SIZE[1])[:, None]
    grid = found_in(plane_of() * slope)
    assert len(grid.centres) > 450
    assert np.abs(error(grid)).max() < 0.02


def test_a_turned_grid_is_numbered_along_its_own_axes():
    class Turned:
        def positions(self, channel, x, y, frame):
            c, s = np.cos(np.radians(4)), np.sin(np.radians(4))
            u, v = x - frame[0] / 2, y - frame[1] / 2
            return frame[0] / 2 + c * u + s * v, frame[1] / 2 - s * u + c * v

    grid = found_in(plane_of(warp=Turned()))
    turn = np.array([[np.cos(np.radians(4)), np.sin(np.radians(4))], [-np.sin(np.radians(4)), np.cos(np.radians(4))]])
    assert np.abs((grid.centres - np.array(SIZE) / 2) - 30 * grid.indices @ turn).max() < 0.03
    assert len(grid.outlines()) == len(grid.centres) > 400


@pytest.mark.parametrize("spec", ["uniform", "chart", "siemens", "slanted-edge", "dead-leaves?smallest=0.004"])
def test_other_scenes_have_no_dots(spec):
    scene = make_scene(spec)
    table = scene.factors[:, 30:31].astype(np.float32)
    assert found_in(scene.planes(View((320, 240), 0, 0, 320, 240), table)[0]) is None


def test_noise_and_black_have_no_dots():
    assert found_in(np.random.Generator(np.random.Philox(2)).random((240, 320))) is None
    assert found_in(np.zeros((240, 320))) is None
    assert found_in(np.zeros((4, 4))) is None
