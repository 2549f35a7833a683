"""Pictures of the 24-patch chart in any perspective, painted by geometry alone: what its finder is tested on."""

from __future__ import annotations

import numpy as np

from isp.color.spaces import srgb_encoded
from isp.values import Picture
from reports.charts.references import reference_rgb

HALF = 0.5 / 1.15
"""Half a patch by the step from patch to patch."""
BOARD = HALF + 0.3 / 1.15
"""From the middle of the outer patches to the edge of the board."""
CELLS = np.stack(np.meshgrid(np.arange(6), np.arange(4)), axis=-1).reshape(24, 2)
COLORS = np.clip(reference_rgb("iso"), 0, 1)


def view(size, angle=0.0, pan=0.0, tilt=0.0, width=0.8, at=(0.5, 0.5), focal=1.1):
    """(3, 3) from (column, row) to pixels of a pinhole camera; angles [deg], lengths in widths of the picture."""
    a, p, t = np.radians([angle, pan, tilt])
    roll = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    yaw = np.array([[np.cos(p), 0, np.sin(p)], [0, 1, 0], [-np.sin(p), 0, np.cos(p)]])
    pitch = np.array([[1, 0, 0], [0, np.cos(t), -np.sin(t)], [0, np.sin(t), np.cos(t)]])
    turned = pitch @ yaw @ roll
    plane = np.column_stack([turned[:, 0], turned[:, 1], [0, 0, focal * (5 + 2 * BOARD) / width]])
    lens = np.array([[focal * size[0], 0, at[0] * size[0]], [0, focal * size[0], at[1] * size[1]], [0, 0, 1]])
    return lens @ plane @ np.array([[1, 0, -2.5], [0, 1, -1.5], [0, 0, 1]])


def through(matrix, points):
    mapped = np.asarray(points, float) @ matrix[:, :2].T + matrix[:, 2]
    return mapped[..., :2] / mapped[..., 2:]


def paint(matrix, size, back=0.18, colors=COLORS, board=0.015, fine=2):
    """(H, W, 3) linear light; `back` is a grey or a picture of the size."""
    width, height = size
    grid = np.meshgrid((np.arange(width * fine) + 0.5) / fine, (np.arange(height * fine) + 0.5) / fine)
    on_chart = through(np.linalg.inv(matrix), np.stack(grid, axis=-1))
    cell = np.rint(on_chart).astype(int)
    known = (cell >= 0).all(-1) & (cell < (6, 4)).all(-1) & (np.abs(on_chart - cell) <= HALF).all(-1)
    on_board = ((on_chart > -BOARD) & (on_chart < (5 + BOARD, 3 + BOARD))).all(-1)
    light = np.empty((height * fine, width * fine, 3))
    light[:] = back if np.ndim(back) == 0 else np.repeat(np.repeat(back, fine, 0), fine, 1)
    light[on_board] = board
    light[known] = colors[(cell[..., 1] * 6 + cell[..., 0])[known]]
    return light.reshape(height, fine, width, fine, 3).mean((1, 3))


def linear_picture(light, space="srgb"):
    return Picture(np.asarray(light, np.float32), space, "linear", "scene")


def rendered(light):
    """As an 8-bit sRGB picture, clipped."""
    return Picture.from_array(np.rint(srgb_encoded(light) * 255).astype(np.uint8))


def off(chart, matrix):
    """Largest distance of a patch's centre from where it is, in patch widths; infinite if nothing was found."""
    if not chart:
        return np.inf
    half = np.array([HALF, 0])
    wide = np.linalg.norm(through(matrix, CELLS + half) - through(matrix, CELLS - half), axis=1)
    return float((np.linalg.norm(chart.patches.mean(1) - through(matrix, CELLS), axis=1) / wide).max())
