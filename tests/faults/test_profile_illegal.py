"""Every file in tests/data/illegal is refused in one line that says where, what and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from isp.errors import ProfileError
from isp.profile import read_profile
from tests.profile_fakes import fakes  # noqa: F401

pytestmark = pytest.mark.usefixtures("fakes")

FOLDER = Path(__file__).parents[1] / "data" / "illegal"

WORDS = {
    "alias-bomb": (1, "anchors are not allowed"),
    "alias-self": (1, "anchors are not allowed"),
    "alias-undefined": (2, "anchors are not allowed"),
    "binary": (2, "not UTF-8 text (byte 0xff)"),
    "bracket-open": (3, "not YAML: while parsing a flow sequence"),
    "choice-unknown": (7, "demosaic.method: 'magic' is not allowed; allowed: bilinear | malvar2004"),
    "datapath-too-narrow": (12, "bits 4 must be at least 5"),
    "datapath-without-bits": (12, "datapath.bits is missing"),
    "directive": (1, "directives (%YAML, %TAG) are not allowed"),
    "documents-two": (12, "a second document starts here"),
    "domain-tone-before-demosaic": (7, "gives linear mosaic, black 0, white 1; put demosaic and ccm between them"),
    "empty": (1, "it is empty"),
    "enabled-number": (7, "demosaic.enabled: 1 is not allowed; allowed: true or false"),
    "encode-disabled": (9, "must end in display-encoded RGB in 0..1; add encode"),
    "encode-missing": (9, "must end in display-encoded RGB in 0..1; add encode"),
    "escape-out-of-range": (2, "out of range"),
    "file-absolute": (6, "'/etc/passwd.npy' is an absolute path"),
    "file-backslash": (6, "is not a plain file name"),
    "file-missing": (6, "'nowhere.npy' is not a file in the profile's folder"),
    "file-parent": (6, "leads out of the profile's folder"),
    "file-suffix": (6, "allowed: from_file | 0.1..100 | {file: NAME.npy}"),
    "file-url": (6, "is a URL"),
    "key-duplicate": (12, "key 'name' is already given at line 2"),
    "key-is-a-list": (1, "a list or mapping cannot be a key"),
    "key-misspelt": (11, "unknown key 'outptu'; did you mean 'output'?"),
    "key-missing-name": (1, "name is missing"),
    "key-missing-stages": (1, "stages is missing"),
    "key-number": (12, "key 12 is not a word"),
    "key-unknown": (12, "unknown key 'zzz'; keys: version, name"),
    "list-at-the-top": (1, "a list at the top"),
    "matrix-ragged": (8, "allowed: 3 x 3 numbers, each -10..10"),
    "merge-key": (2, "merge keys are not allowed"),
    "name-two-lines": (2, r"'two\nlines' is not allowed; allowed: one line"),
    "nothing-after-encode": (10, "encode must come last"),
    "nul-byte": (2, "character U+0000 is not allowed"),
    "number-exponent": (9, "1e-3 is not a plain decimal number; write 0.001"),
    "number-hexadecimal": (9, "write 16"),
    "number-inf": (9, "NaN and infinity are refused; write a finite number"),
    "number-nan": (9, "NaN and infinity are refused; write a finite number"),
    "number-nothing": (9, "write a value, or leave the key out"),
    "number-octal": (9, "write 12, or '012' for text"),
    "number-out-of-bounds": (9, "9 is out of bounds; allowed: 0.5..2 EV/EV"),
    "number-plus": (9, "write 1,"),
    "number-quoted": (9, "'1.2' is not allowed; allowed: 0.5..2 EV/EV"),
    "number-sexagesimal": (9, "write '12:30' for text"),
    "number-switch": (9, "write false, or 'no' for text"),
    "number-true": (9, "True is not a number; allowed: 0.5..2 EV/EV"),
    "number-underscore": (9, "write 1000"),
    "only-a-comment": (1, "it is empty"),
    "output-format": (11, "output.format: 'gif' is not allowed; allowed: jpeg, png, tiff or avif"),
    "output-jpeg-16": (11, "jpeg has 8 bits per channel"),
    "output-misspelt": (11, "unknown key 'bit'; did you mean 'bits'?"),
    "output-quality": (
        11,
        "output.quality: 200 is not allowed; allowed: quality of jpeg and avif, a whole number 1..100",
    ),
    "output-true-bits": (11, "output.bits: true is not allowed"),
    "parameter-duplicate": (11, "key 'contrast' is already given at line 10"),
    "parameter-misspelt": (9, "stage tone_curve has no parameter 'contrsat'; did you mean 'contrast'?"),
    "parameter-text": (9, "'strong' is not allowed; allowed: 0.5..2 EV/EV"),
    "parameter-unknown": (9, "its parameters: contrast, points, enabled"),
    "scalar-at-the-top": (1, "a single value at the top"),
    "stage-empty-value": (7, "an empty value is not allowed"),
    "stage-misspelt": (7, "unknown stage 'demosiac'; did you mean 'demosaic'?"),
    "stage-not-a-name": (7, "write `- name` or `- name: {parameter: value}`"),
    "stage-twice": (9, "stage black_level is given twice (first at line 5)"),
    "stage-two-keys": (7, "2 keys in one item"),
    "stage-unknown": (7, "unknown stage 'zzz'; stages: linearize, black_level"),
    "stage-value-text": (7, "'malvar2004' is not allowed for stage demosaic; write {parameter: value}"),
    "stages-empty": (3, "stages: [] is not allowed"),
    "stages-mapping": (3, "is not allowed; allowed: a list of `- name`"),
    "surrogate": (2, "half a surrogate pair"),
    "tab": (3, "not YAML: while scanning"),
    "table-for-a-choice": (7, "allowed: bilinear | malvar2004"),
    "table-out-of-bounds": (9, "9 is out of bounds; allowed: 0.5..2 EV/EV"),
    "table-over-nothing": (9, "allowed: 0.5..2 EV/EV"),
    "tag-own": (2, "tags are not allowed: !name"),
    "tag-python": (2, "tags are not allowed"),
    "three-levels-for-four-sites": (5, "allowed: a number or 4 numbers, each from_file | 0..65535 DN"),
    "utf-16": (1, "not UTF-8 text (UTF-16); save it as UTF-8"),
    "version-missing": (1, "version is missing; write version: 1"),
    "version-newer": (1, "made by a newer version"),
    "version-text": (1, "'1' is not a whole number"),
    "version-zero": (1, "version 0 is not known"),
    "white-below-black": (5, "level 64 must be below white 64 DN"),
}
"""File (without .yaml) to the line of the refusal and words in it."""


@pytest.mark.parametrize("name", sorted(WORDS))
def test_refused_with_file_line_and_words(name: str) -> None:
    path = FOLDER / f"{name}.yaml"
    line, words = WORDS[name]
    with pytest.raises(ProfileError) as caught:
        read_profile(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: ")
    assert words in message
    assert message.isprintable()
    assert caught.value.exit_code == 3


def test_every_illegal_profile_is_in_the_table() -> None:
    assert {p.stem for p in FOLDER.glob("*.yaml")} == set(WORDS)
