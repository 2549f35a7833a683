"""A profile names a lens of a lens file: it is found, resolved, rendered, frozen and written."""

from __future__ import annotations

import dataclasses
import json
import pickle
from importlib.resources import files

import numpy as np
import pytest
import yaml

from isp import Pipeline, read_profile
from isp.commands import main
from isp.commands.developer import Recipe
from isp.errors import ProfileError
from isp.io import write_dng
from isp.lens_look import fans
from isp.lenses import load_lens
from isp.profile import Profile, freeze
from isp.profile.fingerprint import profile_fingerprint
from isp.values import Companions, Picture
from tests import file_profiles
from tuning import fit
from tuning.fitting.pairs import Pair

CATALOG = "50mm_f1.4_1971"
TEXT = """version: 1
name: looked
stages:
  - black_level
  - white_balance
  - demosaic: {method: bilinear}
  - ccm
  - lens_look: {mode: auto, lens: %s}
  - tone_curve
  - encode
output: {format: png}
"""
NAMED = "{file: mine.yaml, name: old}"


def lens_text(**changes):
    """The catalogue's lens as two lenses of a file, `old` and `half`; `changes` are of the first surface of `old`."""
    entry = yaml.safe_load((files("isp") / "lenses" / "catalog" / f"{CATALOG}.yaml").read_text())["lenses"][CATALOG]
    old = {**entry, "surfaces": [{**entry["surfaces"][0], **changes}, *entry["surfaces"][1:]]}
    if changes:
        old = {key: value for key, value in old.items() if key not in ("check", "stated")}
    return json.dumps({"lenses": {"old": old, "half": {**entry, "scale": 0.5}}}).replace("Infinity", ".inf")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.yaml").write_text(lens_text())
    return tmp_path


def profile_of(folder, value=NAMED):
    return file_profiles.written(folder, TEXT % value)


def frame():
    return file_profiles.frame(64, 96)


DEPTH = Companions({"depth": np.repeat(np.linspace(1, 4, 96, dtype=np.float32)[None], 64, 0)}, 1.5)


def developed(profile):
    return Pipeline(profile).run(frame(), companions=DEPTH)


def test_the_catalogues_lens_from_a_file_is_the_catalogues_picture(folder):
    run = developed(read_profile(profile_of(folder)))
    stage = {s.name: s for s in run.stages}["lens_look"]
    assert stage.values["lens"].surfaces == load_lens(name=CATALOG).prescription.surfaces
    assert stage.origins["lens"] == "profile, file mine.yaml"
    shipped = developed(read_profile(profile_of(folder, CATALOG)))
    np.testing.assert_array_equal(run.value.pixels, shipped.value.pixels)


def test_another_file_of_the_same_name_is_another_picture(folder):
    profile = read_profile(profile_of(folder))
    before, identity = developed(profile).value.pixels, profile_fingerprint(profile)
    radius = yaml.safe_load(lens_text())["lenses"]["old"]["surfaces"][0]["R"]
    (folder / "mine.yaml").write_text(lens_text(R=radius * 1.1))
    assert not np.array_equal(developed(profile).value.pixels, before)
    assert profile_fingerprint(profile) != identity
    (folder / "mine.yaml").write_text(lens_text())
    np.testing.assert_array_equal(developed(profile).value.pixels, before)


def test_the_name_says_which(folder):
    old = developed(read_profile(profile_of(folder)))
    half = read_profile(profile_of(folder, "{file: mine.yaml, name: half}"))
    assert not np.array_equal(developed(half).value.pixels, old.value.pixels)
    assert profile_fingerprint(half) != profile_fingerprint(read_profile(profile_of(folder)))
    words = r"p\.yaml:8: lens_look\.lens: mine\.yaml has several lenses; give a name: old, half"
    with pytest.raises(ProfileError, match=words):
        read_profile(profile_of(folder, "{file: mine.yaml}"))


def test_a_file_of_one_lens_needs_no_name(folder):
    shipped = files("isp") / "lenses" / "catalog" / f"{CATALOG}.yaml"
    (folder / "one.yaml").write_bytes(shipped.read_bytes())
    one = read_profile(profile_of(folder, "{file: one.yaml}"))
    np.testing.assert_array_equal(
        developed(one).value.pixels, developed(read_profile(profile_of(folder, CATALOG))).value.pixels
    )


