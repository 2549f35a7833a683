"""`isp simulate` writes what `capture` computes, and says how to repeat it."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from isp.commands import main
from isp.io import read_raw
from sensors import capture, load_sensor
from sensors.scenes.make import SCENES
from sensors.scenes.options import OPTIONS
from sensors.truth_files import ARRAYS, save_truth

SIZE = (160, 120)


def run(capsys, *words: str) -> tuple[str, str]:
    assert main(["simulate", "--sensor", "imx586", *words]) == 0
    out, err = capsys.readouterr()
    return out, err


def truth_of(folder: Path) -> dict:
    answers = json.loads((folder / "truth.json").read_text())
    return answers | {name: np.load(folder / f"{name}.npy") for name in ARRAYS if (folder / f"{name}.npy").exists()}


@pytest.fixture
def shot(tmp_path, capsys):
    """Simulate at a small size, binned; returns the frame as read back, stdout and stderr."""

    def take(*words: str, name: str = "a.dng"):
        out, err = run(capsys, "--mode", "bin2", "--size", "160x120", "-o", str(tmp_path / name), *words)
        return (read_raw(tmp_path / name) if (tmp_path / name).exists() else None), out, err

    return take


def test_the_file_holds_what_capture_gives(shot, tmp_path):
    frame, out, err = shot("--scene", "chart?wall=0.3", "--illuminant", "A", "--iso", "400", "--seed", "7")
    same = capture("chart?wall=0.3", "imx586", mode="bin2", size=SIZE, illuminant="A", iso=400, seed=7)
    assert out == f"{tmp_path / 'a.dng'}\n"
    assert err == ""
    assert np.array_equal(frame.data, same.data)
    assert frame.cfa == same.cfa
    assert frame.info.iso == 400
    assert frame.info.exposure == pytest.approx(same.info.exposure, rel=1e-8)
    assert np.allclose(frame.info.neutral, same.info.neutral, atol=1e-8)
    assert frame.info.noise.shot[0] == pytest.approx(same.info.noise.shot[0])


def test_exposure_is_what_the_formula_says(shot, tmp_path):
    """E = rho lux / (4 N^2) in the image; electrons follow from photons per lux of the light, and DN from the gain."""
    frame, _, _ = shot("--scene", "uniform", "--exposure", "0.01", "--lux", "500", "--truth", str(tmp_path / "t"))
    truth = truth_of(tmp_path / "t")
    light = np.array(truth["light"]["irradiance_w_m2_nm"])
    wavelength = np.array(truth["light"]["wavelength_nm"]) * 1e-9
    green = load_sensor("imx586").sensitivity().curve("G")
    photons = light * 0.18 / (4 * 1.8**2) * wavelength / (6.62607015e-34 * 299792458.0)
    expected = (photons * green).sum() * 5 * (1.6e-6) ** 2 * 0.01
    # crosstalk and phase detection take a few per cent of green
    assert np.median(truth["electrons"][::2, 1::2]) == pytest.approx(expected, rel=0.02)
    gain = truth["settings"]["gain_dn_per_e"][0]
    signal = frame.data.astype(float) - 64
    assert signal.mean() == pytest.approx(gain * truth["electrons"].mean(), rel=0.005)


def test_the_settings_repeat_the_capture(shot, tmp_path):
    words = ["--scene", "slanted-edge?angle=7&contrast=10", "--iso", "200", "--temperature", "40", "--unit", "3"]
    frame, out, _ = shot(*words, "--seed", "5", "--lux", "90", "--f-number", "2.4", "--crop", "8,4,40,30", "--json")
    said = json.loads(out)
    assert said["frames"] == [str(tmp_path / "a.dng")]
    assert said["truth"] is None
    assert said["seconds"] > 0
    s = said["settings"]
    same = capture(
        s["scene"],
        s["sensor"],
        mode=s["mode"],
        size=tuple(s["size"]),
        crop=s["crop"],
        iso=s["iso"],
        exposure=s["exposure_s"],
        lux=s["lux"],
        illuminant=s["illuminant"],
        f_number=s["f_number"],
        temperature=s["temperature_c"],
        unit=s["unit"],
        seed=s["seed"],
    )
    assert frame.shape == (30, 40)
    assert np.array_equal(frame.data, same.data)


def test_truth_answers_for_every_pixel(shot, tmp_path):
    frame, _, _ = shot("--scene", "composed", "--truth", str(tmp_path / "t"))
    truth = truth_of(tmp_path / "t")
    assert {name: (truth[name].shape, truth[name].dtype.str) for name in ARRAYS} == {
        "electrons": (frame.shape, "<f4"),
        "ideal": ((*frame.shape, 3), "<f4"),
        "defects": (frame.shape, "|u1"),
        "depth": (frame.shape, "<f4"),
        "depth_seen": (frame.shape, "<f4"),
    }
    assert set(np.unique(truth["defects"])) <= {0, 1, 2}
    assert 1 < truth["depth"].min() < truth["depth"].max() <= 3
    linear = np.clip(truth["ideal"], 0, 1)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(imagecodecs.imread(tmp_path / "t" / "ideal.png") - 255 * encoded).max() <= 0.51
    names = {region["name"] for region in truth["regions"]}
    assert {"dark skin", "edge", "star", "leaves", "ball red"} <= names
    assert truth["settings"]["scene"] == "composed"


def test_ideal_patches_are_the_published_colours(shot, tmp_path):
    colour = pytest.importorskip("colour")
    shot("--scene", "chart?spectra=babel", "--truth", str(tmp_path / "t"))
    truth = truth_of(tmp_path / "t")
    spectra = colour.SDS_COLOURCHECKERS["BabelColor Average"]
    light = colour.SDS_ILLUMINANTS["D65"]
    for region in truth["regions"]:
        (left, top), _, (right, bottom), _ = region["inner"]
        found = truth["ideal"][int(top) + 1 : int(bottom), int(left) + 1 : int(right)].mean((0, 1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            xyz = colour.sd_to_XYZ(spectra[region["name"]], illuminant=light) / 100
        assert np.allclose(found, colour.XYZ_to_sRGB(xyz, apply_cctf_encoding=False), atol=0.004), region["name"]


def test_a_crop_and_its_truth_are_part_of_the_whole(shot, tmp_path):
    whole, _, _ = shot("--scene", "chart", "--truth", str(tmp_path / "t"))
    part, _, _ = shot("--scene", "chart", "--crop", "10,6,32,24", "--truth", str(tmp_path / "u"), name="b.dng")
    window = np.s_[6:30, 10:42]
    assert np.array_equal(part.data, whole.data[window])
    all_, some = truth_of(tmp_path / "t"), truth_of(tmp_path / "u")
    for name in ("electrons", "ideal", "defects"):
        assert np.array_equal(some[name], all_[name][window]), name
    (x, y), *_ = all_["regions"][0]["corners"]
    assert some["regions"][0]["corners"][0] == pytest.approx([x - 10, y - 6])


def test_overwriting_leaves_no_part_of_the_older_truth(shot, tmp_path):
    shot("--scene", "composed", "--truth", str(tmp_path / "t"))
    shot("--scene", "chart", "--truth", str(tmp_path / "t"), "--overwrite")
    assert sorted(p.name for p in (tmp_path / "t").iterdir()) == [
        "defects.npy", "electrons.npy", "ideal.npy", "ideal.png", "truth.json",
    ]
    assert truth_of(tmp_path / "t")["settings"]["scene"] == "chart"


def test_the_frame_may_lie_in_the_folder_of_the_truth(shot, tmp_path):
    shot("--scene", "chart", "--truth", str(tmp_path / "t"), name="t/a.dng")
    assert (tmp_path / "t" / "a.dng").exists()


@pytest.mark.parametrize(("kind", "count"), [("staggered", 3), ("dual_gain", 2)])
def test_hdr_frames_are_numbered(tmp_path, capsys, kind, count):
    words = ["--sensor", "isocell_gn2", "--scene", "chart", "--mode", "bin2", "--size", "160x120", "--hdr", kind]
    assert main(["simulate", *words, "-o", str(tmp_path / "a.dng"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["frames"] == [str(tmp_path / f"a-{i + 1}.dng") for i in range(count)]
    assert said["settings"]["hdr"] == kind
    frames = [read_raw(path) for path in said["frames"]]
    exposures = [frame.info.exposure for frame in frames]
    isos = [frame.info.iso for frame in frames]
    if kind == "staggered":
        assert exposures[0] / exposures[1] == pytest.approx(8)
        assert exposures[1] / exposures[2] == pytest.approx(8)
    else:
        assert exposures[0] == exposures[1]
        assert isos[1] == 4 * isos[0]


def test_measured_curves_from_a_file(shot, shared_data):
    path = next((shared_data / "spectral" / "camera").glob("Canon_EOS_5D_*.json"))
    measured, out, _ = shot("--scene", "uniform", "--sensitivity", str(path), "--json")
    own, _, _ = shot("--scene", "uniform", name="b.dng")
    assert json.loads(out)["settings"]["sensitivity"] == "Canon EOS 5D"
    assert not np.allclose(measured.info.neutral, own.info.neutral, atol=0.01)


@pytest.mark.parametrize(
    "scene",
    [
        "photo:rgb_kodak/kodim23.png",
        "hdr:hdr/Desk.exr",
        "hdr:hdr/lebombo_1k.hdr",
        "spectral:multispectral/Macbeth_spectral.exr",
    ],
)
def test_scenes_from_files(shot, shared_data, monkeypatch, tmp_path, scene):
    kind, _, name = scene.partition(":")
    frame, _, _ = shot("--scene", f"{kind}:{shared_data / name}", "--truth", str(tmp_path / "t"))
    # the folder of the file is nobody's business
    assert truth_of(tmp_path / "t")["settings"]["scene"] == f"{kind}:{Path(name).name}"
    assert len(np.unique(frame.data)) > 50


def test_scenes_are_listed_with_every_option(capsys):
    assert main(["simulate", "--scenes"]) == 0
    out = capsys.readouterr().out
    for name in SCENES:
        assert f"\n{name}" in out
        for option in OPTIONS.get(name, ()):
            assert option.name in out


def test_help_names_every_scene_and_loses_nothing_to_markup(capsys):
    assert main(["simulate", "--help"]) == 0
    out = capsys.readouterr().out
    for name in SCENES:
        assert name in out
    assert "frame ." not in out


def test_the_package_is_cheap_to_import():
    heavy = {"numpy", "scipy", "colour", "halide", "matplotlib", "yaml", "typer"}
    code = f"import sensors, sys; print(*sorted({heavy!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_truth_is_saved_from_python_too(tmp_path):
    _, truth = capture("chart", "imx586", mode="bin2", size=SIZE, truth=True)
    paths = truth.save(tmp_path)
    assert sorted(p.name for p in paths) == sorted(p.name for p in tmp_path.iterdir())
    assert np.array_equal(np.load(tmp_path / "electrons.npy"), truth.electrons)
    assert save_truth(truth, tmp_path, overwrite=True) == paths
