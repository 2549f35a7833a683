"""A profile as a value: what it holds, how it is changed, written and read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from isp.errors import ProfileError, UsageError
from isp.parameters import FileRef, Table
from isp.profile import Datapath, Output, Profile, profile_table, read_profile
from isp.profile.build import build_profile
from isp.profile.loader import parse_document
from tests.profile_fakes import GOOD, STAGES, fakes  # noqa: F401

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.fixture
def good(tmp_path: Path) -> Profile:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    return read_profile(path)


def read(text: str) -> Profile:
    return build_profile(parse_document(text, "p"), None)


def test_what_it_holds(good: Profile, tmp_path: Path) -> None:
    assert (good.version, good.name, good.sensor) == (1, "good", "")
    assert good.output == Output("jpeg", 8, 90)
    assert good.datapath == Datapath(16, 3, "nearest")
    assert good.folder == tmp_path
    assert good.source == str(tmp_path / "good.yaml")
    assert [e.name for e in good.stages][:3] == ["linearize", "black_level", "white_balance"]
    noise = good.entry("noise_reduction")
    assert noise.enabled is False
    assert noise.stage is STAGES["noise_reduction"]
    assert noise.values == {"strength": Table("iso", ((100.0, 0.5), (3200.0, 1.5)))}
    assert noise.origins == {"enabled": "profile", "strength": "profile"}
    assert noise.line == 8
    assert noise.given["radius"] == 2
    assert good.entry("ccm").values["matrix"][0] == (1.5, -0.25, -0.25)


def test_it_cannot_be_changed(good: Profile) -> None:
    with pytest.raises(AttributeError):
        good.name = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        good.entry("ccm").values["matrix"] = 1  # type: ignore[index]
    assert hash(good.entry("linearize")) == hash(read(GOOD).entry("linearize"))


def test_steps_leave_disabled_stages_out_and_say_domains(good: Profile) -> None:
    assert [(s.entry.name, s.takes, s.gives) for s in good.steps] == [
        ("linearize", "raw", "raw"),
        ("black_level", "raw", "mosaic"),
        ("white_balance", "mosaic", "mosaic"),
        ("demosaic", "mosaic", "camera"),
        ("ccm", "camera", "scene"),
        ("tone_curve", "scene", "display"),
        ("encode", "display", "encoded"),
    ]


def test_an_unknown_entry_is_a_usage_error(good: Profile) -> None:
    with pytest.raises(UsageError, match="profile 'good' has no stage 'demosaick'; did you mean 'demosaic'"):
        good.entry("demosaick")


def test_yaml_reads_back_equal(good: Profile) -> None:
    text = good.to_yaml()
    again = read(text)
    assert again == good
    assert again.to_yaml() == text
    assert "0.0001" in text
    assert text.splitlines()[3] == "stages:"


def test_text_that_looks_like_something_else_is_quoted() -> None:
    profile = read(GOOD.replace("name: good", "name: 'no'").replace("A profile for tests", "'1e-3'"))
    assert (profile.name, profile.description) == ("no", "1e-3")
    assert read(profile.to_yaml()) == profile


def test_settings(good: Profile) -> None:
    changed = good.with_settings(
        ["tone_curve.contrast=1.5", "noise_reduction.enabled=true", "noise_reduction.strength={iso: {100: 1, 800: 2}}",
         "demosaic.method=bilinear", "output.format=png", "output.bits=16", "datapath.bits=12"]
    )  # fmt: skip
    assert changed.entry("tone_curve").values["contrast"] == 1.5
    assert changed.entry("tone_curve").origins["contrast"] == "--set"
    assert changed.entry("noise_reduction").enabled
    assert changed.entry("noise_reduction").values["strength"] == Table("iso", ((100.0, 1.0), (800.0, 2.0)))
    assert changed.entry("demosaic").values["method"] == "bilinear"
    assert changed.output == Output("png", 16, 90)
    assert changed.datapath == Datapath(12, 3)
    assert good.entry("tone_curve").values["contrast"] == 1.2
    assert read(changed.to_yaml()) == changed


def test_the_last_setting_wins_and_pairs_are_checked_together(good: Profile) -> None:
    assert good.with_settings(["tone_curve.contrast=1", "tone_curve.contrast=2"]).entry("tone_curve").values == {
        "contrast": 2.0
    }
    low = good.with_settings(["black_level.level=500", "black_level.white=1000"])
    both = low.with_settings(["black_level.white=80", "black_level.level=10"])
    assert both.entry("black_level").values == {"level": 10.0, "white": 80.0}
    with pytest.raises(ProfileError, match="--set black_level: level 500 must be below white 80 DN"):
        low.with_settings(["black_level.white=80"])


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("contrast=1", "must be STAGE.PARAMETER=VALUE"),
        ("tone_curve.contrast", "must be STAGE.PARAMETER=VALUE"),
        ("tone_curve.contrast=", "must be STAGE.PARAMETER=VALUE"),
        (".contrast=1", "must be STAGE.PARAMETER=VALUE"),
        ("", "must be STAGE.PARAMETER=VALUE"),
        ("tone_curve.contrast=[1", "--set tone_curve.contrast: not YAML"),
        ("tone_curve.contrast=1e-3", "--set tone_curve.contrast: 1e-3 is not a plain decimal number; write 0.001"),
        ("tone_curve.contrast=&a 1", "anchors are not allowed"),
        ("tone_curve.contrast=" + "[" * 50, "nested deeper than 32"),
    ],
)
def test_malformed_settings_are_usage_errors(good: Profile, setting: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        good.with_settings([setting])
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("tone_curve.contrast=9", "--set tone_curve.contrast: 9 is out of bounds; allowed: 0.5..2 EV/EV"),
        ("tone_curve.contrsat=1", "did you mean 'contrast'?"),
        ("tonecurve.contrast=1", "profile 'good' has no stage 'tonecurve'; did you mean 'tone_curve'?"),
        ("saturation.amount=1", "has no stage 'saturation'; its stages: linearize, black_level"),
        ("demosaic.enabled=0", "demosaic.enabled: 0 is not allowed; allowed: true or false"),
        ("demosaic.enabled=false", "put demosaic between them"),
        ("output.format=gif", "output.format: 'gif' is not allowed; allowed: jpeg, png, tiff or avif"),
        ("output.bits=16", "jpeg has 8 bits per channel"),
        ("datapath.bit=16", "unknown key 'bit'; did you mean 'bits'?"),
        ("demosaic.method=@x.npy", "allowed: bilinear | malvar2004"),
    ],
)
def test_wrong_settings_are_profile_errors(good: Profile, setting: str, words: str) -> None:
    with pytest.raises(ProfileError) as caught:
        good.with_settings([setting])
    assert words in str(caught.value)


def test_a_file_given_by_set_may_be_anywhere_but_is_not_written(good: Profile) -> None:
    text = GOOD.replace("  - white_balance", "  - lens_shading\n  - white_balance")
    profile = read(text).with_settings(["lens_shading.gains=@/tmp/x/mesh.npy"])
    assert profile.entry("lens_shading").values["gains"] == FileRef("/tmp/x/mesh.npy")
    with pytest.raises(ProfileError, match=r"lens_shading.gains: /tmp/x/mesh.npy was given by --set"):
        profile.to_yaml()


def test_from_stages() -> None:
    part = Profile.from_stages(["black_level", ("demosaic", {"method": "bilinear"})])
    assert part.steps[-1].gives == "camera"
    assert not part.complete
    assert part.entry("demosaic").values == {"method": "bilinear"}
    assert Profile.from_stages(["saturation"], start="display").steps[0].gives == "display"
    assert part.with_settings(["demosaic.method=malvar2004"]).entry("demosaic").values["method"] == "malvar2004"
    with pytest.raises(ProfileError, match="only a whole one can be written"):
        part.to_yaml()


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        (["demosaic"], "demosaic takes linear mosaic, black 0, white 1, but the raw frame gives mosaic of digital"),
        (["demosiac"], "did you mean 'demosaic'?"),
        ([("demosaic", {"method": "x"})], "demosaic.method: 'x' is not allowed; allowed: bilinear | malvar2004"),
        ([("black_level", {"level": 9, "white": 3})], "level 9 must be below white 3 DN"),
        (["black_level", "black_level"], "stage black_level is given twice; a stage may appear once"),
        (["black_level", "linearize"], "move it before black_level"),
    ],
)
def test_from_stages_refuses(stages: list, words: str) -> None:
    with pytest.raises(ProfileError) as caught:
        Profile.from_stages(stages)
    assert words in str(caught.value)


def test_a_table_of_all_parameters(good: Profile) -> None:
    rows = profile_table(good.with_settings(["tone_curve.contrast=2"]))
    row = next(r for r in rows if r.parameter == "contrast")
    assert (row.stage, row.value, row.origin, row.unit, row.bounds) == (
        "tone_curve", 2.0, "--set", "EV/EV", "0.5..2 EV/EV",
    )  # fmt: skip
    radius = next(r for r in rows if r.parameter == "radius")
    assert (radius.value, radius.origin, radius.enabled) == (2, "default", False)
    assert next(r for r in rows if r.stage == "linearize").parameter == ""
