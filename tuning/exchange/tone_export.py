"""The tone curve of a profile as points that other programs can read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from isp.parameters import FileRef, Table
from isp.profile import Profile
from isp.stages.tone_curve import MID_GREY, curve
from isp.values import Float64
from tuning.exchange.camera_facts import CameraFacts, entry_of

_AXIS = np.concatenate([np.arange(0, 16, 1) / 128, np.arange(16, 64, 2) / 128, np.arange(64, 129, 4) / 128])
"""Scene values: closer where eyes see more."""


def with_tone(facts: CameraFacts, profile: Profile, notes: list[str]) -> CameraFacts:
    """`facts` with the profile's tone curve from the sensor's white on down, exposure included."""
    values = tone_values(profile, notes)
    if values is None:
        return facts
    points = np.array(values["points"]).reshape(-1, 2)
    if len(points) and facts.exposure == 0 and points[-1, 0] == 1.0 and points[0, 0] == 0.0:
        return replace(facts, tone=points)
    scene = np.asarray(_AXIS, np.float64)
    return replace(facts, tone=np.stack([scene, curve(scene * 2.0**facts.exposure, values)], 1))


def tone_values(profile: Profile, notes: list[str]) -> dict[str, object] | None:
    """Plain values of the profile's tone curve; None (with a line) where it has none, or one that varies."""
    entry = entry_of(profile, "tone_curve")
    if entry is None:
        return None
    values = entry.given
    if any(isinstance(v, (Table, FileRef)) for v in values.values()):
        notes.append("tone_curve: not carried over: it varies with the frame")
        return None
    exposure = entry_of(profile, "exposure")
    if exposure is not None and not isinstance(exposure.given["ev"], float):
        notes.append(f"exposure.ev: {exposure.given['ev']}, taken as 0 EV: the gain depends on the frame")
    return dict(values)


def white_of(values: dict[str, object]) -> float:
    """Scene value at which the curve reaches its end."""
    points = np.array(values["points"]).reshape(-1, 2)
    return float(points[-1, 0]) if len(points) else MID_GREY * 2.0 ** float(values["white"])  # type: ignore[arg-type]


def curve_points(values: dict[str, object], count: int) -> tuple[Float64, float]:
    """(count, 2) of the curve over 0..1 of its range, denser towards black, and the scene value that 1 stands for."""
    white = white_of(values)
    axis = np.linspace(0.0, 1.0, count) ** 2
    return np.stack([axis, curve(axis * white, values)], 1), white
