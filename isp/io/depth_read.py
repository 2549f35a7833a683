"""Depth maps from files."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import InputError
from isp.io.limits import DEFAULT_LIMITS, Limits
from isp.io.picture_read import EXR, HEAD, TIFF, decoded, described, one_line, opened, seen, tiff_array
from isp.values import frozen


def read_depth(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> NDArray[np.float32]:
    """Read a depth map: NumPy ``.npy`` [m], OpenEXR of one channel [m], or 16-bit grey PNG or TIFF [mm].

    Returns
    -------
    float32
        (H, W) [m], all finite and > 0; read-only

    Raises
    ------
    InputError
        As `read_image`; or a depth that is not finite or not > 0.
    LimitError
        Larger than `limits` allow.
    """
    depth = read_distances(path, limits)
    bad = int(np.count_nonzero(~(np.isfinite(depth) & (depth > 0))))
    if bad:
        raise InputError(f"{os.fspath(path)}: {bad} of {depth.size} depths are not finite numbers > 0 [m]")
    return depth


def read_distances(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> NDArray[np.float32]:
    """Read a file as `read_depth` does, of which the numbers may be anything, such as disparities.

    Returns
    -------
    float32
        (H, W); of 16-bit files in thousandths; read-only

    Raises
    ------
    InputError, LimitError
        As `read_image`.
    """
    with opened(path, limits, "a depth map") as source:
        head = os.pread(source.file.fileno(), HEAD, 0)
        name = source.name
        if head.startswith(EXR):
            from isp.io.exr import read_exr

            channels = read_exr(source, limits).channels
            if len(channels) != 1:
                raise InputError(f"{name}: a depth map has one channel, found {len(channels)}: {', '.join(channels)}")
            depth = next(iter(channels.values()))
        elif head.startswith(b"\x93NUMPY"):
            depth = _read_npy(name, source.read_at(0, source.size, "the file"), limits)
        elif head.startswith((b"\x89PNG\r\n\x1a\n", *TIFF)):
            data = source.read_at(0, source.size, "the file")
            depth = tiff_array(name, data, limits) if head.startswith(TIFF) else decoded(name, data, limits)[0]
            if depth.ndim == 3 and depth.shape[2] == 1:
                depth = depth[..., 0]
            if depth.ndim != 2 or depth.dtype != np.uint16:
                raise InputError(f"{name}: a depth map is 16-bit grey [mm], found {described(depth)}")
            depth = depth * np.float32(1e-3)
        else:
            raise InputError(f"{name}: not a depth map: .npy, EXR or 16-bit PNG is needed, {seen(head)}")
    return frozen(depth, np.float32)


def _read_npy(name: str, data: bytes, limits: Limits) -> NDArray[Any]:
    from numpy.lib import format as npy

    stream = io.BytesIO(data)
    try:
        version = npy.read_magic(stream)
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _fortran, dtype = header(stream)
        if len(shape) != 2 or dtype.kind not in "fui":
            raise InputError(f"{name}: a depth map is an array (height, width) of numbers, found {dtype} {shape}")
        limits.check_size(shape[1], shape[0], name)
        stream.seek(0)
        return np.asarray(npy.read_array(stream, allow_pickle=False), np.float32)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{name}: damaged or truncated NumPy file: {one_line(error)}") from None
