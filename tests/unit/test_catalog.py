"""The shipped catalogue against published tables, and files of users' own, right and wrong."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from isp.errors import ProfileError, UsageError
from isp.profile import sensors as profile_sensors
from isp.profile.loader import parse_document
from isp.stages import find_stage
from sensors import catalog
from sensors.profile_facts import CATALOGUE
from sensors.sensor import Phone, Sensor

GEOMETRY = {
    # photosites, pitch [um], diagonal [mm], crop factor, block
    "isocell_hp1": (16384, 12288, 0.64, 13.11, 3.30, 4),
    "quad_200mp": (16384, 12288, 0.64, 13.11, 3.30, 2),
    "isocell_hp2": (16320, 12240, 0.60, 12.24, 3.53, 4),
    "isocell_hp3": (16384, 12288, 0.56, 11.47, 3.77, 4),
    "imx989": (8192, 6144, 1.6, 16.38, 2.64, 2),
    "isocell_gn2": (8160, 6120, 1.4, 14.28, 3.03, 2),
    "imx766": (8192, 6144, 1.0, 10.24, 4.23, 2),
    "imx707": (8192, 6144, 1.22, 12.49, 3.46, 2),
    "imx700_ryyb": (8192, 6144, 1.22, 12.49, 3.46, 2),
    "one_inch_20mp": (5472, 3648, 2.4, 15.8, 2.74, 1),
    "one_inch_47mp": (7936, 5952, 1.6, 15.87, 2.73, 2),
    "imx586": (8000, 6000, 0.8, 8.00, 5.41, 2),
    "imx363": (4032, 3024, 1.4, 7.06, 6.13, 1),
    "imx708": (4608, 2592, 1.4, 7.40, 5.85, 2),
}
PHONES = {
    "xiaomi_12s_ultra": ("spectra_680", {"main": "imx989", "uw": "imx586", "tele": "imx586"}),
    "xiaomi_12t_pro": ("spectra_680", {"main": "isocell_hp1"}),
    "moto_edge_30_ultra": ("spectra_680", {"main": "isocell_hp1"}),
    "leitz_phone_1": ("spectra_580", {"main": "one_inch_20mp"}),
    "leitz_phone_2": ("spectra_680", {"main": "one_inch_47mp"}),
    "pi_camera_3": ("pisp", {"main": "imx708"}),
}

MINE = """\
sources: {D: "data sheet, revision 3"}
width:       {value: 4000, source: D}
height:      3000
pitch_um:    1.12
cfa:         GRBG
block:       2
bits:        12
pedestal:    256
iso_base:    100
iso_max:     3200
full_well_e: {value: 5000, source: D, estimated: true}
gain:        {saturation_e: 4800}
read_noise:  {conversions: [{name: only, from_iso: 100, pre_e: 2.1, adc_dn: 0.7}]}
modes:       {bin2: digital}
pixel_rate:  480000000
sensitivity: phone-rggb
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """An empty folder of the user's own."""
    monkeypatch.setattr(catalog, "user_folder", lambda: tmp_path)
    return tmp_path


def sensors() -> list[Sensor]:
    return [s for s in map(catalog.load, catalog.shipped_names()) if isinstance(s, Sensor)]


def cameras():
    found = [p for p in map(catalog.load, catalog.shipped_names()) if isinstance(p, Phone)]
    return [camera for phone in found for camera in phone.cameras.values()]


def test_the_catalogue_is_complete():
    assert set(catalog.shipped_names()) == set(GEOMETRY) | set(PHONES)


@pytest.mark.parametrize(("name", "row"), GEOMETRY.items())
def test_geometry_is_the_published_one(name, row):
    sensor = catalog.load_sensor(name)
    width, height, pitch, diagonal, crop, block = row
    assert (sensor.width, sensor.height, sensor.pitch_um, sensor.block) == (width, height, pitch, block)
    assert math.hypot(*sensor.size_mm) == pytest.approx(diagonal, abs=0.02)
    assert sensor.crop_factor == pytest.approx(crop, abs=0.011)


@pytest.mark.parametrize(("name", "row"), PHONES.items())
def test_phones_place_sensors_behind_a_lens(name, row):
    phone = catalog.load_phone(name)
    isp, parts = row
    assert phone.isp == isp
    assert {role: camera.sensor.name for role, camera in phone.cameras.items()} == parts


@pytest.mark.parametrize("camera", cameras(), ids=lambda c: c.name)
def test_lens_covers_the_stated_view(camera):
    lens = camera.lens
    assert lens is not None
    assert lens.focal_mm is not None
    assert camera.eq_mm == pytest.approx(lens.focal_mm * camera.sensor.crop_factor, rel=0.01)
    assert lens.f_number == camera.facts["lens.f_number"].value


