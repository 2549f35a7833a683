"""The strict loader: values, lines, and one way to write each number."""

from __future__ import annotations

import pytest

from isp.errors import ProfileError
from isp.profile.loader import parse_document, parse_value
from isp.profile.scalars import number_text, read_plain

TEXT = """\
# a comment
name: x
matrix:
  - [1, 0.5]
  - [
      -2, 3
    ]
table: {iso: {100: 0.5,
   3200: 1.5}}
words: [plain text, 'no', "1e-3", true, 'it''s']
text: >
  folded
  text
"""


def test_values() -> None:
    assert parse_document(TEXT, "p").value == {
        "name": "x",
        "matrix": [[1, 0.5], [-2, 3]],
        "table": {"iso": {100: 0.5, 3200: 1.5}},
        "words": ["plain text", "no", "1e-3", True, "it's"],
        "text": "folded text\n",
    }


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 2),
        (("name",), 2),
        (("matrix",), 3),
        (("matrix", 0), 4),
        (("matrix", 1), 5),
        (("matrix", 1, 0), 6),
        (("table", "iso", 100), 8),
        (("table", "iso", 3200), 9),
        (("words", 2), 10),
        (("matrix", 1, 7), 5),
        (("absent",), 2),
    ],
)
def test_every_node_has_a_line_and_unknown_ones_that_of_what_is_around_them(path: tuple, line: int) -> None:
    assert parse_document(TEXT, "p").line(path) == line


@pytest.mark.parametrize(
    ("word", "value"),
    [("0", 0), ("-7", -7), ("12.50", 12.5), ("0.001", 0.001), ("-0.0", 0.0), ("true", True), ("false", False)],
)
def test_plain_words_with_one_meaning(word: str, value: object) -> None:
    assert read_plain(word) == value
    assert type(read_plain(word)) is type(value)


@pytest.mark.parametrize("word", ["natural", "3d.npy", "4x4", "1.2.3", "v1", "-", "as_shot", "nano", "e3", "x" * 999])
def test_plain_words_that_are_text(word: str) -> None:
    assert read_plain(word) == word


@pytest.mark.parametrize(
    ("word", "how"),
    [
        ("1e-3", "write 0.001"),
        ("2.5E+3", "write 2500"),
        ("1e-300", "write a plain decimal number"),
        ("1e999", "write a finite number"),
        ("012", "write 12"),
        ("0x1F", "write 31"),
        ("0o17", "write 15"),
        ("0b101", "write 5"),
        ("1_000", "write 1000"),
        ("+5", "write 5"),
        (".5", "write 0.5"),
        ("5.", "write 5"),
        ("12:30", "write '12:30' for text"),
        ("1:2:3.5", "write '1:2:3.5' for text"),
        ("2020-01-02", "write '2020-01-02' for text"),
        ("no", "write false"),
        ("On", "write true"),
        ("TRUE", "write true"),
        ("~", "leave the key out"),
        ("Null", "leave the key out"),
        ("", "an empty value is not allowed"),
        ("nan", "write a finite number"),
        ("-.Inf", "write a finite number"),
        ("9" * 399, "write a smaller number"),
    ],
)
def test_words_that_readers_disagree_on_are_refused_with_how_to_write_them(word: str, how: str) -> None:
    with pytest.raises(ValueError, match="write") as caught:
        read_plain(word)
    assert how in str(caught.value)


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1"), (1e-7, "0.0000001"), (0.1, "0.1"), (1e6, "1000000"), (-2.5, "-2.5"), (3, "3")]
)
def test_numbers_are_written_plainly(value: float, text: str) -> None:
    assert number_text(value) == text


def test_numeric_keys_that_are_equal_are_duplicates() -> None:
    with pytest.raises(ProfileError, match=r"p:2: key 100\.0 is already given at line 1"):
        parse_document("100: 1\n100.0: 2\n", "p")


def test_a_byte_order_mark_is_skipped() -> None:
    assert parse_document("\ufeffa: 1".encode(), "p").value == {"a": 1}


def test_a_single_value() -> None:
    assert parse_value("[1, {iso: {100: 2}}]", "p") == [1, {"iso": {100: 2}}]
