"""DCP files: the colour model by hand, maps against the standard library, and RawTherapee as the reader."""

from __future__ import annotations

import colorsys
import os
import shutil
import struct
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from isp import Pipeline
from isp.color.spaces import D50, D65, pcs_to_rgb, xy_to_xyz
from isp.color.transfer import decoded
from isp.errors import InputError
from isp.io import write_dng
from isp.io.cube import Cube
from isp.values import ColorCalibration, RawFrame
from reports.light import to_lab
from reports.metrics import delta_e_2000
from tests.exchange_profiles import CURVE, MATRICES, full_profile
from tests.unit.stage_runner import around, run_stage
from tuning import export_profile, import_tuning
from tuning.exchange.camera_facts import facts_of
from tuning.exchange.color_part import POINTWISE
from tuning.exchange.dcp_exchange import from_dcp, to_dcp
from tuning.exchange.dcp_file import CameraProfile, dcp_bytes, read_dcp
from tuning.exchange.hue_sat_map import from_hsv, mapped, table_of, to_hsv, working_to_prophoto

RANDOM = np.random.Generator(np.random.Philox(31))


@pytest.fixture(scope="module")
def full():
    return full_profile(saturation={"amount": 1.2}, exposure={"ev": 0.3})


def test_the_matrices_are_those_of_the_dng_colour_model(full):
    dcp = read_dcp(export_profile(full, "dcp", model="Maker Model").data, "a.dcp")
    assert (dcp.name, dcp.model) == ("natural", "Maker Model")
    assert [c.illuminant for c in dcp.calibrations] == ["A", "D65"]
    daylight = dcp.calibrations[1]
    expected = np.linalg.inv(pcs_to_rgb("srgb")) @ np.array(MATRICES[6500.0])
    assert daylight.forward_matrix == pytest.approx(expected, abs=1e-8)
    assert daylight.forward_matrix.sum(1) == pytest.approx(xy_to_xyz(D50))
    # the white of each light gives the neutral of the curve
    neutral = daylight.color_matrix @ xy_to_xyz(D65)
    assert neutral / neutral[1] == pytest.approx([0.5, 1.0, 0.64], rel=2e-3)
    incandescent = dcp.calibrations[0].color_matrix @ xy_to_xyz((0.44757, 0.40745))
    # DNG's 2850 K against illuminant A's 2856 K
    assert incandescent / incandescent[1] == pytest.approx([0.95, 1.0, 0.38], rel=3e-3)


def test_there_and_back(full, tmp_path):
    export_profile(full, "dcp").write(tmp_path / "a.dcp")
    again = import_tuning(tmp_path / "a.dcp")
    before, after = facts_of(full), facts_of(again.profile)
    for kelvin in (2850.0, 6500.0):
        assert after.matrices[kelvin] == pytest.approx(before.matrices[kelvin], abs=1e-7)
    rows = {row[0]: row[1:] for row in after.curve}
    assert rows[2850.0] == pytest.approx(CURVE[1][1:], rel=1e-6)
    assert rows[6500.0] == pytest.approx(CURVE[3][1:], rel=1e-6)
    from isp.stages.tone_curve import curve

    scene = np.linspace(0, 1, 40)
    old = curve(scene * 2**0.3, full.entry("tone_curve").given)
    new = curve(scene * 2**after.exposure, again.profile.entry("tone_curve").given)
    assert new == pytest.approx(old, abs=1e-4)


def test_a_saturation_comes_back_as_a_table(full, tmp_path):
    export_profile(full, "dcp").write(tmp_path / "a.dcp")
    profile = import_tuning(tmp_path / "a.dcp").profile
    values = profile.entry("look_lut").values
    assert isinstance(values["file"], Cube)
    assert [e.name for e in profile.stages].index("look_lut") < [e.name for e in profile.stages].index("tone_curve")
    rgb = RANDOM.uniform(0.1, 0.5, (16, 24, 1)) * (1 + 0.5 * RANDOM.uniform(-1, 1, (16, 24, 3)))
    context = around(np.zeros((16, 24)))
    table = run_stage("look_lut", rgb.astype(np.float32), context, "scene", **values)
    stage = run_stage("saturation", rgb.astype(np.float32), context, "scene", amount=1.2)
    error = delta_e_2000(to_lab(table, "rec2020"), to_lab(stage, "rec2020"))
    assert error.mean() < 0.15
    assert error.max() < 1.0


