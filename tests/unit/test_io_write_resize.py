"""Resizing on the way out: linear light, against Pillow on the whole picture, closed forms, and through the profile."""

from __future__ import annotations

import numpy as np
import pytest

from isp.color.spaces import srgb_encoded
from isp.color.transfer import decoded, encoded
from isp.errors import ProfileError
from isp.io import write_picture
from isp.io import write_resize as module
from isp.io.write_resize import Resize, resized
from isp.profile import read_profile
from isp.values import Picture


def noise(shape=(150, 211), seed=0):
    return np.random.default_rng(seed).uniform(0.02, 0.9, (*shape, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("given", "shape", "expected"),
    [
        ({"width": 100}, (300, 400), (75, 100)), ({"height": 30}, (300, 400), (30, 40)),
        ({"long_side": 100}, (300, 400), (75, 100)), ({"long_side": 100}, (400, 300), (100, 75)),
        ({"scale": 0.5}, (301, 401), (150, 200)), ({"scale": 2.0}, (3, 5), (6, 10)), ({"width": 1}, (4, 9), (1, 1)),
    ],
)  # fmt: skip
def test_sizes(given, shape, expected):
    assert Resize(**given).size(shape) == expected


@pytest.mark.parametrize("size", [(40, 57), (75, 211), (150, 90), (333, 401), (1, 1)])
def test_it_is_lanczos_of_light_however_the_strips_lie(monkeypatch, size):
    from PIL import Image

    monkeypatch.setattr(module, "_STRIP_VALUES", 30 * 211)
    codes = noise()
    out = resized(codes, size, "srgb")
    light = decoded(codes, "srgb").astype(np.float32)
    whole = [
        np.asarray(Image.fromarray(np.ascontiguousarray(light[..., c])).resize(size[::-1], Image.Resampling.LANCZOS))
        for c in range(3)
    ]
    np.testing.assert_allclose(out, srgb_encoded(np.stack(whole, axis=-1)), atol=3e-5)


def test_fine_detail_keeps_its_light():
    lines = np.zeros((64, 64, 3), np.uint8)
    lines[:, ::2] = 255
    out = resized(lines, (16, 16), "srgb")[4:-4, 4:-4]
    # half the light, not half the code
    np.testing.assert_allclose(out, srgb_encoded(0.5), atol=2e-3)


@pytest.mark.parametrize("transfer", ["linear", "srgb", "pq", "hlg"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_flat_picture_stays_flat(transfer, dtype):
    grey = float(encoded(np.full((1, 3), 0.4), transfer)[0, 0])
    top = 1 if dtype is np.float32 else np.iinfo(dtype).max
    flat = np.full((30, 40, 3), grey * top, dtype)
    np.testing.assert_allclose(resized(flat, (11, 13), transfer), flat[0, 0, 0] / top, atol=2e-6)


def test_a_slow_sine_keeps_its_amplitude_and_a_fast_one_vanishes():
    x = np.arange(400)
    for period, expected in ((40, 1.0), (2.6, 0.0)):
        wave = np.broadcast_to((0.5 + 0.3 * np.sin(2 * np.pi * x / period))[None, :, None], (12, 400, 3))
        out = resized(wave.astype(np.float32), (3, 100), "linear")[1, 10:-10, 1]
        assert np.std(out) * np.sqrt(2) / 0.3 == pytest.approx(expected, abs=0.03)


def test_linear_values_are_not_clipped():
    step = np.zeros((16, 64, 3), np.float32)
    step[:, 32:] = 3.0
    out = resized(step, (8, 32), "linear")
    assert out.min() < 0
    assert out.max() > 3


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "avif"])
def test_files_have_the_size_of_the_upright_picture(tmp_path, suffix):
    import imagecodecs

    value = Picture(noise((60, 80)), "srgb", "srgb", "display", 6)
    path = write_picture(value, tmp_path / f"a.{suffix}", resize={"width": 30}, bits=8)
    assert imagecodecs.imread(str(path)).shape == (40, 30, 3)


def test_the_profile_and_its_settings_say_it():
    profile = read_profile("natural").with_settings(["output.resize={long_side: 2048}", "output.chroma=420"])
    assert profile.output.resize == Resize(long_side=2048)
    assert profile.output.chroma == 420
    assert "resize: {long_side: 2048}" in profile.to_yaml()
    avif = profile.with_settings(["output.bits=10", "output.format=avif"])
    assert (avif.output.format, avif.output.bits, avif.output.resize) == ("avif", 10, Resize(long_side=2048))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("output.resize={width: 0}", "resize.width: 0 is not allowed; allowed: width, a whole number 1..65500 px"),
        ("output.resize={wide: 9}", "unknown key 'wide'; did you mean 'width'?"),
        ("output.resize={width: 9, scale: 2}", "one of width, height, long_side, scale is needed"),
        ("output.bits=10", "jpeg has 8 bits per channel; write bits: 8, or format: png, tiff or avif"),
        ("output.chroma=422", "output.chroma: 422 is not allowed; allowed: auto, 420 or 444"),
    ],
)
def test_wrong_settings(setting, words):
    with pytest.raises(ProfileError) as caught:
        read_profile("natural").with_settings([setting])
    assert words in str(caught.value)
