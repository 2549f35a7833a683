"""libcamera tuning files: read by values worked out by hand, written, and read back by Raspberry Pi's own tool."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

from isp import Pipeline
from isp.commands import main
from isp.errors import InputError, ProfileError, UsageError
from isp.parameters import Table
from isp.profile import read_profile
from isp.stages.mesh import sampled
from isp.stages.tone_curve import curve
from isp.values import RawFrame
from tests.exchange_profiles import CURVE, MATRICES, full_profile, noise_at
from tuning import export_profile, import_tuning
from tuning.exchange import exporting
from tuning.exchange.camera_facts import facts_of
from tuning.exchange.libcamera_json import TARGETS

SMALL = {
    "version": 2.0,
    "target": "pisp",
    "algorithms": [
        {"rpi.black_level": {"black_level": 4096, "black_level_r": 4160}},
        {"rpi.agc": {"speed": 0.2}},
        {"x.rpi.lux": {}},
        {"rpi.noise": {"reference_constant": 0, "reference_slope": 3.0}},
        {"rpi.awb": {"bayes": 1, "ct_curve": [2800, 1.0, 0.4, 6500, 0.5, 0.8]}},
        {"rpi.alsc": {"luminance_strength": 0.8, "calibrations_Cr": [{"ct": 3000, "table": [2.0] * 1023 + [3.0]}],
                      "calibrations_Cb": [{"ct": 3000, "table": [1.5] * 1024}],
                      "luminance_lut": [1.0] * 1022 + [1.5, 2.0]}},
        {"rpi.contrast": {"ce_enable": 1, "gamma_curve": [0, 0, 16384, 32768, 65535, 65535]}},
        {"rpi.ccm": {"ccms": [{"ct": 3000, "ccm": [2, -1, 0, 0, 1, 0, 0, -1, 2]},
                              {"ct": 6000, "ccm": [1.5, -0.5, 0, 0, 1, 0, 0, 0, 1]}]}},
    ],
}  # fmt: skip


def put(folder, tree, name="a.json"):
    path = folder / name
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return path


def entry(profile, stage):
    return profile.entry(stage).values


def test_a_file_read_by_hand(tmp_path):
    made = import_tuning(put(tmp_path, SMALL), bits=10)
    profile = made.profile
    # 4096 of 65536 is 64 of 1024
    assert entry(profile, "black_level")["level"] == (65.0, 64.0, 64.0, 64.0)
    assert entry(profile, "black_level")["white"] == 1023
    assert entry(profile, "white_balance")["curve"] == ((2800.0, 1.0, 0.4), (6500.0, 0.5, 0.8))
    table = entry(profile, "ccm")["matrix"]
    assert dict(table.points)[3000.0] == ((2.0, -1.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 2.0))
    # (3 sqrt(p))^2 of 65535^2 is 9 / 65535 of x = p / 65535; four times that at four times the gain
    shot, read = dict(entry(profile, "black_level")["noise"].points)[400.0]
    assert shot == pytest.approx((4 * 9 / 65535,) * 4)
    assert read == (0.0,) * 4
    gains = np.array(entry(profile, "lens_shading")["mesh"])
    assert gains.shape == (32, 32, 4)
    assert gains[0, 0] == pytest.approx(1)
    # the last cell: red 3/2 of its least, times the light's 2
    assert gains[-1, -1] == pytest.approx([3, 2, 2, 2])
    assert entry(profile, "lens_shading")["luminance"] == 0.8
    assert entry(profile, "lens_shading")["placement"] == pytest.approx([1 / 64, 1 / 64, 1 / 32, 1 / 32])
    points = np.array(entry(profile, "tone_curve")["points"])
    assert points[1] == pytest.approx([16384 / 65535, ((32768 / 65535 + 0.055) / 1.055) ** 2.4], abs=1e-8)
    assert entry(profile, "exposure")["ev"] == 0
    notes = "\n".join(made.notes)
    assert "rpi.agc: not carried over" in notes
    assert "x.rpi.lux: not carried over: switched off" in notes
    assert "rpi.contrast: not carried over: ce_enable" in notes
    assert "gain 1 is taken as ISO 100" in notes


def test_an_imported_profile_develops(tmp_path):
    profile = import_tuning(put(tmp_path, SMALL), bits=10).profile
    light = np.array([0.3, 0.2, 0.1])
    neutral = np.array([0.5, 1.0, 0.8])  # 6500 K: the matrix of 6000 K is held
    code = np.empty((64, 64))
    for (y, x), c, black in (((0, 0), 0, 65), ((0, 1), 1, 64), ((1, 0), 1, 64), ((1, 1), 2, 64)):
        code[y::2, x::2] = black + light[c] * neutral[c] * (1023 - 64.25)
    frame = RawFrame.from_array(np.rint(code).astype(np.uint16), "RGGB", 64, 1023, neutral=tuple(neutral), iso=100.0)
    flat = profile.with_settings(["lens_shading.enabled=false", "noise_reduction.enabled=false"])
    seen = Pipeline(flat).run(frame, tap="ccm").value.data[16:48, 16:48].mean((0, 1))
    from isp.color.spaces import conversion

    expected = conversion("srgb", "rec2020") @ np.array([[1.5, -0.5, 0], [0, 1, 0], [0, 0, 1]]) @ light
    assert seen == pytest.approx(expected, rel=0.005)


def test_levels_need_the_bits_of_the_frames(tmp_path):
    made = import_tuning(put(tmp_path, SMALL))
    assert "level" not in entry(made.profile, "black_level")
    assert any("of how many bits" in note for note in made.notes)
    with pytest.raises(UsageError, match=r"bits 7.*8\.\.16"):
        import_tuning(put(tmp_path, SMALL), bits=7)


@pytest.mark.parametrize("target", ["libcamera-pisp", "libcamera-vc4", "libcamera-rkisp1"])
def test_there_and_back(tmp_path, target):
    profile = full_profile(tone_curve={"points": [[0, 0], [0.2, 0.3], [1, 1]]})
    name = "a.yaml" if target == "libcamera-rkisp1" else "a.json"
    export_profile(profile, target).write(tmp_path / name)
    again = import_tuning(tmp_path / name, bits=10)
    before, after = facts_of(profile), facts_of(again.profile)
    assert after.matrices.keys() == before.matrices.keys()
    for kelvin, matrix in before.matrices.items():
        assert after.matrices[kelvin] == pytest.approx(matrix, abs=1e-6)
    assert after.curve == pytest.approx(np.array(CURVE), rel=1e-5)
    step = 1.0 / 1024 if target == "libcamera-rkisp1" else 6e-5
    assert after.black == pytest.approx(before.black, abs=0.6 / 1024 if target != "libcamera-rkisp1" else 1 / 65536)
    for kelvin, mesh in before.meshes.items():
        down = np.linspace(0.05, 0.95, 9)
        change = sampled(after.meshes[kelvin], down, down) / sampled(mesh, down, down) - 1
        assert np.abs(change).max() < 0.004 + step
    if target != "libcamera-rkisp1":
        wanted = np.mean(noise_at(100.0), axis=1)
        assert after.noise[100.0][0].mean() == pytest.approx(wanted[0], rel=0.03)
        assert after.noise[400.0][0].mean() == pytest.approx(4 * after.noise[100.0][0].mean())
        points = np.array(entry(again.profile, "tone_curve")["points"])
        assert points == pytest.approx(np.array([[0, 0], [0.2, 0.3], [1, 1]]), abs=2e-5)


def test_a_filmic_curve_becomes_points(tmp_path):
    profile = full_profile(exposure={"ev": 0.5})
    data = export_profile(profile, "libcamera-pisp").data
    blocks = {k: v for block in json.loads(data)["algorithms"] for k, v in block.items()}
    pairs = np.array(blocks["rpi.contrast"]["gamma_curve"]).reshape(-1, 2) / 65535
    from isp.color.spaces import srgb_encoded

    shown = curve(pairs[:, 0] * 2**0.5, profile.entry("tone_curve").given)
    assert pairs[:, 1] == pytest.approx(srgb_encoded(shown), abs=2e-4)
    assert (np.diff(pairs[:, 0]) > 0).all()


def test_an_existing_file_keeps_its_other_blocks(tmp_path):
    into = {**SMALL, "algorithms": [*SMALL["algorithms"][:2], {"rpi.alsc": {"omega": 1.3, "luminance_strength": 0.5}}]}
    made = export_profile(full_profile(), "libcamera-pisp", into=into)
    blocks = {k: v for block in json.loads(made.data)["algorithms"] for k, v in block.items()}
    assert list(blocks)[:3] == ["rpi.black_level", "rpi.agc", "rpi.alsc"]
    assert blocks["rpi.agc"] == {"speed": 0.2}
    assert blocks["rpi.alsc"]["omega"] == 1.3
    assert blocks["rpi.alsc"]["luminance_strength"] == 1.0
    with pytest.raises(InputError, match="is for 'pisp'; libcamera-vc4 needs 'bcm2835'"):
        export_profile(full_profile(), "libcamera-vc4", into=into)


@pytest.mark.parametrize("target", [t for t in exporting.TARGETS if t != "noise_model_c"])
def test_what_a_format_requires_is_named(target):
    with pytest.raises(ProfileError, match=r"natural: export to .* needs numbers for .*ccm\.matrix"):
        export_profile(read_profile("natural"), target)


def test_unknown_targets_and_impossible_options_are_refused():
    with pytest.raises(UsageError, match="did you mean 'libcamera-pisp'"):
        export_profile(full_profile(), "libcamera-pispp")
    with pytest.raises(UsageError, match=r"1000\.\.25000 K"):
        export_profile(full_profile(), "cube", kelvin=10)
    with pytest.raises(UsageError, match="libcamera-pisp and libcamera-vc4 only"):
        export_profile(full_profile(), "dcp", into={})


def test_a_gain_that_the_isp_cannot_hold_is_refused():
    steep = np.full((2, 2, 4), 5.0).tolist()
    with pytest.raises(ProfileError, match=r"lens_shading.mesh at 5000 K holds a gain of 5.00; .* up to 3.999"):
        export_profile(full_profile(lens_shading={"mesh": steep}), "libcamera-rkisp1")


def changed(**blocks):
    listed = [{k: {**v, **blocks.get(k.removeprefix("rpi."), {})} for k, v in b.items()} for b in SMALL["algorithms"]]
    return {**SMALL, "algorithms": listed}


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ("{", "a.json:1: not JSON"),
        ("[" * 100_000, "not a tuning file"),
        ('{"a":' + "[" * 100_000, "nested too deeply|not JSON"),
        ('{"version": 2.0, "version": 1}', "key 'version' is given twice"),
        ({**SMALL, "version": 1.0}, "version 1.0; 2.0 is known"),
        ({**SMALL, "target": "bcm9"}, "target 'bcm9' is not known; targets: bcm2835, pisp"),
        ({**SMALL, "algorithms": {}}, "algorithms must be a list"),
        ({**SMALL, "algorithms": [3]}, r"algorithms\[0\]: 3 is not one block"),
        (changed(black_level={"black_level": "x"}), "rpi.black_level: black_level: 'x' does not hold numbers"),
        (changed(black_level={"black_level": 70000}), r"rpi.black_level: levels .*allowed: 0\.\.65535"),
        (changed(awb={"ct_curve": [1, 2]}), "ct_curve of 2 numbers; allowed: two or more triples"),
        (changed(awb={"ct_curve": [6500, 1, 1, 2800, 1, 1]}), "ct_curve must rise"),
        (changed(awb={"ct_curve": [2800, 1, 1, 6500, float("nan"), 1]}), "not finite"),
        (changed(alsc={"luminance_lut": [1.0] * 192}), r"luminance_lut: numbers of shape \(192,\); allowed: 1024"),
        (changed(alsc={"luminance_lut": [0.0] * 1024}), "rpi.alsc: gains must be above 0"),
        (changed(alsc={"calibrations_Cb": [{"ct": 1, "table": [1] * 1024}]}), "are for different ct"),
        (changed(alsc={"calibrations_Cr": [5]}), r"calibrations_Cr\[0\]: 5 is not a mapping"),
        (changed(contrast={"gamma_curve": [0, 0, 5, 9, 5, 10]}), "gamma_curve must rise"),
        (changed(ccm={"ccms": []}), "ccms must hold a matrix or more"),
        (changed(ccm={"ccms": [{"ct": 3000, "ccm": [1, 2]}]}), r"ccms\[0\]: ccm: numbers of shape \(2,\); allowed: 9"),
        (changed(noise={"reference_slope": -1}), "must not be below 0"),
    ],
)
def test_malformed_files_are_one_line(tmp_path, tree, words):
    with pytest.raises(InputError, match=words) as refused:
        import_tuning(put(tmp_path, tree), bits=10)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 1\nalgorithms: [", "a.yaml:3: not YAML|a.yaml:2: not YAML"),
        ("version: 1\nalgorithms: &a [*a]", "a.yaml:2: anchors and aliases"),
        ("version: 2\nalgorithms: []", "version 2; 1 is known"),
        ("version: 1\nalgorithms: [{Agc: }]", "says nothing that a profile can hold: Agc: not carried over"),
        ("version: 1\nalgorithms: [{Ccm: {ccms: [{ct: 3000, ccm: [1]}]}}]", r"Ccm: ccms\[0\]: ccm: numbers of shape"),
        ("version: 1\nalgorithms: [{LensShadingCorrection: {x-size: [1]}}]", "x-size: numbers of shape"),
        ("version: 1\nalgorithms: [{GammaOutCorrection: {gamma: 0}}]", "gamma 0; allowed"),
        ("version: 1\nalgorithms: [{Awb: {colourGains: [{ct: 3000, gains: [0, 1]}]}}]", "gains must be above 0"),
    ],
)
def test_malformed_yaml_is_one_line(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        import_tuning(put(tmp_path, text, "a.yaml"))


def test_uneven_grids_of_the_rkisp1_become_even(tmp_path):
    # a gain that rises in proportion to the place along x
    sizes = [0.02, 0.03, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1]
    at = np.concatenate([[0], np.cumsum(sizes + sizes[::-1])])
    plane = np.tile(np.rint(1024 * (1 + at)), 17).astype(int).tolist()
    tree = {"version": 1, "algorithms": [{"LensShadingCorrection": {
        "x-size": sizes, "y-size": [0.0625] * 8,
        "sets": [{"ct": 5000, **{c: [*plane] for c in ("r", "gr", "gb", "b")}}],
    }}]}  # fmt: skip
    profile = import_tuning(put(tmp_path, yaml.safe_dump(tree), "a.yaml")).profile
    gains = np.array(entry(profile, "lens_shading")["mesh"])
    assert gains[3, :, 2] == pytest.approx(1 + np.linspace(0, 1, 17), abs=1e-3)


FILES = ("rpi_pisp_imx477.json", "rpi_pisp_imx708.json", "rpi_pisp_ov64a40.json", "rpi_vc4_imx219.json")


@pytest.mark.parametrize("name", FILES)
def test_libcameras_own_files_there_and_back(shared_data, tmp_path, name):
    tree = json.loads((shared_data / "tuning" / name).read_text())
    made = import_tuning(shared_data / "tuning" / name, bits=12)
    target = "libcamera-vc4" if tree["target"] == "bcm2835" else "libcamera-pisp"
    out = export_profile(made.profile, target, into=tree)
    old, new = ({k: v for b in t["algorithms"] for k, v in b.items()} for t in (tree, json.loads(out.data)))
    assert list(old) == list(new)
    assert new["rpi.awb"]["ct_curve"] == pytest.approx(old["rpi.awb"]["ct_curve"], rel=1e-5)
    assert new["rpi.awb"]["priors"] == old["rpi.awb"]["priors"]
    assert new["rpi.black_level"]["black_level"] == old["rpi.black_level"]["black_level"]
    assert new["rpi.noise"]["reference_slope"] == pytest.approx(old["rpi.noise"]["reference_slope"], rel=1e-5)
    assert new["rpi.contrast"]["gamma_curve"] == pytest.approx(old["rpi.contrast"]["gamma_curve"], abs=2)
    for a, b in zip(old["rpi.ccm"]["ccms"], new["rpi.ccm"]["ccms"], strict=True):
        assert (a["ct"], a["ccm"]) == (b["ct"], pytest.approx(b["ccm"], abs=1e-6))
    for key in ("calibrations_Cr", "calibrations_Cb"):
        for a, b in zip(old["rpi.alsc"][key], new["rpi.alsc"][key], strict=True):
            # up to a factor, which libcamera divides out
            ratio = np.array(b["table"]) / np.array(a["table"])
            assert ratio == pytest.approx(np.full_like(ratio, ratio.mean()), rel=3e-4)
            assert b["ct"] == (a["ct"] if len(old["rpi.alsc"][key]) > 1 else 5000)
    lost = {line.partition(":")[0] for line in made.notes}
    carried = {"rpi.black_level", "rpi.noise", "rpi.awb", "rpi.alsc", "rpi.contrast", "rpi.ccm"}
    assert set(old) - carried <= lost | {"rpi.cac"}


def test_the_rkisp1_file_there_and_back(shared_data, tmp_path):
    path = shared_data / "tuning" / "rkisp1_imx219.yaml"
    made = import_tuning(path)
    old = {k: v for b in yaml.safe_load(path.read_text())["algorithms"] for k, v in b.items()}["LensShadingCorrection"]
    gains = np.array(entry(made.profile, "lens_shading")["mesh"])
    for c, plane in zip(("r", "gr", "gb", "b"), gains.reshape(-1, 4).T, strict=True):
        assert np.rint(plane * 1024).astype(int).tolist() == old["sets"][0][c]
    # a profile for the whole ISP needs a matrix and a curve too
    with pytest.raises(ProfileError, match=r"black_level.level and white, white_balance.curve, ccm.matrix"):
        export_profile(made.profile, "libcamera-rkisp1")


def test_raspberry_pis_tool_reads_what_is_written(tmp_path):
    """rpi-ctt reads the file, and turns it into one for the other ISP."""
    pytest.importorskip("ctt.core.runner", reason="rpi-ctt is not installed; pip install rpi-ctt", exc_type=ImportError)
    from ctt.core.runner import get_target_from_tuning_file, load_template
    from ctt.output.converter import convert_v2

    path = tmp_path / "a.json"
    profile = full_profile()
    # it asks for a block of exposure control
    tree = {"version": 2.0, "target": "pisp", "algorithms": [{"rpi.agc": {"metering_modes": {}}}]}
    export_profile(profile, "libcamera-pisp", into=tree).write(path)
    assert get_target_from_tuning_file(str(path)) == "pisp"
    read = load_template(None, update_path=str(path))
    assert read["rpi.ccm"]["ccms"][0]["ccm"] == pytest.approx(np.ravel(MATRICES[2850.0]))
    assert read["rpi.awb"]["ct_curve"] == pytest.approx(np.ravel(CURVE))
    theirs = json.loads(convert_v2(json.loads(path.read_text()), "bcm2835"))
    ours = json.loads(export_profile(profile, "libcamera-vc4").data)
    one, two = ({k: v for b in t["algorithms"] for k, v in b.items()}["rpi.alsc"] for t in (theirs, ours))
    # it resamples from edge to edge, we from cell to cell: near the border they differ by half a cell
    inner = np.s_[3:-3, 4:-4]
    a, b = (np.reshape(t["luminance_lut"], TARGETS["bcm2835"])[inner] for t in (one, two))
    assert a == pytest.approx(b, rel=0.02)


def test_the_commands(tmp_path, capsys):
    source, out, back = put(tmp_path, SMALL), tmp_path / "p.yaml", tmp_path / "back.json"
    assert main(["tune", "import", str(source), "--bits", "10", "-o", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out.split() == [str(out)]
    assert "note: rpi.agc: not carried over" in said.err
    assert isinstance(entry(read_profile(out), "ccm")["matrix"], Table)
    assert main(["tune", "import", str(source), "-o", str(out)]) == 6
    assert main(["tune", "export", str(out), "--to", "libcamera-pisp", "-o", str(back), "--json"]) == 0
    assert "saturation: not carried over" in json.loads(capsys.readouterr().out)["notes"]
    assert json.loads(back.read_text())["target"] == "pisp"
    assert main(["tune", "export", "natural", "--to", "dcp", "-o", str(tmp_path / "n.dcp")]) == 3
    assert "error: natural: export to dcp needs numbers for ccm.matrix, white_balance.curve" in capsys.readouterr().err
    assert not (tmp_path / "n.dcp").exists()
    put(tmp_path, "{", "bad.json")
    assert main(["tune", "import", str(tmp_path / "bad.json"), "-o", str(tmp_path / "b.yaml")]) == 4
    assert not (tmp_path / "b.yaml").exists()
