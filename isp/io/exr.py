"""OpenEXR files: channels by name, and pictures of many wavelengths."""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.color.spaces import adaptation, rgb_to_xyz, xy_to_xyz
from isp.errors import InputError
from isp.io.limits import Limits
from isp.io.source import Source

_D65 = (0.3127, 0.3290)
_MOST_CHANNELS = 2048
_QUIET = threading.Lock()


@dataclass(frozen=True)
class ExrPicture:
    """Channels of the first part of an EXR file.

    Parameters
    ----------
    channels : (H, W) float32 or float16 by name
    all_names : every channel in the file
    chromaticities : CIE 1931 xy of red, green, blue and white, (8,), or None if the file states none
    white_luminance : luminance of RGB (1, 1, 1) [cd/m^2] if stated
    """

    channels: Mapping[str, NDArray[Any]]
    all_names: tuple[str, ...]
    chromaticities: tuple[float, ...] | None
    white_luminance: float | None


def read_exr(
    source: Source,
    limits: Limits,
    wanted: Collection[str] | Callable[[str], bool] | None = None,
) -> ExrPicture:
    """The channels of an EXR file whose names are in `wanted` (or for which it is true); None takes all.

    Raises
    ------
    InputError
        Damaged, truncated, deep or multi-part, or channels of different sizes.
    LimitError
        Larger than `limits` allow.
    """
    import OpenEXR

    name = source.name
    with _library(name, source) as stream:
        header = OpenEXR.File(stream, header_only=True).header()
        low, high = (np.asarray(corner, np.int64) for corner in header["dataWindow"])
        names = tuple(str(c.name) for c in header["channels"])
        kind = str(header.get("type", "scanline"))
        subsampled = [str(c.name) for c in header["channels"] if (c.xSampling, c.ySampling) != (1, 1)]
    width, height = (int(v) for v in high - low + 1)
    if min(width, height) < 1 or not names:
        raise InputError(f"{name}: damaged EXR: {width}x{height} pixels, {len(names)} channels")
    if "deep" in kind.lower():
        raise InputError(f"{name}: deep EXR pictures are not supported")
    limits.check_size(width, height, name)
    limits.check("megapixels", width * height * len(names) / 64, f"{name}: megapixels x channels / 64", 1e6)
    if len(names) > _MOST_CHANNELS:
        raise InputError(f"{name}: {len(names)} channels; at most {_MOST_CHANNELS} are read")
    keep = wanted if callable(wanted) else (lambda n: wanted is None or n in wanted)
    chosen = [n for n in names if keep(n)]
    if set(chosen) & set(subsampled):
        raise InputError(f"{name}: subsampled EXR channels are not supported: {', '.join(subsampled)}")
    with _library(name, source) as stream:
        stored = OpenEXR.File(stream, separate_channels=True).channels()
        channels = {n: stored[n].pixels for n in chosen}
    for channel, pixels in channels.items():
        if not isinstance(pixels, np.ndarray) or pixels.shape != (height, width) or pixels.dtype.kind not in "fu":
            raise InputError(f"{name}: damaged or truncated EXR: channel {channel} cannot be read")
    colors = header.get("chromaticities")
    luminance = header.get("whiteLuminance")
    return ExrPicture(
        {n: np.asarray(p) for n, p in channels.items()},
        names,
        None if colors is None else tuple(float(v) for v in np.ravel(colors)),
        float(luminance) if isinstance(luminance, int | float | np.number) and luminance > 0 else None,
    )


@contextmanager
def _library(name: str, source: Source) -> Iterator[Any]:
    """A stream over the file for the library, whose errors become one `InputError`.

    The library writes messages of its own to the process's standard error and to `sys.stdout`; they are held back.
    """
    with _QUIET, tempfile.TemporaryFile() as kept, open(os.dup(source.file.fileno()), "rb") as stream:
        stream.seek(0)
        sys.stderr.flush()
        before = os.dup(2)
        os.dup2(kept.fileno(), 2)
        problem: Exception | None = None
        try:
            with redirect_stdout(io.StringIO()):
                yield stream
        except (RuntimeError, ValueError, TypeError, KeyError, IndexError, OSError, MemoryError) as error:
            problem = error
        finally:
            os.dup2(before, 2)
            os.close(before)
        if problem is not None:
            kept.seek(0)
            said = kept.read(400).decode("utf-8", "replace").partition("\n")[0]
            text = " ".join((said or str(problem)).replace("<python_buffer>:", "").split())
            if "python_buffer" in text:
                text = "its header cannot be read"
            raise InputError(f"{name}: damaged or truncated EXR: {text[:160]}") from None


def to_srgb(chromaticities: tuple[float, ...] | None, name: str) -> NDArray[np.float64] | None:
    """(3, 3) from linear RGB of EXR `chromaticities` to that of sRGB, white to white (Bradford); None if the same.

    Raises
    ------
    InputError
        The chromaticities are no colour space.
    """
    if chromaticities is None:
        return None
    points = np.reshape(chromaticities, (4, 2))
    try:
        columns = np.stack([[x / y, 1.0, (1 - x - y) / y] if y else [x, 0.0, 1 - x] for x, y in points[:3]], axis=1)
        to_xyz = columns * np.linalg.solve(columns, xy_to_xyz(np.maximum(points[3], 1e-6)))
        matrix = np.linalg.solve(rgb_to_xyz("srgb"), adaptation(np.maximum(points[3], 1e-6), _D65) @ to_xyz)
    except np.linalg.LinAlgError:
        matrix = np.full((3, 3), np.nan)
    if not np.isfinite(matrix).all() or np.abs(matrix).max() > 100:
        raise InputError(f"{name}: chromaticities {', '.join(f'{v:g}' for v in chromaticities)} are no colour space")
    return None if np.abs(matrix - np.eye(3)).max() < 1e-3 else np.asarray(matrix)


_LAYOUT = re.compile(r"^(?:(?P<kind>S[0-3]|T)\.)?[wW]?(?P<value>\d+(?:[.,]\d+)?)(?P<unit>nm|um|m|)?$")
_TO_NM = {"nm": 1.0, "": 1.0, "um": 1e3, "m": 1e9}


def wavelength_of(channel: str) -> tuple[str, float] | None:
    """What a channel called `channel` holds, or None if it is no wavelength.

    Returns
    -------
    (kind, wavelength [nm])
        kind is ``S0`` (emitted radiance; ``S1``..``S3`` its polarisation), ``T`` (reflectance) or empty if the name
        does not say. Names are those of Fichet, Pacanowski and Wilkie, "An OpenEXR Layout for Spectral Images", JCGT
        10(3), 2021 (``T.550,000000nm``), and plain ones (``550nm``, ``w550nm``, ``550``).
    """
    match = _LAYOUT.match(channel.strip())
    if match is None:
        return None
    value = float(match["value"].replace(",", ".")) * _TO_NM[match["unit"] or ""]
    return match["kind"] or "", value