@pytest.mark.parametrize("name", catalog.shipped_names())
def test_every_value_has_a_source_and_estimates_are_marked(name):
    found = catalog.load(name)
    facts = dict(found.facts)
    if isinstance(found, Phone):
        for camera in found.cameras.values():
            facts |= {f"{camera.name} {key}": fact for key, fact in camera.facts.items()}
    for key, fact in facts.items():
        assert fact.sources, key
        guessed = any(source.startswith(("estimate", "not a product")) for source in fact.sources)
        assert fact.estimated == guessed, key


@pytest.mark.parametrize("name", catalog.shipped_names())
def test_every_source_is_cited(name):
    text = (files("sensors") / "catalog" / f"{name}.yaml").read_text(encoding="utf-8")
    tree = parse_document(text, name).value
    cited = set()

    def walk(node):
        if isinstance(node, dict):
            named = node.get("source", [])
            cited.update([named] if isinstance(named, str) else named)
            for part in node.values():
                walk(part)

    walk({key: part for key, part in tree.items() if key != "sources"})
    assert cited == set(tree["sources"])


@pytest.mark.parametrize("sensor", sensors(), ids=lambda s: s.name)
def test_every_sensor_has_all_that_a_simulation_uses(sensor):
    assert set(catalog.build.SENSOR) - set(sensor.facts) <= {
        "noise_note", "noise_outside_iso", "dual_gain", "staggered", "max_fps", "phase_detect"
    }
    assert set(sensor.sensitivity().letters) == set(sensor.cfa)
    assert 0.45 < sensor.sensitivity().curves.max() <= 0.75
    for mode in sensor.modes:
        assert all(n % 2 == 0 for n in sensor.output_size(mode))
    assert sensor.full_well_e >= 0.999 * sensor.saturation_e(sensor.iso_base)


@pytest.mark.parametrize("sensor", sensors(), ids=lambda s: s.name)
def test_focusing_pairs_share_a_block_of_green(sensor):
    detect, cfa = sensor.phase_detect, sensor.output_cfa()
    if detect is None or not detect.sites:
        assert detect is None or detect.kind in ("dual", "quad")
        return
    assert detect.period_x % cfa.period == detect.period_y % cfa.period == 0
    assert {cfa.at(x, y) for x, y, _ in detect.sites} <= {"G", "Y"}
    blocks = [(x // sensor.block, y // sensor.block) for x, y, _ in detect.sites]
    assert blocks[0::2] == blocks[1::2]


def _populations(shot: float, read: float) -> list[bool]:
    """Whether (S, O) is within 3 sigma of each published population that covers S."""
    found = []
    if 1e-4 <= shot <= 0.012:
        # Brooks et al. 2019, arXiv 1811.11127
        found.append(abs(math.log(read) - (2.18 * math.log(shot) + 1.20)) <= 3 * 0.26)
    if 6.87e-4 <= shot <= 0.0219:
        # the same fitted to SIDD
        found.append(abs(math.log10(read) - (1.85 * math.log10(shot) + 0.30)) <= 3 * 0.20)
    return found


@pytest.mark.parametrize("sensor", sensors(), ids=lambda s: s.name)
def test_noise_is_that_of_published_cameras_or_says_why_not(sensor):
    outside = []
    for iso in np.geomspace(sensor.iso_base, sensor.iso_max, 300):
        near = _populations(*sensor.noise_model(float(iso), sensor.default_mode))
        if near and not any(near):
            outside.append(iso)
    assert bool(outside) == bool(sensor.noise_note) == bool(sensor.noise_outside_iso)
    if outside:
        low, high = sensor.noise_outside_iso
        assert low <= min(outside) <= 1.1 * low
        assert high / 1.1 <= max(outside) <= high


def test_a_phone_stands_where_a_sensor_does():
    camera = catalog.load_camera("leitz_phone_1/main")
    assert camera.sensor == catalog.load_sensor("one_inch_20mp") == catalog.load_sensor("leitz_phone_1")
    assert catalog.load_camera("leitz_phone_1").name == "leitz_phone_1/main"
    assert catalog.load_camera("imx586").lens is None
    assert catalog.load_camera("xiaomi_12s_ultra/tele").sensor.name == "imx586"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("imx568", r"no sensor 'imx568' in the catalogue; did you mean 'imx586'\?"),
        ("", "no sensor '' in the catalogue; sensors and phones: imx363, imx586"),
        ("leitz_phone_1/tele", "leitz_phone_1 has no camera 'tele'; allowed: main"),
        ("leitz_phone/main", "did you mean 'leitz_phone_"),
        ("imx586/main", "imx586 is a sensor, not a phone"),
    ],
)
def test_unknown_names_suggest(name, words):
    with pytest.raises(UsageError, match=words):
        catalog.load_camera(name)


