"""Sessions: what the file may say, what comes of it, and what is said where nothing comes."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from isp.errors import NumericError, OutputError, ProfileError, UsageError
from isp.io import write_dng
from isp.profile import read_profile
from isp.values import RawFrame
from tuning.session import read_session, run_session, write_results
from tuning.session.profile_values import with_values

ROOT = Path(__file__).resolve().parents[2]
BLACK, WHITE = 64, 4095


def _dng(folder, name, light, seed, sigma=3.0, iso=100.0, exposure=0.01, shape=(256, 256)):
    random = np.random.Generator(np.random.Philox(seed))
    level = np.broadcast_to(np.asarray(light, np.float64), shape) * (WHITE - BLACK)
    data = np.rint(BLACK + level + np.sqrt(sigma**2 + 2 * level) * random.standard_normal(shape))
    frame = RawFrame.from_array(
        np.clip(data, 0, WHITE).astype(np.uint16), black=BLACK, white=WHITE, iso=iso, exposure=exposure
    )
    write_dng(frame, folder / name)
    return name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Darks with two hot pixels, flats of two lights with falloff, at one ISO."""
    place = tmp_path_factory.mktemp("session")
    y, x = ((np.arange(n) + 0.5) / n * 2 - 1 for n in (256, 256))
    shade = 1 / (1 + 0.3 * (x[None] ** 2 + y[:, None] ** 2))
    darks = []
    for n in range(4):
        hot = np.zeros((256, 256))
        hot[10, 20] = hot[101, 33] = 0.1
        darks.append(_dng(place, f"dark-{n}.dng", hot, n))
    flats = {
        cct: [_dng(place, f"flat-{cct}-{n}.dng", 0.6 * shade, 10 * cct + n, exposure=0.02 + cct * 1e-6) for n in (0, 1)]
        for cct in (2856, 6504)
    }
    lines = ["version: 1", "name: a phone", "captures:", f"  - {{kind: dark, files: [{', '.join(darks)}]}}"]
    lines += [f"  - {{kind: flat, cct: {cct}, files: [{', '.join(files)}]}}" for cct, files in flats.items()]
    lines += ["options: {mesh: [7, 9]}", ""]
    (place / "SESSION.yaml").write_text("\n".join(lines))
    return place


@pytest.fixture(scope="module")
def done(folder):
    return run_session(folder / "SESSION.yaml")


# what the file may say ---------------------------------------------------------------------------------------------

