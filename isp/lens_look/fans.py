"""Fans: the rays of a lens wide open, traced once, from which spots follow for any focus, distance and aperture.

A fan is what a point sends through the lens: a grid of rays over the beam's cross-section in front of it. Rays are
kept with the place where they cross the stop and with their clearance at every rim, so that a smaller aperture is a
choice among them; with place and slope near the image, so that another focus is a straight line; and for a far and a
near point, between which places and slopes are linear in the vergence 1 / distance (exactly so for a thin lens).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from isp.errors import NumericError, UsageError
from isp.lenses import Lens, load_lens
from isp.lenses.beam import Opening, Source, beam, launch
from isp.values import Float32, Float64

FIELDS = 20
"""Field heights from the axis to the corner."""
RAYS = 40
"""Rays across a beam."""
WAVELENGTHS = ((600.0, 625.0, 650.0), (510.0, 535.0, 560.0), (445.0, 465.0, 485.0))
"""Samples of red, green and blue [nm]: around the primaries of Rec.2020, 630, 532 and 467 nm (ITU-R BT.2020)."""
NEAR = 20.0
"""Distance of the near point [focal lengths]."""
MARGIN = 0.04
"""Part of a beam's width added around it, for points nearer than infinity and other wavelengths."""


@dataclass(frozen=True)
class Fans:
    """The rays of a lens over its field.

    Parameters
    ----------
    focal_length, f_number : of the lens [mm]; widest
    tangents : (F,) float64
        Of the field angles, equal steps from 0.
    x, y, slope_x, slope_y : (F, 2, 9, n, n) float32
        For a point at infinity and one at `near` [mm], for each of `WAVELENGTHS`: place [mm] in the plane of
        reference, +x away from the axis, and slope against the axis; 0 where there is no ray.
    stop_x, stop_y, clearance : (F, 2, n, n) float32
        Of the middle wavelength: place in the stop [clear radii], and 1 - (r / rim)² at the tightest rim other than
        the stop; clearance is -1 where there is no ray.
    cell : (F,) float64
        Cross-section of the light that a cell of the grid stands for [mm²].
    chief, chief_slope : (F, 2) float64
        Place and slope of the chief ray, for both points.
    near : [mm]
    lens : None for the ideal lens
    """

    focal_length: float
    f_number: float
    tangents: Float64
    x: Float32
    y: Float32
    slope_x: Float32
    slope_y: Float32
    stop_x: Float32
    stop_y: Float32
    clearance: Float32
    cell: Float64
    chief: Float64
    chief_slope: Float64
    near: float
    lens: Lens | None = None

    def opening(self, f_number: float, blades: int = 0, angle_deg: float = 0.0) -> Opening:
        """The stop at an f-number.

        Raises
        ------
        UsageError
            The lens does not open that wide.
        """
        if self.lens is not None:
            return self.lens.opening(f_number, blades, angle_deg)
        if f_number < self.f_number:
            raise UsageError(f"the ideal lens was prepared for f/{self.f_number:g}, not f/{f_number:g}")
        return Opening(self.f_number / f_number, blades, angle_deg)


@lru_cache(maxsize=8)
def prepare(name: str, path: str | None, tangent: float) -> Fans:
    """The fans of a lens out to a field angle; takes a few seconds and is kept.

    Parameters
    ----------
    name : of the lens
    path : of the lens file; None takes the catalogue
    tangent : of the largest field angle

    Raises
    ------
    InputError, UsageError
        As `load_lens`.
    NumericError
        No light gets through the lens.
    """
    lens = load_lens(path, name=name)
    tangents = np.linspace(0.0, tangent, FIELDS)
    near = NEAR * lens.focal_length
    traced = [_trace(lens, float(t), near) for t in tangents]
    lit = [t is not None for t in traced]
    if not lit[0]:
        raise NumericError(f"lens {name}: no light gets through on the axis; check its clear diameters")
    # beyond the lens's own field there is no light whose shape would matter
    last = lit.index(False) if False in lit else FIELDS
    parts = [traced[min(k, last - 1)] for k in range(FIELDS)]
    stacked = [np.stack([part[0][i] for part in parts if part is not None]) for i in range(7)]
    cell = np.array([part[1] for part in parts if part is not None]) * (np.arange(FIELDS) < last)
    chief = np.array([part[2] for part in parts if part is not None])
    return Fans(lens.focal_length, lens.f_number, tangents, *stacked, cell, chief[:, 0], chief[:, 1], near, lens)


