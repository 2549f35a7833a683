"""The generated scene: where each pattern stands in the frame, whatever the frame's size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from isp.demo import patterns
from isp.values import Float32

Box = tuple[int, int, int, int]
LAYOUT: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {
        "chart": (0.040, 0.030, 0.500, 0.500),
        "siemens_star": (0.040, 0.530, 0.360, 0.770),
        "slanted_edges": (0.040, 0.790, 0.360, 0.970),
        "colour_ramps": (0.385, 0.530, 0.500, 0.970),
        "grey_ramp": (0.530, 0.030, 0.630, 0.970),
        "dead_leaves": (0.660, 0.030, 0.960, 0.500),
        "lamps": (0.660, 0.530, 0.960, 0.970),
    }
)
"""Top, left, bottom, right of each pattern, in heights and widths of the frame."""


def boxes(width: int, height: int) -> dict[str, Box]:
    """Top, left, bottom, right [px] of each pattern of a frame of that size; patterns without a pixel are left out."""
    found = {}
    for name, (top, left, bottom, right) in LAYOUT.items():
        box = (round(top * height), round(left * width), round(bottom * height), round(right * width))
        if box[0] < box[2] and box[1] < box[3]:
            found[name] = box
    return found


def demo_scene(width: int = 2048, height: int = 1536, seed: int = 1) -> Float32:
    """A colour chart, resolution targets, ramps, texture and lamps on a plain wall.

    Parameters
    ----------
    width, height : int
        Size [px].
    seed : int
        Of the texture.

    Returns
    -------
    (height, width, 3) float32
        Light in linear Rec.2020 (D65); 1 is a perfect diffuser in the light of the scene, lamps are brighter.
    """
    random = np.random.Generator(np.random.Philox(key=[seed, 1]))
    paint: dict[str, Callable[[int, int], Float32]] = {
        "chart": patterns.chart,
        "siemens_star": patterns.siemens_star,
        "slanted_edges": patterns.slanted_edges,
        "colour_ramps": patterns.colour_ramps,
        "grey_ramp": patterns.grey_ramp,
        "dead_leaves": lambda h, w: patterns.dead_leaves(h, w, random),
        "lamps": patterns.lamps,
    }
    across = np.linspace(0.9, 1.1, width, dtype=np.float32)[None, :, None]
    down = np.linspace(1.1, 0.8, height, dtype=np.float32)[:, None, None]
    scene = across * down * np.array([0.20, 0.19, 0.175], np.float32)
    for name, (top, left, bottom, right) in boxes(width, height).items():
        scene[top:bottom, left:right] = paint[name](bottom - top, right - left)
    return _soften(scene)


def _soften(scene: Float32) -> Float32:
    """The lens: a binomial 1-2-1 in both directions (contrast 0.5 at half the sampling frequency)."""
    for axis in (0, 1):
        a = np.moveaxis(scene, axis, 0)
        if len(a) > 2:
            a[1:-1] = 0.5 * a[1:-1] + 0.25 * (a[:-2] + a[2:])
    return scene
