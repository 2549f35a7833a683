"""The beam that a lens takes in from one direction, and the rays that carry it to the image."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from isp.lenses.paraxial import first_order
from isp.lenses.prescription import Prescription
from isp.lenses.trace import Traced, trace
from isp.values import Float64

COARSE = 64
"""Rays across the first look for the beam."""
CHIEF_STEPS = 20
"""Most steps to the chief ray."""
CENTERED = 1e-6
"""A chief ray passes the centre of the stop by less [mm]."""
SOUGHT = 8
"""Rays across the beam, at least, before the look is a finer one."""


@dataclass(frozen=True)
class Opening:
    """The aperture stop in use: a circle, or a regular polygon of the same area inside the stop's full circle.

    Parameters
    ----------
    radius : float
        In clear radii of the stop: 1 is wide open.
    blades : int
        0 for a circle, else 3 or more. Wide open is always round: the blades have left the beam.
    angle_deg : float
        Of the middle of a blade from the radial direction of the field.
    """

    radius: float = 1.0
    blades: int = 0
    angle_deg: float = 0.0

    def clearance(self, x: Float64, y: Float64) -> Float64:
        """1 - (distance / distance of the edge)² for places in the stop [clear radii]: negative outside."""
        r2 = x * x + y * y
        if self.blades == 0 or self.radius >= 1:
            return 1 - r2 / self.radius**2
        side = 2 * math.pi / self.blades
        apothem = self.radius * math.sqrt(side / 2 / math.tan(side / 2))
        azimuth = np.arctan2(y, x) - math.radians(self.angle_deg)
        across = np.cos(azimuth - side * np.round(azimuth / side))
        return np.minimum(1 - r2 * (across / apothem) ** 2, 1 - r2)


@dataclass(frozen=True)
class Source:
    """Where light comes from.

    Parameters
    ----------
    field_deg : float
        Angle of the chief ray with the axis in front of the lens; the image lies at +x.
    distance_mm : float
        From the entrance pupil along that ray; infinite by default.
    """

    field_deg: float
    distance_mm: float = math.inf


@dataclass(frozen=True, eq=False)
class Grid:
    """Rays on a regular grid across a beam, in its cross-section through the paraxial entrance pupil's centre.

    Parameters
    ----------
    u, v : (n,) float64
        Ray positions [mm] in that plane, u towards +x, v along y; the same step along both.
    rays : Traced
        Arrays (n, n), axis 0 along v.
    clearance : (n, n) float64
        Negative where the ray is stopped; NaN where it cannot be traced.
    """

    u: Float64
    v: Float64
    rays: Traced
    clearance: Float64

    @property
    def passes(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """(n, n) bool: the ray reaches the image."""
        with np.errstate(invalid="ignore"):
            return self.clearance > 0


def launch(
    prescription: Prescription, source: Source, wavelength_nm: float, u: Float64, v: Float64, *, to_stop: bool = False
) -> Traced:
    """Trace rays through points (u, v) [mm] of a beam's cross-section, arrays that broadcast."""
    angle = np.asarray(math.radians(source.field_deg))
    return _launch(prescription, angle, source.distance_mm, wavelength_nm, u, v, to_stop=to_stop)


def _launch(
    prescription: Prescription, angle: Float64, distance: float, wavelength_nm: float, u: Float64, v: Float64, *,
    to_stop: bool = False,
) -> Traced:
    """As `launch`, each ray from its own angle [rad]."""
    # always the same cross-section: beams of several wavelengths share coordinates
    pupil = first_order(prescription, prescription.reference_nm).entrance_pupil.position
    sine, cosine = np.sin(angle), np.cos(angle)
    origin = (u * cosine, v + 0 * u, pupil - u * sine)
    if math.isinf(distance):
        return trace(prescription, wavelength_nm, origin, (sine, np.asarray(0.0), cosine), to_stop=to_stop)
    x, y, z = origin[0] + distance * sine, origin[1], origin[2] - pupil + distance * cosine
    length = np.sqrt(x * x + y * y + z * z)
    rays = trace(prescription, wavelength_nm, origin, (x / length, y / length, z / length), to_stop=to_stop)
    # from the sphere about the point that touches the cross-section: a difference of two lengths would cancel
    return replace(rays, path=rays.path + (u * u + v * v) / (length + distance))


def chief(prescription: Prescription, source: Source, wavelength_nm: float) -> float:
    """Cross-section coordinate u [mm] of the ray through the centre of the stop; NaN if there is none."""
    return float(_chiefs(prescription, np.array([source.field_deg]), source.distance_mm, wavelength_nm)[0])


def chief_rays(prescription: Prescription, fields_deg: Float64, distance_mm: float, wavelength_nm: float) -> Traced:
    """The rays through the centre of the stop from (N,) field angles; NaN where there is none."""
    u = _chiefs(prescription, fields_deg, distance_mm, wavelength_nm)
    return _launch(prescription, np.radians(fields_deg), distance_mm, wavelength_nm, u, np.zeros_like(u))


def _chiefs(prescription: Prescription, fields_deg: Float64, distance_mm: float, wavelength_nm: float) -> Float64:
    def height(u: Float64) -> Float64:
        return _launch(prescription, angle, distance_mm, wavelength_nm, u, np.zeros_like(u), to_stop=True).x

    angle = np.radians(fields_deg)
    step = 1e-3 * prescription.surfaces[prescription.stop].semi_diameter
    u = np.zeros_like(angle)
    for _ in range(CHIEF_STEPS):
        here = height(u)
        with np.errstate(invalid="ignore"):
            if not (np.abs(here) > CENTERED / 1000).any():
                break
        u = u - here * step / (height(u + step) - here)
    found: Float64 = np.where(np.abs(here) < CENTERED, u, math.nan)
    return found


