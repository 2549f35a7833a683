"""The rays that one field of a lens sends through it, on a grid over the beam, continued to where there are none."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from isp.lenses import Lens
from isp.lenses.beam import Opening, Source, beam, chief, launch
from isp.values import Float32, Float64

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


def field_rays(lens: Lens, tangent: float, near: float) -> tuple[list[Float32], float, Float64] | None:
    """The rays of a field, of which `isp.lens_look.fans.Fans` says more; None where too little light gets through.

    Parameters
    ----------
    lens : Lens
    tangent : of the field angle
    near : distance of the middle one of the points [mm]

    Returns
    -------
    list of float32, float, (2, 3) float64
        Places, slopes, places in the stop and clearance; cross-section of a cell [mm²]; of the chief
        ray place and slope.
    """
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
        if whole is None:
            return None
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


def _fitted(planes: Float64, good: NDArray[np.bool_], terms: Float64) -> Float64 | None:
    """Planes (..., n, n) with what a polynomial through the `good` rays says in place of the others.

    None where there are too few rays for one: at the edge of what the lens can see.

    A cell that a rim crosses then has four corners, none of them a ray at the brink of total reflection.
    """
    values = planes.reshape(-1, good.size)
    used, known = terms[good.ravel()], values[:, good.ravel()]
    if len(used) < terms.shape[1]:
        return None
    # small sums in a fixed order: a threaded library's would depend on how many threads it has
    square, right = np.einsum("ki,kj->ij", used, used), np.einsum("ki,nk->in", used, known)
    try:
        fit = np.linalg.solve(square, right)
    except np.linalg.LinAlgError:
        return None
    return np.where(good.ravel(), values, np.einsum("ki,in->nk", terms, fit)).reshape(planes.shape)


def _moved(planes: Float64, axis: int, step: int) -> Float64:
    """The value `step` cells away; NaN from outside."""
    moved = np.roll(planes, step, axis)
    edge = [slice(None), slice(None)]
    edge[axis] = slice(None, step) if step > 0 else slice(step, None)
    moved[tuple(edge)] = np.nan
    return moved
