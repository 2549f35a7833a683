"""What the viewer shows of a picture: sRGB for the screen, reduced if it is very large."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.color.spaces import conversion, srgb_encoded
from reports.model import Image
from reports.source import STRIP, Source, averaged

VIEW_PIXELS = 17_000_000
"""Pixels up to which the viewer has the picture itself; 16 megapixels are common, a browser copes with them."""
VIEW_BYTES = 8_500_000
"""Of one view: two and their crops stay below 30 MB in the page (base64 adds a third)."""
_QUALITIES = (92, 88, 82, 75, 65, 50, 35)
_LEVELS = 4096


def screen(source: Source, top: int, left: int, height: int, width: int) -> NDArray[np.uint8]:
    """(height, width, 3) sRGB codes of a part; what a screen cannot show is clipped."""
    codes = source.codes(top, left, height, width)
    if source.space == "srgb" and source.transfer == "srgb" and codes.dtype == np.uint8:
        return np.ascontiguousarray(codes)
    return to_screen(source.light(top, left, height, width), source.space)


def to_screen(light: NDArray[Any], space: str = "srgb") -> NDArray[np.uint8]:
    """sRGB codes of linear RGB (..., 3)."""
    if space != "srgb":
        light = light @ conversion(space, "srgb").T
    table = np.rint(srgb_encoded(np.arange(_LEVELS) / (_LEVELS - 1)) * 255).astype(np.uint8)
    # a table of 4096 linear steps is too coarse in the dark: there the curve itself
    indices = np.clip(light * (_LEVELS - 1) + 0.5, 0, _LEVELS - 1).astype(np.intp)
    result: NDArray[np.uint8] = table[indices]
    dark = light < 0.02
    result[dark] = np.rint(srgb_encoded(light[dark]) * 255).astype(np.uint8)
    return result


def view_of(source: Source) -> tuple[Image, int]:
    """The view of a picture, and how many of its pixels one pixel of the view stands for along each side."""
    height, width = source.shape
    step = 1
    while (height // step) * (width // step) > VIEW_PIXELS:
        step += 1
    view = np.empty((height // step, width // step, 3), np.uint8)
    rows = max(1, STRIP // step)
    for top in range(0, len(view), rows):
        count = min(rows, len(view) - top)
        if step == 1:
            view[top : top + count] = screen(source, top, 0, count, width)
            continue
        light = source.light(top * step, 0, count * step, view.shape[1] * step)
        view[top : top + count] = to_screen(averaged(light, step), source.space)
    return jpeg(view), step


def jpeg(pixels: NDArray[np.uint8], most: int = VIEW_BYTES) -> Image:
    """A JPEG of sRGB codes with full colour resolution, of at most about `most` bytes."""
    import imagecodecs

    data = b""
    for quality in _QUALITIES:
        data = bytes(imagecodecs.jpeg8_encode(pixels, quality, subsampling="444"))
        if len(data) <= most:
            break
    return Image(data, "image/jpeg", (pixels.shape[1], pixels.shape[0]))


def png(pixels: NDArray[np.uint8]) -> Image:
    """A PNG, lossless."""
    import imagecodecs

    return Image(bytes(imagecodecs.png_encode(pixels, 6)), "image/png", (pixels.shape[1], pixels.shape[0]))