def test_a_file_adds_a_sensor(mine, tmp_path):
    (mine / "my_sensor.yaml").write_text(MINE)
    sensor = catalog.load_sensor("my_sensor")
    assert (sensor.name, sensor.width, sensor.full_well_e, sensor.saturation_e(100)) == ("my_sensor", 4000, 5000, 4800)
    assert sensor.facts["width"].source == "data sheet, revision 3"
    assert sensor.facts["height"].sources == ()
    assert sensor.facts["full_well_e"].estimated
    assert "my_sensor" in catalog.names()
    assert catalog.load_sensor(tmp_path / "my_sensor.yaml") == sensor


def test_the_documented_files_are_right(mine):
    text = (Path(__file__).resolve().parents[2] / "docs" / "sensors.md").read_text(encoding="utf-8")
    sensor, phone = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (mine / "my_sensor.yaml").write_text(sensor)
    (mine / "my_phone.yaml").write_text(phone)
    assert catalog.load_camera("my_phone/main").sensor == catalog.load_sensor("my_sensor")
    assert catalog.load_sensor("my_sensor").facts["full_well_e"].estimated


def test_a_file_adds_a_phone(mine):
    (mine / "chip.yaml").write_text(MINE)
    (mine / "phone.yaml").write_text(
        "kind: phone\nsoc: X1\ncameras:\n  main: {sensor: chip.yaml, eq_mm: 26, lens: {f_number: 2.0, focal_mm: 5.0}}\n"
        "  tele: {sensor: imx586}\n"
    )
    camera = catalog.load_camera("phone")
    assert (camera.name, camera.sensor.name, camera.lens.f_number) == ("phone/main", "chip", 2.0)
    assert catalog.load_camera("phone/tele").lens is None


def test_a_sensitivity_file_lies_beside_the_sensor(mine):
    (mine / "curves.json").write_text("{}")
    (mine / "s.yaml").write_text(MINE.replace("phone-rggb", "{file: curves.json, peak_qe: 0.6}"))
    assert catalog.load_sensor("s").sensitivity_spec == {"file": str((mine / "curves.json").resolve()), "peak_qe": 0.6}
    (mine / "s.yaml").write_text(MINE.replace("phone-rggb", "../curves.json"))
    with pytest.raises(ProfileError, match="leads out of the profile's folder"):
        catalog.load_sensor("s")


