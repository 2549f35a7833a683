"""How near the demosaic methods come to pictures whose colours are known, against published numbers."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from tests.unit.stage_runner import around, mosaic_of, run_stage

GREY = np.array([0.2126, 0.7152, 0.0722])
PUBLISHED = {
    # Kodak, mean over the 24 pictures [dB]; colour-demosaicing 0.2.7's Malvar and Menon, and the papers' own tables
    "malvar2004": 35.78,
    "menon2007": 39.27,
    "zhang2005": 40.1,
    "kiku2014": 38.8,
}


def quality(method, picture):
    """Colour peak signal-to-noise ratio [dB] of 8-bit display-encoded values, 10 px of border left out."""
    data = mosaic_of(picture)
    result = run_stage("demosaic", data, around(data), method=method)
    error = (np.rint(np.clip(result, 0, 1) * 255) - np.rint(picture * 255))[10:-10, 10:-10]
    return 10 * np.log10(255**2 / np.mean(error.astype(np.float64) ** 2))


def mean_quality(method, pictures):
    return float(np.mean([quality(method, p) for p in pictures]))


def decoded(picture):
    return np.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4)


def encoded(linear):
    linear = np.clip(linear, 0, 1)
    return (np.rint(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055) * 255) / 255)


def vivid(picture):
    """The picture blurred a little and its saturation raised 2.9 times in linear light: colours far from grey."""
    linear = gaussian_filter(decoded(picture.astype(np.float64)), (0.58, 0.58, 0))
    grey = (linear @ GREY)[..., None]
    return encoded(grey + 2.9 * (linear - grey)).astype(np.float32)


@pytest.fixture(scope="module")
def kodak(shared_data):
    files = sorted((shared_data / "rgb_kodak").glob("kodim*.png"))
    if len(files) != 24:
        pytest.skip("the 24 Kodak pictures are not here")
    return [np.asarray(Image.open(f).convert("RGB"), np.float32) / np.float32(255) for f in files]


@pytest.mark.parametrize("method", PUBLISHED)
def test_kodak_as_published(kodak, method):
    assert mean_quality(method, kodak) == pytest.approx(PUBLISHED[method], abs=0.15)


def test_the_default_is_the_best_single_choice(kodak):
    assert mean_quality("adaptive", kodak) > 39.8
    saturated = [vivid(p) for p in kodak[1::4]]
    found = {m: mean_quality(m, saturated) for m in ("malvar2004", "menon2007", "zhang2005", "kiku2014", "adaptive")}
    assert found["adaptive"] > max(found["malvar2004"] + 1.2, found["menon2007"] + 1.8, found["zhang2005"] + 2.0)
    assert found["adaptive"] > found["kiku2014"]


def drawn(seed, saturation):
    """A made picture: cells with colours of their own, each with texture that all channels share."""
    rng = np.random.Generator(np.random.Philox(seed))
    y, x = np.mgrid[:160, :200] * 1.0
    cells = rng.random((40, 2)) * (160, 200)
    cell = np.argmin((y[..., None] - cells[:, 0]) ** 2 + (x[..., None] - cells[:, 1]) ** 2, -1)
    color = rng.random((40, 3))
    color = color.mean(1, keepdims=True) + saturation * (color - color.mean(1, keepdims=True))
    angle, pitch = rng.random(40)[cell] * np.pi, 0.5 + 1.2 * rng.random(40)[cell]
    texture = 1 + 0.25 * np.sin(pitch * (x * np.cos(angle) + y * np.sin(angle)))
    linear = gaussian_filter(0.15 + 0.5 * color[cell] * texture[..., None], (0.5, 0.5, 0))
    return encoded(linear).astype(np.float32)


@pytest.mark.parametrize(("saturation", "lead"), [(0.3, 0.5), (1.0, 1.0)])
def test_made_pictures_pale_and_vivid(saturation, lead):
    pictures = [drawn(seed, saturation) for seed in (1, 2, 3)]
    found = {m: mean_quality(m, pictures) for m in ("bilinear", "malvar2004", "menon2007", "adaptive")}
    assert found["adaptive"] > max(found["bilinear"], found["malvar2004"], found["menon2007"]) + lead


def test_in_linear_light_values_are_bent_as_the_frame_says(kodak):
    """What a camera does: the mosaic is linear light, and what is seen is encoded behind."""
    found = {}
    for name, method, noise in (
        ("menon2007", "menon2007", (1e-4, 1e-6)), ("bent", "adaptive", (1e-4, 1e-6)), ("straight", "adaptive", None)
    ):
        ratios = []
        for picture in kodak[1::6]:
            data = mosaic_of(decoded(picture)).astype(np.float32)
            result = encoded(run_stage("demosaic", data, around(data, noise=noise), method=method))
            error = (result - picture)[10:-10, 10:-10]
            ratios.append(-10 * np.log10(np.mean(error.astype(np.float64) ** 2)))
        found[name] = np.mean(ratios)
    assert found["bent"] > found["straight"] + 2
    assert found["bent"] > found["menon2007"] + 4
