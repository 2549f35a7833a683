"""The shipped profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from isp import Picture, Pipeline
from isp.color.spaces import srgb_encoded
from isp.demo import demo_frame
from isp.errors import ProfileError
from isp.profile import profile_schema, read_profile, shipped_profiles
from isp.profile.build import build_profile
from isp.profile.loader import parse_document
from isp.stages import find_stage

FOLDER = Path(__file__).parents[2] / "isp" / "profiles"
SHIPPED = ("authentic", "blue", "cinema_classic", "cinema_contemporary", "flat", "monochrome",
           "monochrome_high_contrast", "natural", "night", "portrait_50mm", "reference", "sepia", "vibrant",
           "vivid")  # fmt: skip
LISTED = f"shipped profiles: {', '.join(SHIPPED)}"


def test_all_are_there() -> None:
    assert shipped_profiles() == sorted(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_it_is_valid_named_as_its_file_and_round_trips(name: str) -> None:
    profile = read_profile(name)
    assert profile.name == name
    assert profile.source == name
    assert profile.complete
    assert build_profile(parse_document(profile.to_yaml(), "again"), None) == profile
    assert read_profile(FOLDER / f"{name}.yaml") == profile


@pytest.mark.parametrize("name", SHIPPED)
def test_it_fits_the_schema(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    tree = parse_document((FOLDER / f"{name}.yaml").read_text(), name).value
    assert list(jsonschema.Draft202012Validator(profile_schema()).iter_errors(tree)) == []


def test_reference_is_the_scientific_one() -> None:
    assert [s.entry.name for s in read_profile("reference").steps] == [
        "linearize", "black_level", "white_balance", "highlights", "remosaic", "demosaic", "ccm", "encode",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("naturl", f"did you mean 'natural'?; {LISTED}"),
        ("zzz", LISTED),
        ("", LISTED),
        ("a\0b", "neither a file nor a shipped one"),
        ("x" * 5000, "neither a file nor a shipped one"),
    ],
)
def test_an_unknown_name_lists_the_shipped_ones(name: str, words: str) -> None:
    with pytest.raises(ProfileError) as caught:
        read_profile(name)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.fixture(scope="module")
def demo_picture() -> dict[str, NDArray[Any]]:
    """Every profile's picture of the demo frame, as light from the display (linear sRGB)."""
    from isp.color.spaces import conversion

    frame = demo_frame(720, 540)
    pictures = {}
    for name in SHIPPED:
        run = Pipeline(read_profile(name)).run(frame)
        picture = run.value
        assert isinstance(picture, Picture)
        full = np.iinfo(picture.data.dtype).max if picture.data.dtype.kind == "u" else 1.0
        code = picture.data.astype(np.float64) / full
        light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
        pictures[name] = light @ conversion(picture.space, "srgb").T
    return pictures


@pytest.mark.parametrize("name", SHIPPED)
def test_it_develops_the_demo_frame(demo_picture: dict[str, NDArray[Any]], name: str) -> None:
    picture = demo_picture[name]
    assert picture.shape[:2] == (540, 720)
    middle = np.median(picture @ [0.2126, 0.7152, 0.0722])
    assert 0.02 < middle < 0.5
    assert np.mean(picture.min(axis=2) > 0.99) < 0.1


def _chroma(picture: NDArray[Any]) -> float:
    return float(np.mean(np.ptp(picture, axis=2) / np.maximum(picture.max(axis=2), 0.02)))


def _spread(picture: NDArray[Any]) -> float:
    bright = np.log2(np.maximum(picture @ [0.2126, 0.7152, 0.0722], 1e-4))
    return float(np.diff(np.quantile(bright, [0.1, 0.9]))[0])


