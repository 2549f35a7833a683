"""Readers of pictures, depth maps and spectral pictures: what they take, and the words for what they do not."""

from __future__ import annotations

import struct
import zlib

import imagecodecs
import numpy as np
import OpenEXR
import pytest
import tifffile

from isp.errors import InputError, LimitError
from isp.io.depth_read import read_depth
from isp.io.exr import wavelength_of
from isp.io.limits import Limits
from isp.io.picture_read import read_image
from isp.io.spectral_read import read_spectral

CODES = np.random.default_rng(1).integers(0, 255, (6, 9, 3), np.uint8)


def save(path, data):
    path.write_bytes(data)
    return path


def exr(path, channels, **header):
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **header}
    OpenEXR.File(header, dict(channels)).write(str(path))
    return path


def png_of(width, height):
    """A PNG header that claims a size, without pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_photographs_are_read_exactly(tmp_path, kind, bits):
    codes = CODES if bits == 8 else CODES.astype(np.uint16) * 257 - 1
    if kind == "png":
        path = save(tmp_path / "a.png", imagecodecs.png_encode(codes))
    else:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, codes, photometric="rgb")
    picture = read_image(path)
    assert picture.encoded
    assert np.array_equal(picture.pixels, codes)
    assert not picture.pixels.flags.writeable


def test_grey_and_alpha(tmp_path):
    grey = save(tmp_path / "g.png", imagecodecs.png_encode(np.ascontiguousarray(CODES[..., 0])))
    assert np.array_equal(read_image(grey).pixels, np.repeat(CODES[..., :1], 3, axis=2))
    alpha = save(tmp_path / "a.png", imagecodecs.png_encode(np.dstack([CODES, CODES[..., 0]])))
    assert np.array_equal(read_image(alpha).pixels, CODES)


def test_jpeg_and_its_orientation(tmp_path):
    from PIL import Image

    smooth = np.clip(np.add.outer(np.arange(16) * 9, np.arange(24) * 4)[..., None] + [0, 20, 40], 0, 255).astype(
        np.uint8
    )
    plain = save(tmp_path / "a.jpg", imagecodecs.jpeg8_encode(smooth, level=98))
    np.testing.assert_allclose(read_image(plain).pixels.astype(int), smooth, atol=6)
    exif = Image.Exif()
    exif[274] = 6
    with Image.open(plain) as image:
        image.save(tmp_path / "b.jpg", exif=exif, quality=98)
    turned = read_image(tmp_path / "b.jpg").pixels
    np.testing.assert_allclose(turned.astype(int), np.rot90(smooth, -1), atol=9)


def test_linear_pictures(tmp_path):
    pixels = np.random.default_rng(2).random((5, 7, 3), np.float32) * 10 - 0.1
    path = exr(tmp_path / "a.exr", {c: np.ascontiguousarray(pixels[..., i]) for i, c in enumerate("RGB")})
    assert np.array_equal(read_image(path).pixels, pixels)
    assert not read_image(path).encoded
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    assert np.array_equal(read_image(tmp_path / "a.tif").pixels, pixels)
    light = np.abs(pixels)
    hdr = save(tmp_path / "a.hdr", imagecodecs.rgbe_encode(light))
    np.testing.assert_allclose(read_image(hdr).pixels, light, atol=light.max() / 100)
    body = hdr.read_bytes()
    exposed = save(tmp_path / "b.hdr", body.replace(b"\n\n", b"\nEXPOSURE=2.0\n\n", 1))
    np.testing.assert_allclose(read_image(exposed).pixels, read_image(hdr).pixels / 2)


def test_half_floats_and_one_channel(tmp_path):
    grey = np.linspace(0, 2, 12, dtype=np.float16).reshape(3, 4)
    assert np.array_equal(read_image(exr(tmp_path / "y.exr", {"Y": grey})).pixels[..., 1], grey.astype(np.float32))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("T.550,000000nm", ("T", 550.0)),
        ("S0.401.5nm", ("S0", 401.5)),
        ("S3.0,7um", ("S3", 700.0)),
        ("w550nm", ("", 550.0)),
        ("550", ("", 550.0)),
        ("R", None),
        ("depth.Z", None),
        ("nm", None),
    ],
)
def test_wavelengths_in_channel_names(name, expected):
    found = wavelength_of(name)
    assert found == expected if expected is None else found == (expected[0], pytest.approx(expected[1]))


def broken(tmp_path):
    """Files by what is wrong with them, the reader, and its words."""
    good = {c: np.random.default_rng(4).random((64, 64)).astype(np.float32) for c in "RGB"}
    nan = {name: pixels.copy() for name, pixels in good.items()}
    nan["G"][3, 5] = np.nan
    whole = exr(tmp_path / "whole.exr", good).read_bytes()
    png = imagecodecs.png_encode(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
    jpeg = imagecodecs.jpeg8_encode(CODES)
    hdr = imagecodecs.rgbe_encode(np.random.default_rng(1).random((32, 32, 3), np.float32))
    tifffile.imwrite(tmp_path / "cmyk.tif", np.zeros((4, 4, 4), np.uint8), photometric="separated")
    tifffile.imwrite(tmp_path / "whole.tif", CODES, photometric="rgb")
    np.save(tmp_path / "cube.npy", np.ones((3, 4, 5)))
    np.save(tmp_path / "zero.npy", np.zeros((3, 4)))
    np.save(tmp_path / "whole.npy", np.ones((30, 40)))
    np.save(tmp_path / "object.npy", np.array([[{}, 1], [2, 3]], dtype=object), allow_pickle=True)
    envi = "ENVI\nsamples = 4\nlines = 3\nbands = 2\ndata type = 4\ninterleave = bsq\nbyte order = 0\n"
    waves = "wavelength = {500, 600}\n"
    (tmp_path / "short.raw").write_bytes(b"\0" * 50)
    (tmp_path / "nowaves.raw").write_bytes(b"\0" * 96)
    (tmp_path / "nan.raw").write_bytes(np.full(24, np.nan, np.float32).tobytes())
    yield "empty.png", b"", read_image, "not an image: the file is empty"
    yield "empty.exr", b"", read_spectral, "not a spectral picture: the file is empty"
    yield "empty.npy", b"", read_depth, "not a depth map: the file is empty"
    yield "text.png", b"hello\n", read_image, "not an image: PNG, JPEG, TIFF, EXR or HDR is needed, found text"
    yield "bytes.jpg", bytes(range(128, 256)), read_image, "not an image: .* found something else"
    yield "half.png", png[: len(png) // 2], read_image, "damaged or truncated image"
    yield "head.png", png[:20], read_image, "damaged or truncated image"
    yield "half.jpg", jpeg[:100], read_image, "damaged or truncated image"
    yield "end.jpg", jpeg[:-2], read_image, "damaged or truncated image: its end is missing"
    yield "half.hdr", hdr[: len(hdr) // 2], read_image, "damaged or truncated HDR"
    yield "head.hdr", b"#?RADIANCE\n", read_image, "no picture size in its header"
    yield "turned.hdr", hdr.replace(b"-Y", b"+Y", 1), read_image, r"HDR picture size '\+Y 32 \+X 32'"
    yield "half.tif", (tmp_path / "whole.tif").read_bytes()[:60], read_image, "damaged or unsupported TIFF"
    yield "cut.tif", (tmp_path / "whole.tif").read_bytes()[:-40], read_image, "damaged or unsupported TIFF"
    yield "cmyk.tif", None, read_image, "RGB or grey is needed, found SEPARATED"
    yield "head.exr", whole[:200], read_image, "damaged or truncated EXR: its header cannot be read"
    yield "half.exr", whole[: len(whole) // 2], read_image, "damaged or truncated EXR"
    yield "cut.exr", whole[:-9], read_image, "damaged or truncated EXR"
    yield "whole.exr", None, read_spectral, r"no wavelength channels such as T\.550,000000nm; found B, G, R"
    yield "whole.exr", None, read_depth, "a depth map has one channel, found 3: B, G, R"
    yield "whole.png", png, read_spectral, "not a spectral picture"
    yield "color.png", png, read_depth, "a depth map is 16-bit grey .*found 3 channels of uint8"
    yield "cube.npy", None, read_depth, r"array \(height, width\) of numbers, found float64 \(3, 4, 5\)"
    yield "object.npy", None, read_depth, "of numbers, found object"
    yield "zero.npy", None, read_depth, "12 of 12 depths are not finite numbers > 0"
    yield "half.npy", (tmp_path / "whole.npy").read_bytes()[:200], read_depth, "damaged or truncated NumPy file"
    yield "a.hdr", envi.encode(), read_spectral, "its data file is missing"
    yield "short.hdr", (envi + waves).encode(), read_spectral, "short.raw: truncated: expected 96 bytes, found 50"
    yield "nowaves.hdr", envi.encode(), read_spectral, "ENVI header without a list of numbers 'wavelength'"
    yield "nan.hdr", (envi + waves).encode(), read_spectral, "12 of 12 pixels are NaN or infinite"
    yield "odd.hdr", b"ENVI\nsamples = 4\n", read_spectral, "ENVI header without"
    yield "bad.hdr", b"ENVI\nsamples = {4\n", read_spectral, "ENVI header"
    exr(tmp_path / "nan.exr", nan)
    yield "nan.exr", None, read_image, "1 of 4096 pixels are NaN or infinite"
    exr(tmp_path / "one.exr", {"550nm": good["R"]})
    yield "one.exr", None, read_spectral, "two or more different wavelengths are needed, found 1"
    exr(tmp_path / "far.exr", {"900nm": good["R"], "950nm": good["G"]})
    yield "far.exr", None, read_spectral, r"wavelengths 900\.\.950 nm lie outside 380\.\.780 nm"
    exr(tmp_path / "odd.exr", good, chromaticities=(0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3))
    yield "odd.exr", None, read_image, "are no colour space"
    exr(tmp_path / "uv.exr", {"U": good["R"]})
    yield "uv.exr", None, read_image, r"channels R, G, B \(or Y\) are needed, found U"
    yield ".", None, read_image, "is a directory, not a regular file"
    yield "missing.png", None, read_image, "no such file"


def test_broken_files_end_in_one_clear_line(tmp_path, capfd):
    count = 0
    for name, data, read, words in broken(tmp_path):
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(InputError, match=words) as caught:
            read(path)
        text = str(caught.value)
        assert "\n" not in text
        assert len(text) < 400
        count += 1
    assert count > 35
    # decoders have their own opinions; nobody hears them
    assert capfd.readouterr() == ("", "")


def test_sizes_are_refused_before_anything_is_decoded(tmp_path):
    bomb = save(tmp_path / "a.png", png_of(60_000, 60_000))
    with pytest.raises(LimitError, match="longest side of a 60000x60000 frame"):
        read_image(bomb)
    hdr = save(tmp_path / "a.hdr", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 99999 +X 99999\n")
    with pytest.raises(LimitError, match="raise it with --limit side="):
        read_image(hdr)
    small = exr(tmp_path / "a.exr", {"Y": np.zeros((40, 50), np.float32)})
    with pytest.raises(LimitError, match="side"):
        read_image(small, Limits(side=45))
    envi = "ENVI\nsamples = 30000\nlines = 30000\nbands = 2\ndata type = 4\ninterleave = bsq\nbyte order = 0\n"
    with pytest.raises(LimitError, match="megapixels"):
        read_spectral(save(tmp_path / "e.hdr", envi.encode()))
    np.save(tmp_path / "d.npy", np.ones((3, 99)))
    with pytest.raises(LimitError, match="side"):
        read_depth(tmp_path / "d.npy", Limits(side=50))


def test_a_damaged_exr_leaves_standard_error_open(tmp_path, capfd):
    import os

    whole = exr(tmp_path / "a.exr", {"Y": np.random.default_rng(1).random((80, 80)).astype(np.float32)}).read_bytes()
    with pytest.raises(InputError):
        read_image(save(tmp_path / "b.exr", whole[:-100]))
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"
