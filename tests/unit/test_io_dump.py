"""Headerless dumps: containers, MIPI packing, strides, and the words of `--raw`."""

from __future__ import annotations

import numpy as np
import pytest

from isp.errors import UsageError
from isp.io import RawDump, parse_dump, read_raw

PIXELS = np.random.default_rng(0).integers(0, 1024, (6, 8)).astype(np.uint16)


def mipi10(pixels):
    """RAW10 by the words of the specification: P1[9:2] P2[9:2] P3[9:2] P4[9:2] P4[1:0]P3[1:0]P2[1:0]P1[1:0]."""
    out = bytearray()
    for a, b, c, d in pixels.reshape(-1, 4).tolist():
        out += bytes([a >> 2, b >> 2, c >> 2, d >> 2, (d & 3) << 6 | (c & 3) << 4 | (b & 3) << 2 | a & 3])
    return bytes(out)


def mipi12(pixels):
    """RAW12: P1[11:4] P2[11:4] P2[3:0]P1[3:0]."""
    out = bytearray()
    for a, b in pixels.reshape(-1, 2).tolist():
        out += bytes([a >> 4, b >> 4, (b & 15) << 4 | a & 15])
    return bytes(out)


def read(tmp_path, data, **dump):
    path = tmp_path / "a.raw"
    path.write_bytes(data)
    return read_raw(path, dump=RawDump(**{"width": 8, "height": 6, **dump}))


@pytest.mark.parametrize("endian", ["little", "big"])
def test_sixteen_bit_words(tmp_path, endian):
    data = PIXELS.astype("<u2" if endian == "little" else ">u2").tobytes()
    frame = read(tmp_path, data, bits=10, endian=endian, cfa="GBRG", black=64, iso=100)
    np.testing.assert_array_equal(frame.data, PIXELS)
    assert (str(frame.cfa), frame.black.tolist(), frame.white, frame.info.iso) == ("GBRG", [[64]], 1023, 100)
    assert not frame.info.self_describing


def test_bytes(tmp_path):
    frame = read(tmp_path, PIXELS.astype(np.uint8).tobytes(), bits=8)
    np.testing.assert_array_equal(frame.data, PIXELS & 255)
    assert frame.white == 255


@pytest.mark.parametrize("packing", ["auto", "mipi"])
def test_mipi(tmp_path, packing):
    np.testing.assert_array_equal(read(tmp_path, mipi10(PIXELS), bits=10, packing=packing).data, PIXELS)
    np.testing.assert_array_equal(read(tmp_path, mipi12(PIXELS * 4), bits=12, packing=packing).data, PIXELS * 4)


def test_mipi_with_padded_rows_and_offset(tmp_path):
    rows = [mipi10(row) + b"\xee" * 6 for row in PIXELS]
    frame = read(tmp_path, b"head" + b"".join(rows), bits=10, packing="mipi", stride=16, offset=4)
    np.testing.assert_array_equal(frame.data, PIXELS)
    # the last row's padding may be missing
    frame = read(tmp_path, b"head" + b"".join(rows)[:-6], bits=10, packing="mipi", stride=16, offset=4)
    np.testing.assert_array_equal(frame.data, PIXELS)


def test_mipi_width_that_ends_inside_a_group(tmp_path):
    padded = np.pad(PIXELS[:, :6], ((0, 0), (0, 2)))
    np.testing.assert_array_equal(read(tmp_path, mipi10(padded), width=6, bits=10).data, PIXELS[:, :6])


def test_black_per_site(tmp_path):
    frame = read(tmp_path, PIXELS.tobytes(), bits=10, cfa="BGGR", black=(1, 2, 3, 4))
    np.testing.assert_array_equal(frame.black, [[4, 3], [2, 1]])


def test_text_form():
    dump = parse_dump("width=1920, height=1080,cfa=GRBG,bits=10,black=64,white=1000,packing=MIPI,stride=2400,iso=200")
    assert dump == RawDump(1920, 1080, "GRBG", 10, 64.0, 1000.0, "mipi", 2400, iso=200.0)
    assert parse_dump("width=8,height=8,bits=12,black=1/2/3/4").black == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("width=8,heigth=8", "unknown key 'heigth'; did you mean 'height'"),
        ("width=8,height=8,colour=RGGB", "unknown key 'colour'"),
        ("width=8", "height is missing"),
        ("width=8,height=8,width=9", "'width' is given twice"),
        ("width=8.5,height=8", "width='8.5' is not a whole number"),
        ("width=,height=8", "'width' needs a value"),
        ("width=8,height=8,bits=7", "bits=7 must be 8..24"),
        ("width=8,height=8,cfa=RGB", "CFA 'RGB' not supported"),
        ("width=8,height=8,endian=middle", "must be little or big"),
        ("width=8,height=8,packing=zip", "must be one of auto, container, mipi"),
        ("width=8,height=8,packing=mipi,bits=14", "defined for bits=10 and bits=12"),
        ("width=8,height=8,black=300,bits=8", "0 <= black < white <= 255"),
        ("width=8,height=8,black=nan", "0 <= black < white"),
        ("width=8,height=8,stride=4,bits=16", "stride=4 is shorter than a row"),
        ("width=2,height=8", "at least 4x4"),
        ("width=8,height=8,offset=-1", "offset=-1 must be >= 0"),
    ],
)
def test_refusals_say_what_is_allowed(text, words):
    with pytest.raises(UsageError) as caught:
        parse_dump(text)
    assert words in str(caught.value)


def test_real_dumps(shared_data):
    path = shared_data / "raw" / "infinite_isp_Outdoor1_2592x1536_8bit_GRBG.raw"
    if not path.exists():
        pytest.skip("file not here")
    frame = read_raw(path, dump=RawDump(2592, 1536, "GRBG", 8))
    assert frame.shape == (1536, 2592)
    assert frame.data.max() <= 255
