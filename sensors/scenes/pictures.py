"""Scenes from files: photographs, pictures in linear light, spectral pictures, and pictures with a depth map.

A colour c in linear sRGB stands for the reflectance sum of c_i times primary i (`materials.primaries`): lit by D65 a
photograph has its own colours again, lit by another light those that such surfaces would have. Code value 255 of a
photograph, and 1.0 of a picture in linear light, are a perfect diffuser under the light of the scene, unless the
picture states its own luminance: then it shines by itself, as on a D65 display.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from isp.errors import InputError
from isp.io.depth_read import read_depth
from isp.io.limits import DEFAULT_LIMITS, Limits
from isp.io.picture_read import StoredPicture, read_image
from isp.io.source import shown
from isp.io.spectral_read import read_spectral
from isp.values import frozen
from sensors.scenes.image import ImageScene
from sensors.scenes.materials import primaries
from sensors.scenes.options import check
from sensors.scenes.scene import Float32, Float64, Size, View
from sensors.spectrum import STEP, WAVELENGTHS, make_light

PathLike = str | os.PathLike[str]

_EDGE = 1.1
"""Neighbouring depths that differ by more than this ratio belong to different things."""


def photo(path: PathLike, limits: Limits = DEFAULT_LIMITS) -> ImageScene:
    """A photograph: PNG, JPEG or TIFF, 8 or 16 bit, taken as sRGB.

    Raises
    ------
    InputError, LimitError
        As `isp.io.picture_read.read_image`; or the file is in linear light.
    """
    stored = read_image(path, limits)
    if not stored.encoded:
        raise InputError(f"{stored.name}: holds linear light, not a photograph; write hdr:{stored.name}")
    return ImageScene(f"photo:{Path(path).name}", _planar(stored)[0], primaries())


def hdr(path: PathLike, white: float | None = None, limits: Limits = DEFAULT_LIMITS) -> ImageScene:
    """A picture in linear light: OpenEXR, Radiance HDR or floating point TIFF. Negative values are taken as 0.

    Parameters
    ----------
    white : luminance of RGB (1, 1, 1) [cd/m^2], whatever the light; None takes what the file states (`whiteLuminance`
        of OpenEXR), and without it makes 1.0 a perfect diffuser under the light

    Raises
    ------
    InputError, LimitError
        As `isp.io.picture_read.read_image`; or the file is a photograph.
    """
    if white is not None:
        check("hdr", white=white)
    stored = read_image(path, limits)
    if stored.encoded:
        raise InputError(f"{stored.name}: is a photograph, not linear light; write photo:{stored.name}")
    samples, clipped = _planar(stored)
    luminance = stored.white_luminance if white is None else white
    emission = None if luminance is None else primaries() * make_light("D65", np.pi * luminance).spectrum / np.pi
    return ImageScene(f"hdr:{Path(path).name}", samples, primaries(), False, emission, clipped)


def spectral(path: PathLike, kind: str = "file", limits: Limits = DEFAULT_LIMITS) -> ImageScene:
    """A spectral picture: OpenEXR with wavelength channels, or ENVI. Negative values are taken as 0.

    Between its wavelengths the spectrum is a straight line; where they lie closer than the grid of the simulator, the
    line's mean over each step. Outside them reflectance keeps its end values and radiance is 0.

    Parameters
    ----------
    kind : ``reflective`` (lit by the light of the scene), ``emissive`` (radiance in W m^-2 sr^-1 nm^-1, whatever the
        light), or ``file``: what the file says, reflective if it says nothing

    Raises
    ------
    InputError, LimitError
        As `isp.io.spectral_read.read_spectral`.
    """
    check("spectral", kind=kind)
    cube = read_spectral(path, limits)
    emissive = cube.emissive if kind == "file" else kind == "emissive"
    basis = bands(cube.wavelengths, hold=not emissive)
    used = np.flatnonzero(basis.any(axis=1))
    samples, clipped = _positive(np.ascontiguousarray(np.moveaxis(cube.pixels[..., used], -1, 0)))
    emission = basis[used] if emissive else None
    return ImageScene(f"spectral:{Path(path).name}", samples, basis[used], False, emission, clipped)


def rgbd(path: PathLike, depth: PathLike, limits: Limits = DEFAULT_LIMITS) -> DepthPicture:
    """A picture (photograph or linear light) and its depth map.

    Raises
    ------
    InputError, LimitError
        As `photo`, `hdr` and `isp.io.depth_read.read_depth`; or their shapes differ.
    """
    stored = read_image(path, limits)
    samples, clipped = _planar(stored)
    distance = read_depth(depth, limits)
    rows, columns = distance.shape
    height, width = samples.shape[1:]
    if abs(columns * height - rows * width) > 0.01 * columns * height + max(rows, columns, width, height):
        raise InputError(
            f"{shown(depth)}: {columns}x{rows} has another shape than the picture's {width}x{height}; "
            "the depth map must show the same as the picture"
        )
    return DepthPicture(f"rgbd:{Path(path).name}", samples, distance, stored.encoded, clipped)


class DepthPicture(ImageScene):
    """A picture whose every point has a distance.

    Parameters
    ----------
    name, smooth, clipped : as for `ImageScene`
    samples : (3, h, w) float32 linear sRGB, >= 0
    distance : (h, w) float32 [m], over the same area as the picture, of any resolution
    """

    def __init__(self, name: str, samples: Float32, distance: Float32, smooth: bool = True, clipped: int = 0) -> None:
        super().__init__(name, samples, primaries(), smooth, clipped=clipped)
        self.distance = frozen(distance, np.float32)

    def depth(self, view: View, channel: int = 0) -> Float32:
        """Distance [m]: between four samples of about the same depth a bilinear mean, at steps the nearest one."""
        size: Size = (float(view.frame[0]), float(view.frame[1]))
        x, y = view.positions(channel)
        scale = self.scale(size)
        _, height, width = self.samples.shape
        rows, columns = self.distance.shape
        u = ((x - size[0] / 2) / scale + width / 2) * (columns / width) - 0.5
        v = ((y - size[1] / 2) / scale + height / 2) * (rows / height) - 0.5
        return _between(self.distance, np.clip(u, 0, columns - 1), np.clip(v, 0, rows - 1))


def _between(grid: Float32, u: Float64, v: Float64) -> Float32:
    left, top = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    right, bottom = np.minimum(left + 1, grid.shape[1] - 1), np.minimum(top + 1, grid.shape[0] - 1)
    fx, fy = (u - left).astype(np.float32), (v - top).astype(np.float32)
    a, b, c, d = grid[top, left], grid[top, right], grid[bottom, left], grid[bottom, right]
    low, high = np.minimum(np.minimum(a, b), np.minimum(c, d)), np.maximum(np.maximum(a, b), np.maximum(c, d))
    upper, lower = a + fx * (b - a), c + fx * (d - c)
    nearest = np.where(fy < 0.5, np.where(fx < 0.5, a, b), np.where(fx < 0.5, c, d))
    return np.asarray(np.where(high <= _EDGE * low, upper + fy * (lower - upper), nearest), np.float32)


def bands(wavelengths: Float64, hold: bool) -> Float64:
    """What each of B sampled wavelengths adds to a spectrum on the grid: (B, 81), straight lines between samples.

    Parameters
    ----------
    wavelengths : (B,) [nm], increasing
    hold : keep the end values outside the samples instead of 0
    """
    fine = len(wavelengths) > 1 and float(np.median(np.diff(wavelengths))) < STEP
    # twenty-five points to a step stand for its mean
    offsets = (np.arange(25) - 12) / 25 * STEP if fine else np.zeros(1)
    at = WAVELENGTHS[:, None] + offsets
    ends = {} if hold else {"left": 0.0, "right": 0.0}
    unit = np.eye(len(wavelengths))
    return np.stack([np.interp(at, wavelengths, row, **ends).mean(axis=1) for row in unit])


def _planar(stored: StoredPicture) -> tuple[Float32, int]:
    """Linear sRGB (3, h, w) float32, and how many values were below 0."""
    planes = np.moveaxis(stored.pixels, -1, 0)
    if not stored.encoded:
        return _positive(np.ascontiguousarray(planes, np.float32))
    return _linear_codes(stored.pixels.dtype)[planes], 0


def _positive(samples: Float32) -> tuple[Float32, int]:
    below = int(np.count_nonzero(samples < 0))
    return (np.maximum(samples, np.float32(0)) if below else samples), below


def _linear_codes(dtype: Any) -> Float32:
    """Linear value of each sRGB code (IEC 61966-2-1)."""
    count = 256 if dtype == np.uint8 else 65_536
    code = np.arange(count) / (count - 1)
    linear = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)
