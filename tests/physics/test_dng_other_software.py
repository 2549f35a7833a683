"""Other software opens our DNGs and sees the same levels, colour filters, neutral and exposure.

The scene is four stripes of grey, photographed by a camera whose raw grey is far from grey: a wrong phase, a wrong
black level or a wrong neutral each colour some stripe, a wrong white level moves all of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from isp.io import write_dng
from isp.values import ColorCalibration, NoiseModel, RawFrame
from tests.dng import MATRIX_A, MATRIX_D65

PHASES = ("RGGB", "GRBG", "GBRG", "BGGR")
STRIPES = (0.02, 0.1, 0.3, 0.7)
NEUTRAL = (0.58, 1.0, 0.66)
WHITE = 4095
SHAPE = (384, 512)
"""RawTherapee 5.9 opens nothing lower than some 200 rows."""
PER_SITE = ((200.0, 256.0), (270.0, 300.0))
D65 = np.array([0.95047, 1.0, 1.08883])


def grey_frame(cfa: str, black=((256.0, 256.0), (256.0, 256.0))) -> RawFrame:
    """Stripes of grey at the shares of saturation above, without noise."""
    height, width = SHAPE
    light = np.repeat(STRIPES, width // 4)[None, :].repeat(height, axis=0)
    site = np.array([[dict(zip("RGB", NEUTRAL, strict=True))[cfa[2 * y + x]] for x in (0, 1)] for y in (0, 1)])
    tiles = (height // 2, width // 2)
    floor = np.tile(black, tiles)
    codes = np.rint(floor + light * np.tile(site, tiles) * (WHITE - floor)).astype(np.uint16)
    return RawFrame.from_array(
        codes, cfa, np.array(black), WHITE, make="Maker", model="Model 1", iso=200, exposure=1 / 60, f_number=1.8,
        focal_length=5.4, neutral=NEUTRAL, noise=NoiseModel((1e-4,) * 4, (1e-7,) * 4),
        calibrations=(ColorCalibration(2850, np.array(MATRIX_A), illuminant="A"),
                      ColorCalibration(6500, np.array(MATRIX_D65), illuminant="D65")),
    )  # fmt: skip


def linear(codes: np.ndarray) -> np.ndarray:
    """sRGB codes of 8 bits as light (IEC 61966-2-1)."""
    value = codes / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def stripes(picture: np.ndarray) -> np.ndarray:
    """(4, 3) mean light of the stripes, away from their borders."""
    width = picture.shape[1] // 4
    inner = [picture[40:-40, i * width + 20 : (i + 1) * width - 20] for i in range(4)]
    return np.stack([linear(part.astype(np.float64)).mean(axis=(0, 1)) for part in inner])


def check_grey(picture: np.ndarray) -> None:
    found = stripes(picture)
    # codes of 8 bits: half a code of the darkest stripe is 2 % of it
    np.testing.assert_allclose(found, np.repeat(found[:, 1:2], 3, axis=1), rtol=0.06)
    np.testing.assert_allclose(found[:, 1], STRIPES, rtol=0.06)


def run(program: str, *words: object, home: Path) -> None:
    """Run a raw developer to its end in a home of its own."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        [found, *map(str, words)], capture_output=True, timeout=60, env={**os.environ, "HOME": str(home)}, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]


