"""A figure before a busy background, for edges thinner than a photosite."""

from __future__ import annotations

import numpy as np

from sensors.scenes.covers import Cover, box, disc, ellipse, half_plane
from sensors.scenes.leaves import DeadLeaves
from sensors.scenes.materials import color_chart, flat
from sensors.scenes.options import check
from sensors.scenes.scene import Float32, Float64
from sensors.scenes.staged import Staged, Thing


class Portrait(Staged):
    """A figure with loose hair, a photosite or two thick, before foliage in which the sun glints.

    Parameters
    ----------
    seed : of foliage and hair, 0..2^63 - 1

    Raises
    ------
    UsageError
        A value is out of its bounds.
    """

    def __init__(self, seed: int = 1) -> None:
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
        things = [Thing(half_plane(0, 1, -9.0), "leaves", 7.0)]
        things += [
            Thing(disc(rng.uniform(-0.8, 0.8), rng.uniform(-0.5, 0.3), rng.uniform(0.0015, 0.004)), "glint", 6.5)
            for _ in range(36)
        ]
        rim, back = (0.0, -0.12), 1.34
        for _ in range(120):
            things.append(Thing(_strand(rng, rim, 0.2, 0.34), "hair", back))
        things += [
            Thing(ellipse(0.0, -0.09, 0.195, 0.25), "hair", back),
            Thing(ellipse(0.0, 0.56, 0.44, 0.36), "coat", 1.3, lambda u, v: 0.75 + 0.5 * np.clip(-u, -0.5, 0.5)),
            Thing(box((-0.075, 0.08, 0.075, 0.27)), "skin", 1.27, lambda u, v: 0.6 - 0.8 * u),
            Thing(ellipse(0.0, -0.05, 0.145, 0.2), "skin", 1.2, lambda u, v: 0.95 - 9.3 * (u + 0.02) ** 2 - u),
        ]
        for side in (-1, 1):
            things.append(Thing(ellipse(side * 0.055, -0.07, 0.018, 0.009), "eye", 1.2))
        things.append(Thing(ellipse(0.0, 0.06, 0.04, 0.012), "lips", 1.2))
        for _ in range(60):
            things.append(Thing(_strand(rng, (0.0, -0.2), 0.1, 0.17), "hair", 1.18))
        super().__init__("portrait", materials, things, {"leaves": leaves})


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
