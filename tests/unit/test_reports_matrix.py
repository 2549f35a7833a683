"""Matrix runs: the plan, the journal, what a cell measures, the figures."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from isp.errors import InputError, LimitError, OutputError, ProfileError
from isp.values import Picture
from reports.estimate import Estimate
from reports.figures.matrix import heat_map, mean_over, trend
from reports.matrix.journal import line_of, open_journal
from reports.matrix.measure import METRICS, measure_cell
from reports.matrix.plan import AXES, read_plan
from reports.matrix.report import as_report
from reports.matrix.work import CellResult, Results, groups_of
from sensors import capture

SMALL = """
profiles: [reference, natural]
sensors: [imx586:bin2]
scenes: [chart]
iso: [100, 800]
size: 96x64
"""


def _plan(folder: Path, text: str = SMALL):
    path = folder / "matrix.yaml"
    path.write_text(text)
    return read_plan(path)


# -- the plan ---------------------------------------------------------------------------------------------------------


def test_cells_are_the_product_of_the_axes(tmp_path):
    plan = _plan(tmp_path, SMALL + "illuminants: [D65, A]\nseeds: [1, 2]\n")
    assert len(plan.cells) == 2 * 2 * 2 * 2
    assert [tuple(c.at.values()) for c in plan.cells] == list(
        product(["reference", "natural"], ["imx586:bin2"], ["chart"], ["D65", "A"], [100, 800], [1, 2])
    )
    assert len({cell.key for cell in plan.cells}) == 16
    assert plan.cells[0].shot.mode == "bin2"


def test_frames_are_shared_by_profiles(tmp_path):
    plan = _plan(tmp_path)
    groups = groups_of(plan.cells, plan)
    assert [len(group) for group in groups] == [3, 3]
    assert [piece.after for piece in groups[0]] == [(), ("frame-000000",), ("frame-000000",)]


def test_a_cell_keeps_its_identity_until_its_content_changes(tmp_path):
    keys = [cell.key for cell in _plan(tmp_path).cells]
    wider = _plan(tmp_path, SMALL.replace("[100, 800]", "[100, 400, 800]"))
    assert set(keys) < {cell.key for cell in wider.cells}
    for other in ("lux: 100\n", "settings: [white_balance.mode=as_shot]\n", "metrics: [snr]\n", "seeds: [5]\n"):
        assert not set(keys) & {cell.key for cell in _plan(tmp_path, SMALL + other).cells}


def test_content_of_files_counts(tmp_path):
    from isp.profile import read_profile

    profile, picture = tmp_path / "mine.yaml", tmp_path / "a b.png"
    text = read_profile("reference").to_yaml()
    profile.write_text(text)

    def keys(seed_of_picture: int) -> list[str]:
        pixels = np.random.Generator(np.random.Philox(seed_of_picture)).integers(0, 255, (64, 96, 3), np.uint8)
        Picture.from_array(pixels).save(picture, overwrite=True)
        yaml = SMALL.replace("reference, natural", "mine.yaml").replace("[chart]", "['photo:a b.png']")
        return [cell.key for cell in _plan(tmp_path, yaml).cells]

    first = keys(1)
    assert keys(1) == first
    assert not set(keys(2)) & set(first)
    profile.write_text(text + "# a comment\n")
    assert keys(1) == first
    profile.write_text(text.replace("name: ", "name: other ", 1))
    assert keys(1) == first


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        ("sensros: [imx586]\n", 7, "unknown key 'sensros'; did you mean 'sensors'?"),
        ("version: 2\n", 7, "version 2 is not known; allowed: 1"),
        ("iso: [100]\n", 7, "key 'iso' is already given at line 5"),
        ("illuminants: [D66]\n", 7, "illuminants: "),
        ("illuminants: D65\n", 7, "illuminants must be a list of one value or more"),
        ("metrics: [sns]\n", 7, "metrics: unknown metric 'sns'; did you mean 'snr'?"),
        ("seeds: [-1]\n", 7, "seeds: -1 must be a whole number in 0..2^64 - 1"),
        ("seeds: [1, 1]\n", 7, "seeds: 1 is given twice; keep one"),
        ("lux: bright\n", 7, "lux: 'bright' must be a number in 0..200000"),
        ("settings: [ccm.nonsense=1]\n", 7, "settings: stage ccm has no parameter 'nonsense'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, change, line, words):
    with pytest.raises(ProfileError) as caught:
        _plan(tmp_path, SMALL + change)
    assert str(caught.value).startswith(f"{tmp_path}/matrix.yaml:{line}: {words}")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("reference,", "refrence,", "profiles: no profile 'refrence': .*did you mean 'reference'"),
        ("imx586:bin2", "imx568", "sensors: no sensor 'imx568' in the catalogue; did you mean 'imx586'"),
        ("bin2", "bin7", "sensors: .*has no mode 'bin7'"),
        ("[chart]", "['chat']", "scenes: unknown scene 'chat'; did you mean 'chart'"),
        ("[chart]", "['photo:missing.png']", "scenes: .*missing.png"),
        ("[100, 800]", "[a]", "iso: 'a' must be a number"),
        ("96x64", "96", "size: 96 must be WIDTHxHEIGHT"),
        ("96x64", "8x8", "size: '8x8' must be WIDTHxHEIGHT"),
        ("profiles: [reference, natural]", "", "profiles is missing"),
    ],
)
def test_each_value_is_checked(tmp_path, old, new, words):
    with pytest.raises(ProfileError, match=words):
        _plan(tmp_path, SMALL.replace(old, new))


def test_a_matrix_has_an_end(tmp_path):
    with pytest.raises(LimitError, match="at most 100000"):
        _plan(tmp_path, SMALL + f"seeds: {list(range(30_000))}\n")


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(ProfileError, match=r"no\.yaml: matrix cannot be read"):
        read_plan(tmp_path / "no.yaml")


# -- the journal ------------------------------------------------------------------------------------------------------


def _filled(path: Path, count: int = 3) -> list[dict[str, object]]:
    records = [{"key": str(n), "value": n / 3} for n in range(count)]
    with open_journal(path) as journal:
        for record in records:
            journal.append(record)
    return records


def test_a_journal_gives_back_what_it_got(tmp_path):
    records = _filled(tmp_path / "j")
    with open_journal(tmp_path / "j") as journal:
        assert journal.records == records
        assert journal.torn == 0
    head, *lines = (tmp_path / "j").read_bytes().splitlines(keepends=True)
    assert json.loads(head)["record"] == {"kind": "mobile-isp matrix", "version": 1}
    assert lines == [line_of(record) for record in records]


@pytest.mark.parametrize("cut", [1, 10, 90])
def test_a_torn_tail_is_cut_off(tmp_path, cut):
    path = tmp_path / "j"
    records = _filled(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with open_journal(path) as journal:
        assert journal.records == records[:-1]
        assert journal.torn == len(line_of(records[-1])) - cut
        journal.append(records[-1])
    assert path.read_bytes() == whole


def test_every_flipped_byte_is_seen(tmp_path):
    path = tmp_path / "j"
    records = _filled(path)
    whole = path.read_bytes()
    start = whole.index(line_of(records[1]))
    for place in range(start, start + len(line_of(records[1])), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        path.write_bytes(bytes(damaged))
        with pytest.raises(InputError, match=r"record [23] is damaged"), open_journal(path):
            pass
    assert path.read_bytes() == bytes(damaged)


def test_other_files_and_newer_programs_are_refused(tmp_path):
    path = tmp_path / "j"
    path.write_bytes(line_of({"kind": "mobile-isp matrix", "version": 2}))
    with pytest.raises(InputError, match=r"newer program \(version 2; this one knows 1\)"), open_journal(path):
        pass
    path.write_bytes(line_of({"kind": "other"}))
    with pytest.raises(InputError, match="not a journal of a matrix run"), open_journal(path):
        pass
    path.write_text("notes\n")
    with pytest.raises(InputError, match="record 1 is damaged"), open_journal(path):
        pass
    assert path.read_text() == "notes\n"


def test_a_second_writer_is_refused(tmp_path):
    second = open_journal(tmp_path / "j", anew=True)
    with open_journal(tmp_path / "j"), pytest.raises(OutputError, match="another run is writing it"), second:
        pass
    assert (tmp_path / "j").stat().st_size > 0


# -- what a cell measures ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chart():
    return capture("chart", "imx586", mode="bin2", size=(768, 512), iso=100, seed=1, truth=True)


def test_the_truth_itself_has_no_error(chart):
    frame, truth = chart
    found = measure_cell(replace(truth.ideal, pixels=truth.ideal.pixels * np.float32(0.4)), truth, frame)
    assert found["delta_e_2000"] == pytest.approx(0, abs=1e-4)
    assert found["psnr"] > 100
    assert not found["snr"].known


def test_colour_error_is_that_of_colour_science(chart):
    """A gain on red only: CIEDE2000 of each patch through colour-science's own conversions, the means matched."""
    import colour

    frame, truth = chart
    gains = np.array([1.1, 1, 1])
    picture = replace(truth.ideal, pixels=(truth.ideal.pixels * gains).astype(np.float32))
    found = measure_cell(picture, truth, frame, ("delta_e_2000",))["delta_e_2000"]
    space = colour.RGB_COLOURSPACES["sRGB"]
    y = space.matrix_RGB_to_XYZ[1]
    scale = (truth.ideal.pixels @ y).mean() / (picture.pixels @ y).mean()
    errors = []
    for region in truth.regions:
        xs, ys = np.array(region["inner"]).T
        part = truth.ideal.pixels[math.ceil(ys.min()) : int(ys.max()), math.ceil(xs.min()) : int(xs.max())]
        rgb = part.mean((0, 1), dtype=np.float64)
        lab = [
            colour.XYZ_to_Lab(colour.RGB_to_XYZ(v, space, apply_cctf_decoding=False), space.whitepoint)
            for v in (rgb * gains * scale, rgb)
        ]
        errors.append(colour.delta_E(*lab, method="CIE 2000"))
    assert found == pytest.approx(np.mean(errors), abs=0.02)
    assert found.interval[0] < found < found.interval[1]
    assert len(found.items) == 24


