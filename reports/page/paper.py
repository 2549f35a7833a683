"""Text, rules and pictures on a slide; places are parts of the slide, from its bottom left."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from reports.model import Image
from reports.page.drawn import draw, pixels

SIZE = (40 / 3, 7.5)
"""Inches, 16:9."""
DPI = 144
"""1920 pixels wide."""
MARGIN = 0.04
INK, SOFT, LINE = "#15181e", "#545b67", "#dde0e5"
STYLE = {"font.family": ["DejaVu Sans"], "text.color": INK, "figure.facecolor": "white", "pdf.fonttype": 42,
         "text.parse_math": False}  # fmt: skip
_LETTER, _BOLD = 0.58, 0.66  # mean width of a letter of DejaVu Sans [font sizes]
_LEADING, _ASCENT = 1.28, 0.93  # [font sizes]
_SMALL = 400  # pixels; narrower pictures are shown pixel by pixel


def rule(canvas: Any, left: float, right: float, y: float) -> None:
    """A thin line across."""
    from matplotlib.lines import Line2D

    canvas.add_artist(Line2D([left, right], [y, y], color=LINE, linewidth=0.8))


def picture(canvas: Any, box: tuple[float, float, float, float], image: Image) -> float:
    """Draws an image at the top left of (left, top, width, height); returns where it ends."""
    left, top, width, height = box
    ratio = image.size[1] / image.size[0] * SIZE[0] / SIZE[1]
    high = min(height, width * ratio)
    axes = canvas.add_axes((left, top - high, high / ratio, high))
    if image.mime == "image/svg+xml":
        draw(image, axes, INK)
        return top - high
    shown = pixels(image)
    if image.size[0] < _SMALL:  # readers of PDF smooth what they enlarge
        factor = -(-2 * _SMALL // image.size[0])
        shown = np.repeat(np.repeat(shown, factor, 0), factor, 1)
    axes.set_axis_off()
    axes.imshow(shown, interpolation="antialiased", aspect="auto")
    return top - high


def words(
    canvas: Any, x: float, y: float, text: str, size: float, width: float = 1.0, *, most: int = 1, **look: Any
) -> float:
    """Text whose top is y, wrapped to a width and at most so many lines; returns where it ends."""
    letters = max(6, int(width * SIZE[0] * 72 / (size * (_BOLD if look.get("weight") == "bold" else _LETTER))))
    lines = textwrap.wrap(text, letters)
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])[: letters - 1] + "…"]
    point = 1 / 72 / SIZE[1]
    for number, line in enumerate(lines):
        canvas.text(x, y - (number * _LEADING + _ASCENT) * size * point, line, fontsize=size, va="baseline", **look)
    return y - max(len(lines), 1) * _LEADING * size * point
