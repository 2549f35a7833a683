"""Distortion of grids made by Brown's polynomial, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from isp.errors import NumericError, UsageError
from reports.metrics import distortion

SIZE = (4000, 3000)
HALF = 2500.0


def image_radius(scene, k):
    """Radius in the picture whose place in the scene is `scene`, radii in halves of the diagonal."""
    return brentq(lambda r: r * (1 + k[0] * r**2 + k[1] * r**4 + k[2] * r**6) - scene, 0, 1.25)


def grid(k, *, centre=(0.0, 0.0), noise=0.05, tilt=(0.0, 0.0), seed=1, pitch=0.06):
    """Points and indices; the grid is turned and tilted by `tilt`; `centre` of distortion in halves of the diagonal."""
    j, i = np.mgrid[-14:15, -18:19]
    indices = np.stack([i.ravel(), j.ravel()], 1)
    scene = indices @ np.array([[1, 0.01], [-0.01, 1]]) * pitch
    scene = scene / (1 + scene @ np.array(tilt))[:, None] - centre
    away = np.hypot(*scene.T)
    inside = away < 1.05
    scene, indices, away = scene[inside], indices[inside], away[inside]
    scale = np.array([image_radius(r, k) / r if r > 1e-9 else 1.0 for r in away])
    points = (scene * scale[:, None] + centre) * HALF + np.array(SIZE) / 2
    kept = ((points > 20) & (points < np.array(SIZE) - 20)).all(1)
    random = np.random.Generator(np.random.Philox(seed))
    return points[kept] + random.normal(0, noise, (kept.sum(), 2)), indices[kept], SIZE


LENSES = [
    ((0.05, 0.0, 0.0), {}),
    ((-0.06, 0.03, -0.01), {}),
    ((0.08, -0.02, 0.0), {"centre": (0.01, -0.02), "tilt": (0.02, 0.01)}),
    ((0.002, 0.0, 0.0), {}),
]


@pytest.mark.parametrize(("k", "setting"), LENSES)
def test_coefficients_come_back(k, setting):
    found = distortion(*grid(k, **setting))
    for estimate, true in zip((found.k1, found.k2, found.k3), k, strict=True):
        half = (estimate.interval[1] - estimate.interval[0]) / 2
        assert estimate == pytest.approx(true, abs=2 * half)
        assert half < 1e-3
    corner = 100 / (1 + sum(k)) - 100
    assert found.corner == pytest.approx(corner, abs=0.01)
    assert found.worst == pytest.approx(float(found.curve(found.radius)[np.argmax(found.radius)]), abs=0.06)
    assert found.residual == pytest.approx(0.05, rel=0.1)
    centre = np.array(setting.get("centre", (0, 0))) * HALF + np.array(SIZE) / 2
    assert found.center_x == pytest.approx(centre[0], abs=60 if abs(k[0]) < 0.01 else 1.5)
    assert found.center_y == pytest.approx(centre[1], abs=60 if abs(k[0]) < 0.01 else 1.5)


@pytest.mark.parametrize("k", [(0.05, 0.0, 0.0), (-0.06, 0.03, -0.01)])
def test_tv_distortion_is_that_of_a_rectangle(k):
    sides = np.array(SIZE) / np.hypot(*SIZE)
    # barrel: the chart touches the border in the middle of its sides; pincushion: in the corners
    poly = [r * (1 + k[0] * r**2 + k[1] * r**4 + k[2] * r**6) for r in (*sides, 1.0)]
    scale = min(p / r for p, r in zip(poly, (*sides, 1.0), strict=True))
    middle, corner = image_radius(scale * sides[1], k), image_radius(scale, k) * sides[1]
    assert distortion(*grid(k, noise=0.01)).tv == pytest.approx(100 * (corner - middle) / middle, abs=3e-3)


def test_intervals_hold_the_truth_nineteen_times_of_twenty():
    hits = []
    for seed in range(40):
        found = distortion(*grid((0.03, 0.0, 0.0), seed=seed, pitch=0.12), terms=1)
        hits.append(found.k1_interval[0] < 0.03 < found.k1_interval[1])
    assert sum(hits) >= 35


def test_straight_places_lie_on_a_straight_grid():
    found = distortion(*grid((0.05, 0.0, 0.0), noise=0.0))
    row = found.straight[grid((0.05, 0.0, 0.0), noise=0.0)[1][:, 1] == 9]
    fit = np.polyfit(row[:, 0], row[:, 1], 1)
    assert np.abs(np.polyval(fit, row[:, 0]) - row[:, 1]).max() < 1e-3
    bent = found.points[grid((0.05, 0.0, 0.0), noise=0.0)[1][:, 1] == 9]
    assert np.abs(np.polyval(np.polyfit(*bent.T, 1), bent[:, 0]) - bent[:, 1]).max() > 5
    clear = found.radius > 0.05
    assert found.local[clear] == pytest.approx(found.curve(found.radius[clear]), abs=1e-3)


def test_without_distortion_there_is_no_centre():
    found = distortion(*grid((0.0, 0.0, 0.0)))
    assert found.worst == pytest.approx(0, abs=0.01)
    assert found.tv_interval[0] < 0 < found.tv_interval[1]
    assert str(found.center_x) == "n.a.: distortion is too small to have a centre"


def test_too_few_points_are_not_fitted():
    points, indices, size = grid((0.05, 0.0, 0.0))
    found = distortion(points[:10], indices[:10], size)
    assert not found.worst.known
    assert "10 points in 10 columns and 1 rows are too few" in found.k1.reason
    assert not distortion(np.zeros((0, 2)), np.zeros((0, 2)), size).tv.known
    near = np.hypot(*(points - np.array(size) / 2).T) < 1200
    assert "way to the corner only" in distortion(points[near], indices[near], size).corner.reason


def test_what_is_no_grid_is_refused():
    with pytest.raises(UsageError, match=r"centres \(5, 2\) and indices \(4, 2\) must both be \(N, 2\)"):
        distortion(np.zeros((5, 2)), np.zeros((4, 2)), SIZE)
    with pytest.raises(UsageError, match=r"terms 4 must be 1\.\.3"):
        distortion(np.zeros((5, 2)), np.zeros((5, 2)), SIZE, terms=4)
    with pytest.raises(NumericError, match="not finite"):
        distortion(np.full((5, 2), np.nan), np.zeros((5, 2)), SIZE)