@pytest.mark.parametrize("sigma", [0.002, 0.01])
def test_noise_of_known_size(chart, sigma):
    frame, truth = chart
    rng = np.random.Generator(np.random.Philox(3))
    noise = rng.standard_normal(truth.ideal.pixels.shape[:2])[..., None]  # the same in R, G and B
    picture = replace(truth.ideal, pixels=(truth.ideal.pixels + sigma * noise).astype(np.float32))
    found = measure_cell(picture, truth, frame, ("snr",))["snr"]
    # the grey patch nearest to 0.18, of the chart's five
    patch = next(r for r in truth.regions if "neutral 5" in r["name"])
    (left, top), _, (right, bottom), _ = np.array(patch["inner"]).astype(int)
    mean = float((truth.ideal.pixels[top:bottom, left:right] @ [0.2126, 0.7152, 0.0722]).mean())
    assert found == pytest.approx(20 * math.log10(mean / sigma), abs=0.8)
    assert found.unit == "dB"


def test_psnr_of_a_known_error(chart):
    frame, truth = chart
    codes = truth.srgb.pixels.astype(np.float64) / 255
    sign = np.where(np.indices(codes.shape[:2]).sum(0) % 2, 1, -1)[..., None]
    off = np.where((codes > 0.05) & (codes < 0.95), codes + 0.01 * sign, codes)
    picture = Picture(off.astype(np.float32), "srgb", "srgb", "display")
    found = measure_cell(picture, truth, frame, ("psnr",))["psnr"]
    inside = ((codes > 0.05) & (codes < 0.95)).mean()
    assert found == pytest.approx(-10 * math.log10(1e-4 * inside), abs=0.3)


