"""Another size for a picture that goes out: Lanczos over three lobes, in linear light, a strip of rows at a time.

Filtering code values darkens fine bright detail; so codes become light first and codes again afterwards (HLG: scene
light). The filter widens with the reduction, so nothing aliases. Pillow does the filtering, in float32.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import UsageError
from isp.values import Float32

LONGEST_SIDE = 65_500
"""Longest side of a picture that is made larger or smaller [px]."""
LARGEST_SCALE = 8.0
_LOBES = 3
_STRIP_VALUES = 1 << 22
"""Input values of one channel held as light at a time, about."""


@dataclass(frozen=True)
class Resize:
    """The size to write; exactly one is given, the other side follows. Sides are those of the upright picture.

    Parameters
    ----------
    width, height : int, optional
        [px].
    long_side : int, optional
        The longer of the two [px].
    scale : float, optional
        Factor of both sides, above 0 and up to 8.

    Raises
    ------
    UsageError
        None or several are given, or one is out of bounds.
    """

    width: int | None = None
    height: int | None = None
    long_side: int | None = None
    scale: float | None = None

    def __post_init__(self) -> None:
        given = self.as_dict()
        if len(given) != 1:
            raise UsageError(f"resize {given or 'without a size'}: one of width, height, long_side, scale is needed")
        ((name, value),) = given.items()
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise UsageError(f"resize {name} {value!r} is not a number")
        if name == "scale":
            if not 0 < value <= LARGEST_SCALE:
                raise UsageError(f"resize scale {value:g} is out of bounds; allowed: above 0, up to {LARGEST_SCALE:g}")
        elif value != int(value) or not 1 <= value <= LONGEST_SIDE:
            raise UsageError(f"resize {name} {value!r} is out of bounds; allowed: whole numbers 1..{LONGEST_SIDE} px")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Resize:
        """From a mapping such as ``{"long_side": 2048}``; UsageError for an unknown name."""
        unknown = set(given) - {f.name for f in fields(cls)}
        if unknown:
            names = ", ".join(map(repr, sorted(map(str, unknown))))
            raise UsageError(f"resize has no {names}; allowed: one of width, height, long_side, scale")
        return cls(**given)

    def as_dict(self) -> dict[str, Any]:
        """What was given, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}

    def size(self, shape: tuple[int, int]) -> tuple[int, int]:
        """(H, W) of a picture of `shape` (H, W) when resized [px]; UsageError if it is longer than `LONGEST_SIDE`."""
        height, width = shape
        if self.scale is not None:
            factor = self.scale
        elif self.width is not None:
            factor = self.width / width
        elif self.height is not None:
            factor = self.height / height
        else:
            factor = (self.long_side or 1) / max(shape)
        size = (self.height or max(1, round(height * factor)), self.width or max(1, round(width * factor)))
        if max(size) > LONGEST_SIDE:
            raise UsageError(f"resize gives {size[1]}x{size[0]} px; allowed: sides up to {LONGEST_SIDE} px")
        return size


def resized(pixels: NDArray[Any], size: tuple[int, int], transfer: str) -> Float32:
    """A picture at another size.

    Parameters
    ----------
    pixels : (H, W, 3) float32, uint8 or uint16 codes
    size : (H, W) [px]
    transfer : of the codes; see `Picture`

    Returns
    -------
    (H, W, 3) float32
        Values 0..1 of the same transfer; linear ones may pass 0 and 1.
    """
    from PIL import Image

    rows_in, columns_in = pixels.shape[:2]
    rows, columns = size
    step = rows_in / rows
    around = math.ceil(_LOBES * max(step, 1)) + 1
    strip = max(1, int((_STRIP_VALUES / columns_in - 2 * around) / step))
    out = np.empty((rows, columns, 3), np.float32)
    table = _table(pixels.dtype, transfer)
    for first in range(0, rows, strip):
        last = min(first + strip, rows)
        top, bottom = first * step, min(last * step, float(rows_in))
        begin, end = max(0, math.floor(top) - around), min(rows_in, math.ceil(bottom) + around)
        box = (0.0, top - begin, float(columns_in), bottom - begin)
        light = np.empty((last - first, columns, 3))
        for channel in range(3):
            codes = pixels[begin:end, :, channel]
            plane = table[codes] if table is not None else _light(codes, transfer)
            image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
            light[..., channel] = image.resize((columns, last - first), Image.Resampling.LANCZOS, box)
        out[first:last] = _codes(light, transfer)
    return out


def _table(dtype: np.dtype[Any], transfer: str) -> Float32 | None:
    """Light of every integer code; None for floats."""
    if dtype.kind == "f":
        return None
    top = int(np.iinfo(dtype).max)
    return _light(np.arange(top + 1) / top, transfer).astype(np.float32)


def _light(codes: NDArray[Any], transfer: str) -> NDArray[Any]:
    from isp.color.transfer import decoded, hlg_decoded

    if transfer == "linear":
        return codes
    return hlg_decoded(codes) if transfer == "hlg" else decoded(codes, transfer)


def _codes(light: NDArray[Any], transfer: str) -> NDArray[Any]:
    from isp.color.transfer import encoded, hlg_encoded

    if transfer == "linear":
        return light
    return hlg_encoded(light) if transfer == "hlg" else encoded(light, transfer)
