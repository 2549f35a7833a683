"""Exports read back: .cube by colour-science, ICC by littleCMS, noise_model.c by the compiler, Camera2 by hand."""

from __future__ import annotations

import io
import json
import shutil
import subprocess

import numpy as np
import pytest

from isp import Pipeline
from isp.color.transfer import decoded
from isp.commands import main
from isp.errors import InputError, ProfileError, UsageError
from isp.io.cube import Cube, read_cube, write_cube
from isp.profile import read_profile
from isp.values import Picture, RawFrame
from reports.light import to_lab
from reports.metrics import delta_e_2000
from tests.exchange_profiles import ISO, LAW, MATRICES, full_profile, noise_at
from tests.unit.test_tuning_look import film
from tuning import export_profile, import_tuning
from tuning.exchange.color_part import POINTWISE
from tuning.look.tetrahedra import identity_table, looked_up


@pytest.fixture(scope="module")
def profile():
    return full_profile(saturation={"amount": 1.15})


@pytest.fixture(scope="module")
def camera_rgb():
    """(N, 3) uint8 camera colours, as a picture might hold; and what the profile makes of them at 5000 K."""
    rng = np.random.Generator(np.random.Philox(17))
    grey = rng.uniform(0.02, 0.9, (512, 1))
    return np.round(255 * np.clip(grey * (1 + 0.4 * rng.uniform(-1, 1, (512, 3))), 0, 1)).astype(np.uint8)


def rendered(profile, rgb, kelvin=5000.0):
    from isp.parameters import Param, Table

    stages = []
    for entry in profile.stages:
        if entry.enabled and entry.name in POINTWISE:
            values = dict(entry.values)
            if isinstance(values.get("matrix"), Table):
                values["matrix"] = Param("m", (), "").interpolate(values["matrix"], kelvin)
            stages.append((entry.name, values))
    picture = Picture(rgb.reshape(16, -1, 3).astype(np.float32), "camera")
    part = type(profile).from_stages(stages, start="camera")
    return Pipeline(part).run(picture, tap="encode").value.data.reshape(-1, 3).astype(float)


def lab(code):
    return to_lab(decoded(code, "srgb"))


def test_a_cube_is_read_by_colour_science(profile, camera_rgb, tmp_path):
    import colour

    made = export_profile(profile, "cube", size=33)
    made.write(tmp_path / "a.cube")
    peer = colour.read_LUT(str(tmp_path / "a.cube"))
    rgb = camera_rgb / 255.0
    expected = rendered(profile, rgb)
    found = peer.apply(rgb, interpolator=colour.algebra.table_interpolation_tetrahedral)
    error = delta_e_2000(lab(found), lab(expected))
    assert error.mean() < 0.3
    assert np.quantile(error, 0.95) < 1.0
    assert isinstance(peer, colour.LUTSequence)
    notes = "\n".join(made.notes)
    assert "ccm.matrix: taken at 5000 K" in notes
    assert "sharpen: not carried over: it does not depend on the colour alone" in notes


def test_a_finer_table_is_nearer(profile, camera_rgb):
    expected = rendered(profile, camera_rgb / 255.0)
    errors = []
    for size in (17, 65):
        cube = export_profile(profile, "cube", size=size).data
        places = np.interp(camera_rgb / 255.0, np.linspace(0, 1, len(cube.curves)), cube.curves[:, 0])
        errors.append(delta_e_2000(lab(looked_up(cube.table, places)), lab(expected)).mean())
    assert errors[1] < 0.4 * errors[0]
    assert errors[1] < 0.1


