"""The colour part of a profile on its own: what it does to a camera colour, from the matrix to the code value.

What depends on neighbours or on the frame (sharpening, noise reduction, local tone, lens) is left out, and named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from isp.errors import ProfileError
from isp.io.cube import Cube
from isp.parameters import FileRef, Table
from isp.profile import Profile, StageEntry
from isp.profile.files import load_file
from isp.profile.text import quoted
from isp.stage import Domain
from isp.values import Float64, Picture
from tuning.exchange.camera_facts import facts_of, matrix_at, needed

POINTWISE = ("ccm", "exposure", "look_lut", "tone_curve", "saturation", "hue_saturation", "encode")
"""Stages whose answer depends on the colour alone."""
_BEFORE = ("linearize", "black_level", "lens_shading", "white_balance", "demosaic")
"""Stages in front of the colour part that make the camera colour; they need no mention."""

Rendering = Callable[[Float64], Float64]
"""From colours (N, 3) to colours (N, 3)."""


def rendering_of(profile: Profile, kelvin: float, notes: list[str]) -> tuple[Rendering, StageEntry]:
    """What a profile makes of white-balanced linear camera RGB (N, 3): code values 0..1, and its `encode` stage.

    Parameters
    ----------
    profile : Profile
    kelvin : float
        Colour temperature at which a colour matrix over cct is taken.
    notes : list
        Gets a line for everything that is left out.

    Raises
    ------
    ProfileError
        The profile states no colour matrix.
    """
    facts = facts_of(profile)
    needed(facts, {"matrices": "ccm.matrix"}, "a table", profile.name)
    stages = []
    encode: StageEntry | None = None
    for entry in profile.stages:
        if not entry.enabled or entry.name in _BEFORE:
            continue
        if entry.name not in POINTWISE:
            notes.append(f"{entry.name}: not carried over: it does not depend on the colour alone")
            continue
        values = plain_values(entry, profile, notes)
        if entry.name == "ccm":
            values["matrix"] = matrix_at(facts, kelvin).tolist()
        encode = entry if entry.name == "encode" else encode
        stages.append((entry.name, values))
    if encode is None or stages[0][0] != "ccm":
        names = ", ".join(name for name, _ in stages)
        raise ProfileError(f"{profile.name}: a table needs the stages from ccm to encode; the profile has {names}")
    if len(facts.matrices) > 1:
        notes.append(f"ccm.matrix: taken at {kelvin:g} K")
    return through(stages, "camera"), encode


def plain_values(entry: StageEntry, profile: Profile, notes: list[str]) -> dict[str, Any]:
    """A stage's values as a part of a profile can hold them: without files, and without what a frame decides."""
    values: dict[str, Any] = dict(entry.values)
    for key, value in values.items():
        if isinstance(value, FileRef):
            values[key] = load_file(value, profile.folder)
        if isinstance(value, Table) and entry.name != "ccm":
            values[key] = value.points[0][1]
            notes.append(f"{entry.name}.{key}: taken at {value.axis} {value.points[0][0]:g}, the table's first")
    ev = entry.given.get("ev")
    if entry.name == "exposure" and not isinstance(ev, (float, Table)):
        values["ev"] = 0.0
        notes.append(f"exposure.ev: {ev}, taken as 0 EV: the gain depends on the frame")
    return values


def through(stages: Sequence[tuple[str, dict[str, Any]]], start: Domain) -> Rendering:
    """Colours (N, 3) through stages, from a domain on."""
    from isp.pipeline import Pipeline

    part = Profile.from_stages(stages, start=start)
    pipeline = Pipeline(part)
    space, referred = ("camera" if start == "camera" else "rec2020"), ("display" if start == "display" else "scene")

    def render(rgb: Float64) -> Float64:
        width = 512
        rows = -(-len(rgb) // width)
        padded = np.zeros((max(rows, 4) * width, 3), np.float32)
        padded[: len(rgb)] = rgb
        given = Picture(padded.reshape(-1, width, 3), space, "linear", referred)
        shown = pipeline.run(given, tap=stages[-1][0]).value
        if not isinstance(shown, Picture):
            raise ProfileError(f"stage {quoted(stages[-1][0])} gives no picture")
        return shown.data.reshape(-1, 3)[: len(rgb)].astype(np.float64)

    return render


def grid(size: int) -> Float64:
    """(size^3, 3) code values evenly over the cube, red fastest."""
    g = np.linspace(0.0, 1.0, size)
    blue, green, red = np.meshgrid(g, g, g, indexing="ij")
    return np.stack([red, green, blue], -1).reshape(-1, 3)


def baked(profile: Profile, *, size: int, kelvin: float, curve: int = 4096) -> tuple[Cube, str, list[str]]:
    """A profile's colour part as a look-up table.

    Parameters
    ----------
    size : int
        Points a side.
    kelvin : float
        Colour temperature at which a colour matrix over cct is taken.
    curve : int
        Points of the curve in front of the table, which makes it even in sRGB's code values.

    Returns
    -------
    Cube, str, list of str
        From white-balanced linear camera RGB 0..1 (1: the sensor's white) to code values; their colour space; and a
        line for everything that is left out.
    """
    from isp.color.spaces import srgb_encoded
    from isp.color.transfer import decoded

    notes: list[str] = []
    render, encode = rendering_of(profile, kelvin, notes)
    shown = render(decoded(grid(size), "srgb"))
    steps = srgb_encoded(np.linspace(0.0, 1.0, curve))
    cube = Cube(
        curves=np.repeat(steps[:, None], 3, 1).astype(np.float32),
        table=shown.reshape(size, size, size, 3).astype(np.float32),
        title=profile.name.replace('"', "'"),
    )
    return cube, str(encode.given["space"]), notes
