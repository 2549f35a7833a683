"""A lens as its surfaces, checked where it is built."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from isp.lenses.glass import AIR, LINES, Glass
from isp.values import Float64

BEYOND = 1.02
"""How far past its clear radius the formula of an asphere is used; see `Surface.sag`."""
OVERLAP = 0.05
"""Neighbouring surfaces may cross by this much [mm] before they are refused: clear diameters are often estimates."""


class PrescriptionError(ValueError):
    """A surface that cannot be. `surface` is its index, or None for the lens as a whole."""

    def __init__(self, surface: int | None, what: str) -> None:
        super().__init__(what)
        self.surface = surface


@dataclass(frozen=True)
class Surface:
    """A surface of revolution and the medium behind it.

    Parameters
    ----------
    name : str
        As the table calls it.
    radius : float
        Of curvature at the vertex [mm]; positive bulges towards the object; infinite for a plane. Not 0.
    thickness : float
        Along the axis to the next surface [mm], at least 0.
    glass : Glass
        Behind the surface.
    semi_diameter : float
        Clear radius [mm], above 0.
    stop : bool
        It is the aperture stop.
    conic : float
        0 sphere, -1 paraboloid.
    terms : tuple of float
        Coefficients of r^4, r^6, r^8, ... [mm^-3, mm^-5, ...].
    """

    name: str
    radius: float
    thickness: float
    glass: Glass
    semi_diameter: float
    stop: bool = False
    conic: float = 0.0
    terms: tuple[float, ...] = ()

    @property
    def curvature(self) -> float:
        """1 / radius [1/mm]; 0 for a plane."""
        return 0.0 if math.isinf(self.radius) else 1 / self.radius

    @property
    def edge(self) -> float:
        """Distance from the axis [mm] to which the formula stands; infinite for a sphere or plane."""
        return self.semi_diameter * BEYOND if self.aspheric else math.inf

    @property
    def aspheric(self) -> bool:
        """It is neither a sphere nor a plane."""
        return any(self.terms) or (self.conic != 0 and self.curvature != 0)

    def sag(self, r: Float64) -> tuple[Float64, Float64]:
        """Height z(r) above the vertex plane [mm] and its slope dz/dr.

        z = c r² / (1 + sqrt(1 - (1 + k) c² r²)) + A4 r^4 + A6 r^6 + ... (ISO 10110-12). Past the edge of an asphere
        its tangent cone goes on: there a polynomial folds back into sheets that no glass has, and a ray must not
        find them. NaN where a conic has ended.
        """
        edge = self.edge
        inside = np.minimum(r, edge)
        z, slope = self._formula(inside)
        return z + slope * (r - inside), slope

    def _formula(self, r: Float64) -> tuple[Float64, Float64]:
        c, square = self.curvature, r * r
        with np.errstate(invalid="ignore"):
            root = np.sqrt(1 - (1 + self.conic) * c * c * square)
        with np.errstate(divide="ignore", invalid="ignore"):
            z, slope = c * square / (1 + root), c * r / root
        if any(self.terms):
            polynomial, derivative = np.zeros_like(r), np.zeros_like(r)
            for i, a in reversed(list(enumerate(self.terms))):
                polynomial = polynomial * square + a
                derivative = derivative * square + (2 * i + 4) * a
            z, slope = z + polynomial * square * square, slope + derivative * square * r
        return z, slope


@dataclass(frozen=True)
class Prescription:
    """A lens: its surfaces from the object's side, in air.

    Parameters
    ----------
    name : str
    surfaces : tuple of Surface
        Exactly one is the stop; the medium behind the last is air, and its thickness is not used.
    line : "d" or "e"
        The spectral line of the table's indices: the lens's reference wavelength.
    patent, source, note : str
        Where the numbers are from.

    Raises
    ------
    PrescriptionError
        Such a lens cannot be; which surface and why.
    """

    name: str
    surfaces: tuple[Surface, ...]
    line: str = "d"
    patent: str = ""
    source: str = ""
    note: str = ""
    vertices: tuple[float, ...] = field(init=False)
    """Positions of the surfaces on the axis [mm]; the first is at 0."""

    def __post_init__(self) -> None:
        for i, surface in enumerate(self.surfaces):
            _check_surface(i, surface)
        stops = [i for i, surface in enumerate(self.surfaces) if surface.stop]
        if len(stops) != 1:
            at = stops[1] if stops else None
            raise PrescriptionError(at, f"a lens has one stop, not {len(stops)}; mark it with stop: true")
        if self.surfaces[-1].glass != AIR:
            raise PrescriptionError(len(self.surfaces) - 1, "n must be 1 behind the last surface: the image is in air")
        starts = np.cumsum([0.0, *(surface.thickness for surface in self.surfaces[:-1])])
        object.__setattr__(self, "vertices", tuple(float(v) for v in starts))
        self._check_gaps()

    def _asdict(self) -> dict[str, str | int]:
        """What a report says of it: its name and size, not its numbers."""
        return {"name": self.name, "surfaces": len(self.surfaces)}

    @property
    def stop(self) -> int:
        """Index of the aperture stop."""
        return next(i for i, surface in enumerate(self.surfaces) if surface.stop)

    @property
    def reference_nm(self) -> float:
        """Wavelength of the table's indices [nm]."""
        return LINES[self.line]

    @property
    def length(self) -> float:
        """From the first vertex to the last [mm]."""
        return self.vertices[-1]

    def _check_gaps(self) -> None:
        pairs = zip(self.surfaces, self.surfaces[1:], strict=False)
        for i, (front, back) in enumerate(pairs):
            reach = min(front.semi_diameter, back.semi_diameter)
            r = np.linspace(0, reach, 65)
            gap = front.thickness + back.sag(r)[0] - front.sag(r)[0]
            if gap.min() < -OVERLAP:
                at = float(r[np.argmax(gap < -OVERLAP)])
                raise PrescriptionError(
                    i + 1, f"it crosses surface {front.name} at {at:.2f} mm from the axis, inside both clear diameters"
                )


def _check_surface(i: int, surface: Surface) -> None:
    if surface.radius == 0 or math.isnan(surface.radius):
        raise PrescriptionError(i, f"R {surface.radius:g} is not allowed; .inf is a plane")
    if not 0 <= surface.thickness < math.inf:
        raise PrescriptionError(i, f"t {surface.thickness:g} is not allowed; allowed: 0 mm or more")
    if not 0 < surface.semi_diameter < math.inf:
        raise PrescriptionError(i, f"D {2 * surface.semi_diameter:g} is not allowed; allowed: above 0 mm")
    reach = surface.edge if math.isfinite(surface.edge) else surface.semi_diameter
    r = np.linspace(0, reach, 65)
    z, slope = surface.sag(r)
    if not (np.isfinite(z) & np.isfinite(slope)).all():
        ends = float(r[np.argmin(np.isfinite(slope))])
        raise PrescriptionError(
            i, f"the surface ends at {ends:.2f} mm from the axis, inside its clear diameter of "
            f"{2 * surface.semi_diameter:g} mm"
        )
