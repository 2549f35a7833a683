"""A fence close by, for soft things in front of sharp ones."""

from __future__ import annotations

import numpy as np

from sensors.scenes.covers import box, disc, half_plane, wire
from sensors.scenes.leaves import DeadLeaves
from sensors.scenes.materials import color_chart, flat
from sensors.scenes.options import check
from sensors.scenes.staged import Staged, Thing


class Fence(Staged):
    """A wire fence close by, and behind it a ball, a post and a hedge.

    Parameters
    ----------
    seed : of the hedge, 0..2^63 - 1

    Raises
    ------
    UsageError
        A value is out of its bounds.
    """

    def __init__(self, seed: int = 1) -> None:
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
            Thing(half_plane(0, 1, -9.0), "hedge", 9.0),
            Thing(half_plane(0, 1, 0.12), "lawn", lambda u, v: np.clip(0.96 / np.maximum(v - 0.013, 1e-3), 1.0, 9.0),
                  lambda u, v: 0.8 + 0.25 * np.sin(260 * u / np.maximum(v, 0.1) ** 0.5) * np.sin(400 * abs(v) ** 0.5)),
            Thing(box((-0.42, -0.3, -0.34, 0.42)), "post", 2.4, lambda u, v: 0.7 + 4 * (u + 0.42)),
            Thing(disc(0.16, 0.16, 0.17), "ball", 2.0,
                  lambda u, v: 0.25 + np.sqrt(np.maximum(1 - ((u - 0.12) ** 2 + (v - 0.11) ** 2) / 0.06, 0))),
        ]
        for k in range(-14, 15):
            for slope in (-1, 1):
                things.append(Thing(wire(k * 0.15 + 0.03, slope, 0.009), "wire", 0.6))
        super().__init__("fence", materials, things, {"hedge": hedge})
