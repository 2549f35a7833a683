"""Reading DNGs: every layout of pixels, levels, colour, opcodes. LibRaw is the independent witness where it can be."""

from __future__ import annotations

import numpy as np
import pytest

from isp.errors import InputError
from isp.io import describe, read_raw
from isp.values import pattern_to_sites
from tests.dng import (
    ASCII,
    BYTE,
    DOUBLE,
    LONG,
    MATRIX_A,
    MATRIX_D65,
    RATIONAL,
    SHORT,
    SRATIONAL,
    gain_map,
    mosaic,
    opcode_list,
    write_dng,
)

PIXELS = mosaic(48, 34)
ACTIVE_AREA = 50829
LAYOUTS = [
    {},
    {"order": ">"},
    {"sub_ifd": True},
    {"bits": 10},
    {"bits": 12, "order": ">"},
    {"bits": 14, "rows_per_strip": 7},
    {"rows_per_strip": 5},
    {"tile": (16, 32)},
    {"tile": (16, 16), "order": ">", "sub_ifd": True},
    {"bits": 10, "tile": (16, 16)},
    {"compression": 7},
    {"compression": 7, "rows_per_strip": 8},
    {"compression": 7, "tile": (16, 16)},
    {"compression": 7, "tile": (16, 16), "bits": 14},
    {"compression": 8},
    {"bits": 32},
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("area", [None, (1, 3, 33, 46)])
def test_pixels_of_every_layout(tmp_path, layout, area):
    tags = {ACTIVE_AREA: (LONG, list(area))} if area else None
    frame = read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags=tags, **layout))
    expected = PIXELS[area[0] : area[2], area[1] : area[3]] if area else PIXELS
    assert frame.data.dtype == (np.uint32 if layout.get("bits") == 32 else np.uint16)
    assert frame.data.flags.c_contiguous
    assert not frame.data.flags.writeable
    np.testing.assert_array_equal(frame.data, expected)


def test_eight_bits(tmp_path):
    pixels = mosaic(20, 12, top=255)
    frame = read_raw(write_dng(tmp_path / "a.dng", pixels, bits=8, white=255))
    np.testing.assert_array_equal(frame.data, pixels)


# LibRaw takes no Deflate mosaic, no 32-bit samples, and only the first strip of lossless JPEG
LIBRAW_TOO = [x for x in LAYOUTS if x.get("compression") != 8 and x.get("bits") != 32 and "rows_per_strip" not in x]


@pytest.mark.parametrize("layout", [*LIBRAW_TOO, {"rows_per_strip": 5}, {"bits": 14, "rows_per_strip": 7}], ids=str)
def test_libraw_reads_the_same(tmp_path, layout):
    rawpy = pytest.importorskip("rawpy")
    path = write_dng(tmp_path / "a.dng", PIXELS, **layout)
    with rawpy.imread(str(path)) as raw:
        np.testing.assert_array_equal(read_raw(path).data, raw.raw_image_visible)


def test_cfa_counts_from_the_active_area(tmp_path):
    rawpy = pytest.importorskip("rawpy")
    path = write_dng(tmp_path / "a.dng", PIXELS, tags={ACTIVE_AREA: (LONG, [1, 3, 33, 46])})
    frame = read_raw(path)
    with rawpy.imread(str(path)) as raw:
        top, left = raw.sizes.top_margin - 1, raw.sizes.left_margin - 3
        seen = ["".join("RGBG"[raw.raw_pattern[y, x]] for x in (0, 1)) for y in (0, 1)]
    assert str(frame.cfa) == "RGGB"
    assert frame.cfa.shifted(left, top).rows == tuple(seen)


