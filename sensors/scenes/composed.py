"""A still life that shows everything at once: colours, detail, texture, skin, a lamp, darkness, and depth.

Drawn from formulas, so it is sharp at any resolution. Lengths are fractions of the frame's height (of three quarters
of its width where that is less), from the middle of the frame; x to the right, y downwards. Cards and balls are
sampled by area; what shades them softly, at the photosites' centres.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sensors.scenes import props
from sensors.scenes.coverage import Box, Canvas
from sensors.scenes.edge import SlantedEdge, box_corners
from sensors.scenes.leaves import DeadLeaves
from sensors.scenes.materials import color_chart, flat
from sensors.scenes.options import check
from sensors.scenes.patches import ColorChart
from sensors.scenes.scene import Float32, Float64, Scene, Size, View
from sensors.scenes.star import SiemensStar
from sensors.spectrum import WAVELENGTHS

LAMP = 20.0
"""Radiance of the lamp, relative to a perfect diffuser under the light."""

_DESK = 0.125
"""Where the desk meets the wall."""
_WALL_AT, _CARDS_AT, _BALLS_AT, _FRONT_AT = 3.0, 2.8, 1.7, 1.1
"""Distances [m]."""
_LAMP: tuple[float, float, float] = (0.475, -0.335, 0.055)
_BALL = 0.07
_BALLS = (
    (-0.555, 0.235, "light skin"),
    (-0.385, 0.245, "dark skin"),
    (-0.215, 0.235, "red"),
    (-0.045, 0.245, "orange yellow"),
    (0.125, 0.235, "yellow green"),
    (0.275, 0.250, "blue"),
)
_CARDS: dict[str, Box] = {
    "chart": (-0.615, -0.425, 0.0261, 0.0155),
    "edge": (0.075, -0.425, 0.285, -0.215),
    "star": (0.075, -0.195, 0.285, 0.0155),
    "leaves": (0.33, -0.195, 0.615, 0.0155),
}
_RAMP: Box = (-0.615, 0.04, 0.285, 0.085)
_MOSS: Box = (-0.615, 0.355, -0.12, 0.465)
_CLOTH: Box = (-0.09, 0.355, 0.335, 0.465)
_NICHE: Box = (0.375, 0.06, 0.64, 0.465)


class Composed(Scene):
    """The demo scene, with depth.

    Parameters
    ----------
    seed : of the textures, 0..2^63 - 1

    Raises
    ------
    UsageError
        A value is out of its bounds.
    """

    def __init__(self, seed: int = 1) -> None:
        check("composed", seed=seed)
        self.name = "composed"
        names, patches = color_chart()
        self._cards: dict[str, Scene] = {
            "chart": ColorChart(fill=1.0),
            "edge": SlantedEdge(),
            "star": SiemensStar(cycles=72, contrast=20.0, light=0.8, radius=0.47),
            "leaves": DeadLeaves(seed, smallest=0.002, largest=0.3),
        }
        self._moss = DeadLeaves(seed ^ 1, colored=True, low=0.15, high=1.0, smallest=0.004, largest=0.12)
        rows: dict[str, Float64] = dict(zip(names, patches, strict=True))
        green = np.stack([rows["foliage"], rows["yellow green"] * 0.7, rows["foliage"] * 0.35])
        self._tables: dict[str, slice] = {}
        parts = [*((key, card.factors) for key, card in self._cards.items()), ("moss", green / 3)]
        warm = (WAVELENGTHS / 560.0)[None]
        parts += [
            ("wall", flat(0.42) * warm**0.25),
            ("wood", rows["dark skin"][None] * 1.5),
            ("white", flat(1.0)),
            ("lamp", flat(LAMP) * warm**1.2),
            ("cloth", rows["purplish blue"][None]),
            *((material, rows[material][None]) for _, _, material in _BALLS),
        ]
        start = 0
        for key, factors in parts:
            self._tables[key] = slice(start, start + len(factors))
            start += len(factors)
        self.factors = np.concatenate([factors for _, factors in parts])

    def paint(self, x: Float64, y: Float64, size: Size, table: Float32) -> Float32:
        unit = _unit(size)
        white = self._value("white", table)
        canvas = Canvas(x, y, np.zeros(table.shape[1], np.float32))
        self._room(canvas, size, unit, table)
        for bx, by, _ in _BALLS:
            props.shadow(canvas, _scaled((bx - 0.2, by + 0.01, bx + 0.15, by + 0.12), size, unit))
        for key, box in _CARDS.items():
            props.card(canvas, _scaled(box, size, unit), self._cards[key], table[self._tables[key]])
        props.ramp(canvas, _scaled(_RAMP, size, unit), white)
        props.card(canvas, _scaled(_MOSS, size, unit), self._moss, table[self._tables["moss"]])
        props.cloth(canvas, _scaled(_CLOTH, size, unit), unit, self._value("cloth", table))
        props.niche(canvas, _scaled(_NICHE, size, unit), 0.012 * unit, white)
        for bx, by, material in _BALLS:
            props.ball(canvas, _around((bx, by, _BALL), size, unit), self._value(material, table), white)
        cord = (_LAMP[0] - 0.002, -9.0, _LAMP[0] + 0.002, _LAMP[1] - _LAMP[2] + 0.002)
        props.panel(canvas, _scaled(cord, size, unit), np.float32(0.02) * white)
        props.lamp(canvas, _around(_LAMP, size, unit), self._value("lamp", table))
        return canvas.planes

    def _value(self, key: str, table: Float32) -> Float32:
        return np.asarray(table[self._tables[key]][0])

    def _room(self, canvas: Canvas, size: Size, unit: float, table: Float32) -> None:
        """Wall and desk, lit by the lamp besides the light, with the balls' shadows."""
        edge = size[1] / 2 + _DESK * unit
        far = np.inf
        window = canvas.window((-far, -far, far, edge))
        if window is not None:
            x, y = canvas.at(*window)
            u, v = (x - size[0] / 2) / unit, (y - size[1] / 2) / unit
            away = (u - _LAMP[0]) ** 2 + (v - _LAMP[1]) ** 2
            wall = 0.62 + 0.3 * np.clip(0.5 - v, 0.0, 1.0) + 0.05 / (0.035 + away)
            for plane, value in zip(canvas.planes, self._value("wall", table), strict=True):
                plane[window] = wall.astype(np.float32) * value
        window = canvas.window((-far, edge, far, far))
        if window is None:
            return
        x, y = canvas.at(*window)
        u, v = (x - size[0] / 2) / unit, (y - size[1] / 2) / unit
        near = np.clip((v - _DESK) / (0.5 - _DESK), 0.0, 1.5)
        q = 1.0 / (0.4 + near)
        grain = np.sin(31.0 * q + 1.3 * np.sin(1.7 * u * q + 9.0 * q)) + 0.6 * np.sin(57.0 * q + 2.5 * np.sin(u * q))
        desk = ((0.8 + 0.09 * grain) * (0.72 + 0.4 * near)).astype(np.float32)
        wood = desk * self._value("wood", table)[:, None, None]
        canvas.mix(window, np.clip(y + 0.5 - edge, 0.0, 1.0).astype(np.float32), wood)

    def depth(self, view: View, channel: int = 0) -> Float32:
        """Distance [m]: 3 at the wall, the desk coming nearer, cards, balls with their roundness, the niche behind."""
        size: Size = (float(view.frame[0]), float(view.frame[1]))
        unit = _unit(size)
        x, y = view.positions(channel)
        u, v = np.broadcast_arrays((x - size[0] / 2) / unit, (y - size[1] / 2) / unit)
        # a level desk seen from above: distance goes as one over the height in the picture
        desk = 1.0 / (1 / _WALL_AT + np.clip(v - _DESK, 0.0, None) / (0.5 - _DESK) * (1 / _FRONT_AT - 1 / _WALL_AT))
        depth = np.where(v > _DESK, desk, _WALL_AT)
        for box in (*_CARDS.values(), _RAMP):
            depth[_within(u, v, box)] = _CARDS_AT
        for box, at in ((_MOSS, _FRONT_AT + 0.05), (_CLOTH, _FRONT_AT + 0.1), (_NICHE, _FRONT_AT + 0.1)):
            depth[_within(u, v, box)] = at
        for bx, by, _ in _BALLS:
            bulge = 1.0 - ((u - bx) ** 2 + (v - by) ** 2) / _BALL**2
            depth = np.where(bulge > 0, _BALLS_AT - 0.1 * np.sqrt(np.maximum(bulge, 0.0)), depth)
        lamp = (u - _LAMP[0]) ** 2 + (v - _LAMP[1]) ** 2 < _LAMP[2] ** 2
        return np.where(lamp, 2.5, depth).astype(np.float32)

    def regions(self, frame: tuple[int, int]) -> list[dict[str, Any]]:
        size: Size = (float(frame[0]), float(frame[1]))
        unit = _unit(size)
        found: list[dict[str, Any]] = []
        for key, rows in _CARDS.items():
            box = _scaled(rows, size, unit)
            card = self._cards[key]
            inside = (box[2] - box[0], box[3] - box[1])
            if isinstance(card, ColorChart):
                parts = card.patch_regions(inside)
            elif isinstance(card, SlantedEdge):
                parts = [card.region(inside)]
            else:
                kind = "star" if isinstance(card, SiemensStar) else "texture"
                parts = [{"name": key, "kind": kind, "corners": box_corners((0.0, 0.0, *inside))}]
            found += [_moved(part, box[0], box[1]) for part in parts]
        extra = (("grey ramp", "ramp", _RAMP), ("foliage", "texture", _MOSS), ("cloth", "texture", _CLOTH))
        for name, kind, box in (*extra, ("dark", "dark", _NICHE)):
            found.append({"name": name, "kind": kind, "corners": box_corners(_scaled(box, size, unit))})
        half = _BALL * 0.35
        for bx, by, material in _BALLS:
            box = _scaled((bx - half, by - half, bx + half, by + half), size, unit)
            found.append({"name": f"ball {material}", "kind": "ball", "corners": box_corners(box)})
        return found


def _unit(size: Size) -> float:
    return min(size[1], 0.75 * size[0])


def _scaled(box: Box, size: Size, unit: float) -> Box:
    x, y = size[0] / 2, size[1] / 2
    return x + box[0] * unit, y + box[1] * unit, x + box[2] * unit, y + box[3] * unit


def _around(circle: tuple[float, float, float], size: Size, unit: float) -> Box:
    x, y, r = circle
    return _scaled((x - r, y - r, x + r, y + r), size, unit)


def _within(u: Float64, v: Float64, box: Box) -> Any:
    return (u >= box[0]) & (u < box[2]) & (v >= box[1]) & (v < box[3])


def _moved(region: dict[str, Any], x: float, y: float) -> dict[str, Any]:
    keys = [key for key in ("corners", "inner") if key in region]
    return region | {key: [[a + x, b + y] for a, b in region[key]] for key in keys}
