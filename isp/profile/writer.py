"""A profile as text that the strict loader reads back to the same profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from isp.errors import ProfileError
from isp.io.cube import Cube
from isp.parameters import FileRef, Table
from isp.profile.model import Profile, StageEntry
from isp.profile.scalars import is_plain_text, number_text
from isp.profile.text import one_line

if TYPE_CHECKING:
    from yaml.events import Event

_WIDTH = 110


def profile_text(profile: Profile) -> str:
    """YAML of `profile`; see `Profile.to_yaml`."""
    import yaml

    if not profile.complete:
        raise ProfileError(f"{one_line(profile.name)} is a part of a profile; only a whole one can be written")
    text: str = yaml.emit(_document(_tree(profile)), Dumper=yaml.SafeDumper, width=_WIDTH, allow_unicode=True)
    return text


def _tree(profile: Profile) -> dict[str, Any]:
    tree: dict[str, Any] = {"version": profile.version, "name": profile.name}
    if profile.description:
        tree["description"] = profile.description
    if profile.sensor:
        tree["sensor"] = profile.sensor
    tree["stages"] = [_stage(entry) for entry in profile.stages]
    tree["output"] = profile.output.as_dict()
    if profile.datapath is not None:
        tree["datapath"] = asdict(profile.datapath)
    return tree


def _stage(entry: StageEntry) -> str | dict[str, Any]:
    values: dict[str, Any] = {} if entry.enabled else {"enabled": False}
    for key, value in entry.values.items():
        if isinstance(value, FileRef) and entry.origins.get(key) == "--set":
            raise ProfileError(
                f"{entry.name}.{key}: {one_line(value.file)} was given by --set, perhaps outside the profile's folder; "
                "copy it there and name it in the profile"
            )
        values[key] = _plain(value)
    return {entry.name: values} if values else entry.name


def _plain(value: Any) -> Any:
    from isp.lenses.prescription import Prescription

    if isinstance(value, FileRef):
        return value._asdict()
    if isinstance(value, Table):
        return {value.axis: dict(value.points)}
    if isinstance(value, Cube):
        return value.numbers()
    if isinstance(value, Prescription):
        raise ProfileError(f"lens {one_line(value.name)} was given as a prescription; write it as a lens file")
    return value


def _document(tree: dict[str, Any]) -> Iterator[Event]:
    from yaml import events

    yield events.StreamStartEvent()
    yield events.DocumentStartEvent(explicit=False)
    yield from _node(tree, block=True, depth=0)
    yield events.DocumentEndEvent(explicit=False)
    yield events.StreamEndEvent()


def _node(value: Any, block: bool, depth: int) -> Iterator[Event]:
    """Events of one node: the top and the list of stages in block style, everything below on one line."""
    from yaml import events

    if isinstance(value, Mapping):
        yield events.MappingStartEvent(None, None, True, flow_style=not block)
        for key, item in value.items():
            yield from _node(key, False, depth)
            stage = depth == 2  # top, list of stages, one stage
            yield from _node(item, block and not stage and key not in ("output", "datapath"), depth + 1)
        yield events.MappingEndEvent()
    elif isinstance(value, (list, tuple)):
        yield events.SequenceStartEvent(None, None, True, flow_style=not block)
        for item in value:
            yield from _node(item, block, depth + 1)
        yield events.SequenceEndEvent()
    else:
        text, style = _scalar(value)
        yield events.ScalarEvent(None, None, (style is None, True), text, style=style)


def _scalar(value: str | float | bool) -> tuple[str, str | None]:
    if isinstance(value, bool):
        return ("true" if value else "false"), None
    if isinstance(value, int):
        return str(value), None
    if isinstance(value, float):
        return number_text(value), None
    return value, None if is_plain_text(value) else "'"
