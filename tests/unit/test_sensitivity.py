"""Sensitivities: units, sources, and everything a hostile or broken file can hold."""

import json

import colour
import numpy as np
import pytest

from isp.errors import InputError, LimitError, UsageError
from sensors.color import calibrate, neutral
from sensors.sensitivity import PRESETS, Sensitivity, load_sensitivity, parametric
from sensors.spectrum import WAVELENGTHS, make_light, photon_rate


def document(**changes):
    rows = {
        str(w): [float(np.exp(-(((w - c) / 40) ** 2))) for c in (600, 530, 450)] for w in range(380, 781, 10)
    }
    made = {
        "header": {"schema_version": "1.0.0", "manufacturer": "Some", "model": "Camera"},
        "spectral_data": {"units": "relative", "index": {"main": ["R", "G", "B"]}, "data": {"main": rows}},
    }
    made["spectral_data"].update({k: v for k, v in changes.items() if k in ("units", "index")})
    made["header"].update(changes.get("header", {}))
    rows.update(changes.get("rows", {}))
    return made


def written(tmp_path, content, name="camera.json"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_a_file_is_a_response_to_power(tmp_path):
    found = load_sensitivity(written(tmp_path, document()), peak_qe=0.5)
    assert (found.name, found.letters, found.relative, found.estimated) == (
        "Some Camera", ("R", "G", "B"), True, False
    )
    assert found.curves.max() == pytest.approx(0.5)
    sampled = WAVELENGTHS % 10 == 0
    energy = np.exp(-(((WAVELENGTHS[sampled, None] - [600, 530, 450]) / 40) ** 2)).T
    ratio = found.curves[:, sampled] * WAVELENGTHS[sampled] / energy
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-9)
    # electrons, photons times quantum efficiency, are then in proportion to power times response
    power = make_light("A", 100).spectrum * sampled
    electrons = photon_rate(power) @ found.curves.T
    expected = energy @ power[sampled]
    np.testing.assert_allclose(electrons / electrons.max(), expected / expected.max(), rtol=1e-9)


def test_columns_may_be_in_any_order(tmp_path):
    swapped = document(index={"main": ["B", "G", "R"]})
    red = load_sensitivity(written(tmp_path, swapped)).curve("R")
    assert WAVELENGTHS[red.argmax()] == 450


def test_noise_below_zero_is_clipped(tmp_path):
    assert load_sensitivity(written(tmp_path, document(rows={"780": [-0.004, 0, 0]}))).curves.min() == 0


def test_bundled_cameras_and_their_files_agree(shared_data):
    path = shared_data / "spectral" / "camera" / "Nikon_D5100_380_780_5.json"
    if not path.is_file():
        pytest.skip("no measured sensitivities here")
    bundled = load_sensitivity("camera:nikon 5100 (npl)", 0.55)
    filed = load_sensitivity({"file": str(path), "peak_qe": 0.55})
    np.testing.assert_allclose(bundled.curves, filed.curves, atol=1e-8)


def test_nothing_is_assumed_beyond_the_measured_range():
    sigma = load_sensitivity("camera:Sigma SDMerill (NPL)")
    table = colour.MSDS_CAMERA_SENSITIVITIES["Sigma SDMerill (NPL)"]
    assert (table.wavelengths[0], table.wavelengths[-1]) == (400, 680)
    outside = (WAVELENGTHS < 400) | (WAVELENGTHS > 680)
    assert not sigma.curves[:, outside].any()
    assert sigma.curves[:, ~outside].any(axis=0).all()


