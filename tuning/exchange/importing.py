"""From another program's tuning file to a profile."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from isp.errors import InputError, UsageError
from isp.io.atomic import atomic_write, check_writable
from isp.io.cube import Cube, parse_cube, write_cube
from isp.io.limits import Limits
from isp.io.source import open_source
from isp.parameters import FileRef
from isp.profile import Profile, read_profile
from isp.profile.build import find_stage, make_entry
from tuning.exchange.camera_facts import CameraFacts
from tuning.exchange.dcp_exchange import from_dcp
from tuning.exchange.dcp_file import MAGIC, read_dcp
from tuning.exchange.libcamera_json import from_libcamera_json
from tuning.exchange.libcamera_yaml import from_libcamera_yaml
from tuning.exchange.parsing import MAX_BYTES, read_json, read_yaml
from tuning.session.profile_values import with_values

FORMATS = ("libcamera-json", "libcamera-yaml", "dcp", "cube")
_LOOK = "look.cube"


@dataclass(frozen=True)
class ImportedTuning:
    """A profile made from a tuning file.

    Parameters
    ----------
    profile : Profile
        Ready to develop with; a look-up table is in it as it is.
    format : str
        One of `FORMATS`.
    carried : mapping of stage to the names of the parameters that the file gave
    notes : tuple of str
        A line for everything in the file that is not in the profile, or not exactly.
    """

    profile: Profile
    format: str
    carried: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> list[Path]:
        """Write the profile, and its look-up table beside it in ``NAME.data/``; the files in the order written.

        Raises
        ------
        OutputError
            One exists and `overwrite` is false, or cannot be written.
        """
        target = check_writable(path, overwrite)
        profile, written = self.profile, []
        for entry in profile.stages:
            cube = entry.values.get("file")
            if not isinstance(cube, Cube):
                continue
            folder = target.with_name(f"{target.stem}.data")
            folder.mkdir(exist_ok=True)
            write_cube(cube, folder / _LOOK, overwrite=overwrite)
            written.append(folder / _LOOK)
            made = make_entry(entry.stage, {**entry.values, "file": FileRef(f"{folder.name}/{_LOOK}")}, "profile")
            profile = replace(profile, stages=tuple(made if e is entry else e for e in profile.stages))
        with atomic_write(path, overwrite) as file:
            file.write(profile.to_yaml().encode("utf-8"))
        return [*written, target]


def import_tuning(
    path: str | os.PathLike[str], *, base: Profile | None = None, bits: int | None = None, unity_iso: float = 100.0,
    space: str = "srgb", transfer: str = "srgb",
) -> ImportedTuning:  # fmt: skip
    """Make a profile from a libcamera tuning file (Raspberry Pi JSON, RkISP1 YAML), a DCP or a ``.cube`` file.

    Parameters
    ----------
    path : file
        Recognised by what it holds.
    base : Profile, optional
        Whose stages and other values the profile has; `natural` by default.
    bits : int, optional
        Of the raw frames, 8..16: libcamera states black levels of 16 bits. Without it frames state their own.
    unity_iso : float
        ISO at analogue gain 1, for libcamera's noise model.
    space, transfer : str
        What a ``.cube`` file was made for; see the stage `look_lut`.

    Raises
    ------
    UsageError
        `bits` is outside 8..16.
    InputError
        The file is missing, of no known kind, or malformed: one line with file, place and what is allowed.
    ProfileError
        A value that the profile's stages do not allow.
    """
    if bits is not None and not 8 <= bits <= 16:
        raise UsageError(f"bits {bits} of raw frames; allowed: 8..16")
    if not 0 < unity_iso < 1e6:
        raise UsageError(f"ISO {unity_iso:g} at analogue gain 1 must be above 0")
    with open_source(path, Limits(file_megabytes=MAX_BYTES * 8 / 1e6)) as source:
        data, name = source.read_at(0, source.size, "the file"), source.name
    cube: Cube | None = None
    facts = CameraFacts()
    notes: list[str] = []
    kind = _kind(data, name)
    where: tuple[str, dict[str, Any]] = ("tone_curve", {"space": space, "transfer": transfer})
    if kind == "dcp":
        facts, cube, notes = from_dcp(read_dcp(data, name), name)
        where = ("exposure", {"space": "rec2020", "transfer": "log"})
    elif kind == "cube":
        cube = parse_cube(data, name)
    elif len(data) > MAX_BYTES:
        raise InputError(f"{name}: a tuning file of {len(data)} bytes; at most {MAX_BYTES} are allowed")
    elif kind == "libcamera-json":
        facts, notes = from_libcamera_json(read_json(data, name), name, bits=bits, unity_iso=unity_iso)
    else:
        facts, notes = from_libcamera_yaml(read_yaml(data, name), name, bits=bits)
    values = facts.stage_values()
    if not values and cube is None:
        raise InputError(f"{name}: says nothing that a profile can hold: {'; '.join(notes)}")
    if "ccm" in values and len(facts.tone):
        values["saturation"] = {"amount": 1.0, "vibrance": 0.0}
    chosen = read_profile("natural") if base is None else base
    profile, lacking = with_values(chosen, values)
    notes += [f"{stage}: not carried over: the base profile has no such stage" for stage in lacking if stage in values]
    if cube is not None:
        profile = _with_look(profile, cube, *where)
    label = " ".join(Path(path).stem.split())[:60] or "imported"
    made = replace(profile, name=label, description=f"From {Path(path).name}"[:200], source="", folder=None)
    carried = {stage: tuple(given) for stage, given in values.items() if stage not in lacking}
    if cube is not None:
        carried["look_lut"] = ("file",)
    return ImportedTuning(made, kind, carried, tuple(dict.fromkeys(notes)))


def _kind(data: bytes, name: str) -> str:
    if data.startswith(MAGIC):
        return "dcp"
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"{"):
        return "libcamera-json"
    suffix = Path(name).suffix.lower()
    if suffix in (".cube", ".dcp"):
        if suffix == ".dcp":
            read_dcp(data, name)
        return "cube"
    if suffix in (".yaml", ".yml") or head.startswith((b"%YAML", b"#", b"version")):
        return "libcamera-yaml"
    raise InputError(f"{name}: not a tuning file that is known here: libcamera JSON or YAML, DCP, .cube")


def _with_look(profile: Profile, cube: Cube, behind: str, values: dict[str, Any]) -> Profile:
    """The profile with the table behind a stage (or in its own `look_lut`)."""
    made = make_entry(find_stage("look_lut"), {**values, "file": cube}, "profile")
    entries = [e for e in profile.stages if e.name != "look_lut"]
    names = [e.name for e in entries]
    at = names.index(behind) + 1 if behind in names else names.index("tone_curve")
    return profile.with_stages([*entries[:at], made, *entries[at:]])