def test_hsv_is_that_of_the_standard_library():
    rgb = np.vstack([RANDOM.random((200, 3)), np.eye(3), 1 - np.eye(3), np.zeros((1, 3)), np.full((1, 3), 0.4)])
    hsv = np.array([colorsys.rgb_to_hsv(*c) for c in rgb.tolist()])
    assert to_hsv(rgb) == pytest.approx(hsv, abs=1e-12)
    assert from_hsv(hsv) == pytest.approx(rgb, abs=1e-12)


@pytest.mark.parametrize("encoding", [0, 1])
def test_a_map_is_read_as_the_specification_says(encoding):
    table = np.stack([RANDOM.uniform(-20, 20, (3, 6, 4)), *(RANDOM.uniform(0.8, 1.1, (2, 3, 6, 4)))], -1)
    for rgb in RANDOM.random((40, 3)):
        h, s, v = colorsys.rgb_to_hsv(*rgb)
        code = v if encoding == 0 else 1.055 * v ** (1 / 2.4) - 0.055 if v > 0.0031308 else 12.92 * v
        total = np.zeros(3)
        for dv in (0, 1):
            for dh in (0, 1):
                for ds in (0, 1):
                    at = [code * 2, h * 6, s * 3]
                    low = [min(int(at[0]), 1), int(at[1]), min(int(at[2]), 2)]
                    share = [a - b for a, b in zip(at, low, strict=True)]
                    weight = np.prod([f if d else 1 - f for f, d in zip(share, (dv, dh, ds), strict=True)])
                    total += weight * table[low[0] + dv, (low[1] + dh) % 6, low[2] + ds]
        bright = min(code * total[2], 1)
        value = v * total[2] if encoding == 0 else float(decoded(np.array(bright), "srgb"))
        expected = colorsys.hsv_to_rgb((h + total[0] / 360) % 1, min(s * total[1], 1), value)
        assert mapped(rgb[None], table, encoding)[0] == pytest.approx(expected, abs=1e-9)


