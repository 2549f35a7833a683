"""From what a profile says to plain numbers for one frame, each with where it came from.

Precedence: ``--set``, explicit profile value, raw file, sensor catalogue, default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from isp.errors import InputError, ProfileError
from isp.parameters import FileRef, Param, Table
from isp.profile.chain import check_chain
from isp.profile.files import load_file
from isp.profile.model import Profile, StageEntry
from isp.profile.sensors import sensor_values
from isp.profile.text import one_line
from isp.stage import Context, Plain

MAX_INLINE: Final = 33 * 33 * 4
"""Most numbers of one value that `freeze` writes into a profile; larger ones keep their file."""
NO_ISO: Final = "the frame says no ISO"
"""Why a table over ISO was read at its lowest."""
_WORDS: Final = {"from_file": "file", "auto": "auto (statistics)"}


@dataclass(frozen=True)
class ResolvedStage:
    """Plain values of one stage (every parameter) and the origin of each, in words."""

    values: Mapping[str, Plain] = field(hash=False)
    origins: Mapping[str, str] = field(hash=False)


def resolve_entry(entry: StageEntry, context: Context, profile: Profile) -> ResolvedStage:
    """The plain value of every parameter of `entry` for the frame that `context` describes.

    Parameters
    ----------
    entry : StageEntry
    context : Context
        As the stages before have left it: with their resolved values, white and temperature.
    profile : Profile
        Names the sensor, and the folder of files.

    Returns
    -------
    ResolvedStage
        Origins: `--set`, `profile`, `file`, `sensor NAME`, `default`, `auto (statistics)`, and what a table or file
        adds: `profile, table over iso at 400`, `profile, file NAME`.

    Raises
    ------
    ProfileError
        A named file is refused, or the sensor is unknown.
    InputError
        The frame does not say what is asked of it.
    """
    values: dict[str, Plain] = {}
    origins: dict[str, str] = {}
    facts = sensor_values(profile.sensor, entry.stage)
    for param in entry.stage.parameters:
        value, origin = _choose(entry, param, context, facts.get(param.name), f"sensor {profile.sensor}")
        values[param.name], origins[param.name] = _plain(entry, param, value, origin, context, profile)
    return ResolvedStage(MappingProxyType(values), MappingProxyType(origins))


def freeze(profile: Profile, resolved: Mapping[str, ResolvedStage]) -> Profile:
    """A copy of `profile` with the plain values of `resolved` (by stage name) written out.

    A look-up table, a lens, or a value of more than `MAX_INLINE` numbers that came from a file stays a file name.
    Raises ProfileError if a plain value is not one that a profile may hold.
    """
    from isp.profile.build import make_entry

    entries = []
    for entry in profile.stages:
        found = resolved.get(entry.name)
        if found is None:
            entries.append(entry)
            continue
        values = {
            p.name: entry.values[p.name]
            if isinstance(entry.values.get(p.name), FileRef) and _count(found.values[p.name]) > MAX_INLINE
            else found.values[p.name]
            for p in entry.stage.parameters
        }
        frozen = make_entry(entry.stage, values, "profile", entry.line)
        # a file that --set named is still one from outside the profile's folder
        kept = {n: o for n, o in entry.origins.items() if isinstance(values.get(n), FileRef)}
        origins = MappingProxyType({**frozen.origins, **kept})
        entries.append(replace(frozen, enabled=entry.enabled, origins=origins))
    check_chain(entries, profile.start, profile.source, full=profile.complete)
    return replace(profile, stages=tuple(entries))


def _choose(entry: StageEntry, param: Param, context: Context, sensor: Any, sensor_name: str) -> tuple[Any, str]:
    """The value with the highest precedence and its origin; `sensor` is what the catalogue says, or None."""
    if param.name in entry.values:
        return entry.values[param.name], entry.origins.get(param.name, "profile")
    fallback, origin = (param.default, "default") if sensor is None else (sensor, sensor_name)
    if "from_file" not in param.sources:
        return fallback, origin
    if fallback == "from_file":
        return fallback, origin
    if sensor is not None and not context.info.self_describing:
        # a dump or array says nothing of its own; what its stages would assume must not beat the sensor's facts
        return fallback, origin
    try:
        found = _from_source(entry, param, "from_file", context)
    except InputError:
        found = ()
    if found == ():
        # the file says nothing
        return fallback, origin
    return found, "file"


def _plain(
    entry: StageEntry, param: Param, value: Any, origin: str, context: Context, profile: Profile
) -> tuple[Plain, str]:
    what = f"{entry.name}.{param.name}"
    if origin.startswith("sensor "):
        value = _checked(param, value, f"{what} of {origin}")
    if isinstance(value, str) and value in param.sources:
        found = _from_source(entry, param, value, context)
        # a source may answer with another of the parameter's words, as `fallback` where the file says nothing
        word = found if isinstance(found, str) and found in param.sources else value
        return found, _origin(origin, _WORDS.get(word, word))
    if isinstance(value, Table):
        position, remark = _position(what, value, context)
        found = _origin(origin, f"table over {value.axis} at {position:g}{remark}")
        return param.interpolate(value, position), found
    if isinstance(value, FileRef):
        numbers = load_file(value, profile.folder, anywhere=origin == "--set")
        return _checked(param, numbers, f"{what}: file {one_line(value.file)}"), _origin(origin, f"file {value.file}")
    return (_checked(param, value, what) if origin == "default" else value), origin


def _origin(chosen: str, found: str) -> str:
    """Who chose the value and where it was found; who chose goes without saying for a default."""
    return found if chosen == "default" else f"{chosen}, {found}"


def _from_source(entry: StageEntry, param: Param, word: str, context: Context) -> Plain:
    try:
        value = entry.stage.source(param.name, word, context)
    except NotImplementedError as error:
        raise ProfileError(one_line(error)) from error
    try:
        return param.check(value)
    except ValueError as error:
        where = "the file says" if word == "from_file" else f"{word} gives"
        raise InputError(f"{entry.name}.{param.name}: {where} {one_line(error)}") from None


def _checked(param: Param, value: Any, what: str) -> Any:
    try:
        return param.check(value)
    except ValueError as error:
        raise ProfileError(f"{what}: {one_line(error)}") from None


def _position(what: str, table: Table, context: Context) -> tuple[float, str]:
    """Where on the axis of a table the frame lies, and a remark for its origin."""
    position = context.info.iso if table.axis == "iso" else context.temperature
    if position is not None and 0 < position < 1e9:
        return float(position), ""
    if table.axis == "iso":
        return min(at for at, _ in table.points), f" ({NO_ISO})"
    raise InputError(
        f"{what} is a table over {table.axis}, but no colour temperature is known before white_balance; "
        "give one value, or a frame that says it"
    )


def _count(value: Plain) -> int:
    if isinstance(value, tuple):
        return sum(_count(v) for v in value)
    # a look-up table or a lens stays in its file
    return 1 if isinstance(value, (str, int, float)) else MAX_INLINE + 1
