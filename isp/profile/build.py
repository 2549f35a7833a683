"""From a parsed document to a checked `Profile`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from isp import stages as registry
from isp.errors import ProfileError
from isp.parameters import FileRef
from isp.profile.chain import check_chain
from isp.profile.files import LENSES, load_file, locate
from isp.profile.loader import Document, KeyPath
from isp.profile.migrate import MIGRATIONS, Migration, migrate
from isp.profile.model import VERSION, Given, Profile, StageEntry
from isp.profile.text import did_you_mean, one_line, quoted
from isp.stage import Domain, Stage


def build_profile(
    document: Document, folder: Path | None, *, migrations: Mapping[int, Migration] = MIGRATIONS, current: int = VERSION
) -> Profile:
    """A checked profile from a parsed file.

    Parameters
    ----------
    document : Document
    folder : Path or None
        Where the files that the profile names must be.
    migrations, current
        See `isp.profile.migrate.migrate`.

    Raises
    ------
    ProfileError
        ``FILE:LINE:`` what is wrong and what is allowed.
    """
    from isp.profile.sections import as_datapath, as_output, check_sections

    top = check_sections(migrate(document, migrations, current), document)
    entries = tuple(_entry(item, i, document) for i, item in enumerate(top.stages))
    for entry in entries:
        _check_files(entry, folder, document)
    check_chain(entries, "raw", document.source, full=True)
    return Profile(
        version=top.version,
        name=top.name,
        description=top.description,
        sensor=top.sensor,
        stages=entries,
        output=as_output(top.output),
        datapath=as_datapath(top.datapath),
        source=document.source,
        folder=folder,
    )


def build_part(stages: Sequence[Given], start: Domain, name: str) -> Profile:
    """A list of stages without a file; see `Profile.from_stages`."""
    entries = []
    for given in stages:
        stage_name, values = (given, {}) if isinstance(given, str) else given
        entries.append(make_entry(find_stage(stage_name), values, "profile"))
    check_chain(entries, start, "", full=False)
    return Profile(VERSION, name, "", "", tuple(entries), start=start, source=name)


def find_stage(name: str) -> Stage:
    """The stage called `name`; ProfileError in one line with the nearest name."""
    if not isinstance(name, str) or not name.isprintable() or len(name) > 100:
        raise ProfileError(f"{quoted(name)} is not the name of a stage")
    return registry.find_stage(name)


def make_entry(stage: Stage, values: Mapping[Any, Any], origin: str, line: int = 0) -> StageEntry:
    """One stage with its values checked; ProfileError without a file and line."""
    checked: dict[str, Any] = {}
    enabled = True
    for key, value in values.items():
        if key == "enabled":
            enabled = check_switch(stage, value)
        else:
            checked[str(key)] = check_value(stage, key, value)
    cross_check(stage, checked)
    origins = MappingProxyType(dict.fromkeys([str(key) for key in values], origin))
    return StageEntry(stage.name, stage, enabled, MappingProxyType(checked), origins, line)


def check_switch(stage: Stage, value: Any) -> bool:
    """`value` of `enabled`."""
    if not isinstance(value, bool):
        raise ProfileError(f"{stage.name}.enabled: {quoted(value)} is not allowed; allowed: true or false")
    return value


def check_value(stage: Stage, key: Any, value: Any) -> Any:
    """`value` of parameter `key`, normalised; ProfileError with bounds and unit."""
    names = [*(p.name for p in stage.parameters), "enabled"]
    if key not in names:
        hint = did_you_mean(str(key), names, "its parameters")
        raise ProfileError(f"stage {stage.name} has no parameter {quoted(key)}; {hint}")
    param = stage.parameter(key)
    try:
        return param.check(value)
    except ValueError as error:
        what = one_line(error)
        bounds = "" if param.bounds in what else f", each {param.bounds}"
        raise ProfileError(f"{stage.name}.{key}: {what}{bounds}") from None


def cross_check(stage: Stage, values: Mapping[str, Any]) -> None:
    """The stage's own check across parameters."""
    try:
        stage.check(values)
    except ValueError as error:
        raise ProfileError(f"{stage.name}: {one_line(error)}") from None


def _entry(item: Any, index: int, document: Document) -> StageEntry:
    path: KeyPath = ("stages", index)
    name: Any
    values: Any
    if isinstance(item, str):
        name, values = item, {}
    elif isinstance(item, dict) and len(item) == 1:
        name, values = next(iter(item.items()))
        path = (*path, name)
    else:
        what = f"{len(item)} keys in one item" if isinstance(item, dict) else quoted(item)
        raise document.error(path, f"{what} is not a stage; write `- name` or `- name: {{parameter: value}}`")
    try:
        stage = find_stage(name)
    except ProfileError as error:
        raise document.error(path, str(error)) from error.__cause__
    if not isinstance(values, dict):
        raise document.error(path, f"{quoted(values)} is not allowed for stage {name}; write {{parameter: value}}")
    for key, value in values.items():
        try:
            check_switch(stage, value) if key == "enabled" else check_value(stage, key, value)
        except ProfileError as error:
            raise document.error((*path, key), str(error)) from None
    try:
        return make_entry(stage, values, "profile", document.line(path))
    except ProfileError as error:
        raise document.error(path, str(error)) from None


def _check_files(entry: StageEntry, folder: Path | None, document: Document) -> None:
    for key, value in entry.values.items():
        if isinstance(value, FileRef):
            try:
                locate(value, folder)
                if value.file.lower().endswith(LENSES):
                    # short, and what is in it is named in the profile; tables of numbers are read when they are used
                    load_file(value, folder)
            except ProfileError as error:
                where = next((p for p in document.lines if p[-2:] == (entry.name, key)), ())
                raise document.error(where, f"{entry.name}.{key}: {error}") from None
