"""A profile names a .cube file: it is found, checked, resolved, explained, frozen and written."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from isp import Picture, Pipeline, read_profile
from isp.commands import main
from isp.errors import LimitError, ProfileError
from isp.io import write_dng
from isp.io.cube import Cube, read_cube, write_cube
from isp.profile import Profile, freeze
from tests import file_profiles

TEXT = """version: 1
name: looked
stages:
  - black_level
  - white_balance
  - demosaic: {method: bilinear}
  - ccm
  - tone_curve
  - look_lut: {file: %s}
  - encode
output: {format: png}
"""


def table(n=5):
    b, g, r = np.mgrid[:n, :n, :n] / (n - 1)
    return Cube(table=np.stack([r**1.2, 0.1 + 0.8 * g, b * 0.9], axis=-1).astype(np.float32), title="warm")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "p.data").mkdir()
    write_cube(table(), tmp_path / "p.data" / "warm.cube")
    return tmp_path


def profile_of(folder, value="{file: p.data/warm.cube}"):
    return file_profiles.written(folder, TEXT % value)


def frame():
    return file_profiles.frame(24, 30)


def resolved(profile):
    return dict(Pipeline(profile).run(frame()).stages[5].values)


def test_the_named_file_is_the_look(folder):
    profile = read_profile(profile_of(folder))
    run = Pipeline(profile).run(frame())
    stage = {s.name: s for s in run.stages}["look_lut"]
    assert stage.values["file"] == table()
    assert stage.origins["file"] == "profile, file p.data/warm.cube"
    plain = Pipeline(profile.with_settings(["look_lut.enabled=false"]))(frame())
    assert np.abs(plain.pixels.astype(int) - run.value.pixels).mean() > 3
    assert any("look_lut" in line for line in Pipeline(profile).explain(frame()))


def test_a_hash_is_checked(folder):
    good = hashlib.sha256((folder / "p.data" / "warm.cube").read_bytes()).hexdigest()
    assert resolved(read_profile(profile_of(folder, f"{{file: p.data/warm.cube, sha256: {good}}}")))["file"] == table()
    wrong = read_profile(profile_of(folder, f"{{file: p.data/warm.cube, sha256: '{'0' * 64}'}}"))
    with pytest.raises(ProfileError, match=r"'p\.data/warm\.cube' has SHA-256 .*, but the profile says"):
        Pipeline(wrong)(frame())


def test_set_names_a_file_from_anywhere(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("else") / "strong.cube"
    write_cube(table(3), outside)
    profile = read_profile(profile_of(folder)).with_settings([f"look_lut.file=@{outside}"])
    assert resolved(profile)["file"] == read_cube(outside)
    with pytest.raises(ProfileError, match="perhaps outside the profile's folder"):
        profile.to_yaml()


def test_freezing_keeps_the_file_and_writing_reads_back(folder):
    profile = read_profile(profile_of(folder))
    done = {s.name: s for s in Pipeline(profile).run(frame()).stages}
    frozen = freeze(profile, done)
    assert "file: p.data/warm.cube" in frozen.to_yaml()
    (folder / "again.yaml").write_text(frozen.to_yaml())
    again = read_profile(folder / "again.yaml")
    np.testing.assert_array_equal(Pipeline(again)(frame()).pixels, Pipeline(profile)(frame()).pixels)
    outside = profile.with_settings([f"look_lut.file=@{folder}/p.data/warm.cube"])
    with pytest.raises(ProfileError, match="perhaps outside"):
        freeze(outside, {s.name: s for s in Pipeline(outside).run(frame()).stages}).to_yaml()


def test_a_table_of_numbers_is_written_as_numbers(folder):
    numbers = str(table(2).table.astype(float).round(4).tolist())
    profile = read_profile(profile_of(folder, numbers))
    (folder / "again.yaml").write_text(profile.to_yaml())
    assert read_profile(folder / "again.yaml").stages == profile.stages
    with pytest.raises(ProfileError, match=r"written as a \.cube file"):
        Cube(curves=np.zeros((3, 3))).numbers()


def test_the_command_reports_its_size_and_not_its_numbers(folder, capsys):
    write_dng(frame(), folder / "a.dng")
    words = ["run", str(profile_of(folder)), str(folder / "a.dng"), "--json", "-o", str(folder / "a.png")]
    assert main(words) == 0
    (record,) = json.loads(capsys.readouterr().out)["files"]
    values = {s["name"]: s["values"] for s in record["stages"]}["look_lut"]
    assert values["file"] == {"title": "warm", "curves": 0, "table": 5}
    assert main(["profile", "show", str(folder / "p.yaml")]) == 0
    assert "p.data/warm.cube" in capsys.readouterr().out
    assert main(["profile", "explain", str(folder / "p.yaml")]) == 0


def test_the_schema_allows_it():
    jsonschema = pytest.importorskip("jsonschema")
    from isp.profile import profile_schema

    part = profile_schema()["$defs"]["stage_look_lut"]["properties"]["file"]
    jsonschema.validate({"file": "a.data/b.cube"}, part)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"file": "a.data/b.npy"}, part)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.cube", b"LUT_3D_SIZE 2\n0 0 0\n", "p.data/a.cube:2: 8 rows of numbers are needed, 1 are there"),
        ("a.cube", b"", "p.data/a.cube:1: neither LUT_1D_SIZE nor LUT_3D_SIZE is given"),
        ("a.cube", b"LUT_1D_SIZE 2\n0 0 nan\n1 1 1\n", "p.data/a.cube:2: 'nan' is not a finite number"),
        ("a.cube", bytes(range(256)), "p.data/a.cube:1: "),
        ("a.npy", b"", "'p.data/a.npy' is not allowed"),
        ("a.npz", b"PK", "'p.data/a.npz' is not allowed"),
    ],
)
def test_a_wrong_file_is_one_line_with_code_3(folder, capsys, name, data, words):
    (folder / "p.data" / name).write_bytes(data)
    write_dng(frame(), folder / "a.dng")
    path = profile_of(folder, f"{{file: p.data/{name}}}")
    assert main(["run", str(path), str(folder / "a.dng"), "-o", str(folder / "out.png")]) == 3
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (folder / "out.png").exists()


def test_a_large_file_is_a_limit(folder, monkeypatch):
    from isp.profile import files

    monkeypatch.setattr(files, "MAX_FILE_BYTES", 100)
    with pytest.raises(LimitError, match="at most 100 are allowed"):
        Pipeline(read_profile(profile_of(folder)))(frame())


@pytest.mark.parametrize("name", ["colour_Colour_Correct", "nilut_LUT01", "ocio_iridas_3d"])
def test_real_looks_through_a_profile_match_colour(shared_data, name):
    """Tetrahedral interpolation of colour-science, on the picture the stage is given."""
    colour = pytest.importorskip("colour")
    path = shared_data / "looks" / f"{name}.cube"
    profile = Profile.from_stages([("look_lut", {"space": "rec2020", "transfer": "linear"})], start="display")
    profile = profile.with_settings([f"look_lut.file=@{path}"])
    rgb = np.random.Generator(np.random.Philox(7)).uniform(0, 1, (20, 25, 3)).astype(np.float32)
    picture = Picture.from_array(rgb, "rec2020", referred="display")
    found = Pipeline(profile).run(picture, tap="look_lut").value.data
    theirs = colour.read_LUT(str(path))
    expected = theirs.apply(rgb.astype(np.float64), interpolator=colour.algebra.table_interpolation_tetrahedral)
    np.testing.assert_allclose(found, expected, atol=5e-5 * max(np.abs(expected).max(), 1))