def test_set_names_a_file_from_anywhere(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("else") / "lenses.yaml"
    outside.write_text(lens_text())
    start = read_profile(profile_of(folder, CATALOG))
    profile = start.with_settings([f"lens_look.lens={{file: '{outside}', name: half}}"])
    found = {s.name: s for s in developed(profile).stages}["lens_look"]
    assert found.values["lens"].name == "half"
    with pytest.raises(ProfileError, match="perhaps outside the profile's folder"):
        profile.to_yaml()
    with pytest.raises(ProfileError, match=r"lenses\.yaml has several lenses; give a name: old, half"):
        developed(start.with_settings([f"lens_look.lens=@{outside}"]))


def test_freezing_keeps_the_file_and_writing_reads_back(folder):
    profile = read_profile(profile_of(folder))
    run = developed(profile)
    frozen = freeze(profile, {s.name: s for s in run.stages})
    assert "lens: {file: mine.yaml, name: old}" in frozen.to_yaml()
    (folder / "again.yaml").write_text(frozen.to_yaml())
    np.testing.assert_array_equal(developed(read_profile(folder / "again.yaml")).value.pixels, run.value.pixels)


def test_a_prescription_will_do_in_python():
    lens = load_lens(name=CATALOG).prescription
    light = np.random.Generator(np.random.Philox(2)).uniform(0, 1, (64, 96, 3)).astype(np.float32)
    picture = Picture.from_array(light, "rec2020", "linear", "scene")
    given, named = (
        Pipeline(Profile.from_stages([("lens_look", {"lens": value, "mode": "flat"})], start="scene")) for value in
        (lens, CATALOG)
    )
    np.testing.assert_array_equal(given(picture).pixels, named(picture).pixels)
    assert profile_fingerprint(given.profile) != profile_fingerprint(named.profile)


def test_words_that_travel_to_another_folder_find_the_lens(folder, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(folder)
    settings = ("lens_look.lens={file: mine.yaml, name: half}",)
    profile = read_profile(profile_of(folder, CATALOG)).with_settings(settings)
    recipe = Recipe("p.yaml", settings=settings).for_everywhere(profile)
    recipe = pickle.loads(pickle.dumps(recipe))
    monkeypatch.chdir(tmp_path_factory.mktemp("else"))
    there = recipe.developer().profile
    assert profile_fingerprint(there) == recipe.fingerprint
    monkeypatch.chdir(folder)
    np.testing.assert_array_equal(developed(there).value.pixels, developed(profile).value.pixels)


def test_rays_are_kept_by_what_the_surfaces_are(monkeypatch, folder):
    lens, times = load_lens(folder / "mine.yaml", "half"), []
    made = fans._traced

    def counted(*arguments):
        times.append(1)
        return made(*arguments)

    monkeypatch.setattr(fans, "_traced", counted)
    store = {}
    monkeypatch.setattr(fans.disk, "load", store.get)
    monkeypatch.setattr(fans.disk, "store", store.__setitem__)
    fans.traced.cache_clear()
    first = fans.traced(lens, 0.2)
    fans.traced.cache_clear()
    again = fans.traced(lens, 0.2)
    assert len(times) == 1
    for part in dataclasses.fields(first):
        kept, held = getattr(again, part.name), getattr(first, part.name)
        np.testing.assert_array_equal(kept, held)
        assert np.asarray(kept).dtype == np.asarray(held).dtype
    (folder / "mine.yaml").write_text(lens_text(R=40.0))
    fans.traced(load_lens(folder / "mine.yaml", "old"), 0.2)
    fans.traced(load_lens(folder / "mine.yaml", "half"), 0.2)
    assert len(times) == 2
    fans.traced.cache_clear()


def test_the_command_says_the_name_and_not_the_numbers(folder, capsys):
    write_dng(frame(), folder / "a.dng")
    words = ["run", str(profile_of(folder)), str(folder / "a.dng"), "--json", "-o", str(folder / "a.png")]
    assert main(words) == 0
    (record,) = json.loads(capsys.readouterr().out)["files"]
    lens = {s["name"]: s["values"] for s in record["stages"]}["lens_look"]["lens"]
    assert lens == {"name": "old", "surfaces": len(load_lens(name=CATALOG).prescription.surfaces)}
    assert main(["cost", str(folder / "p.yaml"), "--sensor", "imx586"]) == 0
    for command in ("check", "show", "explain"):
        assert main(["profile", command, str(folder / "p.yaml")]) == 0
    assert "{file: mine.yaml, name: old}" in capsys.readouterr().out
    assert main(["compile", str(folder / "p.yaml"), "--target", "host", "-o", str(folder / "lib")]) == 3
    assert "lens_look" in capsys.readouterr().err
    assert not (folder / "lib").exists()


def test_beyond_its_own_field_a_lens_is_dark_and_bends_as_at_its_edge():
    lens = load_lens(name="50mm_f1.1_1953")
    light = fans.traced(lens, fans.widest_tangent(lens.focal_length, (36, 27)))
    dark = light.cell == 0
    assert dark.sum() == 2
    np.testing.assert_allclose(light.chief[dark, 0] / light.tangents[dark], light.chief[13, 0] / light.tangents[13])
    stage = ("lens_look", {"lens": lens.name, "mode": "flat"})
    grey = Picture(np.full((96, 128, 3), 0.2, np.float32), "rec2020", "linear", "scene")
    seen = Pipeline(Profile.from_stages([stage], start="scene"))(grey).pixels
    assert seen[48, 64, 1] == pytest.approx(0.2, rel=0.01)
    assert 0 <= seen[0, 0, 1] < 0.05


def test_a_search_goes_through_the_lens_of_a_file(folder):
    start = read_profile(profile_of(folder))
    raw, stopped = frame(), start.with_settings(["lens_look.f_number=4"])
    pair = Pair(raw, Pipeline(stopped).run(raw, companions=DEPTH).value, "noise", companions=DEPTH)
    found = fit(start, [pair], params="lens_look.f_number", trials=2, register=False)
    assert found.loss <= found.loss_before
    assert "lens: {file: mine.yaml, name: old}" in found.profile.to_yaml()
