"""Wrong lens files end in one line that says where and what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from isp.errors import ProfileError, UsageError
from isp.lenses import lens_names, load_lens

GOOD = """\
lenses:
  singlet:
    patent: "none"
    stated: {f: 50}
    check: {efl: 50.0}
    surfaces:
      - {id: front, R: .inf, t: 5, n: 1.5, V: 60, D: 20, stop: true}
      - {id: back, R: -25.0, t: 50, n: 1.0, V: null, D: 21}
    aspheres:
      back: {k: -2.25, A: [1.0e-9]}
"""


@pytest.fixture
def written(tmp_path):
    def write(text: str):
        path = tmp_path / "lens.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_good_one_is_read(written):
    lens = load_lens(written(GOOD))
    assert lens.name == "singlet"
    assert lens.focal_length == pytest.approx(50)
    assert lens_names(written(GOOD)) == ["singlet"]


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        ("R: -25.0", "R: 25.0", "lens.yaml:2: singlet: forms no image: focal length -50.000 mm; look for a wrong sign"),
        ("R: -25.0", "R: -20.0", "check says efl 50.000 mm, but the surfaces give 40.000 mm"),
        ("R: -25.0", "R: 0", "lens.yaml:8: singlet: surface back: R 0 is not allowed; .inf is a plane"),
        ("t: 5,", "t: -5,", "lens.yaml:7: singlet: surface front: t -5 is not allowed; allowed: 0 mm or more"),
        ("t: 5,", "t: 1,", "surface back: it crosses surface front at 7."),
        ("n: 1.5", "n: 0.9", "lens.yaml:7: singlet: surface front: n 0.9 is not allowed; allowed: 1..4"),
        ("n: 1.0", "n: 1.2", "surface back: n must be 1 behind the last surface"),
        ("V: 60", "V: 600", "surface front: V 600 is not allowed; allowed: 10..150"),
        (", stop: true", "", "a lens has one stop, not 0; mark it with stop: true"),
        ("D: 21}", "D: 21, stop: true}", "surface back: a lens has one stop, not 2"),
        ("D: 21}", "D: 0}", "surface back: D 0 is not allowed; allowed: above 0 mm"),
        ("D: 21}", "Dia: 21}", "surface back: unknown key 'Dia'"),
        (", D: 21}", "}", "surface back: D is missing; needed: id, R, t, D"),
        ("n: 1.5, V: 60", "glass: N-BK8", "lens.yaml:7: singlet: surface front: no glass 'N-BK8'; did you mean 'N-BK"),
        ("n: 1.5, V: 60", "glass: N-BK7, V: 60", "surface front: glass stands for n and V; give one or the other"),
        ("back: {k", "rear: {k", "singlet: aspheres: no surface 'rear'; surfaces: front, back"),
        ("A: [1.0e-9]", "A: 1.0e-9", "aspheres: surface back: A must be a list of up to 12 numbers"),
        ("k: -2.25", "k: 12.0", "surface back: the surface ends at 7.0"),
        ("efl: 50.0", "effl: 50.0", "check: unknown key 'effl'; did you mean 'efl'"),
        ("{f: 50}", "{f: 85}", "stated says f 85.000 mm, but the surfaces give 50.000 mm"),
        ("stop: true", "stop: 1", "stop 1 is not allowed; allowed: true | false"),
        ("id: back", "id: front", "surface front: there are two of that id"),
        ("R: -25.0", "R: .nan", "NaN and infinity are refused"),
        ("    surfaces:", "    line: D\n    surfaces:", "line 'D' is not allowed; allowed: d | e"),
        ("lenses:\n", "lens:\n", "unknown key 'lens'; did you mean 'lenses'"),
    ],
)
def test_one_line_says_what_is_wrong(written, was, becomes, words):
    assert was in GOOD
    text = GOOD.replace(was, becomes, 1)
    if "efl" not in words and "stated" not in words:
        # what a check would find as well
        text = text.replace("    check: {efl: 50.0}\n", "\n").replace("    stated: {f: 50}\n", "\n")
    with pytest.raises(ProfileError) as caught:
        load_lens(written(text))
    assert words in str(caught.value)
    assert "lens.yaml:" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_lens_file(written, tmp_path):
    with pytest.raises(ProfileError, match="a lens file is a mapping"):
        load_lens(written("[1, 2]"))
    with pytest.raises(ProfileError, match="lens file"):
        load_lens(tmp_path / "none.yaml")
    with pytest.raises(ProfileError, match="lenses: there is none"):
        load_lens(written("lenses: {}"))


def test_names(written):
    with pytest.raises(UsageError, match=r"no lens '50mm_f1.2_1967' in the catalogue; did you mean '50mm_f1.2_1966'"):
        load_lens(name="50mm_f1.2_1967")
    with pytest.raises(UsageError, match="the catalogue has several lenses; give a name"):
        load_lens()
    with pytest.raises(UsageError, match="no lens 'twin' in"):
        load_lens(written(GOOD), "twin")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda lens: lens.psf(-1.0), "field angles must be 0..80 degrees"),
        (lambda lens: lens.psf(0, wavelength_nm=200), "200 nm is not allowed; allowed: 360..1000 nm"),
        (lambda lens: lens.psf(0, f_number=0.7), "f/0.7 is not allowed; allowed: f/1.21..f/64"),
        (lambda lens: lens.psf(0, f_number=float("nan")), "f/nan is not allowed"),
        (lambda lens: lens.psf(0, pitch_um=0.001), "allowed: odd, 1..2049"),
        (lambda lens: lens.psf(0, size=64), "64 pixels"),
        (lambda lens: lens.psf(0, pitch_um=-1.0), "pitch -1 µm is not allowed; allowed: above 0"),
        (lambda lens: lens.psf(0, float("nan")), "defocus nan mm is not allowed"),
        (lambda lens: lens.rays(0, count=0), "0 rays; allowed: 1..100000000"),
        (lambda lens: lens.rays(0, blades=2), "2 blades; allowed: 0 (round), 3..100"),
        (lambda lens: lens.rays(0, distance_mm=50), "50 mm is too near a lens of 52 mm"),
    ],
)
def test_bad_calls(call, words):
    with pytest.raises(UsageError) as caught:
        call(load_lens(name="50mm_f1.2_1966"))
    assert words in str(caught.value)


def test_a_dark_field():
    from isp.errors import NumericError

    with pytest.raises(NumericError, match=r"58mm_f2.2_1948: no light gets through at 25 degrees"):
        load_lens(name="58mm_f2.2_1948").psf(25)


def test_the_file_that_the_page_shows(written):
    page = (Path(__file__).resolve().parents[2] / "docs" / "lenses.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    lens = load_lens(written(block))
    assert lens.focal_length == pytest.approx(92.81 / 2, abs=0.005)
