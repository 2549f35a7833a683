"""Old profiles are brought up to date; newer ones are refused."""

from __future__ import annotations

from typing import Any

import pytest

from isp.errors import ProfileError
from isp.profile.build import build_profile
from isp.profile.loader import parse_document
from isp.profile.migrate import migrate
from tests.profile_fakes import GOOD, fakes  # noqa: F401

pytestmark = pytest.mark.usefixtures("fakes")


def from_zero(tree: dict[str, Any]) -> dict[str, Any]:
    """A made-up version 0 called the list of stages `pipeline`."""
    return {("stages" if key == "pipeline" else key): value for key, value in tree.items()}


OLD = GOOD.replace("version: 1", "version: 0").replace("stages:", "pipeline:")


def test_an_old_profile_migrates_and_round_trips() -> None:
    profile = build_profile(parse_document(OLD, "old"), None, migrations={0: from_zero})
    assert profile == build_profile(parse_document(GOOD, "new"), None)
    assert build_profile(parse_document(profile.to_yaml(), "again"), None) == profile
    assert profile.to_yaml().startswith("version: 1\n")


def test_versions_are_taken_one_at_a_time() -> None:
    seen = []

    def step(version: int) -> Any:
        def change(tree: dict[str, Any]) -> dict[str, Any]:
            seen.append((version, tree["version"]))
            return dict(tree)

        return change

    document = parse_document("version: 1\n", "p")
    assert migrate(document, {1: step(1), 2: step(2)}, 3) == {"version": 3}
    assert seen == [(1, 1), (2, 2)]
    assert document.value == {"version": 1}


def test_an_error_in_an_old_profile_still_has_a_line() -> None:
    text = OLD.replace("output: {format: jpeg", "output: {format: gif")
    with pytest.raises(ProfileError, match=r"old:17: output.format: 'gif' is not allowed"):
        build_profile(parse_document(text, "old"), None, migrations={0: from_zero})
