"""Shapes and shades of flat things: what area of a photosite they cover.

Lengths are fractions of the height (see `Staged`); a cover takes places in photosites from the middle of the frame.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sensors.scenes.coverage import disk, inside
from sensors.scenes.scene import Float32, Float64

Cover = Callable[[Float64, Float64, float], Float32]
Shade = Callable[[Float64, Float64], Float64]


def even(value: float) -> Shade:
    """The same everywhere."""
    return lambda u, v: np.full(np.broadcast(u, v).shape, value)


def half_plane(nx: float, ny: float, start: float) -> Cover:
    """Where nx x + ny y > start, for a normal along an axis."""
    return lambda x, y, unit: inside(nx * x + ny * y - start * unit, float(nx), float(ny))


def both(one: Cover, other: Cover) -> Cover:
    """Where two shapes overlap, whose edges do not meet."""
    return lambda x, y, unit: np.asarray(one(x, y, unit) * other(x, y, unit))


def box(sides: tuple[float, float, float, float]) -> Cover:
    """(left, top, right, bottom)."""
    left, top, right, bottom = sides
    return lambda x, y, unit: np.asarray(
        inside(x - left * unit, 1.0, 0.0) * inside(right * unit - x, 1.0, 0.0)
        * inside(y - top * unit, 0.0, 1.0) * inside(bottom * unit - y, 0.0, 1.0)
    )


def disc(u: float, v: float, radius: float) -> Cover:
    """A disc about (u, v); what is smaller than a photosite keeps its light."""
    def cover(x: Float64, y: Float64, unit: float) -> Float32:
        size = max(radius * unit, 0.6)
        return np.asarray(disk(x - u * unit, y - v * unit, size) * np.float32(min(radius * unit / size, 1.0) ** 2))

    return cover


def ellipse(u: float, v: float, a: float, b: float) -> Cover:
    """An ellipse about (u, v) with the half axes a and b."""
    def cover(x: Float64, y: Float64, unit: float) -> Float32:
        p, q = (x - u * unit) / (a * unit), (y - v * unit) / (b * unit)
        r = np.sqrt(p * p + q * q)
        gradient = np.sqrt((p / (a * unit)) ** 2 + (q / (b * unit)) ** 2) / np.maximum(r, 1e-9)
        return np.clip(0.5 + (1 - r) / np.maximum(gradient, 1e-9), 0, 1).astype(np.float32)

    return cover


def wire(start: float, slope: int, width: float) -> Cover:
    """A diagonal wire through (start, 0)."""
    return lambda x, y, unit: np.clip(
        0.5 + width * unit / 2 - np.abs(x - start * unit + slope * y) / np.sqrt(2.0), 0, min(1.0, width * unit)
    ).astype(np.float32)