def beam(prescription: Prescription, source: Source, wavelength_nm: float, opening: Opening, count: int) -> Grid | None:
    """A grid of `count` x `count` rays that just holds the beam; None if no light gets through.

    Parameters
    ----------
    prescription : Prescription
    source : Source
    wavelength_nm : float
    opening : Opening
    count : int
        At least 16.
    """
    low, high, half = _front(prescription, source)
    n, fine = COARSE, False
    for _ in range(8):
        grid = _grid(prescription, source, wavelength_nm, opening, (low, high), (-half, half), n)
        inside = grid.passes
        across = int(inside.any(axis=0).sum()), int(inside.any(axis=1).sum())
        if fine and min(across) >= SOUGHT:
            return grid
        if not inside.any():
            if n > COARSE:
                return None
            n *= 4
            continue
        step = grid.u[1] - grid.u[0]
        columns = grid.u[inside.any(axis=0)]
        low, high = columns[0] - step, columns[-1] + step
        half = float(np.abs(grid.v[inside.any(axis=1)]).max()) + step
        fine = min(across) >= SOUGHT
        n = count if fine else COARSE
    return grid


def _grid(
    prescription: Prescription, source: Source, wavelength_nm: float, opening: Opening,
    across: tuple[float, float], along: tuple[float, float], count: int,
) -> Grid:
    step = max(across[1] - across[0], along[1] - along[0]) / (count - 1)
    places: Float64 = (np.arange(count, dtype=np.float64) - (count - 1) / 2) * step
    u, v = (across[0] + across[1]) / 2 + places, (along[0] + along[1]) / 2 + places
    rays = launch(prescription, source, wavelength_nm, u[None, :], v[:, None])
    clearance = np.minimum(rays.clearance, opening.clearance(rays.stop_x, rays.stop_y))
    return Grid(u, v, rays, clearance)


def _front(prescription: Prescription, source: Source) -> tuple[float, float, float]:
    """Bounds of the cross-section of what meets the first surface: least and greatest u, greatest |v| [mm]."""
    first = prescription.surfaces[0]
    pupil = first_order(prescription, prescription.reference_nm).entrance_pupil.position
    angle = math.radians(source.field_deg)
    rim = np.linspace(-1, 1, 33) * first.semi_diameter
    u = rim * math.cos(angle) - (first.sag(np.abs(rim))[0] - pupil) * math.sin(angle)
    half = first.semi_diameter
    if math.isfinite(source.distance_mm):
        # a beam that spreads or narrows between the pupil's plane and the front
        spread = 1 + abs(pupil) / max(source.distance_mm - abs(pupil), 1e-3)
        middle, reach = (u.max() + u.min()) / 2, (u.max() - u.min()) / 2 * spread
        return float(middle - reach), float(middle + reach), half * spread
    return float(u.min()), float(u.max()), half


def shape(grid: Grid) -> tuple[float, float, float]:
    """Area [mm²], height (along u) and width (along v) [mm] of a beam's cross-section."""
    step = float(grid.u[1] - grid.u[0])
    return float(grid.passes.sum()) * step * step, _extent(grid, 0) * step, _extent(grid, 1) * step


def _extent(grid: Grid, axis: int) -> float:
    """Size of the beam across `axis` in steps of the grid, with the edges where the clearance crosses zero."""
    best = np.max(np.where(np.isnan(grid.clearance), -1.0, grid.clearance), axis=axis)
    inside = np.flatnonzero(best > 0)
    first, last = int(inside[0]), int(inside[-1])
    size = float(last - first)
    for edge, beside in ((first, first - 1), (last, last + 1)):
        size += best[edge] / (best[edge] - best[beside]) if 0 <= beside < len(best) else 0.5
    return size


def axial_fan(prescription: Prescription, wavelength_nm: float, heights: Float64) -> Traced:
    """Rays parallel to the axis at these heights [mm]."""
    return launch(prescription, Source(0.0), wavelength_nm, heights, np.zeros_like(heights))


def widest(prescription: Prescription) -> float:
    """Height [mm] of the outermost ray parallel to the axis that gets through, at the reference wavelength."""
    low, high = 0.0, prescription.surfaces[0].semi_diameter
    for _ in range(4):
        heights = np.linspace(low, high, 257)
        rays = axial_fan(prescription, prescription.reference_nm, heights)
        stopped = ~(np.minimum(rays.clearance, 1 - rays.stop_x**2) > 0)
        stopped[0] = False
        if not stopped.any():
            return high
        i = int(np.argmax(stopped))
        low, high = float(heights[i - 1]), float(heights[i])
    return (low + high) / 2


def best_focus(prescription: Prescription, height: float) -> float:
    """The plane z [mm] in which a round axial beam of this half-width [mm] has the smallest RMS radius."""
    heights = (np.arange(512) + 0.5) / 512 * height
    rays = axial_fan(prescription, prescription.reference_nm, heights)
    slope, start = rays.dx / rays.dz, rays.at(0.0)[0]
    # a ring of the beam holds light in proportion to its radius
    return float(-np.sum(heights * start * slope) / np.sum(heights * slope**2))
