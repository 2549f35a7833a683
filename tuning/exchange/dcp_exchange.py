"""Between profiles and DCP files: two lights, tone curve, hue and saturation map.

The matrices by the DNG colour model (specification 1.7.1, chapter 6). With M the colour matrix of `ccm` at a light of
the temperature T, n its neutral from `white_balance.curve` and w its white,

    ForwardMatrix = (sRGB to XYZ of D50) M,      ColorMatrix = diag(n) ForwardMatrix^-1 (adaptation of w to D50)

so that ColorMatrix w is the neutral; and back. Lights are black bodies up to 4000 K and daylight from 5000 K on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from isp.color.dng import CameraColor
from isp.color.spaces import D50, adaptation, pcs_to_rgb, xy_to_xyz
from isp.color.temperature import chromaticity
from isp.errors import InputError
from isp.io.cube import Cube
from isp.profile import Profile
from isp.values import ColorCalibration, Float64
from tuning.exchange.camera_facts import NO_LIGHT, CameraFacts, facts_of, matrix_at, needed, neutral_at
from tuning.exchange.color_part import POINTWISE, grid, plain_values, through
from tuning.exchange.dcp_file import CameraProfile
from tuning.exchange.hue_sat_map import mapped, table_of, working_to_prophoto
from tuning.exchange.tone_export import curve_points, tone_values

LIGHTS = (("A", 2850.0), ("D65", 6500.0))
"""The two lights of what we write, with the temperatures by which DNG interpolates."""
_ONE_LIGHT = ("D50", 5000.0)
_SAMPLED = (2500.0, 2850.0, 3400.0, 4000.0, 4500.0, 5000.0, 5500.0, 6500.0, 7500.0)
"""Temperatures at which an imported camera's neutrals, and matrices without ForwardMatrix, are written out [K]."""
_DAYLIGHT_TINT = 10.0
"""Of daylight, in units of `isp.color.temperature`."""
_TONE_POINTS = 257
_BRIGHTEST = 8.0
"""Scene value up to which an imported map is baked."""
_NOTHING = (0.02, 1e-3, 1e-3)
"""Turn [degrees] and factors below which a map changes nothing."""
_MAP_SIZE = 49


def white_of_light(kelvin: float) -> tuple[float, float]:
    """CIE 1931 xy of the usual light of a colour temperature."""
    share = float(np.clip((kelvin - 4000.0) / 1000.0, 0.0, 1.0))
    return chromaticity(kelvin, share * _DAYLIGHT_TINT)


def to_dcp(profile: Profile, model: str) -> tuple[CameraProfile, list[str]]:
    """A profile as a DCP, and a line for what is lost on the way.

    Raises
    ------
    ProfileError
        It states no colour matrix or no white-balance curve.
    """
    facts = facts_of(profile)
    needed(facts, {"matrices": "ccm.matrix", "curve": "white_balance.curve"}, "dcp", profile.name)
    notes: list[str] = []
    lights = LIGHTS if len(facts.matrices) > 1 else (_ONE_LIGHT,)
    between = [k for k in facts.matrices if len(facts.matrices) > 1 and not any(abs(k - t) < 100 for _, t in lights)]
    if between:
        listed = ", ".join(f"{k:g}" for k in sorted(between))
        notes.append(f"ccm.matrix: the matrices at {listed} K become two at 2850 and 6500 K")
    calibrations = tuple(_calibration(facts, name, kelvin, notes) for name, kelvin in lights)
    tone, offset = np.zeros((0, 2)), facts.exposure
    values = tone_values(profile, notes)
    if values is not None:
        tone, white = curve_points(values, _TONE_POINTS)
        tone = tone / np.array([1.0, max(float(tone[-1, 1]), 1e-6)])
        offset = facts.exposure - float(np.log2(white))
        if values["hue"] != 1.0 or values["perceptual"] != 0.0:
            notes.append("tone_curve: DNG's keeps hues as hue 1, perceptual 0 does")
    maps = _colour_map(profile, notes)
    for entry in profile.stages:
        if entry.enabled and entry.name not in (*POINTWISE, "linearize", "black_level", "white_balance", "demosaic"):
            notes.append(f"{entry.name}: not carried over")
    if facts.noise:
        notes.append("black_level.noise: not carried over")
    made = CameraProfile(
        profile.name, model, calibrations, maps * len(calibrations), tone=tone, exposure_offset=offset,
        copyright="No copyright, use freely",
    )  # fmt: skip
    return made, notes


