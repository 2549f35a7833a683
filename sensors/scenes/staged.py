"""Scenes to focus through: flat things one behind another, each at a known distance.

Lengths are fractions of the frame's height (of three quarters of its width where that is less), from the middle of the
frame; x to the right, y downwards. Things hide those behind them by the area of a photosite that they cover; the depth
is that of the nearest thing that covers half of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sensors.scenes.covers import Cover, Shade
from sensors.scenes.scene import Float32, Float64, Scene, Size, View


@dataclass(frozen=True)
class Thing:
    """A flat thing.

    Parameters
    ----------
    cover : area of a photosite at (x, y) [photosites from the middle], of a frame of `unit` photosites, that it covers
    material : its name
    distance : [m], or how it depends on (x, y) [fractions of the height]
    shade : factor on the material's radiance by (x, y) [fractions of the height]
    """

    cover: Cover
    material: str
    distance: float | Shade
    shade: Shade | None = None


class Staged(Scene):
    """Things on a ground, from the farthest to the nearest.

    Parameters
    ----------
    name : str
    materials : (81,) or (K, 81) spectra by name; more than one row are what a texture is mixed of
    things : from the farthest on
    textures : scenes that fill the things of their name instead of an even colour
    """

    def __init__(
        self, name: str, materials: Mapping[str, Float64], things: Sequence[Thing],
        textures: Mapping[str, Scene] | None = None,
    ) -> None:
        self.name, self._things, self._textures = name, tuple(things), dict(textures or {})
        rows = {key: np.atleast_2d(value) for key, value in materials.items()}
        rows |= {key: scene.factors for key, scene in self._textures.items()}
        ends = np.cumsum([0, *(len(part) for part in rows.values())])
        self._rows = {key: slice(int(a), int(b)) for key, a, b in zip(rows, ends, ends[1:], strict=False)}
        self.factors = np.concatenate(list(rows.values()))

    def paint(self, x: Float64, y: Float64, size: Size, table: Float32) -> Float32:
        unit = _unit(size)
        px, py = np.broadcast_arrays(x - size[0] / 2, y - size[1] / 2)
        planes = np.zeros((table.shape[1], *px.shape), np.float32)
        for thing in self._things:
            share = thing.cover(px, py, unit)
            if not share.any():
                continue
            rows = self._rows[thing.material]
            texture = self._textures.get(thing.material)
            if texture is None:
                value = np.broadcast_to(table[rows][0][:, None, None], planes.shape)
            else:
                value = texture.paint(x, y, size, table[rows])
            if thing.shade is not None:
                value = value * thing.shade(px / unit, py / unit).astype(np.float32)
            planes += share * (value - planes)
        return planes

    def depth(self, view: View, channel: int = 0) -> Float32:
        """Distance [m] of the nearest thing that covers half of a photosite."""
        size = (float(view.frame[0]), float(view.frame[1]))
        unit = _unit(size)
        x, y = view.positions(channel)
        px, py = np.broadcast_arrays(x - size[0] / 2, y - size[1] / 2)
        result = np.full(px.shape, 1000.0)
        for thing in self._things:
            away = thing.distance(px / unit, py / unit) if callable(thing.distance) else thing.distance
            result = np.where(thing.cover(px, py, unit) >= 0.5, away, result)
        return result.astype(np.float32)


def _unit(size: Size) -> float:
    return min(size[1], 0.75 * size[0])