BROKEN = {
    "not json": ("{", "not JSON"),
    "nan": (json.dumps(document(rows={"500": [float("nan"), 0, 0]})), "NaN is not a number JSON allows"),
    "infinite": (json.dumps(document()).replace('"380": [', '"380": [1e999, 0, 0], "385": ['), "380 nm is .inf"),
    "a list": ("[]", "no 'header' object"),
    "no data": (json.dumps({"header": {"schema_version": "1.0.0"}}), "no 'spectral_data' object"),
    "version": (json.dumps(document(header={"schema_version": "7"})), "version is '7'; allowed: 0.1.0 and 1.0.0"),
    "units": (json.dumps(document(units="watts")), "units is 'watts'; allowed: 'relative'"),
    "columns": (json.dumps(document(index={"main": ["R", "G"]})), r"index.main is .*allowed: \['R', 'G', 'B'\]"),
    "order": (json.dumps(document(rows={"400.5": [0, 0, 0]})), "wavelength 400.5 follows 780; they must increase"),
    "wavelength": (json.dumps(document(rows={"red": [0, 0, 0]})), "wavelength 'red' is not a number"),
    "range": (json.dumps(document(rows={"9000": [0, 0, 0]})), r"outside 200..2500 nm"),
    "channels": (json.dumps(document(rows={"500": [1, 2]})), r"500 nm is \[1, 2\]; allowed: 3 finite numbers"),
    "text": (json.dumps(document(rows={"500": ["1", 0, 0]})), "allowed: 3 finite numbers"),
    "true": (json.dumps(document(rows={"500": [True, 0, 0]})), "allowed: 3 finite numbers"),
    "negative": (json.dumps(document(rows={"500": [-0.1, 0.5, 0]})), "-0.1 is below -0.005 of the peak"),
    "twice": (json.dumps(document()).replace('"390"', '"380"'), "a key is given twice"),
    "deep": ("[" * 100_000, "not JSON"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_are_refused_by_name(tmp_path, kind):
    content, words = BROKEN[kind]
    with pytest.raises(InputError, match=f"camera.json: .*{words}"):
        load_sensitivity(written(tmp_path, content))


def test_a_dead_channel_and_a_narrow_range_are_refused(tmp_path):
    dead = document()
    for values in dead["spectral_data"]["data"]["main"].values():
        values[1] = 0
    with pytest.raises(InputError, match="a channel is 0 at all wavelengths"):
        load_sensitivity(written(tmp_path, dead))
    narrow = document()
    rows = narrow["spectral_data"]["data"]["main"]
    narrow["spectral_data"]["data"]["main"] = {k: v for k, v in rows.items() if int(k) < 600}
    with pytest.raises(InputError, match=r"covers 380..590 nm; at least 420..650 nm is needed"):
        load_sensitivity(written(tmp_path, narrow))
    narrow["spectral_data"]["data"]["main"] = {k: v for k, v in rows.items() if int(k) < 410}
    with pytest.raises(InputError, match=r"3 wavelengths; allowed: 8..2000"):
        load_sensitivity(written(tmp_path, narrow))


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_sensitivity(str(tmp_path / "missing.json"))
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError, match="a directory"):
        load_sensitivity(str(tmp_path / "folder.json"))
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not JSON"):
        load_sensitivity(str(tmp_path / "binary.json"))
    with pytest.raises(LimitError, match="5000000 bytes; a sensitivity file may have at most 4000000"):
        load_sensitivity(written(tmp_path, " " * 5_000_000, "large.json"))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("camera:Nikon 5200", r"camera 'Nikon 5200' is not known; did you mean 'Nikon 5100 \(NPL\)'"),
        ("phone-rgb", "did you mean 'phone-rggb'"), ("nonsense", "allowed: camera:NAME, FILE.json, phone-rggb"),
        (3, "must be text or a mapping"), ({}, "keys none"),
        ({"camera": "x", "file": "y"}, "allowed are one of camera"),
        ({"camera": 3}, "camera: 3 must be text"), ({"preset": "phone-rggb", "peak_qe": 0.5}, "peak_qe beside camera"),
        ({"parametric": 3}, "must be a mapping from letters"),
        ({"parametric": {"Q": []}}, "Q not known; allowed: letters"),
        ({"parametric": {"R": [[600, 35]]}}, r"\[600, 35\] must be \[centre"),
        ({"parametric": {"R": [[600, 35, 1.2]]}}, "height above 0 and at most 1"),
        ({"parametric": {"R": "600"}}, r"list of 1\.\.8 peaks"), ({"parametric": {}}, "must be for the letters"),
        ({"parametric": {"R": [[600, 35, 0.4]], "ir_cut_nm": 100}}, r"ir_cut_nm 100 must be a number in 600\.\.1200"),
        ({"parametric": {"R": [[600, 35, 0.4]], "leak": "x"}}, "leak 'x' must be a number"),
        ({"parametric": {"R": [[600, 90, 0.7], [600, 90, 0.7]]}}, "efficiency of R in .* must be finite, in 0..1"),
    ],
)
def test_wrong_specifications_are_refused(spec, words):
    with pytest.raises(UsageError, match=words):
        load_sensitivity(spec)


@pytest.mark.parametrize("peak", [0, -0.1, 1.1, float("nan"), True, "0.5"])
def test_peak_quantum_efficiency_has_bounds(peak):
    with pytest.raises(UsageError, match="above 0 and at most 1"):
        load_sensitivity("camera:Nikon 5100 (NPL)", peak)


def test_parametric_curves_in_closed_form():
    peaks = {"R": [(600, 20, 40, 0.5)], "B": [(450, 30, 0.4)]}
    found = parametric("BR", peaks, ir_cut_nm=650, ir_width_nm=30, leak=0.01)
    assert found.letters == ("R", "B")
    assert found.estimated
    assert not found.relative
    i, cut = np.flatnonzero(WAVELENGTHS == 640)[0], np.flatnonzero(WAVELENGTHS == 650)[0]
    edge = 1 / (1 + 81 ** ((640 - 650) / 30))  # 1/(1 + 81^t) is 0.9 at t = -1/2 and 0.1 at t = 1/2
    assert found.curve("R")[i] == pytest.approx(0.5 * np.exp(-0.5) * (0.01 + 0.99 * edge), rel=1e-4)
    assert found.curve("R")[cut] == pytest.approx(0.5 * np.exp(-0.5 * 1.25**2) * (0.01 + 0.99 * 0.5), rel=1e-4)
    assert found.curve("B")[np.flatnonzero(WAVELENGTHS == 480)[0]] == pytest.approx(0.4 * np.exp(-0.5), rel=1e-3)
    with pytest.raises(UsageError, match="has no 'G'; it has R, B"):
        found.curve("G")