def test_each_is_what_it_says(demo_picture: dict[str, NDArray[Any]]) -> None:
    chroma = {name: _chroma(p) for name, p in demo_picture.items()}
    spread = {name: _spread(p) for name, p in demo_picture.items()}
    assert chroma["flat"] < chroma["authentic"] < chroma["vibrant"]
    assert chroma["natural"] < chroma["vivid"]
    assert spread["flat"] < 0.8 * spread["natural"]
    assert spread["authentic"] > spread["vibrant"]
    light = {name: float(np.median(p)) for name, p in demo_picture.items()}
    assert light["night"] < light["natural"] < light["vibrant"]


def test_black_and_white_looks_have_one_tone(demo_picture: dict[str, NDArray[Any]]) -> None:
    for name in ("monochrome", "monochrome_high_contrast"):
        codes = np.rint(255 * srgb_encoded(demo_picture[name]))
        # one code of rounding in `encode`
        assert np.ptp(codes, axis=2).max() <= 1
        assert (np.ptp(codes, axis=2) > 0).mean() < 1e-4
    spread = {name: _spread(demo_picture[name]) for name in ("monochrome", "monochrome_high_contrast")}
    assert spread["monochrome_high_contrast"] > 1.3 * spread["monochrome"]
    for name, warm in (("sepia", True), ("blue", False)):
        red, _, blue = demo_picture[name].mean(axis=(0, 1))
        assert (red > 1.3 * blue) if warm else (blue > 1.2 * red)


def test_cinema_looks_part_shadows_and_highlights(demo_picture: dict[str, NDArray[Any]]) -> None:
    for name in ("cinema_classic", "cinema_contemporary"):
        picture = demo_picture[name] - demo_picture["natural"] * (
            demo_picture[name].mean(axis=2) / demo_picture["natural"].mean(axis=2).clip(1e-4)
        )[..., None]
        light = demo_picture[name].mean(axis=2)
        warm = (picture[..., 0] - picture[..., 2]) / light.clip(1e-3)
        dark = (light > 0.01) & (light < 0.08)
        assert np.median(warm[(light > 0.4) & (light < 0.8)]) > np.median(warm[dark]) + 0.02
    assert _chroma(demo_picture["cinema_classic"]) < _chroma(demo_picture["natural"])


def test_authentic_keeps_the_vignette_and_vibrant_corrects_it(demo_picture: dict[str, NDArray[Any]]) -> None:
    shading = {s.entry.name: s.entry.values for s in read_profile("authentic").steps}["lens_shading"]
    assert shading["luminance"] == 0
    light = {name: demo_picture[name].mean(axis=2) + 1e-3 for name in ("authentic", "vibrant")}
    ratio = light["authentic"] / light["vibrant"]
    ends = (slice(30), slice(-30, None))
    corners = np.mean([np.median(ratio[y, x]) for y in ends for x in ends])
    assert corners < 0.85 * np.median(ratio[240:300, 320:400])


@pytest.mark.parametrize("name", SHIPPED)
def test_it_develops_every_sensor_of_the_catalogue(name: str) -> None:
    sensors = pytest.importorskip("sensors")
    from sensors.catalog import load, shipped_names

    names = [n for n in shipped_names() if isinstance(load(n), sensors.Sensor)]
    assert len(names) > 10
    pipeline = Pipeline(read_profile(name))
    for sensor in names:
        frame = sensors.capture("chart", sensor=sensor, mode="bin2", size=(512, 384), iso=400)
        if frame.cfa.family not in find_stage("demosaic").cfas:
            continue
        picture = pipeline.run(frame).value
        assert isinstance(picture, Picture)
        assert picture.data.shape[2] == 3
        assert np.ptp(picture.data.astype(np.float64)) > 0


def test_the_page_shows_a_valid_profile_and_true_messages() -> None:
    page = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    assert build_profile(parse_document(example, "page"), None).complete
    for wrong in ("contrsat: 1.1", "contrast: 9"):
        with pytest.raises(ProfileError) as caught:
            build_profile(parse_document(example.replace("contrast: 1.1", wrong), "mine.yaml"), None)
        assert str(caught.value) in page