def from_dcp(dcp: CameraProfile, name: str) -> tuple[CameraFacts, Cube | None, list[str]]:
    """Facts of a DCP, its maps baked to a table for `look_lut` (log), and a line for what is not among them."""
    notes = [f"tag {code}: not carried over" for code in dcp.ignored]
    color = CameraColor(dcp.calibrations)
    kelvins = sorted({c.temperature for c in dcp.calibrations})
    both = all(c.forward_matrix is not None for c in dcp.calibrations)
    facts = CameraFacts()
    try:
        rows = [(k, *_ratios(color.neutral(white_of_light(k), k))) for k in sorted({*_SAMPLED, *kelvins})]
        taken = kelvins if both else sorted({*_SAMPLED, *kelvins})
        matrices = {k: _matrix(color, k) for k in taken}
    except (InputError, np.linalg.LinAlgError) as error:
        raise InputError(f"{name}: {error}") from None
    if not both:
        notes.append(f"no ForwardMatrix: matrices are written out at {len(taken)} temperatures")
    if len(matrices) == 1:
        matrices = {NO_LIGHT: next(iter(matrices.values()))}
    facts = replace(facts, curve=np.array(rows), matrices=matrices, exposure=dcp.exposure_offset)
    if len(dcp.tone):
        facts = replace(facts, tone=dcp.tone)
    else:
        notes.append("no ProfileToneCurve: the base profile's tone stays, not the converter's own")
    if any(not np.array_equal(c.camera_calibration, np.eye(3)) for c in dcp.calibrations):
        notes.append("CameraCalibration: part of the matrices now")
    return facts, _baked(dcp, notes), notes


def _calibration(facts: CameraFacts, light: str, kelvin: float, notes: list[str]) -> ColorCalibration:
    forward = np.linalg.inv(pcs_to_rgb("srgb")) @ matrix_at(facts, kelvin)
    white = xy_to_xyz(D50)
    scale = white / forward.sum(axis=1)
    change = float(np.abs(scale - 1).max())
    if change > 0.002:
        notes.append(f"ccm.matrix at {kelvin:g} K: scaled by up to {change:.1%}, so that white is white")
    forward = forward * scale[:, None]
    matrix = neutral_at(facts, kelvin)[:, None] * np.linalg.inv(forward) @ adaptation(white_of_light(kelvin), D50)
    return ColorCalibration(kelvin, matrix / (matrix @ white).max(), forward, illuminant=light)


def _matrix(color: CameraColor, kelvin: float) -> Float64:
    xy = white_of_light(kelvin)
    return np.asarray(pcs_to_rgb("srgb") @ color.to_pcs(color.neutral(xy, kelvin), xy, kelvin))


def _ratios(neutral: Float64) -> tuple[float, float]:
    return float(neutral[0] / neutral[1]), float(neutral[2] / neutral[1])


def _colour_map(profile: Profile, notes: list[str]) -> tuple[Float64, ...]:
    """Saturation and hue of the profile as a map, or nothing where they change nothing."""
    stages: list[tuple[str, dict[str, Any]]] = []
    for entry in profile.stages:
        if entry.enabled and entry.name in ("saturation", "hue_saturation"):
            stages.append((entry.name, plain_values(entry, profile, notes)))
        elif entry.enabled and entry.name == "look_lut":
            notes.append("look_lut: not carried over")
    if not stages:
        return ()
    render, to = through(stages, "display"), working_to_prophoto()
    table = table_of(lambda rgb: render(rgb @ np.linalg.inv(to).T) @ to.T)
    if (np.abs(table - np.array([0.0, 1.0, 1.0])) < _NOTHING).all():
        return ()
    notes.append("saturation, hue_saturation: a map in front of the tone curve, at a value of 0.5")
    return (table,)


def _baked(dcp: CameraProfile, notes: list[str]) -> Cube | None:
    """The maps as a table over ACEScct's code of linear Rec.2020."""
    if not dcp.maps and dcp.look is None:
        return None
    if len(dcp.maps) > 1 and not np.array_equal(dcp.maps[0], dcp.maps[-1]):
        notes.append(f"ProfileHueSatMap: taken at {dcp.calibrations[len(dcp.maps) - 1].temperature:g} K for all lights")
    first, last = _log(np.array([0.0, _BRIGHTEST]))
    scene = _unlog(first + grid(_MAP_SIZE) * (last - first))
    to = working_to_prophoto()
    gain = 2.0**dcp.exposure_offset
    rgb = np.maximum(scene @ to.T, 0.0) / gain
    if dcp.maps:
        rgb = mapped(rgb, dcp.maps[-1], dcp.map_encoding)
    rgb = rgb * gain
    if dcp.look is not None:
        rgb = mapped(rgb, dcp.look, dcp.look_encoding)
    shown = _log(np.maximum(rgb @ np.linalg.inv(to).T, 0.0))
    domain = np.array([[first] * 3, [last] * 3])
    table = shown.reshape(_MAP_SIZE, _MAP_SIZE, _MAP_SIZE, 3).astype(np.float32)
    return Cube(table=table, table_domain=domain, title=dcp.name.replace('"', "'"))


def _log(light: Float64) -> Float64:
    """ACEScct's code of linear values (Academy S-2016-001, 5.2)."""
    held = np.maximum(light, 0.0078125)
    return np.where(light <= 0.0078125, 10.5402377416545 * light + 0.0729055341958355, (np.log2(held) + 9.72) / 17.52)


def _unlog(code: Float64) -> Float64:
    cut = 0.155251141552511
    linear = (code - 0.0729055341958355) / 10.5402377416545
    return np.where(code <= cut, linear, 2.0 ** (code * 17.52 - 9.72))