def test_a_tint_is_the_angle_of_its_gains(chart):
    frame, truth = chart
    gains = np.array([1.1, 1.0, 0.95])
    picture = replace(truth.ideal, pixels=(truth.ideal.pixels * gains).astype(np.float32))
    found = measure_cell(picture, truth, frame, ("white_error",))["white_error"]
    meant = math.degrees(math.acos(gains.sum() / math.sqrt(3 * gains @ gains)))  # Finlayson and Zakizadeh 2014
    assert found == pytest.approx(meant, abs=0.02)


@pytest.mark.parametrize(("scene", "metric"), [("slanted-edge?angle=5", "mtf50"), ("dead-leaves", "texture_mtf50")])
def test_sharpness_behind_a_known_blur(scene, metric):
    """A Gaussian of 1 px on the ideal picture: its MTF50, for the edge together with the pixel's own."""
    from scipy.ndimage import gaussian_filter
    from scipy.optimize import brentq

    frame, truth = capture(scene, "imx586", mode="bin2", size=(800, 800), truth=True)
    picture = replace(truth.ideal, pixels=gaussian_filter(truth.ideal.pixels, (1, 1, 0)))
    found = measure_cell(picture, truth, frame, (metric,))[metric]
    pixel = (lambda f: np.sinc(f)) if metric == "mtf50" else (lambda f: 1.0)
    meant = brentq(lambda f: np.exp(-2 * np.pi**2 * f * f) * pixel(f) - 0.5, 0.01, 0.5)
    assert found == pytest.approx(meant, rel=0.03)