@pytest.mark.parametrize(
    ("cfa", "family"),
    [
        ("GBRG", "bayer"),
        ("RYYB", "ryyb"),
        ("RRGG/RRGG/GGBB/GGBB", "quad"),
        ("GGGBBB/GGGBBB/GGGBBB/RRRGGG/RRRGGG/RRRGGG", "nona"),
        ("/".join(["RRRRGGGG"] * 4 + ["GGGGBBBB"] * 4), "hexadeca"),
        ("RGWB/GWBW/WRGW/BWWG", "other"),
    ],
)
def test_every_pattern(tmp_path, cfa, family):
    frame = read_raw(write_dng(tmp_path / "a.dng", PIXELS, cfa=cfa))
    assert frame.cfa.family == family
    assert frame.cfa.pattern.replace("/", "") == cfa.replace("/", "")


def test_linear_raw_with_one_sample_is_mono(tmp_path):
    tags = {262: (SHORT, [34892]), 33421: None, 33422: None, 50721: None, 50722: None, 50728: None}
    frame = read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags=tags))
    assert frame.cfa.family == "mono"
    assert frame.info.calibrations == ()


def test_black_per_site_and_default_white(tmp_path):
    tags = {50713: (SHORT, [2, 2]), 50714: (RATIONAL, [60, 61.5, 62, 63]), 50717: None}
    frame = read_raw(write_dng(tmp_path / "a.dng", PIXELS, cfa="GRBG", bits=12, tags=tags))
    np.testing.assert_allclose(frame.black, [[60, 61.5], [62, 63]])
    # GRBG: R stands at the second pixel of the first row
    np.testing.assert_allclose(pattern_to_sites(frame.black, frame.cfa), [61.5, 60, 63, 62])
    assert frame.white == 4095


def test_linearization_table(tmp_path):
    table = (np.arange(1024) ** 2 / 16).astype(int).tolist()
    tags = {50712: (SHORT, table), 50717: (LONG, [65000])}
    frame = read_raw(write_dng(tmp_path / "a.dng", PIXELS, bits=10, tags=tags))
    np.testing.assert_array_equal(frame.info.linearization, table)
    np.testing.assert_array_equal(frame.data, PIXELS)
    assert frame.white == 65000


def test_colour_of_two_illuminants(tmp_path):
    forward = np.eye(3) * 0.9
    individual = np.diag([0.98, 1.0, 1.02])
    tags = {
        50964: (SRATIONAL, forward.ravel()), 50965: (SRATIONAL, forward.ravel()),
        50723: (SRATIONAL, individual.ravel()), 50724: (SRATIONAL, individual.ravel()),
        50727: (RATIONAL, [1.1, 1.0, 0.9]), 50730: (SRATIONAL, [-0.5]),
    }  # fmt: skip
    info = read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags=tags)).info
    assert info.self_describing
    assert info.neutral == pytest.approx((0.5, 1, 0.6))
    assert info.analog_balance == pytest.approx((1.1, 1, 0.9))
    assert info.baseline_exposure == -0.5
    first, second = info.calibrations
    assert (first.illuminant, first.temperature) == ("A", 2850)
    assert (second.illuminant, second.temperature) == ("D65", 6500)
    np.testing.assert_allclose(first.color_matrix, MATRIX_A)
    np.testing.assert_allclose(second.color_matrix, MATRIX_D65)
    np.testing.assert_allclose(first.forward_matrix, forward)
    np.testing.assert_allclose(second.camera_calibration, individual)


def test_calibration_of_another_profile_is_not_used(tmp_path):
    tags = {50723: (SRATIONAL, np.diag([0.5, 1, 2]).ravel()), 50931: (ASCII, "them"), 50932: (ASCII, "us")}
    info = read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags=tags)).info
    np.testing.assert_array_equal(info.calibrations[0].camera_calibration, np.eye(3))


def test_third_calibration(tmp_path):
    tags = {52531: (SRATIONAL, np.ravel(MATRIX_A)), 52529: (SHORT, [23])}
    info = read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags=tags)).info
    assert [c.illuminant for c in info.calibrations] == ["A", "D65", "D50"]


