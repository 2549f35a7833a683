"""Light from pixels: what metrics are computed on.

Metrics take plain arrays. Codes (uint8, uint16) are values of 0..1; an `encoding` says how those stand for light.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.color.spaces import D65, luma, rgb_to_xyz, xy_to_xyz
from isp.color.transfer import decoded
from isp.errors import UsageError
from isp.values import TRANSFERS, Float64, Picture

Encoding = str | Callable[[NDArray[Any]], NDArray[Any]]
"""`linear`, `srgb`, `pq`, `hlg`, `gamma:2.2`, or a function from values 0..1 to light."""

_KAPPA, _EPSILON = 24389 / 27, 216 / 24389  # CIE 15:2018, 8.2.1.1


def values(pixels: ArrayLike) -> Float64:
    """Pixels as float64; integer codes become code / largest."""
    array = np.asarray(pixels)
    if array.dtype.kind in "ui":
        return np.asarray(array / np.iinfo(array.dtype).max, np.float64)
    if array.dtype.kind != "f":
        raise UsageError(f"pixels of dtype {array.dtype} must be integer codes or floating point")
    return array.astype(np.float64)


def linear(pixels: ArrayLike, encoding: Encoding = "linear", space: str = "srgb") -> Float64:
    """Light of pixels.

    Parameters
    ----------
    pixels : (...) or (..., 3)
        uint8 or uint16 codes, or floating point.
    encoding : str or callable
        See `Encoding`. `linear` leaves values as they are, negative ones and those above 1 included.
    space : str
        Primaries, which `hlg` needs.

    Raises
    ------
    UsageError
        An encoding that is not known, or pixels of a dtype that means nothing.
    """
    array = np.asarray(pixels)
    if array.dtype.kind == "u" and encoding not in ("linear", "hlg") and array.size > np.iinfo(array.dtype).max + 1:
        # every code has one light (hlg's depends on all three channels): a table is ten times quicker
        table = linear(np.arange(np.iinfo(array.dtype).max + 1, dtype=array.dtype), encoding, space)
        return np.asarray(table[array])
    given = values(array)
    if callable(encoding):
        return np.asarray(encoding(given), np.float64)
    if encoding == "linear":
        return given
    if encoding.startswith("gamma:"):
        try:
            return np.maximum(given, 0.0) ** float(encoding[6:])
        except ValueError:
            raise UsageError(f"encoding {encoding!r}: a number must follow 'gamma:'") from None
    if encoding not in TRANSFERS:
        raise UsageError(f"encoding {encoding!r} is not known; encodings: {', '.join(TRANSFERS)}, gamma:NUMBER")
    return decoded(given, encoding, space)


def light_of(picture: Picture, rows: slice = slice(None), columns: slice = slice(None)) -> Float64:
    """(h, w, 3) linear RGB of part of a picture, in its own primaries (`camera` counts as sRGB's)."""
    part = picture.pixels[rows, columns]
    space = "srgb" if picture.space == "camera" else picture.space
    return linear(part, picture.transfer, space)


def luminance(rgb: ArrayLike, space: str = "srgb") -> Float64:
    """Y of linear RGB (..., 3); 1 for white."""
    return np.asarray(np.asarray(rgb, np.float64) @ luma(space))


def to_lab(rgb: ArrayLike, space: str = "srgb") -> Float64:
    """CIE L*a*b* of linear RGB (..., 3) under the white D65 of its space (CIE 15:2018, 8.2.1)."""
    return xyz_to_lab(np.asarray(rgb, np.float64) @ rgb_to_xyz(space).T, xy_to_xyz(D65))


def xyz_to_lab(xyz: ArrayLike, white: ArrayLike) -> Float64:
    """CIE L*a*b* of XYZ (..., 3) relative to the XYZ of `white`."""
    t = np.asarray(xyz, np.float64) / np.asarray(white, np.float64)
    f = np.where(t > _EPSILON, np.cbrt(t), (_KAPPA * t + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def lab_to_xyz(lab: ArrayLike, white: ArrayLike | None = None) -> Float64:
    """XYZ (..., 3) of CIE L*a*b* relative to the XYZ of `white` (D65): the inverse of `xyz_to_lab`."""
    given = np.asarray(lab, np.float64)
    y = (given[..., 0] + 16) / 116
    f = np.stack([y + given[..., 1] / 500, y, y - given[..., 2] / 200], axis=-1)
    t = np.where(f > 24 / 116, f**3, (116 * f - 16) / _KAPPA)
    return np.asarray(t * np.asarray(xy_to_xyz(D65) if white is None else white, np.float64))
