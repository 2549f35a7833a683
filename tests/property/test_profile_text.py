"""Whatever text is fed to the loader, it parses or is refused in one line; nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from isp.errors import LimitError, ProfileError
from isp.profile.build import build_profile
from isp.profile.loader import Document, parse_document
from isp.profile.scalars import is_plain_text, number_text, read_plain
from tests import profile_fakes
from tests.profile_fakes import GOOD

T = TypeVar("T")
CHARACTERS = "[]{}:,-?!&*#|>'\"%@`<= \t\n\0\x85\u2028\ufeff"
WORDS = [
    "\n  ", "- ", ": ", "<<", "---\n", "...\n", "\\x", "\\U", "!!python/name:", "&a", "*a", "a", "0", "1e-3", "012",
    "no", "~", "version: 1\n", "stages:\n  - ", "!<", "%TAG ! ", "%YAML 1.", "|2-\n",
]  # fmt: skip
PIECES = st.sampled_from([*CHARACTERS, *WORDS])
TEXT = st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join))


def refused_in_one_line(work: Callable[[], T]) -> T | None:
    """The result of `work`, or None if it was refused as it should be."""
    try:
        return work()
    except (ProfileError, LimitError) as error:
        message = str(error)
    assert message.startswith("p.yaml:")
    assert message.isprintable()
    return None


def parsed_or_refused(text: str | bytes) -> Document | None:
    return refused_in_one_line(lambda: parse_document(text, "p.yaml"))


@given(TEXT)
@example('"\\UFFFFFFFF"')
@example("%YAML 1." + "9" * 5000 + "\n---\n")
@example("a: " + "9" * 399)
@settings(max_examples=400, deadline=None)
def test_any_text_parses_or_is_refused_in_one_line(text: str) -> None:
    document = parsed_or_refused(text)
    if document is not None:
        assert isinstance(document.value, dict)
        assert all(line >= 1 for line in document.lines.values())


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    document = parsed_or_refused(data)
    assert document is None or isinstance(document.value, dict)


@given(place=st.integers(0, len(GOOD) - 1), piece=st.one_of(PIECES, st.text(max_size=3)), cut=st.integers(0, 5))
@settings(max_examples=300, deadline=None)
def test_a_damaged_profile_is_read_or_refused(place: int, piece: str, cut: int) -> None:
    text = GOOD[:place] + piece + GOOD[place + cut :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isp.stages.find_stage", profile_fakes._find)
        patch.setattr("isp.stages.stage_names", lambda: list(profile_fakes.STAGES))
        profile = refused_in_one_line(lambda: build_profile(parse_document(text, "p.yaml"), Path("/nonexistent")))
        if profile is not None:
            again = build_profile(parse_document(profile.to_yaml(), "p.yaml"), Path("/nonexistent"))
            assert again == profile


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_written_so_that_it_reads_back(value: float) -> None:
    again = read_plain(number_text(value))
    assert not isinstance(again, (str, bool))
    assert float(again) == value


@given(st.text(max_size=12))
def test_a_plain_word_is_text_a_number_a_switch_or_refused(word: str) -> None:
    try:
        value = read_plain(word)
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = ""
    assert is_plain_text(word) == (not refusal and isinstance(value, str))
    if refusal:
        assert "write" in refusal
    elif isinstance(value, str):
        assert value == word
    else:
        assert math.isfinite(value)


LINE = st.text(max_size=60).filter(str.isprintable)


@given(name=LINE.filter(bool), words=LINE)
@example(name=": - #", words="'a' \"b\" {c} [d] &e *f !g %h @i `j |k >l")
@example(name="no", words="1e-3")
@example(name="- x", words=" blank at both ends ")
@settings(deadline=None)
def test_any_one_line_of_text_is_written_so_that_it_reads_back(name: str, words: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isp.stages.find_stage", profile_fakes._find)
        profile = build_profile(parse_document(GOOD, "p.yaml"), None)
        profile = replace(profile, name=name, description=words)
        assert build_profile(parse_document(profile.to_yaml(), "p.yaml"), None) == profile
