"""Scenes drawn from formulas: tiles, areas, colours, statistics."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from sensors.scenes import View, make_scene
from sensors.scenes.coverage import disk, half_plane, inside, interval
from sensors.scenes.materials import color_chart
from sensors.scenes.star import SiemensStar
from sensors.spectrum import make_light, to_xyz

PATTERNS = [
    "uniform",
    "dark",
    "chart",
    "grey-steps",
    "slanted-edge",
    "slanted-edge?horizontal=1&angle=-5",
    "siemens?cycles=36",
    "siemens?cycles=36&kind=sine",
    "dead-leaves?smallest=0.01",
    "dead-leaves?smallest=0.01&colored=1",
    "dots",
    "composed",
]


class Barrel:
    """A warp such as a lens makes: another one in each channel."""

    def positions(self, channel, x, y, frame):
        u, v = (x - frame[0] / 2) / frame[1], (y - frame[1] / 2) / frame[1]
        scale = 1 + (0.03 + 0.01 * channel) * (u * u + v * v)
        return frame[0] / 2 + u * scale * frame[1], frame[1] / 2 + v * scale * frame[1]


def grid(count):
    """Midpoints of `count` equal parts of the unit interval around 0."""
    return (np.arange(count) + 0.5) / count - 0.5


def table_of(scene, channels=3):
    return np.random.default_rng(7).random((len(scene.factors), channels)).astype(np.float32)


@pytest.mark.parametrize("warp", [None, Barrel()], ids=["straight", "warped"])
@pytest.mark.parametrize("spec", PATTERNS)
def test_a_tile_is_that_part_of_the_whole(spec, warp):
    scene = make_scene(spec)
    frame, table = (101, 75), table_of(scene)
    whole = scene.planes(View(frame, -5, -4, 113, 84, warp), table)
    assert whole.shape == (3, 84, 113)
    assert whole.dtype == np.float32
    for x, y, w, h in [(-5, -4, 113, 1), (-5, -4, 1, 84), (0, 0, 50, 37), (31, 29, 17, 19), (90, 60, 18, 20)]:
        tile = scene.planes(View(frame, x, y, w, h, warp), table)
        assert np.array_equal(tile, whole[:, y + 4 : y + 4 + h, x + 5 : x + 5 + w])


@pytest.mark.parametrize("spec", PATTERNS)
def test_channels_are_seen_one_by_one_through_a_warp(spec):
    class Straight:
        def positions(self, channel, x, y, frame):
            return x + 0 * y, y + 0 * x

    scene = make_scene(spec)
    table = table_of(scene)
    plain = scene.planes(View((64, 48), 0, 0, 64, 48), table)
    warped = scene.planes(View((64, 48), 0, 0, 64, 48, Straight()), table)
    np.testing.assert_allclose(warped, plain, atol=2e-6)


@pytest.mark.parametrize("angle", [0.0, 1e-7, 5.0, 30.0, 45.0, 90.0, 200.0])
def test_half_plane_is_an_area(angle):
    nx, ny = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    x, y = np.meshgrid(grid(1000), grid(1000))
    for distance in np.linspace(-0.9, 0.9, 25):
        expected = np.mean(x * nx + y * ny + distance > 0)
        found = half_plane(np.array(distance), np.array(nx), np.array(ny))
        assert found == pytest.approx(expected, abs=2e-3)
        assert inside(np.array([distance]), nx, ny)[0] == np.float32(found)


def test_half_plane_is_exactly_all_or_nothing_away_from_the_edge():
    turns = np.random.default_rng(1).random(500) * 2 * math.pi
    nx, ny = np.cos(turns), np.sin(turns)
    assert np.all(half_plane(np.full(500, 0.7072), nx, ny) == 1.0)
    assert np.all(half_plane(np.full(500, -0.7072), nx, ny) == 0.0)


def test_interval_is_a_length():
    assert interval(np.array([0.5, 1.0, 1.5, 9.0]), 1.0, 1.25).tolist() == [0.0, 0.25, 0.25, 0.0]


@pytest.mark.parametrize("radius", [1.0, 3.7, 40.0])
def test_disk_error_is_bounded(radius):
    generator = np.random.default_rng(3)
    turn, away = generator.random(200) * 2 * math.pi, radius + generator.random(200) - 0.5
    x, y = away * np.cos(turn), away * np.sin(turn)
    fine = grid(200)
    exact = [np.mean((a + fine[:, None]) ** 2 + (b + fine[None]) ** 2 < radius**2) for a, b in zip(x, y, strict=True)]
    assert np.abs(disk(x, y, radius) - exact).max() < 1 / (8 * radius) + 5e-3


def test_slanted_edge_is_sampled_by_area():
    scene = make_scene("slanted-edge?angle=7&contrast=5&light=0.5")
    found = scene.planes(View((20, 16), 0, 0, 20, 16), np.array([[0.0], [1.0]], np.float32))[0]
    fine = (np.arange(16 * 100) + 0.5) / 100
    x, y = np.meshgrid((np.arange(20 * 100) + 0.5) / 100, fine)
    turn = math.radians(7)
    light = (x - 10) * math.cos(turn) + (y - 8) * math.sin(turn) > 0
    np.testing.assert_allclose(found, light.reshape(16, 100, 20, 100).mean(axis=(1, 3)), atol=6e-3)
    assert scene.factors[1, 0] / scene.factors[0, 0] == pytest.approx(5)


@pytest.mark.parametrize(("kind", "cycles"), [("binary", 36), ("binary", 144), ("sine", 36), ("sine", 144)])
def test_siemens_star_is_sampled_by_area(kind, cycles):
    star = SiemensStar(cycles, kind)
    x, y = (part.ravel() for part in np.meshgrid(np.arange(-40, 40) + 0.5, np.arange(-3, 40) + 0.5))
    fine = grid(64)
    exact = np.empty(x.size)
    for i in range(x.size):
        wave = np.cos(cycles * np.arctan2(y[i] + fine[:, None], x[i] + fine[None]))
        exact[i] = np.mean(wave < 0) if kind == "binary" else 0.5 - 0.5 * wave.mean()
    error = np.abs(star.light_share(x, y) - exact)
    # the midpoint grid that is compared with is itself good to about 1 / 64 of an edge
    assert error.max() < (0.02 if kind == "binary" else 0.01)
    assert error.mean() < 2e-3


def test_siemens_star_is_the_same_at_every_resolution():
    scene = make_scene("siemens?cycles=12&light=1&contrast=2")
    table = np.array([[0.0], [1.0]], np.float32)
    small = scene.planes(View((40, 40), 0, 0, 40, 40), table)[0]
    large = scene.planes(View((400, 400), 0, 0, 400, 400), table)[0]
    np.testing.assert_allclose(small, large.reshape(40, 10, 40, 10).mean(axis=(1, 3)), atol=0.022)


def test_chart_patches_have_the_colours_of_their_spectra():
    import colour

    light = make_light("D65", 1000.0)
    scene = make_scene("chart")
    xyz = to_xyz(scene.radiance(light))
    ours = xyz[:24] / (1000.0 / np.pi)
    reference = colour.SDS_COLOURCHECKERS["ISO 17321-1"]
    shape = colour.SpectralShape(380, 780, 5)
    d65 = colour.SDS_ILLUMINANTS["D65"].copy().align(shape)
    cmfs = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape)
    for row, sd in zip(ours, reference.values(), strict=True):
        theirs = colour.sd_to_XYZ(sd.copy().align(shape), cmfs, d65, method="Integration") / 100
        np.testing.assert_allclose(row, theirs, atol=2e-4)


def test_chart_shows_each_patch_where_its_region_says():
    scene = make_scene("chart")
    table = np.arange(len(scene.factors), dtype=np.float32)[:, None]
    plane = scene.planes(View((300, 200), 0, 0, 300, 200), table)[0]
    regions = scene.regions((300, 200))
    assert [r["name"] for r in regions] == list(color_chart()[0])
    for number, region in enumerate(regions):
        (left, top), _, (right, bottom), _ = region["inner"]
        part = plane[math.ceil(top) : math.floor(bottom), math.ceil(left) : math.floor(right)]
        assert part.size > 100
        np.testing.assert_allclose(part, number, atol=1e-5)
    # the area of all patches, and nothing else, is what their corners say
    area = sum((r["corners"][2][0] - r["corners"][0][0]) ** 2 for r in regions)
    ones = np.r_[np.ones(24), 0, 0].astype(np.float32)[:, None]
    assert scene.planes(View((300, 200), 0, 0, 300, 200), ones).sum() == pytest.approx(area, rel=1e-5)


def test_grey_steps_are_equal_in_density():
    scene = make_scene("grey-steps?steps=12&density=0.15&lightest=0.1")
    densities = -np.log10(scene.factors[:12, 40])
    np.testing.assert_allclose(np.diff(densities), 0.15, atol=1e-12)
    assert densities[0] == pytest.approx(0.1)


def test_dots_lie_where_their_regions_say():
    scene = make_scene("dots?pitch=0.1&diameter=0.4")
    plane = scene.planes(View((300, 200), 0, 0, 300, 200), np.array([[1.0], [0.0]], np.float32))[0]
    regions = scene.regions((300, 200))
    assert len(regions) == 15 * 9
    assert "dot 0 0" in {r["name"] for r in regions}
    for region in regions:
        (left, top), _, (right, bottom), _ = region["corners"]
        x0, y0 = math.floor(left) - 1, math.floor(top) - 1
        part = plane[max(y0, 0) : math.ceil(bottom) + 1, max(x0, 0) : math.ceil(right) + 1].astype(np.float64)
        assert part.sum() == pytest.approx(math.pi * 4**2, rel=0.01)
        v, u = np.mgrid[: part.shape[0], : part.shape[1]] + 0.5
        assert (part * u).sum() / part.sum() + max(x0, 0) == pytest.approx((left + right) / 2, abs=0.01)
        assert (part * v).sum() / part.sum() + max(y0, 0) == pytest.approx((top + bottom) / 2, abs=0.01)
    # outside the frame the grid goes on
    beyond = scene.planes(View((300, 200), 300, 95, 20, 10), np.array([[1.0], [0.0]], np.float32))[0]
    assert beyond[3:7, 8:12].min() == 1


def test_radiance_of_a_field_is_absolute():
    light = make_light("D50", 500.0)
    luminance = to_xyz(make_scene("uniform?reflectance=0.25").radiance(light))[0, 1]
    assert luminance == pytest.approx(0.25 * 500 / math.pi, rel=1e-6)
    assert not make_scene("dark").radiance(light).any()


def test_dead_leaves_lie_in_front_of_each_other():
    scene = make_scene("dead-leaves?smallest=0.03&largest=0.3&low=0&high=1")
    size = 96
    found = scene.planes(View((size, size), 0, 0, size, size), np.full((3, 1), 1 / 3, np.float32))[0]
    disks = scene.disks(1.0)
    x, y = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    expected, left = np.zeros((size, size)), np.ones((size, size))
    for (cx, cy, r), rgb in zip(disks.place * size, disks.rgb, strict=True):
        share = left * disk(x - cx, y - cy, r)
        expected += share * rgb[0]
        left -= share
    np.testing.assert_allclose(found, expected + 0.5 * left, atol=2e-5)


def test_dead_leaves_follow_the_power_laws():
    scene = make_scene("dead-leaves?seed=4&smallest=0.001")
    radii = scene.disks(1.0).place[:, 2]
    # the share of radii above r falls with r^-2
    counts = [np.count_nonzero(radii > r) for r in (0.002, 0.004, 0.008)]
    assert counts[0] / counts[1] == pytest.approx(4, rel=0.05)
    assert counts[1] / counts[2] == pytest.approx(4, rel=0.1)
    size = 1024
    plane = scene.planes(View((size, size), 0, 0, size, size), np.full((3, 1), 1 / 3, np.float32))[0]
    window = np.hanning(size)[:, None] * np.hanning(size)
    power = np.abs(np.fft.rfft2((plane - plane.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    bands = np.geomspace(8 / size, 0.2, 9)
    means = [power[(frequency >= a) & (frequency < b)].mean() for a, b in pairwise(bands)]
    middles = np.sqrt(bands[:-1] * bands[1:])
    slope = np.polyfit(np.log(middles), np.log(means), 1)[0]
    # -2 for scale invariance (Lee, Mumford, Huang 2001); Cao et al. 2009 give -1.93
    assert -2.1 < slope < -1.75


def test_dead_leaves_are_the_same_at_every_resolution():
    scene = make_scene("dead-leaves?smallest=0.02")
    table = np.full((3, 1), 1 / 3, np.float32)
    small = scene.planes(View((60, 45), 0, 0, 60, 45), table)[0]
    large = scene.planes(View((600, 450), 0, 0, 600, 450), table)[0]
    difference = small - large.reshape(45, 10, 60, 10).mean(axis=(1, 3))
    assert np.abs(difference).mean() < 0.006


def test_seeds_make_different_leaves():
    table = np.full((3, 1), 1 / 3, np.float32)
    view = View((64, 48), 0, 0, 64, 48)
    one, same, other = (make_scene(f"dead-leaves?smallest=0.01&seed={s}").planes(view, table) for s in (1, 1, 2))
    assert np.array_equal(one, same)
    assert np.abs(one - other).mean() > 0.03


def test_composed_has_depth_and_regions_inside_the_frame():
    scene = make_scene("composed")
    depth = scene.depth(View((160, 120), 0, 0, 160, 120))
    assert depth.shape == (120, 160)
    assert 1.0 < depth.min() < 1.3
    assert depth.max() == pytest.approx(3.0)
    regions = scene.regions((160, 120))
    assert {"dark skin", "edge", "star", "leaves", "grey ramp", "dark"} <= {r["name"] for r in regions}
    corners = np.array([r["corners"] for r in regions]).reshape(-1, 2)
    assert corners.min() > 0
    assert (corners.max(axis=0) < (160, 120)).all()
    assert scene.factors.max() > 15


def test_composed_is_the_same_at_every_resolution():
    scene = make_scene("composed")
    table = scene.factors[:, 35:36].astype(np.float32)
    small = scene.planes(View((80, 60), 0, 0, 80, 60), table)[0]
    large = scene.planes(View((800, 600), 0, 0, 800, 600), table)[0]
    difference = np.abs(small - large.reshape(60, 10, 80, 10).mean(axis=(1, 3)))
    assert np.quantile(difference, 0.9) < 0.02
