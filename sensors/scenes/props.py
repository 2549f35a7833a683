"""Things that stand in the composed scene, each painted into its box (left, top, right, bottom) [photosites]."""

from __future__ import annotations

import numpy as np

from sensors.scenes.coverage import Box, Canvas, disk
from sensors.scenes.scene import Float32, Scene

_TOWARDS_LIGHT = np.array([0.45, -0.65, 0.61]) / np.linalg.norm([0.45, -0.65, 0.61])
"""Direction to the lamp as the balls see it: right, up, towards the camera."""


def panel(canvas: Canvas, box: Box, value: Float32) -> None:
    """A flat rectangle of `value` (C,)."""
    window = canvas.window(box)
    if window is not None:
        canvas.mix(window, canvas.share(*canvas.at(*window), box), value[:, None, None])


def card(canvas: Canvas, box: Box, scene: Scene, table: Float32) -> None:
    """Another scene on a card."""
    window = canvas.window(box)
    if window is None:
        return
    x, y = canvas.at(*window)
    left, top, right, bottom = box
    values = scene.paint(x - left, y - top, (right - left, bottom - top), table)
    canvas.mix(window, canvas.share(x, y, box), values)


def ramp(canvas: Canvas, box: Box, white: Float32) -> None:
    """Grey from density 0.05 on the left to 2 on the right, without steps."""
    window = canvas.window(box)
    if window is None:
        return
    x, y = canvas.at(*window)
    along = np.clip((x - box[0]) / (box[2] - box[0]), 0.0, 1.0)
    grey = (10.0 ** -(0.05 + 1.95 * along)).astype(np.float32)
    canvas.mix(window, canvas.share(x, y, box), grey * white[:, None, None])


def cloth(canvas: Canvas, box: Box, unit: float, color: Float32) -> None:
    """A weave that gets finer to the right, from 60 to 1500 threads in `unit` photosites, averaged over each one."""
    window = canvas.window(box)
    if window is None:
        return
    x, y = canvas.at(*window)
    low, high, crossing = 60.0, 1500.0, 160.0
    length = (box[2] - box[0]) / unit
    u, v = (x - box[0]) / unit, (y - box[1]) / unit
    rate = np.log(high / low) / length
    frequency = low * np.exp(rate * np.clip(u, 0.0, length))
    across = np.cos(2 * np.pi * (frequency - low) / rate) * np.sinc(frequency / unit)
    down = np.cos(2 * np.pi * crossing * v) * np.sinc(crossing / unit)
    weave = (0.75 + 0.3 * across + 0.2 * down).astype(np.float32)
    canvas.mix(window, canvas.share(x, y, box), weave * color[:, None, None])


def niche(canvas: Canvas, box: Box, rim: float, white: Float32) -> None:
    """A dark box with six patches in it, from 0.25 % to 8 %, each twice the one before."""
    inner = (box[0] + rim, box[1] + rim, box[2] - rim, box[3] - rim)
    panel(canvas, box, np.float32(0.06) * white)
    panel(canvas, inner, np.float32(0.002) * white)
    width, height = (inner[2] - inner[0]) / 2, (inner[3] - inner[1]) / 3
    for number in range(6):
        row, column = divmod(number, 2)
        x, y = inner[0] + (column + 0.2) * width, inner[1] + (row + 0.2) * height
        panel(canvas, (x, y, x + 0.6 * width, y + 0.6 * height), np.float32(0.0025 * 2**number) * white)


def shadow(canvas: Canvas, box: Box) -> None:
    """Darkness that fades out towards the ellipse in `box`."""
    window = canvas.window(box)
    if window is None:
        return
    x, y = canvas.at(*window)
    u = (2 * x - box[0] - box[2]) / (box[2] - box[0])
    v = (2 * y - box[1] - box[3]) / (box[3] - box[1])
    inner = np.maximum(1.0 - u * u - v * v, 0.0)
    share = (1.0 - 0.75 * inner * inner).astype(np.float32)
    for plane in canvas.planes:
        plane[window] *= share


def ball(canvas: Canvas, box: Box, color: Float32, white: Float32) -> None:
    """A matt ball in soft light with a highlight (after Blinn 1977)."""
    window = canvas.window(box)
    if window is None:
        return
    x, y = canvas.at(*window)
    left, top, right, bottom = box
    radius = (right - left) / 2
    u, v = (x - (left + right) / 2) / radius, (y - (top + bottom) / 2) / radius
    toward = np.sqrt(np.maximum(1.0 - u * u - v * v, 0.0))
    light = _TOWARDS_LIGHT
    wrapped = np.maximum((u * light[0] + v * light[1] + toward * light[2] + 0.35) / 1.35, 0.0)
    half = light + np.array([0.0, 0.0, 1.0])
    half = half / np.linalg.norm(half)
    shine = np.maximum(u * half[0] + v * half[1] + toward * half[2], 0.0)
    for _ in range(5):
        shine = shine * shine
    matt, gloss = (0.12 + 1.05 * wrapped * wrapped).astype(np.float32), (0.35 * shine).astype(np.float32)
    share = disk(u * radius, v * radius, radius)
    canvas.mix(window, share, matt * color[:, None, None] + gloss * white[:, None, None])


def lamp(canvas: Canvas, box: Box, value: Float32) -> None:
    """A disk of `value` (C,)."""
    window = canvas.window(box)
    if window is None:
        return
    x, y = canvas.at(*window)
    left, top, right, bottom = box
    share = disk(x - (left + right) / 2, y - (top + bottom) / 2, (right - left) / 2)
    canvas.mix(window, share, value[:, None, None])
