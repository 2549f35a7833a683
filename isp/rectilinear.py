"""Where a rectilinear picture finds its pixels in what the lens drew: the model of DNG's WarpRectilinear.

DNG specification 1.7, chapter 7. With the centre c and m, the distance from it to the farthest corner's pixel centre, a
pixel at c + m (x, y) of the corrected picture, r^2 = x^2 + y^2, is found at c + m (x', y') of the original,

    x' = x (kr0 + kr1 r^2 + kr2 r^4 + kr3 r^6) + 2 kt0 x y + kt1 (r^2 + 2 x^2)
    y' = y (kr0 + kr1 r^2 + kr2 r^4 + kr3 r^6) + 2 kt1 x y + kt0 (r^2 + 2 y^2)

Lens data usually go the other way, from the original's radius to the scene's (D. C. Brown, "Close-range camera
calibration", Photogrammetric Engineering 37 (1971) 855): `inverse_radial` turns them round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.errors import InputError

Float64 = NDArray[np.float64]

MOST_PLANES = 4
LARGEST = 100.0
"""Coefficients beyond this describe no lens."""


@dataclass(frozen=True)
class RectilinearWarp:
    """A WarpRectilinear opcode.

    Parameters
    ----------
    planes : tuple of (kr0, kr1, kr2, kr3, kt0, kt1)
        One for all colours, or one for each (R, G, B).
    centre : (x, y)
        Optical centre relative to the frame: 0 is the centre of its first pixel, 1 of its last.

    Raises
    ------
    InputError
        Numbers that are not finite, beyond ±100, or a kr0 that is not above 0.
    """

    planes: tuple[tuple[float, ...], ...]
    centre: tuple[float, float] = (0.5, 0.5)

    def __post_init__(self) -> None:
        planes = tuple(tuple(float(v) for v in plane) for plane in self.planes)
        if not 1 <= len(planes) <= MOST_PLANES or any(len(plane) != 6 for plane in planes):
            raise InputError(f"warp of {len(planes)} planes must be 1..{MOST_PLANES} planes of 6 numbers")
        centre = tuple(float(v) for v in self.centre)
        numbers = [*(v for plane in planes for v in plane), *centre]
        if len(centre) != 2 or not all(math.isfinite(v) and abs(v) <= LARGEST for v in numbers):
            raise InputError(f"warp {planes} around {centre} holds numbers that are not finite or beyond ±{LARGEST:g}")
        if min(plane[0] for plane in planes) <= 0:
            raise InputError(f"warp {planes}: kr0 must be above 0")
        object.__setattr__(self, "planes", planes)
        object.__setattr__(self, "centre", centre)

    def frame(self, shape: tuple[int, int]) -> tuple[float, float, float]:
        """(cx, cy, m) [px], pixel centres at whole numbers, for a frame (H, W)."""
        height, width = shape
        cx, cy = self.centre[0] * (width - 1), self.centre[1] * (height - 1)
        m = math.hypot(max(abs(cx), abs(width - 1 - cx)), max(abs(cy), abs(height - 1 - cy)))
        return cx, cy, m

    def find(self, shape: tuple[int, int], plane: int, x: ArrayLike, y: ArrayLike) -> tuple[Float64, Float64]:
        """Where pixels (x, y) of the corrected frame (H, W) lie in the original [px], centres at whole numbers."""
        cx, cy, m = self.frame(shape)
        kr, (kt0, kt1) = self.planes[plane][:4], self.planes[plane][4:]
        u, v = (np.asarray(x, np.float64) - cx) / m, (np.asarray(y, np.float64) - cy) / m
        square = u * u + v * v
        factor = polynomial(kr, square)
        along_x = u * factor + 2 * kt0 * u * v + kt1 * (square + 2 * u * u)
        along_y = v * factor + 2 * kt1 * u * v + kt0 * (square + 2 * v * v)
        return cx + m * along_x, cy + m * along_y


def polynomial(coefficients: ArrayLike, square: ArrayLike) -> Float64:
    """c0 + c1 s + c2 s^2 + ... of s = r^2."""
    s = np.asarray(square, np.float64)
    result = np.zeros_like(s)
    for c in reversed(list(np.asarray(coefficients, np.float64))):
        result = result * s + c
    return result


def inverse_radial(distortion: ArrayLike, terms: int = 4, largest: float = 1.0) -> Float64:
    """Coefficients of the inverse of r (1 + k1 r^2 + k2 r^4 + ...), as an even polynomial times the radius.

    Parameters
    ----------
    distortion : (k1, k2, ...)
    terms : int
        How many coefficients.
    largest : float
        Up to which radius of the result's argument it must hold.

    Returns
    -------
    (terms,) float64
        q with r = R (q0 + q1 R^2 + ...) where R = r (1 + k1 r^2 + ...): the fit of least squares over 0..`largest`.

    Raises
    ------
    ValueError
        The given polynomial does not rise up to there.
    """
    k = np.atleast_1d(np.asarray(distortion, np.float64))
    nodes = largest * np.sin(np.linspace(0, np.pi / 2, 129)[1:])
    radius: Any = nodes.copy()
    powers = np.arange(len(k) + 1) * 2 + 1
    for _ in range(60):
        slope = polynomial(np.concatenate([[1.0], k]) * powers, radius * radius)
        if (slope <= 1e-3).any():
            raise ValueError(f"distortion {k.tolist()} folds the picture over: its slope must stay above 0")
        change = (radius * polynomial(np.concatenate([[1.0], k]), radius * radius) - nodes) / slope
        radius = radius - change
        if float(np.abs(change).max()) < 1e-14:
            break
    # each row weighted by its radius: positions are what must agree
    design = (nodes[:, None] ** 2) ** np.arange(terms) * nodes[:, None]
    return np.asarray(np.linalg.lstsq(design, radius, rcond=None)[0])


def relative_radial(warp: RectilinearWarp, plane: int, reference: int = 1, terms: int = 4) -> Float64:
    """How far a plane lies from the reference in the original frame, relative to the distance from the centre.

    What the reference shows at radius r (1 at the farthest corner of the frame), `plane` shows at
    r (1 + c0 + c1 r^2 + c2 r^4 + ...). Tangential terms of planes hardly ever differ; their difference is left out.

    Returns
    -------
    (terms,) float64
        c: the fit of least squares over the radii that the corrected frame sees.
    """
    radius = np.sin(np.linspace(0, np.pi / 2, 129)[1:])
    there, here = (radius * polynomial(warp.planes[p][:4], radius * radius) for p in (plane, reference))
    design = (here[:, None] ** 2) ** np.arange(terms) * here[:, None]
    return np.asarray(np.linalg.lstsq(design, there - here, rcond=None)[0])