def test_white_given_as_xy(tmp_path):
    x, y = 0.3127, 0.3290
    tags = {50728: None, 50729: (RATIONAL, [x, y])}
    info = read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags=tags)).info
    # D65 is (to a few kelvin) the second illuminant, so its matrix alone decides
    camera = np.asarray(MATRIX_D65) @ (x / y, 1, (1 - x - y) / y)
    np.testing.assert_allclose(info.neutral, camera / camera.max(), rtol=2e-3)


def test_no_matrix_at_all_is_left_to_the_stage_that_needs_one(tmp_path):
    info = read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags={50721: None, 50722: None})).info
    assert info.calibrations == ()
    assert info.self_describing


@pytest.mark.parametrize(
    ("values", "shot", "read"),
    [
        ([2e-4, 1e-7], (2e-4,) * 4, (1e-7,) * 4),
        ([1e-4, 1e-7, 2e-4, 2e-7, 3e-4, 3e-7], (1e-4, 2e-4, 2e-4, 3e-4), (1e-7, 2e-7, 2e-7, 3e-7)),
    ],
)
def test_noise_profile(tmp_path, values, shot, read):
    noise = read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags={51041: (DOUBLE, values)})).info.noise
    assert (noise.shot, noise.read) == (shot, read)


def test_a_black_level_that_varies_along_rows_is_reported(tmp_path):
    tags = {50715: (SRATIONAL, [0.5] * 48), 50716: (SRATIONAL, [0.0] * 34)}
    warnings = read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags=tags)).info.warnings
    assert warnings == ("BlackLevelDeltaH (black level per column) is not applied",)


@pytest.mark.parametrize(("stored", "used"), [(6, 6), (2, 2), (0, 1), (9, 1)])
def test_orientation(tmp_path, stored, used):
    info = read_raw(write_dng(tmp_path / "a.dng", PIXELS, sub_ifd=True, tags={274: (SHORT, [stored])})).info
    assert info.orientation == used
    assert bool(info.warnings) == (stored not in range(1, 9))


def four_maps(gains, height=34, width=48):
    return [(9, 1, gain_map(g, (y, x, height, width))) for g, (y, x) in zip(gains, np.ndindex(2, 2), strict=True)]


def test_four_gain_maps_become_one_mesh(tmp_path):
    gains = np.random.default_rng(1).uniform(1, 3, (4, 5, 7)).astype(np.float32)
    tags = {51009: opcode_list(*four_maps(gains))}
    mesh = read_raw(write_dng(tmp_path / "a.dng", PIXELS, cfa="GRBG", tags=tags)).info.lens_shading
    # maps in raster order are G R B G: R is the second, Gr the first, Gb the last, B the third
    np.testing.assert_array_equal(mesh.gains, np.stack([gains[i] for i in (1, 0, 3, 2)], axis=-1))
    assert mesh.origin == (0, 0)
    assert mesh.spacing == pytest.approx((1 / 4, 1 / 6))


def test_one_gain_map_for_all_and_one_on_top(tmp_path):
    everywhere, blue = np.full((3, 3), 1.5), np.full((3, 3), 2.0)
    tags = {51009: opcode_list((9, 1, gain_map(everywhere, (0, 0, 34, 48), (1, 1))),
                               (9, 1, gain_map(blue, (1, 1, 34, 48))))}  # fmt: skip
    mesh = read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags=tags)).info.lens_shading
    np.testing.assert_allclose(mesh.gains[0, 0], [1.5, 1.5, 1.5, 3.0])


def test_gain_map_of_part_of_the_frame_is_reported(tmp_path):
    tags = {51009: opcode_list((9, 1, gain_map(np.ones((3, 3)), (0, 0, 20, 48), (1, 1))))}
    info = read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags=tags)).info
    assert info.lens_shading is None
    assert "part of the frame" in info.warnings[0]


def test_known_opcodes_are_named_and_unknown_optional_ones_skipped(tmp_path):
    tags = {51022: opcode_list((2, 0, bytes(20)), (77, 1, bytes(4)))}
    warnings = read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags=tags)).info.warnings
    assert warnings == ("OpcodeList3: opcode WarpFisheye is not applied",
                        "OpcodeList3: unknown optional opcode 77 skipped")  # fmt: skip