def test_a_shipped_name_is_taken(mine):
    (mine / "imx586.yaml").write_text(MINE)
    with pytest.raises(ProfileError, match=r"imx586\.yaml: 'imx586' is a name of the shipped catalogue; rename"):
        catalog.load_sensor("imx586")


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("pitch_um:", "pitch:", 4, "unknown key 'pitch'; did you mean 'pitch_um'?"),
        ("pixel_rate:  480000000\n", "", 1, "pixel_rate is missing; needed: width, height"),
        ("value: 4000", "value: 4", 2, "width: 4 is out of bounds; allowed: 8..65536 photosites"),
        ("1.12", "0.05", 4, "pitch_um: 0.05 is out of bounds; allowed: 0.2..30 µm"),
        ("3000", "3000.5", 3, "height: 3000.5 must be a whole number; allowed: 8..65536 photosites"),
        ("GRBG", "GRGB", 5, "cfa: 'GRGB' is not allowed; allowed: RGGB | BGGR"),
        ("source: D, e", "source: E, e", 11, "full_well_e: no source 'E'; sources: D"),
        ("estimated: true", "estimate: true", 11, "full_well_e: unknown key 'estimate'; did you mean 'estimated'?"),
        ("estimated: true", "estimated: 1", 11, "full_well_e.estimated: 1 is not allowed; allowed: true | false"),
        ("saturation_e", "saturation", 12, "gain: {'saturation': 4800} is not allowed; allowed: {saturation_e} | {"),
        ("pre_e: 2.1", "pre_e: -1", 13, "read_noise.conversions.0.pre_e: -1 is out of bounds; allowed: 0..1000 e- rms"),
        (", adc_dn: 0.7", "", 13, "adc_dn is missing; needed: name, from_iso, pre_e, adc_dn"),
        ("from_iso: 100", "from_iso: 200", 13, "read_noise: no conversion from iso_base 100 on"),
        ("bin2: digital", "bin3: digital", 14, "mode bin3 is not possible on s: 3x3 does not fit blocks of 2x2"),
        ("bin2: digital", "bin2: analog", 14, "modes.bin2: 'analog' is not allowed; allowed: digital | charge"),
        ("bin2: digital", "bin8: digital", 14, "modes: unknown key 'bin8'; did you mean 'bin"),
        ("480000000", "fast", 15, "pixel_rate: 'fast' is not allowed; allowed: 100000..1e+12 pixel/s"),
        ("phone-rggb", "phone-ryyb", 16, "has R Y B, but CFA GRBG also needs G"),
        ("phone-rggb", "phone-rgb", 16, "sensitivity 'phone-rgb' is not known; did you mean 'phone-rggb'?"),
        ("iso_max:     3200", "iso_max:     50", 9, "iso_base 100 must be below iso_max 50"),
        ("sources: {D: \"data sheet, revision 3\"}", "sources: [D]", 1, "sources must be a mapping"),
        ("block:       2", "block:       2\nkind: lens", 7, "kind 'lens' is not allowed; allowed: sensor | phone"),
        ("1.12", "1.12e0", 4, "1.12e0 is not a plain decimal number; write 1.12"),
    ],
)
def test_faults_name_file_line_and_what_is_allowed(mine, before, after, line, words):
    assert before in MINE
    path = mine / "s.yaml"
    path.write_text(MINE.replace(before, after))
    with pytest.raises(ProfileError) as caught:
        catalog.load_sensor(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty; a catalogue file is a mapping"),
        ("[1]", "a list at the top; a catalogue file is a mapping"),
        ("kind: phone\n", ":1: cameras is missing"),
        ("kind: phone\ncameras: []\n", ":2: cameras must be a mapping"),
        ("kind: phone\ncameras:\n  main: {sensor: imx568}\n", ":3: cameras.main.sensor: no sensor 'imx568'"),
        ("kind: phone\ncameras:\n  main: {sensor: s}\n", ":3: cameras.main.sensor: 's' is not a sensor"),
        ("kind: phone\ncameras:\n  main: {sensor: leitz_phone_1}\n", "'leitz_phone_1' is not a sensor"),
        ("kind: phone\ncameras:\n  main: {sensor: ../x.yaml}\n", ":3: cameras.main.sensor: file '../x.yaml' leads out"),
        ("kind: phone\ncameras:\n  a/b: {sensor: imx586}\n", ":3: camera 'a/b' must be a word"),
        (
            "kind: phone\ncameras:\n  main:\n    sensor: imx586\n    lens:\n      f_number: 0.1\n",
            ":6: cameras.main: lens: f_number 0.1 must be a number in 0.7..32",
        ),
        (
            "kind: phone\ncameras:\n  main:\n    sensor: imx586\n    lens:\n      f_nmber: 2\n",
            ":6: cameras.main: lens: unknown f_nmber; did you mean 'f_number'?",
        ),
    ],
)
def test_faults_of_other_files(mine, text, words):
    (mine / "s.yaml").write_text(text)
    with pytest.raises(ProfileError) as caught:
        catalog.load("s")
    assert words in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ProfileError, match=r"nothing\.yaml: sensor file cannot be read: No such file"):
        catalog.load(tmp_path / "nothing.yaml")


# -- what profiles see ---------------------------------------------------------------------------------------------


def test_profiles_find_sensors_by_name(monkeypatch, mine):
    point = EntryPoint("catalog", "sensors.profile_facts:CATALOGUE", "isp.sensors")
    monkeypatch.setattr(profile_sensors, "entry_points", lambda group: [point])
    (mine / "broken.yaml").write_text("width: [")
    stage = find_stage("black_level")
    assert profile_sensors.sensor_values("imx586", stage) == {"level": 64.0, "white": 1023}
    assert profile_sensors.sensor_values("xiaomi_12s_ultra/main", stage) == {"level": 1024.0, "white": 16383}
    with pytest.raises(ProfileError, match="unknown sensor 'imx568'; did you mean 'imx586'"):
        profile_sensors.sensor_values("imx568", stage)


def test_profile_facts_are_values_their_stages_take(mine):
    for name, facts in CATALOGUE.items():
        for stage, values in facts["stages"].items():
            known = {p.name: p for p in find_stage(stage).parameters}
            for parameter, value in values.items():
                known[parameter].check(value)
        assert name.partition("/")[0] in catalog.shipped_names()
    assert len(CATALOGUE) == len(GEOMETRY) + len(PHONES) + sum(len(parts) for _, parts in PHONES.values())


def test_a_white_level_below_the_converter_becomes_a_table(mine):
    (mine / "s.yaml").write_text(MINE.replace("value: 5000", "value: 1000"))
    white = CATALOGUE["s"]["stages"]["black_level"]["white"]
    assert white["iso"][100] == 256 + math.floor(1000 * (4095 - 256) / 4800)
    assert white["iso"][3200] == 4095


def test_profile_facts_load_nothing_until_asked():
    code = (
        "import sys, sensors.profile_facts as p; len(dir(p.CATALOGUE)); "
        "print(sorted({'numpy', 'yaml', 'sensors.catalog'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