@pytest.mark.parametrize("black", [((256.0,) * 2,) * 2, PER_SITE], ids=["one black", "black per site"])
@pytest.mark.parametrize("cfa", PHASES)
def test_libraw(tmp_path, cfa, black):
    rawpy = pytest.importorskip("rawpy")
    frame = grey_frame(cfa, black)
    with rawpy.imread(str(write_dng(frame, tmp_path / "a.dng"))) as raw:
        np.testing.assert_array_equal(raw.raw_image_visible, frame.data)
        letters = "".join("RGBG"[i] for i in raw.raw_pattern.ravel())
        assert (letters, raw.white_level) == (cfa, WHITE)
        assert [raw.black_level_per_channel[i] for i in raw.raw_pattern.ravel()] == np.ravel(black).tolist()
        np.testing.assert_allclose(raw.camera_whitebalance[:3], 1 / np.array(NEUTRAL), rtol=1e-6)
        # its daylight balance comes from the D65 matrix alone: 1 / (ColorMatrix2 . white)
        daylight = 1 / (np.array(MATRIX_D65) @ D65)
        balance = np.array(raw.daylight_whitebalance[:3])
        np.testing.assert_allclose(balance / balance[1], daylight / daylight[1], rtol=1e-3)
        picture = raw.postprocess(
            use_camera_wb=True, no_auto_bright=True, gamma=(2.4, 12.92), adjust_maximum_thr=0, output_bps=8
        )
        check_grey(picture)
        if hasattr(raw, "other"):
            said = (raw.other.iso_speed, raw.other.shutter_speed, raw.other.aperture, raw.other.focal_length)
            np.testing.assert_allclose(said, (200, 1 / 60, 1.8, 5.4), rtol=1e-6)


@pytest.mark.parametrize("cfa", PHASES)
def test_rawtherapee(tmp_path, cfa):
    import tifffile

    # black per site is left out: RawTherapee 5.9 mixes the sites up where red or green-on-red comes first
    raw = write_dng(grey_frame(cfa), tmp_path / "a.dng")
    run("rawtherapee-cli", "-o", tmp_path / "a.tif", "-b8", "-t", "-Y", "-c", raw, home=tmp_path)
    check_grey(tifffile.imread(tmp_path / "a.tif"))


@pytest.mark.parametrize("cfa", PHASES)
def test_darktable(tmp_path, cfa):
    import imagecodecs

    raw, home = write_dng(grey_frame(cfa, PER_SITE), tmp_path / "a.dng"), tmp_path / "home"
    # its scene-referred workflow ends in a film curve; without one the picture is proportional to light
    quiet = ("--conf", "plugins/darkroom/workflow=none", "--conf", "plugins/darkroom/chromatic-adaptation=legacy")
    core = ("--core", "--configdir", home, "--cachedir", home, "--library", ":memory:", "--disable-opencl", *quiet)
    run("darktable-cli", raw, tmp_path / "a.png", *core, home=tmp_path)
    check_grey(imagecodecs.imread(str(tmp_path / "a.png"))[..., :3])


def test_exiftool(tmp_path):
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed")
    path = write_dng(grey_frame("GBRG", PER_SITE), tmp_path / "a.dng", description="stripes")
    text = subprocess.run([program, "-json", "-n", path], capture_output=True, check=True, timeout=60).stdout
    said = json.loads(text)[0]
    assert "Warning" not in said
    expected = {
        "Make": "Maker", "Model": "Model 1", "ImageDescription": "stripes", "ISO": 200, "FNumber": 1.8,
        "FocalLength": 5.4, "CFAPattern2": "1 2 0 1", "CFARepeatPatternDim": "2 2", "BlackLevel": "200 256 270 300",
        "WhiteLevel": WHITE, "AsShotNeutral": "0.58 1 0.66", "CalibrationIlluminant1": 17,
        "CalibrationIlluminant2": 21, "DNGVersion": "1 4 0 0", "NoiseProfile": "0.0001 1e-07 0.0001 1e-07 0.0001 1e-07",
    }  # fmt: skip
    assert {name: said.get(name) for name in expected} == expected
    assert said["ExposureTime"] == pytest.approx(1 / 60)


def test_exiv2(tmp_path):
    program = shutil.which("exiv2")
    if program is None:
        pytest.skip("exiv2 is not installed")
    path = write_dng(grey_frame("RGGB"), tmp_path / "a.dng")
    done = subprocess.run([program, "-pv", path], capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    values = {line.split()[2].decode(): line.split(None, 5)[5].decode() for line in done.stdout.splitlines()}
    assert values["ExposureTime"] == "1/60"
    assert values["FNumber"] == "9/5"
    assert values["CFAPattern"] == "0 1 1 2"
    assert values["AsShotNeutral"] == "29/50 1/1 33/50"