def test_a_map_says_what_a_stage_does():
    hue = [6.0, -4, 3, 8, 0, -6, 4, 2]
    to = working_to_prophoto()
    context = around(np.zeros((8, 20)))

    def look(rgb):
        given = (rgb @ np.linalg.inv(to).T).astype(np.float32).reshape(8, -1, 3)
        given = np.ascontiguousarray(given)
        wide = around(np.zeros(given.shape[:2]))
        return run_stage("hue_saturation", given, wide, "display", hue=hue).astype(float).reshape(-1, 3) @ to.T

    def padded(rgb):
        whole = np.zeros((-(-len(rgb) // 8) * 8, 3))
        whole[: len(rgb)] = rgb
        return look(whole)[: len(rgb)]

    table = table_of(padded)
    rgb = RANDOM.uniform(0.15, 0.6, (8, 20, 1)) * (1 + 0.6 * RANDOM.uniform(-1, 1, (8, 20, 3)))
    expected = run_stage("hue_saturation", rgb.astype(np.float32), context, "display", hue=hue)
    found = mapped(np.maximum(rgb.reshape(-1, 3) @ to.T, 0), table) @ np.linalg.inv(to).T
    error = delta_e_2000(to_lab(found, "rec2020"), to_lab(expected.reshape(-1, 3).astype(float), "rec2020"))
    assert error.mean() < 0.2
    assert np.quantile(error, 0.95) < 0.8


def test_a_profile_without_forward_matrices_is_written_out():
    calibrations = tuple(replace(c, forward_matrix=None) for c in to_dcp(full_profile(), "x")[0].calibrations)
    facts, cube, notes = from_dcp(CameraProfile("n", "m", calibrations), "a.dcp")
    assert cube is None
    assert len(facts.matrices) == 9
    assert "no ForwardMatrix: matrices are written out at 9 temperatures" in notes
    # without one, the matrix is that of ColorMatrix and an adaptation by Bradford: the one it was made from
    assert facts.matrices[6500.0] == pytest.approx(np.array(MATRICES[6500.0]), abs=1e-6)
    assert facts.matrices[6500.0].sum(1) == pytest.approx(1, abs=1e-9)


def test_a_single_light():
    profile = full_profile(ccm={"matrix": MATRICES[6500.0]})
    dcp, notes = to_dcp(profile, "x")
    assert [c.illuminant for c in dcp.calibrations] == ["D50"]
    facts, _, _ = from_dcp(read_dcp(dcp_bytes(dcp), "a"), "a")
    assert facts.stage_values()["ccm"]["matrix"] == pytest.approx(np.array(MATRICES[6500.0]), abs=1e-7)
    assert not any("become two" in n for n in notes)


def test_what_is_lost_is_named(full):
    notes = "\n".join(export_profile(full, "dcp").notes)
    for stage in ("sharpen", "noise_reduction", "black_level.noise", "lens_shading"):
        assert f"{stage}: not carried over" in notes
    assert "the matrices at 4200 K become two at 2850 and 6500 K" in notes


GOOD = dcp_bytes(to_dcp(full_profile(), "x")[0])


def with_tag(code: int, kind: int, values: bytes, count: int) -> bytes:
    """GOOD with one entry of its directory replaced, its data at the end."""
    (number,) = struct.unpack_from("<H", GOOD, 8)
    data = bytearray(GOOD)
    for i in range(number):
        at = 10 + 12 * i
        if struct.unpack_from("<H", GOOD, at)[0] == code:
            struct.pack_into("<HHII", data, at, code, kind, count, len(data))
            return bytes(data) + values
    raise KeyError(code)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"II*\0" + GOOD[4:], r"not a DCP file: it begins with b'II\*"),
        (GOOD[:6], "cut short"),
        (GOOD[:60], "cut short|larger than the file"),
        (GOOD[:-300], "cut short|larger than the file"),
        (b"IIRC" + struct.pack("<IH", 8, 0), r"a directory of 0 tags; allowed: 1\.\.256"),
        (b"IIRC" + struct.pack("<IHHHII", 8, 1, 50936, 2, 1, 0) + b"\0\0\0\0", "has no ColorMatrix1"),
        (with_tag(50721, 10, struct.pack("<16i", *[1] * 16), 8), "tag 50721 of 8 numbers; 9 are needed"),
        (with_tag(50721, 10, struct.pack("<18i", *[1] * 18), 9), "color_matrix .* invertible"),
        (with_tag(50721, 10, struct.pack("<18i", *[1, 0] * 9), 9), "color_matrix .* finite"),
        (with_tag(50940, 11, struct.pack("<3f", 0, 0, 1), 3), "ProfileToneCurve of 3 numbers"),
        (with_tag(50940, 11, struct.pack("<4f", 0, 0, 0, 1), 4), "ProfileToneCurve must rise"),
        (with_tag(50940, 11, struct.pack("<4f", 0, 0, float("nan"), 1), 4), "tag 50940 holds .* not finite"),
        (with_tag(50940, 11, b"", 4_000_000), "larger than the file"),
    ],
)
def test_malformed_files_are_one_line(tmp_path, data, words):
    (tmp_path / "a.dcp").write_bytes(data)
    with pytest.raises(InputError, match=words):
        import_tuning(tmp_path / "a.dcp")


def test_every_cut_is_refused_in_one_line(tmp_path):
    for end in range(4, len(GOOD), 97):
        with pytest.raises(InputError) as refused:
            read_dcp(GOOD[:end], "a.dcp")
        assert "\n" not in str(refused.value)


SIDE = 64