def _trace(lens: Lens, tangent: float, near: float) -> tuple[list[Float32], float, list[list[float]]] | None:
    source = Source(math.degrees(math.atan(tangent)))
    grid = beam(lens.prescription, source, lens.reference_nm, Opening(), RAYS)
    if grid is None:
        return None
    chiefs = [lens.rays(source.field_deg, count=16, distance_mm=d) for d in (math.inf, near)]
    chief = [[c.center_mm for c in chiefs], [c.center_slope for c in chiefs]]
    if not np.isfinite(chief).all():
        return None
    half = (grid.u[-1] - grid.u[0]) / 2 * (1 + 2 * MARGIN)
    places = np.linspace(-half, half, RAYS)
    u, v = (grid.u[-1] + grid.u[0]) / 2 + places[None, :], places[:, None]
    plane = lens.prescription.length + lens.best_focus()
    found: list[list[Float64]] = [[] for _ in range(7)]
    for distance in (math.inf, near):
        point = Source(source.field_deg, distance)
        rays = [launch(lens.prescription, point, nm, u, v) for colour in WAVELENGTHS for nm in colour]
        at = [r.at(plane) for r in rays]
        middle = rays[4]
        lost = ~np.logical_and.reduce([np.isfinite(a[0]) for a in at])
        planes = (
            np.stack([a[0] for a in at]), np.stack([a[1] for a in at]),
            np.stack([r.dx / r.dz for r in rays]), np.stack([r.dy / r.dz for r in rays]),
            middle.stop_x, middle.stop_y, middle.clearance,
        )
        for number, (kept, part) in enumerate(zip(found, planes, strict=True)):
            kept.append(np.where(lost, -1.0 if number == 6 else 0.0, part))
    area = float((places[1] - places[0]) ** 2)
    return [np.stack(part).astype(np.float32) for part in found], area, chief


@lru_cache(maxsize=8)
def ideal(focal_length: float, f_number: float, tangent: float) -> Fans:
    """The fans of a thin lens without aberrations, colour or rims: every blur is an even disc."""
    tangents = np.linspace(0.0, tangent, FIELDS)
    near = NEAR * focal_length
    radius = focal_length / (2 * f_number)
    places = np.linspace(-1 - MARGIN, 1 + MARGIN, RAYS)
    stop_y, stop_x = (a.astype(np.float32) for a in np.meshgrid(places, places, indexing="ij"))
    stop_x, stop_y = (np.broadcast_to(a, (FIELDS, 2, RAYS, RAYS)) for a in (stop_x, stop_y))
    vergence = np.array([0.0, 1 / near])[None, :, None, None]
    # a point at vergence w is imaged at w' = 1 / f - w behind the lens, in the direction of its chief ray
    slope_x = tangents[:, None, None, None] - stop_x * radius * (1 / focal_length - vergence)
    slope_y = -stop_y * radius * (1 / focal_length - vergence)
    x, y = stop_x * radius + focal_length * slope_x, stop_y * radius + focal_length * slope_y
    colours = (FIELDS, 2, sum(len(c) for c in WAVELENGTHS), RAYS, RAYS)
    rays = [np.broadcast_to(a[:, :, None], colours).astype(np.float32) for a in (x, y, slope_x, slope_y)]
    cell = ((places[1] - places[0]) * radius) ** 2 / np.sqrt(1 + tangents**2)
    chief = np.stack([tangents, tangents], axis=1)
    return Fans(
        focal_length, f_number, tangents, *rays, stop_x, stop_y, np.ones_like(stop_x), cell,
        focal_length * chief, chief, near,
    )


def widest_tangent(focal_length: float, sensor: Sequence[float]) -> float:
    """Tangent of the field angle at the corner of a sensor (width, height) [mm], a little rounded up."""
    return math.ceil(50 * math.hypot(*sensor) / 2 / focal_length + 1e-9) / 50