GOOD = "version: 1\nname: x\ncaptures:\n  - {kind: dark, files: [dark-0.dng]}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\n", r"SESSION\.yaml:1: captures is missing; allowed: a list of \{kind, files"),
        (GOOD + "targest: {}\n", r":5: unknown key 'targest'; did you mean 'targets'"),
        (GOOD.replace("dark,", "drak,"), r":4: captures\.0\.kind: 'drak' is not allowed; allowed: dark, flat"),
        (GOOD.replace("kind", "kin"), r":4: .*captures\.0\.kind is missing|:4: unknown key 'kin'; did you mean 'kind'"),
        (GOOD.replace("dark-0", "nothing"), r":4: 'nothing\.dng' is not a file"),
        (GOOD.replace("[dark-0.dng]", "[dark-0.dng, dark-0.dng]"), r":4: a file is named twice"),
        (GOOD.replace("dark,", "chart,"), r":4: a chart needs the cct of its light, or its illuminant"),
        (GOOD.replace("dark,", "flat, cct: 100,"), r":4: captures\.0\.cct: 100 is not allowed; .*1000\.\.25000"),
        (GOOD.replace("dark,", "chart, illuminant: D66,"), r":4: illuminant: .*D66"),
        (GOOD.replace("dark,", "chart, cct: 5000, chart: isso,"), r":4: unknown chart 'isso'; did you mean 'iso'"),
        (GOOD + "base: natrual\n", r":5: base: no profile 'natrual'.*did you mean 'natural'"),
        (GOOD + "sensor: imx9999\n", r"base: unknown sensor 'imx9999'"),
        (GOOD + "options: {mesh: [2, 9]}\n", r":5: options: mesh must be \[rows, columns\], each 3\.\.33"),
        (GOOD + "targets: {mtf50: 2}\n", r":5: targets\.mtf50: 2 is not allowed; allowed: .*below 1 cycles/pixel"),
        (GOOD.replace("version: 1", "version: 7"), r":1: version: 7 is not allowed; allowed: format version, 1"),
        ("- a\n", r"a list at the top; a session is a mapping"),
        ("a: &x 1\n", r"anchors are not allowed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(folder, text, words):
    path = folder / "wrong" / "SESSION.yaml"
    path.parent.mkdir(exist_ok=True)
    (path.parent / "dark-0.dng").write_bytes(b"")
    path.write_text(text)
    with pytest.raises(ProfileError, match=words) as caught:
        read_session(path)
    assert "\n" not in str(caught.value)


def test_the_temperature_of_a_named_light_is_looked_up(folder):
    path = folder / "named.yaml"
    path.write_text(GOOD.replace("dark,", "flat, illuminant: A,"))
    assert read_session(path).captures[0].cct == 2856


# what comes of it ----------------------------------------------------------------------------------------------------


def test_what_the_captures_allow_is_calibrated_and_the_rest_says_why(done):
    states = {outcome.name: outcome.state for outcome in done.outcomes}
    assert {name for name, state in states.items() if state == "done"} == {
        "black_level", "noise", "defects", "lens_shading", "green_imbalance"
    }
    assert done.outcome("ccm").reason == "the session has no captures of kind chart"
    assert done.outcome("ccm").kept == ("ccm",)
    assert "no captures of kind dots" in done.outcome("distortion").reason


def test_values_are_those_of_the_captures(done):
    assert done.profile.entry("black_level").values["level"] == pytest.approx((64.0,) * 4, abs=0.1)
    assert done.profile.entry("black_level").values["white"] == WHITE
    level = done.outcome("noise").found.result.levels[0]
    assert level.shot["Gr"] == pytest.approx(2 / (WHITE - BLACK), rel=0.05)
    shot, _ = done.profile.entry("black_level").values["noise"]
    assert shot == pytest.approx((2 / (WHITE - BLACK),) * 4, rel=0.05)
    places = done.arrays["defect_correction", "map"]
    assert sorted(map(tuple, places.tolist())) == [(20, 10), (33, 101)]
    # the rest is the base's
    assert done.profile.entry("tone_curve").values == read_profile("natural").entry("tone_curve").values


def test_a_table_over_light_stands_behind_white_balance(done):
    names = [entry.name for entry in done.profile.stages]
    assert names.index("lens_shading") == names.index("white_balance") + 1
    table = done.profile.entry("lens_shading").values["mesh"]
    assert [at for at, _ in table.points] == [2856.0, 6504.0]


def test_results_read_back_and_say_where_they_come_from(done, folder, tmp_path):
    paths = write_results(done, tmp_path / "out")
    assert [p.name for p in paths] == ["profile.yaml", "calibration.json", "report.html"]
    profile = read_profile(paths[0])
    assert profile.name == "a phone"
    assert profile.entry("black_level").values == done.profile.entry("black_level").values
    why = "colour matrices: n.a., the session has no captures of kind chart; the base's value stays"
    assert why in paths[0].read_text()
    told = json.loads(paths[1].read_text())
    assert told["inputs"]["dark-0.dng"]["sha256"] == hashlib.sha256((folder / "dark-0.dng").read_bytes()).hexdigest()
    assert len(told["inputs"]) == 8
    assert told["calibrations"]["black_level"]["result"]["level"]["R"]["interval"][0] < 64.1
    assert told["calibrations"]["ccm"]["state"] == "lacking"
    assert told["calibrations"]["ccm"]["kept_from_base"] == ["ccm"]
    assert told["software"]["numpy"] == np.__version__
    page = paths[2].read_text()
    assert "Calibration of a phone" in page
    assert str(folder) not in page + paths[0].read_text() + paths[1].read_text()
    with pytest.raises(OutputError, match="exists; give --overwrite"):
        write_results(done, tmp_path / "out")
    write_results(done, tmp_path / "out", overwrite=True)


def test_the_same_captures_give_the_same_bytes(done, folder, tmp_path):
    again = run_session(folder / "SESSION.yaml")
    for name, result in (("one", done), ("two", again)):
        write_results(result, tmp_path / name)
    for name in ("profile.yaml", "calibration.json", "profile.data/defect_correction_map.npy"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_one_calibration_takes_what_it_builds_on_with_it(folder):
    found = run_session(folder / "SESSION.yaml", only=["defects"])
    assert [o.name for o in found.outcomes] == ["black_level", "defects"]
    with pytest.raises(UsageError, match="no calibration is called 'defect'; did you mean 'defects'"):
        run_session(folder / "SESSION.yaml", only=["defect"])


def test_stages_that_the_base_lacks_are_named():
    profile, absent = with_values(
        read_profile("reference"), {"black_level": {"level": [64.0] * 4}, "distortion": {"radial": [0.01]}}
    )
    assert absent == ("distortion",)
    assert profile.entry("black_level").values["level"] == (64.0,) * 4


# where nothing comes ----------------------------------------------------------------------------------------------


def test_nothing_to_calibrate_is_an_error_and_leaves_nothing(folder, tmp_path):
    with pytest.raises(NumericError, match="nothing could be calibrated; colour matrices: the session has no captures"):
        run_session(folder / "SESSION.yaml", only=["ccm"])
    done = subprocess.run(
        [sys.executable, "-m", "isp.commands", "tune", "calibrate", str(folder / "SESSION.yaml"), "--only", "ccm", "-o",
         str(tmp_path / "out")],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 7
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_chart_that_is_none_fails_and_the_rest_goes_on(folder):
    text = (folder / "SESSION.yaml").read_text()
    path = folder / "no-chart.yaml"
    path.write_text(text.replace("options:", "  - {kind: chart, cct: 5000, files: [flat-6504-1.dng]}\noptions:"))
    found = run_session(path)
    assert found.outcome("ccm").state == "failed"
    assert "flat-6504-1.dng: no colour chart" in found.outcome("ccm").reason
    assert found.profile.entry("ccm").values == read_profile("natural").entry("ccm").values
    assert found.outcome("black_level").state == "done"
    with pytest.raises(NumericError, match=r"nothing could be calibrated; colour matrices: .*no colour chart"):
        run_session(path, only=["ccm"])


def test_the_command_prints_its_files_and_json(folder, tmp_path):
    command = [sys.executable, "-m", "isp.commands", "tune", "calibrate", str(folder / "SESSION.yaml")]
    done = subprocess.run(
        [*command, "--only", "black_level", "-o", str(tmp_path / "out")], capture_output=True, text=True, cwd=ROOT,
        check=True,
    )  # fmt: skip
    names = ("profile.yaml", "calibration.json", "report.html")
    assert done.stdout.splitlines() == [str(tmp_path / "out" / name) for name in names]
    words = [*command, "--only", "black_level", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True)
    assert list(json.loads(done.stdout)["calibrations"]) == ["black_level"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert "give -o OUT or --json" in done.stderr


def test_shading_is_taken_from_the_calmest_flat_of_a_light(folder):
    noisy = [_dng(folder, f"noisy-{n}.dng", 0.7, 900 + n, sigma=60, iso=3200.0, exposure=0.001) for n in (0, 1, 2)]
    text = (folder / "SESSION.yaml").read_text()
    path = folder / "noisy.yaml"
    path.write_text(text.replace("options:", f"  - {{kind: flat, cct: 6504, files: [{', '.join(noisy)}]}}\noptions:"))
    one, two = (run_session(p, only=["lens_shading"]).outcome("lens_shading") for p in (path, folder / "SESSION.yaml"))
    np.testing.assert_array_equal(one.found.result.meshes[6504.0], two.found.result.meshes[6504.0])
