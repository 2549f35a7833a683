"""Edges of layers where those of the picture are: pixels beside a jump divided between what is near and what is far.

A pixel of the picture that an edge crosses holds light of both sides. Taken for near, it would carry a rim of the far
side's light; taken for far, a shadow of the near thing would stay where that itself is blurred away. With F and B the
mean colours of both sides close by, its coverage is

    alpha = (I - B) (F - B) / |F - B|²      (0..1)

(the colour line of E. Ruzon and C. Tomasi, "Alpha estimation in natural images", CVPR 2000), and it becomes a pixel of
the near layer, of colour F, that covers alpha of what is behind it. Where three surfaces are close by, it is divided
between the two whose line its colour is closest to.
"""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from isp.lens_look.layers import JUMP, Int16
from isp.values import Float32

LIKE = 0.03
"""Colours that differ by less, relative to the brighter, say nothing about coverage."""
LEAST = 0.02
"""Coverage below which a pixel is all far, and above 1 minus which all near."""
_CHUNK = 2_000_000
"""Neighbours that are looked at together."""


def refined(
    light: Float32, layer: Int16, radius: int, pool: Executor
) -> tuple[Float32, Int16, NDArray[np.uint8], NDArray[np.bool_]]:
    """A picture whose pixels within `radius` of a jump are near, far, or near by some part.

    Parameters
    ----------
    light : (H, W, 3) float32, linear
    layer : (H, W) int16
    radius : on either side of a jump [px]; 1 are the pixels that it lies between

    Returns
    -------
    light, layer, alpha, sure
        (H, W, 3) float32; (H, W) int16; (H, W) uint8, coverage in 255ths; (H, W) bool, pixels away from jumps
    """
    height, width = layer.shape
    edge = _edges(layer)
    band = _grown(edge, radius - 1)
    y, x = np.nonzero(band)
    bright, layers, alpha = light.copy(), layer.copy(), np.full(layer.shape, 255, np.uint8)
    steps = np.arange(-2 * radius, 2 * radius + 1)
    dy, dx = (a.ravel() for a in np.meshgrid(steps, steps, indexing="ij"))
    count = max(1, _CHUNK // len(dx))

    def part(first: int) -> None:
        rows, columns = y[first : first + count], x[first : first + count]
        py, px = np.clip(rows[:, None] + dy, 0, height - 1), np.clip(columns[:, None] + dx, 0, width - 1)
        around, sure, colour = layer[py, px].astype(np.int32), ~band[py, px], light[py, px]
        own_layer, own = layer[rows, columns].astype(np.int32), light[rows, columns]
        ends = around.min(axis=1), around.max(axis=1)
        sides = [np.abs(around - end[:, None]) < JUMP for end in ends]
        near, far = (_mean(colour, side, sure) for side in sides)
        share, miss = _line(own, near, far)
        front, back = ends
        # a third surface between them
        third = sure & ~sides[0] & ~sides[1]
        n = np.flatnonzero(third.any(axis=1))
        if len(n):
            third = third[n]
            middle = _mean(colour[n], third, third)
            level = np.where(third, around[n], 0).sum(axis=1) // third.sum(axis=1)
            front, back = front.copy(), back.copy()
            for one, other, low, high in ((near[n], middle, front[n], level), (middle, far[n], level, back[n])):
                other_share, other_miss = _line(own[n], one, other)
                fits = other_miss < miss[n]
                k = n[fits]
                share[k], miss[k], front[k], back[k] = other_share[fits], other_miss[fits], low[fits], high[fits]
                near[k], far[k] = one[fits], other[fits]
        line = near - far
        alike = (line * line).sum(axis=1) < (LIKE * np.maximum(near.max(axis=1), far.max(axis=1))) ** 2
        on_near = np.abs(own_layer - front) < JUMP
        share = np.where(alike, own_layer - front < back - own_layer, share)
        divided = back - front >= JUMP
        is_near = share > LEAST
        mixed = divided & is_near & (share < 1 - LEAST)
        on_far = np.abs(own_layer - back) < JUMP
        chosen = np.where(is_near, np.where(on_near, own_layer, front), np.where(on_far, own_layer, back))
        layers[rows, columns] = np.where(divided, chosen, own_layer)
        alpha[rows, columns] = np.where(mixed, np.rint(255 * share), 255)
        bright[rows, columns] = np.where(mixed[:, None], near, own)

    for _ in pool.map(part, range(0, len(y), count)):
        pass
    return bright, layers, alpha, ~_grown(band, 1)


def _edges(layer: Int16) -> NDArray[np.bool_]:
    """Pixels that a jump lies between; a depth that takes two steps to jump has a mixed pixel in the middle."""
    edge = np.zeros(layer.shape, bool)
    for axis in (0, 1):
        part, plane = np.moveaxis(edge, axis, 0), np.moveaxis(layer, axis, 0)
        # int16 cannot overflow: layers are few hundred
        jump = np.abs(np.diff(layer, axis=axis)) >= JUMP
        rows, columns = np.nonzero(jump)
        at, other = (rows, columns) if axis == 0 else (columns, rows)
        rise = np.sign(plane[at + 1, other] - plane[at, other])
        for side in (0, 1):
            part[at + side, other] = True
            # one more step beyond
            on = np.clip(at - 1 + 3 * side, 0, len(plane) - 1)
            further = plane[on, other] - plane[at + side, other]
            more = np.sign(further) == (rise if side else -rise)
            part[on[more], other[more]] = True
    return edge


def _grown(band: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """A mask, and what is within so many pixels of it."""
    for axis in (0, 1):
        for _ in range(steps):
            part = np.moveaxis(band, axis, 0)
            wider = part.copy()
            wider[1:] |= part[:-1]
            wider[:-1] |= part[1:]
            band = np.moveaxis(wider, 0, axis)
    return band


def _line(own: Float32, near: Float32, far: Float32) -> tuple[Float32, Float32]:
    """Share of `near` in colours (n, 3), and how far they are from the line between both, squared."""
    line = near - far
    share = ((own - far) * line).sum(axis=1) / np.maximum((line * line).sum(axis=1), 1e-20)
    share = np.clip(share, 0, 1).astype(np.float32)
    rest = own - far - share[:, None] * line
    return share, np.asarray((rest * rest).sum(axis=1), np.float32)


def _mean(colour: Float32, side: NDArray[np.bool_], sure: NDArray[np.bool_]) -> Float32:
    """Mean colour (n, 3) of a side's pixels that no edge crosses; of all of it where there are none."""
    clean = side & sure
    used = np.where(np.asarray(clean.any(axis=1))[:, None], clean, side)
    count = used.sum(axis=1, dtype=np.float32)
    return np.asarray(np.einsum("nkc,nk->nc", colour, used.astype(np.float32)) / np.maximum(count, 1)[:, None])
