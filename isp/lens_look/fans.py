"""Fans: the rays of a lens wide open, traced once, from which spots follow for any focus, distance and aperture.

A fan is what a point sends through the lens: a grid of rays over the beam's cross-section in front of it. Rays are
kept with the place where they cross the stop and with their clearance at the rims, so that a smaller aperture is a
choice among them; with place and slope near the image, so that another focus is a straight line; and for points at
some distances, between which places and slopes are linear in the vergence 1 / distance (exactly so for a thin lens).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from isp.errors import NumericError
from isp.lenses import Lens, load_lens
from isp.lenses.beam import Opening, Source, beam, chief, launch
from isp.values import Float32, Float64

FIELDS = 16
"""Field heights from the axis to the corner."""
RAYS = 40
"""Rays across a beam."""
WAVELENGTHS = ((600.0, 625.0, 650.0), (510.0, 535.0, 560.0), (445.0, 465.0, 485.0))
"""Of red, green and blue [nm]: near the primaries of Rec.2020, 630, 532, 467 nm (ITU-R BT.2020)."""
NEAR = 20.0
"""Distance of the middle one of three points [focal lengths]."""
VERGENCES = (0.0, 1.0, 2.0)
"""Of the points, 1 at `NEAR`."""
LOST = -0.3
"""Clearance of rays, and all beyond, that are not traced but fitted: they pass a rim at 1.14 of its radius."""
DEGREE = 6
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
    x, y, slope_x, slope_y : (F, 3, 9, n, n) float32
        For points at infinity, at `near` [mm] and at half of that, for each of `WAVELENGTHS`: place [mm] in the plane
        of reference, +x away from the axis, and slope against the axis; continued where there is no ray.
    stop_x, stop_y, clearance : (F, 3, n, n) float32
        Of the middle wavelength: place in the stop [clear radii], and 1 - (r / rim)² at the tightest rim other than
        the stop; it and the stop itself are what ends the light.
    cell : (F,) float64
        Cross-section of the light that a cell of the grid stands for [mm²].
    chief, chief_slope : (F, 3) float64
        Place and slope of the chief ray.
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
    x, y, slope_x, slope_y, stop_x, stop_y, clearance = (
        np.stack([part[0][i] for part in parts if part is not None]) for i in range(7)
    )
    cell = np.array([part[1] for part in parts if part is not None]) * (np.arange(FIELDS) < last)
    chief = np.array([part[2] for part in parts if part is not None])
    return Fans(
        lens.focal_length, lens.f_number, tangents, x, y, slope_x, slope_y, stop_x, stop_y, clearance, cell,
        chief[:, 0], chief[:, 1], near, lens,
    )


def _trace(lens: Lens, tangent: float, near: float) -> tuple[list[Float32], float, Float64] | None:
    source = Source(math.degrees(math.atan(tangent)))
    grid = beam(lens.prescription, source, lens.reference_nm, Opening(), RAYS)
    if grid is None:
        return None
    plane = lens.prescription.length + lens.best_focus()
    distances = [near / w if w else math.inf for w in VERGENCES]
    middle_rays = np.array([_chief(lens, Source(source.field_deg, d), plane) for d in distances]).T
    if not np.isfinite(middle_rays).all():
        return None
    half = (grid.u[-1] - grid.u[0]) / 2 * (1 + 2 * MARGIN)
    places = np.linspace(-half, half, RAYS)
    u, v = (grid.u[-1] + grid.u[0]) / 2 + places[None, :], places[:, None]
    found: list[list[Float64]] = [[] for _ in range(7)]
    for distance in distances:
        point = Source(source.field_deg, distance)
        rays = [launch(lens.prescription, point, nm, u, v) for colour in WAVELENGTHS for nm in colour]
        at = [r.at(plane) for r in rays]
        middle = rays[4]
        planes = (
            np.stack([a[0] for a in at]), np.stack([a[1] for a in at]),
            np.stack([r.dx / r.dz for r in rays]), np.stack([r.dy / r.dz for r in rays]),
            middle.stop_x, middle.stop_y, middle.clearance,
        )
        rims = _continued(middle.clearance)
        good = (rims > LOST) & np.logical_and.reduce([np.isfinite(r.x + r.stop_x) for r in rays])
        whole = _fitted(np.concatenate([part.reshape(-1, *good.shape) for part in planes[:6]]), good, _terms(u, v))
        ends = np.cumsum([len(rays)] * 4 + [1])
        for kept, part, like in zip(found[:6], np.split(whole, ends), planes[:6], strict=True):
            kept.append(part.reshape(like.shape))
        found[6].append(rims)
    area = float((places[1] - places[0]) ** 2)
    return [np.stack(part).astype(np.float32) for part in found], area, middle_rays


def _chief(lens: Lens, source: Source, plane: float) -> tuple[float, float]:
    """Where the ray through the middle of the stop crosses a plane [mm], and its slope."""
    if source.field_deg == 0:
        return 0.0, 0.0
    u = chief(lens.prescription, source, lens.reference_nm)
    ray = launch(lens.prescription, source, lens.reference_nm, np.array([u]), np.zeros(1))
    return float(ray.at(plane)[0][0]), float(ray.dx[0] / ray.dz[0])


def _continued(clearance: Float64) -> Float64:
    """Clearance (n, n) continued in straight lines to where no ray can be traced (NaN), but negative there."""
    full = clearance
    for _ in range(3):
        sides = (0, 1), (0, -1), (1, 1), (1, -1)
        offers = np.stack([2 * _moved(full, axis, step) - _moved(full, axis, 2 * step) for axis, step in sides])
        known = ~np.isnan(offers)
        count = known.sum(axis=0)
        mean = np.where(known, offers, 0.0).sum(axis=0) / np.maximum(count, 1)
        full = np.where(np.isnan(full) & (count > 0), mean, full)
    lost = np.isnan(clearance)
    return np.maximum(np.where(lost, np.minimum(np.nan_to_num(full, nan=LOST), -1e-2), clearance), LOST)


def _terms(u: Float64, v: Float64) -> Float64:
    """(n n, terms) powers of the place in the beam up to `DEGREE`."""
    a, b = np.broadcast_arrays((u - u.mean()) / np.ptp(u) * 2, v / np.ptp(v) * 2)
    powers = [a**i * b**j for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)]
    return np.stack(powers, axis=-1).reshape(-1, len(powers))


def _fitted(planes: Float64, good: NDArray[np.bool_], terms: Float64) -> Float64:
    """Planes (..., n, n) with what a polynomial through the `good` rays says in place of the others.

    A cell that a rim crosses then has four corners, none of them a ray at the brink of total reflection.
    """
    values = planes.reshape(-1, good.size)
    used, known = terms[good.ravel()], values[:, good.ravel()]
    # small sums in a fixed order: a threaded library's would depend on how many threads it has
    square, right = np.einsum("ki,kj->ij", used, used), np.einsum("ki,nk->in", used, known)
    fit = np.linalg.solve(square, right)
    return np.where(good.ravel(), values, np.einsum("ki,in->nk", terms, fit)).reshape(planes.shape)


def _moved(planes: Float64, axis: int, step: int) -> Float64:
    """The value `step` cells away; NaN from outside."""
    moved = np.roll(planes, step, axis)
    edge = [slice(None), slice(None)]
    edge[axis] = slice(None, step) if step > 0 else slice(step, None)
    moved[tuple(edge)] = np.nan
    return moved


@lru_cache(maxsize=8)
def ideal(focal_length: float, f_number: float, tangent: float) -> Fans:
    """The fans of a thin lens without aberrations, colour or rims: every blur is an even disc."""
    tangents = np.linspace(0.0, tangent, FIELDS)
    near = NEAR * focal_length
    radius = focal_length / (2 * f_number)
    places = np.linspace(-1 - MARGIN, 1 + MARGIN, RAYS)
    stop_y, stop_x = (a.astype(np.float32) for a in np.meshgrid(places, places, indexing="ij"))
    stop_x, stop_y = (np.broadcast_to(a, (FIELDS, len(VERGENCES), RAYS, RAYS)) for a in (stop_x, stop_y))
    # points are `near` along their chief rays
    vergence = np.array(VERGENCES)[None, :, None, None] / near * np.sqrt(1 + tangents**2)[:, None, None, None]
    # a point at vergence w is imaged at w' = 1 / f - w behind the lens, in the direction of its chief ray
    slope_x = tangents[:, None, None, None] - stop_x * radius * (1 / focal_length - vergence)
    slope_y = -stop_y * radius * (1 / focal_length - vergence)
    colours = (FIELDS, len(VERGENCES), sum(len(c) for c in WAVELENGTHS), RAYS, RAYS)

    def everywhere(plane: Float64) -> Float32:
        return np.broadcast_to(plane[:, :, None], colours).astype(np.float32)

    x, y = stop_x * radius + focal_length * slope_x, stop_y * radius + focal_length * slope_y
    cell = ((places[1] - places[0]) * radius) ** 2 / np.sqrt(1 + tangents**2)
    chief = np.repeat(tangents[:, None], len(VERGENCES), axis=1)
    return Fans(
        focal_length, f_number, tangents, everywhere(x), everywhere(y), everywhere(slope_x),
        everywhere(slope_y), stop_x, stop_y, np.ones_like(stop_x), cell, focal_length * chief, chief, near,
    )


def widest_tangent(focal_length: float, sensor: Sequence[float]) -> float:
    """Tangent of the field angle at the corner of a sensor (width, height) [mm], a little rounded up."""
    return math.ceil(50 * math.hypot(*sensor) / 2 / focal_length + 1e-9) / 50