@pytest.mark.parametrize("kind", ["lut", "matrix"])
def test_an_icc_profile_is_read_by_littlecms(profile, camera_rgb, kind):
    from PIL import Image, ImageCms

    straight = ["tone_curve.points=[[0,0],[1,1]]", "saturation.amount=1"]
    chosen = profile.with_settings(straight) if kind == "matrix" else profile
    data = export_profile(chosen, "icc", kind=kind, size=33).data
    own = ImageCms.ImageCmsProfile(io.BytesIO(data))
    assert ImageCms.getProfileDescription(own).strip() == "natural"
    assert own.profile.version == pytest.approx(4.3)
    assert own.profile.device_class.strip() == "scnr"
    target = ImageCms.createProfile("sRGB")
    flags = ImageCms.Flags.HIGHRESPRECALC | ImageCms.Flags.NOOPTIMIZE
    change = ImageCms.buildTransform(own, target, "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC, flags)
    picture = Image.fromarray(camera_rgb.reshape(16, -1, 3))
    found = np.asarray(ImageCms.applyTransform(picture, change)).reshape(-1, 3) / 255.0
    expected = rendered(chosen, camera_rgb / 255.0)
    inside = (expected.min(1) > 0.02) & (expected.max(1) < 0.98)
    error = delta_e_2000(lab(found), lab(expected))[inside]
    assert inside.sum() > 250
    # littleCMS gives 8-bit codes
    assert error.mean() < 0.5
    assert error.max() < 2.5


def test_an_icc_profile_for_hdr_is_refused(profile):
    hdr = profile.with_settings(["encode.transfer=pq", "encode.space=rec2020", "output.format=png", "output.bits=16"])
    with pytest.raises(ProfileError, match=r"encode.transfer pq is for HDR displays"):
        export_profile(hdr, "icc")
    with pytest.raises(UsageError, match="kinds: lut, matrix"):
        export_profile(profile, "icc", kind="table")


def compiled(text, tmp_path):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to read noise_model.c")
    calls = """
#include <stdio.h>
int main(void) {
    for (int plane = 0; plane < 4; plane++)
        for (int sens = 100; sens <= 12800; sens *= 2)
            printf("%.12e %.12e\\n", compute_noise_model_entry_S(plane, sens),
                   compute_noise_model_entry_O(plane, sens));
    return 0;
}
"""
    source, program = tmp_path / "noise_model.c", tmp_path / "noise"
    source.write_text(text + calls)
    subprocess.run([compiler, "-Wall", "-Werror", "-o", str(program), str(source)], check=True, timeout=60)
    out = subprocess.run([str(program)], capture_output=True, text=True, check=True, timeout=60).stdout
    return np.array([line.split() for line in out.splitlines()], float).reshape(4, -1, 2)


def test_the_noise_model_is_compiled_and_gives_the_table(profile, tmp_path):
    made = export_profile(profile, "noise_model_c", max_analog_iso=1600)
    assert made.notes == ()
    found = compiled(made.data.decode(), tmp_path)
    for i, iso in enumerate(ISO):
        shot, read = noise_at(iso)
        assert found[:, i, 0] == pytest.approx(shot, rel=1e-5)
        assert found[:, i, 1] == pytest.approx(read, rel=1e-5)
    # beyond the table, by the law
    a, b, c, d = LAW
    assert found[:, 7, 0] == pytest.approx(a * 12800 + b, rel=1e-5)
    assert found[:, 7, 1] == pytest.approx(c * 12800**2 + d * 64, rel=1e-5)


def test_a_noise_table_that_is_no_law_is_told(profile):
    # a second conversion gain halves the read noise from ISO 800 on
    table = {i: [noise_at(i)[0], [v * (0.25 if i >= 800 else 1) for v in noise_at(i)[1]]] for i in ISO}
    made = export_profile(full_profile(black_level={"noise": {"iso": table}}), "noise_model_c")
    assert any(line.startswith("black_level.noise: O of the law is off by up to") for line in made.notes)
    assert any("taken as 6400" in line for line in made.notes)


@pytest.mark.parametrize("noise", [[], noise_at(100.0)])
def test_a_noise_model_needs_a_table_over_iso(noise):
    with pytest.raises(ProfileError, match=r"natural: export .*noise_model_c needs .*black_level.noise"):
        export_profile(full_profile(black_level={"noise": noise}), "noise_model_c")


def test_camera2_by_values(profile):
    tree = json.loads(export_profile(profile, "camera2", kelvin=6500, iso=400).data)
    assert tree["COLOR_CORRECTION_GAINS"] == pytest.approx([2.0, 1.0, 1.0, 1 / 0.64])
    assert np.array(tree["COLOR_CORRECTION_TRANSFORM"]) == pytest.approx(np.array(MATRICES[6500.0]))
    assert tree["SENSOR_NEUTRAL_COLOR_POINT"] == pytest.approx([0.5, 1.0, 0.64])
    assert (tree["SENSOR_REFERENCE_ILLUMINANT1"], tree["SENSOR_REFERENCE_ILLUMINANT2"]) == (17, 21)
    assert np.array(tree["SENSOR_FORWARD_MATRIX2"]).sum(1) == pytest.approx([0.9643, 1.0, 0.8251], abs=2e-4)
    assert tree["SENSOR_NOISE_PROFILE"] == [pytest.approx(pair) for pair in zip(*noise_at(400.0), strict=True)]
    assert tree["SENSOR_BLACK_LEVEL_PATTERN"] == [64, 64, 64, 64]
    assert tree["SENSOR_DYNAMIC_BLACK_LEVEL"] == pytest.approx([64.0, 63.5, 64.5, 64.0])
    assert tree["SENSOR_INFO_WHITE_LEVEL"] == 1023
    grid = tree["STATISTICS_LENS_SHADING_CORRECTION_MAP"]
    gains = np.array(grid["gains"]).reshape(grid["rows"], grid["columns"], 4)
    assert gains[0, 0] == pytest.approx([1.71, 1.66, 1.66, 1.64], abs=1e-4)
    assert gains[6, 8] == pytest.approx(1)
    curve = np.array(tree["TONEMAP_CURVE"]["red"]).reshape(-1, 2)
    assert len(curve) == 64
    assert curve[0] == pytest.approx([0, 0])
    assert (np.diff(curve[:, 0]) > 0).all()
    assert (np.diff(curve[:, 1]) >= 0).all()


def test_camera2_says_what_is_missing():
    bare = full_profile(black_level={"noise": []}, lens_shading={"mesh": []})
    notes = export_profile(bare, "camera2").notes
    assert "SENSOR_NOISE_PROFILE: missing: the profile states no black_level.noise" in notes
    assert "STATISTICS_LENS_SHADING_CORRECTION_MAP: missing: the profile states no lens_shading.mesh" in notes


def test_a_cube_becomes_a_profile_that_shows_it(tmp_path):
    cube = Cube(table=film(identity_table(17)).astype(np.float32), title="film")
    write_cube(cube, tmp_path / "film.cube")
    made = import_tuning(tmp_path / "film.cube")
    assert made.format == "cube"
    assert made.profile.name == "film"
    files = made.write(tmp_path / "p.yaml")
    assert [f.name for f in files] == ["look.cube", "p.yaml"]
    again = read_profile(tmp_path / "p.yaml")
    names = [e.name for e in again.stages]
    assert names.index("look_lut") == names.index("tone_curve") + 1
    grey = np.full((32, 32), 400, np.uint16)
    frame = RawFrame.from_array(grey, "RGGB", 64, 1023, neutral=(0.6, 1.0, 0.7), iso=100.0)
    assert np.array_equal(Pipeline(again)(frame).pixels, Pipeline(made.profile)(frame).pixels)
    assert read_cube(tmp_path / "p.data" / "look.cube") == cube


def test_a_broken_cube_and_unknown_files_are_refused(tmp_path):
    (tmp_path / "a.cube").write_text("LUT_3D_SIZE 2\n0 0 0\n")
    with pytest.raises(ProfileError, match=r"a\.cube:"):
        import_tuning(tmp_path / "a.cube")
    (tmp_path / "a.bin").write_bytes(b"\x00\x01\x02")
    with pytest.raises(InputError, match="not a tuning file that is known here"):
        import_tuning(tmp_path / "a.bin")
    with pytest.raises(InputError, match="no such file"):
        import_tuning(tmp_path / "none.json")


def test_the_command_exports(tmp_path, capsys):
    path = tmp_path / "p.yaml"
    path.write_text(full_profile().to_yaml())
    names = {"dcp": "a.dcp", "icc": "a.icc", "cube": "a.cube", "camera2": "a.json", "noise_model_c": "a.c",
             "libcamera-vc4": "v.json", "libcamera-rkisp1": "r.yaml"}  # fmt: skip
    for target, name in names.items():
        words = ["tune", "export", str(path), "--to", target, "-o", str(tmp_path / name), "--size", "9"]
        assert main(words) == 0, target
        assert capsys.readouterr().out.strip() == str(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 500
        assert main(words) == 6
        capsys.readouterr()
    assert main(["tune", "export", str(path), "--to", "icm", "-o", str(tmp_path / "x")]) == 2
    assert "did you mean 'icc'?" in capsys.readouterr().err
