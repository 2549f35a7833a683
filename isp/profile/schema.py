"""JSON Schema (draft 2020-12) of a profile, for editors: every stage, parameter, unit, bound and default."""

from __future__ import annotations

import math
from typing import Any

from isp import stages as registry
from isp.parameters import TABLE_AXES, FileRef, Param, Table
from isp.stage import DOMAINS, Stage

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def profile_schema() -> dict[str, Any]:
    """The schema of every profile that the installed stages allow.

    The loader checks more than it can say: order of stages, bounds across parameters, files, one way to write numbers.
    """
    from isp.profile.sections import ProfileSection

    schema = ProfileSection.model_json_schema(ref_template="#/$defs/{model}")
    names = registry.stage_names()
    stages = {name: _stage(registry.find_stage(name)) for name in names}
    schema["$defs"].update({f"stage_{name}": body for name, body in stages.items()})
    schema["properties"]["version"] = {"const": 1, "description": "format version"}
    schema["properties"]["stages"] = {
        "description": "the stages in order, each at most once",
        "type": "array",
        "minItems": 1,
        "items": {
            "anyOf": [
                {"enum": names},
                {
                    "type": "object",
                    "properties": {name: {"$ref": f"#/$defs/stage_{name}"} for name in names},
                    "additionalProperties": False,
                    "minProperties": 1,
                    "maxProperties": 1,
                },
            ]
        },
    }
    return {"$schema": DRAFT, "title": "Profile of a mobile ISP", **{k: v for k, v in schema.items() if k != "title"}}


def _stage(stage: Stage) -> dict[str, Any]:
    takes = " or ".join(DOMAINS[d] for d in stage.takes)
    gives = DOMAINS[stage.gives] if stage.gives else "the same"
    doc = (type(stage).__doc__ or stage.name).strip().splitlines()[0]
    return {
        "type": "object",
        "description": f"{doc} Takes {takes}; gives {gives}.",
        "properties": {
            "enabled": {"type": "boolean", "default": True, "description": "false leaves the stage out"},
            **{p.name: parameter_schema(p) for p in stage.parameters},
        },
        "additionalProperties": False,
    }


def parameter_schema(param: Param) -> dict[str, Any]:
    """The schema of one parameter's value."""
    ways: list[dict[str, Any]] = []
    words = [*param.sources, *param.choices]
    if words:
        ways.append({"enum": words})
    if not param.choices:
        plain = [_shaped(param, shape) for shape in param.shapes]
        ways += plain
        if not param.structural:
            ways += [_table(axis, plain) for axis in TABLE_AXES]
    if param.files:
        ways.append(_file(param))
    unit = "" if param.unit == "1" else f" [{param.unit}]"
    return {
        "description": f"{param.doc}{unit}; {param.bounds}",
        "default": _json(param.default),
        **(ways[0] if len(ways) == 1 else {"anyOf": ways}),
    }


def _shaped(param: Param, shape: tuple[int | None, ...]) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "integer" if param.integer else "number"}
    if math.isfinite(param.lower):
        node["minimum"] = param.lower
    if math.isfinite(param.upper):
        node["maximum"] = param.upper
    for size in reversed(shape):
        node = {"type": "array", "items": node}
        if size is not None:
            node.update(minItems=size, maxItems=size)
    return node


def _table(axis: str, plain: list[dict[str, Any]]) -> dict[str, Any]:
    rows = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": r"^(0|[1-9][0-9]*)(\.[0-9]+)?$"},
        "additionalProperties": plain[0] if len(plain) == 1 else {"anyOf": plain},
    }
    return {
        "type": "object",
        "description": f"a table over {TABLE_AXES[axis]}",
        "properties": {axis: rows},
        "required": [axis],
        "additionalProperties": False,
    }


def _file(param: Param) -> dict[str, Any]:
    suffixes = "|".join(s.replace(".", r"\.") for s in param.files)
    return {
        "type": "object",
        "description": "a file inside the profile's own folder",
        "properties": {
            "file": {"type": "string", "pattern": f"({suffixes})$"},
            **({"name": {"type": "string", "description": "which of the things in the file"}} if param.named else {}),
            "sha256": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"},
        },
        "required": ["file"],
        "additionalProperties": False,
    }


def _json(value: Any) -> Any:
    if isinstance(value, FileRef):
        return {"file": value.file}
    if isinstance(value, Table):
        return {value.axis: {f"{k:g}": _json(v) for k, v in value.points}}
    return [_json(v) for v in value] if isinstance(value, (list, tuple)) else value