def patches(neutral):
    """A DNG's frame of 24 patches of camera RGB, every one flat."""
    colours = 0.35 + 0.25 * RANDOM.uniform(-0.5, 0.5, (24, 3)) + RANDOM.uniform(-0.2, 0.2, (24, 1))
    plane = np.repeat(np.repeat(colours.reshape(4, 6, 3), SIDE, 0), SIDE, 1) * neutral
    site = np.array([[0, 1], [1, 2]])
    y, x = np.indices(plane.shape[:2])
    mosaic = np.take_along_axis(plane, site[y % 2, x % 2][..., None], 2)[..., 0]
    code = np.rint(256 + mosaic * (16383 - 256)).astype(np.uint16)
    light = ColorCalibration(6500.0, np.diag([0.6, 1.0, 0.7]), illuminant="D65")
    return RawFrame.from_array(code, "RGGB", 256, 16383, neutral=tuple(neutral), make="Maker", model="Model",
                               calibrations=(light,), self_describing=True)  # fmt: skip


def means(picture):
    tiles = picture[: 4 * SIDE, : 6 * SIDE].reshape(4, SIDE, 6, SIDE, 3)[:, 12:-12, :, 12:-12]
    return tiles.mean(axis=(1, 3)).reshape(24, 3)


RECIPE = """[Exposure]
Auto=false
HistogramMatching=false
[White Balance]
Enabled=true
Setting=Camera
[Color Management]
InputProfile=file:{dcp}
ToneCurve=true
ApplyLookTable=true
ApplyBaselineExposureOffset=true
ApplyHueSatMap=true
DCPIlluminant=0
WorkingProfile=ProPhoto
OutputProfile=RTv4_sRGB
[RAW]
CA=false
[RAW Bayer]
Border=0
[HLRecovery]
Enabled=false
"""


@pytest.mark.parametrize(
    ("changes", "neutral"),
    [
        ({"tone_curve": {"points": [[0, 0], [1, 1]]}}, (0.5, 1.0, 0.64)),
        ({"tone_curve": {"points": [[0, 0], [1, 1]]}}, (0.64, 1.0, 0.53)),
        ({}, (0.52, 1.0, 0.61)),
        ({"saturation": {"amount": 1.2}, "exposure": {"ev": 0.4}}, (0.9, 1.0, 0.4)),
    ],
    ids=["matrix at D65", "between the lights", "tone curve", "all, by lamplight"],
)
def test_rawtherapee_develops_the_same_colours(tmp_path, changes, neutral):
    import tifffile

    program = shutil.which("rawtherapee-cli")
    if program is None:
        pytest.skip("rawtherapee-cli is not installed: it would develop a DNG with the DCP")
    # two matrices only, as a DCP holds
    two = {"matrix": {"cct": {k: MATRICES[k] for k in (2850.0, 6500.0)}}}
    profile = full_profile(ccm=two, **changes)
    frame = patches(np.array(neutral))
    dcp, recipe, out = tmp_path / "a.dcp", tmp_path / "a.pp3", tmp_path / "a.tif"
    export_profile(profile, "dcp", model="Maker Model").write(dcp)
    recipe.write_text(RECIPE.format(dcp=dcp))
    raw = write_dng(frame, tmp_path / "a.dng")
    words = [program, "-q", "-o", str(out), "-t", "-b16", "-Y", "-p", str(recipe), "-c", str(raw)]
    home = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(words, capture_output=True, timeout=120, env=home, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    theirs = means(tifffile.imread(out) / 65535.0)
    kept = ("linearize", "black_level", "white_balance", "demosaic", *POINTWISE)
    mine = profile.with_stages([e for e in profile.stages if e.name in kept])
    mine = mine.with_settings(["black_level.level=256", "black_level.white=16383"])
    ours = means(Pipeline(mine)(frame).data)
    error = delta_e_2000(to_lab(decoded(theirs, "srgb")), to_lab(decoded(ours, "srgb")))
    inside = (ours.min(1) > 0.02) & (ours.max(1) < 0.98)
    assert inside.sum() >= 12
    print(f"CIEDE2000 against RawTherapee: mean {error[inside].mean():.2f}, most {error[inside].max():.2f}")
    assert error[inside].mean() < 0.5
    # the map acts in front of the tone curve, the stage behind it
    assert error[inside].max() < (2.5 if "saturation" in changes else 1.0)
