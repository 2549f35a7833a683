"""AVIF, HDR in its containers, chroma subsampling: read back by other decoders and by the formats' own rules."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest

from isp.color.transfer import encoded
from isp.errors import UsageError
from isp.io import write_picture
from isp.io.icc import icc_profile
from isp.values import Picture

SHAPE = (48, 64, 3)


def smooth(dtype=np.float32, space="srgb", transfer="srgb"):
    y, x, c = np.indices(SHAPE)
    values = (0.15 + 0.01 * y + 0.004 * x + 0.03 * c).astype(np.float32)
    if dtype is not np.float32:
        values = np.rint(values * np.iinfo(dtype).max).astype(dtype)
    return Picture(values, space, transfer, "display")


def code_points(data):
    """Primaries, transfer, matrix and full range of the colr box (ISO/IEC 14496-12, 12.1.5)."""
    at = data.index(b"colrnclx") + 8
    return (*struct.unpack_from(">HHH", data, at), data[at + 6] >> 7)


@pytest.mark.parametrize(
    ("space", "transfer", "expected"),
    [
        ("srgb", "srgb", (1, 13, 1, 1)), ("display_p3", "srgb", (12, 13, 1, 1)), ("rec2020", "pq", (9, 16, 9, 1)),
        ("rec2020", "hlg", (9, 18, 9, 1)), ("rec2020", "linear", (9, 8, 9, 1)), ("camera", "linear", (2, 2, 1, 1)),
    ],
)  # fmt: skip
def test_avif_says_what_its_numbers_mean(tmp_path, space, transfer, expected):
    path = write_picture(smooth(space=space, transfer=transfer), tmp_path / "a.avif", bits=10)
    assert code_points(path.read_bytes()) == expected


@pytest.mark.parametrize(("bits", "chroma"), [(8, 444), (8, 420), (10, 444), (10, 420), (12, 444)])
def test_avif_holds_the_codes(tmp_path, bits, chroma):
    imagecodecs = pytest.importorskip("imagecodecs")
    value = smooth()
    data = write_picture(value, tmp_path / "a.avif", bits=bits, quality=97, chroma=chroma).read_bytes()
    back = imagecodecs.avif_decode(data)
    assert back.dtype == (np.uint8 if bits == 8 else np.uint16)
    np.testing.assert_allclose(back / (2**bits - 1), value.data, atol=0.013)
    av1c = data[data.index(b"av1C") + 4 :]
    assert (av1c[2] >> 5 & 3) == {8: 0, 10: 2, 12: 3}[bits]  # high_bitdepth, twelve_bit (AV1-ISOBMFF, 2.3.3)
    assert (av1c[2] >> 2 & 3) == {444: 0, 420: 3}[chroma]


def test_avif_is_read_by_another_library(tmp_path):
    from PIL import Image, features

    if not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    value = smooth(space="display_p3")
    path = write_picture(value, tmp_path / "a.avif", bits=8, quality=97)
    with Image.open(path) as image:
        theirs = np.asarray(image.convert("RGB")) / 255
    np.testing.assert_allclose(theirs, value.data, atol=0.012)


def test_avif_is_upright_and_ten_bits_by_default(tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")
    from dataclasses import replace

    turned = replace(smooth(np.uint16), orientation=6)
    back = imagecodecs.avif_decode(write_picture(turned, tmp_path / "a.avif").read_bytes())
    assert back.shape == (64, 48, 3)
    assert 700 < back.max() < 1024


def test_avif_is_the_same_bytes_every_time(tmp_path):
    first, second = (write_picture(smooth(), tmp_path / f"{n}.avif").read_bytes() for n in "ab")
    assert first == second


def sampling(data):
    """(horizontal, vertical) sampling factors of each component in the frame header (ITU-T T.81, B.2.2)."""
    at = data.index(b"\xff\xc0")
    return [(v >> 4, v & 15) for v in data[at + 11 : at + 20 : 3]]


@pytest.mark.parametrize(
    ("quality", "chroma", "luma"),
    [(95, "auto", (1, 1)), (80, "auto", (2, 2)), (95, 420, (2, 2)), (80, 444, (1, 1))],
)
def test_jpeg_chroma(tmp_path, quality, chroma, luma):
    data = write_picture(smooth(np.uint8), tmp_path / "a.jpg", quality=quality, chroma=chroma).read_bytes()
    assert sampling(data) == [luma, (1, 1), (1, 1)]


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_png_of_hdr_has_cicp_before_iccp(tmp_path, transfer):
    path = write_picture(smooth(space="rec2020", transfer=transfer), tmp_path / "a.png")
    data = path.read_bytes()
    at, chunks = 8, []
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(name + body)
        chunks.append((name, body))
        at += 12 + size
    names = [name for name, _ in chunks]
    assert names[:3] == [b"IHDR", b"cICP", b"iCCP"]
    assert chunks[0][1][8] == 16
    assert dict(chunks)[b"cICP"] == bytes((9, {"pq": 16, "hlg": 18}[transfer], 0, 1))


def test_sixteen_bits_of_pq_are_exact_in_png_and_tiff(tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")
    import tifffile

    light = np.random.default_rng(1).uniform(0, 4, SHAPE)
    codes = encoded(light, "pq").astype(np.float32)
    value = Picture(codes, "rec2020", "pq", "display")
    wanted = np.rint(codes * np.float32(65535)).astype(np.uint16)
    np.testing.assert_array_equal(imagecodecs.imread(str(write_picture(value, tmp_path / "a.png"))), wanted)
    np.testing.assert_array_equal(tifffile.imread(write_picture(value, tmp_path / "a.tif", bits=16)), wanted)


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_hdr_profile_shows_light_up_to_white_in_readers_without_cicp(transfer):
    imagecodecs = pytest.importorskip("imagecodecs")
    profile = icc_profile("rec2020", transfer)
    assert b"cicp\0\0\0\0" + bytes((9, {"pq": 16, "hlg": 18}[transfer], 0, 1)) in profile
    grey = np.linspace(0.02, 0.98, 40)
    codes = np.repeat(encoded(np.repeat(grey[:, None], 3, 1), transfer)[:, None, :], 3, 1).astype(np.float32)
    both = {"colorspace": "rgb", "outcolorspace": "rgb"}
    seen = imagecodecs.cms_transform(codes, profile, icc_profile("rec2020", "linear"), **both)
    np.testing.assert_allclose(seen[:, 1], np.repeat(grey[:, None], 3, 1), atol=3e-3)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("a.jpg", {}, "jpeg has 8 bits per channel, too few for pq; allowed: avif, png or tiff"),
        ("a.png", {"bits": 8}, "8 bits are too few for pq; allowed in png: 16"),
        ("a.avif", {"bits": 8}, "8 bits are too few for pq; allowed in avif: 10, 12"),
        ("a.avif", {"bits": 16}, "avif holds 8, 10, 12 bits"),
        ("a.avif", {"chroma": 422}, "chroma 422 is not known; allowed: auto, 420, 444"),
        ("a.avif", {"resize": {"width": 10, "height": 10}}, "one of width, height, long_side, scale"),
        ("a.avif", {"resize": {"size": 10}}, "resize has no 'size'"),
        ("a.avif", {"resize": {"scale": 9}}, "allowed: above 0, up to 8"),
        ("a.avif", {"resize": {"width": 0}}, "whole numbers 1..65500 px"),
    ],
)
def test_refusals(tmp_path, name, settings, words):
    with pytest.raises(UsageError) as caught:
        write_picture(smooth(space="rec2020", transfer="pq"), tmp_path / name, **settings)
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_pillow_still_opens_a_png_with_cicp(tmp_path):
    from PIL import Image

    data = write_picture(smooth(space="rec2020", transfer="hlg"), tmp_path / "a.png").read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (64, 48)
