"""The shipped profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from isp.errors import ProfileError
from isp.profile import profile_schema, read_profile, shipped_profiles
from isp.profile.build import build_profile
from isp.profile.loader import parse_document

FOLDER = Path(__file__).parents[2] / "isp" / "profiles"


def test_both_are_there() -> None:
    assert shipped_profiles() == ["natural", "reference"]


@pytest.mark.parametrize("name", ["natural", "reference"])
def test_it_is_valid_named_as_its_file_and_round_trips(name: str) -> None:
    profile = read_profile(name)
    assert profile.name == name
    assert profile.source == name
    assert profile.complete
    assert build_profile(parse_document(profile.to_yaml(), "again"), None) == profile
    assert read_profile(FOLDER / f"{name}.yaml") == profile


@pytest.mark.parametrize("name", ["natural", "reference"])
def test_it_fits_the_schema(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    tree = parse_document((FOLDER / f"{name}.yaml").read_text(), name).value
    assert list(jsonschema.Draft202012Validator(profile_schema()).iter_errors(tree)) == []


def test_reference_is_the_scientific_one() -> None:
    assert [s.entry.name for s in read_profile("reference").steps] == [
        "linearize", "black_level", "white_balance", "demosaic", "ccm", "encode",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("naturl", "did you mean 'natural'?; shipped profiles: natural, reference"),
        ("zzz", "shipped profiles: natural, reference"),
        ("", "shipped profiles: natural, reference"),
        ("a\0b", "neither a file nor a shipped one"),
        ("x" * 5000, "neither a file nor a shipped one"),
    ],
)
def test_an_unknown_name_lists_the_shipped_ones(name: str, words: str) -> None:
    with pytest.raises(ProfileError) as caught:
        read_profile(name)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_the_page_shows_a_valid_profile_and_true_messages() -> None:
    page = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    assert build_profile(parse_document(example, "page"), None).complete
    for wrong in ("contrsat: 1.1", "contrast: 9"):
        with pytest.raises(ProfileError) as caught:
            build_profile(parse_document(example.replace("contrast: 1.1", wrong), "mine.yaml"), None)
        assert str(caught.value) in page
