"""`isp compile`: what it prints, and one line for everything that cannot be."""

from __future__ import annotations

import json

import numpy as np
import pytest

from isp.commands import main
from tests.native_code import develop, needs_cc, picture_raw

PROFILE = """version: 1
name: Hand held
stages:
  - linearize
  - black_level
  - white_balance: {mode: manual, gains: [2, 1, 1.5]}
  - demosaic: {method: bilinear}
  - ccm: {matrix: fallback}
  - tone_curve: {perceptual: 0}
  - encode: {space: srgb, gamut: clip}
output: {format: png, bits: 8}
"""


@pytest.fixture
def profile(tmp_path):
    path = tmp_path / "held.yaml"
    path.write_text(PROFILE)
    return path


@needs_cc
def test_from_profile_to_picture_as_the_page_says(tmp_path, profile, capsys):
    """The same bits as `isp run` on the same dump, through the commands alone."""
    import imagecodecs

    frame = picture_raw(90, 120, "GBRG")
    dump = tmp_path / "in.raw"
    frame.data.tofile(dump)
    raw = "width=120,height=90,cfa=GBRG,bits=10,black=64"
    out = tmp_path / "out"
    assert main(["compile", str(profile), "--target", "host", "--raw", raw, "-o", str(out), "--build", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["left_to_the_caller"] == {"stages": [], "arrays": []}
    assert {"isp.h", "hand_held.h", "hand_held.c", "parameters.json", "CMakeLists.txt"} <= set(said["files"])
    assert main(["run", str(profile), str(dump), "--raw", raw, "-o", str(tmp_path / "out.png")]) == 0
    wanted = imagecodecs.png_decode((tmp_path / "out.png").read_bytes())
    assert np.array_equal(develop(out / "develop", frame.data, tmp_path), wanted)


def test_people_get_the_folder_and_the_sizes(tmp_path, profile, capsys):
    assert main(["compile", str(profile), "--target", "arm-64-android", "--cfa", "BGGR", "--size", "640x480", "-o",
                 str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(tmp_path / "out")
    assert "1 segment, " in said.err


@pytest.mark.parametrize(
    ("code", "words", "options"),
    [
        (2, "unknown target 'arm-32'; allowed: arm-64-android", ["--target", "arm-32"]),
        (2, "unknown feature 'avx9' of target x86-64-linux", ["--target", "x86-64-linux", "--features", "avx2,avx9"]),
        (2, "no C compiler for host found (looked for no-such-cc)", ["--target", "host", "--cc", "no-such-cc"]),
        (2, "no C compiler of this machine links for arm-64-ios", ["--target", "arm-64-ios", "--build"]),
        (2, "--size '12' must be WIDTHxHEIGHT", ["--target", "host", "--size", "12"]),
        (2, "--cfa and --size describe frames without --like and --raw",
         ["--target", "host", "--size", "64x64", "--raw", "width=64,height=64"]),
        (4, "CFA 'RGGX' not supported", ["--target", "host", "--cfa", "RGGX"]),
        (4, "CFA RGBW (other) not supported by stage 'black_level'", ["--target", "host", "--cfa", "RGBW"]),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(tmp_path, profile, capsys, code, words, options):
    out = tmp_path / "out"
    assert main(["compile", str(profile), "-o", str(out), *options]) == code
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert words in said[0]
    assert not out.exists()


def test_a_look_names_the_stage_that_cannot_go(tmp_path, capsys):
    assert main(["compile", "sepia", "--target", "arm-64-android", "-o", str(tmp_path / "out")]) == 3
    assert "profile 'sepia' cannot go whole: local_tone" in capsys.readouterr().err
