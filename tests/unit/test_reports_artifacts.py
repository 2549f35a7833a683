"""Zipper and false colour: pictures made by hand, and demosaic methods in their known order."""

from __future__ import annotations

import numpy as np
import pytest

from isp.errors import UsageError
from reports.light import to_lab
from reports.metrics import false_color, zipper
from tests.unit.stage_runner import around, mosaic_of, run_stage

SIDE = 192


def grey(value):
    return np.repeat(np.asarray(value, np.float64)[..., None], 3, 2)


def edge_of(low=0.2, high=0.6):
    return np.where(np.arange(SIDE)[None, :] < SIDE // 2, low, high) * np.ones((SIDE, 1))


def star():
    """A star of 36 spokes as area means over pixels."""
    places = (np.arange(SIDE * 4) + 0.5) / 4 - SIDE / 2 - 0.2
    y, x = np.meshgrid(places, places, indexing="ij")
    return (1.0 * (np.sin(36 * np.arctan2(y, x)) > 0)).reshape(SIDE, 4, SIDE, 4).mean((1, 3))


def test_every_other_pixel_of_an_edge_is_zipper():
    reference = grey(edge_of())
    column = SIDE // 2
    picture = reference.copy()
    picture[::2, column] = 0.7
    found = zipper(picture, reference)
    # a changed pixel differs from its like, and so do the neighbours whose like it is
    assert abs(to_lab([0.7] * 3) - to_lab([0.6] * 3)).max() > 2.3
    mask = found.change > 2.3
    assert mask[2:-2:2, column].all()
    assert not mask[:, : column - 1].any()
    assert not mask[:, column + 2 :].any()
    assert found.grown == pytest.approx(100 * mask.mean())
    assert found.grown_interval[0] < found.grown < found.grown_interval[1]
    size = float(np.linalg.norm(to_lab([0.7] * 3) - to_lab([0.6] * 3)))
    assert found.change[20, column] == pytest.approx(size, rel=1e-5)


def test_a_lost_line_changes_but_does_not_grow():
    reference = grey(np.full((64, 64), 0.3))
    reference[32, 32] = 0.6
    found = zipper(np.full((64, 64, 3), 0.3), reference)
    assert found.grown == 0
    assert found.changed == pytest.approx(100 / 64**2)
    assert found.change[32, 32] < -2.3


def test_the_same_picture_has_neither():
    picture = grey(star())
    assert zipper(picture, picture).changed == 0
    assert false_color(picture, picture).chroma_error == 0
    # the two medians of a picture without colour are zero
    assert false_color(picture, picture).deviation == pytest.approx(0, abs=1e-6)


def test_chroma_error_is_the_distance_in_a_and_b():
    reference = grey(edge_of())
    tinted = reference * (1.0, 0.9, 1.1)
    found = false_color(tinted, reference)
    gap = (to_lab(tinted) - to_lab(reference))[..., 1:]
    assert found.chroma_error == pytest.approx(np.linalg.norm(gap, axis=-1)[found.edges].mean(), rel=1e-6)
    # the edge's two columns and those beside them
    assert 2 <= found.edges.sum() / SIDE <= 8
    # a tint of the whole picture is not false colour: it has no pattern
    assert found.deviation < 0.1


def test_deviation_of_one_colored_pixel():
    reference = grey(edge_of(0.25, 0.64))
    picture = reference.copy()
    picture[SIDE // 2, SIDE // 2, 0] = 0.25
    found = false_color(picture)
    # one pixel whose G-R is off by 0.8 - 0.5, but for the balance of channel means
    expected = 100 * np.sqrt(0.3**2 / found.edges.sum())
    assert found.deviation == pytest.approx(expected, rel=0.01)
    assert str(found.chroma_error) == "n.a.: needs a reference"


def test_flat_pictures_have_no_edges():
    found = false_color(np.full((50, 50, 3), 0.4), np.full((50, 50, 3), 0.4))
    assert str(found.chroma_error) == "n.a.: the picture has no edges"


def test_demosaic_methods_come_in_their_known_order():
    chart = grey(0.05 + 0.75 * star())
    mosaic = mosaic_of(chart)
    inner = np.s_[12:-12, 12:-12]
    found = {}
    for method in ("bilinear", "adaptive"):
        picture = run_stage("demosaic", mosaic, around(mosaic), method=method)[inner]
        found[method] = zipper(picture, chart[inner]), false_color(picture, chart[inner])
    (zip_bad, color_bad), (zip_good, color_good) = found["bilinear"], found["adaptive"]
    assert zip_bad.grown_interval[0] > 1.5 * zip_good.grown_interval[1]
    assert color_bad.chroma_error_interval[0] > 2 * color_good.chroma_error_interval[1]
    assert color_bad.deviation_interval[0] > 2 * color_good.deviation_interval[1]


def test_grey_pictures_are_refused():
    with pytest.raises(UsageError, match=r"picture of shape \(20, 20\) must be \(H, W, 3\): colour artefacts"):
        zipper(np.zeros((20, 20)), np.zeros((20, 20)))
