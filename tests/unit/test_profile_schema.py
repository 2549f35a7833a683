"""The JSON Schema for editors agrees with the loader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from isp.profile import profile_schema
from isp.profile.loader import parse_document
from isp.profile.schema import parameter_schema
from tests.profile_fakes import GOOD, STAGES, fakes  # noqa: F401

jsonschema = pytest.importorskip("jsonschema")

pytestmark = pytest.mark.usefixtures("fakes")
ILLEGAL = Path(__file__).parents[1] / "data" / "illegal"

SEEN = (
    "choice-unknown", "enabled-number", "key-misspelt", "key-missing-name", "key-missing-stages", "key-unknown",
    "matrix-ragged", "number-out-of-bounds", "number-quoted", "number-true", "output-format", "output-misspelt",
    "output-quality", "parameter-misspelt", "parameter-text", "stage-misspelt", "stage-two-keys", "stage-value-text",
    "stages-empty", "stages-mapping", "table-for-a-choice", "table-out-of-bounds", "table-over-nothing",
    "three-levels-for-four-sites", "version-newer", "version-text", "version-missing", "file-suffix",
)  # fmt: skip
"""Illegal profiles that a schema can see."""


def errors(tree: Any) -> list[Any]:
    # as an editor sees it: keys are text
    plain = json.loads(json.dumps(tree))
    return list(jsonschema.Draft202012Validator(profile_schema()).iter_errors(plain))


def test_it_is_a_schema_and_plain_json() -> None:
    schema = profile_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_good_profile_fits() -> None:
    assert errors(parse_document(GOOD, "p").value) == []


@pytest.mark.parametrize("name", SEEN)
def test_it_sees_what_is_wrong(name: str) -> None:
    assert errors(parse_document((ILLEGAL / f"{name}.yaml").read_text(), name).value)


def test_a_parameter_says_unit_bounds_and_default() -> None:
    schema = parameter_schema(STAGES["black_level"].parameter("level"))
    assert schema["default"] == "from_file"
    assert schema["description"] == "Black level [DN]; from_file | 0..65535 DN"
    number = {"type": "number", "minimum": 0, "maximum": 65535}
    assert schema["anyOf"][:3] == [
        {"enum": ["from_file"]}, number, {"type": "array", "items": number, "minItems": 4, "maxItems": 4},
    ]  # fmt: skip


def test_the_stages_say_what_they_do() -> None:
    text = profile_schema()["$defs"]["stage_demosaic"]["description"]
    assert text == "Colours. Takes linear mosaic, black 0, white 1; gives linear camera RGB."
