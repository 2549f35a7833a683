"""What profiles and other programs' tuning files both say of a camera, in the terms of our stages.

Every importer makes `CameraFacts`, every exporter reads them: a format is one file here and knows no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isp.color.white_curve import WhiteCurve
from isp.errors import ProfileError
from isp.parameters import FileRef, Param, Table
from isp.profile import Profile, StageEntry
from isp.profile.files import load_file
from isp.profile.sensors import sensor_values
from isp.values import Float64, GainMesh

NO_LIGHT = 0.0
"""Key of a matrix or a mesh that holds for every light."""


@dataclass(frozen=True)
class CameraFacts:
    """Facts of a camera; what is not known is empty.

    Parameters
    ----------
    black : (4,) float or empty
        Black level of R, Gr, Gb, B as a share of the code range, DN / (white + 1).
    white : float
        Saturation level [DN]; 0 if unknown.
    noise : mapping of ISO (`NO_LIGHT`: any) to (2, 4)
        S and O of R, Gr, Gb, B: variance S x + O of linear values.
    matrices : mapping of colour temperature [K] (`NO_LIGHT`: any) to (3, 3)
        White-balanced camera RGB to linear sRGB primaries.
    curve : (N, 3)
        Colour temperature [K], R/G and B/G of a neutral.
    meshes : mapping of colour temperature [K] (`NO_LIGHT`: any) to GainMesh
    luminance : float
        Share of the fall-off that is corrected.
    tone : (N, 2)
        Linear scene value (1: the sensor's white) and display value.
    exposure : float
        Gain in front of everything else [EV].
    """

    black: tuple[float, ...] = ()
    white: float = 0.0
    noise: Mapping[float, Float64] = field(default_factory=dict)
    matrices: Mapping[float, Float64] = field(default_factory=dict)
    curve: Float64 = field(default_factory=lambda: np.zeros((0, 3)))
    meshes: Mapping[float, GainMesh] = field(default_factory=dict)
    luminance: float = 1.0
    tone: Float64 = field(default_factory=lambda: np.zeros((0, 2)))
    exposure: float = 0.0

    def stage_values(self) -> dict[str, dict[str, Any]]:
        """Values of our stages, for a profile."""
        values: dict[str, dict[str, Any]] = {}
        if self.black and self.white:
            level = [round(float(b * (self.white + 1)), 4) for b in self.black]
            values["black_level"] = {"level": level, "white": self.white}
        if self.noise:
            values.setdefault("black_level", {})["noise"] = _over("iso", self.noise, 12)
        if len(self.curve):
            values["white_balance"] = {"curve": self.curve.tolist()}
        if self.meshes:
            first = next(iter(self.meshes.values()))
            gains = {cct: mesh.gains.astype(np.float64) for cct, mesh in self.meshes.items()}
            placement = [round(float(v), 9) for v in (*first.origin, *first.spacing)]
            values["lens_shading"] = {
                "mesh": _over("cct", gains, 5), "placement": placement, "luminance": self.luminance,
            }  # fmt: skip
        if self.matrices:
            values["ccm"] = {"matrix": _over("cct", self.matrices, 9)}
        if len(self.tone):
            values["tone_curve"] = {"points": np.round(self.tone, 9).tolist(), "hue": 0.0, "perceptual": 0.0}
            values["exposure"] = {"ev": self.exposure}
        return values


def facts_of(profile: Profile) -> CameraFacts:
    """The facts that a profile states, or its sensor's entry in the catalogue.

    Raises
    ------
    ProfileError
        A file that it names cannot be read.
    """
    level, white = (_stated(profile, "black_level", name) for name in ("level", "white"))
    ev = _stated(profile, "exposure", "ev")
    black: tuple[float, ...] = ()
    if level is not None and white is not None:
        top = _at_lowest(white)
        black = tuple(float(v) / (top + 1) for v in np.broadcast_to(_at_lowest(level), 4))
    placement, luminance = (_stated(profile, "lens_shading", name) for name in ("placement", "luminance"))
    curve = _stated(profile, "white_balance", "curve")
    return CameraFacts(
        black,
        float(_at_lowest(white)) if white is not None else 0.0,
        _table(_stated(profile, "black_level", "noise")),
        _table(_stated(profile, "ccm", "matrix")),
        np.array(curve if curve is not None else np.zeros((0, 3))).reshape(-1, 3),
        _meshes(_stated(profile, "lens_shading", "mesh"), placement),
        float(luminance) if isinstance(luminance, float) else 1.0,
        exposure=float(ev) if isinstance(ev, float) else 0.0,
    )


def needed(facts: CameraFacts, wanted: Mapping[str, str], target: str, name: str) -> None:
    """Refuse an export whose format requires what the profile does not say.

    Parameters
    ----------
    wanted : mapping of field of `facts` to the parameter of a profile that states it

    Raises
    ------
    ProfileError
        One line that names the parameters.
    """
    lacking = [parameter for fact, parameter in wanted.items() if not len(getattr(facts, fact))]
    if lacking:
        raise ProfileError(
            f"{name}: export to {target} needs numbers for {', '.join(lacking)}, which the profile does not state"
        )


def matrix_at(facts: CameraFacts, kelvin: float) -> Float64:
    """(3, 3) colour matrix at a colour temperature, linear in mired and held beyond the ends, as the stage has it."""
    places = sorted(facts.matrices)
    if len(places) == 1:
        return np.asarray(facts.matrices[places[0]])
    table = Table("cct", tuple((k, tuple(map(float, facts.matrices[k].ravel()))) for k in places))
    return np.array(Param("matrix", (), "").interpolate(table, kelvin)).reshape(3, 3)


def neutral_at(facts: CameraFacts, kelvin: float) -> Float64:
    """(3,) camera RGB of a neutral under a light, largest component 1."""
    return WhiteCurve(facts.curve).neutral(kelvin)


def entry_of(profile: Profile, stage: str) -> StageEntry | None:
    """An enabled stage of the profile, or None."""
    return next((e for e in profile.stages if e.name == stage and e.enabled), None)


def _stated(profile: Profile, stage: str, parameter: str) -> Any:
    """A value as numbers or a table; None where it is a word, empty, or the stage is not there."""
    entry = entry_of(profile, stage)
    if entry is None:
        return None
    value = entry.given[parameter]
    if isinstance(value, str):
        value = sensor_values(profile.sensor, entry.stage).get(parameter, value)
        if not isinstance(value, str):
            value = entry.stage.parameter(parameter).check(value)
    if isinstance(value, FileRef):
        value = entry.stage.parameter(parameter).check(load_file(value, profile.folder))
    if isinstance(value, str) or (isinstance(value, tuple) and not value):
        return None
    return value


def _table(value: Any) -> dict[float, Float64]:
    if value is None:
        return {}
    if isinstance(value, Table):
        return {float(k): np.array(v, np.float64) for k, v in value.points}
    return {NO_LIGHT: np.array(value, np.float64)}


def _meshes(value: Any, placement: Any) -> dict[float, GainMesh]:
    if isinstance(placement, Table):
        raise ProfileError("lens_shading.placement: a table cannot be exported; give one placement")
    found = {}
    for key, gains in _table(value).items():
        rows, columns = gains.shape[:2]
        if placement:
            top, left, down, across = placement
        else:
            top, left, down, across = 0.0, 0.0, 1 / max(rows - 1, 1), 1 / max(columns - 1, 1)
        found[key] = GainMesh(gains.astype(np.float32), (top, left), (down, across))
    return found


def _at_lowest(value: Any) -> Any:
    return value.points[0][1] if isinstance(value, Table) else value


def _over(axis: str, values: Mapping[float, Float64], digits: int) -> Any:
    """A plain value, or a table over the axis where there are several."""
    plain = {key: np.round(np.asarray(v, np.float64), digits).tolist() for key, v in sorted(values.items())}
    if len(plain) == 1:
        return next(iter(plain.values()))
    return {axis: plain}
