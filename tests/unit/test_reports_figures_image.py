"""Figures of texture, distortion and lateral colour: SVG with units, labels and words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from reports.figures.geometry import distortion_curve, distortion_grid, lateral_curves
from reports.figures.texture import texture_curves
from reports.metrics import distortion, lateral_color, texture_mtf
from tests.unit.test_reports_geometry import grid
from tests.unit.test_reports_lateral import picture


@pytest.fixture(scope="module")
def made():
    random = np.random.Generator(np.random.Philox(1))
    truth = gaussian_filter(random.normal(size=(200, 200)), 0.7)
    textures = {label: texture_mtf(gaussian_filter(truth, s), reference=truth) for label, s in (("A", 0.8), ("B", 1.5))}
    lenses = {"A": distortion(*grid((0.02, 0.0, 0.0))), "B": distortion(*grid((-0.01, 0.01, 0.0)))}
    colors = {"A": lateral_color(picture("dots", (1.003, 1.0, 0.998)))}
    return {
        texture_curves: textures, distortion_grid: lenses, distortion_curve: lenses, lateral_curves: colors,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (texture_curves, ["cycles/pixel", "contrast", "A", "B"]),
        (distortion_grid, ["A", "B"]),
        (distortion_curve, ["local distortion [%]", "half diagonals", "A", "B"]),
        (lateral_curves, ["shift against green [px]", "A red", "A blue"]),
    ],
)
def test_figures_say_what_they_show(made, figure, words):
    found = figure(made[figure])
    svg = found.image.data.decode()
    assert all(f">{word}" in svg or word in svg for word in words)
    assert found.image.size[0] < 480
    assert "nan" not in svg
    assert len(found.alt) > 30
    assert found.caption
    # the same results give the same bytes
    assert figure(made[figure]).image.data == found.image.data


def test_exaggeration_is_told(made):
    assert "bent 2 times as much" in distortion_grid(made[distortion_grid]).caption


def test_what_was_not_measured_has_no_figure():
    none = {"A": distortion(np.zeros((0, 2)), np.zeros((0, 2)), (10, 10))}
    assert distortion_grid(none) is None
    assert distortion_curve(none) is None
    assert lateral_curves({"A": lateral_color(np.zeros((9, 9, 3)))}) is None
    assert texture_curves({"A": texture_mtf(np.zeros((9, 9)))}) is None
