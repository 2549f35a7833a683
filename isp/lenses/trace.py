"""Real rays through a prescription (Spencer and Murty, J. Opt. Soc. Am. 52, 672, 1962), many at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from isp.lenses.prescription import Prescription, Surface
from isp.values import Float64

STEPS = 30
"""Most Newton steps to an asphere; four or five are usual."""
CLOSE = 1e-10
"""A ray is on an asphere when it misses it by less [mm]."""

_Three = tuple[Float64, Float64, Float64]
_Ray = tuple[Float64, Float64, Float64, Float64, Float64, Float64, Float64]


@dataclass(frozen=True)
class Traced:
    """Rays behind a surface; NaN in every array where a ray missed a surface or was totally reflected.

    Parameters
    ----------
    x, y, z : (...) float64
        Where they left the last surface traced [mm], in the lens's coordinates.
    dx, dy, dz : (...) float64
        Direction cosines behind it.
    stop_x, stop_y : (...) float64
        Where they crossed the stop, in clear radii of it.
    clearance : (...) float64
        Smallest of 1 - (r / clear radius)² over the surfaces other than the stop: negative if one of them
        vignettes the ray.
    path : (...) float64
        Optical path to the last surface traced [mm], from where the ray was launched.
    """

    x: Float64
    y: Float64
    z: Float64
    dx: Float64
    dy: Float64
    dz: Float64
    stop_x: Float64
    stop_y: Float64
    clearance: Float64
    path: Float64

    def at(self, z: float) -> tuple[Float64, Float64]:
        """Where the rays cross the plane at z [mm]: x, y."""
        step = (z - self.z) / self.dz
        return self.x + step * self.dx, self.y + step * self.dy

    def path_to(self, x: float, z: float) -> Float64:
        """Optical path [mm] to the wave plane, at right angles to each ray, that passes (x, 0, z)."""
        return self.path + (x - self.x) * self.dx - self.y * self.dy + (z - self.z) * self.dz


def trace(
    prescription: Prescription,
    wavelength_nm: float,
    origin: _Three,
    direction: _Three,
    *,
    to_stop: bool = False,
) -> Traced:
    """Follow rays through all surfaces, also rays that a rim would stop.

    Parameters
    ----------
    prescription : Prescription
    wavelength_nm : float
    origin : (x, y, z) arrays that broadcast
        A point of each ray in front of the lens (or on its line continued) [mm].
    direction : (x, y, z) arrays that broadcast
        Unit vectors, z > 0.
    to_stop : bool
        End at the stop; `x`, `y`, `z` lie on it.

    Returns
    -------
    Traced
    """
    clearance = np.ones(np.broadcast_shapes(*(np.shape(a) for a in (*origin, *direction))))
    for surface, ray in follow(prescription, wavelength_nm, origin, direction):
        x, y = ray[:2]
        if surface.stop:
            stop_x, stop_y = x / surface.semi_diameter, y / surface.semi_diameter
            if to_stop:
                break
        else:
            clearance = np.minimum(clearance, 1 - (x * x + y * y) / surface.semi_diameter**2)
    found = (*ray[:6], stop_x, stop_y, clearance, ray[6])
    lost = ~np.isfinite(ray[0] + ray[3])
    return Traced(*(np.where(lost, math.nan, a) for a in found) if lost.any() else found)


def follow(
    prescription: Prescription, wavelength_nm: float, origin: _Three, direction: _Three
) -> Iterator[tuple[Surface, _Ray]]:
    """Each surface with the rays behind it: x, y, z, direction cosines, optical path. Arguments as `trace`."""
    x, y, z, dx, dy, dz = (np.array(a, np.float64) for a in np.broadcast_arrays(*origin, *direction))
    path, before = np.zeros_like(x), 1.0
    for surface, vertex in zip(prescription.surfaces, prescription.vertices, strict=True):
        start = z
        x, y, z, normal = _meet(surface, vertex, x, y, z, dx, dy, dz)
        path = path + before * (z - start) / dz
        after = surface.glass.index(wavelength_nm)
        if after != before:
            dx, dy, dz = _refract(dx, dy, dz, normal, before / after)
        before = after
        yield surface, (x, y, z, dx, dy, dz, path)


def _meet(
    surface: Surface, vertex: float, x: Float64, y: Float64, z: Float64, dx: Float64, dy: Float64, dz: Float64
) -> tuple[Float64, Float64, Float64, _Three]:
    """Where rays meet a surface: x, y, z and the unit normal (towards the image)."""
    # from the vertex plane on, numbers are small
    step = (vertex - z) / dz
    x, y, z = x + step * dx, y + step * dy, np.full_like(z, vertex)
    if surface.aspheric:
        return _meet_asphere(surface, vertex, x, y, z, dx, dy, dz)
    c = surface.curvature
    if c == 0:
        return x, y, z, (np.zeros_like(x), np.zeros_like(x), np.ones_like(x))
    # the crossing nearer to the vertex, in the form that does not cancel for small c
    with np.errstate(invalid="ignore"):
        half = dz - c * (x * dx + y * dy)
        square = c * (x * x + y * y)
        step = square / (half + np.sqrt(half * half - c * square))
        # from a ray nearly parallel to the surface the root may lie on the far half of the sphere
        step = np.where(c * step * dz < 1, step, math.nan)
    x, y, depth = x + step * dx, y + step * dy, step * dz
    return x, y, vertex + depth, (-c * x, -c * y, 1 - c * depth)


def _meet_asphere(
    surface: Surface, vertex: float, x: Float64, y: Float64, z: Float64, dx: Float64, dy: Float64, dz: Float64
) -> tuple[Float64, Float64, Float64, _Three]:
    step = np.zeros_like(x)
    for _ in range(STEPS):
        px, py = x + step * dx, y + step * dy
        r = np.hypot(px, py)
        height, slope = surface.sag(r)
        miss = step * dz - height
        # d r / d step, 0 on the axis where the slope is 0 as well
        along = (px * dx + py * dy) / np.maximum(r, 1e-30)
        if not (np.abs(miss) > CLOSE).any():
            break
        step = step - miss / (dz - slope * along)
    # a ray that did not arrive, or that meets the surface from behind, met no glass
    step = np.where((np.abs(miss) <= CLOSE) & (dz > slope * along), step, math.nan)
    px, py, depth = x + step * dx, y + step * dy, step * dz
    length = np.sqrt(1 + slope * slope)
    tilt = -slope / (np.maximum(r, 1e-30) * length)
    return px, py, vertex + depth, (tilt * px, tilt * py, 1 / length)


def _refract(
    dx: Float64, dy: Float64, dz: Float64, normal: _Three, ratio: float
) -> tuple[Float64, Float64, Float64]:
    """Snell's law in vector form; NaN where light is totally reflected."""
    nx, ny, nz = normal
    cosine = dx * nx + dy * ny + dz * nz
    with np.errstate(invalid="ignore"):
        bend = np.sqrt(1 - ratio * ratio * (1 - cosine * cosine)) - ratio * cosine
    return ratio * dx + bend * nx, ratio * dy + bend * ny, ratio * dz + bend * nz
