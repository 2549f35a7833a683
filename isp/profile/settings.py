"""``--set STAGE.PARAMETER=VALUE``: one value changed from the command line or from Python."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any

from isp import stages as registry
from isp.errors import LimitError, ProfileError, UsageError
from isp.parameters import FileRef
from isp.profile.build import check_switch, check_value, cross_check
from isp.profile.chain import check_chain
from isp.profile.loader import Document, parse_value
from isp.profile.model import Profile, StageEntry
from isp.profile.text import did_you_mean, one_line, quoted

ORIGIN = "--set"


def apply_settings(profile: Profile, settings: Iterable[str]) -> Profile:
    """See `Profile.with_settings`."""
    complete = profile.complete
    changed: set[str] = set()
    sections: dict[str, dict[str, Any]] = {}
    wrong: dict[str, ProfileError] = {}
    for setting in settings:
        where, key, text = _split(setting)
        shown = f"--set {one_line(where)}.{one_line(key)}"
        value = _value(text, shown)
        if where in ("output", "datapath"):
            # values of a section may be right together and wrong one by one: the last word counts
            given = sections.setdefault(where, _section(profile, where))
            given[key] = value
            try:
                profile = _with_section(profile, where, given, shown)
                wrong.pop(where, None)
            except ProfileError as error:
                wrong.setdefault(where, error)
            continue
        profile = _with_value(profile, where, key, value)
        changed.add(where)
    for fault in wrong.values():
        raise fault
    for entry in profile.stages:
        if entry.name in changed:
            # only now: two settings may be right together and wrong one by one
            try:
                cross_check(entry.stage, entry.values)
            except ProfileError as error:
                raise ProfileError(f"--set {error}") from None
    check_chain(profile.stages, profile.start, profile.source, full=complete)
    return profile


def _split(setting: str) -> tuple[str, str, str]:
    left, equals, text = setting.partition("=")
    where, dot, key = left.strip().partition(".")
    if not (equals and dot and where and key and text.strip()):
        raise UsageError(f"--set {quoted(setting)} must be STAGE.PARAMETER=VALUE, for example tone_curve.contrast=1.2")
    return where, key, text.strip()


def _value(text: str, shown: str) -> Any:
    if text.startswith("@"):
        return FileRef(text[1:])
    try:
        return parse_value(text, shown)
    except (ProfileError, LimitError) as error:
        raise UsageError(str(error).replace(f"{shown}:1:", f"{shown}:", 1)) from None


def _with_value(profile: Profile, name: str, key: str, value: Any) -> Profile:
    entry = next((e for e in profile.stages if e.name == name), None)
    if entry is None:
        names = [e.name for e in profile.stages]
        known = name in registry.stage_names()
        hint = f"its stages: {', '.join(names)}" if known else did_you_mean(name, names, "its stages")
        raise ProfileError(f"--set {one_line(name)}.{one_line(key)}: profile {quoted(profile.name)} has no stage "
                           f"{quoted(name)}; {hint}")
    try:
        after = _changed(entry, key, value)
    except ProfileError as error:
        raise ProfileError(f"--set {error}") from None
    return replace(profile, stages=tuple(after if e is entry else e for e in profile.stages))


def _changed(entry: StageEntry, key: str, value: Any) -> StageEntry:
    origins = MappingProxyType({**entry.origins, key: ORIGIN})
    if key == "enabled":
        return replace(entry, enabled=check_switch(entry.stage, value), origins=origins)
    checked = check_value(entry.stage, key, value)
    return replace(entry, values=MappingProxyType({**entry.values, key: checked}), origins=origins)


def _section(profile: Profile, section: str) -> dict[str, Any]:
    """The values of `output` or `datapath` as a profile has them."""
    if section == "output":
        return profile.output.as_dict()
    return asdict(profile.datapath) if profile.datapath is not None else {}


def _with_section(profile: Profile, section: str, values: dict[str, Any], shown: str) -> Profile:
    from isp.profile.sections import as_datapath, as_output, check_sections

    tree = {"version": profile.version, "name": "x", "stages": ["x"], section: values}
    try:
        top = check_sections(tree, Document(tree, {}, shown))
    except ProfileError as error:
        raise ProfileError(str(error).replace(f"{shown}:1:", f"{shown}:", 1)) from None
    return replace(profile, output=as_output(top.output)) if section == "output" else replace(
        profile, datapath=as_datapath(top.datapath)
    )