def test_description_is_plain_and_complete(tmp_path):
    import json

    tags = {51009: opcode_list(*four_maps(np.full((4, 5, 7), 2.0))), 51041: (DOUBLE, [2e-4, 1e-7])}
    path = write_dng(tmp_path / "a.dng", PIXELS, tags=tags)
    said = json.loads(json.dumps(describe(read_raw(path), path)))
    assert said["file"] == "a.dng"
    assert (said["width"], said["height"], said["cfa"]) == (48, 34, "RGGB")
    assert (said["black"], said["white"]) == ([[64.0]], 1023.0)
    assert said["calibrations"][1]["temperature_kelvin"] == 6500
    assert said["lens_shading"] == {"rows": 5, "columns": 7, "planes": ["R", "Gr", "Gb", "B"], "largest_gain": 2.0}
    assert said["noise_profile"]["shot"] == [2e-4] * 4
    assert len(said["sha256"]) == 64


def test_raw_behind_a_preview_and_a_larger_mask_is_found(tmp_path):
    frame = read_raw(write_dng(tmp_path / "a.dng", PIXELS, sub_ifd=True))
    assert frame.info.model == "Model 1"
    np.testing.assert_array_equal(frame.data, PIXELS)


def test_sha256_is_of_the_file(tmp_path):
    import hashlib

    path = write_dng(tmp_path / "a.dng", PIXELS)
    assert read_raw(path).origin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_real_phone_file(shared_data):
    rawpy = pytest.importorskip("rawpy")
    path = shared_data / "raw" / "gopro_hero6_GOPR0024.dng"
    if not path.exists():
        pytest.skip("file not here")
    frame = read_raw(path)
    with rawpy.imread(str(path)) as raw:
        np.testing.assert_array_equal(frame.data, raw.raw_image_visible)
        np.testing.assert_allclose(frame.info.neutral, 1 / np.asarray(raw.camera_whitebalance[:3]), rtol=1e-5)
    assert (str(frame.cfa), frame.white) == ("RGGB", 16383)
    assert [c.illuminant for c in frame.info.calibrations] == ["tungsten", "D50"]
    assert frame.info.lens_shading.gains.shape == (23, 23, 4)
    assert frame.info.noise.shot[0] == pytest.approx(1.56201e-4)
    assert (frame.info.iso, frame.info.f_number, frame.info.orientation) == (100, 2.8, 2)
    assert frame.info.exposure == pytest.approx(1 / 455)
    assert frame.info.warnings == ()


def test_a_bayer_pattern_declared_over_more_pixels(tmp_path):
    tags = {33421: (SHORT, [2, 4]), 33422: (BYTE, [0, 1, 0, 1, 1, 2, 1, 2])}
    assert read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags=tags)).cfa.pattern == "RG/GB"


def test_forward_matrix_of_wrong_size(tmp_path):
    with pytest.raises(InputError, match="ForwardMatrix1 has 12 values"):
        read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags={50964: (SRATIONAL, [1] * 12)}))


def test_odd_headers_are_reported(tmp_path):
    path = write_dng(tmp_path / "a.dng", PIXELS, tags={52001: (SHORT, [1])})
    assert read_raw(path).info.warnings == ("tag 52001 is unknown and not read",)
    data = bytearray(path.read_bytes())
    at = data.index(b"\x0f\x01\x02\x00")  # Make, behind which Model stands
    data[at : at + 12], data[at + 12 : at + 24] = data[at + 12 : at + 24], data[at : at + 12]
    path.write_bytes(data)
    assert "tag 271 stands behind tag 272" in read_raw(path).info.warnings[0]


def test_bytes_behind_the_last_opcode_are_reported(tmp_path):
    kind, data = opcode_list()
    warnings = read_raw(write_dng(tmp_path / "a.dng", PIXELS, tags={51009: (kind, data + bytes(40))})).info.warnings
    assert warnings == ("OpcodeList2: 40 bytes behind its 0 opcodes are not read",)
