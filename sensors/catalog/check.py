"""Holds a value of a catalogue file against its description; every refusal names file, line and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isp.parameters import Param
from isp.profile.loader import Document, KeyPath
from isp.profile.text import did_you_mean, quoted
from sensors.catalog.fields import Elsewhere, Kind, Many, OneOf, Record, Switch, Text, Words
from sensors.sensor import Fact

_KEYS = ("value", "source", "estimated")


def check(kind: Kind, value: Any, document: Document, path: KeyPath) -> Any:
    """`value` as plain data: numbers as float, lists as tuples, mappings as dicts.

    Raises
    ------
    ProfileError
        ``FILE:LINE: key: what is wrong; allowed: ...``.
    """
    match kind:
        case Param():
            try:
                return kind.check(value)
            except ValueError as error:
                raise document.error(path, f"{_name(path)}: {error}") from None
        case Text():
            if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value) <= kind.longest:
                allowed = f"one line of 1..{kind.longest} characters"
                raise document.error(path, f"{_name(path)}: {quoted(value)} is not allowed; allowed: {allowed}")
            return value
        case Switch():
            if not isinstance(value, bool):
                raise document.error(path, f"{_name(path)}: {quoted(value)} is not allowed; allowed: true | false")
            return value
        case Words():
            if not isinstance(value, list) or not all(isinstance(w, str) and w.isprintable() for w in value):
                raise document.error(path, f"{_name(path)}: {quoted(value)} is not allowed; allowed: [word, ...]")
            return tuple(value)
        case Record():
            return _record(kind, value, document, path)
        case OneOf():
            mapping = _mapping(value, document, path)
            for key, record in kind.records.items():
                if key in mapping:
                    return _record(record, mapping, document, path)
            forms = " | ".join("{" + ", ".join(r.members) + "}" for r in kind.records.values())
            raise document.error(path, f"{_name(path)}: {quoted(value)} is not allowed; allowed: {forms}")
        case Many():
            if not isinstance(value, list) or not 1 <= len(value) <= kind.most:
                allowed = f"a list of 1..{kind.most} mappings"
                raise document.error(path, f"{_name(path)}: {quoted(value)} is not allowed; allowed: {allowed}")
            return tuple(_record(kind.record, item, document, (*path, i)) for i, item in enumerate(value))
        case Elsewhere():
            return value


def check_entry(kind: Kind, raw: Any, document: Document, path: KeyPath, sources: Mapping[str, str], unit: str) -> Fact:
    """The fact in `{value, source, estimated}`, or in a bare value, which then has no source.

    `source` is a key of the file's `sources`, or a list of them. Errors as `check`.
    """
    entry = raw if isinstance(raw, dict) and "value" in raw else {"value": raw}
    for key in entry:
        if key not in _KEYS:
            hint = did_you_mean(str(key), _KEYS, "keys")
            raise document.error((*path, key), f"{_name(path)}: unknown key {quoted(key)}; {hint}")
    inner = (*path, "value") if entry is raw else path
    value = check(kind, entry["value"], document, inner)
    estimated = check(Switch(""), entry.get("estimated", False), document, (*path, "estimated"))
    named = entry.get("source", [])
    named = [named] if isinstance(named, str) else named
    if not isinstance(named, list) or not all(isinstance(word, str) for word in named):
        raise document.error((*path, "source"), f"{_name(path)}: source must be a key of sources, or a list of them")
    for word in named:
        if word not in sources:
            hint = did_you_mean(word, sources, "sources")
            raise document.error((*path, "source"), f"{_name(path)}: no source {quoted(word)}; {hint}")
    return Fact(value, unit, tuple(sources[word] for word in named), estimated)


def check_keys(mapping: Mapping[Any, Any], known: Mapping[str, Any] | list[str], document: Document, path: KeyPath,
               needs: tuple[str, ...] = ()) -> None:
    """Refuse keys that are not `known` (the nearest is suggested) and the absence of those in `needs`."""
    for key in mapping:
        if key not in known:
            hint = did_you_mean(str(key), known, "keys")
            raise document.error((*path, key), f"{_prefix(path)}unknown key {quoted(key)}; {hint}")
    for key in needs:
        if key not in mapping:
            raise document.error(path, f"{_prefix(path)}{key} is missing; needed: {', '.join(needs)}")


def _record(record: Record, value: Any, document: Document, path: KeyPath) -> dict[str, Any]:
    mapping = _mapping(value, document, path)
    check_keys(mapping, record.members, document, path, record.needs)
    return {key: check(record.members[key], item, document, (*path, key)) for key, item in mapping.items()}


def _mapping(value: Any, document: Document, path: KeyPath) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise document.error(path, f"{_name(path)}: {quoted(value)} is not allowed; allowed: a mapping")
    return value


def _name(path: KeyPath) -> str:
    return ".".join(str(part) for part in path if part != "value") or "the file"


def _prefix(path: KeyPath) -> str:
    return f"{_name(path)}: " if path else ""
