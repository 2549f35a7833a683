"""From what a profile says to plain numbers: who wins, and where each came from."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from isp.cfa import Cfa
from isp.errors import InputError, ProfileError
from isp.profile import Profile, freeze, resolve_entry
from isp.profile.build import build_profile
from isp.profile.loader import parse_document
from isp.stage import Context
from isp.values import FrameInfo
from tests.profile_fakes import GOOD, fakes  # noqa: F401

pytestmark = pytest.mark.usefixtures("fakes")


def context(**info: Any) -> Context:
    return Context(Cfa("RGGB"), (8, 8), FrameInfo(self_describing=True, **info), black=(64.0,) * 4, white=1023.0)


def profile(text: str = GOOD, folder: Path | None = None) -> Profile:
    return build_profile(parse_document(text, "p"), folder)


def resolve(recipe: Profile, stage: str, parameter: str, at: Context) -> tuple[Any, str]:
    found = resolve_entry(recipe.entry(stage), at, recipe)
    return found.values[parameter], found.origins[parameter]


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    data = {
        "imx": {
            "stages": {
                "black_level": {"level": 60, "white": 1000},
                "noise_reduction": {"strength": 3},
                "lens_shading": {"gains": [[[1, 2, 3, 4]]]},
            }
        },
        "odd": {"stages": {"noise_reduction": {"strength": 99}}},
        "bad": {"stages": 3},
        "misspelt": {"stages": {"noise_reduction": {"strenght": 1}}},
    }
    point = SimpleNamespace(name="facts", value="x:y", dist=SimpleNamespace(name="a-package"), load=lambda: data)
    monkeypatch.setattr("isp.profile.sensors.entry_points", lambda group: [point] if group == "isp.sensors" else [])


SENSOR = GOOD.replace("description:", "sensor: imx\ndescription:").replace(
    "  - white_balance", "  - lens_shading\n  - white_balance"
).replace(": {level: from_file}", "").replace(", strength: {iso: {100: 0.5, 3200: 1.5}}", "")  # fmt: skip


def test_every_parameter_gets_a_value_and_an_origin() -> None:
    found = resolve_entry(profile().entry("noise_reduction"), context(iso=400), profile())
    assert set(found.values) == set(found.origins) == {"strength", "radius"}
    assert found.values["radius"] == 2.0
    assert found.origins["radius"] == "default"
    with pytest.raises(TypeError):
        found.values["radius"] = 3  # type: ignore[index]


def test_a_table_over_iso_is_interpolated_in_log2() -> None:
    value, origin = resolve(profile(), "noise_reduction", "strength", context(iso=400))
    assert value == pytest.approx(0.5 + 2 / 5)
    assert origin == "profile, table over iso at 400"
    assert resolve(profile(), "noise_reduction", "strength", context(iso=50))[0] == 0.5
    assert resolve(profile(), "noise_reduction", "strength", context(iso=12800))[0] == 1.5


@pytest.mark.parametrize("iso", [None, 0.0, float("nan")])
def test_without_an_iso_a_table_over_iso_is_read_at_its_lowest_and_says_so(iso: float | None) -> None:
    value, origin = resolve(profile(), "noise_reduction", "strength", context(iso=iso))
    assert (value, origin) == (0.5, "profile, table over iso at 100 (the frame says no ISO)")


def test_a_table_over_temperature_is_interpolated_in_mired() -> None:
    recipe = profile().with_settings(["tone_curve.contrast={cct: {2000: 1, 4000: 2}}"])
    value, origin = resolve(recipe, "tone_curve", "contrast", context().but(temperature=1e6 / 375))
    assert value == pytest.approx(1.5)
    assert origin.startswith("--set, table over cct at 2666.67")
    with pytest.raises(InputError, match="no colour temperature is known before white_balance"):
        resolve(recipe, "tone_curve", "contrast", context())


def test_source_words() -> None:
    assert resolve(profile(), "black_level", "level", context()) == ((64.0,) * 4, "profile, file")
    assert resolve(profile(), "black_level", "white", context()) == (1023.0, "file")
    recipe = profile().with_settings(["white_balance.gains=auto"])
    assert resolve(recipe, "white_balance", "gains", context()) == ((2.0, 1.0, 1.5), "--set, auto (statistics)")


def test_what_a_source_gives_is_checked() -> None:
    with pytest.raises(InputError, match=r"black_level.level: the file says -1 is out of bounds; .*0..65535 DN"):
        resolve(profile(), "black_level", "level", context().but(black=(-1.0, 0.0, 0.0, 0.0)))


def test_precedence(catalogue: None) -> None:
    sensor = profile(SENSOR)
    explicit = profile(SENSOR.replace("- noise_reduction: {enabled: false}", "- noise_reduction: {strength: 2}"))
    # default < sensor < profile < --set
    without = profile(SENSOR.replace("sensor: imx\n", ""))
    assert resolve(without, "noise_reduction", "strength", context()) == (1, "default")
    assert resolve(sensor, "noise_reduction", "strength", context()) == (3, "sensor imx")
    assert resolve(explicit, "noise_reduction", "strength", context()) == (2, "profile")
    by_set = explicit.with_settings(["noise_reduction.strength=4"])
    assert resolve(by_set, "noise_reduction", "strength", context()) == (4, "--set")
    # sensor < file; a frame that describes nothing of its own leaves it to the sensor
    assert resolve(sensor, "black_level", "white", context()) == (1023, "file")
    dump = Context(Cfa("RGGB"), (8, 8), FrameInfo(), white=4095.0)
    assert resolve(sensor, "black_level", "white", dump) == (1000, "sensor imx")
    # what the file leaves out, the sensor says
    assert resolve(sensor, "lens_shading", "gains", context()) == ((((1.0, 2.0, 3.0, 4.0),),), "sensor imx")


def test_a_fact_of_the_file_beats_a_default_and_a_missing_one_does_not() -> None:
    says = context(neutral=(0.5, 1.0, 0.8))
    assert resolve(profile(), "white_balance", "gains", says) == ((2.0, 1.0, 1.25), "file")
    assert resolve(profile(), "white_balance", "gains", context()) == ((1.0, 1.0, 1.0), "default")


def test_a_fact_that_nobody_knows_is_an_input_error() -> None:
    recipe = profile(GOOD.replace("  - white_balance", "  - lens_shading\n  - white_balance"))
    with pytest.raises(InputError, match="the file has no gain map"):
        resolve(recipe, "lens_shading", "gains", context())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("imxx", "unknown sensor 'imxx'; did you mean 'imx'?"),
        ("odd", "noise_reduction.strength of sensor odd: 99 is out of bounds; allowed: 0..4"),
        ("bad", "its 'stages' must map"),
        ("misspelt", "stage noise_reduction has no parameter 'strenght'; did you mean 'strength'?"),
    ],
)
def test_a_wrong_sensor_is_a_profile_error(catalogue: None, name: str, words: str) -> None:
    recipe = profile(SENSOR.replace("sensor: imx", f"sensor: {name}"))
    with pytest.raises(ProfileError) as caught:
        resolve(recipe, "noise_reduction", "strength", context())
    assert words in str(caught.value)


def test_a_catalogue_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("broken\nbadly")

    point = SimpleNamespace(name="facts", value="x:y", dist=None, load=fail)
    monkeypatch.setattr("isp.profile.sensors.entry_points", lambda group: [point])
    with pytest.raises(ProfileError, match=r"sensor catalogue 'facts' = x:y of unknown package cannot be loaded"):
        resolve(profile(SENSOR), "noise_reduction", "strength", context())


def test_a_file_is_loaded_from_the_folder_of_the_profile(tmp_path: Path) -> None:
    mesh = np.linspace(1, 2, 2 * 3 * 4).reshape(2, 3, 4)
    np.save(tmp_path / "mesh.npy", mesh)
    text = GOOD.replace("  - white_balance", "  - lens_shading: {gains: {file: mesh.npy}}\n  - white_balance")
    value, origin = resolve(profile(text, tmp_path), "lens_shading", "gains", context())
    np.testing.assert_array_equal(np.array(value), mesh)
    assert origin == "profile, file mesh.npy"
    np.save(tmp_path / "mesh.npy", mesh[..., :3])
    with pytest.raises(ProfileError, match=r"lens_shading.gains: file mesh.npy: .* has shape 2 x 3 x 3 numbers"):
        resolve(profile(text, tmp_path), "lens_shading", "gains", context())


def test_a_file_named_by_set_is_loaded_from_anywhere(tmp_path: Path) -> None:
    np.save(tmp_path / "mesh.npy", np.ones((2, 2, 4), np.float32))
    text = GOOD.replace("  - white_balance", "  - lens_shading\n  - white_balance")
    recipe = profile(text).with_settings([f"lens_shading.gains=@{tmp_path}/mesh.npy"])
    value, origin = resolve(recipe, "lens_shading", "gains", context())
    assert np.shape(value) == (2, 2, 4)
    assert origin == f"--set, file {tmp_path}/mesh.npy"


def test_freeze_writes_numbers_that_resolve_to_themselves() -> None:
    recipe = profile().with_settings(["white_balance.gains=auto"])
    at = context(iso=400)
    resolved = {e.name: resolve_entry(e, at, recipe) for e in recipe.stages}
    frozen = freeze(recipe, resolved)
    other = Context(Cfa("RGGB"), (8, 8))
    for entry in frozen.stages:
        again = resolve_entry(entry, other, frozen)
        assert again.values == resolved[entry.name].values
        assert set(again.origins.values()) <= {"profile"}
        assert entry.enabled == recipe.entry(entry.name).enabled
    assert build_profile(parse_document(frozen.to_yaml(), "frozen"), None) == frozen


def test_freeze_keeps_a_large_file(tmp_path: Path) -> None:
    np.save(tmp_path / "mesh.npy", np.ones((34, 34, 4)))
    text = GOOD.replace("  - white_balance", "  - lens_shading: {gains: {file: mesh.npy}}\n  - white_balance")
    recipe = profile(text, tmp_path)
    resolved = {"lens_shading": resolve_entry(recipe.entry("lens_shading"), context(), recipe)}
    assert freeze(recipe, resolved).entry("lens_shading") == recipe.entry("lens_shading")
