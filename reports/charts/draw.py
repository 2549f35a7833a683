"""What was found, drawn on the picture."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike

from isp.color.spaces import conversion, srgb_encoded
from isp.values import Float64
from reports.model import Image
from reports.source import Source

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Outline = tuple[str, ArrayLike]
"""A name and its (N, 2) corners (x, y) [px]; two points are a line, one is a mark."""


class Found(Protocol):
    """Any result of a finder."""

    def outlines(self) -> list[tuple[str, Float64]]:
        """Names and (N, 2) corners (x, y) [px]."""


INKS = ("#ffd400", "#00e5ff", "#ff6ad5", "#7dff5a", "#ff9a3c", "#b9a5ff")
"""One for each group of outlines; bright, drawn on a dark rim, so they show on anything."""
RIM = "#000000"
NUMBER = 3
"""Letters up to which a name counts as a number."""
LARGEST = 1200
"""Longest side of the drawing [px]."""
DIM = 0.9
"""What the 99.5th percentile of linear light becomes where a picture is too dark to be seen."""
DARK = 0.3
"""99.5th percentile of linear light below which a picture is brightened."""


def draw_found(source: Source, outlines: Iterable[Found | Outline], *, quality: int = 85) -> Image:
    """A reduced picture with what was found drawn and named.

    Parameters
    ----------
    source : Source
        A dark picture is brightened, linear light is encoded for viewing.
    outlines : iterable
        Results with a method ``outlines()``, such as `ColorChart`, or pairs of a name and (N, 2) points in pixels of
        the upright picture. Each result has a colour of its own; pairs share one.
    quality : of the JPEG, 1..100

    Returns
    -------
    Image
        JPEG, longest side at most 1200 px.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw

    groups: list[list[Outline]] = [[]]
    for found in outlines:
        if isinstance(found, tuple):
            groups[0].append(found)
        else:
            groups.append(list(found.outlines()))
    light, step = source.overview
    view = Pillow.fromarray(_view(np.asarray(light, np.float64), source.space))
    scale = min(1.0, LARGEST / max(view.size))
    view = view.resize((max(round(view.width * scale), 1), max(round(view.height * scale), 1)), Pillow.Resampling.BOX)
    pen = ImageDraw.Draw(view)
    width = max(1, round(max(view.size) / 500))
    for number, group in enumerate(group for group in groups if group):
        ink = INKS[number % len(INKS)]
        placed = [(name, np.atleast_2d(np.asarray(points, np.float64)) * (scale / step)) for name, points in group]
        for _, at in placed:
            _outline(pen, at, ink, width)
        # after all lines, so that none crosses a name
        for name, at in placed:
            _name(pen, name, at, ink, view.size)
    buffer = io.BytesIO()
    view.save(buffer, "JPEG", quality=quality)
    return Image(buffer.getvalue(), "image/jpeg", view.size)


def _view(light: Float64, space: str) -> np.ndarray:
    rgb = light @ conversion(space, "srgb").T
    top = float(np.quantile(rgb, 0.995))
    if 0.0 < top < DARK:
        rgb = rgb * (DIM / top)
    return np.rint(srgb_encoded(rgb) * 255).astype(np.uint8)


def _outline(pen: ImageDraw, at: Float64, ink: str, width: int) -> None:
    points = [(float(x), float(y)) for x, y in at]
    if len(points) == 1:
        (x, y), arm = points[0], 4.0 * width
        for line in ([(x - arm, y), (x + arm, y)], [(x, y - arm), (x, y + arm)]):
            pen.line(line, RIM, 3 * width)
            pen.line(line, ink, width)
        return
    closed = points if len(points) == 2 else [*points, *points[:2]]
    pen.line(closed, RIM, width + 2, joint="curve")
    pen.line(closed, ink, width, joint="curve")


def _name(pen: ImageDraw, name: str, at: Float64, ink: str, picture: tuple[int, int]) -> None:
    """Numbers inside their outline if it has the room, names above it."""
    from PIL import ImageFont

    (left, top), (right, bottom) = at.min(0), at.max(0)
    font = ImageFont.load_default(float(np.clip(min(right - left, bottom - top) / 2, 10, max(picture) / 60 + 6)))
    box = pen.textbbox((0, 0), name, font, stroke_width=2)
    wide, high = box[2] - box[0], box[3] - box[1]
    if len(name) <= NUMBER:
        if wide + 4 > right - left or high + 4 > bottom - top:
            return
        x, y = (left + right - wide) / 2, (top + bottom - high) / 2
    else:
        x, y = left, top - high - 4
    x, y = np.clip(x, 0, max(picture[0] - wide, 0)), np.clip(y, 0, max(picture[1] - high, 0))
    pen.text((float(x) - box[0], float(y) - box[1]), name, ink, font, stroke_width=2, stroke_fill=RIM)
