"""Even areas: noise found where it is, texture not taken for it."""

from functools import cache

import numpy as np
import pytest

from isp.color.spaces import srgb_encoded
from isp.values import Picture
from reports.charts.even_areas import NOTE, flat_regions
from reports.metrics import snr
from reports.source import Source
from sensors import capture


def source_of(light, sigma, seed=1):
    noise = np.random.Generator(np.random.Philox(seed)).normal(size=light.shape)
    noisy = light + sigma * np.sqrt(light) * noise
    return Source(Picture.from_array(np.rint(65535 * srgb_encoded(np.clip(noisy, 0, 1))).astype(np.uint16)))


@cache
def ideal(scene, size=(1200, 900)):
    _, truth = capture(scene, "imx586", mode="bin2", size=size, seed=1, truth=True)
    return np.clip(np.asarray(truth.ideal.pixels, np.float64), 1e-4, None)


@pytest.mark.parametrize("sigma", [0.01, 0.03])
def test_noise_of_even_areas_is_that_of_the_picture(sigma):
    source = source_of(ideal("chart"), sigma)
    found = flat_regions(source)
    assert found.note == NOTE
    assert len(found.places) >= 3
    assert len(found.outlines()) == len(found.places)
    assert (np.diff(found.light) >= 0).all()
    weights = np.array([0.2126, 0.7152, 0.0722])
    ratios = []
    for x, y, width, height in found.places:
        light = source.light(y, x, height, width)
        ratios.append(snr(light).noise / np.linalg.norm(weights * sigma * np.sqrt(light.mean((0, 1)))))
    assert np.median(ratios) == pytest.approx(1, abs=0.05)
    assert max(ratios) < 1.5


@pytest.mark.parametrize("scene", ["dead-leaves", "dead-leaves?colored=1"])
@pytest.mark.parametrize("sigma", [0.003, 0.03])
def test_texture_is_no_even_area(scene, sigma):
    found = flat_regions(source_of(ideal(scene), sigma))
    assert len(found.places) == 0
    assert found.note.startswith("no even areas")


@pytest.mark.parametrize("light", [np.zeros((200, 300, 3)), np.ones((200, 300, 3)), np.full((200, 300, 3), 0.2)])
def test_black_white_and_rendered_pictures_have_no_noise(light):
    assert len(flat_regions(source_of(light, 0.0)).places) == 0


def test_a_tiny_picture_has_none():
    assert len(flat_regions(source_of(np.full((20, 20, 3), 0.2), 0.01)).places) == 0


def test_a_gradient_is_even_and_most_is_kept():
    light = np.repeat(np.linspace(0.05, 0.8, 1200)[None, :, None], 600, axis=0) * np.ones(3)
    found = flat_regions(source_of(light, 0.02), most=10)
    assert len(found.places) == 10
    # spread over the lightness; the quietest of the brightest class is its darkest
    assert found.light[0] < 0.12
    assert found.light[-1] > 0.55


def test_photographs_give_quiet_places_or_none(shared_data):
    from PIL import Image

    # brick, rapids and shingle are texture everywhere; a sky is not
    few = {"kodim01": 0, "kodim13": 0, "kodim24": 0}
    for name in (*few, "kodim09"):
        source = Source(Picture.from_array(np.asarray(Image.open(shared_data / "rgb_kodak" / f"{name}.png"))))
        found = flat_regions(source)
        if name in few:
            assert len(found.places) == 0
        else:
            assert len(found.places) > 5
            codes = [np.std(source.codes(y, x, h, w)[..., 1].astype(float)) for x, y, w, h in found.places]
            assert max(codes) < 8
            assert "natural picture" in found.note
