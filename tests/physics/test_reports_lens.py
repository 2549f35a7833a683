"""Dots and leaves behind the simulated lens: reports find the lens's own numbers."""

from __future__ import annotations

import numpy as np
import pytest

from isp.values import Picture
from reports.charts.dots import find_dots
from reports.metrics import distortion, lateral_color, texture_mtf
from reports.source import Source
from sensors import capture
from sensors.optics import Lens
from tests.physics.sensor_fakes import sensor
from tests.unit.stage_runner import around, run_stage

SIZE = (1000, 752)
HALF = float(np.hypot(*SIZE)) / 2


def electrons(scene, part, lens):
    """Mean electrons of a capture, 1 for the brightest pixel."""
    truth = capture(scene, part, size=SIZE, exposure=0.01, lens=lens, truth=True)[1]
    return np.asarray(truth.electrons / truth.electrons.max(), np.float32), truth


def grey(plane):
    return Source(Picture.from_array(np.repeat(plane[..., None], 3, 2), "srgb", "linear", "scene"))


@pytest.mark.parametrize("k", [(0.06, 0.0, 0.0), (-0.05, 0.02, 0.0)])
def test_distortion_of_the_lens_comes_back(k):
    plane, _ = electrons("dots?pitch=0.06", sensor(), Lens(distortion=k))
    grid = find_dots(grey(plane))
    found = distortion(grid.centres, grid.indices, grid.size)
    assert len(grid.centres) > 300
    assert found.residual < 0.03
    assert found.corner == pytest.approx(100 / (1 + sum(k)) - 100, abs=0.02)
    assert found.curve([0.5]) == pytest.approx(100 / (1 + k[0] / 4 + k[1] / 16) - 100, abs=0.01)
    assert found.k1 == pytest.approx(k[0], abs=2e-3)
    assert (found.center_x, found.center_y) == pytest.approx((SIZE[0] / 2, SIZE[1] / 2), abs=1)


def test_lateral_color_of_the_lens_comes_back_through_a_demosaic():
    lens = Lens(distortion=(0.03,), lateral={"R": 1.002, "B": 0.9985})
    mosaic, truth = electrons("dots?pitch=0.06", sensor(cfa="RGGB"), lens)
    balance = np.asarray(truth.neutral)
    gains = np.tile(1 / balance[[[0, 1], [1, 2]]], (SIZE[1] // 2, SIZE[0] // 2))
    flat = np.asarray(mosaic * gains / gains.max(), np.float32)
    # a method that takes colour differences as smooth draws red and blue towards green, by a third here
    picture = run_stage("demosaic", flat, around(flat), method="bilinear")
    found = lateral_color(picture / picture.max())
    assert found.red_corner == pytest.approx(0.002 * HALF, abs=0.05)
    assert found.blue_corner == pytest.approx(-0.0015 * HALF, abs=0.05)


def test_texture_of_the_simulated_chart_shows_the_lens():
    # the picture of a point is a Gaussian, given as samples fine enough to be band limited
    sigma = 1.2
    at = np.arange(-8, 9)
    spot = np.exp(-(at[:, None] ** 2 + at**2) / (2 * sigma**2))
    lens = Lens(diffraction=False, psf=spot, psf_um=2.0)
    scene = "dead-leaves?seed=4&smallest=0.002"
    plane, truth = electrons(scene, sensor(), lens)
    noisy = plane + np.random.Generator(np.random.Philox(1)).normal(0, 0.01, plane.shape)
    (region,) = (r for r in truth.regions if r["kind"] == "texture")
    (left, top), _, (right, bottom), _ = np.array(region["corners"]).astype(int)
    part = np.s_[top:bottom, left:right]
    found = texture_mtf(noisy[part], reference=truth.ideal.pixels[part])
    expected = np.exp(-2 * np.pi**2 * sigma**2 * found.frequency**2)
    used = found.frequency < 0.3
    assert found.mtf[used] == pytest.approx(expected[used], abs=0.025)
    assert found.mtf50 == pytest.approx(np.sqrt(np.log(2) / 2) / np.pi / sigma, rel=0.02)
