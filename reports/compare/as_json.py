"""A report for machines. Its schema is `SCHEMA`; `isp report --schema` prints it."""

from __future__ import annotations

from typing import Any

from reports.model import Input, Report

VERSION = 1
"""Of the schema: rises when a field changes its meaning or goes; fields may be added without."""

_ESTIMATE = {
    "type": "object",
    "description": "A number with its 95 % interval; all null with a reason where it cannot be had.",
    "required": ["value", "interval", "unit", "reason"],
    "properties": {
        "value": {"type": ["number", "null"]},
        "interval": {"type": ["array", "null"], "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "unit": {"type": "string"},
        "reason": {"type": ["string", "null"]},
    },
}
_INPUT = {
    "type": "object",
    "required": ["label", "name", "kind", "width", "height", "sha256", "about"],
    "properties": {
        "label": {"type": "string", "description": "A, B, ... in the order given"},
        "name": {"type": "string", "description": "file name without folder, or PROFILE: FILE"},
        "kind": {"enum": ["picture", "developed"]},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "sha256": {"type": "string", "description": "of the file read"},
        "about": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
_PLACE = {"type": "array", "description": "x, y, width, height [px]", "items": {"type": "integer"}, "minItems": 4}

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "isp report --json",
    "type": "object",
    "required": ["version", "title", "inputs", "verdict", "quantities", "notes", "repeat"],
    "properties": {
        "version": {"const": VERSION},
        "title": {"type": "string"},
        "inputs": {"type": "array", "items": _INPUT},
        "reference": {"oneOf": [{"type": "null"}, _INPUT]},
        "verdict": {
            "type": "object",
            "required": ["sentence", "compared", "findings"],
            "properties": {
                "sentence": {"type": "string"},
                "compared": {"type": "integer", "description": "differences that were asked"},
                "findings": {
                    "type": "array",
                    "description": "differences beyond chance, the largest first",
                    "items": {
                        "type": "object",
                        "required": ["key", "first", "second", "difference", "p", "better"],
                        "properties": {
                            "key": {"type": "string"},
                            "first": {"type": "string", "description": "label"},
                            "second": {"type": "string", "description": "label"},
                            "difference": _ESTIMATE | {"description": "second minus first"},
                            "p": {"type": "number", "description": "corrected for the number of comparisons (Holm)"},
                            "better": {"type": ["string", "null"], "description": "label; null: a matter of taste"},
                        },
                    },
                },
            },
        },
        "quantities": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["key", "label", "group", "better", "noticeable", "estimates"],
                "properties": {
                    "key": {"type": "string", "description": "stable; what --fail-if asks for"},
                    "label": {"type": "string"},
                    "group": {"type": "string"},
                    "better": {"enum": ["higher", "lower", "zero", "one", ""]},
                    "noticeable": {"type": "number", "description": "smallest difference worth a word"},
                    "note": {"type": "string"},
                    "estimates": {"type": "object", "additionalProperties": _ESTIMATE, "description": "by label"},
                },
            },
        },
        "crops": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["place", "why"],
                "properties": {"place": _PLACE, "why": {"type": "string"}},
            },
        },
        "stages": {
            "type": "array",
            "description": "of developed inputs: each stage compiled alone",
            "items": {
                "type": "object",
                "required": ["input", "stage", "ms_per_megapixel", "bytes_per_pixel"],
                "properties": {
                    "input": {"type": "string"},
                    "stage": {"type": "string"},
                    "ms_per_megapixel": _ESTIMATE,
                    "bytes_per_pixel": _ESTIMATE,
                },
            },
        },
        "parameters": {
            "type": "array",
            "description": "parameters that differ between developed inputs",
            "items": {
                "type": "object",
                "required": ["stage", "parameter", "values"],
                "properties": {
                    "stage": {"type": "string"},
                    "parameter": {"type": "string"},
                    "unit": {"type": "string"},
                    "values": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
                },
            },
        },
        "sections": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["key", "title", "notes"],
                "properties": {
                    "key": {"type": "string"},
                    "title": {"type": "string"},
                    "notes": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
        "notes": {"type": "array", "items": {"type": "string"}},
        "repeat": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
"""JSON Schema of what `as_json` gives."""


def as_json(report: Report) -> dict[str, Any]:
    """The report without its pictures, in the form of `SCHEMA`."""
    labels = report.columns
    return {
        "version": VERSION,
        "title": report.title,
        "inputs": [_input(i) for i in report.inputs],
        "reference": _input(report.reference) if report.reference is not None else None,
        "verdict": {
            "sentence": report.verdict.sentence,
            "compared": report.verdict.compared,
            "findings": [
                {
                    "key": f.quantity.key,
                    "first": labels[f.pair[0]],
                    "second": labels[f.pair[1]],
                    "difference": f.difference.as_json(),
                    "p": f.p,
                    "better": None if f.better is None else labels[f.better],
                }
                for f in report.verdict.findings
            ],
        },
        "quantities": [
            {
                "key": q.key, "label": q.label, "group": q.group, "better": q.better, "noticeable": q.noticeable,
                "note": q.note, "estimates": {n: e.as_json() for n, e in zip(labels, q.estimates, strict=True)},
            }
            for q in report.quantities
        ],
        "crops": [{"place": list(c.place), "why": c.why} for c in report.crops],
        "stages": [
            {
                "input": labels[s.input], "stage": t.stage, "ms_per_megapixel": t.milliseconds.as_json(),
                "bytes_per_pixel": t.bytes_per_pixel.as_json(),
            }
            for s in report.stages
            for t in s.taps
        ],
        "parameters": [
            {
                "stage": p.stage, "parameter": p.parameter, "unit": p.unit,
                "values": dict(zip(labels, p.values, strict=True)),
            }
            for p in report.parameters
        ],
        "sections": [
            {"key": s.key, "title": s.title, "notes": list(s.notes)} for s in report.sections
        ],
        "notes": list(report.notes),
        "repeat": dict(report.repeat),
    }  # fmt: skip


def _input(given: Input) -> dict[str, Any]:
    return {
        "label": given.label, "name": given.name, "kind": given.kind, "width": given.size[0],
        "height": given.size[1], "sha256": given.sha256, "about": dict(given.about),
    }  # fmt: skip
