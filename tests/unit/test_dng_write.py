"""Writing DNGs: what goes in comes out; the tags are those of the specification; refusals and full disks."""

from __future__ import annotations

import json
import os
import resource
import struct
import tempfile
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isp.commands import main
from isp.errors import InputError, OutputError, UsageError
from isp.io import describe, read_raw, write_dng
from isp.io.dng.colour import ILLUMINANTS
from isp.io.dng.write_tags import light_source, rationals
from isp.values import ColorCalibration, FrameInfo, GainMesh, NoiseModel, RawFrame
from tests.dng import MATRIX_A, MATRIX_D65, dng_bytes, gain_map, mosaic, opcode_list

QUAD = "RRGG/RRGG/GGBB/GGBB"
NONA = "GGGRRR/GGGRRR/GGGRRR/BBBGGG/BBBGGG/BBBGGG"
HEXADECA = "/".join(["GGGGBBBB"] * 4 + ["RRRRGGGG"] * 4)
SPARSE = "RGWB/GWBW/WRGW/BWWG"
PATTERNS = ["RGGB", "GRBG", "GBRG", "BGGR", "RYYB", QUAD, NONA, HEXADECA, "YYRR/YYRR/BBYY/BBYY", SPARSE, "Y"]
SITELESS = ("Y", SPARSE)
RATIONAL_ERROR = 5e-10


def same_frame(read: RawFrame, written: RawFrame) -> None:
    """Everything but where it came from; rationals to their rounding."""
    np.testing.assert_array_equal(read.data, written.data)
    assert read.data.dtype == np.uint16
    assert (read.cfa, read.white) == (written.cfa, written.white)
    # at 16 bits a fraction has 31 - 16 bits
    np.testing.assert_allclose(read.black, written.black, rtol=0, atol=2**-16)
    assert read.black.shape == written.black.shape
    for field in fields(FrameInfo):
        got, expected = getattr(read.info, field.name), getattr(written.info, field.name)
        if field.name == "self_describing":
            assert got
        elif field.name == "calibrations":
            assert len(got) == len(expected)
            for a, b in zip(got, expected, strict=True):
                same_calibration(a, b)
        elif field.name == "lens_shading" and expected is not None:
            np.testing.assert_array_equal(got.gains, expected.gains)
            assert (got.origin, got.spacing) == (expected.origin, expected.spacing)
        elif field.name == "linearization" and expected is not None:
            np.testing.assert_array_equal(got, expected)
        elif isinstance(expected, float | tuple) and field.name != "warnings":
            np.testing.assert_allclose(got, expected, rtol=RATIONAL_ERROR, atol=RATIONAL_ERROR)
        else:
            assert got == expected, field.name


def same_calibration(a: ColorCalibration, b: ColorCalibration) -> None:
    assert (a.temperature, a.illuminant) == (b.temperature, b.illuminant)
    for x, y in ((a.color_matrix, b.color_matrix), (a.camera_calibration, b.camera_calibration)):
        np.testing.assert_allclose(x, y, rtol=RATIONAL_ERROR, atol=RATIONAL_ERROR)
    assert (a.forward_matrix is None) == (b.forward_matrix is None)
    if a.forward_matrix is not None:
        np.testing.assert_allclose(a.forward_matrix, b.forward_matrix, rtol=RATIONAL_ERROR, atol=RATIONAL_ERROR)


