"""A lens as numbers: everything between the light of the scene and the light on the sensor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float64
from sensors.optics.aberration import Seidel
from sensors.optics.checks import letter, number, plane

LARGEST_MAP = 65
"""Most rows and columns of a relative illumination or shading map."""

LARGEST_PSF = 129
"""Most rows and columns of a measured point spread function."""

_MAP = f"a map of 2x2..{LARGEST_MAP}x{LARGEST_MAP}"
_PSF = f"an odd square of 3x3..{LARGEST_PSF}x{LARGEST_PSF}"


@dataclass(frozen=True, eq=False)
class Lens:
    """A rotationally symmetric lens, focused on a distant scene. Without arguments: an ideal f/1.8.

    Parameters
    ----------
    f_number : float
        N = focal length / entrance pupil, 0.7..32; default 1.8. The same over the field.
    focal_mm : float or None
        Focal length [mm], 0.5..1000; only `falloff` needs it. Default None.
    transmission : float
        Share of the light that passes the glass, above 0 up to 1; default 1. The infrared-cut filter is part of the
        spectral sensitivity.
    diffraction : bool
        Whether light is a wave; default True. Multiplies `psf`: switch it off for a measured one, which holds it.
    aberrations : Seidel or mapping
        Wavefront coefficients [waves at 550 nm], which act on a wave: they need `diffraction`; default none.
    psf : (K, K) array or None
        Image of a point in place of `aberrations`: odd K in 3..129, values >= 0, any scale, centre on the middle
        sample, the same over the field and for every colour. Taken as samples of a band-limited image, as exact as
        their spacing is at most that of the photosites. Default None.
    psf_um : float or None
        Distance between samples of `psf` on the sensor [um], 0.01..20; needed with it.
    falloff : "none", "cos4", number or (rows, columns) array
        Relative illumination: even; cos^4 of the field angle; that cosine to another power, 0..12; or a map over the
        sensor from edge to edge, 2..65 points a side, 0..1, bilinear between. Default "none".
    shading : mapping of letter to float or (rows, columns) array
        Further loss of one colour (microlens, filter at an angle): as a number the loss at the corners, -0.5..0.95,
        growing with the square of the radius; or a map of relative illumination, 0..2. Default none. All maps of a
        lens have one shape.
    distortion : (k1, k2, k3)
        Radial polynomial from image to scene, radius 1 at half the diagonal (see `warp`), each -1..1, and rising over
        the frame; shorter is filled with 0. Default none.
    lateral : mapping of letter to float
        Size of the image in this colour relative to the reference, 0.98..1.02. Default 1.
    glare : float
        Veiling glare index, 0..0.5 (see `glare`); default 0.

    Letters that a sensor does not have take no effect on it.

    Raises
    ------
    UsageError
        A value is out of bounds, or two do not go together.
    """

    f_number: float = 1.8
    focal_mm: float | None = None
    transmission: float = 1.0
    diffraction: bool = True
    aberrations: Seidel = field(default_factory=Seidel)
    psf: Float64 | None = None
    psf_um: float | None = None
    falloff: str | float | Float64 = "none"
    shading: Mapping[str, float | Float64] = field(default_factory=dict)
    distortion: tuple[float, float, float] = (0.0, 0.0, 0.0)
    lateral: Mapping[str, float] = field(default_factory=dict)
    glare: float = 0.0

    def __post_init__(self) -> None:
        def keep(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        keep("f_number", number("f_number", self.f_number, 0.7, 32))
        if self.focal_mm is not None:
            keep("focal_mm", number("focal_mm", self.focal_mm, 0.5, 1000, "mm"))
        keep("transmission", number("transmission", self.transmission, 1e-4, 1))
        if not isinstance(self.diffraction, bool):
            raise UsageError(f"lens: diffraction {self.diffraction!r} must be true or false")
        keep("aberrations", _seidel(self.aberrations))
        if self.aberrations.any and not self.diffraction:
            raise UsageError("lens: aberrations act on a wave and need diffraction: true; or give a psf")
        self._check_psf(keep)
        keep("falloff", self._falloff())
        keep("shading", MappingProxyType({k: _loss(k, v) for k, v in _mapping("shading", self.shading)}))
        self._check_maps()
        lateral = {k: number(f"lateral.{k}", v, 0.98, 1.02) for k, v in _mapping("lateral", self.lateral)}
        keep("lateral", MappingProxyType(lateral))
        keep("distortion", _distortion(self.distortion, min([1.0, *lateral.values()])))
        keep("glare", number("glare", self.glare, 0, 0.5))

    def irradiance_factor(self) -> float:
        """Irradiance on the axis of the image over radiance of the scene [sr]: E / L = pi T / (4 N^2).

        For a scene at a distance of many focal lengths (magnification near 0), where the image side half angle of the
        aplanatic lens has the sine 1 / (2 N).
        """
        return math.pi * self.transmission / (4 * self.f_number**2)

    def with_f_number(self, f_number: float) -> Lens:
        """The same lens at another aperture; aberrations stay what they are."""
        return replace(self, f_number=f_number)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Lens:
        """A lens from plain values, as YAML gives them.

        Parameters
        ----------
        values : mapping
            Names and values of the parameters above; arrays as nested lists or arrays (files are read by the caller),
            `aberrations` as {w040: ..., ...}, `falloff` also as {exponent: 3.5}.

        Raises
        ------
        UsageError
            An unknown name (the nearest is suggested) or a wrong value.
        """
        known = [each.name for each in fields(cls)]
        _check_keys(values, known, "")
        given = dict(values)
        falloff = given.get("falloff")
        if isinstance(falloff, Mapping):
            _check_keys(falloff, ["exponent"], "falloff.")
            if not falloff:
                raise UsageError("lens: falloff needs an exponent, such as {exponent: 3.5}")
            given["falloff"] = number("falloff.exponent", falloff["exponent"], 0, 12)
        return cls(**given)

    def to_mapping(self) -> dict[str, Any]:
        """Plain values that `from_mapping` takes, without those left at their default."""
        result: dict[str, Any] = {}
        for each in fields(self):
            value = _plain(getattr(self, each.name))
            if value != _plain(getattr(IDEAL, each.name)):
                result[each.name] = value
        return result

    def _check_psf(self, keep: Any) -> None:
        if self.psf is None:
            if self.psf_um is not None:
                raise UsageError("lens: psf_um is given without a psf")
            return
        psf = plane("psf", self.psf, 0, math.inf, _PSF, LARGEST_PSF)
        if psf.shape[0] != psf.shape[1] or psf.shape[0] % 2 == 0:
            raise UsageError(f"lens: psf of shape {psf.shape} must be {_PSF}")
        if psf.sum() <= 0:
            raise UsageError("lens: psf holds no light; its sum must be above 0")
        if self.psf_um is None:
            raise UsageError("lens: psf needs psf_um, the distance between its samples [um]")
        if self.aberrations.any:
            raise UsageError("lens: psf takes the place of aberrations; give one of them")
        keep("psf", psf)
        keep("psf_um", number("psf_um", self.psf_um, 0.01, 20, "um"))

    def _falloff(self) -> str | float | Float64:
        value = self.falloff
        if isinstance(value, str):
            if value not in ("none", "cos4"):
                raise UsageError(f"lens: falloff {value!r} must be none, cos4, an exponent in 0..12 or {_MAP}")
        elif isinstance(value, np.ndarray | Sequence):
            return plane("falloff", value, 0, 1, _MAP, LARGEST_MAP)
        else:
            value = number("falloff", value, 0, 12)
        if value != "none" and self.focal_mm is None:
            raise UsageError(f"lens: falloff {value!r} needs focal_mm, from which field angles follow")
        return value

    def _check_maps(self) -> None:
        maps = {"falloff": self.falloff} | {f"shading.{k}": v for k, v in self.shading.items()}
        shapes = {name: value.shape for name, value in maps.items() if isinstance(value, np.ndarray)}
        if len(set(shapes.values())) > 1:
            raise UsageError(f"lens: maps must have one shape; these have {shapes}")


def _seidel(value: Any) -> Seidel:
    if isinstance(value, Seidel):
        return value
    if not isinstance(value, Mapping):
        raise UsageError(f"lens: aberrations {value!r} must be a mapping such as {{w040: 0.1}}")
    _check_keys(value, [each.name for each in fields(Seidel)], "aberrations.")
    return Seidel(**value)


def _mapping(name: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        raise UsageError(f"lens: {name} {value!r} must be a mapping from a colour's letter, such as {{R: ...}}")
    return [(letter(name, key), each) for key, each in value.items()]


def _loss(key: str, value: ArrayLike) -> float | Float64:
    if isinstance(value, np.ndarray | Sequence) and not isinstance(value, str):
        return plane(f"shading.{key}", value, 0, 2, _MAP, LARGEST_MAP)
    return number(f"shading.{key}", value, -0.5, 0.95)


def _distortion(value: Any, smallest: float) -> tuple[float, float, float]:
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray) or len(value) > 3:
        raise UsageError(f"lens: distortion {value!r} must be up to three numbers k1, k2, k3")
    k1, k2, k3 = [number(f"distortion k{i + 1}", k, -1, 1) for i, k in enumerate(value)] + [0.0] * (3 - len(value))
    # a little beyond the corner, for the halo of a tile and the smallest lateral scale
    square = np.linspace(0, 1.05 / smallest, 513) ** 2
    if (1 + square * (3 * k1 + square * (5 * k2 + square * 7 * k3)) <= 0).any():
        raise UsageError(f"lens: distortion {(k1, k2, k3)} folds the image over itself inside the frame")
    return k1, k2, k3


def _check_keys(values: Any, known: Sequence[str], prefix: str) -> None:
    if not isinstance(values, Mapping):
        raise UsageError(f"lens: {values!r} must be a mapping such as {{f_number: 1.9}}")
    for key in values:
        if key not in known:
            from isp.profile.text import did_you_mean

            raise UsageError(f"lens: unknown {prefix}{key!s:.60}; {did_you_mean(str(key), known, 'allowed')}")


def _plain(value: Any) -> Any:
    if isinstance(value, Seidel):
        return {each.name: getattr(value, each.name) for each in fields(value) if getattr(value, each.name)}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value


IDEAL = Lens()
"""f/1.8, limited by diffraction only: no loss, falloff, distortion, lateral colour or glare."""
