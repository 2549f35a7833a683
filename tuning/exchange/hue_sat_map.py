"""Tables over hue, saturation and value in linear ProPhoto RGB: ProfileHueSatMap and ProfileLookTable of DNG profiles.

As the DNG specification 1.7.1 (chapter 6, "HueSatMap") has it: linear between the table's points, hue going round;
colours are turned, then saturation and value are multiplied and held to at most 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from isp.color.spaces import D50, WORKING, conversion, pcs_to_rgb, srgb_encoded, xy_to_xyz
from isp.color.transfer import decoded
from isp.values import Float64

HUES, SATURATIONS = 90, 30
"""Points of the tables we write, as Adobe's own have them."""
_PRIMARIES = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
"""CIE xy of ROMM RGB (ISO 22028-2:2013), its white D50."""
_VALUE = 0.5
"""Value at which a table without an axis of values is taken."""
_PALE = 0.02
"""Saturation that stands for that of greys, which have no hue."""


def prophoto_to_pcs() -> Float64:
    """(3, 3) linear ProPhoto RGB to XYZ of D50."""
    columns = np.stack([xy_to_xyz(xy) for xy in _PRIMARIES], axis=1)
    return np.asarray(columns * np.linalg.solve(columns, xy_to_xyz(D50)))


def working_to_prophoto() -> Float64:
    """(3, 3) linear Rec.2020 to linear ProPhoto RGB."""
    to_pcs = np.linalg.inv(pcs_to_rgb("srgb")) @ conversion(WORKING, "srgb")
    return np.asarray(np.linalg.solve(prophoto_to_pcs(), to_pcs))


def mapped(rgb: Float64, table: Float64, encoding: int = 0) -> Float64:
    """Linear ProPhoto colours (N, 3), 0 or more, through a table (values, hues, saturations, 3)."""
    hsv = to_hsv(rgb)
    values, hues, saturations = table.shape[:3]
    value = srgb_encoded(hsv[:, 2]) if encoding == 1 else np.clip(hsv[:, 2], 0, 1)
    places = (value * (values - 1), hsv[:, 0] * hues, hsv[:, 1] * (saturations - 1))
    last = (max(values - 2, 0), hues - 1, saturations - 2)
    lows = [np.minimum(at.astype(np.intp), top) for at, top in zip(places, last, strict=True)]
    shares = [np.clip(at - low, 0, 1) for at, low in zip(places, lows, strict=True)]
    total = np.zeros((len(rgb), 3))
    for k in range(8):
        steps = [k >> 2 & 1, k >> 1 & 1, k & 1]
        weight = np.prod([s if up else 1 - s for s, up in zip(shares, steps, strict=True)], axis=0)
        index = (np.minimum(lows[0] + steps[0], values - 1), (lows[1] + steps[1]) % hues, lows[2] + steps[2])
        total += weight[:, None] * table[index]
    turned = (hsv[:, 0] + total[:, 0] / 360.0) % 1.0
    saturation = np.clip(hsv[:, 1] * total[:, 1], 0.0, 1.0)
    coded = encoding == 1
    bright = decoded(np.clip(value * total[:, 2], 0, 1), "srgb") if coded else hsv[:, 2] * total[:, 2]
    return from_hsv(np.stack([turned, saturation, bright], 1))


def table_of(look: Callable[[Float64], Float64]) -> Float64:
    """(1, HUES, SATURATIONS, 3) table of a change of linear ProPhoto colours (N, 3) that exposure does not alter."""
    hue, saturation = np.meshgrid(np.arange(HUES) / HUES, np.linspace(0, 1, SATURATIONS), indexing="ij")
    given = np.stack([hue, np.where(saturation > 0, saturation, _PALE), np.full_like(hue, _VALUE)], -1).reshape(-1, 3)
    found = to_hsv(np.maximum(look(from_hsv(given)), 0.0))
    turn = ((found[:, 0] - given[:, 0] + 0.5) % 1.0 - 0.5) * 360.0
    table = np.stack([turn, found[:, 1] / given[:, 1], found[:, 2] / given[:, 2]], -1)
    table = table.reshape(1, HUES, SATURATIONS, 3)
    table[:, :, 0, 2] = 1.0  # the specification asks that greys keep their value
    return table


def to_hsv(rgb: Float64) -> Float64:
    """Hue 0..1, saturation 0..1 and value of colours (N, 3)."""
    high, low = rgb.max(axis=1), rgb.min(axis=1)
    gap = high - low
    r, g, b = rgb.T
    safe = np.where(gap > 0, gap, 1.0)
    hue = np.where(r == high, (g - b) / safe, np.where(g == high, 2 + (b - r) / safe, 4 + (r - g) / safe)) / 6
    return np.stack([np.where(gap > 0, hue % 1.0, 0.0), gap / np.maximum(high, 1e-12), high], 1)


def from_hsv(hsv: Float64) -> Float64:
    """Colours (N, 3) of hue, saturation and value."""
    offset = np.array([5.0, 3.0, 1.0])
    k = (offset + 6 * hsv[:, :1]) % 6
    return np.asarray(hsv[:, 2:] * (1 - hsv[:, 1:2] * np.clip(np.minimum(k, 4 - k), 0, 1)))
