"""Writing pictures: formats, depths, orientation, ICC profiles, taps."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from isp.cfa import Cfa
from isp.errors import UsageError
from isp.io import write_picture, write_value
from isp.io.icc import PRIMARIES, icc_profile, rgb_to_xyz
from isp.io.write import quantized
from isp.values import FrameInfo, Mosaic, Picture, RawFrame

SHAPE = (24, 40, 3)


def picture(dtype=np.uint8, orientation=1, space="srgb"):
    y, x, c = np.indices(SHAPE)
    codes = (20 + 3 * y + 3 * x + 20 * c).astype(np.uint8)
    pixels = {np.uint8: codes, np.uint16: codes.astype(np.uint16) * 257 - 3, np.float32: codes / np.float32(255)}[dtype]
    transfer = "linear" if space in ("rec2020", "camera") else "srgb"
    return Picture(pixels, space, transfer, "display", orientation)


def read_back(path):
    import imagecodecs

    if path.suffix in (".tif", ".tiff"):
        import tifffile

        return tifffile.imread(path)
    return imagecodecs.imread(str(path))


def icc_of(path):
    """The embedded profile, found by each format's own rules."""
    import zlib

    data = path.read_bytes()
    if path.suffix == ".png":
        at = data.index(b"iCCP")
        (size,) = struct.unpack(">I", data[at - 4 : at])
        body = data[at + 4 : at + 4 + size]
        assert zlib.crc32(b"iCCP" + body) == struct.unpack(">I", data[at + 4 + size : at + 8 + size])[0]
        return zlib.decompress(body[body.index(b"\0") + 2 :])
    if path.suffix == ".jpg":
        at = data.index(b"ICC_PROFILE\0")
        (size,) = struct.unpack(">H", data[at - 2 : at])
        return data[at + 14 : at - 2 + size]
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        return tiff.pages[0].tags[34675].value


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_lossless_formats_hold_the_turned_pixels(tmp_path, orientation, suffix):
    value = picture(orientation=orientation)
    path = write_picture(value, tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(read_back(path), value.upright())


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(("quality", "error"), [(95, 1.5), (60, 6.0)])
def test_jpeg_is_close(tmp_path, orientation, quality, error):
    value = picture(orientation=orientation)
    path = write_picture(value, tmp_path / "a.jpg", quality=quality)
    assert np.abs(read_back(path).astype(float) - value.upright()).mean() < error


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
@pytest.mark.parametrize("space", ["srgb", "display_p3", "rec2020"])
def test_profile_is_embedded(tmp_path, suffix, space):
    value = picture(space=space)
    path = write_picture(value, tmp_path / f"a.{suffix}")
    assert icc_of(path) == icc_profile(space, value.transfer)


def test_camera_rgb_has_no_profile(tmp_path):
    path = write_picture(picture(space="camera"), tmp_path / "a.png")
    assert b"iCCP" not in path.read_bytes()


@pytest.mark.parametrize(
    ("dtype", "suffix", "bits", "expected"),
    [
        (np.uint16, "png", None, np.uint16), (np.uint16, "tif", None, np.uint16), (np.uint16, "jpg", None, np.uint8),
        (np.uint16, "png", 8, np.uint8), (np.uint8, "tif", 16, np.uint16), (np.uint8, "png", 16, np.uint16),
        (np.float32, "png", None, np.uint8), (np.float32, "tif", None, np.float32), (np.float32, "tif", 16, np.uint16),
        (np.uint8, "tif", 32, np.float32),
    ],
)  # fmt: skip
def test_depths(tmp_path, dtype, suffix, bits, expected):
    value = picture(dtype)
    pixels = read_back(write_picture(value, tmp_path / f"a.{suffix}", bits=bits))
    assert pixels.dtype == expected
    top = 1 if expected is np.float32 else np.iinfo(expected).max
    tolerance = 4 / 255 if suffix == "jpg" else 0.5001 / top if top > 1 else 1e-7
    np.testing.assert_allclose(pixels / top, value.data, atol=tolerance)


def test_quantising_rounds_and_clips():
    values = np.array([[[-0.5, 0.4999 / 255, 0.5001 / 255], [1.7, 254.4 / 255, 254.6 / 255]]], np.float32)
    np.testing.assert_array_equal(quantized(values, 8), [[[0, 0, 1], [255, 254, 255]]])
    codes = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    np.testing.assert_array_equal(quantized(quantized(codes, 16), 8), codes)


@pytest.mark.parametrize("space", PRIMARIES)
def test_profile_matches_littlecms(space):
    imagecodecs = pytest.importorskip("imagecodecs")
    flat = [v for xy in PRIMARIES[space] for v in xy]
    other = imagecodecs.cms_profile("rgb", whitepoint=[0.3127, 0.3290], primaries=flat, gamma=1.0)
    for tag in (b"rXYZ", b"gXYZ", b"bXYZ", b"chad"):
        ours, theirs = tag_of(icc_profile(space, "linear"), tag), tag_of(other, tag)
        np.testing.assert_allclose(np.frombuffer(ours, ">i4"), np.frombuffer(theirs, ">i4"), atol=1)


def tag_of(profile, name):
    (count,) = struct.unpack_from(">I", profile, 128)
    for i in range(count):
        tag, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * i)
        if tag == name:
            return profile[offset + 8 : offset + size]
    raise KeyError(name)


