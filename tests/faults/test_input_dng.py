"""DNGs that lie: truncated, oversized, contradictory, hostile."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import time

import numpy as np
import pytest

from isp.errors import InputError, LimitError
from isp.io import read_raw
from tests.dng import (
    BYTE,
    DOUBLE,
    LONG,
    RATIONAL,
    SHORT,
    SRATIONAL,
    UNDEFINED,
    dng_bytes,
    gain_map,
    mosaic,
    opcode_list,
    write_dng,
)

PIXELS = mosaic(48, 32)


def refused(path, kind=InputError) -> str:
    with pytest.raises(kind) as caught:
        read_raw(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


@pytest.mark.parametrize("layout", [{}, {"compression": 7}, {"tile": (16, 16)}, {"sub_ifd": True}], ids=str)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_cut_files(tmp_path, layout, share):
    data = dng_bytes(PIXELS, **layout)
    path = tmp_path / "a.dng"
    path.write_bytes(data[: int(len(data) * share)])
    assert "truncated" in refused(path)


def test_real_file_cut(tmp_path, shared_data):
    source = shared_data / "raw" / "gopro_hero6_GOPR0024.dng"
    if not source.exists():
        pytest.skip("file not here")
    data = source.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.999):
        (tmp_path / "a.dng").write_bytes(data[: int(len(data) * share)])
        assert "truncated" in refused(tmp_path / "a.dng")


def test_a_strip_that_ends_early(tmp_path):
    path = write_dng(tmp_path / "a.dng", PIXELS, tags={279: (LONG, [48 * 32 * 2 - 1])})
    assert "truncated: strip 1 of 1 has 3071 bytes, 3072 are needed" in refused(path)
    whole = dng_bytes(PIXELS, compression=7)
    size = len(whole) - whole.index(b"\xff\xd8\xff")
    path = write_dng(tmp_path / "b.dng", PIXELS, compression=7, tags={279: (LONG, [size // 2])})
    assert "truncated: the JPEG stream has no end marker" in refused(path)


def test_missing_strips(tmp_path):
    path = write_dng(tmp_path / "a.dng", PIXELS, tags={278: (LONG, [8])})
    assert "need 4 segments, found 1 offsets and 1 byte counts" in refused(path)
    path = write_dng(tmp_path / "b.dng", PIXELS, tags={273: (LONG, [0])})
    assert "truncated" in refused(path)


@pytest.mark.parametrize("side", [60_000, 2**31 - 1])
@pytest.mark.parametrize("compression", [1, 7])
def test_huge_claims_are_refused_before_anything_is_allocated(tmp_path, side, compression):
    path = tmp_path / "a.dng"
    tags = {256: (LONG, [side]), 257: (LONG, [side]), 278: (LONG, [side])}
    write_dng(path, PIXELS, compression=compression, tags=tags)
    message = refused(path, LimitError)
    assert f"{side}x{side}" in message
    assert f"--limit side={side}" in message


def test_memory_of_a_refusal(tmp_path):
    """A claim inside the limits, without the data for it, costs no memory either."""
    tags = {256: (LONG, [20000]), 257: (LONG, [18000]), 278: (LONG, [18000])}
    path = write_dng(tmp_path / "a.dng", PIXELS, compression=7, tags=tags)
    code = (
        "import pathlib, resource, sys\nfrom isp.io import read_raw\n"
        "try:\n    read_raw(sys.argv[1])\nexcept Exception as error:\n    print(error)\n"
        # Linux's ru_maxrss starts at the parent's size, VmHWM does not
        "status = pathlib.Path('/proc/self/status')\n"
        "peak = [line.split()[1] for line in status.read_text().splitlines() if 'VmHWM' in line] if status.exists() "
        "else [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]\n"
        "print(peak[0])"
    )
    out = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout
    message, peak = out.strip().rsplit("\n", 1)
    assert "truncated" in message
    assert int(peak) * (1 if sys.platform == "darwin" else 1024) < 300e6


@pytest.mark.parametrize(
    ("width", "height", "words"), [(0, 32, "0x32"), (48, 0, "48x0"), (2, 2, "at least 4x4"), (3, 32, "at least 4x4")]
)
def test_too_small(tmp_path, width, height, words):
    tags = {256: (LONG, [width]), 257: (LONG, [height]), 278: (LONG, [max(height, 1)])}
    assert words in refused(write_dng(tmp_path / "a.dng", PIXELS, tags=tags))


def test_odd_sides_are_allowed(tmp_path):
    pixels = mosaic(7, 5)
    np.testing.assert_array_equal(read_raw(write_dng(tmp_path / "a.dng", pixels)).data, pixels)


def test_compression_tag_that_contradicts_the_data(tmp_path):
    path = write_dng(tmp_path / "a.dng", PIXELS, tags={259: (SHORT, [7])})
    assert "not a JPEG stream" in refused(path)
    path = write_dng(tmp_path / "b.dng", PIXELS, tags={259: (SHORT, [8])})
    assert "cannot be decoded (Deflate)" in refused(path)


@pytest.mark.parametrize("compression", [7, 8])
def test_compressed_frame_that_decodes_to_one_value(tmp_path, compression):
    path = write_dng(tmp_path / "a.dng", np.zeros((32, 48), np.uint16), compression=compression)
    assert "decoded image is constant (0 everywhere)" in refused(path)


def test_a_black_frame_is_a_frame(tmp_path):
    assert not read_raw(write_dng(tmp_path / "a.dng", np.zeros((32, 48), np.uint16))).data.any()


def test_jpeg_of_another_size(tmp_path):
    tags = {257: (LONG, [30]), 278: (LONG, [30])}
    message = refused(write_dng(tmp_path / "a.dng", PIXELS, compression=7, tags=tags))
    assert "JPEG of 48x32x1 samples" in message
    assert "expected 48x30" in message


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({50714: (RATIONAL, [1023])}, "black level 1023 (BlackLevel) must be below white level 1023 (WhiteLevel)"),
        ({50714: (RATIONAL, [2000])}, "black level 2000 (BlackLevel) must be below white level 1023 (WhiteLevel)"),
        ({50717: (LONG, [0])}, "white level 0 (WhiteLevel) must be in 1..65535 (BitsPerSample 16)"),
        ({50717: (LONG, [70000])}, "white level 70000 (WhiteLevel) must be in 1..65535"),
        ({50714: (SRATIONAL, [-5])}, "black level -5 (BlackLevel) must be finite and >= 0"),
        ({50714: (RATIONAL, [(1, 0)])}, "black level inf (BlackLevel) must be finite"),
        ({50713: (SHORT, [3, 3])}, "BlackLevel has 1 values, BlackLevelRepeatDim asks for 3x3"),
        ({50713: (SHORT, [9, 1])}, "BlackLevelRepeatDim [9, 1] must be two numbers in 1..8"),
    ],
)
def test_levels_that_contradict_each_other(tmp_path, tags, words):
    assert words in refused(write_dng(tmp_path / "a.dng", PIXELS, tags=tags))


def test_white_above_the_packed_depth(tmp_path):
    path = write_dng(tmp_path / "a.dng", PIXELS, bits=10, white=1024)
    assert "white level 1024 (WhiteLevel) must be in 1..1023 (BitsPerSample 10)" in refused(path)


XTRANS = "GBGGRG/RGRBGB/GBGGRG/GRGGBG/BGBRGR/GRGGBG"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"cfa": XTRANS}, "(X-Trans) not supported"),
        ({"tags": {33422: (BYTE, [9, 9, 9, 9])}}, "CFA [9, 9, 9, 9]"),
        ({"tags": {33422: (BYTE, [1, 1, 1, 1])}}, "CFA 'G' not supported"),
        ({"tags": {33422: (BYTE, [0, 1, 1, 1])}}, "CFA 'RG/GG' not supported"),
        ({"tags": {33422: None}}, "CFA [] declared as 2x2"),
        ({"tags": {50711: (SHORT, [2])}}, "CFA layout 2"),
        ({"tags": {262: (SHORT, [34892]), 277: (SHORT, [3])}}, "CFA 'none' (linear DNG with 3 colours"),
        ({"tags": {262: (SHORT, [2])}}, "CFA 'none' (no mosaic in this DNG)"),
    ],
)
def test_cfa_that_no_stage_takes(tmp_path, settings, words):
    message = refused(write_dng(tmp_path / "a.dng", PIXELS, **settings))
    assert words in message
    assert "supported: Bayer (RGGB" in message


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({50721: (SRATIONAL, [0] * 9)}, "ColorMatrix1"),
        ({50722: (SRATIONAL, [1] * 9)}, "ColorMatrix2"),
        ({50721: (SRATIONAL, [(0, 0)] * 9)}, "ColorMatrix1 [[nan"),
        ({50721: (SRATIONAL, [1] * 12)}, "cameras of 3 colours"),
        ({50728: (RATIONAL, [0, 1, 1])}, "AsShotNeutral [0.0, 1.0, 1.0] must be 3 finite numbers > 0"),
        ({50728: (SRATIONAL, [-1, 1, 1])}, "AsShotNeutral"),
        ({50728: (RATIONAL, [1, 1])}, "AsShotNeutral"),
        ({50727: (RATIONAL, [0, 1, 1])}, "AnalogBalance"),
        ({50728: None, 50729: (RATIONAL, [0.3, 0])}, "AsShotWhiteXY"),
        ({51041: (DOUBLE, [-1.0, 0.0])}, "noise model shot"),
    ],
)
def test_unusable_colour(tmp_path, tags, words):
    assert words in refused(write_dng(tmp_path / "a.dng", PIXELS, tags=tags))


@pytest.mark.parametrize(("code", "name"), [(52546, "JPEG XL"), (34892, "lossy JPEG")])
def test_compressions_that_must_be_converted_first(tmp_path, code, name):
    message = refused(write_dng(tmp_path / "a.dng", PIXELS, tags={259: (SHORT, [code])}))
    assert f"compression {code} ({name}) not supported" in message
    assert "convert it to a DNG with uncompressed or lossless-JPEG" in message


def test_floating_point_samples(tmp_path):
    assert "floating-point" in refused(write_dng(tmp_path / "a.dng", PIXELS, tags={339: (SHORT, [3])}))


MAP = gain_map(np.ones((3, 3)), (0, 0, 32, 48), (1, 1))


@pytest.mark.parametrize(
    ("tag", "kind", "words"),
    [
        ((UNDEFINED, struct.pack(">I", 2**32 - 1)), LimitError, "4294967295 is above the limit opcodes=64"),
        (opcode_list((99, 0, b"")), InputError, "unknown opcode 99 is mandatory"),
        (opcode_list((9, 1, MAP[:-4])), InputError, "3x3x1 points need 112 bytes, found 108"),
        (opcode_list((9, 1, MAP[:50])), InputError, "at least 76 are needed"),
        ((UNDEFINED, opcode_list((9, 1, MAP))[1][:-9]), InputError, "are left"),
        ((UNDEFINED, b"\0\0"), InputError, "OpcodeList2 has 2 bytes"),
        (opcode_list((9, 1, gain_map(np.ones((3, 3)), (0, 0, 40, 48)))), InputError, "leaves the 48x32"),
        (opcode_list((9, 1, gain_map(np.zeros((3, 3)), (0, 0, 32, 48)))), InputError, "gains outside 0 < gain"),
        (opcode_list((9, 1, gain_map(np.full((3, 3), np.nan), (0, 0, 32, 48)))), InputError, "gains outside"),
        (opcode_list((9, 1, gain_map(np.ones((3, 3)), (0, 0, 32, 48), (0, 1)))), InputError, "make no sense"),
        (opcode_list((9, 1, MAP), (9, 1, gain_map(np.ones((4, 3)), (0, 0, 32, 48)))), InputError, "differ in number"),
        (
            opcode_list((9, 1, struct.pack(">10I4dI", 0, 0, 32, 48, 0, 1, 1, 1, 2**31, 2**31, 1, 1, 0, 0, 1))),
            LimitError,
            "gain_map_points",
        ),
    ],
)
def test_opcodes(tmp_path, tag, kind, words):
    assert words in refused(write_dng(tmp_path / "a.dng", PIXELS, tags={51009: tag}), kind)


def chain(tmp_path, count, cyclic):
    """A TIFF of `count` empty IFDs, the last linked to the first if `cyclic`."""
    data = bytearray(struct.pack("<2sHI", b"II", 42, 8))
    for i in range(count):
        last = i == count - 1
        data += struct.pack("<HHHIII", 1, 254, 4, 1, 0, (8 if cyclic else 0) if last else 8 + 18 * (i + 1))
    path = tmp_path / "a.dng"
    path.write_bytes(data)
    return path


def quick(call, *arguments):
    start = time.monotonic()
    result = call(*arguments)
    assert time.monotonic() - start < 2  # a promise of the reader, with two orders of magnitude to spare
    return result


def test_cyclic_ifds(tmp_path):
    assert "cyclic IFD chain" in quick(refused, chain(tmp_path, 3, True))
    path = write_dng(tmp_path / "b.dng", PIXELS, sub_ifd=True)
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack("<HHI", 330, LONG, 1))
    data[at + 8 : at + 12] = struct.pack("<I", 8)
    path.write_bytes(data)
    assert "cyclic IFD chain" in refused(path)


def test_ten_thousand_ifds(tmp_path):
    message = quick(refused, chain(tmp_path, 10_000, False), LimitError)
    assert "--limit ifds=" in message


def test_a_gigabyte_of_metadata(tmp_path):
    path = write_dng(tmp_path / "a.dng", PIXELS, tags={700: (BYTE, [0] * 8)})
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack("<HHI", 700, BYTE, 8))
    data[at + 4 : at + 12] = struct.pack("<II", 1_000_000_000, len(data))
    path.write_bytes(data)
    with open(path, "r+b") as file:
        file.truncate(len(data) + 1_000_000_000)  # sparse
    message = quick(refused, path, LimitError)
    assert "size of tag 700" in message
    assert "tag_megabytes=64" in message


def test_compressions_of_others_go_to_libraw_and_come_back_in_words(tmp_path):
    message = refused(write_dng(tmp_path / "a.dng", PIXELS, tags={259: (SHORT, [9])}))
    assert "cannot be decoded" in message


def signature(frame):
    info = frame.info
    structure = (frame.shape, frame.cfa, frame.black.shape, len(info.calibrations))
    numbers = (frame.black.tobytes(), frame.white, info.neutral, info.orientation, info.noise, info.make, info.model)
    return structure, numbers, frame.data.tobytes(), info.warnings


def mutations(data, count, seed, length):
    """`data` with 4 bytes of its first `length` changed at random, `count` times."""
    rng = random.Random(seed)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(4):
            changed[rng.randrange(length)] = rng.randrange(256)
        yield bytes(changed)


@pytest.mark.parametrize(("settings", "count"), [({"compression": 7, "sub_ifd": True}, 150), ({"order": ">"}, 150)])
def test_mutated_headers(tmp_path, settings, count):
    """Each is refused in one line, or passes every check and says what looks wrong.

    What stays silent is a number replaced by another plausible one, or an optional tag renamed to another valid one.
    """
    tags = {51009: opcode_list((9, 1, MAP)), 51041: (DOUBLE, [2e-4, 1e-7]), 50829: (LONG, [0, 0, 32, 48])}
    data = dng_bytes(PIXELS, tags=tags, **settings)
    path = tmp_path / "a.dng"
    path.write_bytes(data)
    pristine = signature(read_raw(path))
    refusals, unreported = [], []
    header = data.index(b"\xff\xd8\xff") if "compression" in settings else len(data) - PIXELS.nbytes
    for changed in mutations(data, count, 20260921, header):
        path.write_bytes(changed)
        try:
            # everything here is ours or damaged beyond LibRaw: no need of the child
            frame = read_raw(path, in_process=True)
        except (InputError, LimitError) as error:
            refusals.append(str(error))
            continue
        found = signature(frame)
        if (found[0], found[2]) != (pristine[0], pristine[2]) and not frame.info.warnings:
            unreported.append(found[0])
        assert 0 <= frame.black.min() <= frame.black.max() < frame.white <= 65535
        assert min(frame.shape) >= 4
        if frame.info.neutral is not None:
            assert min(frame.info.neutral) > 0
    assert not [line for line in refusals if "\n" in line or "a.dng" not in line]
    assert len(refusals) > count // 2
    assert unreported == []