def test_a_mapping_of_the_catalogue_is_the_same_as_the_call():
    peaks = {"R": [[600, 30, 0.5]], "G": [[530, 40, 0.6]], "B": [[455, 30, 0.5]]}
    mapped = load_sensitivity({"parametric": {**peaks, "ir_cut_nm": 660}})
    np.testing.assert_array_equal(mapped.curves, parametric("RGB", peaks, ir_cut_nm=660).curves)


def test_phone_presets_are_estimated_and_plausible():
    for name in PRESETS:
        found = load_sensitivity(name)
        assert found.estimated
        assert 0.4 <= found.curves.max(axis=1).min() <= found.curves.max() <= 0.9
    yellow, rgb = load_sensitivity("phone-ryyb"), load_sensitivity("phone-rggb")
    assert yellow.letters == ("R", "Y", "B")
    # yellow passes green and red: more light than green, and it still sees 600 nm
    assert yellow.curve("Y").sum() > 1.35 * rgb.curve("G").sum()
    assert yellow.curve("Y")[WAVELENGTHS == 600] > 0.5
    # the infrared-cut filter
    assert rgb.curves[:, WAVELENGTHS >= 700].max() < 0.01


def test_a_sensitivity_is_checked_and_cannot_be_changed():
    good = np.full((3, 81), 0.5)
    for letters, curves, words in (
        (("R", "G"), good, r"must be \(2, 81\)"), (("R", "R", "B"), good, "must be distinct"),
        ((), good, "must be distinct"),
        (("R", "G", "X"), good, "must be distinct"), (("R", "G", "B"), good * 3, "must be finite, in 0..1"),
        (("R", "G", "B"), good * [[1], [0], [1]], "quantum efficiency of G"),
    ):
        with pytest.raises(UsageError, match=words):
            Sensitivity("mine", letters, curves, "")
    made = Sensitivity("mine", ("R", "G", "B"), good, "")
    good[0] = 0
    assert made.curves.min() == 0.5
    with pytest.raises(ValueError, match="read-only"):
        made.curves[0, 0] = 1


def test_neutral_is_what_a_diffuser_gives():
    phone = load_sensitivity("phone-rggb")
    light = make_light("D65", 500)
    electrons = (light.spectrum * WAVELENGTHS * phone.curves).sum(axis=1)
    assert neutral(phone, light) == pytest.approx(tuple(electrons / electrons.max()), rel=1e-12)
    assert max(neutral(phone, light)) == 1
    assert neutral(phone, make_light("D65", 0)) == pytest.approx(neutral(phone, light), rel=1e-12)


def test_calibration_needs_three_different_channels():
    with pytest.raises(UsageError, match=r"has 1 kinds of photosites \(Y\); a colour calibration needs exactly 3"):
        calibrate(load_sensitivity("phone-mono"))
    with pytest.raises(UsageError, match="needs exactly 3"):
        neutral(load_sensitivity("phone-mono"), make_light("A", 1))
    red, green, _ = load_sensitivity("phone-rggb").curves
    mixed = Sensitivity("mixed", ("R", "G", "B"), np.stack([red, green, (red + green) / 2]), "")
    with pytest.raises(UsageError, match="too alike"):
        calibrate(mixed)
    blind = Sensitivity("blind", ("R", "G", "B"), np.stack([red, green, (WAVELENGTHS == 380) * 1e-3]), "")
    with pytest.raises(UsageError, match="B sees nothing of light '1700K'"):
        neutral(blind, make_light("1700K", 1))


def test_calibration_is_deterministic_and_free_of_scale():
    phone = load_sensitivity("phone-ryyb")
    first = calibrate(phone)
    half = calibrate(Sensitivity("half", phone.letters, phone.curves / 2, ""))
    for one, two in zip(first, half, strict=True):
        np.testing.assert_allclose(one.color_matrix, two.color_matrix, atol=1e-6)
        np.testing.assert_allclose(one.forward_matrix.sum(axis=1), [0.96422, 1.0, 0.82521], atol=2e-4)
        assert not one.forward_matrix.flags.writeable
    assert [c.illuminant for c in first] == ["Standard light A", "D65"]
    assert [c.temperature for c in first] == [2856.0, 6504.0]
    for calibration, name in zip(first, ("A", "D65"), strict=True):
        light = make_light(name, 1)
        seen = calibration.color_matrix @ colour.xy_to_XYZ(light.xy)
        np.testing.assert_allclose(seen, neutral(phone, light), atol=1e-9)
