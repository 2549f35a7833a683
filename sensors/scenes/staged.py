"""Scenes to focus through: flat things one behind another, each at a known distance.

Lengths are fractions of the frame's height (of three quarters of its width where that is less), from the middle of the
frame; x to the right, y downwards. Things hide those behind them by the area of a photosite that they cover; the depth
is that of the nearest thing that covers half of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sensors.scenes.coverage import disk, inside
from sensors.scenes.leaves import DeadLeaves
from sensors.scenes.materials import color_chart, flat
from sensors.scenes.options import check
from sensors.scenes.scene import Float32, Float64, Scene, Size, View
from sensors.spectrum import WAVELENGTHS

Cover = Callable[[Float64, Float64, float], Float32]
Shade = Callable[[Float64, Float64], Float64]


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


def night_street(seed: int = 1) -> Staged:
    """A street at night: lamps and lit windows far behind a post that stands close.

    Lamps are 30 to 400 times as bright as a perfect diffuser in the scene's light.

    Parameters
    ----------
    seed : of places and colours, 0..2^63 - 1

    Raises
    ------
    UsageError
        A value is out of its bounds.
    """
    check("night-street", seed=seed)
    rng = np.random.Generator(np.random.Philox(seed))
    warm, cold = WAVELENGTHS / 560.0, 560.0 / WAVELENGTHS
    red, green = _band(610, 700), _band(500, 560)
    materials = {
        "sky": flat(0.004) * cold**2, "road": flat(0.02), "wall": flat(0.012) * warm, "post": flat(0.35) * warm**0.3,
        "sign": color_chart()[1][15][None] * 0.9, "window": flat(1.5) * warm**2.5, "lamp": flat(60.0) * warm**2,
        "white": flat(90.0) * cold**0.5, "red": 120 * red[None], "green": 90 * green[None],
    }
    horizon = -0.02
    things = [
        Thing(_half_plane(0, 1, -9.0), "sky", 300.0),
        Thing(_half_plane(0, 1, horizon), "road", lambda u, v: np.clip(0.9 / np.maximum(v - horizon, 1e-4), 1.8, 300.0)),
    ]
    for side in (-1, 1):
        edge = 0.16
        things.append(Thing(
            _both(_half_plane(side, 0, edge), _half_plane(0, -1, -0.24)), "wall",
            lambda u, v: np.clip(5.0 / np.maximum(np.abs(u), 0.05), 3.0, 60.0),
        ))
        for _ in range(26):
            u, v = side * rng.uniform(0.2, 0.9), rng.uniform(-0.42, 0.1)
            w, h = 0.012 * (0.4 + abs(u)), 0.02 * (0.4 + abs(u))
            # walls run towards the viewer, windows with them
            things.append(Thing(_box((u - w, v - h, u + w, v + h)), "window", 5.0 / abs(u), _even(rng.uniform(0.2, 1.2))))
    for k in range(9):
        away = 6.0 * 1.4**k
        for side in (-1, 1):
            things.append(Thing(_disc(side * 2.4 / away * 0.9, horizon - 2.6 / away * 0.5, 0.03 / away + 0.0006), "lamp", away))
    for _ in range(14):
        away = rng.uniform(15, 120)
        u, v = rng.uniform(-1.2, 1.2) / away * 2.0, horizon + 0.55 / away
        for shift in (-0.5, 0.5):
            colour = "white" if u < 0 else "red"
            things.append(Thing(_disc(u + shift / away, v, 0.05 / away + 0.0005), colour, away))
    for _ in range(4):
        away = rng.uniform(20, 60)
        colour = ("green", "red")[int(rng.integers(2))]
        things.append(Thing(_disc(rng.uniform(-0.12, 0.12), horizon - 1.5 / away, 0.05 / away + 0.0006), colour, away))
    things += [
        Thing(_box((-0.36, -0.28, -0.33, 0.6)), "post", 1.5, lambda u, v: 0.35 + 25 * (u + 0.345) * 0.6),
        Thing(_disc(-0.345, -0.28, 0.11), "sign", 1.49, lambda u, v: 0.55 + 0.6 * (v + 0.28)),
        Thing(_disc(-0.345, -0.28, 0.075), "post", 1.485, _even(0.9)),
    ]
    return Staged("night-street", materials, things)


def portrait(seed: int = 1) -> Staged:
    """A figure with loose hair, a photosite or two thick, before foliage in which the sun glints.

    Parameters
    ----------
    seed : of foliage and hair, 0..2^63 - 1

    Raises
    ------
    UsageError
        A value is out of its bounds.
    """
    check("portrait", seed=seed)
    rng = np.random.Generator(np.random.Philox(seed))
    names, patches = color_chart()
    rows = dict(zip(names, patches, strict=True))
    leaves = DeadLeaves(seed, colored=True, low=0.02, high=0.55, smallest=0.004, largest=0.12)
    green = np.stack([rows["foliage"] * 0.9, rows["yellow green"] * 0.9, rows["bluish green"] * 0.25])
    leaves.factors = green / 2
    materials = {
        "skin": rows["light skin"], "hair": rows["dark skin"] * 0.35, "coat": rows["purplish blue"] * 0.7,
        "glint": flat(14.0)[0], "eye": flat(0.03)[0], "lips": rows["moderate red"] * 0.8,
    }
    things = [Thing(_half_plane(0, 1, -9.0), "leaves", 7.0)]
    things += [
        Thing(_disc(rng.uniform(-0.8, 0.8), rng.uniform(-0.5, 0.3), rng.uniform(0.0015, 0.004)), "glint", 6.5)
        for _ in range(36)
    ]
    rim, back = (0.0, -0.12), 1.34
    for _ in range(120):
        things.append(Thing(_strand(rng, rim, 0.2, 0.34), "hair", back))
    things += [
        Thing(_ellipse(0.0, -0.09, 0.195, 0.25), "hair", back),
        Thing(_ellipse(0.0, 0.56, 0.44, 0.36), "coat", 1.3, lambda u, v: 0.75 + 0.5 * np.clip(-u, -0.5, 0.5)),
        Thing(_box((-0.075, 0.08, 0.075, 0.27)), "skin", 1.27, lambda u, v: 0.6 - 0.8 * u),
        Thing(_ellipse(0.0, -0.05, 0.145, 0.2), "skin", 1.2, lambda u, v: 0.95 - 1.4 * (u + 0.02) ** 2 / 0.03 * 0.2 - u),
    ]
    for side in (-1, 1):
        things.append(Thing(_ellipse(side * 0.055, -0.07, 0.018, 0.009), "eye", 1.2))
    things.append(Thing(_ellipse(0.0, 0.06, 0.04, 0.012), "lips", 1.2))
    for _ in range(60):
        things.append(Thing(_strand(rng, (0.0, -0.2), 0.1, 0.17), "hair", 1.18))
    return Staged("portrait", materials, things, {"leaves": leaves})


def fence(seed: int = 1) -> Staged:
    """A wire fence close by, and behind it a ball, a post and a hedge.

    Parameters
    ----------
    seed : of the hedge, 0..2^63 - 1

    Raises
    ------
    UsageError
        A value is out of its bounds.
    """
    check("fence", seed=seed)
    names, patches = color_chart()
    rows = dict(zip(names, patches, strict=True))
    hedge = DeadLeaves(seed, colored=True, low=0.05, high=0.8, smallest=0.004, largest=0.1)
    hedge.factors = np.stack([rows["foliage"], rows["yellow green"], rows["foliage"] * 0.4]) / 2
    materials = {
        "lawn": rows["yellow green"] * 0.6, "ball": rows["orange"], "post": rows["white 9.5 (.05 D)"] * 0.8,
        "wire": flat(0.12)[0],
    }
    things = [
        Thing(_half_plane(0, 1, -9.0), "hedge", 9.0),
        Thing(_half_plane(0, 1, 0.12), "lawn", lambda u, v: np.clip(0.96 / np.maximum(v - 0.013, 1e-3), 1.0, 9.0),
              lambda u, v: 0.8 + 0.25 * np.sin(260 * u / np.maximum(v, 0.1) ** 0.5) * np.sin(400 * np.sqrt(np.abs(v)))),
        Thing(_box((-0.42, -0.3, -0.34, 0.42)), "post", 2.4, lambda u, v: 0.7 + 4 * (u + 0.42)),
        Thing(_disc(0.16, 0.16, 0.17), "ball", 2.0,
              lambda u, v: 0.25 + np.sqrt(np.maximum(1 - ((u - 0.12) ** 2 + (v - 0.11) ** 2) / 0.06, 0))),
    ]
    for k in range(-14, 15):
        for slope in (-1, 1):
            things.append(Thing(_wire(k * 0.15 + 0.03, slope, 0.009), "wire", 0.6))
    return Staged("fence", materials, things, {"hedge": hedge})


def _unit(size: Size) -> float:
    return min(size[1], 0.75 * size[0])


def _band(low: float, high: float) -> Float64:
    """Radiance within two wavelengths [nm], with soft ends."""
    return np.asarray(1 / (1 + np.exp((low - WAVELENGTHS) / 6)) / (1 + np.exp((WAVELENGTHS - high) / 6)))


def _even(value: float) -> Shade:
    return lambda u, v: np.full(np.broadcast(u, v).shape, value)


def _half_plane(nx: float, ny: float, start: float) -> Cover:
    """Where nx x + ny y > start, for a normal along an axis."""
    return lambda x, y, unit: inside(nx * x + ny * y - start * unit, float(nx), float(ny))


def _both(one: Cover, other: Cover) -> Cover:
    return lambda x, y, unit: np.asarray(one(x, y, unit) * other(x, y, unit))


def _box(box: tuple[float, float, float, float]) -> Cover:
    left, top, right, bottom = box
    return lambda x, y, unit: np.asarray(
        inside(x - left * unit, 1.0, 0.0) * inside(right * unit - x, 1.0, 0.0)
        * inside(y - top * unit, 0.0, 1.0) * inside(bottom * unit - y, 0.0, 1.0)
    )


def _disc(u: float, v: float, radius: float) -> Cover:
    def cover(x: Float64, y: Float64, unit: float) -> Float32:
        # what is smaller than a photosite keeps its light
        size = max(radius * unit, 0.6)
        return np.asarray(disk(x - u * unit, y - v * unit, size) * np.float32(min(radius * unit / size, 1.0) ** 2))

    return cover


def _ellipse(u: float, v: float, a: float, b: float) -> Cover:
    def cover(x: Float64, y: Float64, unit: float) -> Float32:
        p, q = (x - u * unit) / (a * unit), (y - v * unit) / (b * unit)
        r = np.sqrt(p * p + q * q)
        gradient = np.sqrt((p / (a * unit)) ** 2 + (q / (b * unit)) ** 2) / np.maximum(r, 1e-9)
        return np.clip(0.5 + (1 - r) / np.maximum(gradient, 1e-9), 0, 1).astype(np.float32)

    return cover


def _wire(start: float, slope: int, width: float) -> Cover:
    """A diagonal wire through (start, 0)."""
    return lambda x, y, unit: np.clip(
        0.5 + width * unit / 2 - np.abs(x - start * unit + slope * y) / np.sqrt(2.0), 0, min(1.0, width * unit)
    ).astype(np.float32)


def _strand(
    rng: np.random.Generator, centre: tuple[float, float], least: float, most: float
) -> Cover:
    """A bent hair from near `centre` outwards and down, 0.0022 thick."""
    angle = rng.uniform(-np.pi, 0.15 * np.pi) if rng.random() < 0.5 else rng.uniform(-1.15 * np.pi, 0)
    length, bend = rng.uniform(least, most), rng.uniform(0.0, 0.12)
    t = np.linspace(0.35, 1, 9)
    u = centre[0] + length * t * np.cos(angle)
    v = centre[1] + length * t * np.sin(angle) * 1.15 + bend * t**2

    def cover(x: Float64, y: Float64, unit: float) -> Float32:
        margin = 3.0
        held = (x > u.min() * unit - margin) & (x < u.max() * unit + margin)
        held &= (y > v.min() * unit - margin) & (y < v.max() * unit + margin)
        result = np.zeros(x.shape, np.float32)
        if not held.any():
            return result
        px, py = x[held], y[held]
        best = np.full(px.shape, np.inf)
        for k in range(len(t) - 1):
            ax, ay, bx, by = u[k] * unit, v[k] * unit, u[k + 1] * unit, v[k + 1] * unit
            dx, dy = bx - ax, by - ay
            along = np.clip(((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy), 0, 1)
            best = np.minimum(best, np.hypot(px - ax - along * dx, py - ay - along * dy))
        width = 0.0022 * unit
        result[held] = np.clip(0.5 + width / 2 - best, 0, min(1.0, width))
        return result

    return cover

