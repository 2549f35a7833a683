"""The things in the generated scene. Each paints its own rectangle and knows nothing of the others.

Every pattern takes the size of its rectangle in pixels and returns linear Rec.2020 (h, w, 3) or (h, w, 1) float32,
where 1 is the perfect diffuser. Edges are softened over one pixel, so that no pattern aliases by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.demo.chart import chart_colours
from isp.values import Float32


def _grid(h: int, w: int) -> tuple[Float32, Float32]:
    """Pixel centres, from the middle of the rectangle [px]."""
    y = np.arange(h, dtype=np.float32) - (h - 1) / 2
    x = np.arange(w, dtype=np.float32) - (w - 1) / 2
    return y[:, None], x[None, :]


def _step(distance: NDArray[np.floating[Any]]) -> Float32:
    """1 inside (distance > 0 [px]), 0 outside, linear over the pixel in between."""
    return np.asarray(np.clip(distance + 0.5, 0, 1), np.float32)


def chart(h: int, w: int) -> Float32:
    """The 24 patches with a dark border, each filling 84 % of its cell."""
    row, column = np.arange(h) * 4 / h, np.arange(w) * 6 / w
    inside = (np.abs(row % 1 - 0.5) < 0.42)[:, None] & (np.abs(column % 1 - 0.5) < 0.42)[None, :]
    index = row.astype(int)[:, None] * 6 + column.astype(int)[None, :]
    colours = chart_colours().astype(np.float32)
    return np.where(inside[..., None], colours[index], np.float32(0.035))


def siemens_star(h: int, w: int, cycles: int = 36) -> Float32:
    """A sinusoidal star (ISO 12233:2014, annex E) of 10:1 contrast on grey, so that every frequency is there."""
    y, x = _grid(h, w)
    radius = np.hypot(y, x)
    outer = 0.47 * min(h, w)
    # where a cycle is shorter than two pixels the eye of the star is grey, as a lens would leave it
    contrast = np.clip(2 * np.pi * radius / cycles / 2 - 1, 0, 1)
    star = 0.33 + 0.27 * contrast * np.cos(cycles * np.arctan2(y, x))
    disc = _step(outer - radius)
    return np.asarray(star * disc + 0.33 * (1 - disc), np.float32)[..., None]


def slanted_edges(h: int, w: int) -> Float32:
    """A square turned by 5 degrees, 4:1 against its ground (ISO 12233:2017, 6.2), and a fainter one in it."""
    y, x = _grid(h, w)
    angle = np.deg2rad(5.0)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    away = np.maximum(np.abs(u), np.abs(v))
    outer, inner = _step(0.36 * min(h, w) - away), _step(0.16 * min(h, w) - away)
    return np.asarray(0.60 - 0.45 * outer + 0.15 * inner, np.float32)[..., None]


def grey_ramp(h: int, w: int, stops: float = 9.0) -> Float32:
    """A smooth ramp above, twenty steps below: `stops` stops from the left to a diffuse white of 0.9 at the right."""
    at = (np.arange(w, dtype=np.float32) + 0.5) / w
    smooth = 0.9 * np.exp2(stops * (at - 1))
    steps = 0.9 * np.exp2(stops * (np.floor(at * 20) / 19 - 1))
    return np.where(np.arange(h)[:, None] < h / 2, smooth, steps).astype(np.float32)[..., None]


def colour_ramps(h: int, w: int) -> Float32:
    """Six hues down, from grey at the left to 90 % of the Rec.2020 gamut's edge at the right: beyond every display."""
    hues = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]], np.float32)
    hue = hues[np.arange(h) * 6 // h][:, None, :]
    purity = (0.9 * (np.arange(w, dtype=np.float32) + 0.5) / w)[None, :, None]
    return np.asarray(0.45 * (1 - purity + purity * hue), np.float32)


def dead_leaves(h: int, w: int, random: np.random.Generator, leaves: int = 5000) -> Float32:
    """Discs that hide each other, with radii falling as r^-3: the statistics of natural texture (Lee et al. 2001)."""
    small = max(1.2, 0.006 * min(h, w))
    large = max(2.0, 0.16 * min(h, w))
    share = random.random(leaves, np.float32)
    # inverse of the cumulative distribution of p(r) ~ r^-3 between small and large
    radii = 1 / np.sqrt(large**-2.0 + share * (small**-2.0 - large**-2.0))
    centres = random.random((leaves, 2), np.float32) * (h, w)
    palette = chart_colours().astype(np.float32)[:18]
    colours = palette[random.integers(0, 18, leaves)] * random.uniform(0.25, 1.1, (leaves, 1)).astype(np.float32)
    image = np.full((h, w, 3), 0.12, np.float32)
    for radius, (cy, cx), colour in zip(radii, centres, colours, strict=True):
        top, left = max(int(cy - radius - 1), 0), max(int(cx - radius - 1), 0)
        window = image[top : int(cy + radius + 2), left : int(cx + radius + 2)]
        y = np.arange(top, top + window.shape[0], dtype=np.float32)[:, None] - cy
        x = np.arange(left, left + window.shape[1], dtype=np.float32)[None, :] - cx
        window += _step(radius - np.hypot(y, x))[..., None] * (colour - window)
    return image


def lamps(h: int, w: int) -> Float32:
    """A dusk sky with five lamps, of which all but the weakest are far brighter than the sensor can take."""
    y, x = _grid(h, w)
    down = ((np.arange(h, dtype=np.float32) + 0.5) / h)[:, None, None]
    top, bottom = np.array([0.06, 0.11, 0.24], np.float32), np.array([0.75, 0.42, 0.20], np.float32)
    image = np.broadcast_to(top * (1 - down) + bottom * down, (h, w, 3)).astype(np.float32)
    scale = 0.055 * min(h, 2 * w)
    for i, (light, colour) in enumerate(
        ((0.8, (1, 1, 1)), (3, (1, 0.95, 0.85)), (12, (1, 0.85, 0.6)), (8, (1, 0.15, 0.1)), (8, (0.2, 0.35, 1)))
    ):
        distance = np.hypot(y + 0.05 * h, x + w * (0.4 - 0.2 * i)) - scale
        # a bright core and a glow that falls by half every third of its radius
        glow = np.where(distance < 0, 1, 0.25 * np.exp2(-3 * np.maximum(distance, 0) / scale))
        glow = np.maximum(glow, _step(-distance))
        image += light * glow[..., None].astype(np.float32) * np.array(colour, np.float32)
    return image
