"""A street at night, for light far out of focus."""

from __future__ import annotations

import numpy as np

from sensors.scenes.covers import both, box, disc, even, half_plane
from sensors.scenes.materials import color_chart, flat
from sensors.scenes.options import check
from sensors.scenes.scene import Float64
from sensors.scenes.staged import Staged, Thing
from sensors.spectrum import WAVELENGTHS


class NightStreet(Staged):
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

    def __init__(self, seed: int = 1) -> None:
        check("night-street", seed=seed)
        rng = np.random.Generator(np.random.Philox(seed))
        warm, cold = WAVELENGTHS / 560.0, 560.0 / WAVELENGTHS
        red, green = _band(610, 700), _band(500, 560)
        materials = {
            "sky": flat(0.004) * cold**2, "road": flat(0.02), "wall": flat(0.012) * warm,
            "post": flat(0.35) * warm**0.3,
            "sign": color_chart()[1][15][None] * 0.9, "window": flat(1.5) * warm**2.5, "lamp": flat(60.0) * warm**2,
            "white": flat(90.0) * cold**0.5, "red": 120 * red[None], "green": 90 * green[None],
        }
        horizon = -0.02
        things = [
            Thing(half_plane(0, 1, -9.0), "sky", 300.0),
            Thing(half_plane(0, 1, horizon), "road",
                  lambda u, v: np.clip(0.9 / np.maximum(v - horizon, 1e-4), 1.8, 300.0)),
        ]
        for side in (-1, 1):
            edge = 0.16
            things.append(Thing(
                both(half_plane(side, 0, edge), half_plane(0, -1, -0.24)), "wall",
                lambda u, v: np.clip(5.0 / np.maximum(np.abs(u), 0.05), 3.0, 60.0),
            ))
            for _ in range(26):
                u, v = side * rng.uniform(0.2, 0.9), rng.uniform(-0.42, 0.1)
                w, h = 0.012 * (0.4 + abs(u)), 0.02 * (0.4 + abs(u))
                # walls run towards the viewer, windows with them
                pane, light = box((u - w, v - h, u + w, v + h)), even(rng.uniform(0.2, 1.2))
                things.append(Thing(pane, "window", 5.0 / abs(u), light))
        for k in range(9):
            away = 6.0 * 1.4**k
            for side in (-1, 1):
                lamp = disc(side * 2.16 / away, horizon - 1.3 / away, 0.03 / away + 0.0006)
                things.append(Thing(lamp, "lamp", away))
        for _ in range(14):
            away = rng.uniform(15, 120)
            u, v = rng.uniform(-1.2, 1.2) / away * 2.0, horizon + 0.55 / away
            for shift in (-0.5, 0.5):
                colour = "white" if u < 0 else "red"
                things.append(Thing(disc(u + shift / away, v, 0.05 / away + 0.0005), colour, away))
        for _ in range(4):
            away = rng.uniform(20, 60)
            colour = ("green", "red")[int(rng.integers(2))]
            lamp = disc(rng.uniform(-0.12, 0.12), horizon - 1.5 / away, 0.05 / away + 0.0006)
            things.append(Thing(lamp, colour, away))
        things += [
            Thing(box((-0.36, -0.28, -0.33, 0.6)), "post", 1.5, lambda u, v: 0.35 + 25 * (u + 0.345) * 0.6),
            Thing(disc(-0.345, -0.28, 0.11), "sign", 1.49, lambda u, v: 0.55 + 0.6 * (v + 0.28)),
            Thing(disc(-0.345, -0.28, 0.075), "post", 1.485, even(0.9)),
        ]
        super().__init__("night-street", materials, things)


def _band(low: float, high: float) -> Float64:
    """Radiance within two wavelengths [nm], with soft ends."""
    return np.asarray(1 / (1 + np.exp((low - WAVELENGTHS) / 6)) / (1 + np.exp((WAVELENGTHS - high) / 6)))
