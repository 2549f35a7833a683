"""`isp sensors` lists and explains."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint

import pytest

from isp.commands import app, main
from sensors import catalog


@pytest.fixture(autouse=True)
def installed(monkeypatch, tmp_path):
    """The command as an entry point, and an empty folder of the user's own."""
    point = EntryPoint("sensors", "sensors.commands.sensors_cmd:sensors", "isp.commands")
    monkeypatch.setattr(app, "_plugins", lambda: {"sensors": point})
    monkeypatch.setattr(catalog, "user_folder", lambda: tmp_path)
    return tmp_path


def run(capsys, *words: str) -> str:
    assert main(["sensors", *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def row(out: str, *start: str) -> list[str]:
    found = [line.split() for line in out.splitlines() if line.split()[: len(start)] == list(start)]
    assert found, f"no line starts with {start}"
    return found[0]


def test_list_names_every_sensor_and_phone(capsys):
    out = run(capsys)
    for name in catalog.shipped_names():
        assert row(out, name)
    assert row(out, "isocell_hp1")[1:7] == ["201.3", "16384x12288", "0.64", "RGGB", "4x4", "full,"]
    assert row(out, "imx363")[4] == "RGGB"
    assert "main: imx989, uw: imx586, tele: imx586" in out
    assert "spectra_680" in out


def test_explain_shows_unit_source_and_mark_of_every_value(capsys):
    out = run(capsys, "imx586")
    assert row(out, "full_well_e")[1:4] == ["4500", "e-", "estimate"]
    assert row(out, "pitch_um")[1:3] == ["0.8", "µm"]
    assert "estimate" not in row(out, "read_noise.variance_dn2")
    assert row(out, "gain.slope")[1] == "0.0005995267"
    for key in catalog.load_sensor("imx586").facts:
        assert key == "noise_note" or any(line.startswith(key) for line in out.splitlines())
    assert "outside published noise because: measured as it is" in out
    cited = row(out, "read_noise.variance_dn2")[-1]
    assert any(line.startswith(f"{cited} ") and "PMRID" in line for line in out.splitlines())


def test_explain_derives_size_readout_and_noise(capsys):
    out = run(capsys, "imx586")
    assert "48.0 MP, 6.40 x 4.80 mm, diagonal 8.00 mm, crop factor 5.41" in out
    assert row(out, "bin2", "digital")[2:] == ["4000x3000", "1.6", "RGGB", "120", "1.44", "8.3"]
    assert row(out, "100")[2:6] == ["1023", "13971", "6.30", "11.1"]
    assert row(out, "6400")[2:6] == ["1023", "249", "1.50", "7.4"]
    hp1 = run(capsys, "isocell_hp1")
    assert [row(hp1, mode)[-2] for mode in ("full", "bin2", "bin4")] == ["1.51", "1.51", "1.51"]


def test_explain_a_phone_and_its_camera(capsys):
    out = run(capsys, "leitz_phone_1")
    assert row(out, "main.lens.focal_mm")[1:4] == ["6.93", "mm", "estimate"]
    assert "usable wherever a sensor is named: leitz_phone_1/main" in out
    out = run(capsys, "leitz_phone_1/main")
    assert row(out, "lens.f_number")[1] == "1.9"
    assert row(out, "full", "none")[2] == "5472x3648"


def test_json(capsys):
    listed = json.loads(run(capsys, "--json"))
    assert {each["name"] for each in listed["sensors"] + listed["phones"]} == set(catalog.shipped_names())
    found = json.loads(run(capsys, "imx586", "--json"))
    assert found["facts"]["pedestal"]["value"] == 64
    assert found["facts"]["full_well_e"]["estimated"] is True
    assert found["facts"]["pitch_um"]["unit"] == "µm"
    assert found["noise_table"][0]["saturation_e"] == pytest.approx(13971, abs=1)
    assert found["mode_table"][1]["cfa"] == "RGGB"
    phone = json.loads(run(capsys, "leitz_phone_1", "--json"))
    assert phone["cameras"]["main"]["lens"]["f_number"] == 1.9
    camera = json.loads(run(capsys, "leitz_phone_1/main", "--json"))
    assert camera["sensor"] == "one_inch_20mp"


def test_unknown_name_is_one_line_and_code_2(capsys):
    assert main(["sensors", "imx568"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: no sensor 'imx568' in the catalogue; did you mean 'imx586'?")
    assert err.count("\n") == 1


def test_a_path_is_explained(capsys, installed):
    path = installed / "s.yaml"
    path.write_text("width: 12\n")
    assert main(["sensors", str(path)]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"error: {path}:1: height is missing; needed: {', '.join(catalog.build.REQUIRED)}\n"


def test_a_broken_file_does_not_hide_the_others(capsys, installed):
    (installed / "mine.yaml").write_text("width: [")
    assert main(["sensors"]) == 3
    out, err = capsys.readouterr()
    assert row(out, "imx586")
    assert err.startswith(f"error: {installed / 'mine.yaml'}:1: not YAML")