def test_what_cannot_be_had_says_why(chart):
    frame, truth = chart
    small = Picture(truth.ideal.pixels[::2, ::2], "srgb", "linear")
    found = measure_cell(small, truth, frame)
    assert set(found) == set(METRICS)
    assert {str(e) for e in found.values()} == {"n.a.: the picture has 192x128 pixels, its truth 384x256"}
    dark, nothing = capture("dark", "imx586", mode="bin2", size=(128, 128), truth=True)
    black = Picture(np.zeros((64, 64, 3), np.float32), "srgb", "linear")
    assert {name: str(e) for name, e in measure_cell(black, nothing, dark).items()} == {
        "delta_e_2000": "n.a.: the scene has no colour patches",
        "snr": "n.a.: the scene has no grey patch",
        "mtf50": "n.a.: the scene has no slanted edge",
        "texture_mtf50": "n.a.: the scene has no dead leaves",
        "visual_noise": "n.a.: the scene has no grey patch",
        "white_error": "n.a.: the scene has no grey patch",
        "psnr": "n.a.: the scene is dark",
    }


# -- figures and page -------------------------------------------------------------------------------------------------


def test_a_mean_over_the_grid_has_the_interval_of_its_mean():
    """Against a Monte Carlo of four normal errors."""
    rng = np.random.Generator(np.random.Philox(5))
    deviations = np.array([0.5, 1.0, 2.0, 1.5])
    found = mean_over([Estimate.normal(v, s, "dB") for v, s in zip([1, 2, 3, 4], deviations, strict=True)])
    drawn = np.quantile((rng.standard_normal((200_000, 4)) * deviations).mean(axis=1), [0.025, 0.975])
    assert float(found) == 2.5
    assert np.subtract(found.interval, 2.5) == pytest.approx(drawn, abs=0.01)
    assert not mean_over([found, Estimate.missing("no light")]).known
    assert not mean_over([found, Estimate(1.0)]).sure
    assert mean_over([]).reason == "no such cell"


def _results(tmp_path, fail: bool = True) -> Results:
    plan = _plan(tmp_path, SMALL + "illuminants: [D65, A]\n")
    cells = []
    for number, cell in enumerate(plan.cells):
        at = {axis: cell.at[axis] for axis in AXES}
        if fail and number == 3:
            missing = {name: Estimate.missing("no <room>", METRICS[name].unit) for name in METRICS}
            cells.append(CellResult(at, missing, "no <room>"))
        else:
            values = {name: Estimate.normal(30 + number, 0.5, METRICS[name].unit) for name in METRICS}
            cells.append(CellResult(at, values))
    return Results(plan, tuple(cells))


def test_figures_show_every_cell(tmp_path):
    cells = _results(tmp_path).cells
    drawn = heat_map(cells, "snr", "Noise", "SNR")
    text = drawn.image.data.decode()
    for words in ("reference", "natural", "SNR [dB]", "n.a.", ">30<", ">37<", "D65 · 100"):
        assert words in text
    assert text.count(">n.a.<") == 1
    assert drawn.alt == "Heat map of Noise: from 30 to 37 dB."
    assert "sensor imx586:bin2" in drawn.caption
    lines = trend(cells, "snr", "Noise", "SNR")
    assert lines.alt.endswith("SNR [dB]: reference 31 to n.a.; natural 35 to 36.")
    assert lines.caption.startswith("Mean over 2 illuminants. Bands: 95 % of the measurement.")
    assert heat_map(cells, "snr", "Noise", "SNR").image.data == drawn.image.data


def test_the_page_says_what_failed(tmp_path):
    report = as_report(_results(tmp_path), "m.yaml")
    assert report.verdict.sentence == (
        "8 cells: 2 profiles, 1 sensor, 1 scene, 2 illuminants, 2 ISO values; 7 measured."
    )
    assert report.notes == ("1 of 8 cells are n.a.: no <room>",)
    assert [section.key for section in report.sections] == list(METRICS)
    assert all(len(section.figures) == 2 for section in report.sections)
    whole = as_report(_results(tmp_path, fail=False), "m.yaml")
    assert whole.sections[1].notes[0].startswith("Mean of all cells (higher is better): reference 31.5 dB [")
    assert whole.notes == ()


def test_results_are_json_and_state_what_is_missing(tmp_path):
    plain = json.loads(json.dumps(_results(tmp_path).as_json(), allow_nan=False))
    assert plain["version"] == 1
    assert plain["plan"]["profiles"] == ["reference", "natural"]
    failed = plain["cells"][3]
    assert failed["error"] == "no <room>"
    assert failed["metrics"]["snr"] == {"value": None, "interval": None, "unit": "dB", "reason": "no <room>"}
    assert plain["cells"][0]["metrics"]["snr"]["value"] == 30.0
    assert plain["metrics"]["snr"]["better"] == "higher"