def full_frame(cfa: str = "RGGB", **changes) -> RawFrame:
    """A frame that says everything a DNG can hold."""
    rng = np.random.default_rng(3)
    planes = 1 if cfa in SITELESS else 4
    gains = rng.uniform(1, 3, (5, 7, planes)).astype(np.float32).repeat(4 // planes, axis=2)
    info = {
        "make": "Maker",
        "model": "Model 1",
        "iso": 320.0,
        "exposure": 1 / 455,
        "f_number": 1.8,
        "focal_length": 5.43,
        "neutral": (0.5123, 1.0, 0.6321),
        "analog_balance": (1.1, 1.0, 0.9),
        "calibrations": (
            ColorCalibration(2850.0, np.array(MATRIX_A), np.diag([0.96, 1.0, 0.82]), np.diag([1.01, 1, 0.99]), "A"),
            ColorCalibration(6500.0, np.array(MATRIX_D65), np.diag([0.97, 1.0, 0.83]), illuminant="D65"),
        ),
        "baseline_exposure": -0.37,
        "noise": NoiseModel((1e-4, 2e-4, 2e-4, 3e-4), (1e-7, 2e-7, 2e-7, 3e-7)),
        "lens_shading": GainMesh(gains, (0.01, -0.02), (0.25, 1 / 6)),
        "linearization": np.arange(1024, dtype=np.float32) * 3,
        "orientation": 6,
    }
    if cfa == "Y":
        colourless = {"neutral": None, "analog_balance": (1.0, 1.0, 1.0), "calibrations": ()}
        info |= {**colourless, "noise": NoiseModel((1e-4,) * 4, (2e-7,) * 4)}
    return RawFrame.from_array(mosaic(50, 38), cfa, changes.pop("black", 64), 3069, **{**info, **changes})


@pytest.mark.parametrize("cfa", PATTERNS)
def test_everything_comes_back(tmp_path, cfa):
    frame = full_frame(cfa)
    same_frame(read_raw(write_dng(frame, tmp_path / "a.dng")), frame)


def floats(low, high):
    return st.floats(low, high, allow_nan=False, width=64)


def matrices():
    # within 0.3 of the unit matrix in every entry: always invertible
    return st.lists(floats(-0.3, 0.3), min_size=9, max_size=9).map(lambda v: np.eye(3) + np.reshape(v, (3, 3)))


TEXTS = st.text("abcXYZ 0129-_.éß", max_size=20).map(str.strip)
CALIBRATIONS = st.builds(
    lambda code, cm, fm, cc: ColorCalibration(ILLUMINANTS[code][1], cm, fm, cc, ILLUMINANTS[code][0]),
    st.sampled_from(sorted(ILLUMINANTS)), matrices(), st.none() | matrices(), matrices(),
)  # fmt: skip


@st.composite
def frames(draw):
    cfa = draw(st.sampled_from(PATTERNS))
    height, width = draw(st.integers(16, 40)), draw(st.integers(16, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    black = rng.uniform(0, 300, (draw(st.integers(1, 8)), draw(st.integers(1, 8))))
    if draw(st.booleans()):
        black = np.rint(black)
    points = (draw(st.integers(2, 6)), draw(st.integers(2, 6)))
    planes = 1 if cfa in SITELESS else 4
    gains = rng.uniform(0.5, 4, (*points, planes)).astype(np.float32).repeat(4 // planes, axis=2)
    mesh = GainMesh(gains, (draw(floats(-1, 1)), draw(floats(-1, 1))), (draw(floats(0.01, 2)), draw(floats(0.01, 2))))
    green, site = rng.uniform(0, 1e-2, 2), rng.uniform(0, 1e-2, (2, 2))
    noise = [(s[0], g, g, s[1]) if cfa != "Y" else (g,) * 4 for s, g in zip(site, green, strict=True)]
    table = np.sort(rng.integers(0, 65536, draw(st.integers(2, 600)))).astype(np.float32)
    table[-1] = max(table[-1], table[0] + 1)
    known = {
        "make": draw(TEXTS),
        "model": draw(TEXTS.filter(bool)),
        "iso": float(draw(st.integers(1, 4_000_000))),
        "exposure": draw(floats(1e-6, 3600)),
        "f_number": draw(floats(0.5, 64)),
        "focal_length": draw(floats(0.5, 2000)),
        "baseline_exposure": draw(floats(-5, 5)),
        "noise": NoiseModel(*noise),
        "lens_shading": mesh,
        "linearization": table,
    }
    if cfa != "Y":
        known["neutral"] = tuple(draw(floats(0.02, 3)) for _ in range(3))
        known["analog_balance"] = tuple(draw(floats(0.2, 5)) for _ in range(3))
        known["calibrations"] = tuple(draw(st.lists(CALIBRATIONS, max_size=3)))
    left_out = draw(st.sets(st.sampled_from(sorted(known.keys() - {"model"}))))
    info = {name: value for name, value in known.items() if name not in left_out}
    data = rng.integers(0, 65536, (height, width)).astype(np.uint16)
    return RawFrame.from_array(
        data, cfa, black, draw(st.integers(301, 65535)), orientation=draw(st.integers(1, 8)), **info
    )


@settings(max_examples=60, deadline=None)
@given(frames())
def test_any_frame_comes_back(frame):
    with tempfile.TemporaryDirectory() as folder:
        first, second = (write_dng(frame, Path(folder) / f"{n}.dng").read_bytes() for n in "ab")
        assert first == second
        same_frame(read_raw(Path(folder) / "a.dng"), frame)


def tags_of(path):
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        return {tag.code: tag.value for tag in tiff.pages[0].tags}, tiff.asarray()


@pytest.mark.parametrize(
    ("cfa", "side", "planes"),
    [("GRBG", 2, (0, 1, 2)), (QUAD, 4, (0, 1, 2)), (HEXADECA, 8, (0, 1, 2)), ("RYYB", 2, (0, 5, 2))],
)
def test_tags_of_a_mosaic(tmp_path, cfa, side, planes):
    frame = full_frame(cfa)
    tags, pixels = tags_of(write_dng(frame, tmp_path / "a.dng", description="one, two"))
    np.testing.assert_array_equal(pixels, frame.data)
    # codes of TIFF/EP: red 0, green 1, blue 2, yellow 5
    codes = [{"R": 0, "G": 1, "B": 2, "Y": 5}[c] for row in frame.cfa.rows for c in row]
    assert tags[33421] == (side, side)
    assert list(tags[33422]) == codes
    assert tuple(tags[50710]) == planes
    assert (tags[262], tags[258], tags[259], tags[277], tags[50711]) == (32803, 16, 1, 1, 1)
    assert (tuple(tags[50706]), tuple(tags[50707])) == ((1, 4, 0, 0), (1, 1, 0, 0))
    assert (tags[50829], tags[50720], tags[254]) == ((0, 0, 38, 50), (50, 38), 0)
    assert (tags[270], tags[271], tags[272], tags[50708]) == ("one, two", "Maker", "Model 1", "Maker Model 1")
    assert tags[305].startswith("mobile-isp ")
    assert (tags[50713], tags[50714], tags[50717], tags[274]) == ((1, 1), 64, 3069, 6)
    assert tags[51041] == (1e-4, 1e-7, 2e-4, 2e-7, 3e-4, 3e-7)
    assert (tags[50778], tags[50779]) == (17, 21)
    # the matrix as it is written in the source, four decimals
    assert [Fraction(*p) for p in np.reshape(tags[50721], (9, 2)).tolist()] == [
        Fraction(str(v)) for row in MATRIX_A for v in row
    ]
    assert tags[34665]["ExposureTime"] == (1, 455)
    assert tags[34665]["FNumber"] == (9, 5)
    assert tags[34665]["ISOSpeedRatings"] == 320
    assert tags[34665]["FocalLength"] == (543, 100)
    assert not {306, 36867, 36868} & {*tags, *tags[34665]}  # no time: the same frame is the same bytes


def test_mono_is_linear_raw_without_a_pattern(tmp_path):
    tags, pixels = tags_of(write_dng(full_frame("Y"), tmp_path / "a.dng"))
    assert (tags[262], tags[277]) == (34892, 1)
    assert not {33421, 33422, 50710, 50721, 50728} & set(tags)
    assert tags[51041] == (1e-4, 2e-7)
    np.testing.assert_array_equal(pixels, mosaic(50, 38))


@pytest.mark.parametrize(("cfa", "count"), [("RGGB", 4), (QUAD, 16), (NONA, 36), (HEXADECA, 64)])
def test_one_gain_map_for_each_pixel_of_the_pattern(tmp_path, cfa, count):
    frame = full_frame(cfa)
    data = tags_of(write_dng(frame, tmp_path / "a.dng"))[0][51009]
    assert struct.unpack_from(">I", data)[0] == count
    at, side, letters = 4, frame.cfa.period, {}
    for _ in range(count):
        code, version, flags, size = struct.unpack_from(">IIII", data, at)
        head = struct.unpack_from(">10I4dI", data, at + 16)
        assert (code, version, flags) == (9, 0x01030000, 1)
        assert head[2:10] == (38, 50, 0, 1, side, side, 5, 7)
        assert head[10:] == (0.25, 1 / 6, 0.01, -0.02, 1)
        gains = np.frombuffer(data, ">f4", 35, at + 16 + 76)
        letters.setdefault(frame.cfa.at(head[1], head[0]), set()).add(gains.tobytes())
        at += 16 + size
    assert at == len(data)
    # one mesh for red, one for blue, two for green
    assert {letter: len(meshes) for letter, meshes in letters.items()} == {"R": 1, "G": 2, "B": 1}


def test_equal_planes_are_one_gain_map(tmp_path):
    mesh = GainMesh(np.full((3, 4, 4), 1.5, np.float32))
    frame = full_frame(QUAD, lens_shading=mesh)
    path = write_dng(frame, tmp_path / "a.dng")
    assert tags_of(path)[0][51009][:4] == b"\0\0\0\1"
    np.testing.assert_array_equal(read_raw(path).info.lens_shading.gains, mesh.gains)


@pytest.mark.parametrize("change", ["another gain", "a map missing"])
def test_gain_maps_that_differ_within_a_block_are_reported(tmp_path, change):
    gains = np.random.default_rng(0).uniform(1, 2, (4, 3, 3)).astype(np.float32)
    maps = [(9, 1, gain_map(gains[2 * (y // 2) + x // 2], (y, x, 38, 50), (4, 4))) for y in range(4) for x in range(4)]
    if change == "another gain":
        maps[5] = (9, 1, gain_map(gains[0] * 1.01, (1, 1, 38, 50), (4, 4)))
    else:
        del maps[5]
    path = tmp_path / "a.dng"
    path.write_bytes(dng_bytes(mosaic(50, 38), cfa=QUAD, tags={51009: opcode_list(*maps)}))
    info = read_raw(path).info
    assert info.lens_shading is None
    assert "covers only part of the frame or of a colour; none is applied" in info.warnings[0]


@pytest.mark.parametrize("iso", [1.0, 65534.0, 65535.0, 102400.0, 3_280_000.0])
def test_any_iso(tmp_path, iso):
    path = write_dng(full_frame(iso=iso), tmp_path / "a.dng")
    exif = tags_of(path)[0][34665]
    assert exif["ISOSpeedRatings"] == min(iso, 65535)
    # EXIF 2.3: where 16 bits do not do, a recommended exposure index of 32 bits (SensitivityType 2)
    assert (exif.get("SensitivityType"), exif.get("RecommendedExposureIndex")) == (
        (2, iso) if iso >= 65535 else (None, None)
    )
    assert read_raw(path).info.iso == iso


@pytest.mark.parametrize(
    ("calibration", "code"),
    [
        ((2856.0, "Standard light A"), 17), ((6504.0, "D65"), 21), ((5003.0, "D50"), 23), ((5600.0, ""), 20),
        ((7400.0, "shade"), 11), ((4000.0, "LED"), 14), ((9000.0, ""), 22), ((2000.0, ""), 17), ((6500.0, "A"), 21),
        ((5000.0, "unknown"), 0),
    ],
)  # fmt: skip
def test_light_sources(calibration, code):
    temperature, name = calibration
    assert light_source(ColorCalibration(temperature, np.eye(3), illuminant=name)) == code


def test_rationals_are_those_people_write():
    assert rationals(1, [1 / 60, 0.01, 1.8, 0.5882, 30])[3] == (1, 60, 1, 100, 9, 5, 2941, 5000, 30, 1)
    assert rationals(1, [-0.1234], signed=True)[1:] == (10, 1, (-617, 5000))
    assert rationals(1, [1e-12])[3] == (1, 2**31 - 1)
    for value in np.random.default_rng(0).uniform(-4, 4, 200):
        top, bottom = rationals(1, [value], signed=True)[3]
        assert max(abs(top), bottom) < 2**31
        assert abs(top / bottom - value) < RATIONAL_ERROR


def test_a_crop_is_written_without_its_surroundings(tmp_path):
    whole = mosaic(64, 48)
    frame = RawFrame.from_array(whole[3:41, 7:57], "GRBG", 64, 1023)
    assert not frame.data.flags.c_contiguous
    np.testing.assert_array_equal(read_raw(write_dng(frame, tmp_path / "a.dng")).data, whole[3:41, 7:57])


def test_many_strips(tmp_path):
    pixels = mosaic(4096, 1537)
    path = write_dng(RawFrame.from_array(pixels, "RGGB", 64, 1023), tmp_path / "a.dng")
    tags, back = tags_of(path)
    assert (tags[278], len(tags[273])) == (512, 4)
    np.testing.assert_array_equal(back, pixels)
    np.testing.assert_array_equal(read_raw(path).data, pixels)


def test_info_shows_what_was_written(tmp_path, capsys):
    frame = full_frame()
    path = write_dng(frame, tmp_path / "a.dng")
    assert main(["info", str(path), "--json"]) == 0
    said, expected = json.loads(capsys.readouterr().out), json.loads(json.dumps(describe(frame, path)))
    assert len(said.pop("sha256")) == 64
    expected.pop("sha256")
    assert said == expected
    assert main(["info", str(path)]) == 0
    text = capsys.readouterr().out
    for words in ("focal length mm", "5.43", "noise profile", "shot", "baseline exposure", "forward matrix", "gain"):
        assert words in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": mosaic(16, 16).astype(np.uint32)}, "dtype uint32 cannot be written as DNG; allowed: uint16"),
        ({"white": 1022.5}, "white level 1022.5 cannot be written; DNG holds whole numbers in 1..65535"),
        ({"cfa": "RG/BG"}, "CFA 'RG/BG' not supported; supported: Bayer"),
        ({"linearization": [0, 0.5, 1]}, "linearization table of 3 entries cannot be written; DNG holds 2 to 65536"),
        ({"linearization": [0, 70000]}, "whole numbers in 0..65535"),
        ({"linearization": [5, 3]}, "linearization table of 2 entries must rise"),
        ({"calibrations": (ColorCalibration(5000.0, np.eye(3)),) * 4}, "4 colour calibrations cannot be written"),
        ({"cfa": SPARSE, "lens_shading": GainMesh(np.array([[[1, 1, 1, 2]]]))}, "lens shading that differs"),
        ({"exposure": 1e10}, "tag 33434 cannot hold 1e+10"),
    ],
)
def test_refusals(tmp_path, changes, words):
    parts = {"data": mosaic(16, 16), "cfa": "RGGB", "white": 1023.0}
    parts |= {name: changes[name] for name in parts if name in changes}
    info = {name: value for name, value in changes.items() if name not in parts}
    frame = RawFrame.from_array(parts["data"], parts["cfa"], 64, parts["white"], **info)
    with pytest.raises(InputError) as caught:
        write_dng(frame, tmp_path / "a.dng")
    assert words in str(caught.value)
    assert "a.dng: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_other_suffixes_and_existing_files(tmp_path):
    with pytest.raises(UsageError, match=r"known suffix: \.dng"):
        write_dng(full_frame(), tmp_path / "a.tif")
    path = tmp_path / "a.dng"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists; give --overwrite"):
        write_dng(full_frame(), path)
    assert path.read_bytes() == b"precious"
    write_dng(full_frame(), path, overwrite=True, software="s")
    assert tags_of(path)[0][305] == "s"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99, 0.9999])
def test_disk_full(tmp_path, share):
    """A file-size limit fails a write the way a full disk does."""
    frame = RawFrame.from_array(mosaic(512, 384), "RGGB", 64, 1023, exposure=0.01)
    size = write_dng(frame, tmp_path / "whole.dng").stat().st_size
    path = tmp_path / "a.dng"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size * share), hard))
    try:
        with pytest.raises(OutputError) as caught:
            write_dng(frame, path, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot be written" in str(caught.value)
    assert "untouched" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a.dng", "whole.dng"]
