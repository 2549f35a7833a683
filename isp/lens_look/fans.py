"""Fans: the rays of a lens wide open, traced once, from which spots follow for any focus, distance and aperture.

A fan is what a point sends through the lens: a grid of rays over the beam's cross-section in front of it. Rays are
kept with the place where they cross the stop and with their clearance at the rims, so that a smaller aperture is a
choice among them; with place and slope near the image, so that another focus is a straight line; and for points at
some distances, between which places and slopes are linear in the vergence 1 / distance (exactly so for a thin lens).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp import lenses
from isp.engine import cache as disk
from isp.errors import NumericError
from isp.lens_look import field_tracing
from isp.lens_look.field_tracing import MARGIN, NEAR, RAYS, VERGENCES, WAVELENGTHS, field_rays
from isp.lenses import Lens
from isp.values import Float32, Float64

FIELDS = 16
"""Field heights from the axis to the corner."""
_RAYS = ("x", "y", "slope_x", "slope_y", "stop_x", "stop_y", "clearance")


@dataclass(frozen=True, eq=False)
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
def traced(lens: Lens, tangent: float) -> Fans:
    """The fans of a lens out to a field angle: traced once, in about a second, and kept in the user's cache folder.

    Kept is what the surfaces make, whatever the lens is called and wherever it was read.

    Parameters
    ----------
    lens : Lens
    tangent : of the largest field angle

    Raises
    ------
    NumericError
        No light gets through the lens.
    """
    said = _method(), lens.prescription.surfaces, lens.prescription.line, tangent
    key = "fans-" + hashlib.sha256(repr(said).encode()).hexdigest()
    held = disk.load_arrays(key)
    if held is None:
        held = _traced(lens, tangent)
        disk.store_arrays(key, held)
    return Fans(lens.focal_length, lens.f_number, near=NEAR * lens.focal_length, lens=lens, **held)


@cache
def _method() -> str:
    """Digest of the files that trace rays: fans that others made are traced again."""
    digest = hashlib.sha256()
    for path in (Path(__file__), Path(field_tracing.__file__), *sorted(Path(lenses.__file__).parent.glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _traced(lens: Lens, tangent: float) -> dict[str, NDArray[Any]]:
    """The arrays of `Fans`."""
    tangents = np.linspace(0.0, tangent, FIELDS)
    near = NEAR * lens.focal_length
    traced = [field_rays(lens, float(t), near) for t in tangents]
    lit = [t is not None for t in traced]
    if not lit[0]:
        raise NumericError(f"lens {lens.name}: no light gets through on the axis; check its clear diameters")
    if not lit[1]:
        degrees = math.degrees(math.atan(tangents[1]))
        raise NumericError(
            f"lens {lens.name}: no light gets through {degrees:.1f} degrees off the axis, a {FIELDS - 1}th of what the "
            "sensor sees; give a smaller sensor_width, or check its clear diameters"
        )
    # beyond the lens's own field there is no light whose shape would matter
    last = lit.index(False) if False in lit else FIELDS
    parts = [traced[min(k, last - 1)] for k in range(FIELDS)]
    rays = {name: np.stack([part[0][i] for part in parts if part is not None]) for i, name in enumerate(_RAYS)}
    cell = np.array([part[1] for part in parts if part is not None]) * (np.arange(FIELDS) < last)
    # there places go on as at its edge, so that distortion stays what it is
    beyond = np.maximum(tangents / tangents[last - 1], 1)[:, None, None]
    held = np.array([part[2] for part in parts if part is not None])
    chief = held * beyond
    further = (chief - held).astype(np.float32)[..., None, None, None]
    rays["x"] += further[:, 0]
    rays["slope_x"] += further[:, 1]
    return {"tangents": tangents, **rays, "cell": cell, "chief": chief[:, 0], "chief_slope": chief[:, 1]}


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
