"""`isp lens`, and the table that it prepares."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from isp.commands import main
from isp.errors import UsageError
from isp.lenses import lens_names, load_lens, prepare
from isp.lenses import psf_table as tables

NAME = "50mm_f2_1978"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    from isp.engine.cache import cache_folder

    monkeypatch.setenv("MOBILE_ISP_CACHE", str(tmp_path / "cache"))
    cache_folder.cache_clear()
    yield tmp_path / "cache"
    cache_folder.cache_clear()


def test_list(capsys):
    assert main(["lens", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == lens_names()
    assert "US 4,123,144" in next(line for line in lines if line.startswith(NAME))


def test_list_as_json(capsys):
    assert main(["lens", "list", "--json"]) == 0
    found = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert found[NAME]["focal_length_mm"] == pytest.approx(52.032, abs=0.01)
    assert found[NAME]["entrance_pupil"]["diameter"] == pytest.approx(52.032 / 2, rel=0.01)


def test_show(capsys):
    assert main(["lens", "show", NAME]) == 0
    out = capsys.readouterr().out
    assert "52.03" in out
    assert "cat's eye" in out


def test_show_as_json_stopped_down(capsys):
    assert main(["lens", "show", NAME, "--json", "-f", "8"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["used_f_number"] == 8
    corner = found["field"][-1]
    assert corner["image_height_mm"] == pytest.approx(21.633, abs=0.05)
    # wide open its mount vignettes this corner to 0.2
    assert corner["illumination"] > 0.5
    assert corner["spot_um"] < 30
    middle = found["field"][0]
    assert 0.9 < middle["mtf_tangential"][0] < middle["mtf_limit_tangential"][0] < 0.96
    assert middle["wavefront_rms_waves"] < 0.05
    assert middle["strehl_ratio"] > 0.9
    assert corner["strehl_ratio"] < 0.8


@pytest.mark.parametrize("form", ["svg", "png"])
def test_plot(tmp_path, capsys, form):
    out = tmp_path / f"lens.{form}"
    assert main(["lens", "show", NAME, "--plot", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    data = out.read_bytes()
    if form == "svg":
        assert ElementTree.fromstring(data).tag.endswith("svg")
        assert len(data) < 2_000_000
    else:
        assert data.startswith(b"\x89PNG")
    assert main(["lens", "show", NAME, "--plot", str(out)]) == 6
    assert "exists; give --overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show", "50mm_f2_1979"], 2, "did you mean '50mm_f2_1978'"),
        (["show", NAME, "--plot", "lens.gif"], 2, "allowed: .svg, .png"),
        (["show", NAME, "-f", "1"], 2, "f/1 is not allowed; allowed: f/2.00..f/64"),
        (["list", "--file", "nowhere.yaml"], 3, "nowhere.yaml"),
    ],
)
def test_refusals(words, code, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["lens", *words]) == code
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_table_is_computed_once(cache, monkeypatch):
    lens = load_lens(name=NAME)
    seen = []
    wanted = {"fields_deg": (0, 15), "defocus_mm": (-0.5, 0, 0.5), "wavelengths_nm": (550,), "size": 33}
    first = prepare(lens, 2.8, **wanted, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 6) for i in range(6)]
    assert first.psfs.shape == (2, 3, 1, 33, 33)
    np.testing.assert_allclose(first.psfs.sum(axis=(3, 4)), 1, atol=1e-5)
    alone = lens.psf(15, 0.5, 550, 2.8, size=33)
    held = first.psf(1, 2, 0)
    assert (held.pitch_um, held.center_mm) == (alone.pitch_um, alone.center_mm)
    np.testing.assert_allclose(held.array, alone.array, atol=1e-7)

    def never(*_):
        raise RuntimeError("computed again")

    monkeypatch.setattr(tables, "_compute", never)
    again = prepare(lens, 2.8, **wanted)
    np.testing.assert_array_equal(again.psfs, first.psfs)
    with pytest.raises(RuntimeError, match="computed again"):
        prepare(lens, 4.0, **wanted)


def test_a_damaged_table_is_computed_again(cache):
    lens = load_lens(name=NAME)
    wanted = {"fields_deg": (0,), "defocus_mm": (0,), "wavelengths_nm": (550,), "size": 33}
    first = prepare(lens, **wanted)
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:-10])
    np.testing.assert_array_equal(prepare(lens, **wanted).psfs, first.psfs)


def test_a_dark_field_stays_empty(cache):
    lens = load_lens(name="58mm_f2.2_1948")
    made = prepare(lens, fields_deg=(10, 25), defocus_mm=(0,), wavelengths_nm=(550,), size=33)
    assert made.illumination[1] == 0
    assert not made.psfs[1].any()
    assert np.isnan(made.pitch_um[1]).all()


def test_prepare_says_what_it_made(cache, capsys, monkeypatch):
    monkeypatch.setattr(tables, "FIELDS", (0.0, 1.0))
    monkeypatch.setattr(prepare, "__kwdefaults__", prepare.__kwdefaults__ | {"defocus_mm": (0.0,), "size": 33})
    assert main(["lens", "prepare", NAME]) == 0
    assert capsys.readouterr().out == f"{NAME}: 2 fields, 1 planes, 3 wavelengths\n"


@pytest.mark.parametrize("planes", [(), (1, 0), (0, float("nan"))])
def test_axes_of_a_table_must_ascend(planes):
    with pytest.raises(UsageError, match="defocus_mm must be a list of finite numbers"):
        prepare(load_lens(name=NAME), defocus_mm=planes)
