"""From a profile to another program's tuning file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isp.errors import InputError, UsageError
from isp.io.atomic import atomic_write
from isp.io.cube import Cube, write_cube
from isp.profile import Profile
from isp.profile.text import did_you_mean, quoted
from tuning.exchange import camera2_json, color_part, dcp_exchange, dcp_file, icc_file, noise_model_c
from tuning.exchange.camera_facts import CameraFacts, facts_of, needed
from tuning.exchange.libcamera_json import json_text, libcamera_blocks
from tuning.exchange.libcamera_yaml import yaml_text
from tuning.exchange.parsing import algorithms
from tuning.exchange.tone_export import with_tone

TARGETS = ("libcamera-pisp", "libcamera-vc4", "libcamera-rkisp1", "dcp", "icc", "cube", "camera2", "noise_model_c")
_PI = {"libcamera-pisp": "pisp", "libcamera-vc4": "bcm2835"}
_NEEDED = {"black": "black_level.level and white", "curve": "white_balance.curve", "matrices": "ccm.matrix"}
"""What a libcamera pipeline does not work without."""
_BLOCK_OF = {"black": "rpi.black_level", "curve": "rpi.awb", "matrices": "rpi.ccm"}
_CARRIED = ("linearize", "demosaic", "black_level", "lens_shading", "white_balance", "ccm", "tone_curve", "encode")


@dataclass(frozen=True)
class ExportedTuning:
    """A profile in another program's format.

    Parameters
    ----------
    target : str
        One of `TARGETS`.
    data : bytes or Cube
        The file.
    notes : tuple of str
        A line for everything in the profile that is not in the file, or not exactly.
    """

    target: str
    data: bytes | Cube
    notes: tuple[str, ...]

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the file, whole or not at all; OutputError if it exists and `overwrite` is false."""
        if isinstance(self.data, Cube):
            write_cube(self.data, path, overwrite=overwrite)
            return
        with atomic_write(path, overwrite) as file:
            file.write(self.data)


def export_profile(
    profile: Profile, target: str, *, into: Mapping[str, Any] | None = None, kelvin: float = 5000.0, iso: float = 100.0,
    size: int = 33, kind: str = "lut", model: str = "", max_analog_iso: float | None = None, unity_iso: float = 100.0,
) -> ExportedTuning:  # fmt: skip
    """A profile in another program's format.

    Parameters
    ----------
    profile : Profile
    target : str
        One of `TARGETS`.
    into : mapping, optional
        An existing libcamera JSON tree of the same target, whose blocks are replaced and whose others stay.
    kelvin, iso : float
        Light and sensitivity for formats that hold one of them only (cube, icc, camera2).
    size : int
        Points a side of a table: 2..129 (cube), 2..65 (icc).
    kind : str
        Of an ICC profile: ``lut`` or ``matrix``.
    model : str
        UniqueCameraModel of a DCP; the profile's sensor or name by default.
    max_analog_iso : float, optional
        For `noise_model_c`; the last ISO of the noise table by default.
    unity_iso : float
        ISO at analogue gain 1, for libcamera's noise model.

    Raises
    ------
    UsageError
        An unknown target or an option that cannot be.
    ProfileError
        The profile does not state what the format requires; the line names it.
    """
    if target not in TARGETS:
        raise UsageError(f"export to {quoted(target)} is not known; {did_you_mean(target, TARGETS, 'targets')}")
    if not 1000 <= kelvin <= 25000 or not 0 < iso < 1e7 or not 0 < unity_iso < 1e6:
        raise UsageError(f"{kelvin:g} K and ISO {iso:g}; allowed: 1000..25000 K, and ISO above 0")
    if not 2 <= size <= (65 if target == "icc" else 129):
        raise UsageError(f"a table of {size} points a side; allowed: 2..{65 if target == 'icc' else 129}")
    if into is not None and target not in _PI:
        raise UsageError(f"an existing file can be changed for {' and '.join(_PI)} only")
    if target == "cube":
        cube, space, notes = color_part.baked(profile, size=size, kelvin=kelvin)
        notes.append(f"from white-balanced linear camera RGB, white 1, to code values of {space}")
        return ExportedTuning(target, cube, tuple(dict.fromkeys(notes)))
    if target == "icc":
        data, notes = icc_file.icc_bytes(profile, kind=kind, size=size, kelvin=kelvin)
    elif target == "dcp":
        made, notes = dcp_exchange.to_dcp(profile, model or profile.sensor or profile.name)
        data = dcp_file.dcp_bytes(made)
    elif target == "camera2":
        tree, notes = camera2_json.camera2_tree(profile, kelvin=kelvin, iso=iso)
        data = (json.dumps(tree, indent=1) + "\n").encode()
    elif target == "noise_model_c":
        text, notes = noise_model_c.noise_model_text(profile, max_analog_iso)
        data = text.encode()
    else:
        data, notes = _libcamera(profile, target, into, unity_iso)
    return ExportedTuning(target, data, tuple(dict.fromkeys(notes)))


def _libcamera(
    profile: Profile, target: str, into: Mapping[str, Any] | None, unity_iso: float
) -> tuple[bytes, list[str]]:
    notes: list[str] = []
    facts = with_tone(facts_of(profile), profile, notes)
    there = {} if into is None else algorithms(into, "the existing file")
    needed(facts, {k: v for k, v in _NEEDED.items() if _BLOCK_OF[k] not in there}, target, profile.name)
    notes += _left_behind(profile, facts)
    if target == "libcamera-rkisp1":
        text, lines = yaml_text(facts, profile.name)
        return text.encode(), notes + lines
    if into is not None and into.get("target") != _PI[target]:
        raise InputError(f"the existing file is for {quoted(into.get('target'))}; {target} needs {_PI[target]!r}")
    blocks, lines = libcamera_blocks(facts, _PI[target], unity_iso)
    merged = {**there}
    for key, block in blocks.items():
        kept = there.get(key)
        merged[key] = {**kept, **block} if isinstance(kept, dict) else block
    return json_text(merged, _PI[target]).encode(), notes + lines


def _left_behind(profile: Profile, facts: CameraFacts) -> list[str]:
    lines = []
    for entry in profile.stages:
        if not entry.enabled or entry.name == "exposure":
            continue
        if entry.name not in _CARRIED:
            lines.append(f"{entry.name}: not carried over")
    values = next((e.given for e in profile.stages if e.name == "tone_curve" and e.enabled), None)
    if values is not None and (values["hue"] or values["perceptual"]):
        lines.append("tone_curve: each channel by itself in libcamera, as with hue 0 and perceptual 0")
    if not facts.meshes:
        lines.append("lens_shading.mesh: the profile states none")
    if not facts.noise:
        lines.append("black_level.noise: the profile states none")
    return lines


def read_tree(path: Path) -> dict[str, Any]:
    """An existing libcamera JSON file, to export into."""
    from isp.io.limits import Limits
    from isp.io.source import open_source
    from tuning.exchange.parsing import MAX_BYTES, read_json

    with open_source(path, Limits(file_megabytes=MAX_BYTES / 1e6)) as source:
        return read_json(source.read_at(0, source.size, "the file"), source.name)
