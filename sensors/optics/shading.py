"""Relative illumination: how much of the light of the axis reaches a place of the sensor, per colour.

The natural falloff of a thin lens is the fourth power of the cosine of the field angle atan(r / f) (r from the centre,
f the focal length, scene at infinity). Real phone lenses differ, so another power or a measured map may take its place,
and every colour may lose more on its own. The program reads a mesh over the sensor from edge to edge, bilinear between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from isp.errors import UsageError
from isp.values import Float32, Float64, frozen
from sensors.optics.lens import Lens

TOLERANCE = 1e-4
"""Largest error of the mesh's bilinear interpolation."""

BASE = 33
"""Rows and columns of the coarsest mesh of a smooth lens."""

_FINER = (1, 2, 3, 4, 6, 8, 12, 16)


def relative_illumination(
    lens: Lens, letter: str, x: Float64, y: Float64, pitch_um: float, size: tuple[int, int]
) -> Float64:
    """Light at places of the sensor relative to its centre.

    Parameters
    ----------
    lens : Lens
    letter : str
        Colour of the channel.
    x, y : float64 arrays
        Places [photosites], broadcastable to one shape.
    pitch_um : float
        Distance of photosites [um].
    size : (width, height)
        Of the sensor [photosites].

    Returns
    -------
    float64
    """
    u, v = x - size[0] / 2, y - size[1] / 2
    square = u * u + v * v
    result = np.ones(square.shape)
    if isinstance(lens.falloff, np.ndarray):
        result *= _map(lens.falloff, x, y, size)
    elif lens.falloff != "none" and lens.focal_mm is not None:
        power = 4.0 if isinstance(lens.falloff, str) else lens.falloff
        tangent2 = square * (pitch_um * 1e-3 / lens.focal_mm) ** 2
        result *= (1 + tangent2) ** (-power / 2)
    loss = lens.shading.get(letter, 0.0)
    if isinstance(loss, np.ndarray):
        return np.asarray(result * _map(loss, x, y, size))
    return np.asarray(result * (1 - loss * square * 4 / (size[0] ** 2 + size[1] ** 2)))


def shading_mesh(lens: Lens, letters: Sequence[str], pitch_um: float, size: tuple[int, int]) -> Float32:
    """Relative illumination on a mesh over the sensor.

    The mesh is made finer until interpolation at the middle of its cells errs by 1e-4 at most; for a phone's main
    camera with cos^4 that takes 129 points a side. A map keeps its own points among those of the mesh.

    Parameters
    ----------
    lens : Lens
    letters : sequence of C str
        Colours of the channels.
    pitch_um : float
        Distance of photosites [um].
    size : (width, height)
        Of the sensor [photosites].

    Returns
    -------
    (rows, columns, C) float32
        Point (j, i) lies at y = j height / (rows - 1), x = i width / (columns - 1).
    """
    if not letters:
        raise UsageError("lens: shading of no channel")
    maps = [m for m in (lens.falloff, *lens.shading.values()) if isinstance(m, np.ndarray)]
    curved = not isinstance(lens.falloff, np.ndarray) and lens.falloff != "none"
    varies = [lens.shading[each] for each in letters if each in lens.shading]
    if not maps and not curved and not any(varies):
        return np.asarray(frozen(np.ones((2, 2, len(letters)), np.float32)))
    rows, columns = maps[0].shape if maps else (BASE, BASE)
    mesh = np.empty((0, 0, 0))
    for finer in _FINER:
        shape = (rows - 1) * finer + 1, (columns - 1) * finer + 1
        mesh = _evaluate(lens, letters, pitch_um, size, shape, 0.0)
        middle = (mesh[:-1, :-1] + mesh[1:, :-1] + mesh[:-1, 1:] + mesh[1:, 1:]) / 4
        exact = _evaluate(lens, letters, pitch_um, size, shape, 0.5)
        if np.abs(middle - exact).max() <= TOLERANCE or max(shape) > 512:
            break
    return np.asarray(frozen(mesh.astype(np.float32)))


def _evaluate(
    lens: Lens, letters: Sequence[str], pitch_um: float, size: tuple[int, int], shape: tuple[int, int], shift: float
) -> Float64:
    """At the points of a mesh, or at the middles of its cells (`shift` 0.5)."""
    rows, columns = (np.asarray(np.arange(n - math.ceil(shift)) + shift, np.float64) for n in shape)
    y = np.asarray(rows[:, None] * (size[1] / (shape[0] - 1)))
    x = np.asarray(columns[None, :] * (size[0] / (shape[1] - 1)))
    return np.stack([relative_illumination(lens, each, x, y, pitch_um, size) for each in letters], axis=-1)


def _map(values: Float64, x: Float64, y: Float64, size: tuple[int, int]) -> Float64:
    """Bilinear, constant beyond the sensor."""

    def place(at: Float64, length: int, count: int) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.intp]], Float64]:
        position = np.clip(at * ((count - 1) / length), 0, count - 1)
        low = np.minimum(position.astype(np.intp), count - 2)
        return low, position - low

    i, u = place(x, size[0], values.shape[1])
    j, v = place(y, size[1], values.shape[0])
    top = values[j, i] + (values[j, i + 1] - values[j, i]) * u
    bottom = values[j + 1, i] + (values[j + 1, i + 1] - values[j + 1, i]) * u
    return np.asarray(top + (bottom - top) * v)
