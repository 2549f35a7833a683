"""Inputs that are not raw files at all, or not files: one line, the right exit code, and never a block."""

from __future__ import annotations

import os

import pytest

from isp.errors import InputError, LimitError, UsageError
from isp.io import Limits, RawDump, parse_limits, read_raw
from tests.dng import mosaic, write_dng


def refused(path, kind=InputError, **settings) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(kind) as caught:
        read_raw(path, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert os.path.basename(str(path)).encode("ascii", "ignore").decode().split("\n")[0] in message
    return message


def test_missing(tmp_path):
    assert "no such file" in refused(tmp_path / "none.dng")


def test_directory(tmp_path):
    assert "is a directory" in refused(tmp_path)


def test_named_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.dng")
    assert "is a named pipe" in refused(tmp_path / "pipe.dng")


def test_endless_device():
    assert "is a device" in refused("/dev/zero")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path):
    path = write_dng(tmp_path / "a.dng", mosaic())
    path.chmod(0)
    assert "permission denied" in refused(path)


def test_name_with_nul():
    with pytest.raises(InputError, match="cannot be opened"):
        read_raw("a\0b.dng")


def test_name_with_newline_stays_on_one_line(tmp_path):
    assert "no such file" in refused(tmp_path / "a\nb.dng")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"hello, world\n" * 50, "found text"),
        ("schöne Grüße ".encode() * 100, "found text"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(200), "found JPEG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "found PNG"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(200), "found HEIF"),
        (b"PK\x03\x04" + bytes(200), "found ZIP archive"),
        (b"\x93NUMPY\x01\x00" + bytes(200), "found NumPy array"),
        (bytes(1000), "found zero bytes"),
    ],
)
def test_other_kinds_of_file_are_named(tmp_path, data, words):
    path = tmp_path / "a.dng"
    path.write_bytes(data)
    assert f"not a RAW file: {words}" in refused(path)


def test_ordinary_tiff(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", mosaic())
    assert "not a RAW file: found TIFF" in refused(tmp_path / "a.tif")


def test_noise_is_left_to_libraw(tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(mosaic().tobytes() * 3)
    message = refused(path)
    assert "not a RAW file" in message
    assert "--raw width=" in message


def test_file_limit(tmp_path):
    path = tmp_path / "a.dng"
    with open(path, "wb") as file:
        file.truncate(2_100_000_000)  # sparse: takes no disk
    message = refused(path, LimitError)
    assert "file_megabytes=2000" in message
    assert "--limit file_megabytes=2100" in message


def test_limits_are_settable_and_named(tmp_path):
    path = write_dng(tmp_path / "a.dng", mosaic(48, 32))
    assert "--limit side=48" in refused(path, LimitError, limits=Limits(side=40))
    assert read_raw(path, limits=parse_limits(["side=48"])).shape == (32, 48)
    with pytest.raises(UsageError, match="did you mean 'megapixels'"):
        parse_limits(["megapixel=3"])
    with pytest.raises(UsageError, match="must be a finite number > 0"):
        parse_limits(["side=-3"])


def test_the_largest_phone_frame_is_inside_the_limits():
    Limits().check_size(16384, 12288, "a.dng")


@pytest.mark.parametrize(("size", "words"), [(95, "found 95"), (97, "found 97"), (48, "found 48"), (0, "empty")])
def test_dump_of_the_wrong_size(tmp_path, size, words):
    path = tmp_path / "a.raw"
    path.write_bytes(b"\1" * size)
    message = refused(path, dump=RawDump(8, 6, bits=16))
    assert words in message
    if size:
        assert "expected 96" in message


def test_dump_of_either_packing_names_both_sizes(tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(b"\1" * 70)
    assert "expected 96 (container) or 60 (mipi) bytes, found 70" in refused(path, dump=RawDump(8, 6, bits=10))


def test_dump_with_values_above_its_depth(tmp_path):
    path = tmp_path / "a.raw"
    pixels = mosaic(8, 6)
    pixels[0, :3] = 1024
    path.write_bytes(pixels.astype("<u2").tobytes())
    message = refused(path, dump=RawDump(8, 6, bits=10))
    assert "3 of 48 values above the 10-bit maximum 1023, the largest 1024" in message


def test_dump_with_the_wrong_endianness(tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(mosaic(8, 6).astype(">u2").tobytes())
    assert "check bits and endian=little" in refused(path, dump=RawDump(8, 6, bits=10))


def test_a_file_that_changes_meanwhile_is_refused(tmp_path, monkeypatch):
    from isp.io import dump as module

    path = tmp_path / "a.raw"
    path.write_bytes(mosaic(8, 6).tobytes())
    unpack = module._unpack

    def meddle(*arguments):
        with open(path, "ab") as file:
            file.write(b"more")
        return unpack(*arguments)

    monkeypatch.setattr(module, "_unpack", meddle)
    assert "changed while it was being read" in refused(path, dump=RawDump(8, 6, bits=10))


def test_real_malformed_files(shared_data):
    files = sorted((shared_data / "malformed").glob("*"))
    if not files:
        pytest.skip("files not here")
    for path in files:
        assert refused(path)


def test_real_linear_dngs(shared_data):
    files = sorted((shared_data / "raw").glob("lg_g4*.dng"))
    if not files:
        pytest.skip("files not here")
    for path in files:
        assert "CFA 'none'" in refused(path)


def test_a_disk_that_fails(tmp_path, monkeypatch):
    path = tmp_path / "a.raw"
    path.write_bytes(mosaic(8, 6).tobytes())

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)
    assert "cannot be read: Input/output error" in refused(path, dump=RawDump(8, 6, bits=10))
