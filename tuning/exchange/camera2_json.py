"""Android Camera2: what a profile says of a camera as the keys of `CameraCharacteristics` and `CaptureResult`.

Values as the keys' documentation has them: matrices row by row, the noise profile as pairs (S, O) for R, Gr, Gb, B,
shading gains as interleaved R, Gr, Gb, B over a grid that spans the frame, tone curves as pairs (in, out) in 0..1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from isp.color.spaces import srgb_encoded
from isp.profile import Profile
from isp.stages.mesh import sampled
from isp.values import GainMesh
from tuning.exchange.camera_facts import NO_LIGHT, facts_of, matrix_at, needed, neutral_at
from tuning.exchange.dcp_exchange import to_dcp
from tuning.exchange.tone_export import with_tone

REFERENCE = {"A": 17, "D65": 21, "D50": 23}
"""SENSOR_REFERENCE_ILLUMINANT's values, those of EXIF's LightSource."""
_MOST_POINTS = 64
"""Of a tone curve: TONEMAP_MAX_CURVE_POINTS must be at least this."""


def camera2_tree(profile: Profile, *, kelvin: float, iso: float) -> tuple[dict[str, Any], list[str]]:
    """The keys and values, and a line for what is missing or lost.

    Parameters
    ----------
    kelvin : float
        Colour temperature of the light for what a capture result states of one.
    iso : float
        Sensitivity of the noise profile.

    Raises
    ------
    ProfileError
        It states no colour matrix or no white-balance curve.
    """
    facts = facts_of(profile)
    needed(facts, {"matrices": "ccm.matrix", "curve": "white_balance.curve"}, "camera2", profile.name)
    dcp, notes = to_dcp(profile, profile.sensor or profile.name)
    notes = [n for n in notes if not n.startswith(("tone_curve", "saturation", "black_level"))]
    tree: dict[str, Any] = {}
    neutral = neutral_at(facts, kelvin)
    gains = neutral.max() / neutral
    tree["COLOR_CORRECTION_GAINS"] = [float(gains[i]) for i in (0, 1, 1, 2)]
    tree["COLOR_CORRECTION_TRANSFORM"] = _listed(matrix_at(facts, kelvin))
    tree["SENSOR_NEUTRAL_COLOR_POINT"] = neutral.tolist()
    for i, calibration in enumerate(dcp.calibrations, 1):
        tree[f"SENSOR_REFERENCE_ILLUMINANT{i}"] = REFERENCE[calibration.illuminant]
        tree[f"SENSOR_COLOR_TRANSFORM{i}"] = _listed(calibration.color_matrix)
        tree[f"SENSOR_CALIBRATION_TRANSFORM{i}"] = _listed(np.eye(3))
        if calibration.forward_matrix is not None:
            tree[f"SENSOR_FORWARD_MATRIX{i}"] = _listed(calibration.forward_matrix)
    if facts.black:
        level = [b * (facts.white + 1) for b in facts.black]
        tree["SENSOR_BLACK_LEVEL_PATTERN"] = [round(v) for v in level]
        tree["SENSOR_DYNAMIC_BLACK_LEVEL"] = level
        tree["SENSOR_INFO_WHITE_LEVEL"] = round(facts.white)
        tree["SENSOR_DYNAMIC_WHITE_LEVEL"] = round(facts.white)
    else:
        notes.append("SENSOR_BLACK_LEVEL_PATTERN: missing: the profile states no black_level.level and white")
    if facts.noise:
        shot, read = facts.noise[_nearest(facts.noise, iso, notes, "black_level.noise", "ISO")]
        tree["SENSOR_NOISE_PROFILE"] = [[float(s), float(o)] for s, o in zip(shot, read, strict=True)]
    else:
        notes.append("SENSOR_NOISE_PROFILE: missing: the profile states no black_level.noise")
    if facts.meshes:
        mesh = facts.meshes[_nearest(facts.meshes, kelvin, notes, "lens_shading.mesh", "K")]
        tree["STATISTICS_LENS_SHADING_CORRECTION_MAP"] = _shading(mesh, facts.luminance)
    else:
        notes.append("STATISTICS_LENS_SHADING_CORRECTION_MAP: missing: the profile states no lens_shading.mesh")
    tone = with_tone(facts, profile, notes).tone
    if len(tone):
        axis = np.linspace(0.0, 1.0, _MOST_POINTS) ** 2
        codes = srgb_encoded(np.interp(axis, tone[:, 0], tone[:, 1]))
        curve = np.stack([axis, codes], 1).ravel().tolist()
        tree["TONEMAP_CURVE"] = {"red": curve, "green": curve, "blue": curve}
    return tree, list(dict.fromkeys(notes))


def _shading(mesh: GainMesh, luminance: float) -> dict[str, Any]:
    rows, columns = mesh.gains.shape[:2]
    gains = sampled(mesh, np.linspace(0, 1, rows), np.linspace(0, 1, columns))
    light = gains[..., 1:3].mean(axis=2, keepdims=True)
    kept = np.maximum(gains / light * (1 + luminance * (light - 1)), 1.0)  # the key allows no gain below 1
    return {"rows": rows, "columns": columns, "gains": np.round(kept, 6).ravel().tolist()}


def _nearest(table: Any, wanted: float, notes: list[str], what: str, unit: str) -> float:
    key = float(min(table, key=lambda k: abs(np.log(max(k, 1.0) / wanted))))
    if key != NO_LIGHT and key != wanted:
        notes.append(f"{what}: that of {key:g} {unit}, the nearest to {wanted:g}")
    return key


def _listed(matrix: Any) -> list[list[float]]:
    return [[float(v) for v in row] for row in np.asarray(matrix)]
