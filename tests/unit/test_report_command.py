"""`isp report` from the command line: what it writes, says and refuses."""

import json

import jsonschema
import numpy as np
import pytest
from PIL import Image

from isp.commands import main
from reports.compare.as_json import SCHEMA


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A noisy landscape of blobs, a softer and lighter one, a smaller one, a black one."""
    from scipy.ndimage import gaussian_filter, zoom

    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.Generator(np.random.Philox(5))
    base = np.clip(zoom(random.random((12, 16, 3)), (20, 20, 1), order=1), 0, 1) * 200
    a = np.clip(base + random.normal(0, 6, base.shape), 0, 255).astype(np.uint8)
    b = np.clip(gaussian_filter(a.astype(float), (1, 1, 0)) * 1.15, 0, 255).astype(np.uint8)
    for name, codes in (("a", a), ("b", b), ("small", a[:120, :160]), ("black", np.zeros_like(a))):
        Image.fromarray(codes).save(folder / f"{name}.png")
    return folder


def asked(capsys, *words):
    code = main(["report", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_page_is_one_file_and_its_name_the_only_result(pictures, tmp_path, capsys):
    page = tmp_path / "r.html"
    code, out, err = asked(capsys, pictures / "a.png", pictures / "b.png", "-o", page)
    assert (code, out) == (0, f"{page}\n")
    assert "differ" in err
    text = page.read_text()
    assert text.lower().startswith("<!doctype html>")
    assert str(pictures) not in text
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_json_follows_its_schema_and_holds_every_number(pictures, capsys):
    code, out, _ = asked(capsys, pictures / "a.png", pictures / "b.png", "--json")
    assert code == 0
    found = json.loads(out)
    jsonschema.validate(found, SCHEMA)
    lightness = next(q for q in found["quantities"] if q["key"] == "tonality.lightness")["estimates"]
    assert lightness["B"]["value"] > lightness["A"]["value"]
    assert lightness["A"]["interval"][0] < lightness["A"]["value"] < lightness["A"]["interval"][1]


def test_the_order_of_inputs_does_not_matter(pictures, capsys):
    reports = []
    for order in (("a", "b"), ("b", "a")):
        _, out, _ = asked(capsys, *(pictures / f"{n}.png" for n in order), "--json")
        reports.append(json.loads(out))
    one, other = reports
    for q, r in zip(one["quantities"], other["quantities"], strict=True):
        assert q["estimates"]["A"] == r["estimates"]["B"], q["key"]
    assert [c["place"] for c in one["crops"]] == [c["place"] for c in other["crops"]]
    assert [(f["key"], f["p"], -f["difference"]["value"]) for f in one["verdict"]["findings"]] == [
        (f["key"], f["p"], f["difference"]["value"]) for f in other["verdict"]["findings"]
    ]


def test_a_against_a_says_no_difference(pictures, capsys):
    code, out, err = asked(capsys, pictures / "a.png", pictures / "a.png", "--json")
    assert code == 0
    assert json.loads(out)["verdict"]["sentence"] == "No difference: A and B are the same, pixel for pixel."
    assert "No difference" in err


def test_a_reference_gives_likeness(pictures, capsys):
    _, out, _ = asked(capsys, pictures / "a.png", pictures / "b.png", "--reference", pictures / "a.png", "--json")
    found = {q["key"]: q["estimates"] for q in json.loads(out)["quantities"]}
    assert found["likeness.ssim"]["A"]["value"] == pytest.approx(1)
    assert found["likeness.ssim"]["B"]["value"] < 0.9
    assert found["likeness.psnr"]["A"]["reason"] == "the pictures are identical"


def test_texture_is_found_and_measured_without_a_truth(tmp_path, capsys):
    from scipy.ndimage import gaussian_filter

    from sensors.scenes import View, make_scene

    scene = make_scene("dead-leaves?seed=2")
    plane = scene.planes(View((640, 480), 0, 0, 640, 480), np.full((3, 1), 1 / 3, np.float32))[0]
    for name, blur in (("sharp", 0.6), ("soft", 1.2)):
        codes = np.rint(255 * np.clip(gaussian_filter(plane, blur), 0, 1) ** (1 / 2.2)).astype(np.uint8)
        Image.fromarray(np.repeat(codes[..., None], 3, 2)).save(tmp_path / f"{name}.png")
    _, out, err = asked(capsys, tmp_path / "sharp.png", tmp_path / "soft.png", "--json")
    found = {q["key"]: q["estimates"] for q in json.loads(out)["quantities"]}["texture.mtf50"]
    assert found["A"]["value"] > found["B"]["value"] > 0.05
    assert "Texture MTF50" in err


def test_fail_if_for_continuous_integration(pictures, capsys):
    code, out, err = asked(capsys, pictures / "a.png", "--fail-if", "tonality.lightness>5")
    assert (code, out) == (8, "")
    assert "failed: tonality.lightness>5: A has" in err
    assert asked(capsys, pictures / "a.png", "--fail-if", "tonality.lightness>99")[0] == 0
    code, _, err = asked(capsys, pictures / "a.png", "--fail-if", "tonality.lightnes>99")
    assert code == 2
    assert "did you mean 'tonality.lightness'?" in err


def test_pictures_that_do_not_fit_are_told_in_a_sentence(pictures, capsys):
    code, out, err = asked(capsys, pictures / "a.png", pictures / "small.png", pictures / "black.png", "--json")
    assert code == 0
    notes = " ".join(json.loads(out)["notes"])
    assert "The pictures differ in size (A 320 x 240, B 160 x 120, C 320 x 240)" in notes
    assert "C is black" in notes
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "give one of: inputs, --matrix FILE, --sensor NAME"),
        (("a.png",), 2, "nothing to write; give -o report.html, --json or --fail-if"),
        (("a.png", "-o", "r.docx"), 2, "no format has the suffix '.docx'"),
        (("a.png", "-o", "r.html", "--format", "gif"), 2, "--format 'gif' must be html, png or pdf"),
        (("a.png", "--json", "--corners", "1,2 3,4"), 2, "must be four pairs of numbers"),
        (("a.png", "--json", "--corners", "0,0 10,10 10,0 0,10"), 2, "must go round the chart"),
        (("gone.png", "--json"), 4, "gone.png"),
        (("a.png", "--json", "--truth", "nowhere"), 4, "truth.json: cannot be read"),
        (("a.png", "-o", "missing/r.html"), 6, "folder missing does not exist"),
        (("a.png", "--json", "--fail-if", "x"), 2, "must be [LABEL:]KEY OPERATOR NUMBER"),
    ],
)
def test_refusals_are_one_line(pictures, capsys, monkeypatch, words, code, said):
    monkeypatch.chdir(pictures)
    got, out, err = asked(capsys, *words)
    assert (got, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1


def test_what_exists_is_kept_unless_overwritten(pictures, tmp_path, capsys):
    page = tmp_path / "r.pdf"
    page.write_bytes(b"old")
    assert asked(capsys, pictures / "a.png", "-o", page)[0] == 6
    assert page.read_bytes() == b"old"
    assert asked(capsys, pictures / "a.png", "-o", page, "--overwrite")[0] == 0
    assert page.read_bytes().startswith(b"%PDF")
