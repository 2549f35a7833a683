"""The finder of dead leaves: found where they are, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from isp.values import Picture
from reports.charts.texture import find_dead_leaves
from reports.source import Source
from sensors.scenes import View, make_scene


def source(pixels):
    return Source(Picture.from_array(np.clip(pixels, 0, 1).astype(np.float32), "srgb", "linear", "scene"))


def shown(spec, size=(640, 480)):
    scene = make_scene(spec)
    table = np.repeat(scene.factors[:, 30:31], 3, 1).astype(np.float32)
    return scene.planes(View(size, 0, 0, *size), table).transpose(1, 2, 0)


@pytest.mark.parametrize("blur", [0.0, 1.0])
@pytest.mark.parametrize("spec", ["dead-leaves?seed=2", "dead-leaves?seed=3&colored=1&largest=0.1"])
def test_a_frame_of_leaves_is_found(spec, blur):
    pixels = gaussian_filter(shown(spec), (blur, blur, 0))
    (area,) = find_dead_leaves(source(pixels + np.random.Generator(np.random.Philox(1)).normal(0, 0.01, pixels.shape)))
    assert area.width * area.height > 0.5 * 640 * 480


def test_a_chart_of_leaves_on_a_board_is_found_inside_its_border():
    pixels = np.full((900, 1200, 3), 0.18)
    pixels[200:680, 300:940] = shown("dead-leaves?seed=2&largest=0.1")
    (area,) = find_dead_leaves(source(pixels))
    assert area.width * area.height > 0.5 * 640 * 480
    (_, corners), = area.outlines()
    # the outer tiles may reach over the border by less than a tile
    assert corners.min(0) == pytest.approx([300, 200], abs=60)
    assert (corners.min(0) > (300 - 40, 200 - 40)).all()
    assert (corners.max(0) < (940 + 40, 680 + 40)).all()


@pytest.mark.parametrize("spec", ["uniform", "chart", "siemens", "slanted-edge", "dots", "composed", "grey-steps"])
def test_other_scenes_have_none(spec):
    assert find_dead_leaves(source(shown(spec))) == ()


def test_noise_and_small_pictures_have_none():
    random = np.random.Generator(np.random.Philox(2))
    assert find_dead_leaves(source(0.3 + random.normal(0, 0.08, (400, 400, 1)) * np.ones(3))) == ()
    assert find_dead_leaves(source(shown("dead-leaves", (60, 40)))) == ()
    assert find_dead_leaves(source(np.zeros((300, 300, 3)))) == ()


def test_photographs_have_none(shared_data):
    paths = sorted((shared_data / "rgb_kodak").glob("*.png"))
    if not paths:
        pytest.skip("the Kodak pictures are not here")
    for path in paths[::3]:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        assert find_dead_leaves(Source(Picture.from_array(pixels))) == (), path.name