def test_profile_converts_like_the_built_in_srgb():
    imagecodecs = pytest.importorskip("imagecodecs")
    codes = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    both = {"colorspace": "rgb", "outcolorspace": "rgb"}
    turned = imagecodecs.cms_transform(codes, icc_profile("srgb", "srgb"), imagecodecs.cms_profile("srgb"), **both)
    np.testing.assert_array_equal(turned, codes)


def test_linear_rec2020_converts_to_srgb_by_the_matrices():
    imagecodecs = pytest.importorskip("imagecodecs")
    # inside sRGB, so that nothing is clipped
    inside = np.random.default_rng(0).uniform(0.2, 0.8, (16, 16, 3)).astype(np.float32)
    matrix = np.linalg.inv(rgb_to_xyz("rec2020")) @ rgb_to_xyz("srgb")
    wide = (inside @ matrix.T).astype(np.float32)
    both = {"colorspace": "rgb", "outcolorspace": "rgb"}
    back = imagecodecs.cms_transform(wide, icc_profile("rec2020", "linear"), icc_profile("srgb", "linear"), **both)
    np.testing.assert_allclose(back, inside, atol=2e-3)


def test_profiles_are_the_same_bytes_every_time():
    profile = icc_profile("display_p3", "srgb")
    icc_profile.cache_clear()
    assert icc_profile("display_p3", "srgb") == profile
    assert struct.unpack_from(">I", profile)[0] == len(profile)
    assert "Display P3".encode("utf-16-be") in profile


def test_taps_keep_their_numbers_and_say_what_they_are(tmp_path):
    import tifffile

    data = np.random.default_rng(0).normal(0.5, 1, (8, 10)).astype(np.float32)
    mosaic = Mosaic(data, Cfa("GRBG"), info=FrameInfo(orientation=6))
    with tifffile.TiffFile(write_value(mosaic, tmp_path / "m.tif")) as tiff:
        page = tiff.pages[0]
        np.testing.assert_array_equal(page.asarray(), data)
        assert json.loads(page.tags[270].value)["cfa"] == "GRBG"
        assert page.tags[274].value == 6
    scene = Picture(np.dstack([data] * 3), "rec2020")
    with tifffile.TiffFile(write_value(scene, tmp_path / "p.tiff")) as tiff:
        np.testing.assert_array_equal(tiff.pages[0].asarray(), scene.pixels)
        assert json.loads(tiff.pages[0].tags[270].value)["referred"] == "scene"
    raw = RawFrame.from_array(np.full((8, 8), 300), "RGGB", 64, 1023)
    np.testing.assert_array_equal(tifffile.imread(write_value(raw, tmp_path / "r.tif")), raw.data)


def test_a_picture_carries_nothing_of_the_camera(tmp_path):
    path = write_picture(picture(), tmp_path / "a.tif")
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        codes = {tag.code for tag in tiff.pages[0].tags}
    assert not codes & {270, 271, 272, 305, 306, 315, 316, 700, 34665, 34853}
    assert str(tmp_path).encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("a.bmp", {}, "known: .png, .tif, .tiff, .jpg, .jpeg"),
        ("a", {}, "cannot tell the output format"),
        ("a.png", {"format": "webp"}, "unknown output format 'webp'"),
        ("a.jpg", {"bits": 16}, "jpeg holds 8 bits"),
        ("a.png", {"bits": 32}, "png holds 8, 16 bits"),
        ("a.jpg", {"quality": 0}, "quality 0 must be"),
    ],
)
def test_refusals(tmp_path, name, settings, words):
    with pytest.raises(UsageError) as caught:
        write_picture(picture(), tmp_path / name, **settings)
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_format_beats_suffix(tmp_path):
    path = write_picture(picture(), tmp_path / "picture.out", format="png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_taps_are_tiff(tmp_path):
    with pytest.raises(UsageError, match="known suffixes"):
        write_value(picture(), tmp_path / "a.png")
